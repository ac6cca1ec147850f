"""Age estimation with FDIN, cross-validated over unseen subjects.

    python -m recipes.age_cv                                # embedded clips
    python -m recipes.age_cv paper --data-dir UvA-NEMO      # FDIN, Table 2
    python -m recipes.age_cv smoke                          # for the tests

Reports the mean absolute error in years: over all clips, per smile type,
gender, age decade and fold. An interrupted run continues with the same
command; a finished one prints its result again. README.md lists the full
runs with flags, commit and result.
"""

import dataclasses
import functools
from pathlib import Path
from typing import Literal

import tyro

from fdin_tf import build_fdin
from fdin_tf.faces import FaceConfig
from fdin_tf.training.experiment import Experiment
from fdin_tf.training.experiment import run_experiment
from fdin_tf.training.fit import FitConfig
from recipes.cli import config_from_presets
from recipes.cli import run_recipe
from recipes.encoders import resolve_encoder


@dataclasses.dataclass(frozen=True)
class Config(Experiment):
    """Cross-validated FDIN for age.

    Attributes:
        encoder: Frame encoder; `auto` takes VGG-Face where --encoder-weights
            is given, else ImageNet's VGG16 where it can be had, else PCA.
        encoder_weights: Weights file of VGG-Face (.mat, .h5, .npz).
        components: Components of the encoder `pca`.
        dense_units: Units of the dense layer on every region.
        lstm_units: Units of every LSTM.
        relation_units: Units of the relation layers.
        head_units: Units of the layers behind the aggregation.
        dropout: Share of units dropped in relation layers and head.
    """

    encoder: Literal["auto", "vggface", "imagenet", "pca"] = "pca"
    encoder_weights: Path | None = None
    components: int = 16
    dense_units: int = 32
    lstm_units: tuple[int, ...] = (32, 32)
    relation_units: tuple[int, ...] = (64, 64)
    head_units: tuple[int, ...] = (64, 32)
    dropout: float = 0.1


PRESETS = {
    "demo": (
        "The embedded clips, minutes on two cores.",
        Config(
            name="embedded_age",
            face=FaceConfig(frames_per_second=12.5),
            fit=FitConfig(
                epochs=20, batch_size=16, learning_rate=5e-3, patience=10,
                precision="float32",
            ),
        ),
    ),
    "paper": (
        "Kim and Ro (ECCV 2018), section 4.1: needs --data-dir.",
        Config(
            name="fdin_age",
            data_dir=tyro.MISSING,
            encoder="auto",
            dense_units=1024,
            lstm_units=(1024, 1024),
            relation_units=(4096, 4096),
            head_units=(2048, 1024),
            dropout=0.5,
            fit=FitConfig(
                epochs=100, batch_size=16, learning_rate=1e-4, patience=15
            ),
        ),
    ),
    "smoke": (
        "Sixteen tiny clips and two folds, for the tests.",
        Config(
            name="smoke_age",
            embedded="tiny",
            num_folds=2,
            components=2,
            dense_units=8,
            lstm_units=(8,),
            relation_units=(8,),
            head_units=(8,),
            fit=FitConfig(epochs=2, batch_size=4, precision="float32"),
        ),
    ),
}  # fmt: skip


def run(config):
    """Runs every fold; returns the table of errors, in years."""
    return run_experiment(
        config,
        experiment="age_cv",
        build_model=lambda feature_shape: build_fdin(
            target="age",
            dense_units=config.dense_units,
            lstm_units=config.lstm_units,
            relation_units=config.relation_units,
            head_units=config.head_units,
            dropout=config.dropout,
            feature_shape=feature_shape,
        ),
        get_encoder=functools.partial(
            resolve_encoder,
            config.encoder,
            config.encoder_weights,
            (config.face.size, config.face.size, 3),
            config.components,
        ),
    )


if __name__ == "__main__":
    run_recipe(run, config_from_presets(PRESETS, default="demo"))
