"""Pictures and videos of relevance, for `recipes.explain`."""

import dataclasses

import numpy as np
from matplotlib.figure import Figure

from fdin_tf.explain.face_drawing import COLOURS
from fdin_tf.explain.figure_text import finish
from fdin_tf.explain.relevance_plots import plot_heatmaps
from fdin_tf.explain.relevance_video import write_relevance_video
from recipes.explain_output import file_name
from recipes.explain_output import second_line

_RED, _BLUE, _INK = "#b2182b", "#0072b2", "#222222"
_VIDEO_HEIGHT = 200  # at least, pixels


@dataclasses.dataclass(frozen=True)
class ShownClip:
    """A clip whose faces may be shown, and its relevance.

    Attributes:
        frames: `(t, h, w, 3)` RGB or `(t, h, w, 1)` grey, uint8.
        heatmaps: `R`, `(t, h, w)`.
        seconds: Time of every frame, `(t,)`.
    """

    frames: np.ndarray
    heatmaps: np.ndarray
    seconds: np.ndarray


def clip_pictures(clip_id, clip, figures, folder, label):
    """Draws the relevance of pixels of a clip.

    Args:
        clip_id: Its id.
        clip: `ShownClip`.
        figures: Dict from a file's name to a `Figure`, which gets one more.
        folder: Where the video is written.
        label: What is synthetic.

    Returns:
        Path of the video.
    """
    name = f"clip_{file_name(clip_id)}_relevance"
    chosen = chosen_frames(clip.heatmaps)
    figures[f"{name}_pixels"] = plot_heatmaps(
        clip.frames[list(chosen)],
        {"relevance": clip.heatmaps[list(chosen)]},
        [f"{words}\n{clip.seconds[k]:.2f} s" for k, words in chosen.items()],
        scale="all",
        title=f"{clip_id}{second_line(label)}",
    )
    step = np.diff(clip.seconds)
    return write_relevance_video(
        folder / f"{name}.webm",
        clip.frames,
        clip.heatmaps,
        frames_per_second=1 / step[0] if len(step) else 1.0,
        magnification=max(1, round(_VIDEO_HEIGHT / clip.frames.shape[1])),
    )


def chosen_frames(heatmaps):
    """The frames of a clip that are shown, in words, in their order.

    Example:

    >>> chosen_frames(np.array([[[0.0]], [[1.0]], [[2.0]], [[-3.0]], [[0.0]]]))
    {0: 'first', 2: 'middle', 3: 'most relevance'}
    """
    chosen = {
        "first": 0,
        "middle": len(heatmaps) // 2,
        "most relevance": int(np.abs(heatmaps).sum(axis=(1, 2)).argmax()),
    }
    return {
        k: ", ".join(words for words, of in chosen.items() if of == k)
        for k in sorted(set(chosen.values()))
    }


def plot_region_shares(by_region, title=""):
    """Shares of `|R|` by region, with intervals, and of the importance.

    Args:
        by_region: Table with `region`, `share`, `low`, `high` and
            `importance`, all shares that sum to 1 over the regions.
        title: Headline.

    Returns:
        A matplotlib `Figure`: a bar and a diamond per region, the one with
        the most relevance above.
    """
    table = by_region.sort_values("share", ascending=False, kind="stable")
    names = table.region.str.replace("_", " ")
    places = np.arange(len(table))
    figure = Figure(figsize=(5.4, 3.9), layout="constrained")
    axes = figure.subplots()
    share, low, high = (100 * table[x] for x in ("share", "low", "high"))
    axes.barh(
        places, share, height=0.6, color="#f4a582", label="relevance, sum of "
        "|R|", xerr=np.nan_to_num([share - low, high - share]).clip(0),
        error_kw={"elinewidth": 1.3, "capsize": 3},
    )  # fmt: skip
    axes.plot(
        100 * table.importance, places, "D", color=_BLUE, mec=_INK, mew=0.6,
        label="relational importance",
    )  # fmt: skip
    axes.axvline(
        100 / len(table), color="#555555", lw=1, ls=(0, (4, 3)), zorder=0,
        label="all alike",
    )  # fmt: skip
    axes.set_yticks(places, names, fontsize=8)
    axes.set(
        ylim=(len(table) - 0.5, -0.5), xlim=(0, None),
        xlabel="share (%), with 95 % interval",
    )  # fmt: skip
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.legend(
        loc="outside lower center", ncols=3, frameon=False, fontsize=8
    )
    finish(figure, title, "shares of relevance: " + ", ".join(
        f"{name} {value:.1f} %" for name, value in zip(names, share)
    ))  # fmt: skip
    return figure


def plot_frame_relevance(relevance, attention, seconds, phases, title=""):
    """Relevance of frames beside the weight that the network gives them.

    Args:
        relevance: Sum of `|R|` of every frame, `(t,)`.
        attention: Temporal attention, `(t,)`; or None.
        seconds: Time of every frame, `(t,)`.
        phases: Dict from a phase's name to its frames, `(t,)` bool: shaded.
        title: Headline.

    Returns:
        A matplotlib `Figure`: both in multiples of their means.
    """
    figure = Figure(figsize=(8, 2.7), layout="constrained")
    axes = figure.subplots()
    step = np.median(np.diff(seconds)) if len(seconds) > 1 else 1.0
    for (name, where), colour in zip(phases.items(), COLOURS):
        edges = np.flatnonzero(np.diff(np.r_[False, where, False]))
        for number, (first, behind) in enumerate(edges.reshape(-1, 2)):
            axes.axvspan(
                seconds[first] - step / 2, seconds[behind - 1] + step / 2,
                color=colour, alpha=0.25, lw=0,
                label=None if number else name,
            )  # fmt: skip
    curves = {"relevance, |R|": (relevance, _RED, "-")}
    if attention is not None:
        curves["temporal attention"] = (attention, _BLUE, "--")
    words = []
    for name, (values, colour, dash) in curves.items():
        relative = values / (values.mean() or 1.0)
        axes.plot(seconds, relative, dash, color=colour, lw=1.7, label=name)
        peak = relative.argmax()
        words.append(
            f"{name} largest at {seconds[peak]:.2f} s, "
            f"{relative[peak]:.2f} times its mean"
        )
    axes.axhline(1, color=_INK, lw=0.8, ls=":")
    axes.set(
        xlim=(seconds[0] - step / 2, seconds[-1] + step / 2), ylim=(0, None),
        xlabel="time (s)", ylabel="times the clip's mean",
    )  # fmt: skip
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    finish(figure, title, "; ".join(words))
    return figure
