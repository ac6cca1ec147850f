"""Layers that learn from the training clips: which, and from what."""

from types import SimpleNamespace

import numpy as np
import pytest

from fdin_tf import build_fdin
from fdin_tf import build_siam
from fdin_tf.training.adapt import adapt
from layers import FaceStandardization


@pytest.fixture
def data():
    """Three clips of 5, 20 and 9 frames."""
    rng = np.random.default_rng(0)
    clips = {
        name: rng.integers(1, 256, (frames, 40, 40, 1), dtype="uint8")
        for name, frames in (("a", 5), ("b", 20), ("c", 9))
    }
    return SimpleNamespace(load=clips.__getitem__)


def test_the_mean_face_of_siam_is_that_of_the_training_clips(data):
    model = build_siam(
        frame_shape=(40, 40, 1), conv_units=(2, 2, 2), dense_units=4,
        rnn_units=2, attention_units=2,
    )  # fmt: skip
    adapt(model, data, ["a", "b"])
    # Eight frames of each, evenly spaced: first and last among them.
    frames = np.concatenate(
        [
            data.load("a")[[0, 1, 1, 2, 2, 3, 3, 4]],
            data.load("b")[[0, 3, 5, 8, 11, 14, 16, 19]],
        ]
    )
    expected = FaceStandardization()
    expected.adapt(frames)
    found = model.get_layer("appearance").encoder.get_layer("scale")
    np.testing.assert_array_equal(found.mean_face, expected.mean_face)
    np.testing.assert_array_equal(found.deviation, expected.deviation)


def test_a_model_without_such_layers_stays_as_it_is(data):
    model = build_fdin(
        dense_units=2, lstm_units=(2,), relation_units=(2,), head_units=(2,),
        feature_shape=(3, 3, 1),
    )  # fmt: skip
    before = model.get_weights()
    adapt(model, data, ["a"])
    for old, new in zip(before, model.get_weights()):
        np.testing.assert_array_equal(old, new)
