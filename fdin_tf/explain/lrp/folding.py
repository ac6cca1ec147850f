"""Batch normalisation as a part of the linear layer beside it."""

import dataclasses

import keras

from fdin_tf.explain.lrp.graph import Graph
from fdin_tf.explain.lrp.graph import Step
from fdin_tf.explain.lrp.registry import has_call_of

_DENSE = keras.layers.Dense
_CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
)
_DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)


@dataclasses.dataclass(frozen=True)
class Folded:
    """A linear layer and batch normalisation as one.

    Attributes:
        linear: Dense layer or convolution.
        normalization: `keras.layers.BatchNormalization`.
        is_before: Whether the normalisation comes first.
    """

    linear: keras.layers.Layer
    normalization: keras.layers.Layer
    is_before: bool

    @property
    def name(self):
        """Name of the linear layer."""
        return self.linear.name


def linear_layer(operation):
    """The linear layer of a `Folded`; any other operation itself."""
    return operation.linear if isinstance(operation, Folded) else operation


def fold_normalization(graph):
    """Joins every batch normalisation to a linear layer beside it.

    One after a dense layer or convolution without activation is joined to
    that, one before a dense layer or an unpadded convolution to that; each
    only where nobody else reads what lies between them.

    Args:
        graph: `Graph`.

    Returns:
        `Graph` in which `Folded` stands for the two.
    """
    steps = list(graph.steps)
    taken = set()
    outputs = set(keras.tree.flatten(graph.outputs))

    def is_private(slot):
        return len(graph.readers.get(slot, ())) == 1 and slot not in outputs

    def join(first, second, is_before):
        linear, norm = (second, first) if is_before else (first, second)
        joined = Step(
            Folded(linear.operation, norm.operation, is_before),
            f"{first.name}+{second.operation.name}",
            first.args,
            first.kwargs,
            first.inputs,
            second.outputs,
        )
        steps[steps.index(second)] = joined
        steps.remove(first)
        taken.update((first, second))

    for norm in graph.steps:
        if not _normalizes_channels(norm):
            continue
        before = graph.producers.get(norm.inputs[0])
        (*_, after) = graph.readers.get(norm.outputs[0], (None,))
        if (
            before not in taken
            and _takes_after(before)
            and is_private(norm.inputs[0])
        ):
            join(before, norm, is_before=False)
        elif (
            after not in taken
            and _takes_before(after)
            and is_private(norm.outputs[0])
        ):
            join(norm, after, is_before=True)
    return Graph(steps, graph.inputs, graph.outputs)


def _normalizes_channels(step):
    layer = step.operation
    if not isinstance(layer, keras.layers.BatchNormalization):
        return False
    rank = len(step.inputs[0].spec.shape)
    return layer.axis % rank == rank - 1


def _takes_after(step):
    return (
        step is not None
        and _has_channels_last(step.operation)
        and step.operation.activation in (None, keras.activations.linear)
    )


def _takes_before(step):
    if step is None or not _has_channels_last(step.operation):
        return False
    layer = step.operation
    return isinstance(layer, _DENSE) or (
        isinstance(layer, _CONVOLUTIONS)
        and layer.padding == "valid"
        and layer.groups == 1
    )


def _has_channels_last(layer):
    for kind in (_DENSE, *_CONVOLUTIONS, *_DEPTHWISE):
        if isinstance(layer, kind):
            data_format = getattr(layer, "data_format", "channels_last")
            return has_call_of(layer, kind) and data_format == "channels_last"
    return False
