"""Pictures of relational importance: on the face, as a matrix, by group."""

import itertools
import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fdin_tf.explain.face_drawing import COLOURS
from fdin_tf.explain.face_drawing import draw_face
from fdin_tf.explain.face_drawing import draw_pairs
from fdin_tf.explain.face_drawing import draw_set
from fdin_tf.explain.face_drawing import in_words
from fdin_tf.explain.face_drawing import middle_of_motion
from fdin_tf.explain.face_drawing import regions_of
from fdin_tf.explain.face_drawing import write_ranks
from fdin_tf.explain.figure_text import finish
from fdin_tf.explain.importance import importance_table
from fdin_tf.explain.importance import rank_relations
from fdin_tf.regions import REGIONS

_LEFT_RIGHT = "left (L) and right (R) as in the image"
_MARKERS = "osD^vPX*"


def plot_relations_on_face(
    table, frame=None, num_regions=2, num_top=3, title=""
):
    """The most important relations on the face, ranked in words below.

    As in figures 2 and 6 of Kim and Ro (ECCV 2018), the regions of an
    important relation are boxed in yellow. Pairs are joined by arcs on one
    face, the wider the more important; relations of more regions have a face
    each and are filled in yellow.

    Args:
        table: Importance table of any number of clips, which are averaged;
            or the importance of one clip, a Series or array of 36.
        frame: Aligned face to draw on, `(size, size, 3)` uint8; None for a
            schematic face. Show people only where they agreed to it.
        num_regions: Regions of a relation, 2 to 9.
        num_top: How many relations to draw, from 1 on.
        title: Headline.

    Returns:
        A matplotlib `Figure`.

    Raises:
        ValueError: If `num_regions` or `num_top` is out of its range.
    """
    ranked = rank_relations(_as_table(table), num_regions)
    _check_top(num_top)
    top = ranked.head(num_top)
    num_faces = 1 if num_regions == 2 else len(top)
    width = 3.4 if num_faces == 1 else 1.9
    lines = num_top if num_regions == 2 else 2 * num_regions // 3 + 1
    figure = Figure(
        figsize=(width * num_faces, width + 0.4 + 0.16 * lines),
        layout="compressed",
    )
    faces = figure.subplots(1, num_faces, squeeze=False)[0]
    if num_regions == 2:
        draw_face(faces[0], frame, has_names=frame is None)
        draw_pairs(faces[0], top)
        write_ranks(faces[0], top)
    else:
        for k, axes in enumerate(faces):
            draw_face(axes, frame, has_names=frame is None)
            draw_set(axes, top.relation.iloc[k])
            columns = 17 if num_faces > 1 else 40
            write_ranks(axes, top.iloc[[k]], num_faces > 1, columns)
    finish(figure, title, _describe(top))
    return figure


