"""The mean that is subtracted: its forms, saving, another one."""

import keras
import numpy as np
import pytest

from fdin_tf.models import build_levi_hassner
from fdin_tf.models.levi_hassner_mean import LEVI_HASSNER_MEAN
from fdin_tf.models.levi_hassner_mean import set_mean
from tests.models.test_levi_hassner import HE
from tests.models.test_levi_hassner import SMALL
from tests.models.test_levi_hassner import answer
from tests.models.test_levi_hassner import maps_before
from tests.models.test_levi_hassner import random_images
from tests.models.test_levi_hassner import weights_of


@pytest.fixture
def images():
    return random_images()


def test_default_mean_is_the_published_colour_red_first(images):
    model = build_levi_hassner(**SMALL)
    np.testing.assert_allclose(
        maps_before(model, "subtract_mean", images),
        images - np.array(LEVI_HASSNER_MEAN),
        atol=1e-4,
    )
    assert tuple(sorted(LEVI_HASSNER_MEAN, reverse=True)) == LEVI_HASSNER_MEAN


@pytest.mark.parametrize("shape", [(), (3,), (39, 39, 3)])
def test_mean_of_any_form_is_subtracted_and_survives_saving(
    shape, images, tmp_path
):
    mean = np.random.default_rng(1).uniform(0, 255, shape)
    model = build_levi_hassner("gender", **SMALL, mean=mean, std=50)
    differences = maps_before(model, "subtract_mean", images)
    np.testing.assert_allclose(differences, (images - mean) / 50, atol=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    model.save_weights(tmp_path / "model.weights.h5")
    filled = build_levi_hassner("gender", **SMALL)
    filled.load_weights(tmp_path / "model.weights.h5")
    for again in (loaded, filled):
        np.testing.assert_array_equal(
            maps_before(again, "subtract_mean", images), differences
        )
        np.testing.assert_allclose(
            answer(again, images), answer(model, images), rtol=1e-6
        )


def test_another_mean_holds_in_functions_traced_before(images):
    mean = np.random.default_rng(1).uniform(0, 255, (39, 39, 3))
    model = build_levi_hassner("gender", **SMALL, **HE)
    other = build_levi_hassner("gender", **SMALL, **HE, mean=mean)
    for name, arrays in weights_of(model).items():
        other.get_layer(name).set_weights(arrays)
    before = model.predict({"images": images}, verbose=0)["gender"]
    set_mean(model, mean)
    after = model.predict({"images": images}, verbose=0)["gender"]
    assert np.abs(after - before).max() > 1e-3
    np.testing.assert_allclose(after, answer(other, images), rtol=1e-5)


@pytest.mark.parametrize(
    ("mean", "match"),
    [
        (
            np.zeros((3, 39, 39)),
            r"39, 3\)\. Received: .*\(3, 39, 39\)",
        ),
        ((0, 0, 256), r"in 0\.\.255\. Received: .* to 256"),
    ],
)
def test_another_mean_that_does_not_fit_is_an_error(mean, match):
    model = build_levi_hassner("gender", **SMALL)
    with pytest.raises(ValueError, match=match):
        set_mean(model, mean)
