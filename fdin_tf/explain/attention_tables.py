"""Attention in numbers: by part of the face, by phase of the expression."""

import numpy as np
import pandas as pd
import scipy.stats
from scipy.spatial import KDTree

from fdin_tf.explain.attention import upsample
from fdin_tf.explain.attention import weight_per_frame
from fdin_tf.statistics import clustered_mean

#: Landmarks (iBUG order) of the parts of a face.
FACE_PARTS = {
    "jaw": range(0, 17),
    "brows": range(17, 27),
    "nose": range(27, 36),
    "eyes": range(36, 48),
    "mouth": range(48, 68),
}
BACKGROUND = "background"
#: Frames at rest, and the phases of the motion between them.
PHASE_NAMES = ("neutral", "onset", "apex", "offset")


def attention_by_part(attention, points, mask):
    """Mean attention in every part of the face, and around the face.

    Every pixel of the face belongs to the part of the nearest landmark; the
    attention is taken at the size of the face (`upsample`). Cheeks belong to
    whichever of jaw, nose, eyes and mouth is nearest.

    Args:
        attention: Maps, `(..., h, w)`.
        points: `(68, 2)`, landmarks in iBUG order, pixels of the mask
            (`FaceWarp.points`).
        mask: `(size, size)` bool, True in the face (`FaceWarp.mask`).

    Returns:
        Dict from the names of `FACE_PARTS` and `"background"` to float arrays
        of the leading shape; NaN for a part without a pixel.

    Raises:
        ValueError: If there are not 68 points, or the mask is not square.

    Example:

    >>> rng = np.random.default_rng(0)
    >>> everywhere = np.ones((20, 20), bool)
    >>> even = attention_by_part(
    ...     np.full((4, 4), 0.5), rng.uniform(0, 19, (68, 2)), everywhere
    ... )
    >>> round(float(even["mouth"]), 6), float(even["background"])
    (0.5, nan)
    """
    points, mask = np.asarray(points, float), np.asarray(mask, bool)
    if points.shape != (68, 2) or mask.ndim != 2 or len(set(mask.shape)) != 1:
        raise ValueError(
            "Expected 68 landmarks (68, 2) and a mask (size, size). Received: "
            f"points of shape {points.shape}, mask of shape {mask.shape}"
        )
    rows, columns = np.indices(mask.shape)
    _, nearest = KDTree(points).query(np.stack([columns, rows], axis=-1))
    where = {
        name: mask & np.isin(nearest, part) for name, part in FACE_PARTS.items()
    }
    where[BACKGROUND] = ~mask
    pixels = upsample(attention, len(mask))
    return {
        name: pixels[..., of].mean(axis=-1)
        if of.any()
        else np.full(pixels.shape[:-2], np.nan)
        for name, of in where.items()
    }


def heaviest_stretch(temporal, share=0.5):
    """The shortest stretch of frames that holds a share of the weight.

    Args:
        temporal: Attention weights of a clip, `(t,)`, 0 or more.
        share: Share of their sum, in (0, 1].

    Returns:
        Pair of its first frame and the frame behind its last. Of stretches
        that are as short, the one with the most weight; of these the first.

    Raises:
        ValueError: If there is no weight above 0, or `share` is out of range.

    Example:

    >>> heaviest_stretch([0.1, 0.1, 0.4, 0.3, 0.1])
    (2, 4)
    """
    temporal = np.asarray(temporal, float)
    if temporal.ndim != 1 or not temporal.sum() > 0:
        raise ValueError(
            "Expected the weights of a clip, (t,), with one above 0. Received: "
            f"temporal of shape {temporal.shape}, sum {temporal.sum()}"
        )
    if not 0 < share <= 1:
        raise ValueError(
            f"`share` must be above 0 and at most 1. Received: share={share}"
        )
    before = np.r_[0.0, temporal.cumsum()]
    least = share * before[-1] * (1 - 1e-12)  # but for rounding
    stops = np.searchsorted(before, before[:-1] + least)
    starts = np.flatnonzero(stops < len(before))
    stops = stops[starts]
    start, stop = min(
        zip(starts, stops),
        key=lambda pair: (pair[1] - pair[0], before[pair[0]] - before[pair[1]]),
    )
    return int(start), int(stop)


def phase_frames(phases):
    """The frames at rest, of the rise, at the apex, and of the fall.

    Args:
        phases: `fdin_tf.faces.Phases` of a clip.

    Returns:
        Dict from `PHASE_NAMES` to `(frames,)` bool. Every frame is in one of
        them: lead-in and lead-out are neutral, not onset and offset.
    """
    neutral = phases.neutral
    moving = {name: phases.mask(name) & ~neutral for name in PHASE_NAMES[1:]}
    return {"neutral": neutral, **moving}


