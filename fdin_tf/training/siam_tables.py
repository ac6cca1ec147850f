"""Errors of SIAM beside those that Pei et al. (2020) printed.

Figure 6 (modules), Table III (decades of age) and Table IV (posed disgust and
posed smiles): see `SIAM_PAPER` for the paper's numbers.
"""

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fdin_tf.training.error_curves import errors_by_decade
from fdin_tf.training.siam_paper import DECADE_CLIPS
from fdin_tf.training.siam_paper import DECADES
from fdin_tf.training.siam_paper import MODULE_TITLES
from fdin_tf.training.siam_paper import SIAM_MODULES
from fdin_tf.training.siam_paper import SIAM_PAPER

PAPER_NAME = "Pei et al., 2020"
#: What our row, and the rows of counts, are called.
OURS, OUR_CLIPS, PAPER_CLIPS = "SIAM, here", "clips, here", "clips, paper"
#: Networks of Figure 6 and what each has beyond the one before.
MODULE_NETWORKS = dict(
    zip(
        ("siam_cnn", "siam_cnn_rnn", "siam_cnn_rnn_spatial", "siam"),
        MODULE_TITLES,
    )
)


def printed_selection(database=None, spontaneity=None):
    """Which of the paper's selections of clips these are.

    Args:
        database: Name of the only database, or None.
        spontaneity: `posed`, `spontaneous`, or None for both.

    Returns:
        `posed disgust`, for a database of disgust (whose clips are all
        posed), and `posed smile`, the rows of Table IV; `all`, what Table III
        is about; or None: the paper has no such selection.

    Example:

    >>> printed_selection("UvA-NEMO_Disgust_Database")
    'posed disgust'
    """
    if "disgust" in (database or "").lower():
        return None if spontaneity == "spontaneous" else "posed disgust"
    return {None: "all", "posed": "posed smile"}.get(spontaneity)


def selection_in_words(database=None, spontaneity=None):
    """Which clips are taken, see `printed_selection`.

    Example:

    >>> selection_in_words("UvA-NEMO_Smile_Database", "posed")
    'posed expressions of UvA-NEMO_Smile_Database'
    """
    what = f"{spontaneity or 'all'} expressions"
    return f"{what} of {database or 'all databases'}"


def table_3(predictions, with_paper=True):
    """Table III: errors by decade of age, below those in print.

    Args:
        predictions: Table with one row per tested clip: `age` and `estimate`,
            years.
        with_paper: Whether the paper's rows are there.

    Returns:
        DataFrame of columns `method`, the decades `0-9`, `10-19`, ..., `all`
        (all in years, but for the rows of counts) and `sd_years` (standard
        deviation of the absolute errors over clips). The rows: the paper's
        methods, `clips, paper`, `SIAM, here` and `clips, here`. NaN where
        there is no clip.

    Raises:
        ValueError: As `errors_by_decade`.
    """
    ours = errors_by_decade(predictions)
    rows = []
    if with_paper:
        rows = [
            {
                "method": method,
                **{decade: row[decade] for decade in DECADES},
                "all": row["mae_years"],
                "sd_years": row["sd_years"],
            }
            for method, row in SIAM_PAPER[3].items()
        ]
        count = sum(DECADE_CLIPS.values())
        rows.append({"method": PAPER_CLIPS, **DECADE_CLIPS, "all": count})
    mean, spread, counts = ours.loc[["mae_years", "sd_years", "clips"]].values
    mean, counts = (dict(zip(ours.columns, x)) for x in (mean, counts))
    rows.append({"method": OURS, **mean, "sd_years": spread[-1]})
    rows.append({"method": OUR_CLIPS, **counts})
    columns = ["method", *ours.columns, "sd_years"]
    return pd.DataFrame(rows).reindex(columns=columns)


def table_4(predictions, selection):
    """One block of Table IV: errors on posed disgust, or on posed smiles.

    Args:
        predictions: As for `table_3`, of that selection.
        selection: `posed disgust` or `posed smile`.

    Returns:
        DataFrame of columns `method`, `mae_years` and `sd_years`: the paper's
        rows, then `SIAM, here`.

    Raises:
        ValueError: If the table has no such block, or as `errors_by_decade`.
    """
    if selection not in SIAM_PAPER[4]:
        raise ValueError(
            f"Expected a selection of {', '.join(SIAM_PAPER[4])}. "
            f"Received: selection={selection!r}"
        )
    ours = errors_by_decade(predictions)["all"]
    rows = {
        **SIAM_PAPER[4][selection],
        OURS: {name: ours[name] for name in ("mae_years", "sd_years")},
    }
    return pd.DataFrame(
        {"method": method, **row} for method, row in rows.items()
    )


def figure_6(comparison):
    """Figure 6 as a table: errors as modules are added, beside the paper's.

    Args:
        comparison: What `compare_age` made of networks of `MODULE_NETWORKS`.

    Returns:
        The same table, in the order in which modules are added, with the
        paper's numbers in `paper_mae_years`, and `name`: what the network has
        beyond the one before.
    """
    table = comparison.copy()
    modules = table.network.map(MODULE_NETWORKS)
    table["name"] = modules.map(MODULE_TITLES)
    table["paper_mae_years"] = modules.map(SIAM_MODULES).astype(float)
    order = table.network.map(list(MODULE_NETWORKS).index)
    return table.loc[order.sort_values().index].reset_index(drop=True)


def print_table_3(table, data, console=None):
    """Prints what `table_3` returned.

    Args:
        table: What `table_3` returned.
        data: Which data our numbers are about, in words.
        console: A rich `Console`; None for standard output.
    """
    has_paper = PAPER_CLIPS in set(table.method)
    note = f"{_whose(table)}: {data}."
    if has_paper:
        note += f" The others: on UvA-NEMO, as printed in {PAPER_NAME}."
    _print(
        table,
        "Table III: mean absolute error in years by decade of age",
        f"{note} SD: of the absolute errors over clips.",
        console,
    )


def print_table_4(table, selection, data, console=None):
    """Prints what `table_4` returned.

    Args:
        table: What `table_4` returned.
        selection: `posed disgust` or `posed smile`.
        data: Which data our numbers are about, in words.
        console: A rich `Console`; None for standard output.
    """
    _print(
        table.rename(columns={"mae_years": "MAE"}),
        f"Table IV, {selection}: mean absolute error (MAE) in years",
        f"{_whose(table)}: {data}. The others: on UvA-NEMO, as printed in "
        f"{PAPER_NAME}. SD: of the absolute errors over clips.",
        console,
    )


def _whose(table):
    return "Our row" if OURS in set(table.method) else "Here"


def _print(table, title, caption, console):
    console = console or Console()
    printed = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=0,
        pad_edge=False,
    )
    for name in table.columns:
        heading = {"method": "", "sd_years": "SD"}.get(name, name)
        justify = "left" if name == "method" else "right"
        printed.add_column(heading, justify=justify, no_wrap=True)
    for method, *values in table.itertuples(index=False):
        if method in (OURS, PAPER_CLIPS) and printed.rows:
            printed.add_section()
        is_count = method in (OUR_CLIPS, PAPER_CLIPS)
        printed.add_row(method, *(_cell(value, is_count) for value in values))
    console.print(Text(title, style="bold"))
    console.print(printed)
    console.print(Text(caption, style="dim"))


def _cell(value, is_count):
    if value != value:
        return "" if is_count else "-"
    return f"{value:.0f}" if is_count else f"{value:.2f}"
