"""Attributions: their equations, their sums, other libraries, errors."""

import sys

import keras
import numpy as np
import pytest
import saliency.core as saliency
import tensorflow as tf

from fdin_tf.explain.attributions import METHODS
from fdin_tf.explain.attributions import attributions
from fdin_tf.explain.scores import make_predict

SIZE = (12, 13, 3)


def small_network(units, activation, name):
    """A convolution and two dense layers, on pixels of 0..255."""
    keras.utils.set_random_seed(1)
    images = keras.Input(SIZE, name="images")
    x = keras.layers.Rescaling(1 / 255)(images)
    x = keras.layers.Conv2D(6, 3, activation="softplus")(x)
    x = keras.layers.Dense(8, activation="tanh")(keras.layers.Flatten()(x))
    x = keras.layers.Dense(units, activation=activation)(x)
    return keras.Model({"images": images}, {name: x})


@pytest.fixture(scope="module")
def rating():
    return small_network(1, None, "happiness")


@pytest.fixture(scope="module")
def classes():
    return small_network(3, "softmax", "age_group")


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (5, *SIZE), np.uint8)


def by_differences(predict, image, step=0.5):
    """Gradient of a score by the pixels, each moved up and down alone."""
    moves = step * np.eye(image.size).reshape(-1, *image.shape)
    above, below = predict(image + moves), predict(image - moves)
    return ((above - below) / (2 * step)).reshape(image.shape)


@pytest.mark.parametrize("baseline", [0.0, (100, 120, 140)])
def test_gradient_x_input_equals_differences(rating, images, baseline):
    maps = attributions(
        rating, images[:1], method="gradient_x_input", baseline=baseline
    )
    gradient = by_differences(make_predict(rating), images[0])
    expected = ((images[0] - np.asarray(baseline)) * gradient).sum(axis=-1)
    assert maps.dtype == np.float32
    np.testing.assert_allclose(
        maps[0], expected, atol=2e-3 * np.abs(expected).max()
    )


def test_integrated_gradients_add_up_to_the_change_of_the_score(
    rating, classes, images
):
    for model, target in ((rating, None), (classes, 2)):
        predict = make_predict(model, target)
        for baseline in (0.0, (10, 200, 90), images[::-1][0] * 0.5):
            maps = attributions(
                model, images, target, "integrated_gradients", baseline
            )
            base = np.broadcast_to(baseline, (1, *SIZE))
            change = predict(images) - predict(base)
            np.testing.assert_allclose(
                maps.sum(axis=(1, 2)), change,
                atol=2e-3 * np.abs(change).max(),
            )  # fmt: skip


def test_integrated_gradients_are_the_midpoint_rule(rating, images):
    """The integral, slow and literal: a mean over four midpoints."""
    (found,) = attributions(rating, images[:1], baseline=20.0, steps=4)
    gradients = 0
    for k in range(4):
        point = 20 + (k + 0.5) / 4 * (images[0] - 20.0)
        point = point.astype(np.float32)[None]
        gradients = gradients + plain_gradients(rating, point)[0] / 4
    expected = ((images[0] - 20.0) * gradients).sum(axis=-1)
    np.testing.assert_allclose(
        found, expected, atol=1e-5 * np.abs(expected).max()
    )


def plain_gradients(model, images, unit=0):
    """Gradients of one unit, by TensorFlow."""
    images = tf.convert_to_tensor(images, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(images)
        (answer,) = model({"images": images}).values()
        score = tf.reduce_sum(answer[:, unit])
    return tape.gradient(score, images).numpy()


def test_occlusion_is_the_fall_of_the_score_over_each_patch(classes, images):
    maps = attributions(classes, images, 1, "occlusion", 50.0, patch=5)
    predict = make_predict(classes, 1)
    for image, heatmap in zip(images, maps):
        for row in range(0, 12, 5):
            for column in range(0, 13, 5):
                place = np.s_[row : row + 5, column : column + 5]
                covered = image.astype(np.float32)
                covered[place] = 50
                fall = predict(image[None])[0] - predict(covered[None])[0]
                part = heatmap[place]
                assert part.sum() == pytest.approx(fall, rel=1e-3, abs=1e-6)
                np.testing.assert_allclose(part, part[0, 0])


def test_equals_saliency(rating, images):
    """The package of PAIR: its gradient, and its occlusion of single pixels."""
    predict = make_predict(rating)

    def call(points, call_model_args=None, expected_keys=None):
        points = np.asarray(points, np.float32)
        (key,) = expected_keys
        if key == saliency.INPUT_OUTPUT_GRADIENTS:
            return {key: plain_gradients(rating, points)}
        return {key: predict(points)}

    image = images[0].astype(np.float32)
    gradient = saliency.GradientSaliency().GetMask(image, call)
    (found,) = attributions(rating, images[:1], method="gradient_x_input")
    expected = (image * gradient).sum(axis=-1)
    np.testing.assert_allclose(
        found, expected, atol=1e-5 * np.abs(expected).max()
    )
    expected = saliency.Occlusion().GetMask(image, call, size=1)[..., 0]
    (found,) = attributions(rating, images[:1], method="occlusion", patch=1)
    np.testing.assert_allclose(
        found, expected, atol=1e-4 * np.abs(expected).max()
    )


@pytest.mark.parametrize("method", METHODS)
def test_batches_and_other_images_change_nothing(classes, images, method):
    options = {"method": method, "patch": 5}
    whole = attributions(classes, images, **options)
    parts = attributions(classes, images, **options, batch_size=3)
    alone = attributions(classes, images[2:3], **options)
    largest = np.abs(whole).max()
    np.testing.assert_allclose(parts, whole, atol=1e-5 * largest)
    np.testing.assert_allclose(alone, whole[2:3], atol=1e-5 * largest)
    assert whole.shape == (5, *SIZE[:2])


@pytest.mark.parametrize("method", METHODS)
def test_no_target_is_the_most_probable_class(classes, images, method):
    probable = np.argmax(
        [make_predict(classes, unit)(images) for unit in range(3)], axis=0
    )
    found = attributions(classes, images, method=method)
    expected = attributions(classes, images, probable, method)
    np.testing.assert_array_equal(found, expected)
    other = attributions(classes, images, (probable + 1) % 3, method)
    assert not np.allclose(found, other, atol=1e-4 * np.abs(found).max())


def test_a_missing_package_is_one_line_that_names_the_extra(
    rating, images, monkeypatch
):
    monkeypatch.setitem(sys.modules, "saliency", None)
    monkeypatch.setitem(sys.modules, "saliency.core", None)
    with pytest.raises(ImportError, match=r"fdin-tf\[attributions\]'. Rec"):
        attributions(rating, images)
    for method in ("gradient_x_input", "occlusion"):
        assert attributions(rating, images, method=method).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "lime"}, "one of gradient_x_input, .*method='lime'"),
        ({"steps": 1}, "`steps` must be at least 2.*steps=1"),
        ({"patch": 0}, "`patch` must be at least 1.*patch=0"),
        ({"batch_size": 0}, "`batch_size` must be.*batch_size=0"),
        ({"target": 3}, "unit, 0 to 0.*target=3"),
        ({"images": np.zeros((2, 3, 3))}, r"RGB image.*\(2, 3, 3\)"),
        ({"baseline": np.zeros(5)}, r"a colour \(3,\).*shape \(5,\)"),
        ({"model": keras.Sequential()}, "of one output"),
    ],
)
def test_options_that_make_no_sense_are_an_error(
    rating, images, options, message
):
    with pytest.raises(ValueError, match=message):
        attributions(**{"model": rating, "images": images} | options)
