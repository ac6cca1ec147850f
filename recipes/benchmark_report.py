"""What a benchmark found: on the console, as JSON, as a chart."""

import dataclasses

import rich.box
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from rich.console import Console
from rich.table import Table as RichTable

from recipes.benchmark_timing import QUIET
from recipes.benchmark_timing import Comparison

_BLUE, _SKY, _GREY = "#0072b2", "#56b4e9", "#999999"
_LEAST_WIDTH = 112  # columns of the console
_CAPTION = (
    "Times are of one unit: median, fastest, and what half of them lie between."
    "\nlimit: share of the rate of square matrix products of the same dtype."
    "\nratio: time of the first row over that of this row, median of"
    " neighbouring calls; then of the fastest calls."
    "\nothers: share of the processors that other processes took; above"
    f" {QUIET:.0%}, take care: what waits for several threads suffers most."
)


@dataclasses.dataclass(frozen=True)
class Table:
    """What is told in rows of words.

    Attributes:
        title: What it is about.
        columns: Names of the columns.
        rows: Tuples of words and numbers.
        notes: Lines to be printed below it.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple, ...]
    notes: tuple[str, ...] = ()


def in_words(seconds):
    """A time with three digits and its unit.

    Example:

    >>> [in_words(x) for x in (61.5, 1.5, 0.0123, 0.00004)]
    ['61.5 s', '1.50 s', '12.3 ms', '40.0 us']
    """
    if seconds >= 1:
        return f"{_three_digits(seconds)} s"
    if seconds >= 1e-3:
        return f"{_three_digits(1e3 * seconds)} ms"
    return f"{_three_digits(1e6 * seconds)} us"


def print_results(results, rates, console=None):
    """Prints a table for every comparison.

    Args:
        results: List of `Comparison` and `Table`.
        rates: Operations per second of the machine, by dtype.
        console: `rich.console.Console`; None for standard output.
    """
    console = console or Console(highlight=False)
    console.width = max(_LEAST_WIDTH, console.width)
    for result in results:
        if isinstance(result, Comparison):
            console.print(_comparison_table(result, rates))
        else:
            console.print(_plain_table(result))
        for note in result.notes:
            console.print(note, markup=False)
        console.print()
    if any(isinstance(result, Comparison) for result in results):
        console.print(_CAPTION)


def _comparison_table(comparison, rates):
    table = _empty_table(comparison.title)
    names = (
        "median", "fastest", "quartiles", f"{comparison.unit}s/s", "limit",
        "ratio", "fastest", "others",
    )  # fmt: skip
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for timing in comparison.timings:
        ratios = ["", ""]
        if timing.name in comparison.pairs:
            ratios = [
                f"{comparison.ratio(timing.name):.2f}",
                f"{comparison.ratio_of_fastest(timing.name):.2f}",
            ]
        table.add_row(
            timing.name,
            in_words(timing.median),
            in_words(timing.fastest),
            " - ".join(map(in_words, timing.quartiles)),
            _three_digits(1 / timing.median),
            _percent(timing.share_of(rates)),
            *ratios,
            _percent(timing.disturbed),
        )
    return table


def _plain_table(found):
    table = _empty_table(found.title, found.columns[0])
    for name in found.columns[1:]:
        table.add_column(name, justify="right", no_wrap=True)
    for row in found.rows:
        table.add_row(*map(str, row))
    return table


def _empty_table(title, first=""):
    table = RichTable(
        title=title, title_justify="left", box=rich.box.SIMPLE_HEAD
    )
    table.add_column(first, no_wrap=True)
    return table


def as_json(results, rates):
    """The same as numbers, every single time among them.

    Args:
        results: As for `print_results`.
        rates: As for `print_results`.

    Returns:
        List of dicts that JSON can hold. Of a comparison: `title`, `unit`,
        `notes`, and `cases` with `name`, `seconds` (of one unit, each call),
        `others` (shares), `median`, `fastest`, `quartiles`, `flops` (of one
        unit), `share_of_limit`, and beside the first one `ratio`,
        `ratio_of_fastest` and `pairs`. Of a table: its fields.
    """
    return [
        _comparison_json(result, rates)
        if isinstance(result, Comparison)
        else dataclasses.asdict(result)
        for result in results
    ]


def _comparison_json(comparison, rates):
    cases = []
    for timing in comparison.timings:
        case = dataclasses.asdict(timing) | {
            "median": timing.median,
            "fastest": timing.fastest,
            "quartiles": timing.quartiles,
            "share_of_limit": timing.share_of(rates),
            "disturbed": timing.disturbed,
        }
        if timing.name in comparison.pairs:
            case |= {
                "ratio": comparison.ratio(timing.name),
                "ratio_of_fastest": comparison.ratio_of_fastest(timing.name),
                "pairs": comparison.pairs[timing.name],
            }
        cases.append(case)
    return {
        "title": comparison.title,
        "unit": comparison.unit,
        "notes": comparison.notes,
        "cases": cases,
    }


def plot_results(results, title=""):
    """Medians as bars, a panel for every comparison.

    Args:
        results: As for `print_results`; tables are left out.
        title: Headline.

    Returns:
        A matplotlib `Figure`: the first case blue, the others of the package
        light blue, references grey; lines from quartile to quartile.
    """
    shown = [r for r in results if isinstance(r, Comparison)]
    rows = [shown[n : n + 2] for n in range(0, len(shown), 2)]
    heights = [max(len(c.timings) for c in row) + 1.3 for row in rows] or [1]
    figure = Figure(
        figsize=(12, 0.29 * sum(heights) + 0.8), layout="constrained"
    )
    grid = GridSpec(len(heights), 2, figure, height_ratios=heights)
    for number, row in enumerate(rows):
        most = max(len(comparison.timings) for comparison in row)
        for column, comparison in enumerate(row):
            axes = figure.add_subplot(grid[number, column])
            _panel(axes, comparison, most)
    figure.suptitle(title, fontsize=11)
    figure.supxlabel(
        "Bars: median time of one unit, shorter is better; lines: quartiles. "
        "Ratio: time of the first bar over that of this one.",
        fontsize=8,
    )
    figure.set_label("; ".join(map(_in_a_line, shown)))
    return figure


def _panel(axes, comparison, places):
    timings = comparison.timings
    ends = max(max(timing.quartiles[1], timing.median) for timing in timings)
    for place, timing in enumerate(timings):
        is_ours = timing.name.startswith("fdin_tf")
        if place == 0 and (is_ours or comparison.pairs):
            colour = _BLUE
        else:
            colour = _SKY if is_ours or not comparison.pairs else _GREY
        low, high = timing.quartiles
        axes.barh(place, timing.median, 0.66, color=colour)
        axes.plot((low, high), (place, place), color="black", lw=1)
        axes.text(
            max(high, timing.median) + 0.015 * ends, place,
            _label(comparison, timing), va="center", fontsize=8,
        )  # fmt: skip
    axes.set_title(comparison.title, fontsize=9, loc="left")
    axes.set_yticks(
        range(len(timings)), [timing.name for timing in timings], fontsize=8
    )
    axes.set(ylim=(places - 0.4, -0.6), xlim=(0, 1.45 * ends))
    axes.set_xticks([])
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _label(comparison, timing):
    """Time of a step or pass, rate of frames and clips; and the ratio."""
    words = in_words(timing.median)
    if comparison.unit in ("frame", "clip"):
        words = f"{_three_digits(1 / timing.median)} {comparison.unit}s/s"
    if timing.name in comparison.pairs:
        words += f"   ratio {comparison.ratio(timing.name):.2f}"
    return words


def _in_a_line(comparison):
    words = [f"{t.name} {_label(comparison, t)}" for t in comparison.timings]
    return f"{comparison.title}: {', '.join(words)}"


def _three_digits(value):
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{digits}f}"


def _percent(share):
    return "-" if share is None else f"{100 * share:.0f} %"
