"""How the relevance of a layer's outputs is shared among its inputs.

With `z_ij = x_i w_ij` what input i adds to output j, every rule is one way to
divide the relevance `R_j` of the outputs in proportion to something like
`z_ij`, so that the shares of an output sum to its relevance. A layer's bias
takes its own share, which leaves the inputs: it is a sink, and reported. What
neither inputs nor sinks received is lost.

The conventions are those of equations 2 and 3 of Arbabzadah et al. (GCPR
2016): `sign(0) = +1` in the stabiliser, and `alpha + beta = 1`, so that
`beta` is negative. Others write `alpha - beta = 1` and name the same rule
`alpha=2, beta=1`.
"""

import dataclasses

import tensorflow as tf


def stabilized(z, epsilon):
    """`z + epsilon sign(z)`, with `sign(0) = +1`: never 0.

    Args:
        z: Tensor.
        epsilon: What every value is moved away from 0 by.

    Returns:
        Tensor like `z`.

    Example:

    >>> stabilized(tf.constant([2.0, 0.0, -2.0]), 0.5).numpy().tolist()
    [2.5, 0.5, -2.5]
    """
    return tf.where(z >= 0, z + epsilon, z - epsilon)


def per_example(values):
    """Sums over all axes but the first."""
    values = tf.convert_to_tensor(values)
    return tf.reduce_sum(values, axis=list(range(1, values.shape.rank)))


def check_positive(name, value):
    """Refuses what is no number above 0."""
    if not value > 0:
        raise ValueError(
            f"`{name}` must be a number above 0. Received: {name}={value}"
        )


@dataclasses.dataclass(frozen=True)
class Epsilon:
    """In proportion to `z_ij`: equation 2.

        R_i = sum_j x_i w_ij R_j / (z_j + epsilon sign(z_j))
        z_j = sum_i x_i w_ij + b_j

    Attributes:
        epsilon: Stabiliser, above 0, in units of `z`; what it takes is
            reported.
        bias: Whether the bias takes its share. Without it, `b_j` is left out
            and the inputs take all.
    """

    epsilon: float = 1e-9
    bias: bool = True

    def __post_init__(self):
        check_positive("epsilon", self.epsilon)

    def __call__(self, affine, x, relevance):
        """Shares the relevance of the outputs among the inputs.

        Args:
            affine: `AffineMap`.
            x: Its input, float, `(batch, ...)`.
            relevance: Relevance of its output, like `affine(x)`.

        Returns:
            Relevance of `x`, and a dict from the name of a sink (`"bias"`,
            `"stabilizer"`) to what it took, `(batch,)`.
        """
        bias = affine.bias if self.bias else 0.0
        product, transpose = affine.pull(x, affine.kernel)
        z = product + bias
        divisor = stabilized(z, self.epsilon)
        s = relevance / divisor
        return x * transpose(s), {
            "bias": per_example(bias * s),
            "stabilizer": _dot(divisor - z, s),
        }


@dataclasses.dataclass(frozen=True)
class AlphaBeta:
    """Positive and negative contributions apart: equation 3.

        R_i = sum_j (alpha z_ij^+ / sum_i' z_i'j^+
                     + beta z_ij^- / sum_i' z_i'j^-) R_j

    Each part of the bias counts with the contributions of its sign. Where an
    output has contributions of one sign only (0 / 0 in the other term), they
    take all of its relevance, so that the sum is kept (equation 1). With
    `beta=0` negative contributions take nothing at all, also where there are
    no others.

    Attributes:
        alpha: Weight of positive contributions.
        beta: Weight of negative contributions, `1 - alpha`.
        bias: As in `Epsilon`.

    Raises:
        ValueError: If `alpha + beta` is not 1.
    """

    alpha: float = 2.0
    beta: float = -1.0
    bias: bool = True

    def __post_init__(self):
        if abs(self.alpha + self.beta - 1) > 1e-6:
            raise ValueError(
                "`alpha` and `beta` must sum to 1; where others write "
                "alpha=2, beta=1, write beta=-1. Received: "
                f"alpha={self.alpha}, beta={self.beta}"
            )

    def __call__(self, affine, x, relevance):
        """As `Epsilon`."""

        def coefficients(positive, negative):
            if self.beta == 0:
                return tf.math.divide_no_nan(relevance, positive), None
            alpha = tf.where(negative < 0, _as(self.alpha, x), _as(1, x))
            beta = tf.where(positive > 0, _as(self.beta, x), _as(1, x))
            return (
                tf.math.divide_no_nan(alpha * relevance, positive),
                tf.math.divide_no_nan(beta * relevance, negative),
            )

        # What is missing met no contribution: there is no stabiliser.
        shares, of_bias, _ = _by_sign(
            affine, x, relevance, coefficients, self.bias, self.beta != 0
        )
        return shares, {"bias": of_bias}


