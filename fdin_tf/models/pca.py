"""A frame encoder for small sets: local contrast, then fitted PCA.

The first half is fixed and computed once per video; the second is fitted to
the training frames of a fold.
"""

import keras
import numpy as np
from keras import ops
from sklearn.decomposition import PCA

# ITU-R BT.601 luma of red, green and blue.
_LUMA = (0.299, 0.587, 0.114)


def build_contrast_encoder(frame_shape=(96, 96, 3), grid=(3, 3), cell_pixels=8):
    """Builds an encoder to the local contrasts of every region's pixels.

    A frame becomes grey and small (`cell_pixels` squared per region), and
    each pixel is divided by the mean of the 7 x 7 around it (plus 1), so that
    light and skin tone cancel and local contrast stays.

    Args:
        frame_shape: `(height, width, 3)` of RGB frames, 0..255.
        grid: Regions in height and width.
        cell_pixels: Height and width of a region after shrinking.

    Returns:
        A Keras model from `(b, height, width, 3)` to
        `(b, *grid, cell_pixels ** 2)`, named `contrast`, float32, without
        weights.

    Raises:
        ValueError: If the frames do not divide into the cells' pixels.

    Example:

    >>> build_contrast_encoder().output_shape
    (None, 3, 3, 64)
    """
    height, width, channels = frame_shape
    rows, columns = (cells * cell_pixels for cells in grid)
    if channels != 3 or height % rows or width % columns:
        raise ValueError(
            f"Expected RGB frames whose height divides into {rows} and whose "
            f"width divides into {columns} pixels. Received: frame_shape="
            f"{frame_shape}"
        )
    frames = keras.Input(frame_shape, name="frames", dtype="float32")
    grey = ops.sum(frames * ops.array(_LUMA, "float32"), -1, keepdims=True)
    small = ops.average_pool(grey, (height // rows, width // columns))
    around = ops.average_pool(small, 7, strides=1, padding="same")
    contrast = small / (around + 1.0)
    side = cell_pixels
    cells = ops.reshape(contrast, (-1, grid[0], side, grid[1], side))
    cells = ops.transpose(cells, (0, 1, 3, 2, 4))
    cells = ops.reshape(cells, (-1, *grid, side**2))
    return keras.Model(frames, cells, name="contrast")


def fit_pca(features, components=16):
    """Fits principal components that all regions share.

    Each region is described by its scores on the first principal components
    of all regions, in units of the first one's standard deviation. The
    components are shared as the channels of a convolutional encoder are: a
    network with the same weights for every region, such as FDIN, can then
    compare regions. Fit it to training frames only.

    Args:
        features: Encoded frames, `(n, h, w, c)`.
        components: Number of components.

    Returns:
        A Keras model from `(b, h, w, c)` to `(b, h, w, components)`, named
        `pca`, float32, not trainable.

    Raises:
        ValueError: If there are fewer regions or channels than components.

    Example:

    >>> features = np.random.default_rng(0).normal(size=(40, 3, 3, 64))
    >>> fit_pca(features, components=4).output_shape
    (None, 3, 3, 4)

    Reference:
    - Pearson, "On lines and planes of closest fit", 1901.
    """
    features = np.asarray(features, np.float32)
    regions = features.reshape(-1, features.shape[-1])
    most = min(regions.shape)
    if features.ndim != 4 or not 1 <= components <= most:
        raise ValueError(
            f"Expected features (n, h, w, c) and from 1 to {most} components "
            f"of them. Received: shape={features.shape}, components="
            f"{components}"
        )
    pca = PCA(components, svd_solver="covariance_eigh").fit(regions)
    kernel = pca.components_.T / max(pca.explained_variance_[0] ** 0.5, 1e-6)
    cells = keras.Input(features.shape[1:], name="cells", dtype="float32")
    scores = keras.layers.Dense(components, name="scores", dtype="float32")
    model = keras.Model(cells, scores(cells), name="pca", trainable=False)
    scores.set_weights([kernel, -pca.mean_ @ kernel])
    return model


def some_frames(clips, number=12):
    """Evenly spread frames of every clip: all would add little to a few.

    Args:
        clips: List of arrays `(t, h, w, c)`.
        number: Frames to take of each clip; all of a shorter one.

    Returns:
        Array `(n, h, w, c)`.

    Example:

    >>> clips = [np.zeros((50, 3, 3, 8)), np.zeros((5, 3, 3, 8))]
    >>> some_frames(clips).shape
    (17, 3, 3, 8)
    """
    taken = []
    for frames in clips:
        places = np.linspace(0, len(frames) - 1, min(number, len(frames)))
        taken.append(frames[places.round().astype(int)])
    return np.concatenate(taken)


def chain_encoders(fixed, fitted):
    """The fixed encoder and what was fitted behind it, as one encoder.

    Args:
        fixed: Keras model from frames to features.
        fitted: Keras model from these to further features; or None.

    Returns:
        A Keras model from frames to the last features.
    """
    if fitted is None:
        return fixed
    frames = keras.Input(fixed.input_shape[1:], name="frames")
    return keras.Model(frames, fitted(fixed(frames)), name=fitted.name)
