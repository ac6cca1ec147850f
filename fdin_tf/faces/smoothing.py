"""Smoothing of point tracks in time, and filling of their short gaps."""

import itertools

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import median_filter
from scipy.signal import savgol_filter


def smooth_in_time(values, frames_per_second, seconds):
    """Running median of 3, then a local quadratic fit (Savitzky-Golay).

    The median takes out single frames that stand apart and leaves every
    monotone course as it is; the quadratic then lowers what is left of the
    jitter and keeps position, speed and acceleration of a slow motion. Both
    ends are fitted, not padded, and nothing is delayed.

    Args:
        values: `(frames, ...)`, one value per frame at a constant rate.
        frames_per_second: That rate.
        seconds: Width of the window of the local fit. A window below five
            frames, or a track shorter than that, leaves the values as they
            are.

    Returns:
        Array of the shape of `values`, float64.

    Example:

    >>> line = np.arange(20.0)
    >>> np.allclose(smooth_in_time(line, 25, 0.36), line)
    True

    Reference:
    - Savitzky and Golay, Analytical Chemistry 36(8), 1964.
    """
    values = np.asarray(values, "float64")
    window = 2 * round(seconds * frames_per_second / 2) + 1
    window = min(window, len(values) - 1 + len(values) % 2)
    if window < 5:
        return values.copy()
    steady = values.copy()
    steady[1:-1] = median_filter(values, (3, *[1] * (values.ndim - 1)))[1:-1]
    return savgol_filter(steady, window, polyorder=2, axis=0)


def smooth_4253h_twice(values):
    """4253H, twice: Velleman's compound of running medians.

    With S the smoother 4253H,

        4253H, twice (y) = S(y) + S(y - S(y))

    and S, one after the other: running medians of 4, 2, 5 and 3 values, the
    rule for the ends (each becomes the median of itself, its neighbour and
    the line through its next two neighbours, drawn one step beyond the end),
    and running means with the weights 1/4, 1/2, 1/4. At the ends the medians
    take the widest window that fits, and the two outermost values of the
    means are copied. Straight lines stay as they are; a single frame that
    stands apart counts the same however far it does.

    Args:
        values: `(frames, ...)`, one value per frame at a constant rate.

    Returns:
        Array of the shape of `values`, float64. Fewer than 7 frames are
        returned as they are: the medians would have no window of their own.

    Raises:
        ValueError: If a value is NaN or infinite.

    Example:

    >>> smooth_4253h_twice([1, 1, 1, 1, 90, 1, 1, 1, 1]).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]

    Reference:
    - Velleman, Journal of the American Statistical Association 75, 1980.
    - NAG Library, g10cac: the same steps, ends and order.
    """
    values = np.array(values, "float64")
    for place in np.argwhere(~np.isfinite(values)):
        raise ValueError(
            "`values` to smooth must be finite. Received: "
            f"values{place.tolist()}={values[tuple(place)]}"
        )
    if len(values) < 7:
        return values
    smooth = _4253h(values)
    return smooth + _4253h(values - smooth)


def _4253h(y):
    y = np.concatenate(  # one value more: they lie between the frames
        [
            y[:1],
            _running_median(y[:2], 2),
            _running_median(y, 4),
            _running_median(y[-2:], 2),
            y[-1:],
        ]
    )
    y = np.concatenate([y[:1], _running_median(y[1:-1], 2), y[-1:]])
    near_start, near_end = (_running_median(e, 3) for e in (y[:3], y[-3:]))
    y = np.concatenate(
        [y[:1], near_start, _running_median(y, 5), near_end, y[-1:]]
    )
    y = np.concatenate([y[:1], _running_median(y, 3), y[-1:]])
    for end, near, far in ((0, 1, 2), (-1, -2, -3)):
        beyond = 3 * y[near] - 2 * y[far]
        y[end] = np.median([y[end], y[near], beyond], axis=0)
    y[1:-1] = y[:-2] / 4 + y[1:-1] / 2 + y[2:] / 4
    return y


def _running_median(values, span):
    """Medians of all windows of `span` frames, `(frames - span + 1, ...)`."""
    return np.median(sliding_window_view(values, span, axis=0), axis=-1)


def runs(flags):
    """Stretches of equal neighbours.

    Args:
        flags: `(frames,)`, anything that can be compared.

    Returns:
        List of `(start, stop)`, stop excluded, in order.

    Example:

    >>> runs([True, True, False, True])
    [(0, 2), (2, 3), (3, 4)]
    """
    flags = np.asarray(flags)
    edges = np.flatnonzero(flags[1:] != flags[:-1]) + 1
    edges = [0, *edges.tolist(), len(flags)]
    return [(a, b) for a, b in itertools.pairwise(edges) if b > a]


def fill_short_gaps(values, times, segments, max_gap):
    """Interpolates where a track is missing for a moment.

    Args:
        values: `(frames, ...)`, NaN in frames where the track is missing.
        times: `(frames,)`, seconds, growing.
        segments: `(frames,)` integers. A gap is filled only if the frames
            before and after it carry the same number, from 0; the numbers
            within the gap do not matter.
        max_gap: Longest gap to fill, in seconds from the last frame before it
            to the first frame after it.

    Returns:
        `(values, filled)`: a copy of `values` with short gaps filled linearly
        in time, and `(frames,)` bool, True where that was done.
    """
    values = np.array(values, "float64")
    filled = np.zeros(len(values), bool)
    missing = np.isnan(values.reshape(len(values), -1)).any(axis=1)
    for start, stop in runs(missing):
        if not missing[start] or start == 0 or stop == len(values):
            continue
        before, after = start - 1, stop
        length = times[after] - times[before]
        # A rounding error must not decide about a gap of just this length.
        if segments[before] != segments[after] or length > max_gap + 1e-6:
            continue
        share = (times[start:stop] - times[before]) / length
        share = share.reshape(-1, *[1] * (values.ndim - 1))
        values[start:stop] = values[before] + share * (
            values[after] - values[before]
        )
        filled[start:stop] = True
    return values, filled
