"""Levi and Hassner's network as Caffe computes it, slowly and literally.

Everything is laid out Caffe's way: one image of (channel, height, width) in
the order B, G, R; kernels (out, in, height, width); dense kernels (out, in)
with inputs in the order channel, height, width; genders male, female.
"""

import math

import numpy as np

CONV_UNITS = (6, 7, 8)  # All different: a wrong axis shows.
DENSE_UNITS = (9, 10)


def make_weights(image_size, classes, seed=0):
    """Random weights `{name: (kernel, bias)}`, Caffe's way."""
    rng = np.random.default_rng(seed)
    places = (image_size - 7) // 4 + 1
    for _ in range(3):
        places = pooled_size(places)
    shapes = {
        "conv1": (CONV_UNITS[0], 3, 7, 7),
        "conv2": (CONV_UNITS[1], CONV_UNITS[0], 5, 5),
        "conv3": (CONV_UNITS[2], CONV_UNITS[1], 3, 3),
        "fc6": (DENSE_UNITS[0], CONV_UNITS[2] * places**2),
        "fc7": (DENSE_UNITS[1], DENSE_UNITS[0]),
        "fc8": (classes, DENSE_UNITS[1]),
    }
    return {name: _random(rng, name, shape) for name, shape in shapes.items()}


def _random(rng, name, shape):
    """He's scale keeps the signal alive; small scores, far from certainty."""
    scale = np.sqrt(2 / np.prod(shape[1:])) * (0.02 if name == "fc8" else 1)
    kernel = rng.normal(0, scale, shape).astype("float32")
    return kernel, rng.normal(size=shape[0]).astype("float32")


def pooled_size(size):
    """PoolingLayer: ceil((height - kernel) / stride) + 1, unpadded."""
    return math.ceil((size - 3) / 2) + 1


def convolve(maps, kernel, bias, stride, pad):
    """ConvolutionLayer: no flip; what does not fit any more is left out."""
    maps = np.pad(maps, ((0, 0), (pad, pad), (pad, pad)))
    units, _, size, _ = kernel.shape
    places = (maps.shape[1] - size) // stride + 1
    output = np.empty((units, places, places))
    for i in range(places):
        for j in range(places):
            y, x = i * stride, j * stride
            window = maps[:, y : y + size, x : x + size]
            output[:, i, j] = np.tensordot(kernel, window, axes=3) + bias
    return output


def pool(maps):
    """PoolingLayer: windows are cut off at the border of the map."""
    places = pooled_size(maps.shape[1])
    output = np.empty((len(maps), places, places))
    for i in range(places):
        for j in range(places):
            window = maps[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
            output[:, i, j] = window.max(axis=(1, 2))
    return output


def normalize(maps, local_size=5, alpha=1e-4, beta=0.75):
    """LRNLayer across channels: alpha is divided by the local size."""
    output = np.empty_like(maps)
    for c in range(len(maps)):
        near = maps[max(c - local_size // 2, 0) : c + local_size // 2 + 1]
        scale = 1 + alpha / local_size * np.square(near).sum(axis=0)
        output[c] = maps[c] / scale**beta
    return output


def forward(weights, rgb_image, bgr_mean):
    """All blobs of one RGB image (height, width, 3); `bgr_mean` subtracts."""
    maps = rgb_image.astype("float64").transpose(2, 0, 1)[::-1] - bgr_mean
    blobs = {}
    for name, stride, pad in (("conv1", 4, 0), ("conv2", 1, 2)):
        maps = np.maximum(convolve(maps, *weights[name], stride, pad), 0)
        blobs[f"pool{name[-1]}"] = maps = pool(maps)
        blobs[f"norm{name[-1]}"] = maps = normalize(maps)
    maps = np.maximum(convolve(maps, *weights["conv3"], 1, 1), 0)
    blobs["pool5"] = pool(maps)
    hidden = blobs["pool5"].ravel()  # channel, height, width
    for name in ("fc6", "fc7"):
        kernel, bias = weights[name]
        blobs[name] = hidden = np.maximum(kernel @ hidden + bias, 0)
    kernel, bias = weights["fc8"]
    blobs["fc8"] = kernel @ hidden + bias
    powers = np.exp(blobs["fc8"] - blobs["fc8"].max())
    blobs["prob"] = powers / powers.sum()
    return blobs


def write_npz(path, weights, mean=None):
    """The file that the loader's docstring tells to write."""
    arrays = {
        f"{name}/{part}": array
        for name, pair in weights.items()
        for part, array in zip(("weights", "bias"), pair)
    }
    if mean is not None:
        arrays["mean"] = mean
    np.savez(path, **arrays)
    return path
