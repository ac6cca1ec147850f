"""What a message may quote of a file: one line, printable, not too long."""

import re

_LONGEST = 200  # characters of one value
# Those of C0 and C1, and the ends of lines and paragraphs.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def one_line(text):
    r"""A text as one line that a terminal shows as it is.

    Blanks and line ends become single blanks. Characters that are not
    printable, such as those that begin a terminal's commands or turn the
    direction of writing, become escapes.

    Args:
        text: Anything; its `str` is taken.

    Example:

    >>> print(one_line("a\n  b\x1b[31m"))
    a b\x1b[31m
    """
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode()
        for c in " ".join(str(text).split())
    )


def reason_of(error):
    r"""What an error says, as one line that is not too long.

    Args:
        error: An exception; of one that says nothing, its kind.

    Example:

    >>> reason_of(EOFError()), reason_of(ValueError("no\n number"))
    ('EOFError', 'no number')
    """
    text = one_line(error) or type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def quoted(value):
    """A value as a message quotes it: its `repr`, the end of a long one cut.

    Args:
        value: Anything.

    Example:

    >>> quoted("age"), len(quoted("age" * 1000))
    ("'age'", 203)
    """
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def has_control(text):
    r"""Whether a text has a character that is a command, not a sign.

    Args:
        text: The text.

    Example:

    >>> has_control("a b"), has_control("a\nb")
    (False, True)
    """
    return _CONTROL.search(text) is not None


def is_plain_name(name):
    """Whether a name from a list is that of a file, and of nothing else.

    A name that leads elsewhere (with a separator or a drive of any platform,
    or `..`), or that has a control character, is none.

    Args:
        name: The name.

    Example:

    >>> [is_plain_name(n) for n in ("1.jpg", "../1.jpg", "/1.jpg", "C:1.jpg")]
    [True, False, False, False]
    """
    return (
        name not in ("", ".", "..")
        and not has_control(name)
        and not set(name) & set("/\\:")
    )
