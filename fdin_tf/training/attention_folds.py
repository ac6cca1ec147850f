"""Where and when networks look, out of fold: Table I of Pei et al. (2020).

Every clip is explained by the network of the fold in which it is tested.
"""

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fdin_tf.explain.attention import face_auc
from fdin_tf.explain.attention import predict_attention
from fdin_tf.explain.attention import weight_per_frame
from fdin_tf.explain.attention_tables import clustered_ratio
from fdin_tf.faces import find_phases
from fdin_tf.progress import progress_bar
from fdin_tf.statistics import clustered_mean
from fdin_tf.training.cross_validate import fold_dir
from fdin_tf.training.paper import network_title
from fdin_tf.training.perturbed_folds import load_fold
from fdin_tf.training.siam_paper import MECHANISM_TITLES
from fdin_tf.training.siam_paper import SIAM_PAPER
from fdin_tf.training.siam_tables import PAPER_NAME

ALL_SEEDS = "all"
_WEIGHTS = ["apex_weight", "neutral_weight"]


def measure_attention(prepared, network, folds):
    """Attention of test clips, in numbers, by networks of finished folds.

    Args:
        prepared: `Prepared` of networks behind a `WarpFrontend`; the folds of
            this network are cross-validated.
        network: Name of a network with spatial and temporal attention.
        folds: The folds whose test clips are taken.

    Returns:
        DataFrame with one row per tested clip: `network`, `seed` and `fold`;
        `clip_id`; `apex_weight` and `neutral_weight`, the mean temporal
        weight of its apex frames and of the neutral ones before and after the
        expression, times its number of frames, so that 1 is uniform
        (`find_phases`; NaN where it has none of this kind); and `face_auc`,
        how well the spatial attention, averaged over its frames, tells face
        from background (the mask of the fold's `FaceWarp`).

    Raises:
        ValueError: If the network lacks one of the two, or a clip's phases
            cannot be found.
    """
    rows = []
    with progress_bar() as bar:
        title = f"Attention, {network_title(network)}"
        task = bar.add_task(title, total=len(folds), note="")
        for fold in folds:
            model, data = load_fold(prepared, network, fold, fold.test)
            found = predict_attention(model, data, fold.test)
            mask = fold_warp(prepared, network, fold).mask
            for clip_id, attention in found.items():
                _check_both(attention, network)
                phases = clip_phases(prepared, clip_id)
                weights = len(attention.temporal) * attention.temporal
                area = face_auc(attention.spatial.mean(axis=0), mask)
                rows.append(
                    {
                        "network": network,
                        "seed": prepared.config.seed,
                        "fold": fold.number,
                        "clip_id": clip_id,
                        "apex_weight": weight_per_frame(
                            weights, phases.mask("apex")
                        ),
                        "neutral_weight": weight_per_frame(
                            weights, phases.neutral
                        ),
                        "face_auc": float(area),
                    }
                )
            bar.advance(task)
    return pd.DataFrame(rows)


def clip_phases(prepared, clip_id):
    """`Phases` of a clip, by the smoothed landmarks of its crops."""
    try:
        return find_phases(prepared.encoded.load(clip_id)[1], smooth=False)
    except ValueError as error:
        raise ValueError(f"Clip {clip_id!r}: {error}") from error


def fold_warp(prepared, network, fold):
    """The `FaceWarp` that the network of a finished fold stands behind."""
    return prepared.frontend.load(
        fold_dir(prepared.network_dirs[network], fold)
    )


def attention_table(measured, predictions):
    """Table I, and what the attention of its networks looks at.

    Args:
        measured: Rows of `measure_attention`, of all networks and seeds.
        predictions: Predictions of the same clips, see `SeededNetworks`.

    Returns:
        DataFrame with, per network in the order of the predictions, a row
        over all seeds (`seed` is `all`) and a row per seed: `network`,
        `title`, `seed`, `clips` (a clip counts once per seed in which it is
        tested), `subjects`, `phase_clips` (those with apex and neutral
        frames); the means over clips `mae_years` and `face_auc`, each with
        `<name>_standard_error`, clustered by subject (NaN for one subject);
        `apex_to_neutral`, the mean `apex_weight` over the mean
        `neutral_weight` of the clips that have both, with its 95 % interval
        `apex_to_neutral_low` and `_high` (`clustered_ratio`); and
        `paper_mae_years`.

    Raises:
        ValueError: If clips were measured that were not tested, or the other
            way round.
    """
    keys = ["network", "seed", "clip_id"]
    both = predictions.merge(
        measured.drop(columns="fold"), on=keys, how="outer", indicator=True,
        validate="one_to_one",
    )  # fmt: skip
    apart = both[both._merge != "both"]
    if len(apart):
        raise ValueError(
            "Expected the same clips to be tested and measured. Received: "
            f"{len(apart)} that were not, such as "
            f"{apart[keys].iloc[0].to_dict()}"
        )
    both["error_years"] = (both.estimate - both.age).abs()
    rows = []
    for network in predictions.network.unique():
        of = both[both.network == network]
        rows.append(_row(network, ALL_SEEDS, of))
        for seed, of_seed in of.groupby("seed"):
            rows.append(_row(network, str(seed), of_seed))
    return pd.DataFrame(rows)


