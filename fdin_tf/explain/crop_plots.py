"""Pictures of crops: what of a face each scheme shows."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from fdin_tf.explain.face_drawing import COLOURS
from fdin_tf.explain.face_drawing import YELLOW
from fdin_tf.explain.figure_text import check_any
from fdin_tf.explain.figure_text import finish
from fdin_tf.faces.crops import CROP_SCHEMES
from fdin_tf.faces.crops import crop_face
from fdin_tf.faces.crops import crop_matrix

_INK, _FAINT = "#222222", "#8a8a8a"
_SIDE = 2.3  # of a panel, inches
_COLUMNS = 3


def plot_crops(image, points, title=None, size=224, schemes=None):
    """A face, what every scheme shows of it, and the crops.

    Figure 3 of Zhang et al. (CVPR workshops 2016): first the image with the
    five points and the edges of all crops, then a crop for each scheme, framed
    in the colour of its edges. Where a crop reaches beyond the image, the last
    pixels are repeated, and the first panel is blank.

    Args:
        image: RGB image `(height, width, 3)`, uint8. Show people only where
            they agreed to it.
        points: `(5, 2)`, pixels of the image, see
            `fdin_tf.faces.check_points`.
        title: Headline; None for none.
        size: Side of the crops, pixels.
        schemes: The `CropScheme`s to show, in order; None for the five of
            `CROP_SCHEMES`.

    Returns:
        A matplotlib `Figure`.

    Raises:
        ValueError: If there is no scheme; as `crop_face`.

    Example:

    >>> image = np.zeros((120, 160, 3), "uint8")
    >>> points = [[70, 50], [90, 50], [80, 60], [72, 70], [88, 70]]
    >>> figure = plot_crops(image, points)
    >>> [axes.get_title() for axes in figure.axes][:2]
    ['(a) image', '(b) 1: aligned face']
    """
    schemes = list(CROP_SCHEMES.values() if schemes is None else schemes)
    check_any(schemes, "crop scheme")
    crops = [crop_face(image, points, scheme, size) for scheme in schemes]
    edges = [_edges(points, scheme, size) for scheme in schemes]
    colours = [COLOURS[k % len(COLOURS)] for k in range(len(schemes))]
    figure, panels = _panels(1 + len(schemes), bool(title))
    _show_image(panels[0], image, points, edges, colours)
    names = ["image"]
    for axes, scheme, crop, colour in zip(panels[1:], schemes, crops, colours):
        axes.imshow(crop)
        axes.spines[:].set(color=colour, lw=2.5)
        names.append(f"{scheme.number}: {scheme.name.replace('_', ' ')}")
    for number, (axes, name) in enumerate(zip(panels, names)):
        axes.set_title(f"({chr(ord('a') + number)}) {name}", fontsize=9)
    finish(figure, title or "", "; ".join(map(_in_words, schemes)))
    return figure


def _edges(points, scheme, size):
    """Corners of a crop in the image, `(4, 2)`, pixels."""
    matrix = crop_matrix(points, scheme, size)
    low, high = -0.5, size - 0.5
    corners = np.array([[low, low], [high, low], [high, high], [low, high]])
    return np.linalg.solve(matrix[:, :2], (corners - matrix[:, 2]).T).T


def _panels(count, has_title):
    num_rows = -(-count // _COLUMNS)
    figure = Figure(
        figsize=(
            0.2 + _SIDE * _COLUMNS,
            0.3 * has_title + (_SIDE + 0.27) * num_rows,
        ),
        layout="constrained",
    )
    panels = figure.subplots(num_rows, _COLUMNS, squeeze=False).ravel()
    for axes in panels[count:]:
        axes.remove()
    for axes in panels[:count]:
        axes.set(xticks=[], yticks=[])
    return figure, panels[:count]


def _show_image(axes, image, points, edges, colours):
    axes.imshow(image)
    axes.spines[:].set(color=_FAINT, lw=0.6)
    for corners, colour in zip(edges, colours):
        axes.add_patch(Polygon(corners, fill=False, ec=colour, lw=1.8))
    axes.plot(*np.transpose(points), "o", color=YELLOW, mec=_INK, ms=4.5)
    height, width = image.shape[:2]
    ends = np.concatenate([[[-0.5, -0.5], [width - 0.5, height - 0.5]], *edges])
    (left, top), (right, bottom) = ends.min(axis=0), ends.max(axis=0)
    margin = 0.02 * (right - left)
    axes.set(
        xlim=(left - margin, right + margin),
        ylim=(bottom + margin, top - margin),
    )


def _in_words(scheme):
    kind = "aligned" if scheme.aligned else "not aligned"
    return (
        f"{scheme.number} {scheme.name.replace('_', ' ')}, {kind}, from "
        f"{scheme.top:g} to {scheme.bottom:g} times the distance from eyes to "
        "mouth below the eyes"
    )
