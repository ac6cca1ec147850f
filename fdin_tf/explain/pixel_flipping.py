"""How fast a score falls when the most relevant pixels are replaced.

Samek et al., IEEE Transactions on Neural Networks and Learning Systems 2017,
https://arxiv.org/abs/1509.06321, section III: a measure of explanations.
"""

import itertools

import cv2
import numpy as np
import pandas as pd

from fdin_tf.explain.scores import check_images
from fdin_tf.explain.scores import scores_of
from fdin_tf.statistics import clustered_mean
from fdin_tf.statistics import paired_test

#: Orders of patches: the most or the least relevant first, or by chance.
ORDERS = ("most", "least", "random")
#: What comes in the place of a patch.
REPLACEMENTS = ("uniform", "mean", "blur")
#: Name of the control in which no heatmap orders the patches.
CONTROL = "control"


def flip_pixels(
    predict,
    images,
    heatmaps,
    patch=8,
    steps=100,
    replace="uniform",
    order="most",
    seed=0,
    batch_size=64,
):
    """Scores of images of which more and more patches are replaced.

    An image is a grid of square patches; those at its right and lower border
    may be smaller. The relevance of a patch is the sum of its pixels'. With
    the patches `r_1, r_2, ...` in order of relevance,

        x(0) = x,    x(k) = x(k-1) with r_k replaced

    (equation 9 there: most relevant first). What comes in the place of a
    patch does not depend on the order, so explanations compare fairly.

    Args:
        predict: Function from images `(n, h, w, 3)` uint8 to scores `(n,)`,
            see `make_predict`; it is given images of several steps at once.
        images: `(n, h, w, 3)` uint8.
        heatmaps: `R`, `(n, h, w)`; not read for the order `"random"`, where
            it may be None.
        patch: Side of a patch, pixels.
        steps: How many patches are replaced, at most; None: all. Fewer where
            an image has fewer.
        replace: `"uniform"` noise 0..255 (the paper's), the `"mean"` colour
            of the image, or its `"blur"`, a Gaussian's with a patch as
            standard deviation.
        order: `"most"` or `"least"` relevant first, or `"random"`.
        seed: Seed of noise and random order.
        batch_size: Images per call of `predict`: so many are in memory.

    Returns:
        Float64 `(n, steps + 1)`: `f(x(0)), f(x(1)), ...`

    Raises:
        ValueError: As `check_images` and `scores_of`; if images are not
            uint8, heatmaps are of another shape or not finite, or an option
            is none of those above.

    Reference:
    - [Samek et al., 2017](https://arxiv.org/abs/1509.06321), section III.
    """
    images = check_images(images)
    _check_options(images, patch, steps, replace, order, batch_size)
    if order != "random":
        heatmaps = _checked_heatmaps(heatmaps, images)
    patches = patch_numbers(*images.shape[1:3], patch)
    count = patches.max() + 1
    steps = count if steps is None else min(steps, count)

    def variants():
        for number, image in enumerate(images):
            # Of its own, so that an image does not depend on the others.
            noise, chance = np.random.default_rng([seed, number]).spawn(2)
            other = _replacement(image, replace, patch, noise)
            if order == "random":
                ordered = chance.permutation(count)
            else:
                relevance = np.bincount(
                    patches.ravel(), heatmaps[number].ravel()
                )
                sign = -1 if order == "most" else 1
                ordered = np.argsort(sign * relevance, kind="stable")
            rank = np.argsort(ordered)[patches][..., None]
            for step in range(steps + 1):
                yield np.where(rank < step, other, image)

    scores = [
        scores_of(predict, np.stack(batch))
        for batch in _batched(variants(), batch_size)
    ]
    return np.concatenate(scores).reshape(len(images), steps + 1)


def aopc(curves):
    """Area over the perturbation curve of every image.

        AOPC = 1 / (L + 1) < sum_{k=0}^{L} f(x(0)) - f(x(k)) >

    (equation 12 there), of which the average over images is left to do. With
    the most relevant first, larger is better; with the least relevant first,
    smaller.

    Args:
        curves: `(n, L + 1)`, see `flip_pixels`.

    Returns:
        `(n,)`, in units of the score.

    Example:

    >>> aopc([[0.9, 0.5, 0.1]]).round(6)
    array([0.4])
    """
    curves = np.asarray(curves, np.float64)
    return (curves[:, :1] - curves).mean(axis=1)


