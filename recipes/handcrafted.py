"""SIAM beside handcrafted methods: Tables III and IV of Pei et al. (2020).

    python -m recipes.handcrafted                       # embedded clips
    python -m recipes.handcrafted paper --data-dir UvA-NEMO --landmarks-dir csv
    python -m recipes.handcrafted --spontaneity posed   # Table IV
    python -m recipes.handcrafted --rows vlbp ief       # some of the rows
    python -m recipes.handcrafted smoke                 # for the tests

VLBP, LBP-TOP, displacement, deformation, LBP, BIF and IEF, and the last three
with dynamics, re-implemented (`docs/handcrafted.md` says how, row by row), and
SIAM (taken from `recipes.siam_age_cv` where that was run with the same
settings): all on the same clips, folds and seeds, with paired tests, and by
decade of age beside what the paper printed. SIAM's faces are warped onto the
mean shape of each fold, those of the rows aligned on the eyes. Writes tables
as CSV to --output-dir, and a run to MLflow. An interrupted run continues with
the same command; a finished one prints its result again.
"""

import dataclasses
from pathlib import Path
from typing import Literal

from fdin_tf.faces import mesh_landmarks
from fdin_tf.training.compare_networks import run_comparison
from fdin_tf.training.comparison import print_comparison
from fdin_tf.training.handcrafted_comparison import Handcrafted
from fdin_tf.training.handcrafted_rows import ROWS
from fdin_tf.training.handcrafted_tables import decades_of_all
from fdin_tf.training.handcrafted_tables import errors_of_all
from fdin_tf.training.handcrafted_tables import with_printed_by_siam
from fdin_tf.training.siam_tables import print_table_3
from fdin_tf.training.siam_tables import print_table_4
from fdin_tf.training.siam_tables import printed_selection
from fdin_tf.training.siam_tables import selection_in_words
from recipes.cli import config_from_presets
from recipes.cli import run_recipe
from recipes.siam_networks import DEMO
from recipes.siam_networks import PAPER
from recipes.siam_networks import SMOKE
from recipes.siam_networks import SiamConfig
from recipes.siam_networks import builder
from recipes.siam_networks import frontend_of
from recipes.siam_networks import with_landmarks

AGE_ROWS = tuple(name for name, row in ROWS.items() if row.target == "age")


@dataclasses.dataclass(frozen=True)
class Config(SiamConfig):
    """SIAM beside handcrafted methods.

    Attributes:
        rows: Names of the handcrafted rows, or `all`.
        output_dir: Folder of the tables.
    """

    rows: tuple[Literal[*AGE_ROWS, "all"], ...] = ("all",)
    output_dir: Path = Path("results/handcrafted")


PRESETS = {
    "demo": (
        "The embedded clips, minutes on two cores.",
        Config(name="embedded", **DEMO),
    ),
    "paper": (
        "Pei et al. (2020), sections V-D and V-F: needs --data-dir.",
        Config(name="paper", **PAPER),
    ),
    "smoke": (
        "Sixteen tiny clips and two folds, for the tests.",
        Config(name="smoke", **SMOKE),
    ),
}


def run(config):
    """Tests SIAM and all rows; returns the tables by name."""
    config = with_landmarks(config)
    comparison = run_comparison(
        config,
        "handcrafted",
        "age",
        {"siam": builder("siam", "age", config)},
        frontend_of(config),
        reference="siam",
        handcrafted=Handcrafted(
            config.rows,
            config.landmarks_dir,
            mesh_landmarks if config.mesh else None,
        ),
    )
    selection = printed_selection(config.database, config.spontaneity)
    predictions = {
        name: comparison.found[name].predictions
        for name in comparison.table.network
    }
    table = with_printed_by_siam(comparison.table, selection)
    tables = {
        "comparison": table,
        "table_3": decades_of_all(predictions, selection == "all"),
    }
    if selection in ("posed disgust", "posed smile"):
        tables["table_4"] = errors_of_all(predictions, selection)
    comparison.publish(tables, {})
    print_comparison(
        table,
        "SIAM and handcrafted methods: mean absolute error in years",
        comparison.data,
        paper="Pei et al., 2020",
    )
    data = config.data_dir or f"embedded clips ({config.embedded})"
    words = selection_in_words(config.database, config.spontaneity)
    print_table_3(tables["table_3"], f"{data}, {words}")
    if "table_4" in tables:
        print_table_4(tables["table_4"], selection, f"{data}, {words}")
    return tables


if __name__ == "__main__":
    run_recipe(run, config_from_presets(PRESETS, default="demo"))
