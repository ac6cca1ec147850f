"""Pictures of `recipes.predict` for photographs."""

import cv2
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fdin_tf.explain.face_drawing import YELLOW
from fdin_tf.explain.figure_text import finish
from fdin_tf.explain.relevance_colours import RELEVANCE_MAP
from fdin_tf.explain.relevance_colours import overlay
from fdin_tf.explain.relevance_colours import relevance_limits

_INK = "#222222"
_MOST_PIXELS = 1000  # of the photograph's longer side, as it is drawn
_PERCENTILE = 99.5  # few pixels outshine the rest
_SIDE = 2.4  # of a crop, inches


def plot_photograph(image, prediction, schemes, heatmaps, title):
    """A photograph with the face, what the networks saw of it, and why.

    Args:
        image: The photograph, `(height, width, 3)`, uint8. Show people only
            where they agreed to it.
        prediction: Its `PhotographPrediction`.
        schemes: `CropScheme` of each crop.
        heatmaps: Relevance of each crop's pixels, `(n, size, size)`.
        title: Headline.

    Returns:
        A matplotlib `Figure`.
    """
    number = len(heatmaps)
    figure = Figure(
        figsize=(2 * _SIDE + max(_SIDE * number, 1.6 * _SIDE) + 0.7,
                 max(_SIDE * number, 1.6 * _SIDE) + 0.8),
        layout="constrained",
    )  # fmt: skip
    whole, parts = figure.subfigures(1, 2, width_ratios=(max(number, 1.6), 2.3))
    _draw_face(whole.subplots(), image, prediction)
    panels = parts.subplots(number, 2, squeeze=False)
    limits = relevance_limits(heatmaps, _PERCENTILE)
    for row, scheme, crop, heatmap, limit in zip(
        panels, schemes, prediction.crops, heatmaps, limits
    ):
        row[0].imshow(crop)
        row[1].imshow(overlay(crop, heatmap, limit))
        name = scheme.name.replace("_", " ")
        row[0].set_ylabel(f"{scheme.number}: {name}", fontsize=9)
        row[1].set_xlabel(f"± {limit:.3g}", fontsize=7, labelpad=2)
    for axes in panels.flat:
        axes.set(xticks=[], yticks=[])
    answer = prediction.classes[prediction.best].replace("_", " ")
    panels[0, 0].set_title("crop", fontsize=9)
    panels[0, 1].set_title(f"relevance to “{answer}”", fontsize=9)
    bar = parts.colorbar(
        ScalarMappable(Normalize(-1, 1), RELEVANCE_MAP), ax=panels,
        shrink=0.8, aspect=25, ticks=[-1, 0, 1],
    )  # fmt: skip
    bar.ax.set_yticklabels(["against", "0", "for"], fontsize=8)
    bar.outline.set_visible(False)
    finish(
        figure,
        title,
        f"the photograph with its face, and {number} of its crops with the "
        f"relevance of their pixels to {answer}",
    )
    return figure


def _draw_face(axes, image, prediction):
    """The photograph, not larger than it is seen, with box and points."""
    height, width = image.shape[:2]
    shrink = min(1.0, _MOST_PIXELS / max(height, width))
    shown = cv2.resize(
        image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA
    )
    axes.imshow(shown, extent=(-0.5, width - 0.5, height - 0.5, -0.5))
    x1, y1, x2, y2 = prediction.box
    axes.add_patch(
        Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, ec=YELLOW, lw=2)
    )
    axes.plot(*prediction.points.T, "o", color=YELLOW, mec=_INK, ms=4)
    low = np.minimum([-0.5, -0.5], [x1, y1])
    high = np.maximum([width - 0.5, height - 0.5], [x2, y2])
    axes.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]))
    axes.axis("off")
    axes.set_title("photograph", fontsize=9)
