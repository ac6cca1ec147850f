"""A small FDIN of gender with the card of a trained one, exported."""

import dataclasses

import keras

from fdin_tf import build_fdin
from fdin_tf.faces import FaceConfig
from fdin_tf.serving import export_model


def export_gender(folder):
    """Exports an untrained network; returns the path of its version."""
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential(
        [keras.Input((96, 96, 3)), keras.layers.AveragePooling2D(16)]
    )
    network = build_fdin(
        "gender", dense_units=8, lstm_units=(8,), relation_units=(8,),
        head_units=(8,), feature_shape=(6, 6, 3),
    )  # fmt: skip
    card = {
        "name": "gender",
        "target": "gender",
        "classes": ["female", "male"],
        "face": dataclasses.asdict(FaceConfig()),
        "trained_on": {"databases": ["Synthetic"], "clips": 2, "subjects": 2},
        "facts": {"data_fingerprint": "0", "folds": "10"},
        "cross_validation": {"accuracy": 87.5, "balanced_accuracy": 80.0},
        "errors": [],
        "limits": "None but those of a test.",
    }
    return export_model(network, encoder, folder, card)
