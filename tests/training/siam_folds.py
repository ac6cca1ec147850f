"""Finished folds of small SIAMs with random weights, on drawn smiles."""

from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd

from fdin_tf import build_siam
from fdin_tf.data.folds import Fold
from fdin_tf.data.synthetic.template import average_face
from fdin_tf.training.cross_validate import fold_dir
from fdin_tf.training.warp_frontend import WarpFrontend

SIZE, CROP, FRAMES = 32, 64, 40
#: Strength of the smile over the frames; `rise` has no fall, `rest` neither.
SMILES = {
    "whole": np.interp(range(FRAMES), [10, 16, 24, 30], [0, 1, 1, 0]),
    "late": np.interp(range(FRAMES), [18, 22, 26, 34], [0, 1, 1, 0]),
    "rise": np.interp(range(FRAMES), [10, 20], [0, 1]),
    "rest": np.zeros(FRAMES),
}


class SmileCrops:
    """Clips of noise, with the landmarks of smiles in it."""

    def __init__(self, kinds):
        rng = np.random.default_rng(0)
        ids = [f"c{i}" for i in range(len(kinds))]
        self.frames = {
            c: rng.integers(0, 256, (FRAMES, CROP, CROP), "uint8") for c in ids
        }
        self.smiles = dict(zip(ids, kinds))
        self.clips = pd.DataFrame(
            {
                "clip_id": ids,
                "subject": [f"s{i // 2}" for i in range(len(ids))],
                "age": [20.0 + 7 * i for i in range(len(ids))],
                "num_frames": FRAMES,
                "frames_per_second": 25.0,
            }
        )

    def load(self, clip_id):
        face = 32 + 18 * (average_face() - [0, 0.7])
        points = np.repeat(face[None], FRAMES, axis=0)
        smile = 4 * SMILES[self.smiles[clip_id]]
        points[:, 48, 0] -= smile
        points[:, 54, 0] += smile
        return self.frames[clip_id], points.astype("float32")


def finished_folds(root, kinds, **options):
    """What `prepare` gives, with two folds whose networks are kept."""
    encoded = SmileCrops(kinds)
    ids = list(encoded.clips.clip_id)
    half = len(ids) // 2
    folds = [
        Fold(0, tuple(ids[half:]), (), tuple(ids[:half])),
        Fold(1, tuple(ids[:half]), (), tuple(ids[half:])),
    ]
    frontend = WarpFrontend(SIZE)
    for fold in folds:
        keras.utils.set_random_seed(fold.number)
        model = build_siam(
            frame_shape=(SIZE, SIZE, 1), rnn_units=4, attention_units=3,
            conv_units=(2, 3, 2), kernel_sizes=(3, 3, 3), strides=(1, 1, 1),
            dense_units=4, **options,
        )  # fmt: skip
        rng = np.random.default_rng(fold.number)
        for weight in model.weights:  # so that places and frames differ
            weight.assign(weight + rng.normal(0, 0.3, weight.shape))
        folder = fold_dir(root / "siam", fold)
        frontend.save(frontend.fit(encoded, fold.train), folder)
        (folder / "result").mkdir()
        model.save(folder / "result" / "model.keras")
    return SimpleNamespace(
        config=SimpleNamespace(seed=7),
        encoded=encoded,
        folds=folds,
        frontend=frontend,
        target="age",
        network_dirs={"siam": root / "siam"},
    )
