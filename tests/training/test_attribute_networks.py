"""Attribute networks: training against literal steps, copies, what is kept."""

import doctest
import math

import keras
import numpy as np
import pandas as pd
import pytest

from fdin_tf.data.images import ATTRIBUTES
from fdin_tf.models.levi_hassner import AGE_GROUPS
from fdin_tf.models.levi_hassner import build_levi_hassner
from fdin_tf.models.levi_hassner import transfer_levi_hassner
from fdin_tf.training import attribute_fit
from fdin_tf.training import attribute_networks
from fdin_tf.training import attribute_parts
from fdin_tf.training.attribute_fit import ImageFit
from fdin_tf.training.attribute_fit import altered_copy
from fdin_tf.training.attribute_fit import fit_images
from fdin_tf.training.attribute_networks import AttributeTrainer
from fdin_tf.training.attribute_networks import age_group_numbers
from fdin_tf.training.attribute_networks import model_digest
from fdin_tf.training.attribute_parts import convolved
from fdin_tf.training.attribute_parts import dense_part
from fdin_tf.training.attribute_parts import rate
from fdin_tf.training.attribute_parts import whole_part

SIZE = 40
FIT = ImageFit(
    epochs=3, batch_size=4, learning_rate=0.01, schedule="cosine", copies=2,
    flip=True, shift=0.1, light=0.2, precision="float32",
)  # fmt: skip


@pytest.fixture(scope="module")
def pixels():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (10, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def images():
    """An image table with ratings, as far as training reads it."""
    rng = np.random.default_rng(1)
    ratings = rng.uniform(1, 9, (10, len(ATTRIBUTES)))
    return pd.DataFrame(ratings, columns=list(ATTRIBUTES))


@pytest.fixture(scope="module")
def base():
    return small_network("gender")


def small_network(target, seed=0, dropout=0.5):
    keras.utils.set_random_seed(seed)
    return build_levi_hassner(
        target, SIZE, (4, 4, 4), (6, 5), dropout, std=128.0,
        kernel_initializer="he_normal",
    )  # fmt: skip


def assert_same_weights(one, other, **tolerances):
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, **tolerances)


@pytest.mark.parametrize(
    "module", [attribute_fit, attribute_networks, attribute_parts]
)
def test_examples_hold(module):
    assert doctest.testmod(module).failed == 0


# Training


def test_a_step_is_that_of_nesterov_on_the_squared_error():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(6, 3)).astype("float32")
    values = rng.uniform(size=(6, 1)).astype("float32")
    x = keras.Input((3,), name="inputs")
    out = keras.layers.Dense(1, name="happiness")(x)
    model = keras.Model({"inputs": x}, {"happiness": out})
    weights, momenta = [w.copy() for w in model.get_weights()], [0.0, 0.0]
    config = ImageFit(
        epochs=4, batch_size=6, learning_rate=0.05, schedule="cosine"
    )
    history = fit_images(model, lambda copy: inputs, values, config)

    for epoch in range(4):
        rate_now = 0.05 * (1 + math.cos(math.pi * epoch / 4)) / 2
        kernel, bias = weights
        errors = inputs @ kernel + bias - values
        loss = (errors**2).mean()
        gradients = [2 * inputs.T @ errors / 6, 2 * errors.mean(axis=0)]
        for k, gradient in enumerate(gradients):
            momenta[k] = 0.9 * momenta[k] - rate_now * gradient
            weights[k] = weights[k] + 0.9 * momenta[k] - rate_now * gradient
        row = history.iloc[epoch]
        assert row.train_loss == pytest.approx(loss, rel=1e-5)
        assert row.train_mae == pytest.approx(abs(errors).mean(), rel=1e-5)
        assert row.learning_rate == pytest.approx(rate_now)
    for found, expected in zip(model.get_weights(), weights):
        np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_weight_decay_shrinks_kernels_but_no_biases():
    x = keras.Input((2,), name="inputs")
    out = keras.layers.Dense(
        1, name="happiness", bias_initializer="ones", kernel_initializer="ones"
    )(x)
    model = keras.Model({"inputs": x}, {"happiness": out})
    zeros = np.zeros((4, 2), "float32")
    config = ImageFit(
        epochs=3, batch_size=4, learning_rate=0.1, weight_decay=0.5
    )
    fit_images(model, lambda copy: zeros, np.ones((4, 1), "float32"), config)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(kernel, 0.95**3, rtol=1e-5)
    np.testing.assert_allclose(bias, 1)  # right from the start


def test_each_epoch_shows_its_copy_in_an_order_of_its_own():
    shown = []
    x = keras.Input((1,), name="inputs")
    out = keras.layers.Dense(1, name="happiness")(x)
    model = keras.Model({"inputs": x}, {"happiness": out})

    def inputs_of(copy):
        shown.append(copy)
        return np.full((4, 1), copy, "float32")

    config = ImageFit(epochs=5, copies=3)
    fit_images(model, inputs_of, np.ones((4, 1), "float32"), config)
    assert shown == [0, 1, 2, 0, 1]


