"""Importance of every relation between two facial regions."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="fdin_tf")
class RelationalImportance(keras.layers.Layer):
    """Softmax importance of each relation, taken over all region pairs.

    For the relation `r_ij` of the regions `i` and `j`:

        lambda_ij = exp(W_ij r_ij + b_ij) / sum_kl exp(W_kl r_kl + b_kl)

    Every pair owns its `W_ij` and `b_ij`, so pair `p` must mean the same two
    regions in every batch. Masking is not supported. The items that are
    weighed need not be pairs: given one row per region, it is the importance
    of regions.

    With `entropy_penalty` above 0, the layer adds to the loss of its model

        entropy_penalty * mean over clips of -sum_ij lambda_ij log lambda_ij

    in nats. That is 0 where a clip puts all importance on one pair and
    `log(pairs)` (3.58 for 36 pairs) where it is spread evenly, so training
    concentrates it. As with every regularizer of Keras, losses that are
    evaluated hold it too.

    Args:
        kernel_initializer: Initializer of the weights `W`.
        bias_initializer: Initializer of the biases `b`.
        kernel_regularizer: Optional regularizer of the weights `W`.
        entropy_penalty: Weight of the importance's entropy in the loss, 0 or
            more. 0, the default, is the published layer.
        entropy_delay: Training steps before the penalty sets in; too early,
            it settles on a pair before anything is learnt.
        **kwargs: Base layer arguments, such as `name` and `dtype`.

    Call arguments:
        relations: Float tensor of shape `(batch, pairs, features)`. `batch`
            may be unknown; `pairs` and `features` may not.

    Returns:
        Float32 tensor of shape `(batch, pairs)`. No unit; each row sums to 1.

    Raises:
        ValueError: If `entropy_penalty` is negative or not finite, if
            `entropy_delay` is no integer from 0, if the input has not rank 3,
            if `pairs` or `features` is unknown, or if either differs from the
            shape at build time.

    Example:

    >>> relations = keras.Input(shape=(36, 64))  # 9 regions give 36 pairs
    >>> RelationalImportance()(relations).shape
    (None, 36)

    Reference:
    - [Kim and Ro, ECCV 2018](https://arxiv.org/abs/1711.10688), definition of
      the relational importance `lambda_ij`.
    """

    def __init__(
        self,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        entropy_penalty=0.0,
        entropy_delay=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not 0 <= entropy_penalty < math.inf:
            raise ValueError(
                "`entropy_penalty` must be a finite number, 0 or more. "
                f"Received: entropy_penalty={entropy_penalty}"
            )
        if not isinstance(entropy_delay, int) or entropy_delay < 0:
            raise ValueError(
                "`entropy_delay` must be a number of steps, 0 or more. "
                f"Received: entropy_delay={entropy_delay}"
            )
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.entropy_penalty = entropy_penalty
        self.entropy_delay = entropy_delay
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def build(self, input_shape):
        _, pairs, features = input_shape
        if pairs is None or features is None:
            raise ValueError(
                "`RelationalImportance` owns one weight vector per pair, so "
                "`pairs` and `features` must be known when it is built. "
                f"Received: input_shape={input_shape}"
            )
        # Column p is W of pair p: initializers then read fan_in = features.
        self.kernel = self.add_weight(
            name="kernel",
            shape=(features, pairs),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )
        self.bias = self.add_weight(
            name="bias", shape=(pairs,), initializer=self.bias_initializer
        )
        if self.entropy_delay:
            self.steps = self.add_weight(
                name="steps",
                shape=(),
                dtype="int32",
                initializer="zeros",
                trainable=False,
            )
        self.input_spec = keras.layers.InputSpec(
            ndim=3, axes={1: pairs, 2: features}
        )

    def call(self, relations, training=False):
        scores = ops.einsum("bpf,fp->bp", relations, self.kernel) + self.bias
        # Half precision would let the row sums drift by a thousandth.
        scores = ops.cast(scores, "float32")
        importance = ops.softmax(scores, axis=-1)
        if self.entropy_penalty:
            # The logarithm of the scores is finite where a lambda is 0.
            logs = ops.log_softmax(scores, axis=-1)
            entropy = -ops.sum(importance * logs, axis=-1)
            self.add_loss(self._penalty(training) * ops.mean(entropy))
        return importance

    def _penalty(self, training):
        """The penalty's weight in this step, which is counted."""
        if not self.entropy_delay:
            return self.entropy_penalty
        has_begun = ops.cast(self.steps >= self.entropy_delay, "float32")
        if training:
            self.steps.assign(self.steps + 1)
        return self.entropy_penalty * has_begun

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[:-1])

    def compute_output_spec(self, relations, training=False):
        shape = self.compute_output_shape(relations.shape)
        return keras.KerasTensor(shape, dtype="float32")

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_initializer": keras.initializers.serialize(
                self.kernel_initializer
            ),
            "bias_initializer": keras.initializers.serialize(
                self.bias_initializer
            ),
            "kernel_regularizer": keras.regularizers.serialize(
                self.kernel_regularizer
            ),
            "entropy_penalty": self.entropy_penalty,
            "entropy_delay": self.entropy_delay,
        }
