"""Salience of every place of a face."""

import math

import keras
from keras import ops

# Mechanism: whether the first layer (W, b) and the second (u, c) are owned by
# each place, or shared.
MECHANISMS = {
    "spatially_agnostic": (False, False),
    "fully_spatially_indexed": (True, True),
    "mediate_spatially_indexed": (False, True),
    "spatially_indexed": (True, False),
}


@keras.saving.register_keras_serializable(package="fdin_tf")
class SpatiallyIndexedAttention(keras.layers.Layer):
    """Weighs the feature vector of each place by its salience.

    For the feature vector `F_ij` at row `i` and column `j` of a map:

        A_ij = sigmoid(u . tanh(W_ij F_ij + b_ij) + c)                   (1)
        I_ij = A_ij F_ij                                                 (2)

    The mechanism says which weights each place owns, and which all places
    share. Biases go with the weights that they are added to:

    | mechanism                   | `W`, `b`  | `u`, `c`  |
    |-----------------------------|-----------|-----------|
    | `spatially_agnostic`        | shared    | shared    |
    | `fully_spatially_indexed`   | per place | per place |
    | `mediate_spatially_indexed` | shared    | per place |
    | `spatially_indexed`         | per place | shared    |

    Every place's matrix is drawn on its own, as the initializer draws one of
    shape `(c, units)`. Places are numbered row by row in the weights:
    `kernel[i * w + j]` is `W_ij`, transposed. Masking is not supported.

    `penalty` is not the paper's: it adds `penalty * mean A` to the loss of
    training, so that a place is attended to only as far as that pays. It
    counts padded frames as well, whose attention is that of an empty image.

    Args:
        units: Rows `d` of `W`.
        mechanism: One of the four above.
        return_attention: Whether to return `A` as well.
        kernel_initializer: Initializer of `W` and `u`.
        bias_initializer: Initializer of `b` and `c`.
        kernel_regularizer: Optional regularizer of `W` and `u`.
        penalty: Weight in the loss of the mean attention, 0 or more.
        penalty_delay: Training steps before the penalty sets in, so that a
            network first learns what pays.
        penalty_ramp: Training steps in which it then grows to its weight.
        **kwargs: Base layer arguments, such as `name` and `dtype`.

    Call arguments:
        maps: Float tensor `F` of shape `(batch, h, w, c)` or
            `(batch, frames, h, w, c)`. `batch` and `frames` may be unknown;
            the others may not.
        training: Whether the penalty counts.

    Returns:
        `I`, float tensor of the shape of `maps`. With `return_attention`, a
        tuple of it and of `A`: float32 `(batch, h, w)` or
        `(batch, frames, h, w)`, in [0, 1], without unit.

    Raises:
        ValueError: If `units` is no positive integer, if `mechanism` is none
            of the four, if `penalty` is negative or not finite, if
            a delay or ramp is no number of steps, if the input has not rank 4
            or 5, or if `h`, `w` or `c` is unknown or changes.

    Example:

    >>> maps = keras.Input((None, 13, 13, 256))  # clips of any length
    >>> layer = SpatiallyIndexedAttention(return_attention=True)
    >>> [output.shape for output in layer(maps)]
    [(None, None, 13, 13, 256), (None, None, 13, 13)]

    Reference:
    - Pei et al., "Attended End-to-end Architecture for Age Estimation from
      Facial Expression Videos", IEEE Transactions on Image Processing 29,
      2020, [arXiv:1711.08690](https://arxiv.org/abs/1711.08690), equations 1
      and 2, and section V-A for the mechanisms.
    """

    def __init__(
        self,
        units=256,
        mechanism="spatially_indexed",
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
        if not isinstance(units, int) or units < 1:
            raise ValueError(
                f"`units` must be a positive integer. Received: units={units!r}"
            )
        if mechanism not in MECHANISMS:
            raise ValueError(
                f"`mechanism` must be one of {', '.join(map(repr, MECHANISMS))}"
                f". Received: mechanism={mechanism!r}"
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
        self.mechanism = mechanism
        self.return_attention = return_attention
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.penalty = penalty
        self.penalty_delay = penalty_delay
        self.penalty_ramp = penalty_ramp
        self.input_spec = keras.layers.InputSpec(min_ndim=4, max_ndim=5)

    def build(self, input_shape):
        height, width, channels = input_shape[-3:]
        if None in (height, width, channels):
            raise ValueError(
                "`SpatiallyIndexedAttention` has weights of each place, so "
                "`h`, `w` and `c` must be known when it is built. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        places, units = height * width, self.units
        first, second = (
            places if is_indexed else None
            for is_indexed in MECHANISMS[self.mechanism]
        )
        self.kernel = self._add_kernel("kernel", (channels, units), first)
        self.bias = self._add_bias("bias", (units,), first)
        self.fusion_kernel = self._add_kernel(
            "fusion_kernel", (units, 1), second
        )
        # In float32 under every policy, as the scores are.
        self.fusion_bias = self._add_bias(
            "fusion_bias", (1,), second, autocast=False
        )
        if self.penalty_delay or self.penalty_ramp:
            self.steps = self.add_weight(
                name="steps",
                shape=(),
                dtype="int32",
                initializer="zeros",
                trainable=False,
            )
        self.input_spec = keras.layers.InputSpec(
            min_ndim=4, max_ndim=5, axes={-3: height, -2: width, -1: channels}
        )

    def _add_kernel(self, name, shape, places):
        return self._add(
            name,
            shape,
            places,
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )

    def _add_bias(self, name, shape, places, **kwargs):
        return self._add(
            name, shape, places, initializer=self.bias_initializer, **kwargs
        )

    def _add(self, name, shape, places, initializer, **kwargs):
        """A weight that is shared (`places` None), or one for each place."""
        if places is not None:
            shape, initializer = (places, *shape), _place_by_place(initializer)
        return self.add_weight(
            name=name, shape=shape, initializer=initializer, **kwargs
        )

    def call(self, maps, training=False):
        *leading, height, width, channels = ops.shape(maps)
        # Places first: the matrices of all places are one batched product.
        vectors = ops.reshape(maps, (-1, height * width, channels))
        vectors = ops.transpose(vectors, (1, 0, 2))
        hidden = ops.tanh(_affine(vectors, self.kernel, self.bias))
        scores = _affine(hidden, self.fusion_kernel, self.fusion_bias)
        attention = ops.transpose(ops.sigmoid(scores[..., 0]))
        if training and self.trainable and self.penalty:
            self.add_loss(self._penalty() * ops.mean(attention))
        attention = ops.reshape(attention, (*leading, height, width))
        weights = ops.cast(attention, self.compute_dtype)
        attended = maps * ops.expand_dims(weights, -1)
        return (attended, attention) if self.return_attention else attended

    def _penalty(self):
        """The penalty's weight in this step, which is counted."""
        if not (self.penalty_delay or self.penalty_ramp):
            return self.penalty
        # The first step counts from 0; without a ramp, from 1 on the spot.
        begun = self.steps - self.penalty_delay + (not self.penalty_ramp)
        share = begun / max(self.penalty_ramp, 1)
        self.steps.assign(self.steps + 1)
        return self.penalty * ops.clip(ops.cast(share, "float32"), 0.0, 1.0)

    def compute_output_shape(self, input_shape):
        shape = tuple(input_shape)
        return (shape, shape[:-1]) if self.return_attention else shape

    def compute_output_spec(self, maps, training=False):
        attended = keras.KerasTensor(maps.shape, dtype=self.compute_dtype)
        if not self.return_attention:
            return attended
        return attended, keras.KerasTensor(maps.shape[:-1], dtype="float32")

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "mechanism": self.mechanism,
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


def _affine(vectors, kernel, bias):
    """`(places, n, c)` times one matrix, or that of each place, plus bias."""
    if len(kernel.shape) == 2:
        product = ops.tensordot(vectors, kernel, axes=1)
    else:
        product = ops.matmul(vectors, kernel)
        bias = ops.expand_dims(bias, 1)
    return ops.cast(product, bias.dtype) + bias


def _place_by_place(initializer):
    """Draws the weights of each place alone.

    An initializer takes the leading axis of `(places, c, units)` for the
    field of a convolution, and so would draw far too small weights.
    """

    def draw(shape, dtype=None):
        places, *shape = shape
        return ops.stack(
            [
                _at_place(initializer, place)(tuple(shape), dtype=dtype)
                for place in range(places)
            ]
        )

    return draw


def _at_place(initializer, place):
    """The initializer with a seed of its own: one seed draws one matrix."""
    if not isinstance(initializer, keras.initializers.Initializer):
        return initializer
    config = initializer.get_config()
    if isinstance(config.get("seed"), int):
        config["seed"] += place
    elif "seed" not in config or config["seed"] is not None:
        return initializer  # draws nothing, or another matrix at every call
    return type(initializer).from_config(config)
