"""Which function takes relevance through which layer.

Importing the modules that end in `_layers` fills the registry.
"""

import dataclasses
import inspect
from collections.abc import Callable

import keras
import tensorflow as tf

from fdin_tf.explain.lrp.composites import Composite
from fdin_tf.explain.lrp.graph import Graph
from fdin_tf.explain.lrp.graph import Step

_HANDLERS = {}  # of a class, or of the name of an operation's class


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is known of a step before anything is computed.

    Attributes:
        step: `Step`.
        graph: `Graph` that it is in.
        composite: `Composite`.
        is_first: Whether no layer with weights stands before it.
        is_start: Whether relevance is first known of its output, before a
            softmax or sigmoid of its own.
        keep: Names of the steps inside of it whose relevance is wanted.
        reached: Slots that relevance is known of.
        renormalize: See `relevance`.
    """

    step: Step
    graph: Graph
    composite: Composite
    is_first: bool = False
    is_start: bool = False
    keep: tuple = ()
    reached: frozenset = frozenset()
    renormalize: bool = False

    def rule(self, kind):
        """The composite's rule for this step."""
        return self.composite.rule(
            kind, self.step.operation.name, self.is_first
        )


@dataclasses.dataclass(frozen=True)
class Call:
    """What a step was given and gave.

    Attributes:
        step: `Step`.
        inputs: Tensors, as `step.inputs`; numbers in the dtype of relevance.
        outputs: Tensors, as `step.outputs`, likewise.
        mask: The mask that Keras hands on beside the first input, or None.
    """

    step: Step
    inputs: list
    outputs: list
    mask: tf.Tensor | None = None

    def recompute(self, inputs):
        """The operation in the dtype of relevance, whatever its own.

        Args:
            inputs: Tensors in place of `inputs`.

        Returns:
            List of tensors.
        """
        values = dict(zip(self.step.inputs, inputs))
        args, kwargs = fill(self.step, values)
        operation = self.step.operation
        takes_mask = "mask" in inspect.signature(operation.call).parameters
        if takes_mask and self.mask is not None:
            kwargs.setdefault("mask", self.mask)
        return keras.tree.flatten(operation.call(*args, **kwargs))


def fill(step, values):
    """Arguments of a step with tensors in place of slots."""
    return keras.tree.map_structure(
        lambda x: values.get(x, x) if x.__hash__ else x,
        (step.args, step.kwargs),
    )


@dataclasses.dataclass(frozen=True)
class Handler:
    """How relevance goes through operations of a kind.

    Attributes:
        prepare: Function of a `Setting` to the function `(call, relevances)
            -> (relevances of the inputs, sinks)`. Relevances are lists with
            None where there is none; sinks are dicts from a name to what it
            took, `(batch,)`. It raises ValueError where relevance cannot
            pass.
        signals: Function of a `Setting`'s step and graph to the indices of
            the inputs that receive relevance.
        is_weighted: Whether layers behind it are no first ones.
    """

    prepare: Callable
    signals: Callable
    is_weighted: bool = False


def all_inputs(step, graph):
    """Indices of all inputs that may carry relevance."""
    return [i for i, slot in enumerate(step.inputs) if slot.carries]


def first_input(step, graph):
    """Index of the first input."""
    return [0]


def handles(*operations, signals=all_inputs, is_weighted=False):
    """Decorator of a handler's `prepare`.

    Args:
        *operations: Classes of layers, or names of classes of operations.
        signals: See `Handler`.
        is_weighted: See `Handler`.
    """

    def decorate(prepare):
        handler = Handler(prepare, signals, is_weighted)
        _HANDLERS.update(dict.fromkeys(operations, handler))
        return prepare

    return decorate


def register(layer_class, propagate, signals=None):
    """Teaches relevance propagation a further layer.

    Args:
        layer_class: Class of the layer; its subclasses are taught too.
        propagate: Function `(layer, inputs, outputs, relevances)` of the
            layer, lists of its input and output tensors, and a list of the
            relevance of every output (None where it has none), to a list of
            the relevance of every input (None likewise). What it does not
            hand on is reported as lost.
        signals: Indices of the inputs that receive relevance; None: all that
            hold numbers.

    Raises:
        ValueError: If `layer_class` is no class.

    Example:

    >>> register(
    ...     keras.layers.UnitNormalization,
    ...     lambda layer, inputs, outputs, relevances: relevances,
    ... )
    """
    if not isinstance(layer_class, type):
        raise ValueError(
            "`layer_class` must be a class of layers. "
            f"Received: layer_class={layer_class!r}"
        )

    def prepare(setting):
        def through(call, relevances):
            layer = call.step.operation
            return propagate(layer, call.inputs, call.outputs, relevances), {}

        return through

    chosen = all_inputs if signals is None else lambda step, graph: signals
    _HANDLERS[layer_class] = Handler(prepare, chosen)


def _find(operation):
    for kind in type(operation).__mro__:
        if kind in _HANDLERS:
            return _HANDLERS[kind]
    if isinstance(operation, keras.layers.Layer):
        return None
    return _HANDLERS.get(type(operation).__name__)


def has_weights(step):
    """Whether no layer behind this step is a first one."""
    handler = _find(step.operation)
    return handler is not None and handler.is_weighted


def handler_of(step):
    """The handler of a step.

    Args:
        step: `Step`.

    Returns:
        `Handler`.

    Raises:
        ValueError: If there is none; names the step and the remedy.
    """
    operation = step.operation
    handler = _find(operation)
    if handler is not None:
        return handler
    raise ValueError(
        "No rule is known that takes relevance through "
        f"{type(operation).__name__}; teach one by `fdin_tf.explain.lrp."
        f"register({type(operation).__name__}, ...)`. Received: layer="
        f"{step.name!r}"
    )
