"""VLBP: binary patterns of a volume, in three frames at once."""

import numpy as np

from fdin_tf.handcrafted.checks import check_whole
from fdin_tf.handcrafted.neighbourhood import MOST_POINTS
from fdin_tf.handcrafted.neighbourhood import check_volume
from fdin_tf.handcrafted.neighbourhood import circle
from fdin_tf.handcrafted.neighbourhood import count_codes

MOST_VOLUME_POINTS = (MOST_POINTS - 2) // 3


def volume_lbp(frames, interval=1, points=4, radius=1):
    """Histogram of volume local binary patterns, without rotation.

    The voxel `c` in frame `t` is compared with `P` neighbours on a circle in
    the frames `t - L`, `t` and `t + L`, and with the voxels at its own place
    in the first and last of these. Neighbour `p` lies at

        (x + R cos(2 pi p / P), y - R sin(2 pi p / P)).

    From the lowest bit on, the `3 P + 2` bits of a code are `s(g - g_c)` of

        frame t - L: the centre, then the neighbours 0 to P - 1
        frame t:     the neighbours 0 to P - 1
        frame t + L: the neighbours 0 to P - 1, then the centre

    with the grey levels `g` and `s(x) = 1 if x >= 0 else 0`. The descriptor
    is the histogram of the codes of all voxels, normalised to sum 1.

    - Voxels whose neighbours leave the volume are no centres: the first and
      last `L` frames and `R` rows and columns.
    - In a flat clip all bits are set: bin `2 ** (3 P + 2) - 1`.
    - With 1, 2 or 4 points all neighbours are voxels, and any strictly
      increasing change of the grey levels changes nothing. Of 3 points, two
      lie between voxels and are interpolated linearly (a difference below
      1e-8 counts as none): `a g + b` with `a > 0` changes nothing.

    Args:
        frames: `(t, h, w)`, uint8, grey faces of one clip, aligned.
        interval: `L`, in frames.
        points: `P`, from 1 to 4: bins are many, 16,384 for 4 points.
        radius: `R`, in pixels, a whole number.

    Returns:
        `(2 ** (3 points + 2),)`, float32, bin `i` for the code `i`.

    Raises:
        ValueError: If the frames are no uint8 volume, are fewer than `2 L +
            1` or too small, or another argument is out of its range.

    Example:

    >>> rng = np.random.default_rng(seed=0)
    >>> frames = rng.integers(0, 256, (10, 32, 32), dtype=np.uint8)
    >>> volume_lbp(frames).shape
    (16384,)

    Reference:
    - Zhao and Pietikainen, IEEE Transactions on Pattern Analysis and Machine
      Intelligence 29(6), 2007, section 3.
    """
    check_whole("interval", interval)
    check_whole("points", points, most=MOST_VOLUME_POINTS)
    check_whole("radius", radius)
    reach = interval, radius, radius
    frames = check_volume(frames, reach)
    around = circle(points, at_0=(0, 0, radius), at_90=(0, -radius, 0))
    before, now, after = (
        [_in_frame(time, neighbour) for neighbour in around]
        for time in (-interval, 0, interval)
    )
    first, last = {(-interval, 0, 0): 1.0}, {(interval, 0, 0): 1.0}
    neighbours = [first, *before, *now, *after, last]
    ((counts,),) = count_codes(frames, [neighbours], reach)
    return (counts / counts.sum()).astype(np.float32)


def _in_frame(time, neighbour):
    """A neighbour in the frame of its centre, moved to another frame."""
    return {(time, y, x): weight for (_, y, x), weight in neighbour.items()}
