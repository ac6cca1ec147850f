"""Networks of clips on clips that come in chunks, in bounded memory.

A network is cut in three, by the fixed names of its layers, and the parts
share its weights: what encodes a chunk of frames, what carries a state from
chunk to chunk, and what answers from the last state.
"""

import itertools

import keras
import numpy as np
import tensorflow as tf

from fdin_tf.data.spooled import SpooledRows
from fdin_tf.explain.explained import explained
from fdin_tf.explain.explained import holds_reasons
from layers import FrameEncoder
from layers import SequenceLSTM
from layers.neutral_difference import STILL


def stream_of(model):
    """A network on frames as a function of a clip in chunks.

    Args:
        model: Keras model of `{"frames": (b, t, height, width, channels),
            "mask": (b, t)}`, as `export_model` keeps it.

    Returns:
        `DynamicsStream` of a network whose features go through the LSTMs of
        FDIN, `AppearanceStream` of SIAM; None of any other.

    Example:

    >>> from fdin_tf.models import build_fdin
    >>> encoder = keras.Sequential(
    ...     [keras.Input((96, 96, 3)), keras.layers.AveragePooling2D(16)]
    ... )
    >>> fdin = build_fdin("age", "frames", encoder, lstm_units=(8,),
    ...     relation_units=(8,))
    >>> answer = stream_of(fdin)(np.ones((3, 2, 96, 96, 3), "uint8"))
    >>> {name: array.shape for name, array in answer.items()}
    {'age': (1,), 'importance': (36,)}
    """
    encoders = [x for x in model.layers if isinstance(x, FrameEncoder)]
    if len(encoders) != 1:
        return None
    (encoder,) = encoders
    inner = [x for x in model.layers if isinstance(x, keras.Model)]
    network = inner[0] if len(inner) == 1 else model
    inputs = {"frames", "features", "mask", encoder.name}
    lstms = [x.name for x in network.layers if isinstance(x, SequenceLSTM)]
    if lstms:
        before = _layers_up_to(lstms[-1], network) - inputs - {"neutral"}
        if before == {"regions", "dense", *lstms}:
            return DynamicsStream(encoder, network)
    elif (
        encoder.name == "appearance"
        and network is model
        and _layers_up_to("appearance", network) <= inputs
    ):
        return AppearanceStream(encoder, network)
    return None


class DynamicsStream:
    """A network whose frames act through the state of LSTMs, such as FDIN.

    The state `h`, `c` of every LSTM goes from chunk to chunk. Of a network
    with `NeutralDifference`, the first real frames are waited for; where that
    normalises by the whole clip, features wait in a temporary file.

    Args:
        encoder: Its `FrameEncoder`.
        network: Model of the features or frames, with the layers `regions`,
            `dense`, `lstm_1` ... and perhaps `neutral`.

    Call arguments:
        chunks: Iterable of real frames in order,
            `(n, height, width, channels)` each, uint8.

    Returns:
        Dict of the outputs of `explained(network)`, or of the network where
        nothing explains it, for this one clip.

    Raises:
        ValueError: If there is no frame.
    """

    def __init__(self, encoder, network):
        self._encode = _encoding_function(encoder)
        layers = {layer.name: layer for layer in network.layers}
        lstms = [x for x in network.layers if isinstance(x, SequenceLSTM)]
        neutral = layers.get("neutral")
        self._neutral_frames = neutral.num_frames if neutral else 0
        self._normalize = bool(neutral and neutral.normalize)
        self._dtype = layers["regions"].compute_dtype
        places = int(np.prod(layers["regions"].grid))
        self._start = [
            tf.zeros((1, places, lstm.units), lstm.compute_dtype)
            for lstm in lstms
            for _ in "hc"
        ]
        shape = (None, *encoder.output.shape[2:])
        self._carry = _carrying_function(layers, lstms, shape, self._start)
        self._answer = _answering_function(network, lstms[-1].name)

    def __call__(self, chunks):
        """Answers from one clip."""
        state = self._start
        for features in self._motion(map(self._encode, _frames(chunks))):
            state = self._carry(features, *state)
        return _of_one_clip(self._answer(state[-2]))

    def _motion(self, chunks):
        """What chunks of features add to the neutral face, if that is asked."""
        if not self._neutral_frames:
            for features in chunks:
                yield tf.cast(features, self._dtype)
            return
        first = []
        for features in chunks:
            first.append(tf.cast(features, tf.float32))
            if sum(map(len, first)) >= self._neutral_frames:
                break
        first = tf.concat(first, 0)
        neutral = tf.reduce_mean(first[: self._neutral_frames], 0)
        moves = (
            tf.cast(features, tf.float32) - neutral
            for features in itertools.chain([first], chunks)
        )
        if self._normalize:
            moves = _normalized(moves)
        for move in moves:
            yield tf.cast(move, self._dtype)


