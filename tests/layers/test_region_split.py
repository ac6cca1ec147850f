"""RegionSplit: which places become which region, and its errors."""

import numpy as np
import pytest

from layers import RegionSplit
from tests.backends import dtype_of
from tests.layer_checks import check_layer


def reference_regions(features, rows, columns):
    """Every cell cut out by hand, row by row."""
    batch, frames, height, width, _ = features.shape
    h, w = height // rows, width // columns
    regions = []
    for row in range(rows):
        for column in range(columns):
            cell = features[
                :, :, row * h : (row + 1) * h, column * w : (column + 1) * w
            ]
            regions.append(cell.reshape(batch, frames, -1))
    return np.stack(regions, axis=1)


def test_layer_contract(tmp_path):
    check_layer(
        RegionSplit,
        input_shape=(2, 4, 6, 6, 5),
        output_shape=(2, 9, 4, 20),
        weight_shapes={},
        unknown_axes=(0, 1),
        tmp_path=tmp_path,
    )


@pytest.mark.parametrize("grid", [(3, 3), (2, 3), (6, 1), (1, 1)])
def test_cells_are_row_major(grid):
    features = np.arange(2 * 3 * 6 * 6 * 2, dtype="float32")
    features = features.reshape(2, 3, 6, 6, 2)
    np.testing.assert_array_equal(
        RegionSplit(grid)(features), reference_regions(features, *grid)
    )


def test_regions_of_a_face_are_in_the_order_of_the_names():
    """A mark in the map at the mouth reaches region 7, the mouth, alone."""
    features = np.zeros((1, 1, 6, 6, 1), "float32")
    features[0, 0, 5, 3] = 1  # lowest row, just right of the middle
    regions = np.asarray(RegionSplit()(features))
    assert np.flatnonzero(regions.sum(axis=(0, 2, 3))).tolist() == [7]


def test_frames_keep_their_dtype_and_integers_too():
    frames = np.arange(36, dtype="uint8").reshape(1, 1, 6, 6, 1)
    assert dtype_of(RegionSplit()(frames)) == "uint8"


@pytest.mark.parametrize("grid", [(3,), (3, 0), (3, 2.0), (1, 2, 3)])
def test_grid_must_be_two_positive_integers(grid):
    with pytest.raises(
        ValueError, match=r"two positive integers.*Received: grid="
    ):
        RegionSplit(grid)


@pytest.mark.parametrize(
    "shape",
    [
        (2, 4, 7, 6, 5),
        (2, 4, 6, 8, 5),
        (2, 4, None, 6, 5),
        (2, 4, 6, None, 5),
        (2, 4, 6, 6, None),
    ],
)
def test_maps_that_the_grid_does_not_cut_are_an_error(shape):
    with pytest.raises(
        ValueError, match=r"height divisible by 3 .*Received: input_shape="
    ):
        RegionSplit().build(shape)


def test_another_rank_is_an_error():
    with pytest.raises(ValueError, match="expected ndim=5, found ndim=4"):
        RegionSplit()(np.zeros((2, 6, 6, 5), "float32"))
