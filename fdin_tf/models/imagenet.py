"""VGG16 of Keras Applications, trained on ImageNet, as frame encoder."""

import contextlib
import socket

import keras

from fdin_tf.models.vggface import check_frame_shape
from fdin_tf.models.weight_files import assign_weights
from fdin_tf.models.weight_files import check_is_file
from fdin_tf.models.weight_files import list_keras_h5
from fdin_tf.models.weight_files import read_keras_h5

# Mean colour of ImageNet: R, G, B, in 0..255 (Simonyan and Zisserman).
IMAGENET_MEAN = (123.68, 116.779, 103.939)
WEIGHTS_FILE = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
WEIGHTS_URL = (
    "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/"
    + WEIGHTS_FILE
)
WEIGHTS_MD5 = "6d6bbae143d832006294945121d1f1fc"
TIMEOUT_SECONDS = 20


def build_imagenet_encoder(frame_shape=(96, 96, 3), weights="imagenet"):
    """VGG16 through its tenth convolution and fourth pooling.

    The frame encoder for those without the weights of VGG-Face, with the same
    interface: the network takes RGB frames and subtracts the mean colour of
    ImageNet itself. The layers are named as in Keras Applications:
    `block1_conv1` ... `block4_conv3`, `block1_pool` ... `block4_pool`.
    Keras' weights were made for BGR images; the kernel of `block1_conv1` is
    turned round along its input channels.

    Args:
        frame_shape: `(height, width, 3)`, height and width divisible by 16
            and at least 32.
        weights: `"imagenet"`: the file of Keras Applications, downloaded once
            into its cache (58 MB). A path: that file, with or without the
            top. None: random weights.

    Returns:
        Model from RGB frames `(batch, height, width, 3)` in 0..255, uint8 or
        float, to ReLU feature maps `(batch, height / 16, width / 16, 512)`.

    Raises:
        ConnectionError: If the weights are not in the cache and cannot be
            downloaded.
        FileNotFoundError: If there is no file at the path.
        ValueError: If `frame_shape` is not as above, or the file is damaged
            or not that of VGG16; the message names the layer.

    Example:

    >>> build_imagenet_encoder(weights=None).output_shape
    (None, 6, 6, 512)

    Reference:
    - [Simonyan and Zisserman, ICLR 2015](https://arxiv.org/abs/1409.1556).
    """
    check_frame_shape(frame_shape, multiple_of=16)
    path = None
    if weights == "imagenet":
        path = _download()
    elif weights is not None:
        path = check_is_file(weights)

    frames = keras.Input(frame_shape, name="frames")
    centred = keras.layers.Normalization(
        mean=IMAGENET_MEAN,
        variance=(1.0,) * 3,
        dtype="float32",
        name="subtract_mean",
    )(frames)
    vgg16 = keras.applications.VGG16(
        include_top=False, weights=None, input_tensor=centred
    )
    encoder = keras.Model(
        frames,
        vgg16.get_layer("block4_pool").output,
        name="imagenet_encoder",
    )
    if path is not None:
        _load(encoder, path)
    return encoder


def _download():
    """Path of the weights in Keras' cache, fetched there if need be."""
    try:
        with _socket_timeout(TIMEOUT_SECONDS):
            return keras.utils.get_file(
                WEIGHTS_FILE,
                WEIGHTS_URL,
                cache_subdir="models",
                file_hash=WEIGHTS_MD5,
            )
    except Exception as error:  # Keras raises nothing narrower.
        raise ConnectionError(
            "The ImageNet weights of VGG16 could not be downloaded; get "
            f"{WEIGHTS_FILE} elsewhere and give its path as `weights`, or use "
            f"the encoder 'pca'. Received: weights='imagenet' ({error})"
        ) from error


@contextlib.contextmanager
def _socket_timeout(seconds):
    """Ends a download on which no byte arrives for so long."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _load(encoder, path):
    names = [layer.name for layer in encoder.layers if layer.weights]
    saved = list_keras_h5(path)
    for name in names:
        if name not in saved:
            raise ValueError(
                f"Layer '{name}' of Keras Applications' VGG16 is missing. "
                f"Received: path={path}"
            )
    assign_weights(
        encoder, read_keras_h5(path, names), path, bgr_layer="block1_conv1"
    )
