"""Pictures of attention: over the face, and over the frames of a clip."""

import textwrap

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from fdin_tf.explain.attention import upsample
from fdin_tf.explain.face_drawing import COLOURS
from fdin_tf.explain.figure_text import finish

_SIZE = 114  # of an input that is not shown, pixels
_PLACES = 6  # a strip of fewer faces leaves room between them
_COLUMNS = ("input", "attention", "over the face")
_MAP = "viridis"
_BLUE, _RED, _FAINT = "#0072b2", "#d55e00", "#8a8a8a"
# Lines of a face through landmarks in iBUG order: first, last, is closed.
_LINES = (
    (0, 16, False), (17, 21, False), (22, 26, False), (27, 30, False),
    (31, 35, False), (36, 41, True), (42, 47, True), (48, 59, True),
    (60, 67, True),
)  # fmt: skip


def plot_spatial_attention(rows, points=None, limits=(0, 1), title=""):
    """Attention over faces: input, attention, and one over the other.

    Figures 3, 4 and 9 of Pei et al. (2020): the rows are mechanisms,
    positions or subjects; every face of a row has a group of three pictures.
    The third is the attention at the size of the input (`upsample`), laid
    half transparent over the face.

    Args:
        rows: Dict from a row's title to its faces, a list of pairs
            `(frame, attention)`: grey uint8 frame `(size, size)` or
            `(size, size, 1)`, and `A`, `(h, w)`. A frame may be None: then
            nobody is shown. Show people only where they agreed to it.
        points: Landmarks of the mean face, `(68, 2)`, pixels of the input
            (`FaceWarp.points`): drawn in place of faces that are not shown.
        limits: Least and greatest attention of the colour scale, which all
            pictures share; None: those of the maps, written on the scale.
        title: Headline.

    Returns:
        A matplotlib `Figure`.

    Raises:
        ValueError: If there is no row, a row has no face, or rows have
            different numbers of faces.

    Reference:
    - [Pei et al., 2020](https://arxiv.org/abs/1711.08690), sections V-A and
      V-E1.
    """
    counts = {len(faces) for faces in rows.values()}
    if len(counts) != 1 or 0 in counts:
        raise ValueError(
            "Expected at least one row, and as many faces in every row, from "
            "one on. Received: rows with "
            f"{[len(faces) for faces in rows.values()]} faces"
        )
    (num_faces,) = counts
    maps = [a for faces in rows.values() for _, a in faces]
    is_fitted = limits is None
    if is_fitted:
        limits = min(map(np.min, maps)), max(map(np.max, maps))
    norm = Normalize(*limits)
    figure = Figure(
        figsize=(1.4 + 3.7 * num_faces, 0.7 + 1.25 * len(rows)),
        layout="compressed",
    )
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.03)
    gap = [0.1]  # between the groups of one row
    panels = figure.subplots(
        len(rows), 4 * num_faces - 1, squeeze=False,
        width_ratios=([1, 1, 1, *gap] * num_faces)[:-1],
    )  # fmt: skip
    for place in panels[:, 3::4].flat:
        place.set_axis_off()
    panels = np.delete(panels, np.s_[3::4], axis=1)
    for (name, faces), row in zip(rows.items(), panels):
        for (frame, attention), axes in zip(faces, row.reshape(-1, 3)):
            _draw_group(axes, frame, attention, points, norm)
        words = textwrap.wrap(name, 18, break_on_hyphens=False)
        row[0].set_ylabel(
            "\n".join(words), fontsize=8, rotation=0, ha="right", va="center"
        )
    for axes, name in zip(panels[0], _COLUMNS * num_faces):
        axes.set_title(name, fontsize=8)
    label = "attention"
    if is_fitted:
        label += f"\n({limits[0]:.3g} to {limits[1]:.3g})"
    bar = figure.colorbar(
        ScalarMappable(norm, _MAP), ax=panels, shrink=0.8, aspect=20
    )
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_visible(False)
    finish(figure, title, "; ".join(
        f"{name}: attention " + ", ".join(
            f"{np.min(a):.2f} to {np.max(a):.2f}" for _, a in faces
        )
        for name, faces in rows.items()
    ))  # fmt: skip
    return figure