class AppearanceStream:
    """SIAM: of every frame its few features are kept, and its attention.

    Args:
        encoder: Its `FrameEncoder`, named `appearance`.
        network: The model of frames.

    Call arguments:
        chunks: Iterable of real frames in order,
            `(n, height, width, channels)` each, uint8.

    Returns:
        Dict of the outputs of `explained(network)`, or of the network where
        nothing explains it, for this one clip.

    Raises:
        ValueError: If there is no frame.
    """

    def __init__(self, encoder, network):
        self._encode = _encoding_function(encoder)
        self._answer = _answering_function(network, encoder.name)

    def __call__(self, chunks):
        """Answers from one clip."""
        outputs = [self._encode(frames) for frames in _frames(chunks)]
        features = tf.concat([of["features"] for of in outputs], 0)
        answer = _of_one_clip(self._answer(features[None]))
        if "spatial_attention" in outputs[0]:
            answer["spatial_attention"] = np.concatenate(
                [of["spatial_attention"] for of in outputs]
            )
        return answer


def _frames(chunks):
    """The chunks that hold a frame, of which there must be one."""
    chunks = (frames for frames in chunks if len(frames))
    first = next(chunks, None)
    if first is None:
        raise ValueError("Expected at least one frame. Received: none")
    return itertools.chain([first], chunks)


def _encoding_function(layer):
    """Frames of one chunk to what the encoder gives; of any number of them."""
    encoder = layer.encoder

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, *encoder.input_shape[1:]), tf.uint8)
        ]
    )
    def encode(frames):
        frames = tf.cast(frames, layer.compute_dtype)
        encoded = encoder(frames, training=False)
        if isinstance(encoded, dict):
            return encoded
        return tf.cast(encoded, layer.compute_dtype)

    return encode


def _carrying_function(layers, lstms, shape, start):
    """Features of one chunk and the state before it to the state after it."""
    carrying = [_with_state(lstm) for lstm in lstms]
    features = tf.TensorSpec(shape, layers["regions"].compute_dtype)
    state = map(tf.TensorSpec.from_tensor, start)

    @tf.function(input_signature=[features, *state])
    def carry(features, *state):
        sequence = layers["dense"](layers["regions"](features[None]))
        after = []
        for lstm, before in zip(carrying, zip(state[::2], state[1::2])):
            sequence, *both = lstm(sequence, initial_state=before)
            after += both
        return after

    return carry


def _with_state(lstm):
    """The same LSTM, giving every step and its last state; shares weights."""
    config = {"return_sequences": True, "return_state": True}
    same = SequenceLSTM.from_config({**lstm.get_config(), **config})
    same.kernel, same.recurrent_kernel, same.bias = lstm.weights
    same.built = True
    return same


def _normalized(moves):
    """Motion over how much every place changes; see `NeutralDifference`."""
    with SpooledRows() as stored:
        total, size = 0.0, 1
        for move in moves:
            stored.append(move.numpy())
            size = max(size, len(move))
            squares = tf.reduce_mean(tf.square(move), -1, keepdims=True)
            total += tf.reduce_sum(tf.cast(squares, tf.float64), 0)
        scale = tf.cast(tf.sqrt(total / len(stored) + STILL**2), tf.float32)
        for move in stored.chunks(size):
            yield move / scale


def _answering_function(network, name):
    """What stands behind a layer of a network, with its explanation."""
    if holds_reasons(network):
        network = explained(network)
    tail = _tail(network, name)

    value = tail.inputs[0]

    @tf.function(input_signature=[tf.TensorSpec(value.shape, value.dtype)])
    def answer(value):
        mask = tf.ones(tf.shape(value)[:2], tf.bool)
        return tail([value, mask], training=False)

    return answer


def _tail(network, name):
    """The model from the output of a layer, and from the mask, to the end."""
    found = {}

    def call(layer, *args, **kwargs):
        found[layer.name] = outputs = layer(*args, **kwargs)
        return outputs

    # A walk through the graph of the network with its own layers.
    walked = keras.models.clone_model(
        network, clone_function=lambda layer: layer, call_function=call
    )
    outputs, between = dict(walked.output), found[name]
    if isinstance(between, dict):
        outputs.pop("spatial_attention", None)  # known before
        between = between["features"]
    return keras.Model([between, walked.input["mask"]], outputs)


def _layers_up_to(name, network):
    """Names of all layers that do not stand behind one of them."""
    try:
        behind = {layer.name for layer in _tail(network, name).layers}
    except ValueError:  # of Keras: what stands behind needs other layers too
        behind = set()
    return {layer.name for layer in network.layers} - (behind - {"mask"})


def _of_one_clip(answer):
    return {name: value.numpy()[0] for name, value in answer.items()}
