"""Relations drawn on an aligned face, or on a schematic one.

Everything is drawn in cells of the 3x3 grid: x and y from 0 to 3, y down.
"""

import textwrap

import numpy as np
from matplotlib.patches import Circle
from matplotlib.patches import Ellipse
from matplotlib.patches import PathPatch
from matplotlib.patches import Polygon
from matplotlib.patches import Rectangle
from matplotlib.path import Path
from matplotlib.patheffects import Normal
from matplotlib.patheffects import Stroke

from fdin_tf.regions import REGIONS
from fdin_tf.regions import region_number

YELLOW = "#ffd400"
#: Colours that people with any colour vision tell apart (Okabe and Ito, 2008).
COLOURS = (
    "#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#f0e442", "#0072b2", "#d55e00",
)  # fmt: skip
_INK = "#222222"
_FAINT = "#8a8a8a"
_BEND = 0.13  # of its length: a straight line would hide another


def regions_of(relation):
    """Numbers of the regions of a relation, given by its name.

    Raises:
        ValueError: If one of them is no region.

    Example:

    >>> regions_of("left_eye-nose")
    (0, 4)
    """
    return tuple(region_number(name) for name in relation.split("-"))


def in_words(relation, is_short=False):
    """The name of a relation as it is printed.

    Example:

    >>> in_words("left_eye-nose")
    'left eye - nose'
    >>> in_words("left_eye-nose", is_short=True)
    'L eye - nose'
    """
    words = relation.replace("_", " ").replace("-", " - ")
    if is_short:
        words = words.replace("left ", "L ").replace("right ", "R ")
    return words


def draw_face(axes, frame=None, has_names=False):
    """Draws an aligned face, or a schematic one.

    Args:
        axes: Matplotlib axes; they then count cells of the grid.
        frame: Aligned face, `(size, size, 3)` uint8; None for a schematic
            face that is nobody's.
        has_names: Whether to write the name of each region into its cell.
    """
    axes.set(xlim=(0, 3), ylim=(3, 0), xticks=[], yticks=[], aspect="equal")
    if frame is None:
        _draw_schematic(axes)
    else:
        axes.imshow(frame, extent=(0, 3, 3, 0), interpolation="bilinear")
    for spine in axes.spines.values():
        spine.set(color=_FAINT, lw=0.6)
    for edge in (1, 2):
        for line in (axes.axhline, axes.axvline):
            line(edge, color=_FAINT, lw=0.5, ls=(0, (2, 3)), zorder=1.5)
    if has_names:
        for region, name in enumerate(REGIONS):
            x, y = _centre(region)
            axes.text(
                x, y - 0.38, name.replace("_", " "), ha="center", va="top",
                fontsize=5.5, color="#666666", zorder=1.5,
            )  # fmt: skip


def draw_pairs(axes, ranked):
    """Draws pairs of regions: boxes, and an arc for each with its rank.

    The width of an arc is proportional to the importance.

    Args:
        axes: Axes with a face.
        ranked: Table with `rank`, `relation` and `importance`.
    """
    regions = {r for name in ranked.relation for r in regions_of(name)}
    draw_boxes(axes, regions)
    rows = list(zip(ranked.itertuples(), COLOURS * len(ranked)))
    for row, colour in reversed(rows):  # the most important on top
        start, middle, end = _arc(*regions_of(row.relation))
        width = 4 * row.importance / ranked.importance.max()
        curve = [Path.MOVETO, Path.CURVE3, Path.CURVE3]
        axes.add_patch(
            PathPatch(
                Path([start, middle, end], curve), fill=False, ec=colour,
                lw=width, capstyle="round", zorder=3,
                path_effects=_cased(width),
            )
        )  # fmt: skip
        for x, y in (start, end):
            axes.plot(
                x, y, "o", color=colour, mec=_INK, mew=0.8, ms=4.5, zorder=4
            )
    taken = []
    for row, colour in rows:
        taken.append(_free_place(_arc(*regions_of(row.relation)), taken))
        _badge(axes, taken[-1], row.rank, colour)


def draw_set(axes, relation):
    """Draws a relation of several regions: yellow boxes and their polygon.

    Args:
        axes: Axes with a face.
        relation: Its name, such as `left_eye-right_eye-left_cheek`.
    """
    regions = regions_of(relation)
    draw_boxes(axes, regions)
    corners = _around(np.array([_centre(r) for r in regions]))
    axes.add_patch(
        Polygon(
            corners, fc=(*_rgb(YELLOW), 0.25), ec=YELLOW, lw=1.5,
            joinstyle="round", path_effects=_cased(1.5), zorder=2.5,
        )
    )  # fmt: skip
    axes.plot(
        *zip(*corners), "o", color=YELLOW, mec=_INK, mew=0.8, ms=4.5, zorder=4
    )


def draw_boxes(axes, regions):
    """Frames regions in yellow, as in figures 2 and 6 of Kim and Ro (2018)."""
    for region in sorted(regions):
        x, y = _centre(region)
        axes.add_patch(
            Rectangle(
                (x - 0.45, y - 0.45), 0.9, 0.9, fill=False, ec=YELLOW, lw=1.4,
                path_effects=_cased(1.4), zorder=2,
            )
        )  # fmt: skip


