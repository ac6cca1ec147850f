"""Age estimation with SIAM, cross-validated over unseen subjects.

    python -m recipes.siam_age_cv                       # embedded clips
    python -m recipes.siam_age_cv paper --data-dir UvA-NEMO --landmarks-dir csv
    python -m recipes.siam_age_cv --spontaneity posed   # Table IV
    python -m recipes.siam_age_cv smoke                 # for the tests

Reports the mean absolute error in years: over all clips, per smile type,
gender, age decade and fold, and beside what Pei et al. (2020) printed: Table
III by decade of age or, for posed smiles alone or a --database of disgust,
Table IV. Figures 7 and 8 go to MLflow and to the run's folder. Faces are
warped onto the mean shape of each fold's training faces, which takes 68
landmarks in every frame: a file per clip in --landmarks-dir (OpenFace,
py-feat or .npz), or --mesh. An interrupted run continues with the same
command; a finished one prints its result again.
"""

import functools

from fdin_tf.training.experiment import run_experiment
from fdin_tf.training.printing import print_report
from fdin_tf.training.siam_tables import print_table_3
from fdin_tf.training.siam_tables import print_table_4
from fdin_tf.training.siam_tables import printed_selection
from fdin_tf.training.siam_tables import selection_in_words
from fdin_tf.training.siam_tables import table_3
from fdin_tf.training.siam_tables import table_4
from recipes.cli import config_from_presets
from recipes.cli import run_recipe
from recipes.siam_networks import DEMO
from recipes.siam_networks import PAPER
from recipes.siam_networks import SMOKE
from recipes.siam_networks import SiamConfig
from recipes.siam_networks import builder
from recipes.siam_networks import frontend_of
from recipes.siam_networks import with_landmarks

PRESETS = {
    "demo": (
        "The embedded clips, minutes on two cores.",
        SiamConfig(name="embedded_siam_age", **DEMO),
    ),
    "paper": (
        "Pei et al. (2020), section IV: needs --data-dir.",
        SiamConfig(name="siam_age", **PAPER),
    ),
    "smoke": (
        "Sixteen tiny clips and two folds, for the tests.",
        SiamConfig(name="smoke_siam_age", **SMOKE),
    ),
}


def run(config):
    """Runs every fold; returns the table of errors, in years."""
    config = with_landmarks(config)
    return run_experiment(
        config,
        experiment="siam_age_cv",
        target="age",
        build_model=builder("siam", "age", config),
        get_frontend=frontend_of(config),
        network="siam",
        further_tables=functools.partial(paper_tables, config),
        print_tables=functools.partial(print_tables, config),
    )


def paper_tables(config, predictions):
    """Table III, and Table IV where the clips are of its selections."""
    selection = printed_selection(config.database, config.spontaneity)
    tables = {"table_3": table_3(predictions, selection == "all")}
    if selection in ("posed disgust", "posed smile"):
        tables["table_4"] = table_4(predictions, selection)
    return tables


def print_tables(config, tables, target):
    """Our errors, then the paper's tables."""
    print_report(tables, target)
    chosen = config.database, config.spontaneity
    data = config.data_dir or f"embedded clips ({config.embedded})"
    data = f"{data}, {selection_in_words(*chosen)}"
    print_table_3(tables["table_3"], data)
    if "table_4" in tables:
        print_table_4(tables["table_4"], printed_selection(*chosen), data)


if __name__ == "__main__":
    run_recipe(run, config_from_presets(PRESETS, default="demo"))
