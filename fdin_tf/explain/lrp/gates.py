"""What only weighs a signal, and therefore receives no relevance.

In a product of a gate and a signal, the signal takes all (Arras et al.,
WASSA 2017): the gate says how much of it counts, not what it is.
"""

import keras

from layers import RelationalImportance

_SQUASHING = (
    keras.activations.sigmoid,
    keras.activations.hard_sigmoid,
    keras.activations.softmax,
)
_SOFTMAX = (
    keras.activations.softmax,
    keras.activations.log_softmax,
    keras.activations.sparsemax,
)
_GATES = {"Sigmoid", "HardSigmoid", "Softmax", "RelationalImportance"}
_SAME_VALUES = {
    "Reshape", "Permute", "Flatten", "RepeatVector", "Transpose", "Squeeze",
    "ExpandDims", "Cast", "Identity", "Dropout", "BroadcastTo", "Repeat",
    "GetItem",
}  # fmt: skip


def is_gate(slot, graph):
    """Whether a tensor weighs what it is multiplied with.

    Args:
        slot: `Slot`.
        graph: `Graph` that it is in.

    Returns:
        True for what comes out of a sigmoid, a softmax or
        `RelationalImportance`, and for what does not depend on the numbers
        of the input at all, such as a mask.
    """
    if slot not in graph.variable:
        return True
    step = graph.producers.get(slot)
    while step and type(step.operation).__name__ in _SAME_VALUES:
        step = graph.producers.get(step.inputs[0])
    if step is None:
        return False
    operation = step.operation
    return (
        type(operation).__name__ in _GATES
        or isinstance(operation, RelationalImportance)
        or getattr(operation, "activation", None) in _SQUASHING
    )


def ungated(step, graph):
    """Which factors of a product receive relevance.

    Args:
        step: `Step` of a product.
        graph: `Graph` that it is in.

    Returns:
        Indices of the inputs that are no gates; of all that depend on the
        input, where every one of these is a gate.
    """
    variable = [
        i for i, slot in enumerate(step.inputs) if slot in graph.variable
    ]
    signals = [i for i in variable if not is_gate(step.inputs[i], graph)]
    return signals or variable


def refuse_softmax(step, activation):
    """Raises ValueError if relevance would have to pass a softmax.

    Args:
        step: `Step`.
        activation: Its activation function, or None.

    Raises:
        ValueError: If that is a softmax.
    """
    if activation in _SOFTMAX:
        raise ValueError(
            "Relevance starts before a softmax at the end of a network, and "
            "cannot pass one inside of it: explain the model without what "
            "follows the softmax. Received: layer="
            f"{step.name!r}"
        )


def is_squashing(activation):
    """Whether an activation turns scores into probabilities."""
    return activation in (*_SQUASHING, *_SOFTMAX)


def is_taken_off(operation):
    """Whether an operation at the end only squashes, casts or does nothing."""
    if isinstance(operation, keras.layers.Identity):
        return True
    if isinstance(operation, keras.layers.Softmax):
        return True
    if isinstance(operation, keras.layers.Activation):
        is_linear = operation.activation is keras.activations.linear
        return is_linear or is_squashing(operation.activation)
    return type(operation).__name__ in {
        "Sigmoid", "Softmax", "LogSoftmax", "Cast",
    }  # fmt: skip
