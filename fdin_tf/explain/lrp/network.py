"""A graph that runs forward as it is, and backward by rules."""

import dataclasses

import keras
import tensorflow as tf

from fdin_tf.explain.lrp.affine import CONVOLUTIONS
from fdin_tf.explain.lrp.folding import fold_normalization
from fdin_tf.explain.lrp.folding import linear_layer
from fdin_tf.explain.lrp.registry import Call
from fdin_tf.explain.lrp.registry import Setting
from fdin_tf.explain.lrp.registry import fill
from fdin_tf.explain.lrp.registry import handler_of
from fdin_tf.explain.lrp.registry import has_weights
from fdin_tf.explain.lrp.rules import per_example


@dataclasses.dataclass(frozen=True)
class Found:
    """What a backward run found.

    Attributes:
        relevance: Dict from the slots of the graph's inputs to tensors.
        kept: Dict from the names of layers to the relevance of their outputs.
        steps: See `Conservation.steps`.
    """

    relevance: dict
    kept: dict
    steps: dict


class Network:
    """A graph, prepared for relevance propagation.

    Args:
        graph: `Graph`.
        composite: `Composite`.
        starts: Slots that relevance is first known of.
        is_first: Whether no layer with weights stands before the graph.
        keep: Names of steps whose relevance is wanted.
        renormalize: See `relevance`.

    Attributes:
        known: Names of the steps that may be kept.
        layers: Names of the layers that relevance passes.

    Raises:
        ValueError: If relevance cannot pass a step or reaches no input, or
            there is no step of a name in `keep` that it passes.
    """

    def __init__(
        self,
        graph,
        composite,
        starts,
        is_first=True,
        keep=(),
        renormalize=False,
    ):
        self._graph = graph
        self._renormalize = renormalize
        self._keep = keep
        folded = fold_normalization(graph)
        behind = _behind_weights(folded)
        before = _before_convolutions(folded)
        reached = set(starts)
        self._backward = []  # pairs of a step and its function, the last first
        known = set()  # names of the steps that may be kept
        self.layers = set()  # names of the layers that have rules
        for step in reversed(folded.steps):
            if not reached.intersection(step.outputs):
                continue
            handler = handler_of(step)
            setting = Setting(
                step,
                folded,
                composite,
                is_first=is_first and not behind.intersection(step.inputs),
                is_last=not before.intersection(step.outputs),
                is_start=bool(set(starts).intersection(step.outputs)),
                keep=_inside(keep, step.name),
                reached=frozenset(reached),
                renormalize=renormalize,
            )
            through = handler.prepare(setting)
            known.update(
                f"{step.name}/{name}" for name in getattr(through, "known", ())
            )
            known.add(step.name)
            self.layers.add(step.operation.name)
            self.layers.update(getattr(through, "layers", ()))
            self._backward.append((step, through))
            reached.update(
                step.inputs[i]
                for i in handler.signals(step, folded)
                if step.inputs[i] in folded.variable
            )
        if not reached.intersection(keras.tree.flatten(graph.inputs)):
            raise ValueError(
                "The score must depend on an input of floats or of pixels "
                "(uint8). Received: inputs of "
                f"{[s.spec.dtype for s in keras.tree.flatten(graph.inputs)]}"
            )
        self.known = known
        missing = sorted(set(keep) - known)
        if missing:
            raise ValueError(
                "`keep` must name layers that relevance passes: "
                f"{', '.join(sorted(known))}. Received: {missing[0]!r}"
            )

    def forward(self, inputs):
        """Runs the model, as in inference.

        Args:
            inputs: Tensors in the structure of the graph's inputs.

        Returns:
            Dict from every slot to its tensor, and from a step to the mask
            that Keras handed it beside its first input.
        """
        values = dict(
            zip(
                keras.tree.flatten(self._graph.inputs),
                keras.tree.flatten(inputs),
            )
        )
        masks = {}
        for step in self._graph.steps:
            given = [values[slot] for slot in step.inputs]
            args, kwargs = fill(step, given)
            if given:
                masks[step] = getattr(given[0], "_keras_mask", None)
            outputs = step.operation(*args, **kwargs)
            values.update(zip(step.outputs, keras.tree.flatten(outputs)))
        return values, masks

    def backward(self, values, masks, relevance):
        """Takes relevance from the outputs to the inputs.

        Args:
            values: Of `forward`.
            masks: Of `forward`.
            relevance: Dict from slots to the relevance of their tensors.

        Returns:
            `Found`.
        """
        relevance, kept, steps = dict(relevance), {}, {}
        (dtype,) = {r.dtype for r in relevance.values()}

        def value(slot):
            x = values[slot]
            return tf.cast(x, dtype) if slot.carries else x

        for step, through in self._backward:
            given = [relevance.pop(slot, None) for slot in step.outputs]
            known = [r for r in given if r is not None]
            if not known:
                continue
            if step.name in self._keep:
                kept[step.name] = known[0] if len(known) == 1 else known
            call = Call(
                step,
                list(map(value, step.inputs)),
                list(map(value, step.outputs)),
                masks.get(step),
            )
            shares, sinks, *inner = through(call, given)
            received = sum(map(per_example, known))
            handed_on = sum(
                (per_example(r) for r in shares if r is not None),
                tf.zeros_like(received),
            )
            lost = received - handed_on - sum(sinks.values())
            if self._renormalize:
                is_none = handed_on == 0
                one = tf.ones_like(received)
                factor = tf.where(is_none, one, received) / tf.where(
                    is_none, one, handed_on
                )
                shares = [_scaled(s, factor) for s in shares]
                sinks = {**sinks, "renormalized": handed_on * (1 - factor)}
                handed_on = handed_on * factor
            steps[step.name] = {
                "received": received,
                "handed_on": handed_on,
                **sinks,
                "lost": lost,
            }
            for found in inner:  # of a network inside of the step
                kept.update(_below(step, found.kept))
                steps.update(_below(step, found.steps))
            for slot, share in zip(step.inputs, shares):
                if share is not None and slot in self._graph.variable:
                    before = relevance.get(slot)
                    relevance[slot] = (
                        share if before is None else before + share
                    )
        return Found(relevance, kept, steps)


def _behind_weights(graph):
    """The slots that some layer with weights stands before."""
    behind = set()
    for step in graph.steps:
        if has_weights(step) or behind.intersection(step.inputs):
            behind.update(step.outputs)
    return behind


def _before_convolutions(graph):
    """The slots that some convolution comes behind."""
    before = set()
    for step in reversed(graph.steps):
        is_convolution = isinstance(linear_layer(step.operation), CONVOLUTIONS)
        if is_convolution or before.intersection(step.outputs):
            before.update(step.inputs)
    return before


def _inside(names, step_name):
    """Those names that are of a network inside of a step, without its own."""
    start = f"{step_name}/"
    return tuple(n.removeprefix(start) for n in names if n.startswith(start))


def _below(step, named):
    return {f"{step.name}/{name}": value for name, value in named.items()}


def _scaled(share, factor):
    """A share of every example times that example's factor."""
    if share is None:
        return None
    return share * tf.reshape(factor, [-1] + [1] * (share.shape.rank - 1))
