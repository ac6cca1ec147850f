"""Where and when a network of attention looked."""

import dataclasses

import numpy as np
from sklearn.metrics import roc_auc_score

from fdin_tf.data.pipeline import make_dataset
from fdin_tf.explain.explained import explained

_SPATIAL, _TEMPORAL = "spatial_attention", "temporal_attention"
_WIDTH = 0.5  # standard deviation of the up-sampling, in cells


@dataclasses.dataclass(frozen=True)
class ClipAttention:
    """Attention of one clip of `t` frames.

    Attributes:
        spatial: `A` of every frame, float32 `(t, h, w)` in [0, 1]; None of a
            network without spatial attention.
        temporal: `o` of every frame, float32 `(t,)`, which sums to 1; None of
            a network without temporal attention.
    """

    spatial: np.ndarray | None
    temporal: np.ndarray | None


def predict_attention(model, data, clip_ids, batch_size=8):
    """Attention of clips, by a trained network; no padding in it.

    Args:
        model: SIAM with spatial attention, temporal attention or both, see
            `explained`.
        data: Clips in memory or on disk: an object with `clips` (with
            `num_frames`), `shape`, `name` and `load(clip_id)`.
        clip_ids: The clips to explain.
        batch_size: Clips per batch.

    Returns:
        Dict from clip id to `ClipAttention`, in the order given.

    Raises:
        ValueError: If the model has neither attention, or there is no clip.
    """
    network = explained(model)
    if not {_SPATIAL, _TEMPORAL} & set(network.output):
        raise ValueError(
            "`model` must have spatial or temporal attention, as SIAM has. "
            f"Received: model={model.name!r} with {', '.join(network.output)}"
        )
    found = {}
    clip_ids = [str(clip_id) for clip_id in clip_ids]
    # Bucketing changes the order: every clip brings its number along.
    numbers = ("number", np.arange(len(clip_ids)))
    for inputs, number in make_dataset(data, clip_ids, batch_size, numbers):
        outputs = network(inputs, training=False)
        maps, weights = (
            np.asarray(outputs[name]) if name in outputs else None
            for name in (_SPATIAL, _TEMPORAL)
        )
        masks = np.asarray(inputs["mask"])
        for k, clip in enumerate(np.ravel(number["number"])):
            found[clip_ids[clip]] = ClipAttention(
                None if maps is None else maps[k][masks[k]],
                None if weights is None else weights[k][masks[k]],
            )
    return {clip_id: found[clip_id] for clip_id in clip_ids}


def upsample(attention, size):
    """Attention at the size of the input, smoothed by a Gaussian filter.

    The cell `(i, j)` of a map lies over the input's square number `(i, j)` of
    `h x w`. A pixel at `y` gets from the row `i`, whose middle is at `y_i`,

        g_i(y) = exp(-(y - y_i)^2 / (2 s_y^2)),  w_i(y) = g_i(y) / sum_k g_k(y)
        up(y, x) = sum_ij w_i(y) w_j(x) A_ij

    (a normalised Gaussian filter), with `s` half the side of a cell. It is
    linear in `A`, keeps constants, mirrors with its input and stays between
    the least and the greatest value. (Pei et al., section V-A1, give no
    width. With half a cell, a cell among zeros becomes one smooth blob, 0.62
    times as high and 1.2 cells wide at half of that.)

    Args:
        attention: Maps, `(..., h, w)`.
        size: Side of the input, pixels.

    Returns:
        Float array `(..., size, size)`, float32 where the input is.

    Raises:
        ValueError: If `size` is less than a pixel, or the attention has no
            rows and columns.

    Example:

    >>> upsample(np.eye(2), 4).round(2)[:, 0].tolist()
    [0.91, 0.71, 0.29, 0.09]
    """
    attention = np.asarray(attention)
    if attention.ndim < 2 or 0 in attention.shape[-2:]:
        raise ValueError(
            "Expected attention maps of shape (..., h, w). Received: "
            f"attention of shape {attention.shape}"
        )
    if size < 1:
        raise ValueError(
            f"`size` must be at least a pixel. Received: size={size}"
        )
    if attention.dtype.kind != "f":
        attention = attention.astype(float)
    rows, columns = (
        _weights(size, cells).astype(attention.dtype)
        for cells in attention.shape[-2:]
    )
    return rows @ attention @ columns.T


