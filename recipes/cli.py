"""What every recipe's command line does alike."""

import os
import sys

import tensorflow as tf
import tyro

from fdin_tf.progress import console

# The last is a further package that an option needs.
_USER_MISTAKES = (
    ValueError, OSError, FloatingPointError, OverflowError, ImportError,
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

    With the environment variable `FDIN_TRACEBACK=1` errors keep their
    traceback.
    """
    try:
        return run(config)
    except _USER_MISTAKES as error:
        if os.environ.get("FDIN_TRACEBACK"):
            raise
        fail(error)
    except tf.errors.UnknownError as error:  # raised by Python inside tf.data
        if os.environ.get("FDIN_TRACEBACK"):
            raise
        lines = [x for x in str(error).splitlines() if x.startswith("OSError")]
        if not lines:
            raise
        fail(lines[0].removeprefix("OSError: "))
    except KeyboardInterrupt:
        console.print("Interrupted; the same command goes on from here.")
        sys.exit(130)


def fail(error):
    """Prints one line and ends the program with code 2."""
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    sys.exit(2)
