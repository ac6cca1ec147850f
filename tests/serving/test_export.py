"""Export: two named signatures that answer like the Keras model."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from fdin_tf import build_fdin
from fdin_tf.explain import explained
from fdin_tf.models import build_contrast_encoder
from fdin_tf.models import chain_encoders
from fdin_tf.models import fit_pca
from fdin_tf.serving.export import CARD
from fdin_tf.serving.export import KERAS_MODEL
from fdin_tf.serving.export import export_model
from fdin_tf.serving.export import join_encoder
from fdin_tf.serving.export import latest_version


@pytest.fixture(scope="module")
def encoder():
    rng = np.random.default_rng(0)
    contrast = build_contrast_encoder()
    frames = rng.integers(0, 256, (30, 96, 96, 3), dtype=np.uint8)
    cells = contrast.predict(frames, verbose=0)
    return chain_encoders(contrast, fit_pca(cells, components=2))


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return build_fdin(
        "age", dense_units=8, lstm_units=(8, 8), relation_units=(8,),
        head_units=(8,), feature_shape=(3, 3, 2),
    )  # fmt: skip


@pytest.fixture(scope="module")
def exported(model, encoder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved_models") / "small"
    return export_model(model, encoder, folder, {"target": "age"})


@pytest.fixture
def clips():
    rng = np.random.default_rng(1)
    frames = rng.integers(0, 256, (2, 7, 96, 96, 3), dtype=np.uint8)
    return {"frames": frames, "mask": np.arange(7) < [[7], [4]]}


def test_frames_are_answered_like_by_keras(exported, model, encoder, clips):
    signature = tf.saved_model.load(str(exported)).signatures["serving_default"]
    found = signature(**{k: tf.constant(v) for k, v in clips.items()})
    expected = explained(join_encoder(model, encoder))(clips)
    assert set(found) == {"age", "importance"}
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-5)


def test_features_are_answered_like_frames(exported, encoder, clips):
    signatures = tf.saved_model.load(str(exported)).signatures
    frames = clips["frames"].reshape(-1, 96, 96, 3)
    features = encoder.predict(frames, verbose=0).reshape(2, 7, 3, 3, 2)
    by_features = signatures["from_features"](
        features=tf.constant(features), mask=tf.constant(clips["mask"])
    )
    by_frames = signatures["serving_default"](
        **{k: tf.constant(v) for k, v in clips.items()}
    )
    for name, value in by_frames.items():
        np.testing.assert_allclose(
            by_features[name], value, rtol=1e-4, atol=1e-5
        )


def test_padding_changes_nothing(exported, clips):
    signature = tf.saved_model.load(str(exported)).signatures["serving_default"]
    padded = {
        "frames": np.pad(clips["frames"], [(0, 0), (0, 9), *[(0, 0)] * 3]),
        "mask": np.pad(clips["mask"], [(0, 0), (0, 9)]),
    }
    for name in ("age", "importance"):
        np.testing.assert_allclose(
            signature(**{k: tf.constant(v) for k, v in padded.items()})[name],
            signature(**{k: tf.constant(v) for k, v in clips.items()})[name],
            rtol=1e-5,
        )


def test_names_and_shapes_are_those_of_the_contract(exported):
    show = subprocess.run(
        [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli",
         "show", "--dir", exported, "--all"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for text in (
        "signature_def['serving_default']",
        "signature_def['from_features']",
        "inputs['frames']",
        "inputs['features']",
        "inputs['mask']",
        "outputs['age']",
        "outputs['importance']",
        "shape: (-1, -1, 96, 96, 3)",
        "dtype: DT_UINT8",
    ):
        assert text in show


def test_the_card_and_a_keras_model_stand_beside(exported, clips, model):
    assert json.loads((exported / CARD).read_text()) == {"target": "age"}
    loaded = keras.saving.load_model(exported / KERAS_MODEL)
    signature = tf.saved_model.load(str(exported)).signatures["serving_default"]
    np.testing.assert_allclose(
        loaded(clips)["age"],
        signature(**{k: tf.constant(v) for k, v in clips.items()})["age"],
        rtol=1e-4,
    )


def test_versions_count_up_and_the_highest_is_found(exported, model, encoder):
    folder = exported.parent
    assert exported.name == "1"
    second = export_model(model, encoder, folder, {})
    assert second.name == "2"
    assert latest_version(folder) == second
    assert {path.name for path in folder.iterdir()} == {"1", "2"}


def test_an_encoder_that_does_not_fit_is_refused(model):
    frames = keras.Input((96, 96, 3))
    other = keras.layers.AveragePooling2D(16)(frames)
    with pytest.raises(ValueError, match=r"\(3, 3, 2\).*'other'.*\(6, 6, 3\)"):
        join_encoder(model, keras.Model(frames, other, name="other"))


def test_no_version_is_an_error(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(FileNotFoundError, match="numbered versions"):
            latest_version(folder)