def face_auc(attention, mask):
    """How well attention tells the face from the background.

    The area under the ROC curve of the up-sampled attention (`upsample`) as a
    score of "this pixel is face": the probability that a pixel of the face
    has more attention than one of the background, ties counting half. 1 is
    perfect, 0.5 is chance.

    Args:
        attention: Maps, `(..., h, w)`.
        mask: `(size, size)` bool, True in the face.

    Returns:
        Float array of the leading shape: one area per map.

    Raises:
        ValueError: If the mask is not square, or all face, or all background.

    Example:

    >>> left = np.array([[1.0, 0.0], [1.0, 0.0]])
    >>> face_auc([left, 1 - left], left > 0).tolist()
    [1.0, 0.0]
    """
    mask = np.asarray(mask, bool)
    if mask.ndim != 2 or len(set(mask.shape)) != 1:
        raise ValueError(
            "Expected a mask of shape (size, size). Received: mask of shape "
            f"{mask.shape}"
        )
    if mask.all() or not mask.any():
        raise ValueError(
            "Expected a mask with face and background. Received: mask with "
            f"{mask.sum()} pixels of face of {mask.size}"
        )
    attention = np.asarray(attention, float)
    maps = attention.reshape(-1, *attention.shape[-2:])
    areas = [
        # Rounded: the last digits of equal pixels differ.
        roc_auc_score(mask.ravel(), upsample(one, len(mask)).ravel().round(12))
        for one in maps
    ]
    return np.reshape(areas, attention.shape[:-2])


def weight_per_frame(temporal, where):
    """Mean attention weight per frame, within some frames of a clip.

    Args:
        temporal: Attention weights of a clip, `(t,)`.
        where: The frames that count, `(t,)` bool, such as those of a phase.

    Returns:
        Float: `1 / t` where a clip's weights are uniform; NaN where no frame
        counts.

    Raises:
        ValueError: If the two differ in shape.

    Example:

    >>> weight_per_frame([0.1, 0.5, 0.4], [False, True, True])
    0.45
    """
    temporal, where = np.asarray(temporal, float), np.asarray(where, bool)
    if temporal.ndim != 1 or temporal.shape != where.shape:
        raise ValueError(
            "Expected one weight and one bool per frame. Received: temporal "
            f"of shape {temporal.shape}, where of shape {where.shape}"
        )
    return float(temporal[where].mean()) if where.any() else float("nan")


def apex_to_neutral(temporal, apex, neutral):
    """How much more weight an apex frame has than a neutral one.

    Args:
        temporal: Attention weights of a clip, `(t,)`.
        apex: Its frames at the apex of the expression, `(t,)` bool.
        neutral: Its frames without expression, `(t,)` bool.

    Returns:
        Float: ratio of the mean weights per frame, 1 where weights are
        uniform; infinite where the neutral frames have no weight at all; NaN
        where the clip has no apex frame or no neutral one.

    Raises:
        ValueError: If the three differ in shape.

    Example:

    >>> apex_to_neutral([0.1, 0.5, 0.4], [0, 1, 1], [1, 0, 0])
    4.5
    """
    at_apex = np.float64(weight_per_frame(temporal, apex))
    at_rest = weight_per_frame(temporal, neutral)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(at_apex / at_rest)


def _weights(size, cells):
    """Weight of every cell at every pixel, `(size, cells)`; rows sum to 1."""
    pixels = (np.arange(size) + 0.5) * cells / size  # in cells
    away = (pixels[:, None] - np.arange(cells) - 0.5) / _WIDTH
    weights = np.exp(-0.5 * away**2)
    return weights / weights.sum(axis=1, keepdims=True)
