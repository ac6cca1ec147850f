"""Training: it learns, it stops, and interrupted it goes on the same way."""

import dataclasses
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest

from fdin_tf import build_fdin
from fdin_tf.training.cross_validate import predict_clips
from fdin_tf.training.fit import fit
from fdin_tf.training.fit_config import FitConfig
from fdin_tf.training.fit_config import compile_model
from fdin_tf.training.precision import precision_policy
from layers import PairwiseRelation

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


# Gradients of the absolute error, where estimates are too large, are means.
INPUTS = np.array([[90, 3, -30, 0.5], [110, 1, -10, 0.5]], np.float32)
GRADIENTS = np.array([100, 2, -20, 0.5])
AGES = np.array([[10], [20]], np.float32)


def make_line(config, target="age", precision="float32"):
    """`300 + 0.1 (x_1 + ... + x_4)`, compiled."""
    with precision_policy(precision):
        inputs = keras.Input((4,))
        line = keras.layers.Dense(
            1, kernel_initializer=keras.initializers.Constant(0.1),
            bias_initializer=keras.initializers.Constant(300.0),
        )  # fmt: skip
        cast = keras.layers.Activation("linear", dtype="float32", name=target)
        model = keras.Model(inputs, {target: cast(line(inputs))})
    compile_model(model, target, config)
    return model


def velocity_of_kernel(model):
    optimizer = model.optimizer
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    (velocity,) = [
        v
        for v in optimizer.variables
        if tuple(v.shape) == (4, 1) and "velocity" in v.path
    ]
    return keras.ops.convert_to_numpy(velocity)[:, 0]


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("absolute", lambda errors: np.abs(errors).mean()),
        ("squared", lambda errors: (errors**2).mean()),
    ],
)
def test_the_loss_is_the_error_that_is_asked_for(loss, expected):
    config = FitConfig(loss=loss, optimizer="rmsprop")
    model = make_line(config)
    found = model.evaluate(INPUTS, {"age": AGES}, verbose=0, return_dict=True)
    errors = 300 + 0.1 * INPUTS.sum(axis=1) - AGES[:, 0]
    assert found["loss"] == pytest.approx(expected(errors), rel=1e-5)


def test_the_loss_of_a_class_is_its_cross_entropy_in_any_case():
    inputs = keras.Input((2,))
    rows = np.array([[0.8, 0.2], [0.4, 0.6]], np.float32)
    output = keras.layers.Activation("linear", name="gender")(inputs)
    model = keras.Model(inputs, {"gender": output})
    compile_model(model, "gender", FitConfig(loss="absolute"))
    found = model.evaluate(
        rows, {"gender": np.array([0, 0])}, verbose=0, return_dict=True
    )
    expected = -np.log([0.8, 0.4]).mean()
    assert found["loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
@pytest.mark.parametrize("clip_value", [None, 5.0])
def test_every_gradient_is_cut_to_the_clip_value(clip_value, precision):
    config = FitConfig(
        optimizer="rmsprop", loss="absolute", clip_value=clip_value
    )
    model = make_line(config, precision=precision)
    for _ in range(12):  # until the scale of the loss fits half precision
        model.train_on_batch(INPUTS, {"age": AGES})
        if (velocity := velocity_of_kernel(model)).any():
            break
    gradients = GRADIENTS
    if clip_value is not None:
        gradients = np.clip(gradients, -5, 5)
        assert gradients.tolist() == [5, 2, -5, 0.5]
    # The first running mean of squares of RMSprop, which forgets a tenth.
    np.testing.assert_allclose(velocity, 0.1 * gradients**2, rtol=2e-3)


def test_rmsprop_divides_by_the_running_root_mean_square():
    model = make_line(FitConfig(optimizer="rmsprop", loss="absolute"))
    rate = float(model.optimizer.learning_rate)
    kernel, velocity = np.full(4, 0.1), np.zeros(4)
    for _ in range(3):
        model.train_on_batch(INPUTS, {"age": AGES})
        velocity = 0.9 * velocity + 0.1 * GRADIENTS**2
        kernel -= rate * GRADIENTS / np.sqrt(velocity + 1e-7)
    np.testing.assert_allclose(model.get_weights()[0][:, 0], kernel, rtol=1e-5)


def test_training_takes_optimizer_loss_and_clipping_from_the_settings(
    data, parts
):
    config = dataclasses.replace(
        CONFIG, epochs=3, optimizer="rmsprop", loss="absolute", clip_value=5.0
    )
    model = make_model(dropout=0.0)
    history = fit(model, data, *parts, "age", config)
    assert isinstance(model.optimizer, keras.optimizers.RMSprop)
    assert model.optimizer.clipvalue == 5.0
    # The loss is the error, in units of the training ages' deviation.
    ages = data.clips.set_index("clip_id").age[parts[0]]
    for part in ("train", "valid"):
        np.testing.assert_allclose(
            history[f"{part}_loss"] * ages.std(ddof=0),
            history[f"{part}_mae_years"],
            rtol=1e-3,
        )


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"optimizer": "sgd"}, "`optimizer` .*one of adam, rmsprop.*'sgd'"),
        ({"loss": "huber"}, "`loss` .*one of squared, absolute.*'huber'"),
        ({"clip_value": 0.0}, r"`clip_value`.*positive.*clip_value=0\.0"),
        ({"clip_value": -5.0}, r"`clip_value`.*positive.*clip_value=-5\.0"),
        ({"clip_value": float("nan")}, "`clip_value`.*clip_value=nan"),
    ],
)
def test_an_unknown_way_of_training_is_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        FitConfig(**setting)


def test_clips_of_other_lengths_are_not_traced_anew(data, parts, monkeypatch):
    traces = []
    call = PairwiseRelation.call

    def counted(self, *args, **kwargs):
        traces.append(args)
        return call(self, *args, **kwargs)

    model = make_model()
    monkeypatch.setattr(PairwiseRelation, "call", counted)
    lengths = data.clips.num_frames
    assert len(set(lengths // 4)) > 3  # batches of many lengths and sizes
    fit(model, data, *parts, "age", dataclasses.replace(CONFIG, epochs=3))
    # Validation; and training, twice where it makes variables of its own.
    assert len(traces) <= 3