@pytest.mark.parametrize("stop_after", [1, 2])
def test_an_interrupted_training_ends_as_an_undisturbed_one(
    pixels, tmp_path, stop_after
):
    values = np.arange(10) % 2
    undisturbed, interrupted = (small_network("gender") for _ in range(2))

    def copy_of(copy):
        return altered_copy(pixels, copy, FIT)

    whole = fit_images(whole_part(undisturbed), copy_of, values, FIT)

    def interrupt(epoch, metrics):
        if epoch == stop_after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_images(
            whole_part(interrupted), copy_of, values, FIT, tmp_path,
            on_epoch=interrupt,
        )  # fmt: skip
    again, epochs = small_network("gender", seed=7), []
    history = fit_images(
        whole_part(again), copy_of, values, FIT, tmp_path,
        on_epoch=lambda epoch, metrics: epochs.append(epoch),
    )  # fmt: skip
    assert epochs == list(range(stop_after + 1, 4))
    assert_same_weights(again, undisturbed, rtol=1e-5, atol=1e-6)
    pd.testing.assert_frame_equal(history, whole, rtol=1e-4)
    assert len(list(tmp_path.iterdir())) == 1  # of the last epoch alone


def test_a_loss_that_is_not_finite_is_an_error(pixels):
    values = np.full((10, 1), 0.5, "float32")
    config = ImageFit(epochs=9, learning_rate=1e30)
    with pytest.raises(FloatingPointError, match=r"lower the .*loss=.*1e\+30"):
        fit_images(
            small_network("happiness"), lambda copy: pixels, values, config
        )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("epochs", 0, "at least 1"),
        ("batch_size", 0, "at least 1"),
        ("copies", 0, "at least 1"),
        ("learning_rate", 0.0, "above 0"),
        ("learning_rate", math.nan, "above 0"),
        ("weight_decay", -1.0, "0 or more"),
        ("shift", 1.0, r"in \[0, 1\)"),
        ("light", -0.1, r"in \[0, 1\)"),
        ("schedule", "step", "constant or cosine"),
        ("optimizer", "sgd", "nesterov or adam"),
    ],
)
def test_options_out_of_range_are_errors(name, value, expected):
    message = rf"`{name}` .* {expected}\. Received: {name}={value!r}"
    with pytest.raises(ValueError, match=message):
        ImageFit(**{name: value})


# Copies


def test_copy_0_is_the_photographs_as_they_are(pixels):
    assert altered_copy(pixels, 0, FIT) is pixels


def test_a_flipped_copy_mirrors_about_half_of_the_photographs():
    rng = np.random.default_rng(3)
    many = rng.integers(0, 256, (200, 8, 8, 3), dtype=np.uint8)
    copy = altered_copy(many, 1, ImageFit(flip=True))
    is_mirrored = (copy == many[:, :, ::-1]).all(axis=(1, 2, 3))
    is_same = (copy == many).all(axis=(1, 2, 3))
    assert (is_mirrored ^ is_same).all()
    assert 70 < is_mirrored.sum() < 130


def test_a_shifted_copy_moves_a_spot_by_at_most_the_share():
    spots = np.zeros((50, 41, 41, 3), np.uint8)
    spots[:, 20, 20] = 255
    copy = altered_copy(spots, 2, ImageFit(shift=0.1))
    weight = copy[..., 0] / copy[..., 0].sum(axis=(1, 2), keepdims=True)
    place = np.arange(41)
    down, across = (weight.sum(axis=k) @ place for k in (2, 1))
    for moved in (down, across):
        assert abs(moved - 20).max() <= 4.1 + 0.1
        assert moved.std() > 1
    assert abs(np.corrcoef(down, across)[0, 1]) < 0.5


def test_a_brightened_copy_scales_all_channels_alike():
    grey = np.full((50, 4, 4, 3), 100, np.uint8)
    copy = altered_copy(grey, 1, ImageFit(light=0.2))
    of_each = copy.reshape(50, -1)
    assert (of_each == of_each[:, :1]).all()
    assert of_each.min() >= 80
    assert of_each.max() <= 120
    assert of_each[:, 0].std() > 8


def test_copies_depend_on_seed_and_number_alone(pixels):
    copy = altered_copy(pixels, 1, FIT, seed=4)
    np.testing.assert_array_equal(copy, altered_copy(pixels, 1, FIT, seed=4))
    assert (copy != altered_copy(pixels, 2, FIT, seed=4)).any()
    assert (copy != altered_copy(pixels, 1, FIT, seed=5)).any()


# Parts


def test_the_dense_part_behind_the_convolutions_is_the_network(base, pixels):
    model = transfer_levi_hassner(base, "happiness", seed=0)
    expected = model.predict({"images": pixels}, verbose=0)["happiness"]
    maps = convolved(model, pixels)
    found = dense_part(model).predict({"maps": maps}, verbose=0)["happiness"]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_ratings_are_on_the_scale_of_1_to_9(base, pixels):
    model = transfer_levi_hassner(base, "happiness", seed=0)
    kernel, bias = model.get_layer("happiness").get_weights()
    for scaled, points in ((0.0, 1), (1.0, 9), (1.25, 11)):
        model.get_layer("happiness").set_weights([0 * kernel, bias + scaled])
        np.testing.assert_allclose(rate(model, pixels), points)


