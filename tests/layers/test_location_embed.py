"""LocationEmbed: equation 2 of FDIN, where the regions lie, its errors."""

import numpy as np
import pytest

from layers import LocationEmbed
from tests.layer_checks import check_layer

LEFT_EYE, FOREHEAD, LEFT_CHEEK, NOSE, RIGHT_MOUTH = 0, 1, 3, 4, 8


@pytest.fixture
def dynamics():
    """Two clips, nine regions, three features."""
    rng = np.random.default_rng(seed=0)
    return rng.normal(size=(2, 9, 3)).astype("float32")


def test_layer_contract(tmp_path):
    check_layer(
        LocationEmbed,
        input_shape=(2, 4, 5),
        output_shape=(2, 4, 7),
        weight_shapes={},
        tmp_path=tmp_path,
    )


def test_layer_contract_with_centers(tmp_path):
    check_layer(
        LocationEmbed,
        init_kwargs={"centers": np.array([(0.1, 0.9), (0.5, 0.25)])},
        input_shape=(3, 2, 5),
        output_shape=(3, 2, 7),
        weight_shapes={},
        tmp_path=tmp_path,
    )


def test_dynamics_come_first_and_unchanged(dynamics):
    objects = np.asarray(LocationEmbed()(dynamics))
    np.testing.assert_array_equal(objects[..., :3], dynamics)


@pytest.mark.parametrize(
    ("region", "p", "q"),
    [
        (LEFT_EYE, 1 / 6, 1 / 6),
        (FOREHEAD, 1 / 2, 1 / 6),
        (LEFT_CHEEK, 1 / 6, 1 / 2),
        (NOSE, 1 / 2, 1 / 2),
        (RIGHT_MOUTH, 5 / 6, 5 / 6),
    ],
)
def test_locations_are_x_and_y_of_the_cell_centres(dynamics, region, p, q):
    objects = np.asarray(LocationEmbed()(dynamics))
    np.testing.assert_allclose(objects[:, region, 3:], [[p, q]] * 2, rtol=1e-6)


def test_given_centers_are_taken_as_they_are(dynamics):
    centers = np.random.default_rng(seed=1).uniform(size=(9, 2))
    objects = np.asarray(LocationEmbed(centers)(dynamics))
    np.testing.assert_allclose(objects[0, :, 3:], centers, rtol=1e-6)
    np.testing.assert_array_equal(objects[0, :, 3:], objects[1, :, 3:])


@pytest.mark.parametrize(
    "centers",
    [[(0.5, 1.5)], [(-0.1, 0.5)], [(0.5, float("nan"))], [(1, 1, 1)], [(1,)]],
)
def test_centers_outside_the_face_are_an_error(centers):
    with pytest.raises(
        ValueError, match=r"one pair \(p, q\) in \[0, 1\].*Received: centers="
    ):
        LocationEmbed(centers)


def test_other_number_of_centers_is_an_error(dynamics):
    with pytest.raises(
        ValueError, match=r"each of the 9 regions.*Received: centers="
    ):
        LocationEmbed([(0.5, 0.5)])(dynamics)


def test_regions_without_a_square_grid_are_an_error(dynamics):
    with pytest.raises(
        ValueError, match=r"square number of regions. Received: regions=8"
    ):
        LocationEmbed()(dynamics[:, :8])


def test_unknown_number_of_regions_is_an_error():
    with pytest.raises(ValueError, match=r"must be known.*input_shape="):
        LocationEmbed().build((2, None, 3))


def test_another_rank_or_number_of_regions_is_an_error(dynamics):
    layer = LocationEmbed()
    with pytest.raises(ValueError, match="expected ndim=3, found ndim=2"):
        layer(dynamics[0])
    layer(dynamics)
    with pytest.raises(ValueError, match=r"expected axis 1 .* value 9"):
        layer(dynamics[:, :4])
