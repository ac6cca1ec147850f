"""Small VGG-Face files in every public format, all of the same weights.

The weights are made as Caffe holds them: kernels (out, in, height, width) for
BGR input. Every writer turns them into its framework's own conventions, with
NumPy alone, so that the package's readers have something to be held against.
"""

import h5py
import keras
import numpy as np
import scipy.io

from fdin_tf.models import build_vggface
from fdin_tf.models import build_vggface_encoder
from fdin_tf.models.vggface import VGGFACE_MEAN

FILTERS = (4, 5, 6, 7, 8)  # All different: a wrong axis shows.
DENSE_UNITS = (9, 10)
CLASSES = 11
IMAGE_SHAPE = (64, 64, 3)  # fc6 sees 2x2 places.

CONVOLUTIONS = (
    ("conv1_1", "conv1_2"),
    ("conv2_1", "conv2_2"),
    ("conv3_1", "conv3_2", "conv3_3"),
    ("conv4_1", "conv4_2", "conv4_3"),
    ("conv5_1", "conv5_2", "conv5_3"),
)
DENSE = ("fc6", "fc7", "fc8")


def build_small_network():
    """The full network that the files fit."""
    return build_vggface(IMAGE_SHAPE, CLASSES, FILTERS, DENSE_UNITS)


def build_small_encoder():
    """The encoder that the files fit."""
    return build_vggface_encoder(IMAGE_SHAPE, FILTERS[:4])


def make_weights(seed=0):
    """Random weights, Caffe's way: `{name: (kernel, bias)}`, BGR."""
    rng = np.random.default_rng(seed)
    weights = {}
    channels = 3
    for block, filters in zip(CONVOLUTIONS, FILTERS):
        for name in block:
            weights[name] = _random(rng, (filters, channels, 3, 3))
            channels = filters
    inputs = channels * 2 * 2
    for name, units in zip(DENSE, (*DENSE_UNITS, CLASSES)):
        weights[name] = _random(rng, (units, inputs))
        inputs = units
    return weights


def _random(rng, shape):
    """He's scale keeps the features alive through thirteen layers."""
    scale = np.sqrt(2 / np.prod(shape[1:]))
    kernel = rng.normal(0, scale, shape).astype("float32")
    return kernel, rng.normal(size=shape[0]).astype("float32")


def hwio(name, kernel, rgb):
    """(height, width, in, out); dense kernels as convolutions."""
    if name == "fc6":
        kernel = kernel.reshape(len(kernel), -1, 2, 2)
    elif kernel.ndim == 2:
        kernel = kernel[:, :, None, None]
    if rgb and name == "conv1_1":
        kernel = kernel[:, ::-1]
    return kernel.transpose(2, 3, 1, 0)


def write_caffe(path, weights, mean=None):
    """`.npz`; `mean` is B, G, R."""
    arrays = {}
    for name, (kernel, bias) in weights.items():
        arrays[f"{name}/weights"] = kernel
        arrays[f"{name}/bias"] = bias
    if mean is not None:
        arrays["mean"] = np.asarray(mean, "float32")
    np.savez(path, **arrays)
    return path


def write_matconvnet_2015(path, weights, mean=VGGFACE_MEAN):
    """`.mat` with the struct `net`, dropout layers and a mean image."""
    layers = []
    for name, (kernel, bias) in weights.items():
        layers.append(_conv(name, kernel, bias.reshape(1, -1)))
        layers.append({"name": f"relu_{name}", "type": "relu"})
        if name in ("fc6", "fc7"):
            layers.append(
                {"name": f"dropout_{name}", "type": "dropout", "rate": 0.5}
            )
    layers.append({"name": "prob", "type": "softmax"})
    net = {
        "layers": _cell(layers),
        "classes": {"description": _cell(["A", "B"])},
    }
    if mean is not None:
        image = np.broadcast_to(np.asarray(mean, "float32"), IMAGE_SHAPE)
        net["normalization"] = {"averageImage": image}
    scipy.io.savemat(path, {"net": net})
    return path