# Networks that are kept


def test_convolutions_that_are_run_once_train_as_those_that_are_run_through(
    base, pixels, images, tmp_path
):
    trained = AttributeTrainer(pixels, FIT, tmp_path, seed=3).train(
        base, "happiness", "dense", images
    )
    through = transfer_levi_hassner(base, "happiness", "dense", seed=3)
    values = ((images.happiness.to_numpy("float32") - 1) / 8)[:, None]
    history = fit_images(
        whole_part(through),
        lambda copy: altered_copy(pixels, copy, FIT, seed=3),
        values,
        FIT,
        seed=3,
    )
    assert_same_weights(trained.model, through, rtol=1e-4, atol=1e-6)
    pd.testing.assert_frame_equal(trained.history, history, rtol=1e-4)
    for name in ("conv1", "conv2", "conv3"):
        kernel, _ = base.get_layer(name).get_weights()
        kept, _ = trained.model.get_layer(name).get_weights()
        np.testing.assert_array_equal(kept, kernel)
    before, after = (
        model.get_layer("fc6").get_weights()[0]
        for model in (base, trained.model)
    )
    assert (before != after).any()


def test_a_full_training_changes_convolutions(base, pixels, images, tmp_path):
    trained = AttributeTrainer(pixels, FIT, tmp_path).train(
        base, "happiness", "all", images
    )
    for name in ("conv1", "conv2", "conv3", "fc6", "fc7"):
        before, after = (
            model.get_layer(name).get_weights()[0]
            for model in (base, trained.model)
        )
        assert (before != after).any()


def test_a_network_that_is_there_is_read_and_every_other_is_trained(
    base, pixels, images, tmp_path
):
    def train(
        restart=False, seed=0, fit=FIT, base=base, pixels=pixels,
        attribute="happiness", layers="dense", images=images, versions=None,
    ):  # fmt: skip
        epochs = []
        trainer = AttributeTrainer(
            pixels, fit, tmp_path, seed, versions, restart
        )
        trained = trainer.train(
            base, attribute, layers, images,
            lambda epoch, metrics: epochs.append(epoch),
        )  # fmt: skip
        return trained, epochs

    first, epochs = train()
    assert epochs == [1, 2, 3]
    again, epochs = train()
    assert epochs == []
    assert_same_weights(again.model, first.model)
    pd.testing.assert_frame_equal(again.history, first.history)
    assert not again.model.compiled
    assert [path.name for path in tmp_path.glob("*/*")] == ["result"]
    one_epoch = ImageFit(epochs=1, precision="float32")
    for other in (
        {"restart": True},
        {"seed": 1},
        {"fit": one_epoch},
        {"base": small_network("gender", seed=1), "fit": one_epoch},
        {"pixels": pixels[::-1], "fit": one_epoch},
        {"attribute": "confidence", "fit": one_epoch},
        {"layers": "all", "fit": one_epoch},
        {"images": images[::-1], "fit": one_epoch},
        {"versions": {"keras": "9"}, "fit": one_epoch},
    ):
        assert train(**other)[1], other
    assert len(list(tmp_path.iterdir())) == 9


def test_a_base_network_learns_what_is_planted(tmp_path):
    """Dark and light photographs are told apart, in new ones too."""
    rng = np.random.default_rng(0)
    classes = np.arange(32) % 2
    dark = rng.integers(0, 100, (32, SIZE, SIZE, 3))
    pixels = np.uint8(dark + 120 * classes[:, None, None, None])
    fit = ImageFit(
        epochs=30, batch_size=8, learning_rate=3e-3, optimizer="adam"
    )
    trained = AttributeTrainer(pixels[:24], fit, tmp_path).train_base(
        small_network("gender", dropout=0.0), classes[:24]
    )
    answers = attribute_parts.predict(trained.model, pixels[24:])
    np.testing.assert_array_equal(answers.argmax(axis=1), classes[24:])
    assert trained.history.train_accuracy.iloc[-1] == 1


def test_digests_tell_weights_and_what_is_trained(base):
    copy = keras.models.clone_model(base)
    copy.set_weights(base.get_weights())
    assert model_digest(copy) == model_digest(base)
    copy.get_layer("conv1").trainable = False
    assert model_digest(copy) != model_digest(base)
    assert model_digest(small_network("gender", 1)) != model_digest(base)


# Ages


def test_an_age_is_in_the_nearest_group():
    ages = np.arange(0, 101)
    for age, number in zip(ages, age_group_numbers(ages)):
        away = [
            0
            if first <= age <= last
            else min(abs(age - first), abs(age - last))
            for first, last in AGE_GROUPS
        ]
        assert away[number] == min(away)
        assert number == away.index(min(away))


def test_a_missing_age_is_an_error():
    with pytest.raises(ValueError, match="Received: 1 of 2 without"):
        age_group_numbers([30, np.nan])
