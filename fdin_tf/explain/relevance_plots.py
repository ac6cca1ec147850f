"""Pictures of relevance: red speaks for the score, blue against it."""

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from fdin_tf.explain.figure_text import finish
from fdin_tf.explain.relevance_colours import RELEVANCE_MAP
from fdin_tf.explain.relevance_colours import overlay
from fdin_tf.explain.relevance_colours import relevance_limits

#: Which heatmaps share the ends of the scale.
SCALES = ("each", "image", "model", "all")
_SHARED = {"each": (), "image": (0,), "model": (1,), "all": (0, 1)}
_SCALE_WORDS = {
    "each": "ends of the scale: each picture's own",
    "image": "ends of the scale: one for all pictures of a row",
    "model": "ends of the scale: one for all pictures of a column",
    "all": "ends of the scale: one for all pictures",
}
_FAINT = "#8a8a8a"
_SIDE = 1.75  # of a picture, inches


def plot_heatmaps(
    images,
    heatmaps,
    names=None,
    scale="image",
    percentile=100.0,
    is_overlay=False,
    title="",
):
    """Images beside their heatmaps by several models or methods.

    Figures 2 and 4 to 6 of Arbabzadah et al. (2016): a row per image; the
    image, and a heatmap per model. Below a heatmap stand the ends of its
    scale.

    Args:
        images: `(n, h, w, 3)` or `(n, h, w)`, RGB or grey 0..255; None:
            nobody is shown. Show people only where they agreed to it, and
            remember that heatmaps show outlines, too.
        heatmaps: Dict from a model's title to its heatmaps `(n, h, w)`.
        names: Titles of the images, `n` of them.
        scale: What shares the ends of the scale: `"each"` heatmap has its
            own; one for all of an `"image"`, so that models compare (as in
            Figure 2); one for all of a `"model"`, so that images do; `"all"`.
        percentile: See `relevance_limits`.
        is_overlay: Whether heatmaps are laid over the grey images.
        title: Headline.

    Returns:
        A matplotlib `Figure`.

    Raises:
        ValueError: If there is no heatmap, their shapes differ, images or
            names are not as many, or the scale is unknown; as
            `relevance_limits`.

    Reference:
    - [Arbabzadah et al., 2016](https://arxiv.org/abs/1606.07285), sections
      3.2 to 3.6.
    """
    maps = _stacked(heatmaps)
    count = maps.shape[1]
    names = [""] * count if names is None else list(names)
    if len(names) != count or (images is not None and len(images) != count):
        raise ValueError(
            "Expected an image and a name for each heatmap of a model. "
            f"Received: {count} heatmaps, {len(names)} names, "
            f"{'no' if images is None else len(images)} images"
        )
    if scale not in SCALES or (is_overlay and images is None):
        raise ValueError(
            f"`scale` must be one of {', '.join(SCALES)}, and an overlay needs "
            f"images. Received: scale={scale!r}, is_overlay={is_overlay}"
        )
    limits = relevance_limits(maps, percentile)
    if _SHARED[scale]:
        limits = limits.max(axis=_SHARED[scale], keepdims=True)
    limits = np.broadcast_to(limits, maps.shape[:2])
    first = 0 if images is None else 1
    figure, panels = _grid(count, first + len(maps), maps.shape[2:])
    for row in range(count):
        if images is not None:
            _show_image(panels[row, 0], images[row])
        for column, heatmap in enumerate(maps[:, row]):
            axes, limit = panels[row, first + column], limits[column, row]
            if is_overlay:
                axes.imshow(overlay(images[row], heatmap, limit))
            else:
                _show_heatmap(axes, heatmap, limit)
            axes.set_xlabel(f"± {limit:.3g}", fontsize=7, labelpad=2)
        panels[row, 0].set_ylabel(names[row], fontsize=8)
    for axes, name in zip(panels[0], [*["input"] * first, *heatmaps]):
        axes.set_title(name, fontsize=8.5)
    if maps.shape[:2] != (1, 1):
        figure.supxlabel(_SCALE_WORDS[scale], fontsize=7.5)
    _add_bar(figure, panels)
    sums = maps.sum(axis=(2, 3))
    finish(figure, title, "; ".join(
        f"{model}: relevance in sum " + ", ".join(
            " ".join([*([name] if name else []), f"{total:.3g}"])
            for name, total in zip(names, of_model)
        )
        for model, of_model in zip(heatmaps, sums)
    ))  # fmt: skip
    return figure


