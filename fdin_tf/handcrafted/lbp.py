"""Local binary patterns: how often each small texture occurs in a block."""

import math

import numpy as np
from skimage.feature import local_binary_pattern

from fdin_tf.handcrafted.blocks import block_map
from fdin_tf.handcrafted.checks import check_grey_image
from fdin_tf.handcrafted.checks import check_whole


def lbp_histograms(image, blocks=(7, 7), points=8, radius=2):
    """Histograms of the uniform local binary patterns of every block.

    With `g_c` the grey level of a pixel and `g_p` those of `points` places on
    the circle around it, read between four pixels, its pattern is

        LBP = sum_p s(g_p - g_c) 2^p,    s(x) = 1 if x >= 0 else 0.

    A pattern is uniform if its bits change at most twice around the circle.
    Every uniform pattern has a bin of its own, all others share the last one.

    - Pixels whose circle leaves the image are left out. The others are cut
      into blocks, see `block_map`.
    - The bins of a block: no bit set; 1 bit set, in `points` positions; 2
      bits set; ...; all set; not uniform.
    - Adding to all grey levels or multiplying them changes nothing, but where
      `g_p` and `g_c` differ by a rounding error alone. Any strictly
      increasing change of them changes nothing where `g_p` are pixels
      (`points=4` and a whole radius).
    - In a flat image all bits are set, everywhere.

    Args:
        image: `(height, width)`, uint8.
        blocks: Rows and columns of blocks.
        points: Places on the circle, 3 to 24.
        radius: Radius of the circle, pixels, at least 1.

    Returns:
        `(blocks[0] * blocks[1] * (points * (points - 1) + 3),)`, float32: the
        blocks row by row, each a histogram that sums to 1. 59 bins a block
        with 8 points.

    Raises:
        ValueError: If the image is of another kind or has less than a pixel
            for a block, or an argument is out of its range.

    Example:

    >>> image = np.random.default_rng(0).integers(0, 256, (114, 114), "uint8")
    >>> histograms = lbp_histograms(image)
    >>> histograms.shape
    (2891,)
    >>> histograms.reshape(49, 59).sum(axis=1).round(6).max().item()
    1.0

    Reference:
    - Ojala, Pietikainen and Maenpaa, IEEE Transactions on Pattern Analysis
      and Machine Intelligence 24(7), 2002.
    - Ahonen, Hadid and Pietikainen, the same 28(12), 2006: blocks of faces,
      7 x 7, with 8 points at radius 2.
    """
    check_whole("blocks", blocks, 2)
    check_whole("points", points, least=3, most=24)
    if not 1 <= radius < math.inf:
        raise ValueError(
            "The circle of a binary pattern must have a radius of at least 1 "
            f"pixel. Received: radius={radius}"
        )
    border = math.ceil(radius)
    check_grey_image(image, [n + 2 * border for n in blocks])
    patterns = local_binary_pattern(image, points, radius, "nri_uniform")
    patterns = patterns[border:-border, border:-border].astype("int64")
    numbers = block_map(patterns.shape, blocks)
    bins = points * (points - 1) + 3
    counts = np.bincount(
        (numbers * bins + patterns).ravel(), minlength=math.prod(blocks) * bins
    ).reshape(-1, bins)
    histograms = counts / counts.sum(axis=1, keepdims=True)
    return histograms.astype("float32").ravel()
