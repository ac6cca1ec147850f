"""A comparison of networks on the console: ours, the paper's in brackets."""

import math
import textwrap

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fdin_tf.training.paper import network_title

SIGNIFICANT = 0.05
_HEADING = 8  # characters, unless a word is longer
_ABOUT = ["network", "title", "reference", "clips", "samples", "subjects"]
# What the rows are called; others are called as their column.
_ROWS = {
    "posed_mae_years": "posed",
    "spontaneous_mae_years": "spontaneous",
    "mae_years": "all",
    "standard_error_years": "  standard error",
    "difference_years": "difference",
    "difference_standard_error_years": "  standard error",
    "accuracy": "all",
    "standard_error": "  standard error",
    "balanced_accuracy": "balanced",
    "difference_standard_error": "  standard error",
    "p_value": "p",
}


def print_comparison(
    table, title, caption, console=None, paper="Kim & Ro, ECCV 2018"
):
    """Prints a comparison: a column per network, a row per measure.

    The paper's number stands in brackets under ours where there is one.
    Networks that do not fit beside each other follow below.

    Args:
        table: What `compare_age` or `compare_class` returned.
        title: Title of the table.
        caption: Which data our numbers are about, in words.
        console: A rich `Console`; None for standard output.
        paper: Where the numbers in brackets are printed.
    """
    console = console or Console()
    console.print(Text(title, style="bold"))
    for block in _that_fit(table, console):
        console.print(block)
        console.print()
    console.print(Text(_caption(table, caption, paper), style="dim"))


def _caption(table, data, paper):
    first = table.iloc[0]
    notes = [
        f"Our numbers: {data}; {first.clips} clips of {first.subjects} "
        "subjects."
    ]
    if first.get("samples", first.clips) != first.clips:
        notes.append(
            f"{first.samples} decisions, one per subject and smile type."
        )
    if table.filter(like="paper_").notna().any(axis=None):
        notes.append(f"In brackets: the paper's, on UvA-NEMO ({paper}).")
    if len(table) > 1:
        notes.append(
            f"Difference: to {network_title(first.reference)}. * p < "
            f"{SIGNIFICANT}: paired t test clustered by subject, not adjusted "
            "for the number of networks; about the networks as trained here, "
            "not about training them anew."
        )
    return " ".join(notes)


def _that_fit(table, console):
    """As few tables as hold all networks without cutting a word."""
    unlimited = console.options.update(width=10 * console.width)
    for number in range(1, len(table) + 1):
        size = math.ceil(len(table) / number)
        blocks = [
            _block(table[start : start + size])
            for start in range(0, len(table), size)
        ]
        widths = [console.measure(b, options=unlimited) for b in blocks]
        if max(width.maximum for width in widths) <= console.width:
            break
    return blocks


def _block(networks):
    """The table of some of the networks."""
    block = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=0,
        pad_edge=False,
    )
    block.add_column("", no_wrap=True)
    for title in networks.title:
        # Broken at spaces only: what does not fit goes to another block.
        heading = textwrap.fill(title, _HEADING, break_long_words=False)
        block.add_column(Text(heading), justify="right", no_wrap=True)
    for column in networks.columns.drop(_ABOUT, errors="ignore"):
        if not column.startswith("paper_"):
            block.add_row(
                Text(_ROWS.get(column, column)),
                *(_cell(row, column) for _, row in networks.iterrows()),
            )
    return block


def _cell(row, column):
    """Ours, and below it, in brackets, the paper's."""
    value, paper = row[column], row.get(f"paper_{column}", np.nan)
    if np.isnan(value):
        text = "-"
    elif column == "p_value":
        text = f"{value:.3f}" if value >= 0.001 else "<0.001"
    elif column in ("difference", "difference_years"):
        text = f"{value:+.2f}" + ("*" if row.p_value < SIGNIFICANT else "")
    else:
        text = f"{value:.2f}"
    return Text(text if np.isnan(paper) else f"{text}\n({paper:.2f})")