def plot_first_layer(components, ratios, title=""):
    """Principal components of the first layer of the spatial attention.

    Figure 5 of Pei et al. (2020).

    Args:
        components: `(k, h, w)`, see `first_layer_components`.
        ratios: Their shares of the variance, `(k,)`.
        title: Headline.

    Returns:
        A matplotlib `Figure`: one map per component, each with a scale of its
        own about 0.

    Raises:
        ValueError: If there are not as many shares as components, or none.

    Reference:
    - [Pei et al., 2020](https://arxiv.org/abs/1711.08690), section V-A3.
    """
    components, ratios = np.asarray(components), np.asarray(ratios)
    if components.ndim != 3 or ratios.shape != components.shape[:1]:
        raise ValueError(
            "Expected components (k, h, w) and a share of the variance for "
            "each. Received: components of shape "
            f"{components.shape}, ratios of shape {ratios.shape}"
        )
    if not len(ratios):
        raise ValueError("Expected at least one component. Received: none")
    figure = Figure(
        figsize=(max(1.9 * len(ratios), 2.4), 3.1), layout="compressed"
    )
    panels = figure.subplots(1, len(ratios), squeeze=False)[0]
    words = []
    for number, (axes, component) in enumerate(zip(panels, components)):
        largest = np.abs(component).max() or 1.0
        image = axes.imshow(component, "RdBu_r", vmin=-largest, vmax=largest)
        _frame_only(axes)
        name = f"PC-{number + 1}"
        share = f"{100 * ratios[number]:.1f} % of the variance"
        axes.set_title(f"{name}\n{share}", fontsize=8)
        bar = figure.colorbar(
            image, ax=axes, location="bottom", shrink=0.8, aspect=14
        )
        bar.ax.tick_params(labelsize=7)
        bar.outline.set_visible(False)
        words.append(f"{name} {share}")
    together = f"together {100 * ratios.sum():.1f} %"
    figure.supxlabel(f"{together} of the variance over places", fontsize=7.5)
    finish(figure, title, ", ".join([*words, together]))
    return figure


def plot_temporal_attention(
    frames, temporal, seconds, phases=None, num_frames=9, title="",
    frame_seconds=None,
):  # fmt: skip
    """Attention weight of every frame of a clip, under a strip of frames.

    Figure 10 of Pei et al. (2020). Weights are multiplied by the number of
    frames, so that clips of different lengths compare: 1 is what every frame
    has where weights are uniform.

    Args:
        frames: Faces of the clip, `(t, size, size)` or `(t, size, size, c)`
            uint8, grey or RGB; None: nobody is shown. Show people only where
            they agreed to it.
        temporal: Attention weights `o`, `(t,)`, which sum to 1.
        seconds: Time of every frame, `(t,)`.
        phases: Optional dict from a phase's name to its frames, `(t,)` bool:
            shaded, and named above.
        num_frames: How many frames the strip has, evenly spaced; each stands
            over its time, which a tick marks.
        title: Headline.
        frame_seconds: Times of `frames` where they are only some of the
            clip's, `(len(frames),)`; None: they are all.

    Returns:
        A matplotlib `Figure`. A dashed line marks the largest weight.

    Raises:
        ValueError: If the clip has no frame, or frames, weights, times and
            phases are not equally many; or not as many faces as times of them.

    Reference:
    - [Pei et al., 2020](https://arxiv.org/abs/1711.08690), section V-E2.
    """
    temporal, seconds = np.asarray(temporal, float), np.asarray(seconds, float)
    phases = phases or {}
    counts = {"temporal": len(temporal), "seconds": len(seconds)}
    counts |= {name: len(where) for name, where in phases.items()}
    if frame_seconds is None:
        frame_seconds = seconds
        counts |= {} if frames is None else {"frames": len(frames)}
    elif len(frames) != len(frame_seconds):
        raise ValueError(
            "Expected a time of every face. Received: frames of length "
            f"{len(frames)}, frame_seconds of length {len(frame_seconds)}"
        )
    if len(set(counts.values())) != 1 or not len(temporal):
        raise ValueError(
            "Expected a weight, a time, a face and the phases of every frame, "
            "of at least one frame. Received: "
            + ", ".join(f"{name} of length {n}" for name, n in counts.items())
        )
    relative = temporal * len(temporal)
    step = np.median(np.diff(seconds)) if len(seconds) > 1 else 1.0
    start, end = seconds[0] - step / 2, seconds[-1] + step / 2
    num_frames = 0 if frames is None else min(num_frames, len(frames))
    num_places = max(num_frames, _PLACES)
    heights = ([7.4 / num_places] if num_frames else []) + [1.9]
    figure = Figure(figsize=(8, sum(heights) + 1.1), layout="constrained")
    *strip, axes = figure.subplots(
        len(heights), sharex=True, height_ratios=heights, squeeze=False
    )[:, 0]
    for (name, where), colour in zip(phases.items(), COLOURS * len(phases)):
        _shade(axes, name, np.asarray(where, bool), seconds, step, colour)
    axes.bar(seconds, relative, width=0.85 * step, color=_BLUE, zorder=2)
    largest = relative.max()
    axes.axhline(largest, color=_RED, lw=1.2, ls=(0, (5, 3)), zorder=3)
    axes.axhline(1, color="#222222", lw=0.8, ls=":", zorder=3)
    axes.set(
        xlim=(start, end), ylim=(0, 1.12 * largest or 1), xlabel="time (s)",
        ylabel="attention weight\nx number of frames\n(1: uniform)",
    )  # fmt: skip
    axes.spines[["top", "right"]].set_visible(False)
    for place in strip:
        _draw_strip(
            place, np.asarray(frames), np.asarray(frame_seconds, float),
            num_frames, num_places,
        )  # fmt: skip
    peak = seconds[relative.argmax()]
    words = [f"largest weight {largest:.2f} times the uniform, at {peak:.2f} s"]
    words += [
        f"{name} {relative[np.asarray(where, bool)].mean():.2f}"
        for name, where in phases.items()
        if np.any(where)
    ]
    finish(figure, title, ", ".join(words))
    return figure


