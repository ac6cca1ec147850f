"""Readers of the public VGG-Face files, one per framework."""

import contextlib
import dataclasses
import itertools
import math

import h5py
import numpy as np
import scipy.io

from fdin_tf.models.mat_files import check_mat
from fdin_tf.models.vggface import WEIGHT_LAYERS
from fdin_tf.models.weight_files import MAX_WEIGHT_BYTES
from fdin_tf.models.weight_files import list_keras_h5
from fdin_tf.models.weight_files import read_keras_h5
from fdin_tf.models.weight_files import read_numpy
from fdin_tf.plain_text import reason_of


@dataclasses.dataclass(frozen=True)
class Source:
    """What a file of weights holds, laid out as Keras has it.

    Attributes:
        weights: Dict from layer name to `(kernel, bias)`, as many arrays and
            of such shapes as the file has (they are not checked); kernels of
            convolutions are (height, width, in, out), those of `fc6`, `fc7`
            and `fc8` (in, out), with the inputs of `fc6` in the order height,
            width, channel.
        channel_order: `"rgb"` or `"bgr"`: the input of `conv1_1`, and `mean`.
        mean: Mean colour, three values in 0..255, or None.
    """

    weights: dict
    channel_order: str
    mean: np.ndarray | None = None


def read_matconvnet(path, names):
    """Reads a MatConvNet `.mat` file, that of 2015 or a later one.

    Its kernels are (height, width, in, out), dense layers are convolutions,
    and its input is RGB.

    Args:
        path: The file.
        names: The wanted ones of `WEIGHT_LAYERS`.

    Returns:
        The `Source`; its mean is `averageImage`, averaged over the places.

    Raises:
        ValueError: If the file is damaged, of another kind, or lacks a layer.
    """
    if h5py.is_hdf5(path):
        raise ValueError(
            "Expected a .mat file up to version 7 (in MATLAB, save it again "
            f"with the option '-v7'). Received: version 7.3 in path={path}"
        )
    with _reported(path):
        check_mat(path, MAX_WEIGHT_BYTES)
        content = scipy.io.loadmat(path, simplify_cells=True)
    net = content.get("net", content)
    if not isinstance(net, dict) or "layers" not in net:
        raise ValueError(
            "Expected a MatConvNet file, which has `net` or `layers`. "
            f"Received: path={path}"
        )
    with _reported(path):
        layers = {
            layer["name"]: layer
            for layer in net["layers"]
            if isinstance(layer, dict) and isinstance(layer.get("name"), str)
        }
    _check_found(names, layers, path)
    with _reported(path):
        return Source(
            {name: _matconvnet_weights(name, layers[name]) for name in names},
            channel_order="rgb",
            mean=_matconvnet_mean(net),
        )


@contextlib.contextmanager
def _reported(path):
    """Damage, which shows in many ways, as an error that names the file."""
    try:
        yield
    except Exception as error:
        raise ValueError(
            "Expected an undamaged .mat file. Received: "
            f"path={path} ({reason_of(error)})"
        ) from error


def read_keras(path, names):
    """Reads a Keras `.h5` file, that of keras-vggface or of deepface.

    keras-vggface names its layers as the original; deepface's are found by
    position. The input of both is BGR, and neither holds a mean.

    Args:
        path: The file.
        names: The wanted ones of `WEIGHT_LAYERS`.

    Returns:
        The `Source`.

    Raises:
        ValueError: If the file is damaged, of another kind, or lacks a layer.
    """
    saved = list_keras_h5(path)
    if "block1_conv1" in saved:
        raise ValueError(
            "Expected weights of VGG-Face; those of VGG16 on ImageNet belong "
            f"into build_imagenet_encoder. Received: path={path}"
        )
    if any(name in saved for name in WEIGHT_LAYERS):
        saved_name = {name: name for name in saved}
    elif len(saved) in (13, 16):
        saved_name = dict(zip(WEIGHT_LAYERS, saved))
    else:
        raise ValueError(
            "Expected the layers of VGG-Face: by their names, or 13 or 16 "
            "with weights in the order of the network. "
            f"Received: {len(saved)} layers in path={path}"
        )
    _check_found(names, saved_name, path)
    arrays = read_keras_h5(path, [saved_name[name] for name in names])
    return Source(
        {name: _as_dense(name, arrays[saved_name[name]]) for name in names},
        channel_order="bgr",
    )


def read_caffe(path, names):
    """Reads the Caffe weights from an `.npz` file.

    Keys and layouts are those that `load_vggface_weights` states. The input
    is BGR.

    Args:
        path: The file.
        names: The wanted ones of `WEIGHT_LAYERS`.

    Returns:
        The `Source`; its mean is the array `mean`, if the file has one.

    Raises:
        ValueError: If the file is damaged, holds pickled objects, or lacks a
            layer.
    """
    parts = {name: (f"{name}/weights", f"{name}/bias") for name in names}
    arrays = read_numpy(path, keys={"mean", *itertools.chain(*parts.values())})
    found = [name for name in names if arrays.keys() >= {*parts[name]}]
    _check_found(names, found, path)
    weights = {}
    for name in names:
        kernel, bias = (arrays[part] for part in parts[name])
        if name == "fc6":
            kernel = _with_places(kernel, channels=weights["conv5_3"][1].size)
        if kernel.ndim == 4:  # (out, in, height, width)
            kernel = kernel.transpose(2, 3, 1, 0)
        elif kernel.ndim == 2:  # (out, in)
            kernel = kernel.T
        weights[name] = _as_dense(name, [kernel, bias])
    mean = arrays.get("mean")
    return Source(
        weights,
        channel_order="bgr",
        mean=None if mean is None else np.ravel(mean),
    )


def _check_found(names, found, path):
    for name in names:
        if name not in found:
            raise ValueError(
                f"Layer '{name}' of VGG-Face is missing. Received: path={path}"
            )


def _matconvnet_weights(name, layer):
    # The first releases of MatConvNet held `filters` and `biases`.
    pair = [layer[key] for key in ("filters", "biases") if key in layer]
    kernel, *bias = pair or [*layer.get("weights", ())] or [np.empty(0)]
    return _as_dense(name, [np.asarray(kernel), *map(np.ravel, bias)])


def _matconvnet_mean(net):
    """The average image as one colour, or None."""
    mean = net.get("meta", net)
    for key in ("normalization", "averageImage"):
        mean = mean.get(key) if isinstance(mean, dict) else None
    if np.size(mean) == 0 or mean is None:
        return None
    if np.ndim(mean) == 3:  # (height, width, channel)
        return np.mean(mean, axis=(0, 1), dtype="float64")
    return np.ravel(mean)


def _with_places(kernel, channels):
    """(out, C * H * W) -> (out, C, H, W), of a square map."""
    units, inputs = kernel.shape if kernel.ndim == 2 else (0, 0)
    side = math.isqrt(inputs // max(channels, 1))
    if inputs != channels * side**2 or not inputs:
        return kernel  # Left to the check of shapes.
    return kernel.reshape(units, channels, side, side)


def _as_dense(name, arrays):
    """`fc` kernels as (in, out); others as they are."""
    kernel, *bias = arrays
    if name.startswith("fc") and kernel.ndim == 4:
        height, width, channels, units = kernel.shape
        kernel = kernel.reshape(height * width * channels, units)
    return (kernel, *bias)
