"""What every recipe's command line does alike."""

import contextlib
import errno
import os
import re
import signal
import sys
import threading

import tensorflow as tf
import tyro

from fdin_tf.plain_text import one_line
from fdin_tf.progress import console

# The last is a further package that an option needs.
_USER_MISTAKES = (
    ValueError, OSError, FloatingPointError, OverflowError, ImportError,
)  # fmt: skip
_OS_ERRORS = ("OSError", "FileNotFoundError", "PermissionError")
_DISK_ERRORS = (
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES,
)  # fmt: skip


def config_from_presets(presets, default, args=None):
    """Reads the command line: a preset's name, then options.

    Args:
        presets: Dict from a name to `(description, config)`.
        default: Name of the preset that holds when none is named.
        args: Words of the command line; None for the program's own.

    Returns:
        The preset's config with the options put in.

    Raises:
        SystemExit: With code 2 and one line for an unknown preset.
    """
    args = list(sys.argv[1:] if args is None else args)
    if not args or (args[0].startswith("-") and not {"-h", "--help"} & {*args}):
        args = [default, *args]
    if not args[0].startswith("-") and args[0] not in presets:
        fail(
            f"expected one of the presets {', '.join(presets)}. Received: "
            f"{args[0]!r}"
        )
    return tyro.extras.overridable_config_cli(
        presets, args=args, description=f"Without a preset: {default}."
    )


def run_recipe(run, config):
    """Runs an experiment; a user's mistake is one line and exit code 2.

    So is a machine that runs out of disk or memory. Ctrl-C and SIGTERM end
    the program with code 130 and 143, as a shell would. With the environment
    variable `FDIN_TRACEBACK=1` errors keep their traceback.
    """
    try:
        with _ended_by_signals():
            return run(config)
    except KeyboardInterrupt:
        console.print("Interrupted; the same command goes on from here.")
        sys.exit(128 + signal.SIGINT)
    except _Terminated:
        console.print("Terminated; the same command goes on from here.")
        sys.exit(128 + signal.SIGTERM)
    except Exception as error:
        line = _line_of(error)
        if line is None or os.environ.get("FDIN_TRACEBACK"):
            raise
        fail(line)


def _line_of(error):
    """What a user is told of an error; None where it is one of ours."""
    if isinstance(error, tf.errors.OpError):
        line = _line_of_the_system(str(error))
        if line is not None:
            return line
    if isinstance(error, (MemoryError, tf.errors.ResourceExhaustedError)):
        return (
            "the memory of this machine, or what this process may use of it, "
            f"is not enough. Received: {error or 'no further details'}"
        )
    return error if isinstance(error, _USER_MISTAKES) else None


def _line_of_the_system(text):
    """What TensorFlow tells of disks, or of Python inside tf.data, if it is."""
    for line in text.splitlines():
        kind, _, rest = line.partition(": ")
        if kind in _OS_ERRORS:
            return rest
        if any(os.strerror(number) in line for number in _DISK_ERRORS):
            return re.sub(r"^\{\{.*?\}\} | \[Op:\w+\]", "", line)
    return None


class _Terminated(BaseException):
    """Stands for the signal SIGTERM."""


@contextlib.contextmanager
def _ended_by_signals():
    """SIGTERM ends what is inside as Ctrl-C does: files are put in order."""

    def terminate(*_):
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def fail(error):
    """Prints one line and ends the program with code 2."""
    print(f"error: {one_line(error)}", file=sys.stderr)
    sys.exit(2)
