"""What an exported model is asked and answers, one signature at a time."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from fdin_tf.explain.explained import explained
from fdin_tf.explain.explained import holds_reasons
from fdin_tf.serving.encoded_images import decode_frames
from fdin_tf.serving.encoded_images import decode_images
from fdin_tf.serving.expected_error import expected_error

DEFAULT = "serving_default"
FROM_FEATURES = "from_features"
FROM_JPEG = "from_jpeg"


@dataclasses.dataclass(frozen=True, eq=False)
class Signature:
    """One way to ask an exported model.

    Attributes:
        network: Keras model whose weights answer.
        answer: `tf.function` of the inputs, in their order; gives a dict.
        inputs: `tf.TensorSpec` of every input, by its name.
        samples: Array of every input, by its name: what the SavedModel is
            tried with.
        typical: One value of every input, by its name: what requests that
            warm a server up are filled with. `lengths` are those of the
            request.
    """

    network: keras.Model
    answer: Callable
    inputs: dict[str, tf.TensorSpec]
    samples: dict[str, np.ndarray]
    typical: dict[str, Any]


def clip_signatures(joined, on_features, card):
    """Signatures of a model on clips.

    Args:
        joined: Model of `{"frames": (b, t, height, width, channels), "mask":
            (b, t)}`.
        on_features: The same network without its frame encoder, on
            `{"features": (b, t, h, w, c), "mask": (b, t)}`; or None.
        card: Card of the model.

    Returns:
        Dict from a name to its `Signature`.
    """
    frames = _of_clips(joined, "frames", 127, card)
    signatures = {DEFAULT: frames, FROM_JPEG: _of_encoded_clips(frames)}
    if on_features is not None:
        signatures[FROM_FEATURES] = _of_clips(on_features, "features", 0, card)
    return signatures


def image_signatures(model, card):
    """Signatures of a model of `{"images": ...}`.

    Args:
        model: Keras model of images `(b, height, width, 3)` or, of the mean
            of n networks, `(b, n, height, width, 3)`.
        card: Card of the model.

    Returns:
        Dict from a name to its `Signature`.
    """
    shape = model.input["images"].shape
    spec = tf.TensorSpec(shape, tf.uint8, name="images")
    rng = np.random.default_rng(0)

    @tf.function(input_signature=[spec])
    def answer(images):
        outputs = model({"images": images}, training=False)
        return {**outputs, **expected_error(outputs, card)}

    images = Signature(
        model,
        answer,
        {"images": spec},
        {"images": rng.integers(0, 256, (2, *shape[1:]), np.uint8)},
        {"images": 127},
    )
    return {DEFAULT: images, FROM_JPEG: _of_encoded_images(images)}


def _of_clips(model, name, typical, card):
    """On frames or features; two clips of different length as samples."""
    # The network with what explains it, if anything does.
    network = explained(model) if holds_reasons(model) else model
    tensor = network.input[name]
    inputs = {
        name: tf.TensorSpec(tensor.shape, tensor.dtype, name=name),
        "mask": tf.TensorSpec((None, None), tf.bool, name="mask"),
    }

    @tf.function(input_signature=[*inputs.values()])
    def answer(values, mask):
        clips = {name: values, "mask": mask & ~_is_flat(values)}
        outputs = network(clips, training=False)
        return {**outputs, **expected_error(outputs, card)}

    rng = np.random.default_rng(0)
    values = rng.uniform(0, 255, (2, 6, *tensor.shape[2:]))
    samples = {
        name: values.astype(tensor.dtype),
        "mask": np.arange(6) < np.array([[6], [4]]),
    }
    return Signature(
        network, answer, inputs, samples, {name: typical, "mask": True}
    )


def _is_flat(values):
    """Frames that hold one value throughout: no face, but padding.

    TensorFlow Serving batches clips of different length by padding every
    tensor with *its own first element*: frames with one pixel's value, and a
    mask that begins with True with True. The mask alone cannot tell.
    """
    places = range(2, values.shape.rank)
    highest = tf.reduce_max(values, places)
    return tf.equal(highest, tf.reduce_min(values, places))


def _of_encoded_clips(frames):
    """The same answers from JPEG or PNG files."""
    shape = tuple(frames.inputs["frames"].shape[2:])
    inputs = {
        "frames_jpeg": tf.TensorSpec((None, None), tf.string, "frames_jpeg"),
        "lengths": tf.TensorSpec((None,), tf.int32, "lengths"),
    }

    @tf.function(input_signature=[*inputs.values()])
    def answer(frames_jpeg, lengths):
        return frames.answer(*decode_frames(frames_jpeg, lengths, shape))

    mask = frames.samples["mask"]
    files = np.full(mask.shape, b"", object)
    files[mask] = [_png(x) for x in frames.samples["frames"][mask]]
    samples = {
        "frames_jpeg": files,
        "lengths": mask.sum(axis=1).astype(np.int32),
    }
    return Signature(
        frames.network, answer, inputs, samples, {"frames_jpeg": _grey(shape)}
    )


def _of_encoded_images(images):
    shape = tuple(images.inputs["images"].shape)
    inputs = {
        "images_jpeg": tf.TensorSpec(shape[:-3], tf.string, "images_jpeg")
    }

    @tf.function(input_signature=[*inputs.values()])
    def answer(images_jpeg):
        return images.answer(decode_images(images_jpeg, shape[-3:]))

    pixels = images.samples["images"]
    files = np.array([_png(x) for x in pixels.reshape(-1, *shape[-3:])], object)
    return Signature(
        images.network,
        answer,
        inputs,
        {"images_jpeg": files.reshape(pixels.shape[:-3])},
        {"images_jpeg": _grey(shape[-3:])},
    )


def _png(pixels):
    return tf.io.encode_png(pixels).numpy()


def _grey(shape):
    """A file without contrast."""
    return tf.io.encode_jpeg(np.full(shape, 127, np.uint8)).numpy()
