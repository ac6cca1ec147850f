"""Whole models from `.keras` files, which may not bring code along."""

from pathlib import Path

import keras

from fdin_tf.plain_text import reason_of


def load_model_file(path):
    """Loads a model for inference; nothing in its file is run.

    A `.keras` file can hold Python code, in `Lambda` layers; such a file is
    refused (Keras' safe mode).

    Args:
        path: The `.keras` file.

    Returns:
        The Keras model, not compiled.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, needs code that is not installed,
            or holds code.

    Example:

    >>> load_model_file("gone.keras")
    Traceback (most recent call last):
    ...
    FileNotFoundError: Expected a .keras file. Received: path=gone.keras
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"Expected a .keras file. Received: path={path}"
        )
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras reports damage in many ways
        raise ValueError(
            f"{path}: is no .keras file that can be loaded without running "
            f"code from it ({reason_of(error)})"
        ) from error
