"""Several networks on the same clips and folds, beside the paper's numbers."""

import numpy as np
import pandas as pd

from fdin_tf.data.clips import TARGET_CLASSES
from fdin_tf.statistics import PairedTest
from fdin_tf.statistics import clustered_mean
from fdin_tf.statistics import paired_test
from fdin_tf.training.class_metrics import class_cells
from fdin_tf.training.comparison_table import print_comparison
from fdin_tf.training.decisions import AGE_EDGES
from fdin_tf.training.decisions import check_columns
from fdin_tf.training.decisions import make_decisions
from fdin_tf.training.paper import NETWORK_TITLES
from fdin_tf.training.paper import PAPER
from fdin_tf.training.paper import in_paper_order
from fdin_tf.training.paper import network_title
from fdin_tf.training.paper import printed

__all__ = [
    "NETWORK_TITLES",
    "PAPER",
    "compare_age",
    "compare_class",
    "print_comparison",
]

# What must be the same for all networks.
_SHARED = ["fold", "subject", "age", "gender", "spontaneity"]


def compare_age(predictions_by_network, reference="fdin"):
    """Errors of networks in years, and whether they differ from one of them.

    Args:
        predictions_by_network: Dict from the name of a network to its
            predictions, see `CrossValidation`: the same clips in the same
            folds for all.
        reference: Name of the network that the others are compared to.

    Returns:
        Table with one row per network, in the order of `in_paper_order`:
        `network`, `title`, `reference`, `clips`, `subjects`, the mean
        absolute errors `posed_mae_years`, `spontaneous_mae_years` and
        `mae_years` (over all clips), its `standard_error_years` (clustered by
        subject), `difference_years` (mean error of this network minus that of
        the reference: positive is worse), `difference_standard_error_years`
        and `p_value` of `paired_test` over subjects, unadjusted (NaN for the
        reference), and `paper_<column>` for what Tables 2 and 3 of Kim & Ro
        print. NaN where there is no such clip, or no such number in print.

    Raises:
        ValueError: If the reference is not among the networks, the networks
            were not tested on the same clips, folds and labels, or an age or
            estimate is missing; the message names the first such clip.
    """
    tables = _aligned(predictions_by_network, reference)
    errors = {name: _absolute_error(t, name) for name, t in tables.items()}
    rows = []
    for network, table in tables.items():
        error = errors[network]
        mean, standard_error = clustered_mean(error, table.subject)
        of_type = error.groupby(table.spontaneity).mean()
        means = {
            f"{smile_type}_mae_years": of_type.get(smile_type, np.nan)
            for smile_type in TARGET_CLASSES["spontaneity"]
        }
        means["mae_years"] = mean
        test = _test(network, reference, errors, table.subject)
        rows.append(
            {
                "network": network,
                "title": network_title(network),
                "reference": reference,
                "clips": len(table),
                "subjects": table.subject.nunique(),
                **means,
                "standard_error_years": standard_error,
                "difference_years": test.difference,
                "difference_standard_error_years": test.standard_error,
                "p_value": test.p_value,
                **_in_print(network, means, tables=(2, 3)),
            }
        )
    return pd.DataFrame(rows)


