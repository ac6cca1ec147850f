"""Machines with folders of their own, as far as a store can tell."""

import contextlib

import keras
import numpy as np
import pandas as pd

from fdin_tf import build_fdin
from fdin_tf.data.cache import ArrayCache
from fdin_tf.data.encode import EncodedClips
from fdin_tf.data.folds import make_folds
from fdin_tf.data.shared_folder import shared_folder
from fdin_tf.training import FitConfig
from fdin_tf.training import NetworkTrainer
from fdin_tf.training import cross_validate
from fdin_tf.training.cross_validate import fold_dir

EPOCHS = 3
CONFIG = FitConfig(
    epochs=EPOCHS, batch_size=4, learning_rate=0.01, patience=EPOCHS,
    precision="float32",
)  # fmt: skip
SHAPE = (3, 3, 4)
IDS = [f"c{i}" for i in range(12)]


def build(shape):
    return build_fdin(
        "age", dense_units=4, lstm_units=(4,), relation_units=(4,),
        head_units=(4,), feature_shape=shape,
    )  # fmt: skip


class Machine:
    """A machine: its own cache folder, and a store that others share."""

    def __init__(self, folder, store=None):
        self.cache_dir = folder
        self.run_dir = folder / "runs/age-fdin"
        self.shared = shared_folder(store, folder)
        self.cache = ArrayCache(folder / "features", self.shared)

    def encoded(self):
        """12 clips of 6 subjects, as far as they are found here."""
        clips = pd.DataFrame(
            {
                "clip_id": IDS,
                "path": IDS,
                "subject": [f"{i % 6:03d}" for i in range(12)],
                "age": [20.0 + 5 * (i % 6) for i in range(12)],
                "gender": ["female", "male"] * 6,
                "spontaneity": ["posed"] * 6 + ["spontaneous"] * 6,
                "num_frames": [4 + i % 3 for i in range(12)],
            }
        )
        keys = {c: f"ab{c}" for c in IDS}
        return EncodedClips(
            clips, pd.DataFrame(), keys, self.cache, "none", SHAPE
        )

    def encode(self):
        rng = np.random.default_rng(0)
        for i, c in enumerate(IDS):
            frames = rng.normal(i % 6, 1, (4 + i % 3, *SHAPE))
            self.cache.put(f"ab{c}", {"features": frames.astype(np.float16)})

    def folds(self):
        return make_folds(self.encoded().clips, 2)

    def trainer(self, build_model=build, frontend=None):
        return Noting(
            build_model, self.encoded(), "age", CONFIG, frontend,
            shared=self.shared,
        )  # fmt: skip

    def run(self, trainer=None, executor=None):
        trainer = trainer or self.trainer()
        return cross_validate(
            trainer, self.folds(), self.run_dir, seed=5, executor=executor
        )

    def weights(self):
        """Those of the networks of all folds."""
        return [
            weight
            for fold in self.folds()
            for weight in keras.saving.load_model(
                fold_dir(self.run_dir, fold) / "result/model.keras"
            ).get_weights()
        ]


class Killed(Exception):
    """Stands for the end of a process, in the middle of a training."""


class Noting(NetworkTrainer):
    """Notes which epochs it trains; is killed after the one that is told."""

    killed_after = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.trained = []

    @contextlib.contextmanager
    def _watched(self, name, *args):
        with super()._watched(name, *args) as told:

            def on_epoch(epoch, metrics):
                told(epoch, metrics)
                self.trained.append((name, epoch))
                if self.trained[-1] == self.killed_after:
                    raise Killed

            yield on_epoch


def assert_the_same(found, expected):
    for name in ("predictions", "history", "importance"):
        pd.testing.assert_frame_equal(
            getattr(found, name), getattr(expected, name), check_exact=True
        )