def ZPlus(bias=True):
    """In proportion to positive contributions: `AlphaBeta(1, 0)`.

    Args:
        bias: As in `Epsilon`.

    Returns:
        The rule, which is that of deep Taylor decomposition for inputs of at
        least 0 (Montavon et al., Pattern Recognition 2017).
    """
    return AlphaBeta(1.0, 0.0, bias)


@dataclasses.dataclass(frozen=True)
class Gamma:
    """Contributions of the output's own sign count more.

        R_i = sum_j (z_ij + gamma z_ij^+) R_j / (z_j + gamma z_j^+)

    where `z_j` is at least 0; where it is below, negative contributions take
    the place of the positive ones (for inputs of both signs: Montavon et al.,
    "Layer-wise relevance propagation: an overview", 2019, in the form for
    outputs of both signs).

    Attributes:
        gamma: How much more, at least 0.
        epsilon: As in `Epsilon`.
        bias: As in `Epsilon`.
    """

    gamma: float = 0.25
    epsilon: float = 1e-9
    bias: bool = True

    def __post_init__(self):
        check_positive("epsilon", self.epsilon)
        if not self.gamma >= 0:
            raise ValueError(
                "`gamma` must be a number of at least 0. "
                f"Received: gamma={self.gamma}"
            )

    def __call__(self, affine, x, relevance):
        """As `Epsilon`."""

        def coefficients(positive, negative):
            z = positive + negative
            is_up = z >= 0
            more = self.gamma * tf.where(is_up, positive, negative)
            s = relevance / stabilized(z + more, self.epsilon)
            grown = (1 + self.gamma) * s
            return tf.where(is_up, grown, s), tf.where(is_up, s, grown)

        shares, of_bias, missing = _by_sign(
            affine, x, relevance, coefficients, self.bias
        )
        return shares, {"bias": of_bias, "stabilizer": missing}


def _by_sign(affine, x, relevance, coefficients, bias, with_negative=True):
    """R_i = sum_j (a_j z_ij^+ + b_j z_ij^-) for a, b of the sums of each.

    Without negative contributions their sum, and b, are None. Returns the
    shares of x, what the bias took, and what neither received.
    """
    up, down = tf.maximum(affine.kernel, 0), tf.minimum(affine.kernel, 0)
    bias = tf.cast(affine.bias if bias else 0.0, x.dtype)
    bias_up, bias_down = tf.maximum(bias, 0), tf.minimum(bias, 0)

    def shared(parts):
        """Of each part of x: itself, kernels to z^+ and to z^-."""
        positive, negative = bias_up, bias_down if with_negative else None
        pulls = []
        for part, to_positive, to_negative in parts:
            product, pull_positive = affine.pull(part, to_positive)
            positive += product
            pull_negative = None
            if with_negative:
                product, pull_negative = affine.pull(part, to_negative)
                negative += product
            pulls.append((part, pull_positive, pull_negative))
        a, b = coefficients(positive, negative)
        shares, of_bias = 0.0, _times(a, bias_up)
        missing = per_example(relevance) - _dot(a, positive)
        if with_negative:
            of_bias += _times(b, bias_down)
            missing -= _dot(b, negative)
        for part, pull_positive, pull_negative in pulls:
            pulled = pull_positive(a)
            if with_negative:
                pulled += pull_negative(b)
            shares += part * pulled
        return shares, of_bias, missing

    # Behind a ReLU no input is negative, and half of the products is enough.
    return tf.cond(
        tf.reduce_any(x < 0),
        lambda: shared(
            [(tf.maximum(x, 0), up, down), (tf.minimum(x, 0), down, up)]
        ),
        lambda: shared([(x, up, down)]),
    )


def _dot(a, b):
    """Sum of products over all axes but the first, without the products."""
    size = tf.shape(a)[0]
    a, b = tf.reshape(a, (size, 1, -1)), tf.reshape(b, (size, -1, 1))
    return tf.reshape(tf.matmul(a, b), (size,))


def _times(a, bias):
    """The same for a bias, which is alike at all places."""
    if bias.shape.rank > 1:
        return per_example(a * bias)
    sums = tf.reduce_sum(a, axis=list(range(1, a.shape.rank - 1)))
    return tf.reduce_sum(sums * bias, axis=-1)


def _as(number, like):
    return tf.cast(number, like.dtype)
