"""What the phases of an expression tell: Table II of Pei et al. (2020).

    python -m recipes.siam_phases                       # embedded clips
    python -m recipes.siam_phases paper --data-dir UvA-NEMO --landmarks-dir csv
    python -m recipes.siam_phases smoke                 # for the tests

The networks of `recipes.siam_age_cv`, trained on whole expressions and taken
from there where it was run with the same settings, estimate the age of unseen
subjects from the frames of one phase (onset, apex, offset) or of consecutive
phases alone. Writes tables as CSV and a picture to --output-dir, and a run to
MLflow. An interrupted run continues with the same command; a finished one
prints its result again.
"""

import dataclasses
from pathlib import Path

import pandas as pd

from fdin_tf.data.cache import atomic_path
from fdin_tf.explain.curve_plots import plot_errors
from fdin_tf.training.compare_networks import run_comparison
from fdin_tf.training.phase_errors import phase_estimates
from fdin_tf.training.phase_errors import print_table_2
from fdin_tf.training.phase_errors import table_2
from fdin_tf.training.report import whose
from recipes.cli import config_from_presets
from recipes.cli import run_recipe
from recipes.siam_networks import DEMO
from recipes.siam_networks import PAPER
from recipes.siam_networks import SMOKE
from recipes.siam_networks import SiamConfig
from recipes.siam_networks import builder
from recipes.siam_networks import frontend_of
from recipes.siam_networks import with_landmarks


@dataclasses.dataclass(frozen=True)
class Config(SiamConfig):
    """SIAM on phases of expressions.

    Attributes:
        output_dir: Folder of tables and pictures.
    """

    output_dir: Path = Path("results/siam_phases")


PRESETS = {
    "demo": (
        "The embedded clips, minutes on two cores.",
        Config(name="embedded", **DEMO),
    ),
    "paper": (
        "Pei et al. (2020), section V-C: needs --data-dir.",
        Config(name="paper", **PAPER),
    ),
    "smoke": (
        "Sixteen tiny clips and two folds, for the tests.",
        Config(name="smoke", **SMOKE),
    ),
}


def run(config):
    """Shows phases to the networks of all folds; returns tables by name."""
    config = with_landmarks(config)
    comparison = run_comparison(
        config,
        "siam_phases",
        "age",
        {"siam": builder("siam", "age", config)},
        frontend_of(config),
        reference="siam",
    )
    estimates = kept_estimates(comparison)
    table = table_2(estimates)
    tables = {"table_2": table, "phases": estimates}
    chart = plot_errors(
        table.dropna(subset="mae_years"),
        "Errors by the phases that are shown\n"
        f"{whose(comparison.prepared.encoded)}",
    )
    comparison.publish(
        tables,
        {"table_2": chart},
        {
            f"{row.name.replace(' + ', '_')}_{measure}": getattr(row, measure)
            for row in table.itertuples()
            for measure in ("mae_years", "p_value")
        },
    )
    print_table_2(table, comparison.data)
    return tables


def kept_estimates(comparison):
    """Estimates from phases, kept with the comparison."""
    path = comparison.run_dir / "phases.csv"
    if not path.is_file():
        estimates = phase_estimates(comparison.prepared, "siam")
        with atomic_path(path) as temporary:
            estimates.to_csv(temporary, index=False)
    return pd.read_csv(
        path,
        dtype={"clip_id": str, "subject": str},
        keep_default_na=False,  # a clip may be called "NA"
        na_values={"estimate": [""]},
    )


if __name__ == "__main__":
    run_recipe(run, config_from_presets(PRESETS, default="demo"))
