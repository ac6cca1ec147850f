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
from fdin_tf.explain.lrp.graph import Slot
from fdin_tf.explain.lrp.graph import Step
from fdin_tf.explain.lrp.rules import Epsilon

_HANDLERS = {}  # of a class, or of the name of an operation's class


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is known of a step before anything is computed.

    Attributes:
        step: `Step`.
        graph: `Graph` that it is in.
        composite: `Composite`.
        is_first: Whether no layer with weights stands before it.
        is_last: Whether no convolution comes behind it.
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
    is_last: bool = False
    is_start: bool = False
    keep: tuple = ()
    reached: frozenset = frozenset()
    renormalize: bool = False

    def rule(self, kind):
        """The composite's rule for this step."""
        return self.composite.rule(
            kind, self.step.operation.name, self.is_first, self.is_last
        )

    def epsilon(self, kind):
        """The stabiliser of its rule, where that must be `Epsilon`."""
        rule = self.rule(kind)
        if not isinstance(rule, Epsilon):
            raise ValueError(
                "What sums without a kernel, and recurrent layers, take the "
                f"rule `Epsilon` alone. Received: rule={rule!r}, "
                f"layer={self.step.name!r}"
            )
        return rule.epsilon


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
        args, kwargs = fill(self.step, inputs)
        operation = self.step.operation
        takes_mask = "mask" in inspect.signature(operation.call).parameters
        if takes_mask and self.mask is not None:
            kwargs.setdefault("mask", self.mask)
        outputs = keras.tree.flatten(operation.call(*args, **kwargs))
        # Constants of the operation may have widened it.
        dtype = next(x.dtype for x in inputs if x.dtype.is_floating)
        return [
            tf.cast(x, dtype) if x.dtype.is_floating else x for x in outputs
        ]


def fill(step, tensors):
    """Arguments of a step with tensors in place of slots.

    Args:
        step: `Step`.
        tensors: One per slot of `step.inputs`, which may name one twice.

    Returns:
        Tuple of positional, and dict of keyword arguments.
    """
    given = iter(tensors)
    return keras.tree.map_structure(
        lambda x: next(given) if isinstance(x, Slot) else x,
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
        any_call: Whether it also holds for subclasses with a `call` of their
            own.
    """

    prepare: Callable
    signals: Callable
    is_weighted: bool = False
    any_call: bool = False


def all_inputs(step, graph):
    """Indices of all inputs that may carry relevance."""
    return [i for i, slot in enumerate(step.inputs) if slot in graph.variable]


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

    >>> class Mine(keras.layers.Layer):
    ...     def call(self, x):
    ...         return 2 * x
    >>> register(Mine, lambda layer, inputs, outputs, relevances: relevances)
    """
    if not isinstance(layer_class, type):
        raise ValueError(
            "`layer_class` must be a class of layers. "
            f"Received: layer_class={layer_class!r}"
        )

    def prepare(setting):
        def through(call, relevances):
            layer = call.step.operation
            shares = propagate(layer, call.inputs, call.outputs, relevances)
            _check_shares(shares, call, layer_class)
            return shares, {}

        return through

    chosen = all_inputs if signals is None else lambda step, graph: signals
    _HANDLERS[layer_class] = Handler(prepare, chosen, any_call=True)


def _check_shares(shares, call, layer_class):
    fits = (
        isinstance(shares, list | tuple)
        and len(shares) == len(call.inputs)
        and all(
            r is None or x.shape.is_compatible_with(r.shape)
            for x, r in zip(call.inputs, shares)
        )
    )
    if not fits:
        raise ValueError(
            f"What is registered for {layer_class.__name__} must give a list "
            "with the relevance of every input, in its shape. Received: "
            f"{keras.tree.map_structure(_shape, shares)!r}"
        )


def _shape(relevance):
    return None if relevance is None else tuple(relevance.shape)


def _find(operation):
    for kind in type(operation).__mro__:
        handler = _HANDLERS.get(kind)
        if handler and (handler.any_call or has_call_of(operation, kind)):
            return handler
    if isinstance(operation, keras.layers.Layer):
        return None
    return _HANDLERS.get(type(operation).__name__)


def has_call_of(operation, kind):
    """Whether an operation computes what its class `kind` does."""
    return getattr(type(operation), "call", None) is getattr(kind, "call", None)


def has_weights(step):
    """Whether no layer behind this step is a first one."""
    handler = _find(step.operation)
    if handler is None:
        return False
    is_taught = handler.any_call and bool(step.operation.weights)
    return handler.is_weighted or is_taught


def handler_of(step):
    """The handler of a step.

    Args:
        step: `Step`.

    Returns:
        `Handler`.

    Raises:
        ValueError: If there is none; names the step and the remedy.
    """
    handler = _find(step.operation)
    if handler is None:
        raise unknown(step)
    return handler


def unknown(step):
    """The error of a step that relevance cannot pass, with the remedy."""
    kind = taught = type(step.operation).__name__
    where = ""
    if not isinstance(step.operation, keras.layers.Layer):
        taught, where = "MyLayer", ", MyLayer a layer of yours that computes it"
    return ValueError(
        f"No rule is known that takes relevance through {kind}; teach one by "
        f"`fdin_tf.explain.lrp.register({taught}, ...)`{where}. Received: "
        f"layer={step.name!r}"
    )
