"""Cross-validation: fresh networks, no leak, finished folds read again."""

import dataclasses

import keras
import numpy as np
import pandas as pd
import pytest

from fdin_tf import build_fdin
from fdin_tf.data.encode import EncodedClips
from fdin_tf.data.folds import make_folds
from fdin_tf.explain import explained
from fdin_tf.models import build_regional
from fdin_tf.models import fit_pca
from fdin_tf.regions import REGIONS
from fdin_tf.training import FitConfig
from fdin_tf.training import NetworkTrainer
from fdin_tf.training import cross_validate
from fdin_tf.training.cross_validate import fold_dir
from fdin_tf.training.cross_validate import read_cross_validation
from fdin_tf.training.encoder_frontend import EncoderFrontend

CONFIG = FitConfig(
    epochs=3, batch_size=8, learning_rate=0.01, precision="float32"
)


class Memory:
    """Stands where the cache stands: arrays by key."""

    def __init__(self, arrays):
        self.arrays = arrays

    def get(self, key):
        return {"features": self.arrays[key]}


@pytest.fixture(scope="module")
def encoded():
    """24 clips of 12 subjects."""
    rng = np.random.default_rng(0)
    ids = [f"c{i}" for i in range(24)]
    arrays = {
        c: rng.normal(i % 12, 1, (8, 3, 3, 6)).astype(np.float16)
        for i, c in enumerate(ids)
    }
    clips = pd.DataFrame(
        {
            "clip_id": ids,
            "path": ids,
            "subject": [f"{i % 12:03d}" for i in range(24)],
            "age": [20.0 + 3 * (i % 12) for i in range(24)],
            "gender": [("female", "male")[i % 2] for i in range(24)],
            "spontaneity": ["posed"] * 12 + ["spontaneous"] * 12,
            "num_frames": 8,
        }
    )
    keys = dict(zip(ids, ids))
    return EncodedClips(
        clips, pd.DataFrame(), keys, Memory(arrays), "none", (3, 3, 6)
    )


def build(shape):
    return build_fdin(
        "age", dense_units=4, lstm_units=(4,), relation_units=(4,),
        head_units=(4,), feature_shape=shape,
    )  # fmt: skip


@pytest.fixture
def folds(encoded):
    return make_folds(encoded.clips, 3)


@pytest.fixture(scope="module")
def run(encoded, tmp_path_factory):
    """A finished cross-validation: its folds, its folder, what it found."""
    folds = make_folds(encoded.clips, 3)
    run_dir = tmp_path_factory.mktemp("run")
    trainer = NetworkTrainer(build, encoded, "age", CONFIG)
    return folds, run_dir, cross_validate(trainer, folds, run_dir)


def test_every_clip_is_predicted_once(encoded, run):
    folds, _, found = run
    assert sorted(found.predictions.clip_id) == sorted(encoded.clips.clip_id)
    assert np.isfinite(found.predictions.estimate).all()
    assert found.history.groupby("fold").epoch.max().tolist() == [3, 3, 3]
    for fold in folds:
        rows = found.predictions[found.predictions.fold == fold.number]
        ages = encoded.clips.set_index("clip_id").age
        assert (rows.age.to_numpy() == ages[rows.clip_id].to_numpy()).all()
        mean = ages[list(fold.train)].mean()
        np.testing.assert_allclose(rows.baseline, mean, rtol=1e-6)


def test_every_clip_is_explained_by_the_network_that_tests_it(encoded, run):
    """The kept networks, clip by clip, give what the tables say."""
    folds, run_dir, found = run
    assert list(found.importance.index) == list(found.predictions.clip_id)
    assert found.regional_importance is None
    estimates = found.predictions.set_index("clip_id").estimate
    for fold in folds:
        path = fold_dir(run_dir, fold) / "result" / "model.keras"
        model = keras.saving.load_model(path)
        assert not model.compiled
        network = explained(model)
        for clip_id in fold.test:
            features = encoded.load(clip_id)[None]
            mask = np.ones(features.shape[:2], bool)
            answer = network({"features": features, "mask": mask})
            np.testing.assert_allclose(
                answer["age"][0, 0], estimates[clip_id], rtol=1e-4
            )
            np.testing.assert_allclose(
                answer["importance"][0],
                found.importance.loc[clip_id],
                rtol=1e-4,
                atol=1e-6,
            )