def plot_occlusion(images, explained, title=""):
    """A face with parts covered, and below it heatmaps and scores of models.

    Figure 7 of Arbabzadah et al. (2016). The heatmaps of a model share the
    ends of their scale, so that its fall in a covered part shows.

    Args:
        images: Dict from what is covered to the image `(h, w, 3)`, RGB
            0..255: first the one as it is; see `occlude_parts`.
        explained: Dict from a model's title to its heatmaps `(n, h, w)` and
            scores `(n,)` of these images, in their order.
        title: Headline.

    Returns:
        A matplotlib `Figure`. Below each heatmap stand the score and, in
        brackets, its change.

    Raises:
        ValueError: If there is no image or model, or heatmaps and scores are
            not as many as the images.

    Reference:
    - [Arbabzadah et al., 2016](https://arxiv.org/abs/1606.07285), section 3.7.
    """
    maps = _stacked({name: pair[0] for name, pair in explained.items()})
    scores = [np.asarray(pair[1], float) for pair in explained.values()]
    counts = {maps.shape[1], *(score.shape for score in scores)}
    if counts != {len(images), (len(images),)}:
        raise ValueError(
            "Expected a heatmap and a score of every image by every model. "
            f"Received: {len(images)} images, {maps.shape[1]} heatmaps, "
            f"scores of shapes {[score.shape for score in scores]}"
        )
    limits = relevance_limits(maps).max(axis=1)
    figure, panels = _grid(1 + len(maps), len(images), maps.shape[2:])
    for axes, (name, image) in zip(panels[0], images.items()):
        _show_image(axes, image)
        axes.set_title(name.replace("_", " "), fontsize=8.5)
    words = []
    for row, (model, of_model, score, limit) in enumerate(
        zip(explained, maps, scores, limits), start=1
    ):
        panels[row, 0].set_ylabel(f"{model}\n± {limit:.3g}", fontsize=8)
        texts = [f"{score[0]:.2f}"]
        texts += [f"{s:.2f} ({s - score[0]:+.2f})" for s in score[1:]]
        for axes, heatmap, text in zip(panels[row], of_model, texts):
            _show_heatmap(axes, heatmap, limit)
            axes.set_xlabel(text, fontsize=8, labelpad=2)
        pairs = [f"{name} {text}" for name, text in zip(images, texts)]
        words.append(f"{model}: {', '.join(pairs)}")
    _add_bar(figure, panels[1:])
    finish(figure, title, "; ".join(words))
    return figure


def _stacked(heatmaps):
    """Heatmaps of several models as one array: model, image, h, w."""
    arrays = [
        np.asarray(of_model, np.float64) for of_model in heatmaps.values()
    ]
    shapes = [array.shape for array in arrays]
    if len(set(shapes)) != 1 or len(shapes[0]) != 3 or 0 in shapes[0]:
        raise ValueError(
            "Expected heatmaps (n, h, w) of at least one model and image, of "
            f"one shape. Received: heatmaps of shapes {shapes}"
        )
    return np.stack(arrays)


def _grid(num_rows, num_columns, size):
    height = _SIDE * size[0] / size[1]
    figure = Figure(
        figsize=(1.6 + _SIDE * num_columns, 0.6 + (height + 0.2) * num_rows),
        layout="compressed",
    )
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03)
    panels = figure.subplots(num_rows, num_columns, squeeze=False)
    for axes in panels.flat:
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set(color=_FAINT, lw=0.6)
    return figure, panels


def _show_image(axes, image):
    image = np.squeeze(np.asarray(image, float) / 255)
    axes.imshow(image, "gray", vmin=0, vmax=1)


def _show_heatmap(axes, heatmap, limit):
    axes.imshow(
        heatmap, RELEVANCE_MAP, vmin=-limit, vmax=limit,
        interpolation="nearest",
    )  # fmt: skip


def _add_bar(figure, panels):
    bar = figure.colorbar(
        ScalarMappable(Normalize(-1, 1), RELEVANCE_MAP), ax=panels,
        shrink=0.9, aspect=22, ticks=[-1, 0, 1],
    )  # fmt: skip
    bar.ax.set_yticklabels(["against", "0", "for"], fontsize=7.5)
    bar.set_label("relevance to the score", fontsize=8)
    bar.outline.set_visible(False)
