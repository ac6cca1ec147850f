"""Layer weights from files: HDF5, NumPy's, and the checked assignment."""

import contextlib
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np

_DAMAGED = (EOFError, OSError, ValueError, zipfile.BadZipFile, zlib.error)


def check_is_file(path):
    """Refuses a path that is no file.

    Args:
        path: String or `pathlib.Path`; `~` is the home folder.

    Returns:
        The path as `pathlib.Path`.

    Raises:
        FileNotFoundError: If no file is there.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected a file of weights. Received: path={path}"
        )
    return path


def list_keras_h5(path):
    """Names the layers that have weights in a Keras `.h5` file.

    Reads files of weights alone and of whole models, as Keras 1 and 2 wrote
    them and `model.save("....h5")` writes them still.

    Args:
        path: The file.

    Returns:
        List of layer names, in the order of the network.

    Raises:
        ValueError: If the file is damaged, no HDF5 file, or does not hold
            weights in this format.
    """
    with _opened(path) as group:
        return [
            name
            for name in _texts(group, "layer_names")
            if len(group[name].attrs["weight_names"])
        ]


def read_keras_h5(path, names):
    """Reads the weights of some layers of a Keras `.h5` file.

    Args:
        path: The file.
        names: Layer names out of `list_keras_h5(path)`.

    Returns:
        Dict from layer name to its list of arrays: kernel, bias.

    Raises:
        ValueError: As `list_keras_h5`.
    """
    with _opened(path) as group:
        return {
            name: [
                np.asarray(group[name][key])
                for key in _texts(group[name], "weight_names")
            ]
            for name in names
        }


def read_numpy(path, suffix=".npz", keys=None):
    """Reads plain arrays as NumPy stores them; nothing in the file is run.

    Args:
        path: The file.
        suffix: Its format, `".npz"` or `".npy"`, whatever its name.
        keys: Of an `.npz`, the arrays to read, if they are there; None: all.

    Returns:
        Dict of arrays by key; of an `.npy` its one array.

    Raises:
        ValueError: If the file is damaged, or not of this format.
    """
    try:
        is_archive = zipfile.is_zipfile(path)
        if is_archive != (suffix == ".npz"):
            raise ValueError(f"{'' if is_archive else 'not '}a zip archive")
        content = np.load(path, allow_pickle=False)
        if not is_archive:
            return content
        with content:
            wanted = content.files if keys is None else keys
            return {key: content[key] for key in content.files if key in wanted}
    except _DAMAGED as error:
        raise ValueError(
            f"Expected an undamaged {suffix} file of plain arrays. "
            f"Received: path={path} ({error})"
        ) from error


def assign_weights(model, weights, path, bgr_layer=None):
    """Sets kernel and bias of layers, after all of them have been checked.

    Args:
        model: Keras model.
        weights: Dict from layer name to its arrays: kernel, bias.
        path: Where the arrays come from, for the messages.
        bgr_layer: Name of the convolution whose kernel was made for BGR
            images and is turned round for RGB ones, if any.

    Raises:
        ValueError: If the arrays of a layer are not two, have other shapes
            than the layer's, or hold NaN or infinity. The model is unchanged
            then.
    """
    for name, arrays in weights.items():
        expected = [tuple(w.shape) for w in model.get_layer(name).weights]
        received = [tuple(np.shape(array)) for array in arrays]
        if received != expected:
            raise ValueError(
                f"Layer '{name}' expects kernel and bias of shapes "
                f"{_listed(expected)}. Received: {_listed(received)} "
                f"in path={path}"
            )
        if not all(np.isfinite(array).all() for array in arrays):
            raise ValueError(
                f"Layer '{name}' expects finite weights. "
                f"Received: NaN or infinity in path={path}"
            )
    for name, (kernel, bias) in weights.items():
        if name == bgr_layer:
            kernel = kernel[:, :, ::-1]
        model.get_layer(name).set_weights([kernel, bias])


@contextlib.contextmanager
def _opened(path):
    """The HDF5 group that holds one group per layer."""
    try:
        with h5py.File(path, "r") as file:
            group = file.get("model_weights", file)
            if "layer_names" not in group.attrs:
                raise ValueError(
                    "Expected a Keras .h5 file with the attribute "
                    "`layer_names` (a .weights.h5 file of Keras 3 is read by "
                    f"`model.load_weights`). Received: path={path}"
                )
            yield group
    except (OSError, KeyError) as error:
        raise ValueError(
            "Expected an undamaged Keras .h5 file. "
            f"Received: path={path} ({error})"
        ) from error


def _texts(group, attribute):
    """A list of names, which Keras stores as bytes or as text."""
    return [
        name.decode() if isinstance(name, bytes) else str(name)
        for name in group.attrs[attribute]
    ]


def _listed(shapes):
    return " and ".join(map(str, shapes)) or "none"
