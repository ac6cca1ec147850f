"""Long short-term memory, as fast as a plain loop can be."""

import math

import keras
from keras import ops

from layers.lstm_recurrence import lstm_recurrence
from layers.lstm_recurrence import make_cudnn_lstm


@keras.saving.register_keras_serializable(package="fdin_tf")
class SequenceLSTM(keras.layers.Layer):
    """The LSTM of `keras.layers.LSTM`, faster on long sequences.

    With `z_t = x_t W + b` and the gates in the order of Keras:

        i_t, f_t, o_t = sigmoid of their quarter of (z_t + h_(t-1) U)
        g_t           = tanh    of its   quarter of (z_t + h_(t-1) U)
        c_t = f_t c_(t-1) + i_t g_t
        h_t = o_t tanh(c_t)

    Where the mask is False, `h` and `c` stay what they were, so that padding
    never changes an answer; until its first real step, a sequence gives its
    initial state (`keras.layers.LSTM` gives zeros there, so a clip in chunks
    would differ). The weights have the names, shapes and initial values of
    `keras.layers.LSTM`: `set_weights` takes those of one for the other.

    On TensorFlow all `z_t` are one matrix product before the loop, and
    training has a hand-written gradient whose weight gradients are one
    product each over all steps. Inference (`training=False`) stores no
    intermediate value. On a GPU, training goes through cuDNN where cuDNN
    allows the mask; inference does not, so that an exported model runs on any
    machine. Products are taken in the compute dtype and the gates in at least
    float32. Training has first-order gradients only; asking for a second-order
    one is an error.

    Args:
        units: Number of units of `h` and of `c`.
        return_sequences: Whether to return `h_t` of every step, rather than
            of the last step.
        return_state: Whether to return the last `h` and `c` as well.
        **kwargs: Base layer arguments, such as `name` and `dtype`.

    Call arguments:
        sequence: Float tensor of shape `(batch, ..., frames, features)`. Each
            row of the axes between batch and frames is a sequence of its own;
            `batch` and `frames` may be unknown.
        mask: Optional bool tensor of shape `(batch, frames)`, True where a
            frame is real. Any pattern is allowed.
        initial_state: Optional pair `h`, `c` to begin with, each of shape
            `(batch, ..., units)`; zeros by default. The state that
            `return_state` gave for one part of a long clip goes in here with
            the next part.
        training: Whether gradients will be taken (chooses the faster path; the
            result is the same).

    Returns:
        `h`, float tensor of shape `(batch, ..., units)`, or
        `(batch, ..., frames, units)` with `return_sequences`, in (-1, 1). With
        `return_state`, a tuple of it and of the last `h` and `c`, each of
        shape `(batch, ..., units)`.

    Raises:
        ValueError: If `units` is no positive integer, if `features` is
            unknown or changes, if the mask is not of rank 2, or if
            `initial_state` is no pair.

    Example:

    >>> frames = keras.Input(shape=(9, None, 32))  # 9 regions of any length
    >>> mask = keras.Input(shape=(None,), dtype="bool")
    >>> SequenceLSTM(16)(frames, mask=mask).shape
    (None, 9, 16)

    Reference:
    - [Hochreiter and Schmidhuber, 1997](
      https://doi.org/10.1162/neco.1997.9.8.1735), with the forget gate of
      [Gers et al., 2000](https://doi.org/10.1162/089976600300015015).
    """

    def __init__(
        self, units, return_sequences=False, return_state=False, **kwargs
    ):
        super().__init__(**kwargs)
        if not isinstance(units, int) or units < 1:
            raise ValueError(
                f"`units` must be a positive integer. Received: units={units!r}"
            )
        self.units = units
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.input_spec = keras.layers.InputSpec(min_ndim=3)
        self.supports_masking = True
        # TensorFlow is slower with XLA on a CPU, cuDNN has none; JAX is XLA.
        self.supports_jit = keras.backend.backend() != "tensorflow"
        self._cudnn_lstm = None

    def build(self, sequence_shape, initial_state_shape=None):
        features = sequence_shape[-1]
        if features is None:
            raise ValueError(
                "`features` must be known when `SequenceLSTM` is built. "
                f"Received: sequence_shape={sequence_shape}"
            )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(features, 4 * self.units),
            initializer="glorot_uniform",
        )
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel",
            shape=(self.units, 4 * self.units),
            initializer="orthogonal",
        )
        self.bias = self.add_weight(
            name="bias", shape=(4 * self.units,), initializer=_forget_bias
        )
        self.input_spec = keras.layers.InputSpec(
            min_ndim=3, axes={-1: features}
        )
        self._cudnn_lstm = make_cudnn_lstm(self)

    def call(self, sequence, mask=None, initial_state=None, training=False):
        *batch, frames, features = ops.shape(sequence)
        rows = math.prod(batch)
        # Time-major: (frames, rows, features), one sequence per row.
        steps = ops.moveaxis(sequence, -2, 0)
        steps = ops.reshape(steps, (frames, rows, features))
        if mask is not None:
            mask = self._mask_of_rows(mask, rows_per_clip=math.prod(batch[1:]))
        output, h, c = lstm_recurrence(
            steps,
            (self.kernel, self.recurrent_kernel, self.bias),
            mask,
            *self._state_of_rows(initial_state, rows),
            return_sequences=self.return_sequences,
            training=training,
            cudnn_lstm=self._cudnn_lstm,
        )
        h = ops.reshape(h, (*batch, self.units))
        c = ops.reshape(ops.cast(c, h.dtype), (*batch, self.units))
        if self.return_sequences:
            output = ops.reshape(output, (frames, *batch, self.units))
            output = ops.moveaxis(output, 0, -2)
        else:
            output = h
        return (output, h, c) if self.return_state else output

    def _mask_of_rows(self, mask, rows_per_clip):
        """(batch, frames) to (frames, rows, 1)."""
        if len(mask.shape) != 2:
            raise ValueError(
                "The mask of `SequenceLSTM` must have the shape "
                f"(batch, frames). Received: mask.shape={tuple(mask.shape)}"
            )
        mask = ops.repeat(ops.cast(mask, "bool"), rows_per_clip, axis=0)
        return ops.expand_dims(ops.transpose(mask), -1)

    def _state_of_rows(self, initial_state, rows):
        """Two of (batch, ..., units), or None, to two of (rows, units)."""
        dtype = self.compute_dtype
        cell_dtype = keras.backend.result_type(dtype, "float32")
        if initial_state is None:
            shape = (rows, self.units)
            return ops.zeros(shape, dtype), ops.zeros(shape, cell_dtype)
        if len(initial_state) != 2:
            raise ValueError(
                "`initial_state` must be the pair h, c. "
                f"Received: initial_state={initial_state}"
            )
        h, c = (ops.reshape(s, (rows, self.units)) for s in initial_state)
        return ops.cast(h, dtype), ops.cast(c, cell_dtype)

    def compute_mask(self, sequence, mask=None):
        output_mask = mask if self.return_sequences else None
        return (output_mask, None, None) if self.return_state else output_mask

    def compute_output_shape(self, sequence_shape, initial_state_shape=None):
        *batch, frames, _ = sequence_shape
        state = (*batch, self.units)
        output = (
            (*batch, frames, self.units) if self.return_sequences else state
        )
        return (output, state, state) if self.return_state else output

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
        }


def _forget_bias(shape, dtype=None):
    """Zeros, and ones for the forget gate: a cell that begins by keeping."""
    i, f, g, o = ops.split(ops.zeros(shape, dtype), 4)
    return ops.concatenate([i, ops.ones_like(f), g, o])
