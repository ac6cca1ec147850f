"""Errors of the attribute networks: Table 1 and Figure 3, and the console."""

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from fdin_tf.data.images import RATINGS
from fdin_tf.statistics import clustered_mean
from fdin_tf.training.attribute_networks import RETRAINED
from fdin_tf.training.attribute_paper import PAPER_NAME
from fdin_tf.training.attribute_paper import TABLE_1

#: Columns that name a network.
NETWORK = ["attribute", "base", "layers"]
_POINTS = RATINGS[1] - RATINGS[0]


def table_1(estimates, means, with_paper=False):
    """Errors on the test half, as in Table 1 of Arbabzadah et al. (2016).

    Args:
        estimates: Table with one row per network and photograph: `attribute`,
            `base`, `layers`, `subject`, `rating` and `estimate`, both in
            points of the scale of 1 to 9.
        means: Dict from an attribute to the mean rating of the training half.
        with_paper: Whether the paper's numbers are about these photographs.

    Returns:
        DataFrame with one row per network: `attribute`, `base`, `layers`,
        `images`, `subjects`, `mae` (points), `standard_error` (clustered by
        subject), `baseline_mae`, that of always answering the training mean,
        `r2`, the share of the ratings' variance that is explained, and
        `paper_mae`, NaN without.

    Example:

    >>> estimates = pd.DataFrame({
    ...     "attribute": "happiness", "base": "age", "layers": "dense",
    ...     "subject": list("ab"), "rating": [4.0, 6.0],
    ...     "estimate": [4.5, 5.5]})
    >>> table = table_1(estimates, {"happiness": 6.0})
    >>> table.mae.item(), table.baseline_mae.item(), table.r2.item()
    (0.5, 1.0, 0.75)
    """
    rows = []
    for key, of in estimates.groupby(NETWORK, sort=False):
        errors = (of.estimate - of.rating).abs()
        mae, standard_error = clustered_mean(errors, of.subject)
        squared = ((of.estimate - of.rating) ** 2).sum()
        variance = ((of.rating - of.rating.mean()) ** 2).sum()
        rows.append(
            {
                **dict(zip(NETWORK, key)),
                "images": len(of),
                "subjects": of.subject.nunique(),
                "mae": mae,
                "standard_error": standard_error,
                "baseline_mae": (of.rating - means[key[0]]).abs().mean(),
                "r2": 1 - squared / variance if variance else np.nan,
                "paper_mae": TABLE_1.get(key, np.nan) if with_paper else np.nan,
            }
        )
    return pd.DataFrame(rows)


def training_errors(histories):
    """Training errors by epoch, as `plot_training_errors` takes them.

    Args:
        histories: Dict from (attribute, base, layers) to the table of
            `fit_images`.

    Returns:
        DataFrame with `attribute`, `base`, `layers`, `network` (a title),
        `epoch` and `error`: the mean absolute error over the epoch, with
        dropout, in points of the scale of 1 to 9.
    """
    return pd.concat(
        [
            history[["epoch"]].assign(
                **dict(zip(NETWORK, key)),
                network=f"{key[1]}, {RETRAINED[key[2]]}",
                error=_POINTS * history.train_mae,
            )
            for key, history in histories.items()
        ],
        ignore_index=True,
    )


def print_table_1(table, data):
    """Prints Table 1: a column per attribute, a row per kind of network.

    Args:
        table: See `table_1`.
        data: Which data the numbers are about, in words.
    """
    attributes = list(table.attribute.unique())
    printed = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 0, 0, 1),
        pad_edge=False,
        title="Table 1: mean absolute error of ratings from 1 to 9",
        caption=f"{data}. Test half, ± standard error clustered by subject."
        + (
            f" In brackets: {PAPER_NAME}."
            if table.paper_mae.notna().any()
            else ""
        ),
    )
    printed.add_column("", no_wrap=True)
    for attribute in attributes:
        printed.add_column(attribute, justify="right", no_wrap=True)
    for (base, layers), of in table.groupby(["base", "layers"], sort=False):
        of = of.set_index("attribute")
        printed.add_row(
            f"{base}, {RETRAINED[layers]}",
            *(_in_words(of.loc[attribute]) for attribute in attributes),
        )
    printed.add_section()
    baseline = table.groupby("attribute", sort=False).baseline_mae.first()
    printed.add_row(
        "training mean", *(f"{baseline[name]:.2f}" for name in attributes)
    )
    Console().print(printed)


def _in_words(row):
    words = f"{row.mae:.2f} ± {row.standard_error:.2f}"
    if pd.notna(row.paper_mae):
        words += f" ({row.paper_mae:.2f})"
    return words
