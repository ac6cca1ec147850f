"""Is FDIN's explanation right? A benchmark with a planted truth.

    python -m recipes.planted                  # 5 pairs x 3 seeds
    python -m recipes.planted short            # one pair, one seed
    python -m recipes.planted tune             # learning rates, on other clips
    python -m recipes.planted smoke            # for the tests

Drawn faces move nine regions independently of each other. The target of a
clip is the absolute lag between the onsets of two of them, which no sum over
single regions equals; networks are trained on the videos, and the importance
of FDIN has to name the two. Reports rank and weight of the planted pair, the
errors of FDIN and of networks without relations on subjects that were not
trained on, whether perturbing regions agrees with the importance, and a
control with shuffled targets. An interrupted run continues with the same
command.
"""

from fdin_tf.training.planted_benchmark import run_planted
from fdin_tf.training.planted_config import PlantedConfig
from recipes.cli import config_from_presets
from recipes.cli import run_recipe

PRESETS = {
    "full": ("Five pairs, three seeds.", PlantedConfig()),
    "short": (
        "One pair, one seed, fewer clips.",
        PlantedConfig(
            pairs=("left_cheek-mouth",), seeds=(0,), num_subjects=60,
            clips_per_subject=8, other_modes=(), other_pairs=0,
        ),
    ),
    "tune": (
        "Learning rates of every network, on clips of their own; validation.",
        PlantedConfig(
            pairs=("forehead-left_mouth",), seeds=(100,), tune=True,
        ),
    ),
    "smoke": (
        "A few tiny clips, for the tests.",
        PlantedConfig(
            pairs=("nose-mouth",), seeds=(0,), num_subjects=10,
            clips_per_subject=2, size=96, dense_units=8, lstm_units=(8,),
            relation_units=(8,),
            epochs=1, batch_size=4, other_modes=(),
        ),
    ),
}  # fmt: skip

if __name__ == "__main__":
    run_recipe(run_planted, config_from_presets(PRESETS, default="full"))