def flipping_curves(predict, images, explanations, **options):
    """Curves of several explanations of the same images, and of the control.

    Args:
        predict: See `flip_pixels`.
        images: See `flip_pixels`.
        explanations: Dict from a name to heatmaps `(n, h, w)`.
        **options: Further ones of `flip_pixels`, but for `order`.

    Returns:
        Dict from `(name, order)` to curves `(n, steps + 1)`: of each
        explanation with the most and with the least relevant first, and of
        `("control", "random")`.

    Raises:
        ValueError: As `flip_pixels`; if there is no explanation, or one is
            called `"control"`.
    """
    if not explanations or CONTROL in explanations:
        raise ValueError(
            f"Expected at least one explanation, none called {CONTROL!r}. "
            f"Received: explanations of {', '.join(explanations) or 'nothing'}"
        )
    runs = {
        (name, order): heatmaps
        for name, heatmaps in explanations.items()
        for order in ("most", "least")
    }
    runs[CONTROL, "random"] = None
    return {
        (name, order): flip_pixels(
            predict, images, heatmaps, order=order, **options
        )
        for (name, order), heatmaps in runs.items()
    }


def compare_explanations(curves, clusters=None):
    """One table of explanations: their areas, and how sure these are.

    Args:
        curves: As of `flipping_curves`.
        clusters: What the images share, such as the subject of every image;
            None: every image is its own.

    Returns:
        DataFrame with one row per explanation and order, the largest area of
        `"most"` first, the control last: `explanation`, `order`, `images`,
        `steps`, `aopc` (mean over images), `standard_error` (clustered, see
        `fdin_tf.statistics`), `above_control` (mean of the area less that of
        the random order on the same image) and the `p_value` that this is 0.

    Raises:
        ValueError: If the control is missing, or there is not one cluster for
            every image.

    Example:

    >>> curves = {
    ...     ("lrp", "most"): [[1.0, 0.2], [1.0, 0.4]],
    ...     ("control", "random"): [[1.0, 0.9], [1.0, 0.8]],
    ... }
    >>> table = compare_explanations(curves)
    >>> table[["explanation", "aopc", "above_control"]].round(3).values.tolist()
    [['lrp', 0.35, 0.275], ['control', 0.075, 0.0]]
    """
    control = (CONTROL, "random")
    if control not in curves:
        raise ValueError(
            f"Expected curves of the control, {control}. Received: curves of "
            f"{list(curves)}"
        )
    areas = {key: aopc(curve) for key, curve in curves.items()}
    if clusters is None:
        clusters = np.arange(len(areas[control]))
    rows = []
    for (name, order), area in areas.items():
        mean, error = clustered_mean(area, clusters)
        test = paired_test(area, areas[control], clusters)
        rows.append(
            {
                "explanation": name,
                "order": order,
                "images": len(area),
                "steps": np.shape(curves[name, order])[1] - 1,
                "aopc": mean,
                "standard_error": error,
                "above_control": test.difference,
                "p_value": test.p_value,
            }
        )
    table = pd.DataFrame(rows)
    rank = table["order"].map(ORDERS.index)
    return table.iloc[np.lexsort([-table["aopc"], rank])].reset_index(drop=True)


def patch_numbers(height, width, patch):
    """Number of the patch that every pixel is in, row by row from 0.

    Example:

    >>> patch_numbers(3, 4, 2)
    array([[0, 0, 1, 1],
           [0, 0, 1, 1],
           [2, 2, 3, 3]])
    """
    rows, columns = np.arange(height) // patch, np.arange(width) // patch
    return rows[:, None] * (columns[-1] + 1) + columns


def _replacement(image, replace, patch, rng):
    if replace == "uniform":
        return rng.integers(0, 256, image.shape, np.uint8)
    if replace == "mean":
        return np.rint(image.mean(axis=(0, 1))).astype(np.uint8)
    return cv2.GaussianBlur(image, (0, 0), patch)


def _batched(items, size):
    """As `itertools.batched`, which Python 3.11 lacks."""
    items = iter(items)
    while batch := tuple(itertools.islice(items, size)):
        yield batch


def _checked_heatmaps(heatmaps, images):
    heatmaps = np.asarray(heatmaps, np.float64)
    if heatmaps.shape != images.shape[:3] or not np.isfinite(heatmaps).all():
        raise ValueError(
            f"Expected finite heatmaps of shape {images.shape[:3]}. Received: "
            f"heatmaps of shape {heatmaps.shape}, "
            f"{np.sum(~np.isfinite(heatmaps))} not finite"
        )
    return heatmaps


def _check_options(images, patch, steps, replace, order, batch_size):
    if images.dtype != np.uint8:
        raise ValueError(
            f"Expected images of uint8. Received: images of {images.dtype}"
        )
    numbers = {"patch": patch, "batch_size": batch_size}
    numbers |= {} if steps is None else {"steps": steps}
    for name, value in numbers.items():
        if not value >= 1:
            raise ValueError(
                f"`{name}` must be at least 1. Received: {name}={value}"
            )
    for name, value, known in (
        ("replace", replace, REPLACEMENTS),
        ("order", order, ORDERS),
    ):
        if value not in known:
            raise ValueError(
                f"`{name}` must be one of {', '.join(known)}. "
                f"Received: {name}={value!r}"
            )
