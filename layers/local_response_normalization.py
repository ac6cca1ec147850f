"""Competition between neighbouring channels."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="fdin_tf")
class LocalResponseNormalization(keras.layers.Layer):
    """Divides each activation by the strength of the channels around it.

    For channel `i` of a place, with `r` the `depth_radius`:

        y_i = x_i / (bias + alpha * sum_{j = i-r}^{i+r} x_j^2)^beta

    where channels that do not exist count as 0. `alpha` is a factor of the
    sum, not of a mean. Krizhevsky et al. print `bias=2`, `alpha=1e-4`,
    `beta=0.75` and `r=2`; the defaults are those of later implementations of
    their network, whose `alpha=1e-4` is a factor of the mean of five squares.

    The sums of all channels are one product with a constant band of ones, in
    the compute dtype. Under float16, whose squares overflow above 255, they
    and the quotient are computed in float32, so that activations of any size
    give finite and correct answers.

    Args:
        depth_radius: Neighbours `r` on either side, 0 or more.
        bias: Additive constant of the denominator, above 0.
        alpha: Factor of the sum of squares, 0 or more.
        beta: Exponent.
        **kwargs: Base layer arguments, such as `name` and `dtype`.

    Call arguments:
        activations: Float tensor of shape `(batch, ..., channels)`, of rank 2
            or more. `channels` must be known.

    Returns:
        Float tensor of the same shape.

    Raises:
        ValueError: If an argument is out of its range, if the input has a
            rank below 2, or if the number of channels is unknown.

    Example:

    >>> layer = LocalResponseNormalization(1, bias=2.0, alpha=1.0, beta=1.0)
    >>> layer(ops.array([[1.0, 1.0, 5.0]])).numpy()[0, 0].item()
    0.25

    Reference:
    - [Krizhevsky et al., NIPS 2012](
      https://papers.nips.cc/paper/4824), section 3.3.
    """

    def __init__(
        self, depth_radius=2, bias=1.0, alpha=2e-5, beta=0.75, **kwargs
    ):
        super().__init__(**kwargs)
        if not isinstance(depth_radius, int) or depth_radius < 0:
            raise ValueError(
                "`depth_radius` must be a number of channels, 0 or more. "
                f"Received: depth_radius={depth_radius!r}"
            )
        if not 0 < bias < math.inf:
            raise ValueError(
                f"`bias` must be a finite number above 0. Received: bias={bias}"
            )
        if not 0 <= alpha < math.inf:
            raise ValueError(
                "`alpha` must be a finite number, 0 or more. "
                f"Received: alpha={alpha}"
            )
        if not math.isfinite(beta):
            raise ValueError(
                f"`beta` must be a finite number. Received: beta={beta}"
            )
        self.depth_radius = depth_radius
        self.bias = bias
        self.alpha = alpha
        self.beta = beta
        self.input_spec = keras.layers.InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape):
        if input_shape[-1] is None:
            raise ValueError(
                "The number of channels must be known when "
                "`LocalResponseNormalization` is built. "
                f"Received: input_shape={tuple(input_shape)}"
            )

    def call(self, activations):
        half = self.compute_dtype == "float16"
        x = ops.cast(activations, "float32" if half else self.compute_dtype)
        normalized = self._normalized(ops.reshape(x, (-1, x.shape[-1])))
        normalized = ops.reshape(normalized, ops.shape(x))
        return ops.cast(normalized, self.compute_dtype)

    def _normalized(self, x):
        """The equation for vectors of channels, with a gradient of its own.

        That passes over the activations five times instead of twelve.
        """

        @ops.custom_gradient
        def normalize(x):
            channel = ops.arange(x.shape[-1])
            distance = ops.abs(ops.expand_dims(channel, 1) - channel)
            band = ops.cast(distance <= self.depth_radius, x.dtype)
            bias = ops.full((x.shape[-1],), self.bias, x.dtype)
            # A vector of biases is added within the product.
            sums = ops.matmul(ops.square(x), self.alpha * band) + bias
            factor = _power(sums, -self.beta)
            y = x * factor

            def gradient(*d_y, upstream=None):
                d_y = d_y[0] if upstream is None else upstream
                through_sums = ops.matmul(
                    d_y * y / sums, -2 * self.alpha * self.beta * band
                )
                return d_y * factor + x * through_sums

            return y, gradient

        return normalize(x)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "depth_radius": self.depth_radius,
            "bias": self.bias,
            "alpha": self.alpha,
            "beta": self.beta,
        }


def _power(x, exponent):
    if exponent == -0.75:  # the usual one, by square roots: much faster
        root = ops.rsqrt(x)
        return root * ops.sqrt(root)
    return ops.power(x, exponent)
