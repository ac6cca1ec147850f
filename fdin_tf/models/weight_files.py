"""Layer weights from files: HDF5, NumPy's, and the checked assignment."""

import contextlib
import zipfile
from pathlib import Path

import h5py
import numpy as np

from fdin_tf.file_limits import check_claim
from fdin_tf.file_limits import check_size
from fdin_tf.file_limits import read_npz
from fdin_tf.plain_text import reason_of

#: Most that a file of weights may hold, bytes; VGG-Face has 580 million.
MAX_WEIGHT_BYTES = 2**31


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
        ValueError: If the file is damaged, no HDF5 file, does not hold
            weights in this format, names parts of other files as its own, or
            claims more than `MAX_WEIGHT_BYTES`.
    """
    with _opened(path) as group:
        return [
            name
            for name in _texts(group, "layer_names")
            if len(_member(group, name).attrs["weight_names"])
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
    weights, left = {}, MAX_WEIGHT_BYTES
    with _opened(path) as group:
        for name in names:
            layer = _member(group, name)
            weights[name] = []
            for key in _texts(layer, "weight_names"):
                weights[name].append(_array(layer, key, left))
                left -= weights[name][-1].nbytes
    return weights


def read_numpy(path, suffix=".npz", keys=None):
    """Reads plain arrays as NumPy stores them; nothing in the file is run.

    Args:
        path: The file.
        suffix: Its format, `".npz"` or `".npy"`, whatever its name.
        keys: Of an `.npz`, the arrays to read, if they are there; None: all.

    Returns:
        Dict of arrays by key; of an `.npy` its one array.

    Raises:
        ValueError: If the file is damaged, not of this format, or claims
            more than `MAX_WEIGHT_BYTES`.
    """
    try:
        is_archive = zipfile.is_zipfile(path)
        if is_archive != (suffix == ".npz"):
            raise ValueError(f"{'' if is_archive else 'not '}a zip archive")
        if is_archive:
            return read_npz(path, MAX_WEIGHT_BYTES, keys)
        check_size(path, MAX_WEIGHT_BYTES)
        return np.load(path, allow_pickle=False)
    except Exception as error:  # NumPy reports damage in many ways
        raise ValueError(
            f"Expected an undamaged {suffix} file of plain arrays. "
            f"Received: path={path} ({reason_of(error)})"
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
            than the layer's, or hold anything but finite numbers. The model
            is unchanged then.
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
        kinds = {np.asarray(array).dtype.kind for array in arrays}
        if not kinds <= set("fiu"):
            raise ValueError(
                f"Layer '{name}' expects numbers. Received: something else in "
                f"path={path}"
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
    is_keras = False
    try:
        with h5py.File(path, "r") as file:
            group = file
            if isinstance(_member(file, "model_weights"), h5py.Group):
                group = _member(file, "model_weights")
            is_keras = "layer_names" in group.attrs
            if is_keras:
                yield group
    except Exception as error:  # h5py reports damage in many ways
        raise ValueError(
            "Expected an undamaged Keras .h5 file. "
            f"Received: path={path} ({reason_of(error)})"
        ) from error
    if not is_keras:
        raise ValueError(
            "Expected a Keras .h5 file with the attribute `layer_names` (a "
            ".weights.h5 file of Keras 3 is read by `model.load_weights`). "
            f"Received: path={path}"
        )


def _member(group, name):
    """What a name in a group stands for; None for nothing.

    HDF5 files can name parts of other files as their own.
    """
    place = group
    for part in name.split("/"):
        link = place.get(part, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            raise ValueError(f"{name!r} is in another file, {link.filename!r}")
        if link is None:
            return None
        place = place[part]
    return place


def _array(group, name, most):
    """An array of the file's own, at most `most` bytes large."""
    data = _member(group, name)
    if data.external or data.is_virtual:
        raise ValueError(f"{name!r} is kept in other files")
    check_claim(repr(name), data.nbytes, data.id.get_storage_size(), most)
    if data.dtype.kind not in "fiu":
        raise ValueError(f"{name!r} holds no numbers: dtype={data.dtype}")
    return data[()]


def _texts(group, attribute):
    """A list of names, which Keras stores as bytes or as text."""
    return [
        name.decode() if isinstance(name, bytes) else str(name)
        for name in group.attrs[attribute]
    ]


def _listed(shapes):
    return " and ".join(map(str, shapes)) or "none"
