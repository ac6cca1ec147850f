"""A small SIAM behind a warp, exported with a whole card."""

import dataclasses

import keras
import numpy as np

from fdin_tf import build_siam
from fdin_tf.data.cache import read_json
from fdin_tf.faces import FaceWarp
from fdin_tf.faces import mean_shape
from fdin_tf.serving import export_model
from fdin_tf.serving.export import CARD
from recipes.predict import DEMO_MODEL
from tests.tiny_crops import FACE


def export_siam(folder, cropped, **modules):
    """Exports an untrained network; returns its folder.

    Args:
        folder: Folder of the model's versions.
        cropped: `CroppedClips` that its warp is fitted to.
        **modules: Arguments of `build_siam`.
    """
    keras.utils.set_random_seed(0)
    points = [cropped.load(c)[1] for c in cropped.clips.clip_id]
    warp = FaceWarp(mean_shape(np.concatenate(points)), size=24)
    network = build_siam(
        "age", (24, 24, 1), rnn_units=6, attention_units=3, dense_units=8,
        conv_units=(2, 3, 4), kernel_sizes=(3, 3, 3), strides=(1, 1, 1),
        chunk_size=16, **modules,
    )  # fmt: skip
    card = read_json(DEMO_MODEL / "1" / CARD)
    card |= {
        "name": folder.name,
        "face": dataclasses.asdict(FACE),
        "facts": card["facts"] | {"data_fingerprint": cropped.fingerprint()},
        "warp": warp.to_dict(),
    }
    export_model(network, None, folder, card)
    return folder
