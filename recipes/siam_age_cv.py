"""Age estimation with SIAM, cross-validated over unseen subjects.

    python -m recipes.siam_age_cv                       # embedded clips
    python -m recipes.siam_age_cv paper --data-dir UvA-NEMO --landmarks-dir csv
    python -m recipes.siam_age_cv smoke                 # for the tests

Reports the mean absolute error in years: over all clips, per smile type,
gender, age decade and fold. Faces are warped onto the mean shape of each
fold's training faces, which takes 68 landmarks in every frame: a file per
clip in --landmarks-dir (OpenFace, py-feat or .npz), or --mesh. An interrupted
run continues with the same command; a finished one prints its result again.
"""

from fdin_tf.training.experiment import run_experiment
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
    )


if __name__ == "__main__":
    run_recipe(run, config_from_presets(PRESETS, default="demo"))
