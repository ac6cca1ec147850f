"""Requests that TensorFlow Serving replays before a version answers.

The file is a TFRecord of `PredictionLog` messages, see "SavedModel Warmup" in
TensorFlow Serving's documentation. They have few fields, which are written
here as protocol buffers are, so that an export needs no further package.
"""

import tensorflow as tf

from fdin_tf.data.pipeline import BUCKET_BOUNDARIES

WARMUP = "assets.extra/tf_serving_warmup_requests"
# A short and a common clip; a server meets longer ones with the same kernels.
FRAMES = BUCKET_BOUNDARIES[:3:2]


def warmup_requests(signatures, frames=FRAMES):
    """One request per signature and number of frames.

    Args:
        signatures: Dict from a name to its `Signature`.
        frames: Numbers of frames; of images there is one request.

    Returns:
        List of pairs: the name of a signature, and a dict from the name of
        an input to its `TensorProto`, of one clip or image. Values repeat,
        which a `TensorProto` holds once, however long the clip.
    """
    requests = []
    for name, signature in signatures.items():
        is_of_clips = {"mask", "lengths"} & set(signature.inputs)
        for number in frames if is_of_clips else frames[:1]:
            values = {**signature.typical, "lengths": number}
            tensors = {
                key: tf.make_tensor_proto(
                    values[key], spec.dtype, _one(spec.shape, number)
                )
                for key, spec in signature.inputs.items()
            }
            requests.append((name, tensors))
    return requests


def write_warmup(path, model, requests):
    """Writes requests as TensorFlow Serving replays them.

    Args:
        path: The file; its folder must exist.
        model: Name of the model.
        requests: As of `warmup_requests`.
    """
    with tf.io.TFRecordWriter(str(path)) as file:
        for signature, tensors in requests:
            file.write(prediction_log(model, signature, tensors))


def replay(signatures, requests):
    """Asks a loaded SavedModel, as a server does while it warms up.

    Args:
        signatures: Its signatures, by name.
        requests: As of `warmup_requests`.
    """
    for name, tensors in requests:
        signatures[name](
            **{
                key: tf.constant(tf.make_ndarray(tensor))
                for key, tensor in tensors.items()
            }
        )


def prediction_log(model, signature, tensors):
    r"""A `tensorflow.serving.PredictionLog` of one request, as bytes.

        PredictionLog.predict_log = 6        PredictLog.request = 1
        PredictRequest.model_spec = 1        PredictRequest.inputs = 2
        ModelSpec.name = 1                   ModelSpec.signature_name = 3
        a map's entry: key = 1, value = 2

    Args:
        model: Name of the model.
        signature: Name of the signature.
        tensors: Dict from the name of an input to its `TensorProto`.

    Example:

    >>> prediction_log("a", "b", {})
    b'2\n\n\x08\n\x06\n\x01a\x1a\x01b'
    """
    spec = _field(1, model.encode()) + _field(3, signature.encode())
    request = _field(1, spec)
    for name, tensor in sorted(tensors.items()):
        entry = _field(1, name.encode())
        entry += _field(2, tensor.SerializeToString())
        request += _field(2, entry)
    return _field(6, _field(1, request))


def _field(number, data):
    """A field of bytes: its number with wire type 2, its length, itself."""
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value):
    """A number in groups of seven bits, the lowest first."""
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def _one(shape, number):
    """Shape of one clip or image: unknown sizes behind it are frames."""
    return [1, *(number if size is None else size for size in shape[1:])]
