"""Posed or spontaneous smiles by FDIN, cross-validated over unseen subjects.

    python -m recipes.spontaneity_cv                        # embedded clips
    python -m recipes.spontaneity_cv paper --data-dir UvA-NEMO
    python -m recipes.spontaneity_cv smoke                  # for the tests

What Kim and Ro (ECCV 2018, section 5) name as future work, by their network
and protocol. Reports accuracy, balanced accuracy and confusion: over all
clips, per smile type, gender, age group and fold; and which relations between
facial regions the networks answered from. An interrupted run continues with
the same command; a finished one prints its result again.
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
        NetworkConfig(name="embedded_spontaneity", **DEMO),
    ),
    "paper": (
        "Network and protocol of Kim and Ro (ECCV 2018): needs --data-dir.",
        NetworkConfig(name="fdin_spontaneity", **PAPER),
    ),
    "smoke": (
        "Sixteen tiny clips and two folds, for the tests.",
        NetworkConfig(name="smoke_spontaneity", **SMOKE),
    ),
}


def run(config):
    """Runs every fold; returns the table of accuracies, in %."""
    return run_experiment(
        config,
        experiment="spontaneity_cv",
        target="spontaneity",
        build_model=builder("fdin", "spontaneity", config),
        get_frontend=frontend_of(config),
    )


if __name__ == "__main__":
    run_recipe(run, config_from_presets(PRESETS, default="demo"))
