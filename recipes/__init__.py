"""One runnable experiment per file: python -m recipes.NAME."""

import os
import tempfile


def _import_tensorflow_quietly():
    """Keeps start-up notices, which no setting silences, off the screen."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    screen = os.dup(2)
    with tempfile.TemporaryFile() as notices:
        os.dup2(notices.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        finally:
            os.dup2(screen, 2)
            os.close(screen)


# Other backends of Keras do without it: see `recipes.benchmark_gpu`.
if os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow":
    _import_tensorflow_quietly()
