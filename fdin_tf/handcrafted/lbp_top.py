"""LBP-TOP: local binary patterns on three orthogonal planes."""

import numpy as np

from fdin_tf.handcrafted.checks import check_whole
from fdin_tf.handcrafted.neighbourhood import MOST_POINTS
from fdin_tf.handcrafted.neighbourhood import check_volume
from fdin_tf.handcrafted.neighbourhood import circle
from fdin_tf.handcrafted.neighbourhood import count_codes
from fdin_tf.handcrafted.neighbourhood import uniform_bins


def lbp_top(
    frames, blocks=(1, 1), points=(8, 8, 8), radii=(1, 1, 1), uniform=True
):
    """Histograms of binary patterns in the planes XY, XT and YT.

    Through every voxel `(x, y, t)` go three planes. In each, `P` neighbours
    lie on an ellipse around it, neighbour `p` at the angle `a = 2 pi p / P`:

        XY: (x + R_x cos a, y - R_y sin a, t)
        XT: (x + R_x cos a, y, t + R_t sin a)
        YT: (x, y - R_y sin a, t + R_t cos a)

    With their grey levels `g_p` and that of the voxel `g_c`, its code is

        LBP = sum_p 2 ** p s(g_p - g_c),  s(x) = 1 if x >= 0 else 0,

    and the descriptor is, for each block and plane, the histogram of codes,
    normalised to sum 1. XY describes the appearance, XT and YT the motion.

    - A neighbour between voxels is interpolated linearly and not rounded to
      a whole grey level; a difference below 1e-8 counts as none, so that
      rounding errors do not decide.
    - Voxels whose neighbours, in any plane, leave the volume are no centres:
      the first and last `R_t` frames, `R_y` rows and `R_x` columns.
    - The places of centres are cut into blocks, see `block_map`. A block
      spans all frames.
    - Bins of uniform patterns have the order of `uniform_bins`, as in
      `lbp_histograms`. In flat frames all bits are set, in all planes.
    - `a g + b` in place of all grey levels `g`, with `a > 0`, changes
      nothing. Any other strictly increasing change of them keeps the bits of
      neighbours that are voxels (all, with 4 points), not those between.

    Args:
        frames: `(t, h, w)`, uint8, grey faces of one clip, aligned.
        blocks: `(rows, columns)` of the grid.
        points: `P` of the planes XY, XT and YT, each from 1 to 16.
        radii: `R_x`, `R_y` in pixels and `R_t` in frames, whole numbers.
        uniform: Whether codes with more than two changes between 0 and 1
            around the circle share one bin (`uniform_bins`).

    Returns:
        `(rows * columns * bins,)`, float32: blocks row-major, in each the
        histograms of XY, XT and YT. A histogram has `P (P - 1) + 3` bins if
        uniform (59 for 8 points), else `2 ** P`.

    Raises:
        ValueError: If the frames are no uint8 volume, are fewer than
            `2 R_t + 1` or too small, if there are more blocks than places, or
            another argument is out of its range.

    Example:

    >>> rng = np.random.default_rng(seed=0)
    >>> frames = rng.integers(0, 256, (10, 32, 32), dtype=np.uint8)
    >>> lbp_top(frames, blocks=(2, 2)).shape  # 4 blocks, 3 planes, 59 bins
    (708,)

    Reference:
    - Zhao and Pietikainen, IEEE Transactions on Pattern Analysis and Machine
      Intelligence 29(6), 2007, section 4. At which angle each plane begins
      is our reading, not verified; it decides the order of the bins alone.
    """
    check_whole("blocks", blocks, 2)
    check_whole("points", points, 3, MOST_POINTS)
    check_whole("radii", radii, 3)
    radius_x, radius_y, radius_t = radii
    reach = radius_t, radius_y, radius_x
    frames = check_volume(frames, reach)
    _check_places(blocks, frames.shape[1:], (radius_y, radius_x))

    right, up, later = (0, 0, radius_x), (0, -radius_y, 0), (radius_t, 0, 0)
    in_xy, in_xt, in_yt = points
    planes = [
        circle(in_xy, at_0=right, at_90=up),
        circle(in_xt, at_0=right, at_90=later),
        circle(in_yt, at_0=later, at_90=up),
    ]
    counts = count_codes(frames, planes, reach, blocks)
    if uniform:
        counts = [_in_uniform_bins(count) for count in counts]
    histograms = [
        count / count.sum(axis=1, keepdims=True, dtype=np.float64)
        for count in counts
    ]
    return np.hstack(histograms).astype(np.float32).ravel()


def _in_uniform_bins(counts):
    """`(blocks, 2 ** points)` counts of codes, as counts of patterns."""
    points = counts.shape[1].bit_length() - 1
    bins, most = uniform_bins(points), points * (points - 1) + 3
    return np.stack([np.bincount(bins, row, minlength=most) for row in counts])


def _check_places(blocks, size, margins):
    places = [side - 2 * margin for side, margin in zip(size, margins)]
    if np.greater(blocks, places).any():
        raise ValueError(
            "Expected no more `blocks` than places with all neighbours, "
            f"{places[0]} rows and {places[1]} columns. Received: {blocks=}"
        )
