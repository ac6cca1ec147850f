"""Charts of errors of age estimates, of one method beside another."""

import textwrap

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fdin_tf.explain.face_drawing import COLOURS
from fdin_tf.explain.figure_text import check_any
from fdin_tf.explain.figure_text import finish

# Yellow is too faint for a line on white paper.
_LINE_COLOURS = [colour for colour in COLOURS if colour != "#f0e442"]
_STYLES = ("-", "--", "-.", ":")
_MARKERS = "osD^vPX"
_BLUE, _INK = "#0072b2", "#222222"


def plot_errors(table, title=""):
    """Errors of networks as bars, with their standard errors.

    Figure 6 of Pei et al. (2020), where each network has one module more than
    the one before.

    Args:
        table: One row per network: `name`, `mae_years`,
            `standard_error_years` (NaN where it is not known) and, where a
            paper's numbers are to be marked, `paper_mae_years` (NaN where
            there is none).
        title: Headline.

    Returns:
        A matplotlib `Figure`.

    Raises:
        ValueError: If there is no row.

    Reference:
    - [Pei et al., 2020](https://arxiv.org/abs/1711.08690), Figure 6.
    """
    check_any(table.name, "network")
    figure = Figure(
        figsize=(max(1.0 + 1.1 * len(table), 3.4), 3.6), layout="constrained"
    )
    axes = figure.subplots()
    places = np.arange(len(table))
    axes.bar(
        places, table.mae_years, yerr=table.standard_error_years, width=0.6,
        color="#56b4e9", error_kw={"elinewidth": 1.3, "capsize": 3},
    )  # fmt: skip
    ends = table.mae_years + table.standard_error_years.fillna(0)
    largest = ends.max()
    measured = [
        _measured(row.mae_years, row.standard_error_years)
        for row in table.itertuples()
    ]
    for place, text in zip(places, measured):  # where no mark can cover it
        axes.text(
            place, 0.02 * largest, text.replace(" ", "\n", 1), ha="center",
            va="bottom", fontsize=8,
        )  # fmt: skip
    words = [f"{n} {m} years" for n, m in zip(table.name, measured)]
    if "paper_mae_years" in table and table.paper_mae_years.notna().any():
        axes.plot(
            places, table.paper_mae_years, "D", color="white", mec=_INK,
            ms=5, zorder=3, label="printed in the paper",
        )  # fmt: skip
        largest = max(largest, table.paper_mae_years.max())
        figure.legend(loc="outside lower right", frameon=False, fontsize=8)
        words = [
            w if np.isnan(p) else f"{w} (paper {p:.2f})"
            for w, p in zip(words, table.paper_mae_years)
        ]
    names = ["\n".join(textwrap.wrap(name, 14)) for name in table.name]
    axes.set_xticks(places, names, fontsize=8)
    axes.set(
        ylim=(0, 1.05 * largest or 1),
        ylabel="mean absolute error (years)\n± standard error",
    )
    axes.tick_params(axis="x", length=0)
    axes.spines[["top", "right"]].set_visible(False)
    finish(figure, title, "; ".join(words))
    return figure


def plot_cumulative_errors(tables, title=""):
    """Share of clips whose age is missed by at most so many years.

    Args:
        tables: Dict from a method's title to its table of
            `fdin_tf.training.error_curves.cumulative_errors`.
        title: Headline.

    Returns:
        A matplotlib `Figure`: one line per method.

    Raises:
        ValueError: If there is no method.

    Reference:
    - [Pei et al., 2020](https://arxiv.org/abs/1711.08690), Figure 7.
    """
    check_any(tables, "method")
    figure = Figure(figsize=(5, 3.8), layout="constrained")
    axes = figure.subplots()
    words = []
    for number, (name, table) in enumerate(tables.items()):
        axes.plot(
            table.deviation_years, table.share, label=name,
            **_line(number), marker=_MARKERS[number % len(_MARKERS)], ms=3,
        )  # fmt: skip
        middle = table.iloc[len(table) // 2]
        words.append(
            f"{name} {middle.share:.1f} % within "
            f"{middle.deviation_years:g} years"
        )
    axes.set(
        xlabel="absolute error at most (years)", ylabel="clips (%)",
        ylim=(0, 102), xlim=(0, None),
    )  # fmt: skip
    axes.grid(color="0.9", lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 5, 10]))
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    finish(figure, title, "; ".join(words))
    return figure


def plot_errors_by_sample_count(tables, title=""):
    """Errors over the ages of which there are at least so many clips.

    Args:
        tables: Dict from a method's title to its table of
            `fdin_tf.training.error_curves.errors_by_sample_count`.
        title: Headline.

    Returns:
        A matplotlib `Figure` of three panels over the same thresholds: mean
        absolute error, standard deviation of the absolute errors, and the
        share of the clips that remain. One line per method; methods that are
        tested on the same clips share a line in the last panel.

    Raises:
        ValueError: If there is no method.

    Reference:
    - [Pei et al., 2020](https://arxiv.org/abs/1711.08690), Figure 8.
    """
    check_any(tables, "method")
    figure = Figure(figsize=(5.2, 5.6), layout="constrained")
    errors, spreads, left = panels = figure.subplots(
        3, 1, sharex=True, height_ratios=(3, 3, 2)
    )
    words, drawn = [], []
    for number, (name, table) in enumerate(tables.items()):
        line = _line(number)
        errors.plot(table.threshold, table.mae_years, label=name, **line)
        spreads.plot(table.threshold, table.sd_years, **line)
        share = 100 * table.clips / table.clips.max()
        key = (tuple(table.threshold), tuple(share))
        if key not in drawn:
            drawn.append(key)
        words.append(_from_first_to_last(name, table))
    for number, (threshold, share) in enumerate(drawn):
        line = _line(number) if len(drawn) > 1 else {"color": _INK}
        left.plot(threshold, share, drawstyle="steps-mid", **line)
    errors.set(ylabel="mean absolute\nerror (years)", ylim=(0, None))
    spreads.set(ylabel="standard deviation\nof errors (years)", ylim=(0, None))
    left.set(
        ylabel="clips that\nremain (%)", ylim=(0, 105),
        xlabel="least number of clips per age",
    )  # fmt: skip
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in panels:
        axes.grid(color="0.9", lw=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    figure.align_ylabels(panels)
    errors.legend(
        loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False,
        fontsize=8,
    )  # fmt: skip
    figure.supxlabel(
        "Estimates of the same networks: none is trained again.", fontsize=7.5
    )
    finish(figure, title, "; ".join(words))
    return figure


def _line(number):
    """Colour and dashes of a method: each pair comes once."""
    return {
        "color": _LINE_COLOURS[::-1][number % len(_LINE_COLOURS)],
        "ls": _STYLES[number % len(_STYLES)],
        "lw": 1.6,
    }


def _measured(mean, standard_error):
    if np.isnan(standard_error):
        return f"{mean:.2f}"
    return f"{mean:.2f} ± {standard_error:.2f}"


def _from_first_to_last(name, table):
    """Both ends of a curve in words, where it has any."""
    known = table.dropna(subset="mae_years")
    if known.empty:
        return f"{name}: no clip"
    ends = [
        f"{row.mae_years:.2f} years at {row.threshold:g}"
        for row in known.iloc[[0, -1]].itertuples()
    ]
    return f"{name}: from {ends[0]} to {ends[1]} clips per age"
