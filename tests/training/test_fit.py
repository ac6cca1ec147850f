"""Training: it learns, it stops, and interrupted it goes on the same way."""

from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest

from fdin_tf import build_fdin
from fdin_tf.training.cross_validate import predict_clips
from fdin_tf.training.fit import FitConfig
from fdin_tf.training.fit import fit

SHAPE = (3, 3, 2)


@pytest.fixture(scope="module")
def data():
    """Clips whose brightness is the age, between 20 and 60 years."""
    rng = np.random.default_rng(0)
    ages = rng.uniform(20, 60, 40)
    lengths = rng.integers(6, 20, 40)
    arrays = {
        f"c{i}": (rng.normal(0, 0.1, (n, *SHAPE)) + (age - 40) / 10).astype(
            np.float16
        )
        for i, (age, n) in enumerate(zip(ages, lengths))
    }
    clips = pd.DataFrame(
        {
            "clip_id": list(arrays),
            "age": ages,
            "gender": np.where(ages > 40, "male", "female"),
            "num_frames": lengths,
        }
    )
    return SimpleNamespace(
        clips=clips,
        shape=SHAPE,
        name="features",
        load=arrays.__getitem__,
    )


@pytest.fixture
def parts(data):
    ids = data.clips.clip_id.tolist()
    return ids[:30], ids[30:]


def make_model(target="age", seed=0, dropout=0.2):
    keras.utils.set_random_seed(seed)
    return build_fdin(
        target, dense_units=8, lstm_units=(8,), relation_units=(8,),
        head_units=(8,), dropout=dropout, feature_shape=SHAPE,
    )  # fmt: skip


CONFIG = FitConfig(
    epochs=12, batch_size=8, learning_rate=0.02, precision="float32"
)


class Killed(Exception):
    """Stands for the end of the process."""


def kill_at(epoch):
    def on_epoch(number, metrics):
        if number == epoch:
            raise Killed

    return on_epoch


def test_the_model_answers_in_years_and_learns(data, parts):
    model = make_model()
    history = fit(model, data, *parts, "age", CONFIG, seed=1)
    estimates = predict_clips(model, data, parts[1], "age")
    truth = data.clips.set_index("clip_id").age[parts[1]].to_numpy()
    error = np.abs(estimates - truth).mean()
    assert error < np.abs(truth - truth.mean()).mean() / 2
    # What validation reported of the best epoch is what the model does.
    assert history.valid_mae_years.min() == pytest.approx(error, rel=1e-3)
    assert history.epoch.tolist() == list(range(1, len(history) + 1))


def test_classes_are_learnt_too(data, parts):
    model = make_model("gender")
    history = fit(model, data, *parts, "gender", CONFIG, seed=1)
    probability = predict_clips(model, data, parts[1], "gender")
    truth = data.clips.set_index("clip_id").gender[parts[1]] == "male"
    assert ((probability > 0.5) == truth).mean() > 0.8
    assert "valid_accuracy" in history


@pytest.mark.parametrize("epoch", [1, 5, 12])
def test_an_interrupted_training_ends_like_an_undisturbed_one(
    data, parts, tmp_path, epoch
):
    whole = make_model()
    undisturbed = fit(
        whole, data, *parts, "age", CONFIG, tmp_path / "whole", seed=1
    )
    with pytest.raises(Killed):
        fit(make_model(), data, *parts, "age", CONFIG, tmp_path / "cut",
            seed=1, on_epoch=kill_at(epoch))  # fmt: skip
    # Another start of the process: other weights to begin with.
    resumed = make_model(seed=99)
    epochs = []
    history = fit(
        resumed, data, *parts, "age", CONFIG, tmp_path / "cut", seed=1,
        on_epoch=lambda number, metrics: epochs.append(number),
    )  # fmt: skip
    assert epochs == list(range(epoch + 1, 13))
    pd.testing.assert_frame_equal(history, undisturbed, rtol=1e-4)
    for a, b in zip(resumed.get_weights(), whole.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


def test_a_finished_training_only_reads_its_weights(data, parts, tmp_path):
    fit(first := make_model(), data, *parts, "age", CONFIG, tmp_path, seed=1)
    again = make_model(seed=99)
    fit(again, data, *parts, "age", CONFIG, tmp_path, on_epoch=kill_at(1))
    for a, b in zip(again.get_weights(), first.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_what_a_kill_left_half_written_is_not_trusted(data, parts, tmp_path):
    with pytest.raises(Killed):
        fit(make_model(), data, *parts, "age", CONFIG, tmp_path, seed=1,
            on_epoch=kill_at(3))  # fmt: skip
    half = tmp_path / ".epoch_00004.123-abc.tmp"
    half.mkdir()
    (half / "weights.weights.h5").write_bytes(b"half")
    history = fit(make_model(), data, *parts, "age", CONFIG, tmp_path, seed=1)
    assert len(history) == 12
    assert not half.exists()
    assert [p.name for p in tmp_path.iterdir()] == ["epoch_00012"]


def test_training_stops_when_validation_gets_no_better(data, parts):
    # A learning rate that is next to none: the first epoch stays the best.
    config = FitConfig(
        epochs=12, batch_size=8, learning_rate=1e-9, patience=2,
        precision="float32",
    )  # fmt: skip
    history = fit(make_model(), data, *parts, "age", config)
    best = history.valid_mae_years.idxmin()
    assert len(history) == best + 3 < 12


def test_the_best_epoch_is_kept_across_an_interruption(data, parts, tmp_path):
    config = FitConfig(
        epochs=6, batch_size=8, learning_rate=0.2, patience=6,
        precision="float32",
    )  # fmt: skip
    with pytest.raises(Killed):
        fit(make_model(), data, *parts, "age", config, tmp_path,
            on_epoch=kill_at(4))  # fmt: skip
    model = make_model(seed=5)
    history = fit(model, data, *parts, "age", config, tmp_path)
    truth = data.clips.set_index("clip_id").age[parts[1]].to_numpy()
    error = np.abs(predict_clips(model, data, parts[1], "age") - truth).mean()
    assert error == pytest.approx(history.valid_mae_years.min(), rel=1e-3)


def test_a_loss_that_is_not_finite_ends_training(data, parts):
    broken = SimpleNamespace(
        clips=data.clips,
        shape=SHAPE,
        name=data.name,
        load=lambda clip_id: data.load(clip_id) * np.float16(np.nan),
    )
    with pytest.raises(FloatingPointError, match=r"not finite.*epoch 1"):
        fit(make_model(), broken, *parts, "age", CONFIG)


@pytest.mark.parametrize(
    "setting",
    [{"epochs": 0}, {"batch_size": 0}, {"patience": 0}, {"learning_rate": 0.0}],
)
def test_settings_out_of_range_are_refused(setting):
    (name,) = setting
    with pytest.raises(ValueError, match=f"{name}={setting[name]}"):
        FitConfig(**setting)


def test_a_model_of_another_target_is_refused(data, parts):
    with pytest.raises(ValueError, match=r"estimates 'gender'.*\['age'\]"):
        fit(make_model(), data, *parts, "gender", CONFIG)