def write_ranks(axes, ranked, is_short=False, columns=60, fontsize=8):
    """Writes rank, name and importance of relations below a face.

    Args:
        axes: Axes with a face.
        ranked: Table with `rank`, `relation` and `importance`.
        is_short: Whether to shorten left and right to L and R.
        columns: Characters after which a name goes on in a new line.
        fontsize: In points.
    """
    indent, line = 1.2 * fontsize, 1.35 * fontsize
    below = 4 + fontsize
    for row in ranked.itertuples():
        weight = "bold" if row.rank == 1 else "normal"

        def write(x, text, weight=weight, **place):
            axes.annotate(
                text, (x, 0), xycoords="axes fraction",
                textcoords="offset points", fontsize=fontsize, weight=weight,
                annotation_clip=False, **place,
            )  # fmt: skip

        write(0, f"{row.rank}", xytext=(0, -below))
        share = f"{100 * row.importance:.1f} %"
        write(1, share, xytext=(0, -below), ha="right")
        width = columns if row.rank == 1 else columns + 2  # bold is wider
        for words in _broken(in_words(row.relation, is_short), width):
            write(0, words, xytext=(indent, -below))
            below += line


def _broken(words, width):
    """Lines that break behind a dash, never inside of a region's name."""
    parts = [part.replace(" ", "\u00a0") for part in words.split(" - ")]
    lines = textwrap.wrap("\u00a0- ".join(parts), width, break_on_hyphens=False)
    return [line.replace("\u00a0", " ") for line in lines]


def middle_of_motion(frames):
    """The frame that differs most from the first three below the eyes.

    Example:

    >>> frames = np.zeros((5, 3, 3, 3), np.uint8)
    >>> frames[2, :1], frames[3, 1:] = 99, 9  # a blink, a smile
    >>> middle_of_motion(frames).max().item()
    9
    """
    below = frames[:, frames.shape[1] // 3 :].astype(np.float32)
    change = np.abs(below - below[:3].mean(axis=0)).mean(axis=(1, 2, 3))
    return frames[int(np.argmax(change))]


def _centre(region):
    row, column = divmod(region, 3)
    return column + 0.5, row + 0.5


def _arc(first, second):
    """Start, control point and end of a curve that bends outwards."""
    start, end = np.array(_centre(first)), np.array(_centre(second))
    across = np.array([start[1] - end[1], end[0] - start[0]]) * _BEND
    middle = (start + end) / 2
    if across @ (middle - 1.5) < 0:
        across = -across
    return start, middle + 2 * across, end


def _free_place(arc, taken):
    """The point of a curve, not far from its middle, that is least crowded."""
    start, middle, end = arc
    places = [
        (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end
        for t in (0.4, 0.3, 0.6, 0.7)
    ]
    for place in places:
        if all(np.hypot(*(place - other)) > 0.3 for other in taken):
            return place
    return places[0]


def _around(points):
    """Points in the order of a walk around their middle."""
    away = points - points.mean(axis=0)
    if np.linalg.matrix_rank(away) < 2:
        return points
    return points[np.argsort(np.arctan2(away[:, 1], away[:, 0]))]


def _badge(axes, xy, rank, colour):
    axes.plot(*xy, "o", color=colour, mec=_INK, mew=0.8, ms=11, zorder=5)
    axes.text(
        *xy, str(rank), ha="center", va="center_baseline", fontsize=7.5,
        weight="bold", color="black", zorder=6,
    )  # fmt: skip


def _cased(width):
    """A dark edge, so that bright colours show on light skin and on paper."""
    return [Stroke(linewidth=width + 1.2, foreground=_INK), Normal()]


def _rgb(colour):
    return tuple(int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))


def _draw_schematic(axes):
    """A face that is nobody's, its parts in the cells that name them."""
    line = {"color": _FAINT, "lw": 1.2, "zorder": 1, "solid_capstyle": "round"}
    axes.add_patch(
        Ellipse((1.5, 1.36), 2.86, 3.9, fc="#f7f4f0", ec=_FAINT, lw=1.2)
    )
    turn = np.linspace(0, np.pi, 40)
    for x in (0.78, 2.22):
        axes.add_patch(
            Ellipse((x, 0.75), 0.5, 0.24, fc="white", ec=_FAINT, lw=1.2)
        )
        axes.add_patch(Circle((x, 0.75), 0.09, fc=_FAINT, ec="none"))
        axes.plot(
            x + 0.32 * np.cos(turn), 0.5 - 0.12 * np.sin(turn), **line
        )  # brow
    axes.plot([1.42, 1.3, 1.5, 1.7], [1.25, 1.7, 1.78, 1.7], **line)
    for lip in (0.12, 0.3):
        axes.plot(1.5 + 0.62 * np.cos(turn), 2.34 + lip * np.sin(turn), **line)
