"""The score that relevance propagation starts from."""

import numpy as np
import tensorflow as tf

from fdin_tf.explain.lrp import gates
from fdin_tf.explain.lrp.affine import AFFINE_LAYERS
from fdin_tf.explain.lrp.keras_layers import map_of


class Start:
    """One score of each example, and where it stands in the graph.

    A softmax or sigmoid at the end is taken off: its own input is the score.

    Args:
        graph: `Graph`.
        target: See `relevance`.

    Attributes:
        slot: The slot that relevance is first known of.

    Raises:
        ValueError: If the model has no such output.
    """

    def __init__(self, graph, target):
        name, self._index = _parse(target, graph.outputs)
        outputs = graph.outputs
        self.slot = outputs if name is None else outputs[name]
        self._target = target
        step = graph.producers.get(self.slot)
        while step is not None and gates.is_taken_off(step.operation):
            (self.slot,) = step.inputs
            step = graph.producers.get(self.slot)
        # The pre-activation of a layer with a softmax or sigmoid of its own.
        self._step = None
        if (
            step is not None
            and isinstance(step.operation, AFFINE_LAYERS)
            and gates.is_squashing(step.operation.activation)
        ):
            self._step = step
        self._check_index()

    def check_batch(self, size):
        """Raises ValueError unless there is one target per example.

        Args:
            size: Number of examples; None: unknown.

        Raises:
            ValueError: If `target` holds an array of another length.
        """
        lengths = {len(i) for i in self._index or () if i.ndim}
        if size is not None and lengths - {size}:
            raise ValueError(
                f"`target` must be one number, or one of each of the {size} "
                f"examples. Received: {max(lengths - {size})} numbers"
            )

    def relevance(self, values):
        """The score of each example, and the relevance of all its slot.

        Args:
            values: Dict from a slot to its tensor.

        Returns:
            Tensors `(batch,)`, and like the slot: the score in its place, and
            0 elsewhere.
        """
        if self._step is None:
            z = values[self.slot]
        else:
            x = values[self._step.inputs[0]]
            z = map_of(self._step.operation, x)(x)
        z = z if z.dtype == tf.float64 else tf.cast(z, tf.float32)
        shape = tf.shape(z)
        flat = tf.reshape(z, (shape[0], -1))
        place = self._places(flat, shape)
        is_chosen = tf.one_hot(place, tf.shape(flat)[1], dtype=z.dtype)
        first = flat * is_chosen
        return tf.reduce_sum(first, axis=1), tf.reshape(first, shape)

    def _places(self, flat, shape):
        if self._index is None:
            return tf.argmax(flat, axis=1, output_type="int32")
        place = tf.zeros(shape[:1], "int32")
        for axis, index in enumerate(self._index, start=1):
            place = place * shape[axis] + tf.cast(index, "int32")
        return place

    def _check_index(self):
        sizes = self.slot.spec.shape[1:]
        if self._index is None:
            if len(sizes) > 1:
                raise ValueError(
                    "`target` must say which number of the output of shape "
                    f"{self.slot.spec.shape} is explained. "
                    f"Received: target={self._target!r}"
                )
            return
        fits = len(self._index) == len(sizes) and all(
            size is None or np.all((index >= 0) & (index < size))
            for index, size in zip(self._index, sizes)
        )
        if not fits:
            raise ValueError(
                f"`target` must be a number within {sizes}, counted from 0. "
                f"Received: target={self._target!r}"
            )


def _parse(target, outputs):
    """A target as name of the output (None: the only one) and index."""
    if isinstance(outputs, list | tuple):
        outputs = dict(enumerate(outputs))  # named by their places
    if not isinstance(outputs, dict):
        if isinstance(target, str):
            raise ValueError(
                "`target` must be a number of the only output, which has no "
                f"name. Received: target={target!r}"
            )
        return None, _as_index(target, target)
    whole = target if isinstance(target, tuple) else (target,)
    first = whole[0] if whole else None
    name, index = None, target
    if len(outputs) == 1 and not isinstance(first, str):
        (name,) = outputs
    elif isinstance(first, str | int) and first in outputs:
        name, index = first, whole[1:]
    if name is None:
        raise ValueError(
            "`target` must name one of the outputs "
            f"{', '.join(map(repr, outputs))}. Received: target={target!r}"
        )
    return name, _as_index(index, target)


def _as_index(index, target):
    """None, or one integer or array of integers per axis."""
    if index is None or (isinstance(index, tuple) and not index):
        return None
    index = index if isinstance(index, tuple) else (index,)
    index = tuple(map(np.asarray, index))
    if any(i.ndim > 1 or i.dtype.kind not in "iu" for i in index):
        raise ValueError(
            "`target` must be a whole number, or an array of one per example. "
            f"Received: target={target!r}"
        )
    return index
