"""Layer-wise relevance propagation through a functional Keras model."""

import dataclasses
from typing import Any

import keras
import numpy as np
import tensorflow as tf

# Each fills the registry.
from fdin_tf.explain.lrp import face_layers  # noqa: F401
from fdin_tf.explain.lrp import frame_layers  # noqa: F401
from fdin_tf.explain.lrp import keras_layers  # noqa: F401
from fdin_tf.explain.lrp import recurrent_layers  # noqa: F401
from fdin_tf.explain.lrp.composites import get_composite
from fdin_tf.explain.lrp.conservation import Conservation
from fdin_tf.explain.lrp.graph import read_graph
from fdin_tf.explain.lrp.network import Network
from fdin_tf.explain.lrp.start import Start


@dataclasses.dataclass(frozen=True)
class Relevance:
    """What every part of the input, and of hidden layers, contributed.

    Attributes:
        inputs: Relevance in the structure of the model's inputs, float32;
            None for inputs that carry none, such as a mask. It has the sign
            and the unit of the score.
        score: The score that was explained, `(batch,)`: before a softmax or
            sigmoid.
        layers: Dict from the names in `keep` to the relevance of what these
            layers give; of all their float outputs a list, where there are
            several.
        conservation: `Conservation`: where the rest went.
    """

    inputs: Any
    score: tf.Tensor
    layers: dict
    conservation: Conservation

    # What lets it pass out of a `tf.function`.
    def __tf_flatten__(self):
        return (), (
            self.inputs,
            self.score,
            self.layers,
            self.conservation.steps,
        )

    @classmethod
    def __tf_unflatten__(cls, metadata, components):
        inputs, score, layers, steps = components
        return cls(inputs, score, layers, Conservation(score, steps))


def relevance(
    model,
    inputs,
    target=None,
    composite="alpha_beta",
    *,
    keep=(),
    renormalize=False,
    strict=None,
):
    """Shares a score among the inputs that it was computed from.

    The score is propagated backwards layer by layer (Bach et al., PLOS ONE
    2015; equations 1 to 3 of Arbabzadah et al., GCPR 2016): every layer
    divides the relevance of its outputs among its inputs by its rule, so that

        score = sum_p R_p + what biases and other sinks took.

    Through a dense layer or convolution relevance goes by the rule that the
    composite has for it; batch normalisation is folded into the layer beside
    it. Activations, dropout, response normalisation and what only scales and
    shifts the input hand on all of it. Maximum pooling gives it to the
    winner; average pooling, sums and weighted sums divide it in proportion.
    In a product with a gate (sigmoid, softmax, attention, a mask, a gate of
    an LSTM) the signal takes all; factors alike take equal parts.

    Works in eager mode and inside of a `tf.function`. All is computed in
    float32 (float64 for models in float64), under every precision policy.

    Args:
        model: Functional or sequential Keras model, trained. Its layers run
            as in inference.
        inputs: What the model takes: arrays or tensors in its structure.
        target: What is explained. `"age"`: the output of that name, of
            several; `("gender", 1)`: one of its numbers; `1`: one number of
            the only output; an array of one number per example; a tuple of
            numbers for outputs of more axes. Outputs of a list are named 0, 1
            and so on. Without a number: the highest
            score of each example, or the only one.
        composite: `Composite`, or its name in `COMPOSITES`.
        keep: Names of layers whose output's relevance is wanted. A layer of a
            nested model has the model's name before its own, as in
            `"encoder/conv1"`; what is called several times is numbered from
            its second call on, as in `"conv1 (2)"`.
        renormalize: Whether after every layer the relevance is scaled so that
            its sum stays, whatever biases and stabilisers took.
        strict: Share of the score that a single layer may lose to
            stabilisers and rounding; None: any.

    Returns:
        `Relevance`.

    Raises:
        ValueError: Before anything is computed: if the model is not
            functional or not built, has no such target, no such layer to
            keep, a layer without a rule (see `register`), or a softmax that
            relevance would have to pass. Then: if an input has another
            structure, or a score or relevance is not finite.
        ConservationError: If a layer loses more than `strict` allows.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> model.set_weights([np.array([[3.0], [-1.0]]), np.array([0.5])])
    >>> result = relevance(model, np.array([[2.0, 1.0]]), composite="epsilon")
    >>> result.inputs.numpy().round(3).tolist()  # 3 * 2 and -1 * 1
    [[6.0, -1.0]]
    >>> result.conservation.sinks()["bias"].numpy().round(3).tolist()
    [0.5]
    """
    propagator = Propagator(
        model,
        target,
        composite,
        keep=keep,
        renormalize=renormalize,
        strict=strict,
    )
    return propagator.explain(inputs, compiled=False)


