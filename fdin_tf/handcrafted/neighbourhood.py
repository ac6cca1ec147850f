"""Local binary patterns in a volume of frames: neighbours, codes, counts."""

import itertools

import numpy as np

from fdin_tf.handcrafted.blocks import block_map

# Grey levels closer than this are equal. Those between voxels are rounded by
# far less and, around 8 points, differ by far more where they do.
EQUAL = 1e-8
MOST_POINTS = 16  # of one code: its bits
# Chunks of about this many voxels stay in the cache of a processor.
VOXELS_AT_ONCE = 2**17


def circle(points, at_0, at_90):
    """Neighbours of a voxel on an ellipse in a plane of the volume.

    Neighbour `p` of `P` lies, relative to the centre, at

        cos(2 pi p / P) at_0 + sin(2 pi p / P) at_90

    and, between voxels, its grey level is interpolated linearly.

    Args:
        points: Number `P` of neighbours.
        at_0: `(t, y, x)`, frames and pixels: where neighbour 0 is.
        at_90: `(t, y, x)`: where a neighbour a quarter of a turn on is.

    Returns:
        List of `P` neighbours. Each is a dict from voxel, `(t, y, x)` relative
        to the centre, to its weight; the weights sum to 1.

    Example:

    >>> circle(4, at_0=(0, 0, 1), at_90=(0, -1, 0))[1]
    {(0, -1, 0): 1.0}
    """
    angles = 2 * np.pi * np.arange(points) / points
    places = np.outer(np.cos(angles), at_0) + np.outer(np.sin(angles), at_90)
    return [_voxels_around(place) for place in places.round(12)]


def _voxels_around(place):
    """Weights of the voxels between which a place lies."""
    near = np.floor(abs(place))
    share = abs(place) - near
    weights = {}
    for far in itertools.product((0, 1), repeat=3):
        weight = round(float(np.prod(np.where(far, share, 1 - share))), 12)
        if weight:
            voxel = np.sign(place) * (near + far)
            weights[tuple(voxel.astype(int).tolist())] = weight
    return weights


def uniform_bins(points):
    """Bin of each binary code in a histogram of uniform patterns.

    A code is uniform if, around the circle, it changes at most twice between
    0 and 1. Bins are ordered as those of `nri_uniform` in scikit-image: no
    ones, then one, two ... `points - 1` ones with their `points` rotations
    each, all ones, and last the one bin of all codes that are not uniform.

    Args:
        points: Number of bits of a code.

    Returns:
        `(2 ** points,)` integers from 0 to `points * (points - 1) + 2`.

    Example:

    >>> uniform_bins(8).max() + 1
    np.int64(59)

    Reference:
    - Ojala, Pietikainen and Maenpaa, IEEE Transactions on Pattern Analysis
      and Machine Intelligence 24(7), 2002.
    """
    bins = np.full(2**points, points * (points - 1) + 2)
    bins[0], bins[-1] = 0, points * (points - 1) + 1
    for ones, turn in itertools.product(range(1, points), range(points)):
        code = sum(1 << (bit - turn) % points for bit in range(ones))
        bins[code] = 1 + (ones - 1) * points + turn
    return bins


def check_volume(frames, reach):
    """Makes sure that some voxel has all its neighbours in the volume.

    Args:
        frames: What should be `(t, h, w)`, uint8.
        reach: `(t, y, x)`: how far neighbours may be from their centre.

    Returns:
        The frames as an array.

    Raises:
        ValueError: If it is no array of that kind, or smaller.
    """
    frames = np.asarray(frames)
    if frames.ndim != 3 or frames.dtype != np.uint8:
        raise ValueError(
            "Expected `frames` to be grey levels, (frames, height, width) of "
            f"uint8. Received: shape={frames.shape}, dtype={frames.dtype}"
        )
    least = [2 * far + 1 for far in reach]
    if np.less(frames.shape, least).any():
        raise ValueError(
            "Binary patterns that reach {} frames, {} rows and {} columns "
            "around a voxel need at least {} frames of {} x {} pixels. "
            "Received: shape={}".format(*reach, *least, frames.shape)
        )
    return frames


def count_codes(frames, neighbourhoods, reach, blocks=(1, 1)):
    """How often each binary code is seen in each block of a volume.

    The code of a voxel with grey level `g_c`, whose neighbours have `g_p`, is

        sum_p 2 ** p s(g_p - g_c),  s(x) = 1 if x >= 0 else 0.

    Voxels less than `reach` away from an end of the volume are no centres.
    The others' places in a frame are cut into blocks, see `block_map`. A block
    spans all frames.

    Args:
        frames: `(t, h, w)`, uint8, grey levels.
        neighbourhoods: List of lists of neighbours, as `circle` gives them.
        reach: `(t, y, x)`: how far neighbours may be from their centre.
        blocks: `(rows, columns)`.

    Returns:
        A list, for each neighbourhood: `(rows * columns, 2 ** neighbours)`,
        int64, blocks in row-major order. No unit.
    """
    over_time, *margins = reach
    places = np.subtract(frames.shape[1:], 2 * np.array(margins))
    block = block_map(places, blocks)
    counts = [
        np.zeros((np.prod(blocks), 2 ** len(neighbours)), np.int64)
        for neighbours in neighbourhoods
    ]
    at_once = max(1, VOXELS_AT_ONCE // frames[0].size)
    for start in range(0, len(frames) - 2 * over_time, at_once):
        chunk = frames[start : start + at_once + 2 * over_time]
        codes = _binary_codes(chunk, neighbourhoods, reach)
        for total, code in zip(counts, codes):
            places = (block * total.shape[1] + code).ravel()
            total += np.bincount(places, minlength=total.size).reshape(
                total.shape
            )
    return counts


def _binary_codes(frames, neighbourhoods, reach):
    """Yields the codes of all centres, for each neighbourhood.

    The volume is one long row, so that a neighbour of all voxels is the row
    shifted. What runs over the ends of lines and frames is no centre.
    """
    _, height, width = frames.shape
    steps = (height * width, width, 1)
    first = int(np.dot(reach, steps))
    length = frames.size - 2 * first
    levels = np.ravel(frames)
    weighted = {}  # grey levels times weight, which many neighbours share

    def shifted(values, voxel=(0, 0, 0)):
        start = first + int(np.dot(voxel, steps))
        return values[start : start + length]

    def times(weight):
        if weight not in weighted:
            weighted[weight] = levels * np.float64(weight)
        return weighted[weight]

    def at_least_centre(neighbour):
        if len(neighbour) == 1:
            (voxel,) = neighbour
            return shifted(levels, voxel) >= shifted(levels)
        parts = [shifted(times(w), voxel) for voxel, w in neighbour.items()]
        level = parts[0] + parts[1]
        for part in parts[2:]:
            level += part
        level += EQUAL
        return level >= shifted(levels)

    over_time, rows, columns = reach
    for neighbours in neighbourhoods:
        dtype = np.uint8 if len(neighbours) <= 8 else np.uint16
        codes = np.zeros((len(frames) - 2 * over_time, height, width), dtype)
        margin = rows * width + columns
        centres = codes.reshape(-1)[margin : codes.size - margin]
        for neighbour in reversed(neighbours):
            centres <<= 1
            centres |= at_least_centre(neighbour)
        yield codes[:, rows : height - rows, columns : width - columns]