def plot_group_relations(frames, tables, num_top=3, title=""):
    """A row of faces, one per group, for pairs; and one for larger relations.

    As figure 2 of Kim and Ro (ECCV 2018): the most important pairs of every
    age group above, the most important relation of three regions below.

    Args:
        frames: Aligned face of every group, a dict by group; one face for
            all; or None for a schematic face.
        tables: Table of `group_importance`, or several of them, one per row
            of faces.
        num_top: How many relations to rank below every face. Of the pairs,
            all are drawn; of larger relations, the first.
        title: Headline.

    Returns:
        A matplotlib `Figure`.

    Raises:
        ValueError: If there is no group, or `num_top` is out of its range.
    """
    tables = [tables] if isinstance(tables, pd.DataFrame) else list(tables)
    _check_top(num_top)
    groups = list(dict.fromkeys(tables[0].group)) if tables else []
    if not groups:
        raise ValueError("Expected at least one group. Received: no table row")
    figure = Figure(
        figsize=(max(1.75 * len(groups), 3.4), 2.7 * len(tables) + 0.5),
        layout="compressed",
    )
    figure.get_layout_engine().set(h_pad=0.08, w_pad=0.05)
    rows = figure.subplots(len(tables), len(groups), squeeze=False)
    descriptions = []
    for (k, table), (g, group) in itertools.product(
        enumerate(tables), enumerate(groups)
    ):
        axes = rows[k, g]
        top = table[table.group == group].nsmallest(num_top, "rank")
        frame = frames.get(group) if isinstance(frames, dict) else frames
        draw_face(axes, frame)
        if len(regions_of(top.relation.iloc[0])) == 2:
            draw_pairs(axes, top)
        else:
            draw_set(axes, top.relation.iloc[0])
        write_ranks(axes, top, is_short=True, columns=17, fontsize=7)
        first = top.iloc[0]
        clips = _count(first.clips, "clip")
        counts = f"{clips}, {_count(first.subjects, 'subject')}"
        if k == 0:
            axes.set_title(group, fontsize=9, weight="bold", pad=14)
            axes.text(
                0.5, 1.03, counts, transform=axes.transAxes, ha="center",
                fontsize=7,
            )  # fmt: skip
        descriptions.append(f"{group} ({counts}): {_describe(top)}")
    figure.supxlabel(_LEFT_RIGHT, fontsize=7)
    finish(figure, title, "; ".join(descriptions))
    return figure


def plot_importance_matrix(table, title=""):
    """Importance of all pairs as a symmetric matrix of regions, in %.

    Args:
        table: As in `plot_relations_on_face`.
        title: Headline.

    Returns:
        A matplotlib `Figure`. The colour bar begins at 0 and marks 1/36, what
        every pair would have if all were alike.
    """
    mean = 100 * _as_table(table).mean()
    matrix = np.full((len(REGIONS), len(REGIONS)), np.nan)
    for relation, share in mean.items():
        i, j = regions_of(relation)
        matrix[i, j] = matrix[j, i] = share
    figure = Figure(figsize=(5.2, 4.7), layout="constrained")
    axes = figure.subplots()
    uniform = 100 / len(mean)
    largest = max(mean.max(), uniform)
    image = axes.imshow(matrix, cmap="cividis", vmin=0, vmax=largest)
    for i, j in itertools.permutations(range(len(REGIONS)), 2):
        axes.text(
            j, i, f"{matrix[i, j]:.1f}", ha="center", va="center", fontsize=7,
            color="white" if matrix[i, j] < 0.55 * largest else "black",
        )  # fmt: skip
    names = [name.replace("_", " ") for name in REGIONS]
    axes.set_xticks(range(9), names, rotation=45, ha="right",
                    rotation_mode="anchor", fontsize=8)  # fmt: skip
    axes.set_yticks(range(9), names, fontsize=8)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, shrink=0.8, label="relational importance (%)")
    bar.ax.axhline(uniform, color="white", lw=1.5)
    bar.ax.axhline(uniform, color="black", lw=1.5, ls=(0, (2, 2)))
    bar.ax.text(
        -0.15, uniform, "1/36", transform=bar.ax.get_yaxis_transform(),
        ha="right", va="center", fontsize=7,
    )  # fmt: skip
    bar.outline.set_visible(False)
    finish(figure, title, _describe(rank_relations(_as_table(table), 2)[:3]))
    return figure