class Propagator:
    """`relevance`, prepared and compiled for many inputs of one model.

    What is prepared are the rules, not the weights: a model that has been
    trained on is explained as it is now. The first call compiles, which
    takes seconds; the others run two to three times as fast as `relevance`.

    Args:
        model: See `relevance`.
        target: See `relevance`.
        composite: See `relevance`.
        keep: See `relevance`.
        renormalize: See `relevance`.
        strict: See `relevance`.

    Raises:
        ValueError: See `relevance`.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    >>> propagator = Propagator(model, composite="epsilon")
    >>> propagator(np.ones((4, 2))).score.shape
    TensorShape([4])
    """

    def __init__(
        self,
        model,
        target=None,
        composite="alpha_beta",
        *,
        keep=(),
        renormalize=False,
        strict=None,
    ):
        self._graph = read_graph(model)
        self._start = Start(self._graph, target)
        composite = get_composite(composite)
        if strict is not None and not strict >= 0:
            raise ValueError(
                "`strict` must be a share of the score, 0 or more, or None. "
                f"Received: strict={strict}"
            )
        self._network = Network(
            self._graph,
            composite,
            [self._start.slot],
            keep=(keep,) if isinstance(keep, str) else tuple(keep),
            renormalize=renormalize,
        )
        for name in sorted(set(composite.layers) - self._network.layers):
            raise ValueError(
                "`composite.layers` must name layers that relevance passes: "
                f"{', '.join(sorted(self._network.layers))}. Received: {name!r}"
            )
        self._strict = strict
        # One function for batches of every size and clips of every length.
        self._compiled = tf.function(
            self._propagate,
            autograph=False,
            input_signature=[
                keras.tree.map_structure(
                    lambda slot: tf.TensorSpec(
                        slot.spec.shape, slot.spec.dtype
                    ),
                    self._graph.inputs,
                )
            ],
        )

    def __call__(self, inputs):
        """Explains a batch; see `relevance`."""
        return self.explain(inputs)

    def explain(self, inputs, compiled=True):
        """Explains a batch.

        Args:
            inputs: See `relevance`.
            compiled: Whether the computation is compiled first.

        Returns:
            `Relevance`.
        """
        inputs = self._as_tensors(inputs)
        self._start.check_batch(keras.tree.flatten(inputs)[0].shape[0])
        if compiled and tf.executing_eagerly():
            result = self._compiled(inputs)
        else:
            result = self._propagate(inputs)
        _check_finite(result.score, "The model's score is not finite")
        for name, step in result.conservation.steps.items():
            message = f"The relevance behind {name!r} is not finite"
            _check_finite(step["handed_on"], message)
        if self._strict is not None:
            result.conservation.check(self._strict)
        return result

    def _propagate(self, inputs):
        values, masks = self._network.forward(inputs)
        score, first = self._start.relevance(values)
        found = self._network.backward(values, masks, {self._start.slot: first})
        of_inputs = keras.tree.map_structure(
            lambda slot: found.relevance.get(slot), self._graph.inputs
        )
        return Relevance(
            of_inputs, score, found.kept, Conservation(score, found.steps)
        )

    def _as_tensors(self, inputs):
        """The inputs in the dtypes that the model takes, checked."""
        expected = self._graph.inputs
        try:
            keras.tree.assert_same_structure(expected, inputs)
        except ValueError as error:
            raise ValueError(
                "The inputs must have the structure of the model's: "
                f"{_structure(expected)}. Received: {_structure(inputs)}"
            ) from error

        def convert(slot, x):
            if tf.is_tensor(x):
                x = tf.cast(x, slot.spec.dtype)
            else:
                x = tf.convert_to_tensor(np.asarray(x, slot.spec.dtype))
            if not _fits(x.shape, slot.spec.shape):
                raise ValueError(
                    f"The input {slot.spec.name!r} must have the shape "
                    f"{tuple(slot.spec.shape)}. Received: {tuple(x.shape)}"
                )
            if x.dtype.is_floating:
                _check_finite(x, f"The input {slot.spec.name!r} is not finite")
            return x

        return keras.tree.map_structure(convert, expected, inputs)


def _structure(inputs):
    if isinstance(inputs, dict):
        return f"a dict of {', '.join(map(repr, inputs))}"
    if isinstance(inputs, list | tuple):
        return f"a {type(inputs).__name__} of {len(inputs)}"
    return "one array"


def _fits(shape, expected):
    return shape.rank == len(expected) and all(
        e is None or s is None or s == e for s, e in zip(shape, expected)
    )


def _check_finite(values, message):
    """Raises where a value is not finite, in a graph when it runs."""
    if not tf.executing_eagerly():
        tf.debugging.assert_all_finite(values, message)
    elif not bool(tf.reduce_all(tf.math.is_finite(values))):
        where = np.flatnonzero(
            ~np.isfinite(values.numpy().reshape(len(values), -1)).all(axis=1)
        )
        raise ValueError(f"{message}. Received: example {where[0]}")
