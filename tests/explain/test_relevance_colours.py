"""Colours of relevance: red for, white 0, blue against; symmetric scales."""

import numpy as np
import pytest

from fdin_tf.explain.relevance_colours import RELEVANCE_MAP
from fdin_tf.explain.relevance_colours import grey_of
from fdin_tf.explain.relevance_colours import overlay
from fdin_tf.explain.relevance_colours import relevance_limits


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_zero_is_white_for_is_red_against_is_blue():
    assert RELEVANCE_MAP(0.5) == (1, 1, 1, 1)
    for distance in (0.1, 0.25, 0.5):
        red, green, blue, _ = RELEVANCE_MAP(0.5 + distance)
        assert red > green
        assert red > blue
        red, green, blue, _ = RELEVANCE_MAP(0.5 - distance)
        assert blue > red


def test_colours_darken_from_the_middle_to_both_ends():
    """So that the strength is seen without seeing the hue."""
    luma = RELEVANCE_MAP(np.linspace(0, 1, 257))[:, :3] @ [
        0.2126,
        0.7152,
        0.0722,
    ]
    assert (np.diff(luma[:129]) > 0).all()
    assert (np.diff(luma[128:]) < 0).all()


def test_limits_are_the_largest_or_a_percentile_of_the_magnitude(rng):
    heatmaps = rng.normal(size=(2, 3, 10, 10))
    np.testing.assert_allclose(
        relevance_limits(heatmaps), np.abs(heatmaps).max(axis=(2, 3))
    )
    robust = relevance_limits(heatmaps, 90)
    exceeding = np.abs(heatmaps) > robust[..., None, None]
    assert (exceeding.sum(axis=(2, 3)) == 10).all()
    assert relevance_limits(np.zeros((4, 4))) == 1


def test_overlay_is_grey_where_nothing_is_relevant(rng):
    image = rng.integers(0, 256, (6, 7, 3), np.uint8)
    heatmap = rng.normal(size=(6, 7))
    heatmap[:3] = 0
    covered = overlay(image, heatmap)
    luma = image @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(
        covered[:3], np.repeat(luma[:3, :, None], 3, axis=2), atol=0.5
    )
    for place in np.ndindex(6, 7):
        part = heatmap[place] / np.abs(heatmap).max()
        colour = 255 * np.array(RELEVANCE_MAP((part + 1) / 2)[:3])
        weight = 0.9 * abs(part)
        expected = luma[place] * (1 - weight) + colour * weight
        np.testing.assert_allclose(covered[place], expected, atol=0.5)


def test_overlay_has_a_scale_that_ends():
    image = np.full((1, 3), 128)
    covered = overlay(image, [[1.0, 2.0, 50.0]], limit=2.0)
    np.testing.assert_array_equal(covered[0, 1], covered[0, 2])
    assert (covered[0, 0] != covered[0, 1]).any()
    assert covered.dtype == np.uint8


def test_grey_images_may_have_a_channel_or_none(rng):
    grey, heatmap = rng.integers(0, 256, (5, 4)), rng.normal(size=(5, 4))
    colour = np.repeat(grey[..., None], 3, axis=2)
    for image in (grey, grey[..., None]):
        np.testing.assert_array_equal(
            overlay(image, heatmap), overlay(colour, heatmap)
        )
    assert grey_of(colour.astype(float)).shape == (5, 4, 1)


@pytest.mark.parametrize(
    ("heatmaps", "percentile", "message"),
    [
        (np.zeros(3), 100, r"heatmaps of shape \(3,\)"),
        (np.array([[np.nan, 1, np.inf]]), 100, "2 not finite"),
        (np.ones((2, 2)), 0, "above 0.*percentile=0"),
        (np.ones((2, 2)), 101, "at most 100.*percentile=101"),
    ],
)
def test_scales_that_make_no_sense_are_an_error(heatmaps, percentile, message):
    with pytest.raises(ValueError, match=message):
        relevance_limits(heatmaps, percentile)


@pytest.mark.parametrize("shape", [(4, 5, 3), (5, 4, 2), (5, 4, 3, 1)])
def test_overlays_of_other_sizes_are_an_error(shape):
    with pytest.raises(ValueError, match=r"image of shape.*shape \(5, 4\)"):
        overlay(np.zeros(shape), np.ones((5, 4)))


def test_a_limit_of_nothing_is_an_error():
    with pytest.raises(ValueError, match=r"above 0\. Received: limit=0"):
        overlay(np.zeros((2, 2)), np.ones((2, 2)), limit=0)
