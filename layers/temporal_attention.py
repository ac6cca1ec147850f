"""Salience of every frame of a clip."""

import math

import keras
from keras import ops

_NEVER = -3e38  # the logarithm of a score that is as good as 0


@keras.saving.register_keras_serializable(package="fdin_tf")
class TemporalAttention(keras.layers.Layer):
    """Sums a clip up by the salience of its frames.

    For the hidden representation `z_t` of frame `t`, with sums over the real
    frames:

        e_t = sigmoid(v . tanh(M z_t + b) + c)                           (4)
        o_t = e_t / sum_t' e_t'                                          (5)
        s   = sum_t o_t z_t                                              (6)

    `o_t` is 0 where the mask is False, and nothing there has any influence. A
    clip without one real frame gives zeros. (Equation 5 is computed from
    `log e_t`, so that it sums to 1 however small the scores are.)

    `penalty` is not the paper's: it adds `penalty * mean e_t`, over the real
    frames of the batch, to the loss of training. Equation 5 leaves the size
    of the scores open; the penalty makes them fall where a frame does not
    help, which lets the others stand out.

    Args:
        units: Rows `n'` of `M`. None: as many as `z_t` has features.
        return_attention: Whether to return `o` as well.
        kernel_initializer: Initializer of `M` and `v`.
        bias_initializer: Initializer of `b` and `c`.
        kernel_regularizer: Optional regularizer of `M` and `v`.
        penalty: Weight in the loss of the mean score, 0 or more.
        penalty_delay: Training steps before the penalty sets in, so that a
            network first learns what pays.
        penalty_ramp: Training steps in which it then grows to its weight.
        **kwargs: Base layer arguments, such as `name` and `dtype`.

    Call arguments:
        sequence: Float tensor `z` of shape `(batch, frames, n)`. `batch` and
            `frames` may be unknown; `n` may not.
        mask: Optional bool tensor of shape `(batch, frames)`, True where a
            frame is real. Any pattern is allowed. It is not passed on to
            the next layer.
        training: Whether the penalty counts.

    Returns:
        `s`, tensor of shape `(batch, n)`. With `return_attention`, a tuple of
        it and of `o`, of shape `(batch, frames)`, which sums to 1 over the
        real frames of a clip. Both are float32 under every policy.

    Raises:
        ValueError: If `units` is neither None nor a positive integer, if the
            input has not rank 3, if `n` is unknown or changes, if the mask is
            not of rank 2, if `penalty` is negative or not finite, or if
            a delay or ramp is no number of steps.

    Example:

    >>> sequence = keras.Input((None, 256))  # clips of any length
    >>> layer = TemporalAttention(return_attention=True)
    >>> [output.shape for output in layer(sequence)]
    [(None, 256), (None, None)]

    Reference:
    - Pei et al., "Attended End-to-end Architecture for Age Estimation from
      Facial Expression Videos", IEEE Transactions on Image Processing 29,
      2020, [arXiv:1711.08690](https://arxiv.org/abs/1711.08690), equations 4
      to 6.
    """

    def __init__(
        self,
        units=None,
        return_attention=False,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        penalty=0.0,
        penalty_delay=0,
        penalty_ramp=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if units is not None and (not isinstance(units, int) or units < 1):
            raise ValueError(
                "`units` must be a positive integer, or None for as many as "
                f"the input has features. Received: units={units!r}"
            )
        if not 0 <= penalty < math.inf:
            raise ValueError(
                "`penalty` must be a finite number, 0 or more. "
                f"Received: penalty={penalty}"
            )
        for name, steps in (
            ("penalty_delay", penalty_delay),
            ("penalty_ramp", penalty_ramp),
        ):
            if not isinstance(steps, int) or steps < 0:
                raise ValueError(
                    f"`{name}` must be a number of steps, 0 or more. "
                    f"Received: {name}={steps}"
                )
        self.units = units
        self.return_attention = return_attention
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.penalty = penalty
        self.penalty_delay = penalty_delay
        self.penalty_ramp = penalty_ramp
        self.input_spec = keras.layers.InputSpec(ndim=3)
        self.supports_masking = True

    def build(self, input_shape):
        features = input_shape[-1]
        if features is None:
            raise ValueError(
                "The number of features must be known when "
                "`TemporalAttention` is built. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        units = self.units or features
        self.kernel = self.add_weight(
            name="kernel",
            shape=(features, units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )
        self.bias = self.add_weight(
            name="bias", shape=(units,), initializer=self.bias_initializer
        )
        self.fusion_kernel = self.add_weight(
            name="fusion_kernel",
            shape=(units, 1),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )
        # In float32 under every policy, as the scores are.
        self.fusion_bias = self.add_weight(
            name="fusion_bias",
            shape=(1,),
            initializer=self.bias_initializer,
            autocast=False,
        )
        if self.penalty_delay or self.penalty_ramp:
            self.steps = self.add_weight(
                name="steps",
                shape=(),
                dtype="int32",
                initializer="zeros",
                trainable=False,
            )
        self.input_spec = keras.layers.InputSpec(ndim=3, axes={-1: features})

    def call(self, sequence, mask=None, training=False):
        sequence, mask = self._real(sequence, mask)
        scores = self._scores(sequence)
        if training and self.trainable and self.penalty:
            self.add_loss(self._penalty() * _mean(ops.sigmoid(scores), mask))
        attention = _attention(scores, mask)
        # Half precision would let the sums drift by a hundredth.
        summary = ops.sum(attention * ops.cast(sequence, "float32"), axis=1)
        return (
            (summary, attention[..., 0]) if self.return_attention else summary
        )

    def attention(self, sequence, mask=None):
        """The weights `o_t` alone.

        Args:
            sequence: As in the call.
            mask: As in the call.

        Returns:
            Float32 tensor of shape `(batch, frames)`, see `return_attention`.
        """
        sequence, mask = self._real(sequence, mask)
        return _attention(self._scores(sequence), mask)[..., 0]

    def _real(self, sequence, mask):
        """The sequence with zeros in padding, and `(batch, frames, 1)`."""
        if mask is None:
            mask = ops.ones(ops.shape(sequence)[:2], "bool")
        if len(mask.shape) != 2:
            raise ValueError(
                "The mask of `TemporalAttention` must have the shape "
                f"(batch, frames). Received: mask.shape={tuple(mask.shape)}"
            )
        mask = ops.expand_dims(ops.cast(mask, "bool"), -1)
        return ops.where(mask, sequence, ops.zeros_like(sequence)), mask

    def _scores(self, sequence):
        hidden = ops.tanh(ops.matmul(sequence, self.kernel) + self.bias)
        scores = ops.matmul(hidden, self.fusion_kernel)
        return ops.cast(scores, "float32") + self.fusion_bias

    def _penalty(self):
        """The penalty's weight in this step, which is counted."""
        if not (self.penalty_delay or self.penalty_ramp):
            return self.penalty
        # The first step counts from 0; without a ramp, from 1 on the spot.
        begun = self.steps - self.penalty_delay + (not self.penalty_ramp)
        share = begun / max(self.penalty_ramp, 1)
        self.steps.assign(self.steps + 1)
        return self.penalty * ops.clip(ops.cast(share, "float32"), 0.0, 1.0)

    def compute_mask(self, sequence, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        batch, frames, features = input_shape
        summary = (batch, features)
        return (summary, (batch, frames)) if self.return_attention else summary

    def compute_output_spec(self, sequence, mask=None, training=False):
        return keras.tree.map_shape_structure(
            lambda shape: keras.KerasTensor(shape, dtype="float32"),
            self.compute_output_shape(sequence.shape),
        )

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "return_attention": self.return_attention,
            "kernel_initializer": keras.initializers.serialize(
                self.kernel_initializer
            ),
            "bias_initializer": keras.initializers.serialize(
                self.bias_initializer
            ),
            "kernel_regularizer": keras.regularizers.serialize(
                self.kernel_regularizer
            ),
            "penalty": self.penalty,
            "penalty_delay": self.penalty_delay,
            "penalty_ramp": self.penalty_ramp,
        }


def _attention(scores, mask):
    """Equation 5: sigmoid scores, divided by their sum over real frames."""
    logs = ops.where(mask, ops.log_sigmoid(scores), _NEVER)
    best = ops.max(logs, axis=1, keepdims=True, initial=_NEVER)
    attention = ops.where(mask, ops.exp(logs - best), 0.0)  # best: 1
    total = ops.sum(attention, axis=1, keepdims=True)
    return attention / ops.maximum(total, 1)


def _mean(scores, mask):
    """Mean over all real frames; 0 where there is none."""
    is_real = ops.cast(mask, "float32")
    return ops.sum(scores * is_real) / ops.maximum(ops.sum(is_real), 1)
