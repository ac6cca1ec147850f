"""Bad files for parsers, and what every parser must do with them.

Files are made from whole ones: bytes changed, cut, put in, repeated; a word
or a number of the format put where another was; or made of nothing but bytes.
The environment variable `FDIN_TF_FUZZ_EXAMPLES` says how many of each kind.
"""

import os
import signal
import warnings
from contextlib import contextmanager
from pathlib import Path

import hypothesis
from hypothesis import strategies as st

NUM_EXAMPLES = int(os.environ.get("FDIN_TF_FUZZ_EXAMPLES", "200"))
MAX_SECONDS = 60  # of one file, on a machine that has much else to do
MAX_GROWTH = 500 * 2**20  # bytes
MAX_MESSAGE = 2000  # characters

fuzz = hypothesis.settings(
    max_examples=NUM_EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)

# Where parsers have failed elsewhere: signs, ends, sizes and depths.
WORDS = (
    *(b"", b"\0", b"\n", b"\r", b"\r\n", b"\x0b", b"\x1c", b"\xff", b"\t"),
    *(b",", b";", b'"', b"'", b"\\", b"{", b"}", b"[", b"]", b"(", b":"),
    *(b"nan", b"inf", b"-inf", b"1e999", b"-1", b"0", b"1.5", b"1e18", b"None"),
    *(b"true", b"null", b"9" * 30, b"9" * 5000, b"1_0", b"0x1f", b"\xc2\xb2"),
    *(b"\xd9\xa3", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xe2\x80\xa8", b"%s"),
    *(b"../", b"/etc/passwd", b"C:\\", b"=1+1", b"<script>", b"[/b]"),
    *(b"\x1b[31m", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\1"),
    *(b"\xff\xff\xff\x7f", b"[" * 3000, b"," * 3000, b"\n" * 300),
)


def mutants(whole, words=()):
    """Strategy of files that were made from one of `whole`, or of nothing.

    Args:
        whole: Bytes of one valid file or of several.
        words: Bytes that mean something in these files.
    """
    sources = [whole] if isinstance(whole, bytes) else list(whole)
    words = st.sampled_from([*words, *WORDS])
    place = st.floats(0, 1, exclude_max=True)
    change = st.one_of(
        st.tuples(st.just(_put), place, words),
        st.tuples(st.just(_replace), place, words),
        st.tuples(st.just(_put), place, st.binary(min_size=1, max_size=8)),
        st.tuples(st.just(_replace), place, st.binary(min_size=1, max_size=4)),
        st.tuples(st.just(_flip), place, st.integers(0, 7)),
        st.tuples(st.just(_cut), place, place),
        st.tuples(st.just(_repeat), place, place),
        st.tuples(st.just(_truncate), place, st.none()),
    )
    changed = st.builds(
        _changed,
        st.sampled_from(sources),
        st.lists(change, min_size=1, max_size=6),
    )
    return st.one_of(changed, changed, changed, st.binary(max_size=300))


def _changed(content, changes):
    for change, place, how in changes:
        content = change(content, int(place * len(content)), how)
    return content


def _put(content, at, word):
    return content[:at] + word + content[at:]


def _replace(content, at, word):
    return content[:at] + word + content[at + len(word) :]


def _flip(content, at, bit):
    return _replace(content, at, bytes(b ^ 1 << bit for b in content[at:][:1]))


def _cut(content, at, share):
    return content[:at] + content[at + _length(content, share) :]


def _repeat(content, at, share):
    part = content[at : at + _length(content, share)]
    return content[:at] + part + content[at:]


def _truncate(content, at, _):
    return content[:at]


def _length(content, share):
    """Of a part: mostly short."""
    return 1 + int(share**4 * len(content))


class HangsError(BaseException):
    """A parser that does not come to an end."""


@contextmanager
def time_limit(seconds=MAX_SECONDS):
    """Ends what runs too long, if it is Python that runs."""

    def stop(*_):
        raise HangsError(f"runs for more than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def memory_limit(growth=MAX_GROWTH):
    """Fails where more memory was taken at any time within the block."""
    status = Path("/proc/self/status")
    if not status.exists():
        yield
        return

    def kilobytes(name):
        lines = status.read_text().splitlines()
        return int(next(x for x in lines if x.startswith(name)).split()[1])

    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = kilobytes("VmRSS:")
    yield
    taken = 1024 * (kilobytes("VmHWM:") - before)
    assert taken < growth, f"took {taken / 2**20:.0f} MiB"


def result_of(parse, named):
    """What a parser gives; None where it refuses in one line, as it should.

    Args:
        parse: Function without arguments.
        named: Name of the file, which the message must hold.
    """
    try:
        with time_limit(), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return parse()
    except (ValueError, OSError) as error:
        check_refusal(error, named)
        return None


def check_refusal(error, named):
    """Checks the error by which a file is refused."""
    message = str(error)
    assert named in message, message
    assert len(message.splitlines()) == 1, message
    assert len(message) < MAX_MESSAGE, message