def _draw_group(axes, frame, attention, points, norm):
    """Three pictures: the face, its attention, and one over the other."""
    size = _SIZE if frame is None else len(frame)
    face, cells, over = axes
    for place in axes:
        _frame_only(place)
    # Pixel centres are at integers.
    extent = (-0.5, size - 0.5, size - 0.5, -0.5)
    cells.imshow(attention, _MAP, norm=norm, extent=extent)
    for place in (face, over):
        if frame is not None:
            place.imshow(
                np.squeeze(frame), "gray", vmin=0, vmax=255, extent=extent
            )
    over.imshow(
        upsample(attention, size), _MAP, norm=norm, extent=extent,
        alpha=1.0 if frame is None else 0.6,
    )  # fmt: skip
    if frame is None and points is not None:
        for place, colour in ((face, _FAINT), (over, "white")):
            _draw_points(place, points, colour)
    face.set(xlim=extent[:2], ylim=extent[2:], aspect="equal")


def _draw_points(axes, points, colour):
    for first, last, is_closed in _LINES:
        line = list(range(first, last + 1)) + [first] * is_closed
        axes.plot(*points[line].T, color=colour, lw=0.9)


def _draw_strip(axes, frames, seconds, num_frames, num_places):
    """Faces in a row, each over the middle of its part of the clip."""
    start, end = axes.get_xlim()
    side = (end - start) / num_places  # of a face, in seconds
    axes.set_box_aspect(1 / num_places)
    for k in range(num_frames):
        middle = start + (k + 0.5) * (end - start) / num_frames
        chosen = np.abs(seconds - middle).argmin()
        axes.imshow(
            np.squeeze(frames[chosen]), "gray", vmin=0, vmax=255, aspect="auto",
            extent=(middle - side / 2, middle + side / 2, 0, 1),
        )  # fmt: skip
        axes.plot(
            seconds[chosen], -0.08, "v", color="#222222", ms=4, clip_on=False
        )
    axes.set(xlim=(start, end), ylim=(0, 1))
    axes.set_axis_off()


def _shade(axes, name, where, seconds, step, colour):
    """Shades every run of frames of a phase, and names the longest."""
    edges = np.flatnonzero(np.diff(np.r_[False, where, False]))
    runs = edges.reshape(-1, 2)
    for first, behind in runs:
        axes.axvspan(
            seconds[first] - step / 2, seconds[behind - 1] + step / 2,
            color=colour, alpha=0.25, lw=0, zorder=1,
        )  # fmt: skip
    if len(runs):
        first, behind = runs[np.diff(runs).argmax()]
        axes.text(
            (seconds[first] + seconds[behind - 1]) / 2, 0.98, name,
            transform=axes.get_xaxis_transform(), ha="center", va="top",
            fontsize=8, zorder=4,
        )  # fmt: skip


def _frame_only(axes):
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(color=_FAINT, lw=0.6)
