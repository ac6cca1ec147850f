"""Fused optimizers: they are those of Keras, saved and cut short as these."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from fdin_tf.training.optimizers import FusedAdam
from fdin_tf.training.optimizers import FusedRMSprop

PAIRS = [
    (FusedAdam, keras.optimizers.Adam),
    (FusedRMSprop, keras.optimizers.RMSprop),
]
SETTINGS = [
    {},
    {"learning_rate": 0.1, "epsilon": 1e-3},
    {"clipvalue": 0.5},
    {"weight_decay": 0.1},
    {"learning_rate": keras.optimizers.schedules.CosineDecay(0.1, 5)},
]


def variables():
    rng = np.random.default_rng(0)
    return [
        keras.Variable(rng.normal(size=shape).astype("float32"))
        for shape in ((3, 4), (5,), ())
    ]


def gradients(step, like):
    rng = np.random.default_rng(step)
    return [tf.constant(rng.normal(size=v.shape), tf.float32) for v in like]


def trained(optimizer, weights, first=0, steps=8, function=lambda f: f):
    @function
    def update(given):
        optimizer.apply(given, weights)

    optimizer.build(weights)
    for step in range(first, first + steps):
        update(gradients(step, weights))
    return [v.numpy() for v in weights]


def assert_same(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("function", [lambda f: f, tf.function])
@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize(("fused", "kerass"), PAIRS)
def test_weights_are_those_of_keras(fused, kerass, settings, function):
    found = trained(fused(**settings), variables(), function=function)
    assert_same(found, trained(kerass(**settings), variables()))


@pytest.mark.parametrize(
    ("fused", "kerass", "settings"),
    [
        (FusedAdam, keras.optimizers.Adam, {"amsgrad": True}),
        (FusedRMSprop, keras.optimizers.RMSprop, {"centered": True}),
        (FusedRMSprop, keras.optimizers.RMSprop, {"momentum": 0.9}),
    ],
)
def test_variants_are_those_of_keras(fused, kerass, settings):
    found = trained(fused(**settings), variables())
    assert_same(found, trained(kerass(**settings), variables()))


def test_adam_is_the_published_algorithm():
    """Kingma and Ba, ICLR 2015, algorithm 1, in its second form."""
    weights = variables()[:1]
    expected = weights[0].numpy().astype(float)
    found = trained(FusedAdam(0.01, epsilon=1e-8), weights, steps=5)
    m = v = np.zeros_like(expected)
    for t in range(1, 6):
        g = np.random.default_rng(t - 1).normal(size=expected.shape)
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        rate = 0.01 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        expected = expected - rate * m / (np.sqrt(v) + 1e-8)
    np.testing.assert_allclose(found[0], expected, rtol=1e-5)


@pytest.mark.parametrize(("fused", "kerass"), PAIRS)
def test_gradients_of_some_rows_are_left_to_keras(fused, kerass):
    def weights_after_a_step(optimizer):
        table = keras.Variable(np.ones((4, 2), "float32"))
        optimizer.build([table])
        rows = tf.IndexedSlices(tf.ones((1, 2)), [2], tf.constant([4, 2]))
        optimizer.apply([rows], [table])
        return table.numpy()

    found = weights_after_a_step(fused())
    np.testing.assert_allclose(found, weights_after_a_step(kerass()))
    assert (found[2] != 1).all()


@pytest.mark.parametrize(("fused", "kerass"), PAIRS)
def test_copies_on_several_devices_are_left_to_keras(fused, kerass):
    def weights_after_a_step(optimizer_class):
        with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
            model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
            model.compile(optimizer_class(), "mse")
        model.set_weights([np.ones((3, 1)), np.zeros(1)])
        model.train_on_batch(np.ones((2, 3)), np.zeros((2, 1)))
        return model.get_weights()

    assert_same(weights_after_a_step(fused), weights_after_a_step(kerass))


@pytest.mark.parametrize(("fused", "_"), PAIRS)
def test_a_saved_model_goes_on_as_it_would_have(fused, _, tmp_path):
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    y = x.sum(axis=1, keepdims=True)
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    model.compile(fused(0.01), "mse")
    for _ in range(3):
        model.train_on_batch(x, y)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert type(again.optimizer) is fused
    for one in (model, again):
        one.train_on_batch(x, y)
    for a, b in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("fused", "_"), PAIRS)
def test_scaled_losses_of_half_precision_work(fused, _):
    layer = keras.layers.Dense(1, dtype="mixed_float16")
    model = keras.Sequential([keras.Input((3,)), layer])
    model.compile(keras.optimizers.LossScaleOptimizer(fused(0.1)), "mse")
    before = [w.copy() for w in model.get_weights()]
    model.train_on_batch(np.ones((2, 3)), np.ones((2, 1)))
    assert all((a != b).any() for a, b in zip(before, model.get_weights()))
    assert np.isfinite(
        np.concatenate([*map(np.ravel, model.get_weights())])
    ).all()
