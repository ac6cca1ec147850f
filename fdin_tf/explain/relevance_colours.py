"""The colours of relevance: red speaks for the score, blue against it."""

import numpy as np
from matplotlib.colors import LinearSegmentedColormap

#: Dark blue, white at exactly 0, dark red: told apart by any colour vision.
RELEVANCE_MAP = LinearSegmentedColormap.from_list(
    "relevance",
    ["#053061", "#2166ac", "#92c5de", "#ffffff", "#f4a582", "#b2182b",
     "#67001f"],
    N=257,
)  # fmt: skip
_COVER = 0.9  # of a face, by its largest relevance


def relevance_limits(heatmaps, percentile=100.0):
    """Ends of the symmetric scale of heatmaps, from -limit to limit.

    Args:
        heatmaps: `R`, `(..., h, w)`.
        percentile: 100 for `max |R|`; less to let some pixels exceed the
            scale, where few of them outshine the rest.

    Returns:
        Limits of the leading shape, above 0: 1 for a heatmap of zeros.

    Raises:
        ValueError: If heatmaps are not finite or `percentile` is not in
            (0, 100].

    Example:

    >>> relevance_limits([[[1.0, -4.0]], [[0.0, 0.0]]])
    array([4., 1.])
    """
    heatmaps = np.asarray(heatmaps, np.float64)
    if heatmaps.ndim < 2 or not np.isfinite(heatmaps).all():
        raise ValueError(
            "Expected finite heatmaps (..., h, w). Received: heatmaps of "
            f"shape {heatmaps.shape}, {np.sum(~np.isfinite(heatmaps))} not "
            "finite"
        )
    if not 0 < percentile <= 100:
        raise ValueError(
            "`percentile` must be above 0 and at most 100. "
            f"Received: percentile={percentile}"
        )
    limits = np.percentile(np.abs(heatmaps), percentile, axis=(-2, -1))
    return np.where(limits > 0, limits, 1.0)


def overlay(image, heatmap, limit=None):
    """Relevance in colour over the grey image.

        grey (1 - a) + colour(R) a,    a = 0.9 min(|R| / limit, 1)

    Args:
        image: RGB 0..255 `(h, w, 3)`, or grey `(h, w)` or `(h, w, 1)`.
        heatmap: `R`, `(h, w)`.
        limit: End of the scale; None: `max |R|`.

    Returns:
        `(h, w, 3)` uint8.

    Raises:
        ValueError: If image and heatmap are of different sizes, or the limit
            is not positive.

    Example:

    >>> overlay(np.full((1, 2, 3), 99), [[0.0, 2.0]]).tolist()
    [[[99, 99, 99], [103, 10, 38]]]
    """
    image, heatmap = np.asarray(image, float), np.asarray(heatmap, float)
    if image.ndim == 2:
        image = image[..., None]
    if image.shape not in {(*heatmap.shape, 1), (*heatmap.shape, 3)}:
        raise ValueError(
            "Expected an image (h, w, 3) or (h, w), and a heatmap (h, w). "
            f"Received: image of shape {image.shape}, heatmap of shape "
            f"{heatmap.shape}"
        )
    limit = relevance_limits(heatmap) if limit is None else limit
    if not limit > 0:
        raise ValueError(f"`limit` must be above 0. Received: limit={limit}")
    part = np.clip(heatmap / limit, -1, 1)
    colour = 255 * RELEVANCE_MAP((part + 1) / 2)[..., :3]
    weight = _COVER * np.abs(part)[..., None]
    mixed = grey_of(image) * (1 - weight) + colour * weight
    return np.rint(mixed).astype(np.uint8)


def grey_of(image):
    """Luma (ITU-R BT.601) of an image, `(h, w, 1)`, 0..255.

    Args:
        image: `(h, w, 3)` RGB, or `(h, w, 1)` grey.

    Example:

    >>> grey_of(np.array([[[255.0, 0.0, 0.0]]])).round(3).tolist()
    [[[76.245]]]
    """
    if image.shape[-1] == 1:
        return image
    return image @ np.array([[0.299], [0.587], [0.114]])
