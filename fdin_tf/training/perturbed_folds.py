"""Table 1 of Kim and Ro (ECCV 2018), out of fold.

Every clip is estimated by the network of the fold in which it is tested, as
it is and with the dynamics of regions replaced by zeros. Which regions are
important is read in each fold from the importance of clips that its network
was trained on, so that no test error has a say in it.
"""

import keras
import pandas as pd
from rich.console import Console
from rich.table import Table

from fdin_tf.explain.importance import predict_importance
from fdin_tf.explain.perturbation import important_regions
from fdin_tf.explain.perturbation import perturbation_errors
from fdin_tf.explain.perturbation import perturbation_table
from fdin_tf.progress import progress_bar
from fdin_tf.training.cross_validate import fold_dir
from fdin_tf.training.paper import PAPER
from fdin_tf.training.paper import network_title

#: Perturbations, called as in Table 1.
LESS_IMPORTANT, IMPORTANT = "less important parts", "important part"
#: Youngest and oldest age in Table 1, years.
AGES = (37, 66)


def check_ages(clips, ages):
    """Raises ValueError if no clip is of somebody of these ages."""
    if not clips.age.between(*ages).any():
        raise ValueError(
            "Expected clips of people of the ages whose dynamics are "
            f"replaced. Received: perturb_ages={ages[0]:g} {ages[1]:g}"
        )


def perturb_folds(prepared, networks, ages=AGES):
    """Estimates of age under perturbations, by networks of finished folds.

    The important part is the region that takes part in the most important
    relations, the less important parts are the three of the least: on average
    over those clips of people of these ages that the fold's network was
    trained or validated on (over all of these, should there be none).

    Args:
        prepared: `Prepared`, for age; the networks are cross-validated.
        networks: Names of networks with regions. The first has relational
            importance, which tells the regions for all.
        ages: Youngest and oldest age of the people, both included, years.

    Returns:
        DataFrame with one row per network and tested clip: `network`, `fold`,
        `clip_id`, the regions `important` and `less_important`, and estimates
        in years: `not contaminated`, `less important parts` and `important
        part`.

    Raises:
        ValueError: If no clip is of somebody of these ages.
    """
    clips = prepared.encoded.clips
    check_ages(clips, ages)
    of_age = set(clips.clip_id[clips.age.between(*ages)])
    parts = []
    with progress_bar() as bar:
        task = bar.add_task("Perturbation", total=len(prepared.folds), note="")
        for fold in prepared.folds:
            bar.advance(task)
            known = [*fold.train, *fold.valid]
            known = [c for c in known if c in of_age] or known
            tested = [c for c in fold.test if c in of_age]
            if not tested:
                continue
            model, data = load_fold(
                prepared, networks[0], fold, [*known, *tested]
            )
            important, less = important_regions(
                predict_importance(model, data, known)
            )
            for network in networks:
                if network != networks[0]:
                    model, data = load_fold(prepared, network, fold, tested)
                estimates = perturbation_errors(
                    model, data, tested, prepared.target,
                    {LESS_IMPORTANT: less, IMPORTANT: important},
                )  # fmt: skip
                about = {
                    "network": network,
                    "fold": fold.number,
                    "important": ", ".join(important),
                    "less_important": ", ".join(less),
                }
                parts.append(estimates.assign(**about))
    table = pd.concat(parts, ignore_index=True)
    return table[[*about, *table.columns.drop(list(about))]]


def load_fold(prepared, network, fold, clip_ids):
    """The network of a finished fold, and clips as it takes them.

    Args:
        prepared: `Prepared`.
        network: Name of a network that is cross-validated.
        fold: `Fold`.
        clip_ids: The clips that are needed.

    Returns:
        Keras model on features, and an object with `clips`, `shape`,
        `name` and `load(clip_id)`.
    """
    folder = fold_dir(prepared.network_dirs[network], fold)
    path = folder / "result" / "model.keras"
    model = keras.saving.load_model(path, compile=False)
    frontend = prepared.frontend
    fitted = frontend.load(folder)
    return model, frontend.apply(prepared.encoded, fitted, clip_ids)


def perturbed_table(estimates, clips, ages=AGES):
    """Table 1: errors under perturbations, their tests, the paper's numbers.

    Args:
        estimates: What `perturb_folds` returned.
        clips: Clip table.
        ages: The ages that were asked for, years.

    Returns:
        Per network the table of `perturbation_table`, with `network` and
        `title` before it and `paper_mae_years` and
        `paper_standard_error_years` behind it, for FDIN at the paper's ages.
    """
    tables = []
    for network, of in estimates.groupby("network", sort=False):
        table = perturbation_table(of, clips, "age", IMPORTANT, LESS_IMPORTANT)
        table.insert(0, "network", network)
        table.insert(1, "title", network_title(network))
        is_printed = network == "fdin" and tuple(ages) == AGES
        printed = PAPER[1] if is_printed else {}
        for name in ("mae_years", "standard_error_years"):
            table[f"paper_{name}"] = [
                printed.get(perturbation, {}).get(name, float("nan"))
                for perturbation in table.perturbation
            ]
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def print_perturbed(table, estimates, ages=AGES, data="", console=None):
    """Prints the table of `perturbed_table`.

    Args:
        table: What `perturbed_table` returned.
        estimates: What `perturb_folds` returned.
        ages: The ages that were asked for, years.
        data: Which data our numbers are about, in words.
        console: A rich `Console`; None for standard output.
    """
    console = console or Console()
    first = table.iloc[0]
    printed = Table(
        title="Table 1: mean absolute error (MAE) in years under perturbation, "
        f"subjects of {ages[0]:g} to {ages[1]:g}",
        caption=f"Our numbers: {data}; {first.clips} clips of "
        f"{first.subjects} subjects. Dynamics are replaced by zeros. "
        f"{_regions(estimates)} SE: standard error, clustered by subject; p: "
        "paired t test clustered by subject, against the dynamics as they are "
        "(clean) and against the less important parts (less). Paper: on "
        "UvA-NEMO, its important part is the right cheek. Three parts replaced "
        "at once can harm more than one, whichever they are.",
    )
    printed.add_column("", no_wrap=True)
    for name in ("MAE", "SE", "p clean", "p less", "paper"):
        printed.add_column(name, justify="right", no_wrap=True)
    for title, of in table.groupby("title", sort=False):
        printed.add_section()
        printed.add_row(title)
        for row in of.itertuples():
            printed.add_row(
                f"  {row.perturbation}",
                f"{row.error:.2f}",
                f"{row.standard_error:.2f}",
                _p(row.p_against_not_contaminated),
                _p(row.p_against_less_important),
                _in_print(row),
            )
    console.print(printed)


def _regions(estimates):
    """Which regions were replaced in how many folds."""
    of_fold = estimates.drop_duplicates("fold")
    counts = {
        "Important part": of_fold.important.value_counts(),
        "less important parts": of_fold.less_important.str.split(", ")
        .explode()
        .value_counts(),
    }
    words = [
        f"{kind} (folds): "
        + ", ".join(f"{r.replace('_', ' ')} ({n})" for r, n in of.items())
        for kind, of in counts.items()
    ]
    return "; ".join(words) + "."


def _in_print(row):
    """The paper's number; nothing where it has none."""
    mean, error = row.paper_mae_years, row.paper_standard_error_years
    return "" if mean != mean else f"{mean:.2f} ± {error:.2f}"


def _p(value):
    if value != value:
        return ""
    return f"{value:.3f}" if value >= 0.001 else "<0.001"
