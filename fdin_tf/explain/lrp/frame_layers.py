"""Relevance through layers that run a network on every frame."""

import keras
import tensorflow as tf

from fdin_tf.explain.lrp.graph import Graph
from fdin_tf.explain.lrp.graph import Slot
from fdin_tf.explain.lrp.graph import Step
from fdin_tf.explain.lrp.graph import is_functional
from fdin_tf.explain.lrp.graph import read_graph
from fdin_tf.explain.lrp.network import Found
from fdin_tf.explain.lrp.network import Network
from fdin_tf.explain.lrp.registry import first_input
from fdin_tf.explain.lrp.registry import handles
from layers import FrameEncoder

_CHUNK = 16  # frames that are explained at a time


@handles(FrameEncoder, is_weighted=True, signals=first_input)
def frame_encoder(setting):
    """The encoder's own layers, for some frames at a time."""
    return Framewise(setting, read_graph(setting.step.operation.encoder))


@handles(keras.layers.TimeDistributed, is_weighted=True, signals=first_input)
def time_distributed(setting):
    """The rule of the layer inside, for every frame."""
    layer = setting.step.operation.layer
    if is_functional(layer):
        return Framewise(setting, read_graph(layer))
    given, gives = (
        Slot(_of_frame(slot.spec))
        for slot in (setting.step.inputs[0], setting.step.outputs[0])
    )
    step = Step(layer, layer.name, (given,), {}, (given,), (gives,))
    return Framewise(setting, Graph([step], given, gives))


def _of_frame(spec):
    """One frame of `(batch, frames, ...)`."""
    return keras.KerasTensor(spec.shape[:1] + spec.shape[2:], spec.dtype)


class Framewise:
    """Takes relevance through a graph that runs on every frame.

    The frames of all clips are explained in chunks, forward and backward, so
    that memory does not grow with the clip.

    Args:
        setting: `Setting` of the step that runs it.
        graph: `Graph` of one frame.

    Attributes:
        known: Names of the steps inside that may be kept.
        layers: Names of the layers inside that have rules.
    """

    def __init__(self, setting, graph):
        self._slots = keras.tree.flatten(graph.outputs)
        self._graph = graph
        used = [
            slot
            for slot, outer in zip(self._slots, setting.step.outputs)
            if outer in setting.reached
        ]
        self._network = Network(
            graph,
            setting.composite,
            used,
            is_first=setting.is_first,
            keep=setting.keep,
            renormalize=setting.renormalize,
        )
        self.known = self._network.known
        self.layers = self._network.layers

    def __call__(self, call, relevances):
        """See `Handler.prepare`."""
        frames = call.inputs[0]
        batch, length = tf.unstack(tf.shape(frames)[:2])
        known = {
            slot: r for slot, r in zip(self._slots, relevances) if r is not None
        }
        num_frames = batch * length
        # One chunk even without a frame, so that no layer meets none.
        size = tf.clip_by_value(num_frames, 1, _CHUNK)
        num_chunks = tf.maximum(-(-num_frames // size), 1)

        def chunks(x):
            x = tf.reshape(x, tf.concat([[num_frames], tf.shape(x)[2:]], 0))
            padding = [(0, num_chunks * size - num_frames)]
            x = tf.pad(x, padding + [(0, 0)] * (x.shape.rank - 1))
            return tf.reshape(
                x, tf.concat([[num_chunks, size], tf.shape(x)[1:]], 0)
            )

        def explain(chunk):
            frames, of_outputs = chunk
            dtype = self._graph.inputs.spec.dtype
            values, masks = self._network.forward(tf.cast(frames, dtype))
            found = self._network.backward(
                values, masks, dict(zip(known, of_outputs))
            )
            share = found.relevance.get(
                self._graph.inputs, tf.zeros_like(frames)
            )
            return share, found.kept, found.steps

        def in_clips(x):
            shape = tf.concat([[num_chunks * size], tf.shape(x)[2:]], 0)
            x = tf.reshape(x, shape)[:num_frames]
            return tf.reshape(x, tf.concat([[batch, length], shape[1:]], 0))

        chunked = (chunks(frames), [chunks(r) for r in known.values()])
        share, kept, steps = keras.tree.map_structure(
            in_clips, _map(explain, chunked)
        )
        of_clips = keras.tree.map_structure(
            lambda x: tf.reduce_sum(x, axis=1), steps
        )
        share = tf.ensure_shape(share, frames.shape)
        sinks = {}
        for step in of_clips.values():
            for name, taken in step.items():
                if name not in ("received", "handed_on"):
                    sinks[name] = sinks.get(name, 0.0) + taken
        rest = [None] * (len(call.inputs) - 1)
        inner = Found({}, kept, of_clips)
        return [share, *rest], sinks, inner


def _map(function, chunks):
    """The function of one chunk after the other, its results stacked."""

    def chunk(number):
        return keras.tree.map_structure(lambda x: x[number], chunks)

    if tf.executing_eagerly():
        numbers = range(keras.tree.flatten(chunks)[0].shape[0])
        results = [function(chunk(number)) for number in numbers]
        return keras.tree.map_structure(lambda *x: tf.stack(x), *results)
    # What one chunk gives, for its structure; it is not run.
    specs = keras.tree.map_structure(
        lambda x: tf.TensorSpec(None, x.dtype), function(chunk(0))
    )
    count = tf.shape(keras.tree.flatten(chunks)[0])[0]
    return tf.map_fn(
        lambda number: function(chunk(number)),
        tf.range(count),
        parallel_iterations=1,
        fn_output_signature=specs,
    )
