"""One small exported model of every kind, untrained."""

import keras
import numpy as np

from fdin_tf import build_fdin
from fdin_tf import build_siam
from fdin_tf.models import build_levi_hassner
from fdin_tf.serving import export_model
from fdin_tf.serving.export_attributes import attribute_card
from fdin_tf.serving.export_attributes import export_attribute_network
from tests.recipes.gnet_export import TRAINED_ON
from tests.recipes.gnet_export import export_small

FRAME = (12, 12, 3)
TESTED_AGES = {
    "age": [20.0, 22, 30, 34, 41, 47, 61, 70],
    "estimate": [21.0, 20, 33, 33, 45, 40, 60, 75],
}


def clip_card(name, target):
    """A card that tells of a test."""
    if target == "age":
        tested = {"cross_validation": TESTED_AGES}
    else:
        tested = {"cross_validation": {"accuracy": 87.5}}
    return {"name": name, "target": target, "facts": {"folds": "2"}, **tested}


def pooling():
    """An encoder to the mean colour of 3 x 3 cells."""
    frames = keras.Input(FRAME)
    cells = keras.layers.AveragePooling2D(4)(frames)
    cells = keras.layers.Rescaling(1 / 64, -2)(cells)
    return keras.Model(frames, cells, name="pooling")


def export_fdin(folder, target, name=None):
    """FDIN behind `pooling`."""
    keras.utils.set_random_seed(1)
    model = build_fdin(
        target, dense_units=8, lstm_units=(8,), relation_units=(8,),
        head_units=(8,), feature_shape=(3, 3, 3),
    )  # fmt: skip
    card = clip_card(name or folder.name, target)
    return export_model(model, pooling(), folder, card)


def export_siam(folder):
    """SIAM on grey faces."""
    keras.utils.set_random_seed(2)
    model = build_siam(
        "age", (24, 24, 1), rnn_units=6, attention_units=3, dense_units=8,
        conv_units=(2, 3, 4), kernel_sizes=(3, 3, 3), strides=(1, 1, 1),
        chunk_size=8,
    )  # fmt: skip
    return export_model(model, None, folder, clip_card(folder.name, "age"))


def export_ratings(folder, target="happiness"):
    """The network of Levi and Hassner."""
    keras.utils.set_random_seed(3)
    model = build_levi_hassner(
        target, 36, (2, 2, 2), (4, 4), std=64, kernel_initializer="he_normal"
    )
    figure = {"accuracy": 50.0} if target == "gender" else {"error": 0.125}
    tested = {"on": "test half", "images": 9, **figure}
    card = attribute_card(folder.name, target, 36, TRAINED_ON, tested)
    return export_attribute_network(model, folder, card)


EXPORTS = {
    "fdin_age": lambda folder: export_fdin(folder, "age"),
    "fdin_gender": lambda folder: export_fdin(folder, "gender"),
    "siam_age": export_siam,
    "gnet": lambda folder: export_small(folder, "gender") / "1",
    "snet": lambda folder: export_small(folder, "smile") / "1",
    "happiness": export_ratings,
}


def examples(signature):
    """Two clips of 5 and 3 frames, or two images, for a signature's inputs.

    Args:
        signature: Dict from the name of an input to its `TensorSpec`.

    Returns:
        Array of `frames` and `mask`, of `features` and `mask`, or of `images`;
        frames of padding are zeros.
    """
    rng = np.random.default_rng(7)
    arrays = {}
    for name, spec in signature.items():
        shape = [2, *(5 if size is None else size for size in spec.shape[1:])]
        if name == "mask":
            arrays[name] = np.arange(5) < [[5], [3]]
        elif spec.dtype == "uint8":
            arrays[name] = rng.integers(0, 256, shape, np.uint8)
        else:
            arrays[name] = rng.normal(size=shape).astype(np.float32)
    for name in {"frames", "features"} & set(arrays):
        arrays[name][~arrays["mask"]] = 0
    return arrays