def compare_class(
    predictions_by_network,
    target,
    reference="fdin",
    edges=AGE_EDGES,
    per="video",
):
    """Accuracy of networks, and whether they differ from one of them.

    Args:
        predictions_by_network: See `compare_age`.
        target: `gender` or `spontaneity`.
        reference: Name of the network that the others are compared to.
        edges: Edges of the age groups, see `age_group_labels`.
        per: `video` or `subject`, see `make_decisions`.

    Returns:
        Table with one row per network, in the order of `in_paper_order`:
        `network`, `title`, `reference`, `clips`, `samples` (decisions),
        `subjects`; in %, the accuracy in every cell (`spontaneous <=19`, ...;
        for spontaneity `female <=19`, ...), `accuracy` over all, its
        `standard_error` (clustered by subject) and `balanced_accuracy`; in
        percentage points, `difference` (accuracy of this network minus that
        of the reference: negative is worse), `difference_standard_error` and
        the `p_value` of `paired_test` over subjects, unadjusted (NaN for the
        reference); and `paper_<column>` for what Tables 4 and 5 of Kim & Ro
        print about gender per video. NaN where a cell has no clip, or no
        such number is in print.

    Raises:
        ValueError: As `make_decisions`; if the reference is not among the
            networks, or these were not tested on the same clips, folds and
            labels; the message names the first difference.
    """
    tables = _aligned(predictions_by_network, reference)
    right = {}
    for network, table in tables.items():
        decisions = make_decisions(table, target, edges, per)
        right[network] = 100.0 * (decisions.truth == decisions.answer)
        subjects = decisions.subject  # the same for all networks
    in_print = (4, 5) if target == "gender" and per == "video" else ()
    rows = []
    for network, table in tables.items():
        *cells, overall = class_cells(table, target, edges, per).itertuples(
            index=False
        )
        accuracies = {f"{cell[0]} {cell[1]}": cell.accuracy for cell in cells}
        accuracies["accuracy"] = overall.accuracy
        test = _test(network, reference, right, subjects)
        rows.append(
            {
                "network": network,
                "title": network_title(network),
                "reference": reference,
                "clips": overall.clips,
                "samples": overall.samples,
                "subjects": overall.subjects,
                **accuracies,
                "standard_error": overall.standard_error,
                "balanced_accuracy": overall.balanced_accuracy,
                "difference": test.difference,
                "difference_standard_error": test.standard_error,
                "p_value": test.p_value,
                **_in_print(network, accuracies, tables=in_print),
            }
        )
    return pd.DataFrame(rows)


def _aligned(predictions_by_network, reference):
    """The tables by network, in the paper's order, clips in one order."""
    if reference not in predictions_by_network:
        raise ValueError(
            "Expected the reference among the networks. Received: "
            f"reference={reference!r}, networks={list(predictions_by_network)}"
        )
    tables = {}
    for network in in_paper_order(predictions_by_network):
        table = predictions_by_network[network]
        check_columns(table, f"the predictions of {network!r}")
        twice = table.clip_id[table.clip_id.duplicated()]
        if len(twice):
            raise ValueError(
                "Expected every clip to be tested once. Received: clip_id="
                f"{twice.iloc[0]!r} twice by {network!r}"
            )
        tables[network] = table.set_index("clip_id", drop=False)
    order = tables[reference].index
    for network, table in tables.items():
        differing = order.symmetric_difference(table.index, sort=False)
        if len(differing):
            has, lacks = reference, network
            if differing[0] in table.index:
                has, lacks = network, reference
            raise ValueError(
                "Expected networks that were tested on the same clips. "
                f"Received: clip_id={differing[0]!r} tested by {has!r}, not "
                f"by {lacks!r}"
            )
        tables[network] = table.loc[order]
        for column in _SHARED:
            _check_same(column, reference, network, tables)
    return tables


def _check_same(column, reference, network, tables):
    expected, found = (
        tables[name][column].astype(object) for name in (reference, network)
    )
    differs = (expected != found) & ~(expected.isna() & found.isna())
    if differs.any():
        clip_id = differs.idxmax()
        raise ValueError(
            f"Expected networks that were tested with the same `{column}` of "
            f"every clip. Received: {expected[clip_id]!r} for {reference!r} "
            f"and {found[clip_id]!r} for {network!r}, clip_id={clip_id!r}"
        )


def _absolute_error(table, network):
    """In years, one per clip."""
    for column in ("age", "estimate"):
        years = table[column].astype(float)
        if not np.isfinite(years).all():
            clip_id = np.isfinite(years).idxmin()
            raise ValueError(
                f"Expected years in column `{column}` of every prediction. "
                f"Received: {years[clip_id]} for clip_id={clip_id!r} of "
                f"{network!r}"
            )
    return (table.estimate - table.age).astype(float).abs()


def _test(network, reference, values, subjects):
    """The paired test; no numbers for the reference itself."""
    if network == reference:
        return PairedTest(np.nan, np.nan, np.nan, subjects.nunique())
    return paired_test(values[network], values[reference], subjects)


def _in_print(network, columns, tables):
    return {f"paper_{name}": printed(network, name, tables) for name in columns}
