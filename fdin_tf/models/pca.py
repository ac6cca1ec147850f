"""A frame encoder that is fitted to training frames: PCA of facial regions."""

import keras
import numpy as np
from keras import ops
from sklearn.decomposition import PCA

# ITU-R BT.601 luma of red, green and blue.
_LUMA = (0.299, 0.587, 0.114)


def fit_pca_encoder(frames, components=16, grid=(3, 3), cell_pixels=8):
    """Fits principal components of the pixels of facial regions.

    A frame becomes grey and small (`cell_pixels` squared per region), each
    pixel is divided by the mean of its surroundings (so that light and skin
    tone cancel and local contrast stays), and each region is described by its
    scores on the first principal components of all regions, in units of the
    first one's standard deviation. All regions share the components, as they
    share the channels of a convolutional encoder: a network with the same
    weights for every region, such as FDIN, can then compare them. Meant for
    small sets and for machines without pretrained weights. Fit it to training
    frames only.

    Args:
        frames: RGB frames, `(n, height, width, 3)`, 0..255.
        components: Number of components.
        grid: Regions in height and width.
        cell_pixels: Height and width of a region after shrinking.

    Returns:
        A Keras model from `(b, height, width, 3)` to
        `(b, *grid, components)`, named `pca`, in float32, not trainable.

    Raises:
        ValueError: If the frames do not divide into the grid, or are too few
            for the components.

    Example:

    >>> frames = np.random.default_rng(0).integers(0, 256, (40, 96, 96, 3))
    >>> fit_pca_encoder(frames, components=4).output_shape
    (None, 3, 3, 4)

    Reference:
    - Pearson, "On lines and planes of closest fit", 1901.
    """
    frames = np.asarray(frames)
    _check(frames, components, grid, cell_pixels)
    contrast = _contrast_model(frames.shape[1:], grid, cell_pixels)
    cells = contrast.predict(frames, batch_size=256, verbose=0)
    pca = PCA(components, svd_solver="covariance_eigh")
    pca.fit(cells.reshape(-1, cells.shape[-1]))
    deviation = max(pca.explained_variance_[0] ** 0.5, 1e-6)
    kernel = pca.components_.T / deviation
    scores = keras.layers.Dense(components, name="scores", dtype="float32")
    encoder = keras.Model(
        contrast.inputs, scores(contrast.outputs[0]), name="pca"
    )
    scores.set_weights([kernel, -pca.mean_ @ kernel])
    encoder.trainable = False
    return encoder


def _contrast_model(frame_shape, grid, cell_pixels):
    """From frames to the local contrasts of every region's pixels."""
    height, width, _ = frame_shape
    rows, columns = (cells * cell_pixels for cells in grid)
    frames = keras.Input(frame_shape, name="frames", dtype="float32")
    grey = ops.sum(frames * ops.array(_LUMA, "float32"), -1, keepdims=True)
    small = ops.average_pool(grey, (height // rows, width // columns))
    around = ops.average_pool(small, 7, strides=1, padding="same")
    contrast = small / (around + 1.0)
    side = cell_pixels
    cells = ops.reshape(contrast, (-1, grid[0], side, grid[1], side))
    cells = ops.transpose(cells, (0, 1, 3, 2, 4))
    return keras.Model(frames, ops.reshape(cells, (-1, *grid, side**2)))


def _check(frames, components, grid, cell_pixels):
    if frames.ndim != 4 or frames.shape[-1] != 3:
        raise ValueError(
            "Expected RGB frames of shape (n, height, width, 3). "
            f"Received: shape={frames.shape}"
        )
    rows, columns = (cells * cell_pixels for cells in grid)
    if frames.shape[1] % rows or frames.shape[2] % columns:
        raise ValueError(
            f"Expected frames whose height divides into {rows} and whose "
            f"width divides into {columns} cells of pixels. Received: "
            f"shape={frames.shape}"
        )
    most = min(len(frames) * grid[0] * grid[1], cell_pixels**2)
    if not 1 <= components <= most:
        raise ValueError(
            f"Expected from 1 to {most} components for {len(frames)} frames "
            f"and {cell_pixels**2} pixels per region. Received: components="
            f"{components}"
        )
