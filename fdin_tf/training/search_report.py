"""What a search found: a picture and a printed table."""

import math
import textwrap

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from rich import box
from rich.console import Console
from rich.table import Table

_MOST_PRINTED = 10
_BEST = "#d55e00"


def plot_search(table, names, error="validation error"):
    """Validation error against each hyper-parameter.

    Every configuration is a dot in every panel, the darker the more epochs it
    was given; dots of one value lie side by side in the order of the table's
    other columns. Errors after fewer epochs are larger for that alone, so
    dots are to be compared within their colour. Configurations without a
    finite error are left out; a hyper-parameter of one value has no panel
    where another has more.

    Args:
        table: Table of `search_table`.
        names: The hyper-parameters, columns of the table.
        error: What the error is, with its unit.

    Returns:
        A matplotlib `Figure`; the best configuration is ringed.

    Raises:
        ValueError: If no error is finite.
    """
    best = table.iloc[0]
    table = table[np.isfinite(table.valid_error)]
    if not len(table):
        raise ValueError("Expected a finite error. Received: no such row")
    varied = [name for name in names if table[name].nunique() > 1]
    varied = varied or names[:1]
    columns = min(len(varied), 2)
    rows = math.ceil(len(varied) / columns)
    figure = Figure(
        figsize=(3.6 * columns, 2.5 * rows + 0.6), layout="constrained"
    )
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes, name in zip(panels.flat, varied):
        others = [other for other in names if other != name]
        _panel(axes, table.sort_values(others, kind="stable"), name, best)
    for axes in panels.flat[len(varied) :]:
        axes.set_visible(False)
    figure.supylabel(error, fontsize=10)
    handles, labels = panels.flat[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", frameon=False, fontsize=8,
        ncols=min(len(labels), 5),
    )  # fmt: skip
    described = ", ".join(f"{name} {best[name]:g}" for name in names)
    figure.set_label(
        f"{error} of {len(table)} configurations against each of "
        f"{', '.join(varied)}. Best: {described}: {best.valid_error:.2f}"
    )
    return figure


def _panel(axes, table, name, best):
    values = sorted(table[name].unique())
    colours = matplotlib.colormaps["Blues"](
        np.linspace(0.35, 1, table.rung.max())
    )
    inside = table.groupby(name).cumcount()
    size = table.groupby(name)[name].transform("size")
    beside = 0.6 * ((inside + 0.5) / size - 0.5)
    places = table[name].map(values.index) + beside
    for rung, of in table.groupby("rung"):
        axes.scatter(
            places[of.index], of.valid_error, s=16, color=colours[rung - 1],
            label=f"{_epochs(of.epochs)} epochs", lw=0,
        )  # fmt: skip
    axes.scatter(
        places[best.name], best.valid_error, s=70, facecolors="none",
        edgecolors=_BEST, lw=1.4, label="best", zorder=3,
    )  # fmt: skip
    labels = [f"{value:g}" for value in values]
    axes.set_xticks(range(len(values)), labels, fontsize=7.5)
    axes.set_xlabel(name.replace("_", " "))
    axes.set_xlim(-0.5, len(values) - 0.5)
    axes.grid(axis="y", color="0.9", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _epochs(counts):
    """How many, of trainings that may have stopped by themselves."""
    least, most = counts.min(), counts.max()
    return str(most) if least == most else f"{least} to {most}"


def print_search(table, names, error="validation error"):
    """Prints the best configurations of a search.

    Args:
        table: Table of `search_table`.
        names: The hyper-parameters, columns of the table.
        error: What the error is, with its unit.
    """
    printed = Table(
        box=box.SIMPLE_HEAD,
        title=f"Search: {error}",
        caption=textwrap.fill(
            f"{len(table)} configurations; the best of the most epochs first. "
            "Error of the best epoch; its number in brackets.", 60
        ),
    )  # fmt: skip
    for name in (*names, "error", "epochs", "seconds"):
        printed.add_column(name.replace("_", " "), justify="right")
    for row in table.head(_MOST_PRINTED).itertuples():
        printed.add_row(
            *(f"{getattr(row, name):g}" for name in names),
            f"{row.valid_error:.2f}",
            f"{row.epochs} ({row.best_epoch})",
            f"{row.seconds:.0f}",
        )
    if len(table) > _MOST_PRINTED:
        printed.add_row(*["…"] * (len(names) + 3))
    Console().print(printed)
