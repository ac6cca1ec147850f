"""Charts of relevance: pixel flipping, training errors, relevance in time."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fdin_tf.explain.face_drawing import COLOURS
from fdin_tf.explain.figure_text import check_any
from fdin_tf.explain.figure_text import finish
from fdin_tf.explain.pixel_flipping import CONTROL
from fdin_tf.explain.pixel_flipping import aopc
from fdin_tf.explain.relevance_colours import RELEVANCE_MAP
from fdin_tf.regions import REGIONS

# Strong ones first; yellow is too faint for a line on white paper.
_LINES = [COLOURS[k] for k in (5, 6, 2, 3, 0, 1)]
_DASHES = {"most": "-", "least": "--", "random": ":"}
_STYLES = ("-", "--", "-.", ":")
_GREY, _INK = "#777777", "#222222"


def plot_flipping(curves, title=""):
    """Scores over the number of replaced patches, with standard errors.

    Args:
        curves: As of `flipping_curves`.
        title: Headline.

    Returns:
        A matplotlib `Figure`: of every explanation a solid line (the most
        relevant first) and a dashed one (the least relevant first), dotted
        the control; means over images, shaded by their standard errors.

    Raises:
        ValueError: If there is no curve.
    """
    check_any(curves, "curve")
    figure = Figure(
        figsize=(5.6, 3.0 + 0.18 * len(curves)), layout="constrained"
    )
    axes = figure.subplots()
    names = list(dict.fromkeys(name for name, _ in curves if name != CONTROL))
    colours = dict(zip(names, _LINES * len(names))) | {CONTROL: _GREY}
    words = []
    for (name, order), values in curves.items():
        values = np.asarray(values, float)
        mean, steps = values.mean(axis=0), np.arange(values.shape[1])
        kind = (
            "random order" if order == "random" else f"{order} relevant first"
        )
        area = f"AOPC {aopc(values).mean():.3g}"
        axes.plot(
            steps, mean, color=colours[name], ls=_DASHES[order], lw=1.6,
            label=f"{name}, {kind}: {area}",
        )  # fmt: skip
        if len(values) > 1:
            error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
            axes.fill_between(
                steps, mean - error, mean + error, color=colours[name],
                alpha=0.15, lw=0,
            )  # fmt: skip
        words.append(f"{name} {kind} {area}")
    axes.set(
        xlabel="replaced patches", xlim=(0, None),
        ylabel="mean score of the images\n± standard error",
    )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(color="0.92", lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", frameon=False, fontsize=8)
    finish(figure, title, "; ".join(words))
    return figure


def plot_training_errors(table, ylabel="training error", title=""):
    """Errors of networks over the epochs, one panel per attribute.

    Figure 3 of Arbabzadah et al. (2016), whose four networks are two base
    models, each retrained in its dense layers or in full.

    Args:
        table: DataFrame with `attribute`, `network`, `epoch` and `error`.
        ylabel: What the error is, with its unit.
        title: Headline.

    Returns:
        A matplotlib `Figure`; panels share the scale of the errors.

    Raises:
        ValueError: If there is no row, or a column is missing.

    Reference:
    - [Arbabzadah et al., 2016](https://arxiv.org/abs/1606.07285), section 3.3.
    """
    columns = ["attribute", "network", "epoch", "error"]
    if not set(columns) <= set(table) or table.empty:
        raise ValueError(
            f"Expected rows with the columns {', '.join(columns)}. Received: "
            f"{len(table)} rows with {', '.join(map(str, table))}"
        )
    attributes = table["attribute"].unique()
    networks = table["network"].unique()
    num_columns = min(len(attributes), 2)
    num_rows = -(-len(attributes) // 2)
    figure = Figure(
        figsize=(0.8 + 3.2 * num_columns, 1.0 + 2.3 * num_rows),
        layout="constrained",
    )
    panels = figure.subplots(
        num_rows, num_columns, sharex=True, sharey=True, squeeze=False
    )
    for axes in panels.flat[len(attributes) :]:
        axes.set_axis_off()
        panels[-2, -1].tick_params(labelbottom=True)
        panels[-2, -1].set_xlabel("epoch", fontsize=9)
    words = []
    for axes, attribute in zip(panels.flat, attributes):
        of = table[table["attribute"] == attribute]
        ends = []
        for number, network in enumerate(networks):
            curve = of[of["network"] == network].sort_values("epoch")
            if curve.empty:
                continue
            axes.plot(
                curve["epoch"], curve["error"], lw=1.6,
                color=_LINES[number % len(_LINES)],
                ls=_STYLES[number % len(_STYLES)],
                label=network if attribute == attributes[0] else None,
            )  # fmt: skip
            ends.append(f"{network} {curve['error'].iloc[-1]:.3g}")
        axes.set_title(str(attribute), fontsize=9)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.grid(color="0.92", lw=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        words.append(f"{attribute}: in the end {', '.join(ends)}")
    panels[0, 0].set_ylim(0, None)
    for axes in panels[-1]:
        axes.set_xlabel("epoch", fontsize=9)
    figure.supylabel(ylabel, fontsize=9)
    figure.legend(
        loc="outside lower center", ncols=2, frameon=False, fontsize=8
    )
    finish(figure, title, "; ".join(words))
    return figure


def plot_relevance_over_time(relevance, seconds, names=REGIONS, title=""):
    """Relevance of regions and frames of a clip, and of frames alone.

    Args:
        relevance: `(t, regions)`: of every region in every frame.
        seconds: Time of every frame, `(t,)`, growing.
        names: Of the regions.
        title: Headline.

    Returns:
        A matplotlib `Figure`: a curve of the sum of each frame; below it a
        picture with a row per region, red for and blue against the score.

    Raises:
        ValueError: If the clip has no frame, a value is not finite, or times
            and names do not fit.
    """
    relevance = np.asarray(relevance, float)
    seconds = np.asarray(seconds, float)
    if (
        relevance.shape != (len(seconds), len(names))
        or not relevance.size
        or not np.isfinite(relevance).all()
    ):
        raise ValueError(
            "Expected finite relevance (frames, regions), a time per frame "
            "and a name per region. Received: relevance of shape "
            f"{relevance.shape}, {len(seconds)} times, {len(names)} names"
        )
    step = np.diff(seconds)
    half = np.median(step) / 2 if len(step) else 0.5
    edges = np.r_[
        seconds[0] - half, (seconds[1:] + seconds[:-1]) / 2, seconds[-1] + half
    ]
    figure = Figure(
        figsize=(7.2, 1.9 + 0.24 * len(names)), layout="constrained"
    )
    above, below = figure.subplots(
        2, 1, sharex=True, height_ratios=(1.3, 0.26 * len(names))
    )
    total = relevance.sum(axis=1)
    above.axhline(0, color=_INK, lw=0.7)
    for sign, colour in ((1, "#b2182b"), (-1, "#2166ac")):
        above.fill_between(
            seconds, total, 0, where=sign * total >= 0, interpolate=True,
            color=colour, alpha=0.35, lw=0,
        )  # fmt: skip
    above.plot(seconds, total, color=_INK, lw=1.3)
    above.set_ylabel("relevance of\nall regions", fontsize=8)
    above.spines[["top", "right"]].set_visible(False)
    limit = np.abs(relevance).max() or 1.0
    image = below.pcolormesh(
        edges, np.arange(len(names) + 1), relevance.T, cmap=RELEVANCE_MAP,
        vmin=-limit, vmax=limit, rasterized=True,
    )  # fmt: skip
    below.set_yticks(
        np.arange(len(names)) + 0.5,
        [name.replace("_", " ") for name in names], fontsize=8,
    )  # fmt: skip
    below.set(ylim=(len(names), 0), xlim=edges[[0, -1]], xlabel="time (s)")
    below.tick_params(axis="y", length=0)
    bar = figure.colorbar(image, ax=below, pad=0.01, aspect=14)
    bar.set_label("relevance", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_visible(False)
    by_region = relevance.sum(axis=0)
    order = np.argsort(-by_region, kind="stable")
    finish(figure, title, "; ".join([
        f"largest at {seconds[total.argmax()]:.2f} s",
        *(f"{names[r].replace('_', ' ')} {by_region[r]:.3g}" for r in order),
    ]))  # fmt: skip
    return figure
