"""The bounds of a network's input, where its first layer meets them."""

import tensorflow as tf

from fdin_tf.explain.lrp.registry import fill

# Every value of these changes with one value of the input, up or down.
_ONE_TO_ONE = {
    "Rescaling", "Normalization", "BatchNormalization", "Cast", "Identity",
    "Dropout", "GaussianNoise", "Add", "Subtract", "Multiply", "Divide",
    "TrueDivide", "Negative", "GetItem", "Take", "Flip", "Transpose",
    "Permute", "Reshape", "Flatten", "ZeroPadding2D", "Pad",
}  # fmt: skip
# Of these it matters how many values there are.
_SIZED = {
    "GetItem", "Take", "Reshape", "Flatten", "ZeroPadding2D", "Pad",
}  # fmt: skip


def bounds_of(step, graph):
    """How bounds of the network's input change on the way to a layer.

    Args:
        step: `Step` that the bounds are wanted for.
        graph: `Graph` that it is in.

    Returns:
        Function of the least and the largest value of the input to the pair
        of both at the layer, as tensors that broadcast to its input.

    Raises:
        ValueError: If more than scaling, shifting and reordering stands
            between the two.
    """
    chain, slot = [], step.inputs[0]
    while slot in graph.producers:
        before = graph.producers[slot]
        if (
            type(before.operation).__name__ not in _ONE_TO_ONE
            or len(before.inputs) != 1
        ):
            raise ValueError(
                "The rule `ZBox` needs bounds of the pixels, which are not "
                f"known behind {type(before.operation).__name__}; take "
                f"another rule for the first layer. Received: {step.name!r}"
            )
        chain.insert(0, before)
        (slot,) = before.inputs
    shape = [1 if n is None else n for n in slot.spec.shape]
    is_sized = any(type(s.operation).__name__ in _SIZED for s in chain)
    if is_sized and None in slot.spec.shape[1:]:
        raise ValueError(
            "The rule `ZBox` needs an input of known size behind what pads, "
            f"cuts or reshapes it. Received: shape={slot.spec.shape}, "
            f"layer={step.name!r}"
        )

    def at_layer(low, high):
        ends = []
        for value in (low, high):
            end = tf.fill(shape, float(value))
            for before in chain:
                args, kwargs = fill(before, [end])
                end = before.operation.call(*args, **kwargs)
            ends.append(tf.convert_to_tensor(end))
        return tf.minimum(*ends), tf.maximum(*ends)

    return at_layer
