"""VLBP: its definition, voxel by voxel, its invariants and its errors."""

import numpy as np
import pytest
from skimage.feature import local_binary_pattern

from fdin_tf.handcrafted.vlbp import volume_lbp


def random_clip(seed, shape=(8, 10, 11), levels=256):
    rng = np.random.default_rng(seed)
    return rng.integers(0, levels, shape, dtype=np.uint8)


def grey_level(frame, y, x):
    """The frame between its pixels: linear along both axes."""
    top, left = int(np.floor(y)), int(np.floor(x))
    down, right = y - top, x - left
    return (
        (1 - down) * (1 - right) * frame[top, left]
        + (1 - down) * right * frame[top, int(np.ceil(x))]
        + down * (1 - right) * frame[int(np.ceil(y)), left]
        + down * right * frame[int(np.ceil(y)), int(np.ceil(x))]
    )


def reference_volume_lbp(frames, interval, points, radius):
    """The published definition, slow and literal: one voxel at a time."""
    length, height, width = frames.shape
    angles = [2 * np.pi * p / points for p in range(points)]
    # To 12 digits, so that cos 90 degrees is zero.
    circle = [
        (-np.round(radius * np.sin(a), 12), np.round(radius * np.cos(a), 12))
        for a in angles
    ]
    histogram = np.zeros(2 ** (3 * points + 2))
    for t in range(interval, length - interval):
        before, now, after = frames[t - interval :: interval][:3]
        for y in range(radius, height - radius):
            for x in range(radius, width - radius):
                levels = [
                    before[y, x],
                    *(grey_level(before, y + v, x + h) for v, h in circle),
                    *(grey_level(now, y + v, x + h) for v, h in circle),
                    *(grey_level(after, y + v, x + h) for v, h in circle),
                    after[y, x],
                ]
                code = sum(
                    2**q
                    for q, level in enumerate(levels)
                    # Rounding aside, s(0) = 1.
                    if float(level) - float(now[y, x]) >= -1e-8
                )
                histogram[code] += 1
    return histogram / histogram.sum()


@pytest.mark.parametrize("levels", [3, 256])
@pytest.mark.parametrize(
    ("interval", "points", "radius"),
    [
        (1, 4, 1),
        (2, 4, 1),
        (1, 4, 3),
        (3, 2, 2),
        (1, 3, 1),
        (2, 3, 2),
        (1, 1, 1),
    ],
)
def test_equals_the_definition_voxel_by_voxel(interval, points, radius, levels):
    frames = random_clip(seed=interval, levels=levels)
    histogram = volume_lbp(frames, interval, points, radius)
    assert histogram.dtype == np.float32
    assert histogram.shape == (2 ** (3 * points + 2),)
    np.testing.assert_allclose(
        histogram,
        reference_volume_lbp(frames, interval, points, radius),
        rtol=0,
        atol=1e-7,
    )


def test_the_bits_have_the_published_order():
    """One bright neighbour at a time sets the bit of its own."""
    places = [
        (0, 0, 0),
        *((0, *step) for step in [(0, 1), (-1, 0), (0, -1), (1, 0)]),
        *((1, *step) for step in [(0, 1), (-1, 0), (0, -1), (1, 0)]),
        *((2, *step) for step in [(0, 1), (-1, 0), (0, -1), (1, 0)]),
        (2, 0, 0),
    ]
    for bit, (t, y, x) in enumerate(places):
        frames = np.zeros((3, 3, 3), np.uint8)
        frames[1, 1, 1] = 100
        frames[t, 1 + y, 1 + x] = 101
        assert volume_lbp(frames)[2**bit] == 1


@pytest.mark.parametrize("points", [1, 2, 4])
def test_monotone_changes_of_grey_levels_do_not_matter(points):
    frames = random_clip(seed=2, levels=16)
    table = np.sort(
        np.random.default_rng(0).choice(256, 16, replace=False)
    ).astype("uint8")
    np.testing.assert_array_equal(
        volume_lbp(table[frames], points=points),
        volume_lbp(frames, points=points),
    )


def test_brightness_and_contrast_do_not_matter_between_voxels():
    frames = random_clip(seed=2, levels=60)
    np.testing.assert_array_equal(
        volume_lbp(4 * frames + 19, points=3), volume_lbp(frames, points=3)
    )


def test_reversed_time_exchanges_first_and_last_frames_bits():
    frames = random_clip(seed=3)
    forward, backward = volume_lbp(frames), volume_lbp(frames[::-1])
    codes = np.arange(2**14)
    first_centre, first = codes & 1, codes >> 1 & 15
    now, last, last_centre = codes >> 5 & 15, codes >> 9 & 15, codes >> 13
    exchanged = (
        last_centre | last << 1 | now << 5 | first << 9 | first_centre << 13
    )
    np.testing.assert_array_equal(backward[exchanged], forward)
    assert (backward != forward).any()


def test_a_still_clip_repeats_the_patterns_of_its_frame():
    frame = random_clip(seed=4, shape=(30, 31))
    still = np.repeat(frame[None], 4, axis=0)
    pattern = local_binary_pattern(frame, 4, 1)[1:-1, 1:-1].astype(int)
    codes = 1 | pattern << 1 | pattern << 5 | pattern << 9 | 1 << 13
    expected = np.bincount(codes.ravel(), minlength=2**14) / codes.size
    np.testing.assert_allclose(volume_lbp(still), expected, rtol=0, atol=1e-7)


def test_a_clip_that_brightens_has_its_next_frame_above_only():
    brightening = np.repeat(np.arange(0, 60, 10, dtype=np.uint8), 100)
    histogram = volume_lbp(brightening.reshape(6, 10, 10), interval=2)
    assert histogram[0b1_1111_1111_0000_0] == 1


@pytest.mark.parametrize("level", [0, 77, 255])
@pytest.mark.parametrize("points", [1, 3, 4])
def test_in_flat_frames_all_bits_are_set(level, points):
    histogram = volume_lbp(np.full((4, 6, 6), level, np.uint8), points=points)
    assert histogram[-1] == histogram.sum() == 1


def test_the_histogram_sums_to_one():
    assert volume_lbp(random_clip(seed=5)).sum() == pytest.approx(1, abs=1e-6)


def test_too_few_frames_are_an_error():
    with pytest.raises(
        ValueError, match=r"at least 5 frames of 3 x 3 .* shape=\(4, 9, 9\)"
    ):
        volume_lbp(np.zeros((4, 9, 9), "uint8"), interval=2)


@pytest.mark.parametrize(
    ("argument", "value", "expected"),
    [
        ("interval", 0, "at least 1"),
        ("points", 5, "from 1 to 4"),
        ("radius", 1.5, "at least 1"),
    ],
)
def test_an_argument_out_of_its_range_is_an_error(argument, value, expected):
    with pytest.raises(
        ValueError,
        match=f"`{argument}` to be a whole number, {expected}. Received: "
        f"{argument}={value}",
    ):
        volume_lbp(random_clip(seed=0), **{argument: value})
