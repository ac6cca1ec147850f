"""Age estimation with FDIN, cross-validated over unseen subjects.

    python -m recipes.age_cv                                # embedded clips
    python -m recipes.age_cv paper --data-dir UvA-NEMO      # FDIN, Table 2
    python -m recipes.age_cv smoke                          # for the tests

Reports the mean absolute error in years: over all clips, per smile type,
gender, age decade and fold; and which relations between facial regions the
networks answered from. An interrupted run continues with the same command; a
finished one prints its result again. README.md lists the full runs with
flags, commit and result.
"""

from fdin_tf.training.experiment import run_experiment
from recipes.cli import config_from_presets
from recipes.cli import run_recipe
from recipes.networks import DEMO
from recipes.networks import PAPER
from recipes.networks import SMOKE
from recipes.networks import NetworkConfig
from recipes.networks import builder
from recipes.networks import frontend_of

PRESETS = {
    "demo": (
        "The embedded clips, minutes on two cores.",
        NetworkConfig(name="embedded_age", **DEMO),
    ),
    "paper": (
        "Kim and Ro (ECCV 2018), section 4.1: needs --data-dir.",
        NetworkConfig(name="fdin_age", **PAPER),
    ),
    "smoke": (
        "Sixteen tiny clips and two folds, for the tests.",
        NetworkConfig(name="smoke_age", **SMOKE),
    ),
}


def run(config):
    """Runs every fold; returns the table of errors, in years."""
    return run_experiment(
        config,
        experiment="age_cv",
        target="age",
        build_model=builder("fdin", "age", config),
        get_frontend=frontend_of(config),
    )


if __name__ == "__main__":
    run_recipe(run, config_from_presets(PRESETS, default="demo"))