def write_matconvnet(path, weights, mean=VGGFACE_MEAN):
    """`.mat` with the variables `layers` and `meta`, compressed."""
    layers = []
    for name, (kernel, bias) in weights.items():
        layers.append(_conv(name, kernel, bias.reshape(-1, 1)))
        layers.append({"name": f"relu_{name}", "type": "relu", "weights": []})
    meta = {
        "classes": {"description": _cell(["A", "B"])},
        "normalization": {
            "averageImage": np.asarray(mean).reshape(1, 1, 3),
            "imageSize": np.asarray(IMAGE_SHAPE, float),
        },
    }
    scipy.io.savemat(
        path, {"layers": _cell(layers), "meta": meta}, do_compression=True
    )
    return path


def write_matconvnet_beta(path, weights):
    """`.mat` of the first MatConvNets: `filters` and `biases`, no mean."""
    layers = []
    for name, (kernel, bias) in weights.items():
        layer = _conv(name, kernel, bias.reshape(1, -1))
        filters, biases = layer.pop("weights")[0]
        layers.append({**layer, "filters": filters, "biases": biases})
    scipy.io.savemat(path, {"layers": _cell(layers)})
    return path


def _conv(name, kernel, bias):
    return {
        "name": name,
        "type": "conv",
        "weights": _cell([hwio(name, kernel, rgb=True), bias]),
        "stride": 1.0,
    }


def _cell(values):
    """A MATLAB cell, 1xN."""
    cell = np.empty((1, len(values)), dtype=object)
    for i, value in enumerate(values):
        cell[0, i] = value
    return cell


def write_keras_vggface(path, weights, include_top=True):
    """`.h5` by name, layers without weights and dense kernels among them."""
    layers = [("input_1", ())]
    for block, names in enumerate(CONVOLUTIONS, start=1):
        for name in filter(weights.get, names):
            kernel, bias = weights[name]
            layers.append((name, (hwio(name, kernel, rgb=False), bias)))
        layers.append((f"pool{block}", ()))
    if include_top:
        layers.append(("flatten", ()))
        for name in DENSE:
            kernel, bias = weights[name]
            kernel = hwio(name, kernel, rgb=False)
            dense = kernel.reshape(-1, kernel.shape[-1])
            layers.extend([(name, (dense, bias)), (f"{name}/relu", ())])
    write_h5(path, layers)
    return path


def write_deepface(path, weights):
    """`.h5` by position, padding layers between, dense layers as 1x1."""
    layers = []
    for i, (name, (kernel, bias)) in enumerate(weights.items(), start=1):
        layers.append((f"zero_padding2d_{i}", ()))
        layers.append(
            (f"convolution2d_{i}", (hwio(name, kernel, rgb=False), bias))
        )
    layers.append(("activation_1", ()))
    write_h5(path, layers)
    return path


def write_h5(path, layers):
    """Keras' HDF5 weights: `layers` is a list of (name, arrays)."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name, _ in layers]
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"2.0.5"
        for name, arrays in layers:
            group = file.create_group(name)
            keys = [f"{name}_{p}_1:0" for p, _ in zip("Wb", arrays)]
            group.attrs["weight_names"] = [key.encode() for key in keys]
            for key, array in zip(keys, arrays):
                group[key] = array
    return path


def build_deepface():
    """The network that deepface's file belongs to, small."""
    layers = [keras.Input(IMAGE_SHAPE)]
    for block, filters in zip(CONVOLUTIONS, FILTERS):
        for _ in block:
            layers.append(keras.layers.ZeroPadding2D())
            layers.append(keras.layers.Conv2D(filters, 3, activation="relu"))
        layers.append(keras.layers.MaxPooling2D(strides=2))
    fc6_units, fc7_units = DENSE_UNITS
    layers += [
        keras.layers.Conv2D(fc6_units, 2, activation="relu"),
        keras.layers.Dropout(0.5),
        keras.layers.Conv2D(fc7_units, 1, activation="relu"),
        keras.layers.Dropout(0.5),
        keras.layers.Conv2D(CLASSES, 1),
        keras.layers.Flatten(),
        keras.layers.Activation("softmax"),
    ]
    return keras.Sequential(layers)


WRITERS = {
    "caffe.npz": write_caffe,
    "vgg_face.mat": write_matconvnet_2015,
    "vgg-face.mat": write_matconvnet,
    "beta.mat": write_matconvnet_beta,
    "keras_vggface.h5": write_keras_vggface,
    "deepface.h5": write_deepface,
}
