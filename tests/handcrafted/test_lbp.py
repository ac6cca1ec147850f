"""Histograms of binary patterns, against the operator written out."""

import math

import numpy as np
import pytest

from fdin_tf.handcrafted.lbp import lbp_histograms


@pytest.fixture
def rng():
    return np.random.default_rng(seed=0)


@pytest.fixture
def image(rng):
    return rng.integers(0, 256, (24, 31), "uint8")


def grey_at(image, row, column):
    """The grey level between four pixels."""
    top, left = math.floor(row), math.floor(column)
    down, right = row - top, column - left
    value = 0.0
    for r, share_r in ((top, 1 - down), (top + 1, down)):
        for c, share_c in ((left, 1 - right), (left + 1, right)):
            if share_r * share_c > 0:
                value += share_r * share_c * float(image[r, c])
    return value


def pattern(image, row, column, points, radius):
    """The bits of one pixel, from the right of it, against the clock."""
    bits = []
    for p in range(points):
        angle = 2 * math.pi * p / points
        neighbour = grey_at(
            image,
            row + round(-radius * math.sin(angle), 5),
            column + round(radius * math.cos(angle), 5),
        )
        bits.append(int(neighbour >= image[row, column]))
    return tuple(bits)


def changes(bits):
    return sum(bits[p] != bits[p - 1] for p in range(len(bits)))


def bins_of(points):
    """The bin of every uniform pattern: by its bits set, then its place."""
    numbers = {(0,) * points: 0}
    for ones in range(1, points):
        first = (1,) * ones + (0,) * (points - ones)
        for turn in range(points):
            numbers[first[turn:] + first[:turn]] = len(numbers)
    numbers[(1,) * points] = len(numbers)
    return numbers


def literal_histograms(image, blocks, points, radius):
    """One pixel at a time, one block at a time."""
    numbers = bins_of(points)
    border = math.ceil(radius)
    height, width = (length - 2 * border for length in image.shape)
    histograms = np.zeros((*blocks, len(numbers) + 1))
    for row in range(height):
        for column in range(width):
            bits = pattern(image, row + border, column + border, points, radius)
            assert (changes(bits) <= 2) == (bits in numbers)
            block = row * blocks[0] // height, column * blocks[1] // width
            histograms[block][numbers.get(bits, len(numbers))] += 1
    return (histograms / histograms.sum(axis=-1, keepdims=True)).ravel()


@pytest.mark.parametrize(
    ("blocks", "points", "radius"),
    [
        ((7, 7), 8, 2),
        ((2, 3), 8, 1),
        ((1, 1), 4, 1),
        ((3, 1), 6, 2.5),
        ((2, 2), 12, 3),
    ],
)
def test_equals_the_operator_written_out(image, blocks, points, radius):
    histograms = lbp_histograms(image, blocks, points, radius)
    assert histograms.dtype == np.float32
    expected = literal_histograms(image, blocks, points, radius)
    np.testing.assert_allclose(histograms, expected, atol=1e-6)


def test_every_block_sums_to_one(image):
    histograms = lbp_histograms(image).reshape(49, 59)
    np.testing.assert_allclose(histograms.sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("points", [8, 16])
def test_brightness_and_contrast_change_nothing(image, points):
    dark = image // 3
    brighter = 2 * dark + 40
    np.testing.assert_array_equal(
        lbp_histograms(dark, points=points),
        lbp_histograms(brighter, points=points),
    )


def test_between_pixels_nothing_but_the_order_of_greys_counts(rng, image):
    dark = image // 4
    table = np.cumsum(rng.integers(1, 5, 64)).astype("uint8")
    assert len(np.unique(np.diff(table.astype(int)))) > 1
    assert (np.diff(table.astype(int)) > 0).all()
    np.testing.assert_array_equal(
        lbp_histograms(dark, points=4, radius=1),
        lbp_histograms(table[dark], points=4, radius=1),
    )


@pytest.mark.parametrize("grey", [0, 1, 77, 254, 255])
@pytest.mark.parametrize("radius", [1, 2, 3])
def test_in_a_flat_image_all_bits_are_set(grey, radius):
    flat = np.full((114, 114), grey, "uint8")
    histograms = lbp_histograms(flat, blocks=(2, 2), radius=radius)
    expected = np.eye(59)[bins_of(8)[(1,) * 8]]
    np.testing.assert_array_equal(histograms.reshape(4, 59), [expected] * 4)


def test_a_ramp_has_one_pattern():
    # Right of a pixel is brighter, above and below are equal, left is darker.
    ramp = np.tile(np.arange(0, 200, 10, dtype="uint8"), (15, 1))
    histograms = lbp_histograms(ramp, blocks=(1, 1), points=4, radius=1)
    assert histograms[bins_of(4)[1, 1, 0, 1]] == 1


def test_a_change_within_a_block_stays_there(image):
    changed = image.copy()
    changed[5:9, 5:9] = 255 - changed[5:9, 5:9]
    before, after = (
        lbp_histograms(i, blocks=(2, 2)).reshape(4, 59)
        for i in (image, changed)
    )
    assert (before[0] != after[0]).any()
    np.testing.assert_array_equal(before[1:], after[1:])


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((30, 30)),
        np.zeros((30, 30, 3), "uint8"),
        np.zeros(900, "uint8"),
        np.zeros((30, 10), "uint8"),
        np.zeros((10, 30), "uint8"),
    ],
)
def test_another_kind_of_image_is_an_error(wrong):
    with pytest.raises(
        ValueError, match=r"uint8, of at least 11 x 11 pixels.*shape=\(.*dtype="
    ):
        lbp_histograms(wrong)


def test_an_image_with_a_pixel_for_each_block_is_enough(rng):
    smallest = rng.integers(0, 256, (11, 11), "uint8")
    histograms = lbp_histograms(smallest).reshape(49, 59)
    np.testing.assert_array_equal(histograms.max(axis=1), 1)


@pytest.mark.parametrize(
    "option",
    [
        {"points": 2},
        {"points": 25},
        {"points": 8.0},
        {"radius": 0.5},
        {"radius": math.nan},
        {"radius": math.inf},
    ],
)
def test_a_circle_out_of_range_is_an_error(image, option):
    (name, value), *_ = option.items()
    limit = {"points": "3 to 24", "radius": "at least 1 pixel"}[name]
    with pytest.raises(ValueError, match=f"{limit}.*{name}={value}"):
        lbp_histograms(image, **option)


@pytest.mark.parametrize(
    "blocks", [(0, 7), (7, 1.5), (7,), (2, 2, 2), (7.0, 7.0), 7]
)
def test_other_than_whole_blocks_are_an_error(image, blocks):
    with pytest.raises(ValueError, match=r"`blocks` to be 2 whole numbers"):
        lbp_histograms(image, blocks=blocks)
