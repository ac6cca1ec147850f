"""Biologically inspired features: how much oriented filters vary in a cell."""

import functools

import cv2
import numpy as np

from fdin_tf.handcrafted.checks import check_grey_image
from fdin_tf.handcrafted.checks import check_whole

# Both scales of every band and the side of its cells, pixels. As in OpenCV's
# contributed BIF; not verified with Guo et al. 2009.
SIZES = [(5 + 4 * band, 7 + 4 * band) for band in range(8)]
SIGMAS = [
    (2.0, 2.8), (3.6, 4.5), (5.4, 6.3), (7.3, 8.2),
    (9.2, 10.2), (11.3, 12.3), (13.4, 14.6), (15.8, 17.0),
]  # fmt: skip
WAVELENGTHS = [
    (2.5, 3.5), (4.6, 5.6), (6.8, 7.9), (9.1, 10.3),
    (11.5, 12.7), (14.1, 15.4), (16.8, 18.2), (19.7, 21.2),
]  # fmt: skip
CELLS = [6 + 2 * band for band in range(8)]
GAMMA = 0.3


def biologically_inspired_features(image, bands=8, orientations=12):
    """Gabor filters (S1), their stronger scale, pooled by its deviation (C1).

    The S1 units are Gabor filters, `X` across and `Y` along their stripes,

        G(x, y) = exp(-(X^2 + gamma^2 Y^2) / (2 sigma^2)) cos(2 pi X / lambda)
        X = x cos(theta) + y sin(theta),    Y = -x sin(theta) + y cos(theta),

    less their mean and divided by their Euclidean norm (as Serre et al. do),
    so that a uniform change of brightness has no part in what they see. The
    filters of a band have two neighbouring scales; with `R_1` and `R_2` what
    they see of the image, and `N` the pixels of a cell, a C1 unit is

        F(x, y) = max(R_1(x, y), R_2(x, y))
        C1 = sqrt(1/N sum_cell (F(x, y) - mean_cell F)^2).

    - The cells of a band overlap by half, in both directions. All that fit
      into the image are used, the whole grid in its middle.
    - Beyond its border the image is reflected about its last pixel.
    - Adding to all grey levels changes nothing, up to rounding errors;
      multiplying them multiplies the features. Those of a flat image are 0.
    - Filter sizes, `sigma`, `lambda`, cells and `gamma = 0.3` are those of
      OpenCV's contributed BIF (that they are the ones of Guo et al. is not
      verified); norm, border and place of the grid are ours.

    Args:
        image: `(height, width)`, uint8.
        bands: Bands of two scales, finest first, 1 to 8: filters of 5 x 5 and
            7 x 7 pixels in cells of 6 x 6, to 33 x 33 and 35 x 35 in 20 x 20.
        orientations: Angles `theta = k pi / orientations` from `k = 0`
            (vertical stripes), clockwise in the image.

    Returns:
        Float32 vector, unit grey levels: band by band, in it orientation by
        orientation, in it the cells row by row. `2 * side / cell - 1`
        (rounded down) cells cover a side: 41736 values of 114 x 114 pixels.

    Raises:
        ValueError: If the image is of another kind or smaller than a cell of
            the last band, or an argument is out of its range.

    Example:

    >>> image = np.random.default_rng(0).integers(0, 256, (60, 60), "uint8")
    >>> biologically_inspired_features(image, bands=2, orientations=4).shape
    (2228,)

    Reference:
    - Guo, Mu, Fu and Huang, Human age estimation using bio-inspired features,
      CVPR 2009.
    - Serre, Wolf, Bileschi, Riesenhuber and Poggio, IEEE Transactions on
      Pattern Analysis and Machine Intelligence 29(3), 2007.
    """
    check_whole("bands", bands, most=len(CELLS))
    check_whole("orientations", orientations, most=180)
    check_grey_image(image, [CELLS[bands - 1]] * 2)
    # Small numbers keep the rounding errors of the filters small.
    image = np.float32(image) - np.float32(np.mean(image))
    return np.concatenate(
        [
            _pooled_deviation(_stronger(image, *pair), CELLS[band])
            for band in range(bands)
            for pair in _filters(band, orientations)
        ]
    )


@functools.cache
def _filters(band, orientations):
    """Both scales of a band in every orientation."""
    return [
        [
            gabor_filter(size, sigma, wavelength, np.pi * k / orientations)
            for size, sigma, wavelength in zip(
                SIZES[band], SIGMAS[band], WAVELENGTHS[band]
            )
        ]
        for k in range(orientations)
    ]


def gabor_filter(size, sigma, wavelength, theta):
    """One S1 unit, of zero mean and unit Euclidean norm.

    Args:
        size: Its height and width, odd, pixels.
        sigma: Deviation of its Gaussian across the stripes, pixels.
        wavelength: Width of a dark and a light stripe, pixels.
        theta: Direction across the stripes, radians, x to y.

    Returns:
        `(size, size)`, float32.

    Example:

    >>> gabor = gabor_filter(5, sigma=2.0, wavelength=2.5, theta=0.0)
    >>> abs(gabor.sum()) < 1e-6, abs((gabor**2).sum() - 1) < 1e-6
    (np.True_, np.True_)
    """
    places = np.arange(size) - size // 2
    x, y = np.meshgrid(places, places)
    across = x * np.cos(theta) + y * np.sin(theta)
    along = -x * np.sin(theta) + y * np.cos(theta)
    gaussian = np.exp(-(across**2 + (GAMMA * along) ** 2) / (2 * sigma**2))
    gabor = gaussian * np.cos(2 * np.pi * across / wavelength)
    gabor -= gabor.mean()
    return (gabor / np.linalg.norm(gabor)).astype("float32")


def _stronger(image, small, large):
    """The larger of what both filters see at every place, float32."""
    return np.maximum(
        cv2.filter2D(image, -1, small, borderType=cv2.BORDER_REFLECT_101),
        cv2.filter2D(image, -1, large, borderType=cv2.BORDER_REFLECT_101),
    )


def _pooled_deviation(responses, cell):
    """Deviation in every cell of a grid that overlaps by half, flat."""
    half = cell // 2
    rows, columns = (length // half for length in responses.shape)
    top, left = (
        (length - half * n) // 2
        for length, n in zip(responses.shape, (rows, columns))
    )
    quarters = responses[top:, left:][: rows * half, : columns * half]
    quarters = quarters.astype("float64").reshape(rows, half, columns, half)

    def cell_means(values):
        sums = values.sum(axis=(1, 3))
        sums = sums[:-1] + sums[1:]
        return (sums[:, :-1] + sums[:, 1:]) / cell**2

    variances = cell_means(quarters**2) - cell_means(quarters) ** 2
    # Rounding errors can leave a variance of nothing just below 0.
    return np.sqrt(np.maximum(variances, 0)).astype("float32").ravel()
