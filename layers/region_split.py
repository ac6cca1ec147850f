"""Feature maps cut into the regions of the face."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="fdin_tf")
class RegionSplit(keras.layers.Layer):
    """Cuts every feature map into a grid of cells and flattens each cell.

    Cell `i` of a grid of `rows x columns` is in row `i // columns` and column
    `i % columns`. Its features `x_i^t` keep the order of the map: row by row,
    place by place, channel by channel. On an aligned face, the nine cells of
    the default grid are: left eye, forehead, right eye; left cheek, nose,
    right cheek; left mouth side, mouth, right mouth side (left in the image).

    Args:
        grid: Numbers of rows and of columns.
        **kwargs: Base layer arguments, such as `name` and `dtype`.

    Call arguments:
        features: Tensor of shape `(batch, frames, height, width, channels)`,
            the height divisible by the rows and the width by the columns.
            `batch` and `frames` may be unknown.

    Returns:
        Tensor of shape `(batch, regions, frames, cell)`, where `cell` is
        `height / rows * width / columns * channels`.

    Raises:
        ValueError: If `grid` is no pair of positive integers, if the input
            has not rank 5, or if height, width or channels is unknown or not
            divisible.

    Example:

    >>> features = keras.Input(shape=(None, 6, 6, 512))
    >>> RegionSplit()(features).shape
    (None, 9, None, 2048)

    Reference:
    - [Kim and Ro, ECCV 2018](https://arxiv.org/abs/1711.10688), sections 3.1
      and 4.1.
    """

    def __init__(self, grid=(3, 3), **kwargs):
        super().__init__(**kwargs)
        grid = tuple(grid)
        if len(grid) != 2 or not all(
            isinstance(size, int) and size > 0 for size in grid
        ):
            raise ValueError(
                "`grid` must be two positive integers, rows and columns. "
                f"Received: grid={grid}"
            )
        self.grid = grid
        self.input_spec = keras.layers.InputSpec(ndim=5)

    def build(self, input_shape):
        self._cell_shape(input_shape)

    def call(self, features):
        rows, columns = self.grid
        height, width, channels = self._cell_shape(features.shape)
        batch, frames = ops.shape(features)[:2]
        cells = ops.reshape(
            features, (batch, frames, rows, height, columns, width, channels)
        )
        # To (batch, rows, columns, frames, height, width, channels).
        cells = ops.transpose(cells, (0, 2, 4, 1, 3, 5, 6))
        cell = height * width * channels
        return ops.reshape(cells, (batch, rows * columns, frames, cell))

    def compute_output_shape(self, input_shape):
        batch, frames = input_shape[:2]
        cell = math.prod(self._cell_shape(input_shape))
        return (batch, math.prod(self.grid), frames, cell)

    def _cell_shape(self, input_shape):
        """Height, width and channels of one cell."""
        rows, columns = self.grid
        height, width, channels = input_shape[2:]
        if (
            None in (height, width, channels)
            or height % rows
            or width % columns
        ):
            raise ValueError(
                "`RegionSplit` needs feature maps of known size, the height "
                f"divisible by {rows} and the width by {columns}. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        return height // rows, width // columns, channels

    def get_config(self):
        return {**super().get_config(), "grid": self.grid}