def print_attention(table, data, console=None):
    """Prints what `attention_table` returned.

    Args:
        table: What `attention_table` returned.
        data: Which data our numbers are about, in words.
        console: A rich `Console`; None for standard output.
    """
    console = console or Console()
    printed = Table(
        box=box.SIMPLE_HEAD, show_edge=False, padding=0, pad_edge=False
    )
    printed.add_column("")  # titles may be broken, numbers not
    for name in ("clips", "MAE", "SE", "paper", "apex", "95 %", "AUC", "SE"):
        printed.add_column(name, justify="right", no_wrap=True)
    for row in table.itertuples():
        is_all = row.seed == ALL_SEEDS
        if is_all and printed.rows:
            printed.add_section()
        mae, auc = (
            [_number(mean, digits), _number(error, digits)]
            for mean, error, digits in (
                (row.mae_years, row.mae_years_standard_error, 2),
                (row.face_auc, row.face_auc_standard_error, 3),
            )
        )
        low, high = row.apex_to_neutral_low, row.apex_to_neutral_high
        interval = "" if low != low else f"{low:.1f}-{high:.1f}"
        apex = [_number(row.apex_to_neutral, 2), interval]
        paper = _number(row.paper_mae_years, 2) if is_all else ""
        title = row.title if is_all else f"  seed {row.seed}"
        paper = "" if paper == "-" else paper
        printed.add_row(title, str(row.clips), *mae, paper, *apex, *auc)
    first = table.iloc[0]
    console.print(
        Text("Table I: error of age in years, and attention", style="bold")
    )
    console.print(printed)
    note = ""
    if (table.phase_clips < table.clips).any():
        note = (
            f" (clips with both kinds of frames: {first.phase_clips} of "
            f"{first.clips})"
        )
    console.print(
        Text(
            f"Our numbers: {data}; {first.subjects} subjects. MAE: mean "
            "absolute error. Apex: mean temporal weight per apex frame over "
            f"that per neutral frame{note}. AUC: area under the "
            "ROC curve of the spatial attention as a score of face against "
            "background. SE: standard error, clustered by subject. Paper: MAE "
            f"on UvA-NEMO ({PAPER_NAME}).",
            style="dim",
        )
    )


def _check_both(attention, network):
    if attention.spatial is None or attention.temporal is None:
        raise ValueError(
            "Expected networks with spatial and temporal attention. "
            f"Received: network={network!r}"
        )


def _row(network, seed, clips):
    mechanism = _mechanism(network)
    row = {
        "network": network,
        "title": MECHANISM_TITLES.get(mechanism, network_title(network)),
        "seed": seed,
        "clips": len(clips),
        "subjects": clips.subject.nunique(),
        "phase_clips": len(clips.dropna(subset=_WEIGHTS)),
    }
    for name, column in (
        ("mae_years", "error_years"),
        ("face_auc", "face_auc"),
    ):
        mean, error = clustered_mean(clips[column], clips.subject)
        row |= {name: mean, f"{name}_standard_error": error}
    ratio = low = high = np.nan
    whole = clips.dropna(subset=_WEIGHTS)
    if len(whole):
        ratio, low, high = clustered_ratio(
            *(whole[name] for name in _WEIGHTS), whole.subject
        )
    row |= {
        "apex_to_neutral": ratio,
        "apex_to_neutral_low": low,
        "apex_to_neutral_high": high,
    }
    in_print = SIAM_PAPER[1].get(mechanism, {})
    row["paper_mae_years"] = in_print.get("mae_years", np.nan)
    return row


def _mechanism(network):
    """The mechanism in the name of a network of Table I, which SIAM is one of.

    Networks whose attention is elsewhere have no mechanism of that name.
    """
    return "spatially_indexed" if network == "siam" else network[len("siam_") :]


def _number(value, digits):
    if value != value:
        return "-"
    return f"{value:.{digits}f}" if abs(value) < 1e4 else f"{value:.0e}"
