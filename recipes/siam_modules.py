"""What SIAM's modules are worth: Figure 6 of Pei et al. (2020).

    python -m recipes.siam_modules                      # embedded clips
    python -m recipes.siam_modules paper --data-dir UvA-NEMO --landmarks-dir csv
    python -m recipes.siam_modules smoke                # for the tests

The appearance module alone, then with the recurrent module, the spatial and
the temporal attention added one after the other: all on the same clips, folds
and seeds, beside the paper's numbers, with paired tests against the whole.
Networks that `recipes.siam_age_cv` has trained with the same settings are
taken from there. Writes a table as CSV and a picture to --output-dir, and a
run to MLflow. An interrupted run continues with the same command; a finished
one prints its result again.
"""

import dataclasses
from pathlib import Path

from fdin_tf.explain.curve_plots import plot_errors
from fdin_tf.training.compare_networks import run_comparison
from fdin_tf.training.comparison import print_comparison
from fdin_tf.training.report import whose
from fdin_tf.training.siam_tables import PAPER_NAME
from fdin_tf.training.siam_tables import figure_6
from recipes.cli import config_from_presets
from recipes.cli import run_recipe
from recipes.siam_networks import DEMO
from recipes.siam_networks import MODULES
from recipes.siam_networks import PAPER
from recipes.siam_networks import SMOKE
from recipes.siam_networks import SiamConfig
from recipes.siam_networks import builder
from recipes.siam_networks import frontend_of
from recipes.siam_networks import with_landmarks


@dataclasses.dataclass(frozen=True)
class Config(SiamConfig):
    """SIAM with and without its modules.

    Attributes:
        networks: Names of the networks; `siam` among them.
        output_dir: Folder of table and picture.
    """

    networks: tuple[str, ...] = tuple(MODULES)
    output_dir: Path = Path("results/siam_modules")


PRESETS = {
    "demo": (
        "The embedded clips, half an hour on two cores.",
        Config(name="embedded", **DEMO),
    ),
    "paper": (
        "Pei et al. (2020), section V-B: needs --data-dir.",
        Config(name="paper", **PAPER),
    ),
    "smoke": (
        "Sixteen tiny clips and two folds, for the tests.",
        Config(name="smoke", **SMOKE),
    ),
}


def run(config):
    """Runs all networks; returns the table by its name."""
    for name in config.networks:
        if name not in MODULES:
            raise ValueError(
                f"Expected networks of {', '.join(MODULES)}. Received: "
                f"network={name!r}"
            )
    config = with_landmarks(config)
    comparison = run_comparison(
        config,
        "siam_modules",
        "age",
        {name: builder(name, "age", config) for name in config.networks},
        frontend_of(config),
        reference="siam",
    )
    table = figure_6(comparison.table)
    people = whose(comparison.prepared.encoded)
    chart = plot_errors(table, f"Errors as modules are added\n{people}")
    comparison.publish({"figure_6": table}, {"figure_6": chart})
    print_comparison(
        table.drop(columns="name").assign(title=table.name),
        "Figure 6: mean absolute error of age in years",
        comparison.data,
        paper=PAPER_NAME,
    )
    return {"figure_6": table}


if __name__ == "__main__":
    run_recipe(run, config_from_presets(PRESETS, default="demo"))