def plot_group_intervals(table, num_top=10, title=""):
    """Importance of the top relations in every group, with its interval.

    Args:
        table: Table of `group_importance`: `group`, `relation`, `importance`
            and the ends `low` and `high` of its bootstrap interval.
        num_top: How many relations: those of the largest importance averaged
            over the groups.
        title: Headline.

    Returns:
        A matplotlib `Figure`: a dot and a whisker per group and relation. A
        line marks what every relation would have if all were alike.

    Raises:
        ValueError: If `num_top` is out of its range.
    """
    _check_top(num_top)
    mean = table.groupby("relation").importance.mean()
    names = list(mean.nlargest(num_top).index)
    groups = list(dict.fromkeys(table.group))
    rows = len(names) * (0.11 * len(groups) + 0.1)
    figure = Figure(figsize=(5.2, 1.2 + rows), layout="constrained")
    axes = figure.subplots()
    for k, group in enumerate(groups):
        of = (
            100
            * (
                table[table.group == group]
                .set_index("relation")
                .loc[names, ["importance", "low", "high"]]
            )
        )
        places = np.arange(len(names)) + 0.75 * ((k + 0.5) / len(groups) - 0.5)
        axes.errorbar(
            of.importance, places,
            xerr=[of.importance - of.low, of.high - of.importance],
            fmt=_MARKERS[k % len(_MARKERS)], color=COLOURS[k % len(COLOURS)],
            mec="#222222", mew=0.5, ms=5, elinewidth=1.6, label=group,
        )  # fmt: skip
    regions = len(regions_of(names[0]))
    uniform = 100 * math.comb(regions, 2) / math.comb(len(REGIONS), 2)
    axes.axvline(uniform, color="#555555", lw=1, ls=(0, (4, 3)), zorder=0,
                 label="all alike")  # fmt: skip
    words = [in_words(name, is_short=regions > 2) for name in names]
    axes.set_yticks(range(len(names)), words, fontsize=8)
    axes.set(
        xlim=(0, None), ylim=(len(names) - 0.5, -0.5),
        xlabel="relational importance (%)",
    )  # fmt: skip
    axes.grid(axis="x", color="#dddddd", lw=0.5)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.legend(
        loc="outside lower center", ncols=min(len(groups) + 1, 4),
        frameon=False, fontsize=8,
    )  # fmt: skip
    best = ", ".join(f"{in_words(n)} {100 * mean[n]:.1f} %" for n in names[:3])
    finish(figure, title, f"Largest on average over the groups: {best}")
    return figure


def plot_prediction(prediction, title, num_pairs=3, num_frames=8):
    """The most important pairs on the face, and the aligned strip.

    Args:
        prediction: `fdin_tf.serving.predict.Prediction`.
        title: Headline.
        num_pairs: Number of pairs to draw.
        num_frames: Number of frames in the strip.

    Returns:
        A matplotlib `Figure`.
    """
    frames = prediction.frames
    ranked = rank_relations(_as_table(prediction.importance), 2)
    figure = Figure(figsize=(10.5, 5), layout="constrained")
    face, strip = figure.subfigures(1, 2, width_ratios=(1, 2))
    axes = face.subplots()
    draw_face(axes, middle_of_motion(frames))
    draw_pairs(axes, ranked.head(num_pairs))
    write_ranks(axes, ranked.head(num_pairs), fontsize=9)
    axes.set_title("Most important relations", fontsize=10)
    places = np.linspace(0, len(frames) - 1, min(num_frames, len(frames)))
    places = places.round().astype(int)
    rows = strip.subplots(2, -(-len(places) // 2), squeeze=False)
    for place in rows.flat:
        place.axis("off")
    for place, number in zip(rows.flat, places):
        place.imshow(frames[number])
        place.set_title(f"{prediction.shown_seconds[number]:.2f} s", fontsize=8)
    figure.supxlabel("left and right as in the image", fontsize=8)
    finish(figure, title, _describe(ranked.head(num_pairs)), fontsize=12)
    return figure


def _as_table(importance):
    """An importance table; of one clip where that was given."""
    if isinstance(importance, pd.DataFrame):
        return importance
    return importance_table(np.asarray(importance)[None], ["clip"])


def _describe(ranked):
    """The ranking as a sentence, for those who cannot see the picture."""
    return ", ".join(
        f"{row.rank}. {in_words(row.relation)} {100 * row.importance:.1f} %"
        for row in ranked.itertuples()
    )


def _count(number, of):
    return f"{number} {of}" if number == 1 else f"{number} {of}s"


def _check_top(num_top):
    if num_top < 1:
        raise ValueError(
            "`num_top`, the number of relations to draw, must be at least 1. "
            f"Received: num_top={num_top}"
        )
