"""Gender classification with FDIN, cross-validated over unseen subjects.

    python -m recipes.gender_cv                             # embedded clips
    python -m recipes.gender_cv paper --data-dir UvA-NEMO   # FDIN, Table 4
    python -m recipes.gender_cv smoke                       # for the tests

Reports accuracy, balanced accuracy and confusion: over all clips, per smile
type, gender, age group and fold, and in the cells of smile type and age of
Dantcheva and Bremond (IEEE TIFS 2017); and which relations between facial
regions the networks answered from. Gender is the label that the database
gave. An interrupted run continues with the same command; a finished one
prints its result again.
"""

import dataclasses
from typing import Literal

from fdin_tf.training.experiment import run_experiment
from recipes.cli import config_from_presets
from recipes.cli import run_recipe
from recipes.networks import DEMO
from recipes.networks import PAPER
from recipes.networks import SMOKE_CLASSES
from recipes.networks import NetworkConfig
from recipes.networks import builder
from recipes.networks import frontend_of


@dataclasses.dataclass(frozen=True)
class Config(NetworkConfig):
    """Cross-validated FDIN for gender.

    Attributes:
        edges: Last year of every age group but the oldest.
        per: Whether cells count one decision per video, as the paper's own
            rows, or one per subject and smile type, as those that it quotes.
    """

    edges: tuple[int, ...] = (19,)
    per: Literal["video", "subject"] = "video"


PRESETS = {
    "demo": (
        "The embedded clips, minutes on two cores.",
        Config(name="embedded_gender", **DEMO),
    ),
    "paper": (
        "Kim and Ro (ECCV 2018), section 4.1: needs --data-dir.",
        Config(name="fdin_gender", **PAPER),
    ),
    "smoke": (
        "Sixteen tiny clips and four folds, for the tests.",
        Config(name="smoke_gender", **SMOKE_CLASSES),
    ),
}


def run(config):
    """Runs every fold; returns the table of accuracies, in %."""
    return run_experiment(
        config,
        experiment="gender_cv",
        target="gender",
        build_model=builder("fdin", "gender", config),
        get_frontend=frontend_of(config),
        edges=config.edges,
        per=config.per,
    )


if __name__ == "__main__":
    run_recipe(run, config_from_presets(PRESETS, default="demo"))
