"""VGG-Face weights into a network, whichever framework wrote the file."""

import numpy as np

from fdin_tf.models.vggface import VGGFACE_MEAN
from fdin_tf.models.vggface import WEIGHT_LAYERS
from fdin_tf.models.vggface import build_vggface_encoder
from fdin_tf.models.vggface import set_mean
from fdin_tf.models.vggface_formats import read_caffe
from fdin_tf.models.vggface_formats import read_keras
from fdin_tf.models.vggface_formats import read_matconvnet
from fdin_tf.models.weight_files import assign_weights
from fdin_tf.models.weight_files import check_is_file

READERS = {
    ".mat": read_matconvnet,
    ".h5": read_keras,
    ".hdf5": read_keras,
    ".npz": read_caffe,
}


def load_vggface_weights(path, model=None, channel_order=None):
    """Loads published VGG-Face weights into the encoder or the full network.

    The kind of file is recognised by its ending and content:

    - `.mat`, MatConvNet: `vgg_face.mat` of 2015 (`net`) and `vgg-face.mat`
      (`layers`, `meta`), up to MATLAB's version 7. RGB; the file's own mean
      colour, `averageImage`; a mean image is averaged to one colour.
    - `.h5`, keras-vggface: `rcmalli_vggface_tf_vgg16.h5` and, for the encoder,
      `rcmalli_vggface_tf_notop_vgg16.h5`; layers by name. BGR.
    - `.h5`, deepface: `vgg_face_weights.h5`; layers by position. BGR.
    - `.npz`, exported from `VGG_FACE.caffemodel` as below. BGR; the file's own
      mean colour if it holds one.

    Whatever the order in the file, the loaded network takes RGB frames in
    0..255 and subtracts the mean colour itself: BGR kernels of `conv1_1` are
    turned round along their input channels. A file without a mean gets
    `VGGFACE_MEAN`. So does deepface's, although deepface divides by 255 and
    subtracts nothing unless told otherwise (its normalisation "base"): the
    network was trained on 0..255 minus the mean.

    The `.npz` file holds `NAME/weights` and `NAME/bias` for every layer, as
    Caffe has them: convolutions (out, in, height, width), dense layers (out,
    in) with the inputs of `fc6` in the order channel, height, width; and
    optionally `mean`, three values in BGR order. Where Caffe is installed:

        net = caffe.Net("VGG_FACE_deploy.prototxt", "VGG_FACE.caffemodel",
                        caffe.TEST)
        numpy.savez("vgg_face.npz", **{
            f"{name}/{part}": blob.data
            for name, blobs in net.params.items()
            for part, blob in zip(("weights", "bias"), blobs)})

    Args:
        path: The file.
        model: Model of `build_vggface_encoder` or `build_vggface`, all of
            whose layers are filled, or of `build_face_network`, whose last
            layer is not; further layers of the file are left aside. None: a
            new encoder for 96x96 frames.
        channel_order: `"rgb"` or `"bgr"`, the order in which this file's
            `conv1_1` takes its input, where it is not the one above. None: as
            above. (deepface feeds its network BGR images, which is taken
            here; its author describes a conversion from MatConvNet's file,
            which would make it RGB.)

    Returns:
        The model.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, of no known kind, lacks a layer,
            or holds a layer of another shape or a mean that is no such
            colour. The message names the layer and the file, and the model
            is unchanged.

    Example:

    >>> load_vggface_weights("vgg-face.mat")
    Traceback (most recent call last):
    ...
    FileNotFoundError: Expected a file of weights. Received: path=vgg-face.mat
    """
    if channel_order not in (None, "rgb", "bgr"):
        raise ValueError(
            "Expected 'rgb', 'bgr' or None. "
            f"Received: channel_order={channel_order!r}"
        )
    path = check_is_file(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise ValueError(
            "Expected VGG-Face weights as .mat (MatConvNet), .h5 (Keras) or "
            f".npz (exported from Caffe). Received: path={path}"
        )
    model = build_vggface_encoder() if model is None else model
    present = {layer.name for layer in model.layers}
    names = [name for name in WEIGHT_LAYERS if name in present]
    if not names:
        raise ValueError(
            "Expected a model of build_vggface_encoder, build_vggface or "
            "build_face_network. "
            f"Received: model={model.name}"
        )
    source = reader(path, names)
    is_bgr = (channel_order or source.channel_order) == "bgr"
    mean = VGGFACE_MEAN
    if source.mean is not None:
        mean = source.mean[::-1] if is_bgr else source.mean
        _check_mean(mean, path)
    assign_weights(
        model, source.weights, path, bgr_layer="conv1_1" if is_bgr else None
    )
    set_mean(model, mean)
    return model


def _check_mean(mean, path):
    """Refuses what is no colour, and the colour of faces turned round."""
    if mean.shape != (3,) or not ((mean >= 0) & (mean <= 255)).all():
        raise ValueError(
            "Expected a mean colour of three values in 0..255. "
            f"Received: mean={mean} in path={path}"
        )
    if np.allclose(mean[::-1], VGGFACE_MEAN, atol=1.0):
        raise ValueError(
            "Expected a mean colour with more red than blue; if this file is "
            "not in the usual channel order of its kind, state it by "
            f"`channel_order`. Received: mean={mean} in path={path}"
        )
