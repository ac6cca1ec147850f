"""Rules for the layer that the inputs of a network meet.

Pixels have no natural zero, so that the first layer may share its relevance
by its weights, or by the bounds of its inputs, instead of by `x_i w_ij`. The
bias takes nothing by any of these.
"""

import dataclasses

import tensorflow as tf

from fdin_tf.explain.lrp.rules import check_positive
from fdin_tf.explain.lrp.rules import per_example
from fdin_tf.explain.lrp.rules import stabilized


@dataclasses.dataclass(frozen=True)
class WSquare:
    """In proportion to squared weights, whatever the inputs.

        R_i = sum_j w_ij^2 R_j / sum_i' w_i'j^2

    For a first layer whose inputs have no natural zero (Montavon et al.,
    2017). The bias takes nothing.
    """

    def __call__(self, affine, x, relevance):
        """As `Epsilon`."""
        return _regardless(affine, x, tf.square(affine.kernel), relevance)


@dataclasses.dataclass(frozen=True)
class Flat:
    """Equal shares for all inputs of an output.

        R_i = sum_j R_j / n_j,  n_j: number of inputs of output j

    For a first layer whose single pixels are of no interest (Lapuschkin et
    al., Nature Communications 2019). The bias takes nothing.
    """

    def __call__(self, affine, x, relevance):
        """As `Epsilon`."""
        return _regardless(affine, x, tf.ones_like(affine.kernel), relevance)


@dataclasses.dataclass(frozen=True)
class ZBox:
    """For inputs between bounds, as pixels are: the z^B rule.

        R_i = sum_j (x_i w_ij - l_i w_ij^+ - h_i w_ij^-) R_j
              / sum_i' (x_i' w_i'j - l_i' w_i'j^+ - h_i' w_i'j^-)

    Montavon et al., Pattern Recognition 2017. The bias takes nothing.

    Attributes:
        low: Least value `l` of an input *of the network*; what only scales
            and shifts before the layer, such as the subtraction of a mean,
            is applied to it as well.
        high: Largest value `h`, likewise.
        epsilon: As in `Epsilon`.

    Raises:
        ValueError: If `low` is not below `high`.
    """

    low: float = 0.0
    high: float = 255.0
    epsilon: float = 1e-9

    def __post_init__(self):
        check_positive("epsilon", self.epsilon)
        if not self.low < self.high:
            raise ValueError(
                "`low` must be below `high`. Received: "
                f"low={self.low}, high={self.high}"
            )

    def __call__(self, affine, x, relevance, bounds=None):
        """As `Epsilon`, with the bounds of `x` itself if given."""
        low, high = bounds or (self.low, self.high)
        terms = []  # of each: the factor of the transposed product
        z = 0.0
        for factor, sign, kernel in (
            (x, 1, affine.kernel),
            (low, -1, tf.maximum(affine.kernel, 0)),
            (high, -1, tf.minimum(affine.kernel, 0)),
        ):
            factor = sign * tf.broadcast_to(
                tf.cast(factor, x.dtype), tf.shape(x)
            )
            product, transpose = affine.pull(factor, kernel)
            terms.append((factor, transpose))
            z += product
        divisor = stabilized(z, self.epsilon)
        s = relevance / divisor
        shares = sum(factor * transpose(s) for factor, transpose in terms)
        return shares, {"stabilizer": per_example((divisor - z) * s)}


def _regardless(affine, x, kernel, relevance):
    """In proportion to the kernel given, whatever the inputs."""
    z, transpose = affine.pull(tf.ones_like(x), kernel)
    return transpose(tf.math.divide_no_nan(relevance, z)), {}
