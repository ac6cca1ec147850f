"""Where a facial region lies, told to the network."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="fdin_tf")
class LocationEmbed(keras.layers.Layer):
    """Appends the place of each region to its dynamics.

        o_i = [d_i, p_i, q_i]

    `p_i` and `q_i` are x (to the right) and y (downwards) of the centre of
    region `i`, in parts of the width and height of the face.

    Args:
        centers: One pair `(p, q)` per region, each in [0, 1]. None: the
            cells of a square grid, row by row; (1/6, 1/2, 5/6) for 3 x 3.
        **kwargs: Base layer arguments, such as `name` and `dtype`.

    Call arguments:
        dynamics: Float tensor of shape `(batch, regions, features)`. `batch`
            may be unknown; `regions` may not.

    Returns:
        Float tensor of shape `(batch, regions, features + 2)`.

    Raises:
        ValueError: If `centers` is not of shape `(regions, 2)` in [0, 1] or
            is not of the number of regions, if `regions` is unknown or, with
            `centers=None`, no square number, or if the input has not rank 3.

    Example:

    >>> dynamics = keras.Input(shape=(9, 1024))
    >>> LocationEmbed()(dynamics).shape
    (None, 9, 1026)

    Reference:
    - [Kim and Ro, ECCV 2018](https://arxiv.org/abs/1711.10688), equation 2.
    """

    def __init__(self, centers=None, **kwargs):
        super().__init__(**kwargs)
        if centers is not None:
            # Lists of plain floats, as they come back from a saved model.
            centers = [[float(x) for x in center] for center in centers]
            if not all(
                len(center) == 2 and all(0 <= x <= 1 for x in center)
                for center in centers
            ):
                raise ValueError(
                    "`centers` must be one pair (p, q) in [0, 1] per region. "
                    f"Received: centers={centers}"
                )
        self.centers = centers
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def build(self, input_shape):
        regions = input_shape[1]
        if regions is None:
            raise ValueError(
                "`regions` must be known when `LocationEmbed` is built. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        if self.centers is None:
            self._locations = _grid_centers(regions)
        elif len(self.centers) != regions:
            raise ValueError(
                f"`centers` must hold one pair for each of the {regions} "
                f"regions. Received: centers={self.centers}"
            )
        else:
            self._locations = self.centers
        self.input_spec = keras.layers.InputSpec(ndim=3, axes={1: regions})

    def call(self, dynamics):
        locations = ops.convert_to_tensor(self._locations, dynamics.dtype)
        batch = ops.shape(dynamics)[0]
        locations = ops.broadcast_to(locations, (batch, *locations.shape))
        return ops.concatenate([dynamics, locations], axis=-1)

    def compute_output_shape(self, input_shape):
        batch, regions, features = input_shape
        return (batch, regions, None if features is None else features + 2)

    def get_config(self):
        return {**super().get_config(), "centers": self.centers}


def _grid_centers(regions):
    """(p, q) of the cell centres of a square grid, row by row."""
    side = math.isqrt(regions)
    if side * side != regions:
        raise ValueError(
            "`LocationEmbed` without `centers` expects a square grid, so a "
            f"square number of regions. Received: regions={regions}"
        )
    middles = [(k + 0.5) / side for k in range(side)]
    return [[p, q] for q in middles for p in middles]
