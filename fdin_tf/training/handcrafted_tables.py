"""Handcrafted rows and SIAM beside the numbers of Pei et al. (2020)."""

import pandas as pd

from fdin_tf.training.handcrafted_rows import ROWS
from fdin_tf.training.handcrafted_rows import printed_row
from fdin_tf.training.siam_paper import SIAM_PAPER
from fdin_tf.training.siam_tables import OUR_CLIPS
from fdin_tf.training.siam_tables import OURS
from fdin_tf.training.siam_tables import PAPER_CLIPS
from fdin_tf.training.siam_tables import table_3
from fdin_tf.training.siam_tables import table_4

#: What our line of a method is called, below the paper's.
HERE = "  here"
# Which table and block of the paper is about a selection of clips.
_SELECTIONS = {
    "all": SIAM_PAPER[3],
    "posed disgust": SIAM_PAPER[4]["posed disgust"],
    "posed smile": SIAM_PAPER[4]["posed smile"],
}


def with_printed_by_siam(table, selection):
    """A comparison with the numbers that Pei et al. print.

    Args:
        table: What `compare_age` returned, of `siam` and handcrafted rows.
        selection: What `printed_selection` returned.

    Returns:
        The table, in `paper_mae_years` their errors of all clips of the
        selection; NaN where there is none.
    """
    printed = _SELECTIONS.get(selection, {})
    table = table.drop(columns=table.filter(like="paper_").columns)
    errors = [
        printed.get(_method(name, printed), {}).get("mae_years", float("nan"))
        for name in table.network
    ]
    return table.assign(paper_mae_years=errors)


def decades_of_all(predictions, with_paper=True):
    """Table III: errors by decade of age, the paper's and ours in turn.

    Args:
        predictions: Dict from a name (`siam` or of `ROWS`) to its
            predictions, of the same clips.
        with_paper: Whether the paper's rows are there.

    Returns:
        DataFrame as of `table_3`. With the paper's, every method has its line
        (NaN if the paper has none) and where it was tested `  here` below;
        without, one line by the method's name. Then the numbers of clips.
    """
    tables = {
        name: table_3(found, with_paper=False).set_index("method")
        for name, found in predictions.items()
    }
    ours = {name: table.loc[OURS] for name, table in tables.items()}
    counts = next(iter(tables.values())).loc[[OUR_CLIPS]]
    if with_paper:
        paper = table_3(next(iter(predictions.values()))).set_index("method")
        counts = pd.concat([paper.loc[[PAPER_CLIPS]], counts])
        paper = paper.drop([PAPER_CLIPS, OURS, OUR_CLIPS])
        lines = _in_turn(paper, ours)
    else:
        lines = _plain(ours)
    lines += list(counts.iterrows())
    return _table(lines, counts.columns)


def errors_of_all(predictions, selection):
    """One block of Table IV: the paper's and ours in turn.

    Args:
        predictions: As of `decades_of_all`, of that selection.
        selection: `posed disgust` or `posed smile`.

    Returns:
        DataFrame of columns `method`, `mae_years` and `sd_years`, its lines
        as those of `decades_of_all`.

    Raises:
        ValueError: As `table_4`.
    """
    tables = {
        name: table_4(found, selection).set_index("method")
        for name, found in predictions.items()
    }
    paper = next(iter(tables.values())).drop(OURS)
    ours = {name: table.loc[OURS] for name, table in tables.items()}
    return _table(_in_turn(paper, ours), paper.columns)


def _in_turn(paper, ours):
    """The paper's methods in their order, then ours that it has not."""
    by_method = {_method(name, paper.index): row for name, row in ours.items()}
    lines = []
    for method, row in paper.iterrows():
        lines.append((method, row))
        if method in by_method:
            lines.append((HERE, by_method[method]))
    further = {n: r for n, r in ours.items() if not _method(n, paper.index)}
    for method, row in _plain(further):
        not_in_print = pd.Series(float("nan"), index=row.index)
        lines += [(method, not_in_print), (HERE, row)]
    return lines


def _plain(ours):
    return [
        (ROWS[name].title if name in ROWS else "SIAM", row)
        for name, row in ours.items()
    ]


def _method(name, printed):
    return printed_row("SIAM" if name == "siam" else name, printed)


def _table(lines, columns):
    return pd.DataFrame(
        [{"method": method, **row} for method, row in lines]
    ).reindex(columns=["method", *columns])
