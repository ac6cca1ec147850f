"""Scores of images: the unit that was asked for, batch by batch, errors."""

import keras
import numpy as np
import pytest

from fdin_tf.explain.scores import check_images
from fdin_tf.explain.scores import make_predict
from fdin_tf.explain.scores import scores_of
from fdin_tf.explain.scores import units_of


def dense_model(units, name="rating", **outputs):
    """A model on images of 4 x 4 pixels, with bright weights."""
    keras.utils.set_random_seed(0)
    images = keras.Input((4, 4, 3), name="images")
    flat = keras.layers.Flatten()(images)
    answer = keras.layers.Dense(units)(flat)
    return keras.Model(
        {"images": images}, {name: answer} | dict.fromkeys(outputs, answer)
    )


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), np.uint8)


@pytest.mark.parametrize(("units", "target"), [(1, None), (1, 0), (3, 2)])
def test_scores_are_the_unit_of_the_model_whatever_the_batch(
    images, units, target
):
    model = dense_model(units)
    kernel, bias = model.layers[-1].get_weights()
    expected = (images.reshape(5, -1) @ kernel + bias)[:, target or 0]
    for batch_size in (2, 32):
        predict = make_predict(model, target, batch_size)
        scores = scores_of(predict, images)
        assert scores.dtype == np.float64
        np.testing.assert_allclose(scores, expected, rtol=1e-5)


def test_several_units_need_a_target():
    with pytest.raises(ValueError, match=r"0 to 2, whose value.*target=None"):
        make_predict(dense_model(3))


@pytest.mark.parametrize("target", [3, -1, 1.0, "female", [0, 1]])
def test_a_unit_that_is_not_there_is_an_error(target):
    with pytest.raises(ValueError, match=r"unit, 0 to 2, .*target="):
        make_predict(dense_model(3), target)


def test_every_image_may_have_its_own_unit():
    model = dense_model(3)
    np.testing.assert_array_equal(units_of(model, [2, 0], 2), [2, 0])
    np.testing.assert_array_equal(units_of(model, 1, 2), [1, 1])
    with pytest.raises(ValueError, match=r"every image, \(3,\).*\[2, 0\]"):
        units_of(model, [2, 0], 3)


def test_other_inputs_or_outputs_are_an_error():
    frames = keras.Input((4,), name="frames")
    for model, received in (
        (keras.Model({"frames": frames}, {"a": frames}), "inputs={'frames'"),
        (keras.Model(frames, frames), r"inputs=\(None, 4\)"),
        (dense_model(1, other=True), "'other'"),
        (len, "NoneType"),
    ):
        with pytest.raises(ValueError, match=f"of one output.*{received}"):
            make_predict(model)


@pytest.mark.parametrize(
    ("answer", "received"),
    [
        (np.zeros((5, 1)), r"shape \(5, 1\), 0 not finite"),
        (np.zeros(4), r"shape \(4,\)"),
        (np.array([0, 1, np.nan, np.inf, 2]), "2 not finite"),
    ],
)
def test_scores_of_another_shape_or_not_finite_are_an_error(
    images, answer, received
):
    with pytest.raises(ValueError, match=rf"one finite score.*{received}"):
        scores_of(lambda _: answer, images)


@pytest.mark.parametrize("shape", [(4, 4, 3), (0, 4, 4, 3), (2, 4, 4, 1)])
def test_images_of_another_shape_are_an_error(shape):
    with pytest.raises(ValueError, match=r"RGB image.*shape \("):
        check_images(np.zeros(shape))
