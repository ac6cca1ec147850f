"""Relation between every two facial regions."""

import itertools

import keras
from keras import ops


def region_pairs(regions):
    """All pairs (i, j), i < j, of so many regions, in the fixed order.

    Example:

    >>> region_pairs(3)
    ((0, 1), (0, 2), (1, 2))
    """
    return tuple(itertools.combinations(range(regions), 2))


@keras.saving.register_keras_serializable(package="fdin_tf")
class PairwiseRelation(keras.layers.Layer):
    """The same dense network on every pair of regions.

        r_ij = g(s_ij),  s_ij = (o_i, o_j),  i < j

    `g` is a stack of dense layers, each followed by ReLU and dropout. Its first
    layer has the kernel `[A; B]`, of shape `(2 * features, units)`: the one of
    a dense layer on the concatenation of `o_i` and `o_j`. It is computed as

        A o_i + B o_j + bias

    so that it costs two products per region, not one per pair, and no pair is
    ever concatenated.

    This layer defines the order of the pairs for the whole package: `.pairs`
    is ((0, 1), (0, 2), ..., (7, 8)) for nine regions, known after building.

    Args:
        units: Units of the dense layers, at least one.
        dropout: Share of the activations dropped in training, in [0, 1).
        **kwargs: Base layer arguments, such as `name` and `dtype`.

    Call arguments:
        regions: Float tensor `o` of shape `(batch, regions, features)`.
            `batch` may be unknown; the others may not.
        training: Whether dropout is on.

    Returns:
        Float tensor of shape `(batch, pairs, units[-1])`, at least zero, where
        `pairs = regions * (regions - 1) / 2`.

    Raises:
        ValueError: If `units` is empty or holds other than positive integers,
            if `dropout` is outside [0, 1), if the input has not rank 3, if
            there are fewer than two regions, or if `regions` or `features` is
            unknown or changes.

    Example:

    >>> regions = keras.Input(shape=(9, 1026))
    >>> PairwiseRelation((64, 32))(regions).shape
    (None, 36, 32)

    Reference:
    - [Kim and Ro, ECCV 2018](https://arxiv.org/abs/1711.10688), equation 3
      and section 4.1.
    """

    def __init__(self, units=(4096, 4096), dropout=0.5, **kwargs):
        super().__init__(**kwargs)
        units = tuple(units)
        if not units or not all(isinstance(u, int) and u > 0 for u in units):
            raise ValueError(
                "`units` must be a sequence of positive integers, one per "
                f"dense layer. Received: units={units}"
            )
        if not 0 <= dropout < 1:
            raise ValueError(
                f"`dropout` must be in [0, 1). Received: dropout={dropout}"
            )
        self.units = units
        self.dropout = dropout
        self.input_spec = keras.layers.InputSpec(ndim=3)
        self._drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy)

    def build(self, input_shape):
        _, regions, features = input_shape
        if regions is None or regions < 2 or features is None:
            raise ValueError(
                "`PairwiseRelation` needs two regions or more, and `regions` "
                "and `features` must be known when it is built. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        self.pairs = region_pairs(regions)
        sizes = itertools.pairwise((2 * features, *self.units))
        self.kernels, self.biases = [], []
        for layer, shape in enumerate(sizes):
            self.kernels.append(
                self.add_weight(name=f"kernel_{layer}", shape=shape)
            )
            self.biases.append(
                self.add_weight(
                    name=f"bias_{layer}", shape=shape[1:], initializer="zeros"
                )
            )
        self.input_spec = keras.layers.InputSpec(
            ndim=3, axes={1: regions, 2: features}
        )

    def call(self, regions, training=None):
        first, second = zip(*self.pairs)
        a, b = ops.split(ops.convert_to_tensor(self.kernels[0]), 2)
        relations = (
            ops.take(ops.matmul(regions, a), first, axis=1)
            + ops.take(ops.matmul(regions, b), second, axis=1)
            + self.biases[0]
        )
        relations = self._drop(ops.relu(relations), training=training)
        for kernel, bias in zip(self.kernels[1:], self.biases[1:]):
            relations = ops.relu(ops.matmul(relations, kernel) + bias)
            relations = self._drop(relations, training=training)
        return relations

    def compute_output_shape(self, input_shape):
        batch, regions, _ = input_shape
        return (batch, regions * (regions - 1) // 2, self.units[-1])

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "dropout": self.dropout,
        }
