"""FaceStandardization: its equation, what it takes away, what it leaves."""

import numpy as np
import pytest

from layers import FaceStandardization
from tests.layer_checks import check_layer


def reference_standardization(image, background=0.0):
    """One place at a time; places that are 0 in all channels are no face."""
    is_face = np.array([[np.any(place) for place in row] for row in image])
    levels = image[is_face].astype("float64")
    standard = np.full(image.shape, background, "float64")
    if len(levels):
        deviation = max(np.sqrt(np.mean((levels - levels.mean()) ** 2)), 1)
        standard[is_face] = (levels - levels.mean()) / deviation
    return standard


@pytest.fixture
def faces():
    """Two grey faces of 20 x 20, 0 around them."""
    rng = np.random.default_rng(0)
    images = np.zeros((2, 20, 20, 1), "uint8")
    images[0, 3:15, 4:16] = rng.integers(30, 250, (12, 12, 1))
    images[1, 5:18, 2:12] = rng.integers(90, 120, (13, 10, 1))
    return images


def test_layer_contract(tmp_path):
    check_layer(
        FaceStandardization,
        init_kwargs={"background": -2.5},
        input_shape=(3, 8, 6, 2),
        output_shape=(3, 8, 6, 2),
        weight_shapes={"mean_face": (8, 6, 2), "deviation": ()},
        input_dtype="uint8",
        tmp_path=tmp_path,
    )


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("background", [0.0, -2.5])
def test_equals_its_equation(faces, channels, background):
    images = np.repeat(faces, channels, axis=-1)
    images[..., 1:] = images[..., 1:] // 2  # a channel may be 0 in the face
    standard = FaceStandardization(background)(images)
    for image, found in zip(images, standard):
        np.testing.assert_allclose(
            found, reference_standardization(image, background), atol=1e-5
        )


def test_adapted_it_is_the_difference_from_the_mean_face():
    rng = np.random.default_rng(1)
    images = np.zeros((150, 6, 5, 1), "uint8")  # of more than one chunk
    images[:, 1:5, 1:4] = rng.integers(1, 256, (150, 4, 3, 1))
    standard = np.array([reference_standardization(x) for x in images])
    away = standard - standard.mean(axis=0)
    deviation = np.sqrt((away[:, 1:5, 1:4] ** 2).mean())
    layer = FaceStandardization(-2.5)
    layer.adapt(images)
    found = np.array(layer(images))
    np.testing.assert_allclose(
        found[:, 1:5, 1:4], away[:, 1:5, 1:4] / deviation, atol=1e-4
    )
    found[:, 1:5, 1:4] = -2.5
    np.testing.assert_array_equal(found, -2.5)


def test_faces_that_are_all_alike_differ_by_nothing(faces):
    layer = FaceStandardization()
    layer.adapt(np.repeat(faces[:1], 3, axis=0))
    np.testing.assert_allclose(layer(faces[:1]), 0, atol=1e-2)


@pytest.mark.parametrize(
    "images", [np.zeros((0, 4, 4, 1)), np.zeros((2, 4, 4, 1))]
)
def test_nothing_to_adapt_to_is_an_error(images):
    with pytest.raises(ValueError, match=r"images of faces.*images.shape="):
        FaceStandardization().adapt(images)


def test_unknown_shape_is_an_error():
    with pytest.raises(ValueError, match=r"must be known.*input_shape=\(None"):
        FaceStandardization().build((None, None, 5, 1))


def test_light_and_contrast_are_taken_away(faces):
    layer = FaceStandardization(dtype="float32")
    values = faces.astype("float32")
    brighter = np.where(values > 0, 1.5 * values + 20, 0)
    np.testing.assert_allclose(layer(brighter), layer(values), atol=1e-5)


def test_an_empty_or_flat_image_is_finite():
    images = np.zeros((2, 5, 5, 1), "uint8")
    images[1] = 77
    standard = np.array(FaceStandardization(-2.5)(images))
    np.testing.assert_array_equal(standard[0], -2.5)
    np.testing.assert_array_equal(standard[1], 0)


def test_another_rank_is_an_error():
    with pytest.raises(ValueError, match="expected ndim=4"):
        FaceStandardization()(np.zeros((2, 5, 5)))
