"""The published weights of Levi and Hassner's networks, out of Caffe."""

import numpy as np

from fdin_tf.models.levi_hassner import CLASSES
from fdin_tf.models.levi_hassner import CONVOLUTIONS
from fdin_tf.models.levi_hassner import DENSE
from fdin_tf.models.levi_hassner import target_of
from fdin_tf.models.levi_hassner_mean import LEVI_HASSNER_MEAN
from fdin_tf.models.levi_hassner_mean import MEAN_LAYER
from fdin_tf.models.levi_hassner_mean import set_mean
from fdin_tf.models.weight_files import assign_weights
from fdin_tf.models.weight_files import check_is_file
from fdin_tf.models.weight_files import read_numpy


def load_levi_hassner_weights(path, model, mean_path=None):
    """Loads the published weights and mean image into a network.

    The `.npz` file holds the arrays `NAME/weights` and `NAME/bias` of
    `conv1`, `conv2`, `conv3`, `fc6`, `fc7` and `fc8` as Caffe has them:
    convolutions (out, in, height, width) for BGR images, dense layers (out,
    in) with the inputs of `fc6` in the order channel, height, width, and the
    genders in the order male, female. It may hold the mean image as `mean`,
    (3, height, width) in BGR order, (1, 3, height, width) as Caffe returns
    it, or three values. Where Caffe is installed, it is made from the public
    `age_net.caffemodel` or `gender_net.caffemodel` and `mean.binaryproto`:

        net = caffe.Net("deploy_age.prototxt", "age_net.caffemodel",
                        caffe.TEST)
        mean = caffe.proto.caffe_pb2.BlobProto()
        mean.ParseFromString(open("mean.binaryproto", "rb").read())
        numpy.savez("age_net.npz",
                    mean=caffe.io.blobproto_to_array(mean),
                    **{f"{name}/{part}": blob.data
                       for name, blobs in net.params.items()
                       for part, blob in zip(("weights", "bias"), blobs)})

    The loaded network takes RGB images and gives `female, male`: kernels,
    mean and genders are turned round on reading. A mean larger than the
    images, as the published one of 256 x 256 pixels, is cropped at its
    centre, as the images are to be: resized to 256 x 256, then their central
    227 x 227.

    Args:
        path: The `.npz` file.
        model: Model of `build_levi_hassner` for `"age_group"` or `"gender"`.
            (For ratings, load into one of these and go on with
            `transfer_levi_hassner`.)
        mean_path: `.npy` file of a mean as above, which goes before that of
            `path`. Without any mean, the network subtracts the colour
            `LEVI_HASSNER_MEAN`.

    Returns:
        The model.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the model is none of these, or if a file is damaged,
            lacks a layer, or holds a layer or mean that does not fit. The
            message names the layer and the file, and the model is unchanged.

    Example:

    >>> from fdin_tf.models.levi_hassner import build_levi_hassner
    >>> model = build_levi_hassner("gender", 64, (8, 8, 8), (16, 16))
    >>> load_levi_hassner_weights("gender_net.npz", model)
    Traceback (most recent call last):
    ...
    FileNotFoundError: Expected a file of weights. Received: path=gender_net.npz
    """
    target = target_of(model)
    if target not in CLASSES:
        raise ValueError(
            "Expected a model for one of "
            f"{', '.join(map(repr, CLASSES))}, which the published weights "
            "are for; load into one of these, then call "
            f"transfer_levi_hassner. Received: target={target!r}"
        )
    path = check_is_file(path)
    arrays = read_numpy(path)
    weights = _weights(arrays, model, target, path)
    mean = arrays.get("mean")
    if mean_path is not None:
        path_of_mean = check_is_file(mean_path)
        mean = read_numpy(path_of_mean, ".npy")
    else:
        path_of_mean = path
    size = model.get_layer(MEAN_LAYER).input.shape[1]
    mean = (
        LEVI_HASSNER_MEAN
        if mean is None
        else _as_rgb_mean(mean, size, path_of_mean)
    )
    assign_weights(model, weights, path, bgr_layer="conv1")
    set_mean(model, mean)
    return model


def _weights(arrays, model, target, path):
    """Kernel and bias of each layer, laid out as Keras has them."""
    _, *places, channels = model.get_layer("flatten").input.shape
    weights = {}
    for name in (*CONVOLUTIONS, *DENSE, "fc8"):
        keys = (f"{name}/weights", f"{name}/bias")
        if not arrays.keys() >= {*keys}:
            raise ValueError(
                f"Expected the arrays '{keys[0]}' and '{keys[1]}'. "
                f"Received: path={path}"
            )
        kernel, bias = (arrays[key] for key in keys)
        if kernel.ndim == 4:  # (out, in, height, width)
            kernel = kernel.transpose(2, 3, 1, 0)
        if kernel.ndim == 2:  # (out, in)
            if name == "fc6" and kernel.shape[1] == channels * np.prod(places):
                kernel = kernel.reshape(len(kernel), channels, *places)
                kernel = kernel.transpose(0, 2, 3, 1).reshape(len(kernel), -1)
            kernel = kernel.T
        if target == "gender" and name == "fc8" and bias.ndim == 1:
            kernel, bias = kernel[..., ::-1], bias[::-1]
        weights[target if name == "fc8" else name] = (kernel, bias)
    return weights


def _as_rgb_mean(mean, size, path):
    """BGR, channels first -> RGB, channels last, cropped at the centre."""
    if mean.ndim == 4 and len(mean) == 1:
        mean = mean[0]
    if mean.ndim not in (1, 3) or len(mean) != 3:
        raise ValueError(
            "Expected a mean of shape (3,) or (3, height, width) in BGR "
            f"order. Received: shape={mean.shape} in path={path}"
        )
    if mean.dtype.kind not in "fiu" or not ((mean >= 0) & (mean <= 255)).all():
        raise ValueError(
            f"Expected a mean of numbers in 0..255. Received: path={path}"
        )
    mean = mean[::-1]
    if mean.ndim == 1:
        return mean
    _, height, width = mean.shape
    if min(height, width) < size:
        raise ValueError(
            f"Expected a mean image of at least {size} x {size} pixels. "
            f"Received: {height} x {width} in path={path}"
        )
    top, left = (height - size) // 2, (width - size) // 2
    return mean[:, top : top + size, left : left + size].transpose(1, 2, 0)