def phase_weights(temporal, frames):
    """Weight per frame in every phase of a clip; 1 if it were uniform.

    Args:
        temporal: Attention weights of a clip, `(t,)`, which sum to 1.
        frames: Dict from a phase to its frames, `(t,)` bool.

    Returns:
        Dict from a phase to its mean weight times `t`; NaN for a phase
        without a frame.

    Raises:
        ValueError: If lengths differ.

    Example:

    >>> frames = {"neutral": [1, 0, 0, 1], "apex": [0, 1, 1, 0]}
    >>> phase_weights([0.1, 0.4, 0.4, 0.1], frames)
    {'neutral': 0.4, 'apex': 1.6}
    """
    return {
        name: len(temporal) * weight_per_frame(temporal, where)
        for name, where in frames.items()
    }


def clustered_table(values, clusters, confidence=0.95):
    """Mean of every column over clips, with an interval over subjects.

    Clips of one person are not independent: see
    `fdin_tf.statistics.clustered_mean`. The interval is that of Student's t
    with (number of clusters - 1) degrees of freedom.

    Args:
        values: DataFrame of numbers, one row per clip. A missing value leaves
            its clip out of its column.
        clusters: The cluster of every clip, such as its subject.
        confidence: Level of the intervals.

    Returns:
        DataFrame with one row per column that has a value: `name`, `clips`,
        `subjects`, `mean`, `low`, `high` (NaN for one cluster).

    Raises:
        ValueError: As `clustered_mean`, or if there are not as many clusters
            as clips.

    Example:

    >>> values = pd.DataFrame({"apex": [1, 1, 4, 6]})
    >>> clustered_table(values, [*"aabb"])[["subjects", "mean"]].values.tolist()
    [[2.0, 3.0]]
    """
    clusters = np.asarray(clusters)
    if len(clusters) != len(values):
        raise ValueError(
            "Expected one cluster per clip. Received: "
            f"{len(clusters)} clusters for {len(values)} clips"
        )
    rows = []
    for name, column in values.items():
        is_there = column.notna().to_numpy()
        if not is_there.any():
            continue
        of = clusters[is_there]
        mean, error = clustered_mean(column[is_there], of)
        reach = error * _quantile(of, confidence)
        rows.append([name, is_there.sum(), len(set(of)), mean, mean - reach,
                     mean + reach])  # fmt: skip
    return pd.DataFrame(
        rows, columns=["name", "clips", "subjects", "mean", "low", "high"]
    )


def clustered_ratio(numerators, denominators, clusters, confidence=0.95):
    """Ratio of two means over clips of which some share a subject.

    For the means `a` and `b` of `x` and `y` over the clips,

        R = a / b,  SE = clustered standard error of (x - R y) / b
        interval = R exp(-+ t SE / R)

    (linearised, on the scale of the logarithm, so that it stays positive),
    with the `t` of (number of clusters - 1) degrees of freedom.

    Args:
        numerators: Numbers, one per clip, such as the weight per frame at
            the apex.
        denominators: Numbers about the same clips, such as that of neutral
            frames.
        clusters: The cluster of every clip, such as its subject.
        confidence: Level of the interval.

    Returns:
        Triple of the ratio and the ends of its interval. Infinite or NaN
        where the denominators sum to 0; the interval is NaN for one cluster
        and for a ratio that is not positive.

    Raises:
        ValueError: As `clustered_mean`.

    Example:

    >>> ratio, low, high = clustered_ratio([2, 4, 5], [1, 2, 2], [*"abc"])
    >>> round(ratio, 2), low < ratio < high
    (2.2, True)

    Reference:
    - Cochran, Sampling Techniques, 1977, section 6.
    """
    x, y = np.asarray(numerators, float), np.asarray(denominators, float)
    clustered_mean(x, clusters)  # checks
    clustered_mean(y, clusters)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = float(x.mean() / y.mean())
    if not 0 < ratio < np.inf:
        return ratio, float("nan"), float("nan")
    _, error = clustered_mean((x - ratio * y) / y.mean(), clusters)
    reach = np.exp(error / ratio * _quantile(clusters, confidence))
    return ratio, float(ratio / reach), float(ratio * reach)


def _quantile(clusters, confidence):
    """Student's t for as many clusters; NaN for one."""
    degrees = len(set(clusters)) - 1
    if not degrees:
        return float("nan")
    return scipy.stats.t.ppf((1 + confidence) / 2, degrees)