def test_regions_are_explained_where_regions_are_weighed(
    encoded, folds, tmp_path
):
    def regional(shape):
        return build_regional(
            "gender", dense_units=4, lstm_units=(4,), region_units=(4,),
            head_units=(4,), feature_shape=shape,
        )  # fmt: skip

    config = dataclasses.replace(CONFIG, epochs=1)
    trainer = NetworkTrainer(regional, encoded, "gender", config)
    found = cross_validate(trainer, folds[:1], tmp_path)
    assert found.importance is None
    assert tuple(found.regional_importance) == REGIONS
    assert tuple(found.regional_importance.index) == folds[0].test
    np.testing.assert_allclose(found.regional_importance.sum(axis=1), 1, 1e-5)
    assert read_cross_validation(folds, tmp_path) is None


def test_a_network_owes_nothing_to_those_trained_before_it(
    encoded, folds, tmp_path
):
    alone = NetworkTrainer(build, encoded, "age", CONFIG)
    model, _, history = alone.train(folds[2], tmp_path / "alone", seed=7)
    expected = [np.array(w) for w in model.get_weights()]
    third = NetworkTrainer(build, encoded, "age", CONFIG)
    for number in range(2):
        third.train(folds[number], tmp_path / str(number), seed=number)
    model, _, found = third.train(folds[2], tmp_path / "third", seed=7)
    pd.testing.assert_frame_equal(found, history, rtol=1e-4)
    for a, b in zip(model.get_weights(), expected):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def test_finished_folds_are_read_and_not_trained_again(encoded, run):
    folds, run_dir, first = run

    def never(shape):
        raise AssertionError("a network was built")

    again = cross_validate(
        NetworkTrainer(never, encoded, "age", CONFIG), folds, run_dir
    )
    pd.testing.assert_frame_equal(again.predictions, first.predictions)
    read = read_cross_validation(folds, run_dir)
    pd.testing.assert_frame_equal(read.importance, first.importance)


def test_what_is_fitted_sees_training_clips_only(encoded, folds, tmp_path):
    seen = []

    def fit_encoder(clips):
        seen.append(clips)
        return fit_pca(np.concatenate(clips), components=2)

    frames = keras.Input((3, 3, 6))
    same = keras.Model(frames, keras.layers.Identity()(frames))
    frontend = EncoderFrontend(same, fit_encoder)
    trainer = NetworkTrainer(build, encoded, "age", CONFIG, frontend)
    cross_validate(trainer, folds, tmp_path)
    assert len(seen) == len(folds)
    for fold, clips in zip(folds, seen):
        assert len(clips) == len(fold.train)
        for clip_id, frames in zip(fold.train, clips):
            np.testing.assert_array_equal(frames, encoded.load(clip_id))


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_trains_and_answers_in_float32(
    encoded, folds, tmp_path, precision
):
    config = FitConfig(
        epochs=8, batch_size=4, learning_rate=0.02, precision=precision
    )
    trainer = NetworkTrainer(build, encoded, "age", config)
    model, _, history = trainer.train(folds[0], tmp_path / "a", seed=1)
    compute = precision.removeprefix("mixed_")
    assert model.get_layer("dense").compute_dtype == compute
    assert model.output["age"].dtype == "float32"
    assert history.train_loss.iloc[-1] < history.train_loss.iloc[0]
    # A second network begins anew: loss scale and optimizer too.
    _, _, again = trainer.train(folds[0], tmp_path / "b", seed=1)
    pd.testing.assert_frame_equal(again, history, rtol=1e-3)
