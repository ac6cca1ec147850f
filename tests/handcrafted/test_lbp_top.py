"""LBP-TOP: its definition, voxel by voxel, its invariants and its errors."""

import itertools

import numpy as np
import pytest
from skimage.feature import local_binary_pattern

from fdin_tf.handcrafted.lbp_top import lbp_top


def random_clip(seed, shape=(8, 10, 11), levels=256):
    rng = np.random.default_rng(seed)
    return rng.integers(0, levels, shape, dtype=np.uint8)


def grey_level(frames, t, y, x):
    """The volume between its voxels: linear along every axis."""
    level = 0.0
    corners = itertools.product(*[(np.floor(v), np.ceil(v)) for v in (t, y, x)])
    for corner in set(corners):
        weight = 1.0
        for place, at in zip((t, y, x), corner):
            weight *= 1 - abs(place - at)
        level += weight * frames[tuple(int(at) for at in corner)]
    return level


def uniform_pattern(code, points):
    """Its bin: turn one run of ones, a place at a time; the rest is last."""
    bits = "".join(str(code >> p & 1) for p in range(points))
    patterns = ["0" * points]
    for ones in range(1, points):
        pattern = "1" * ones + "0" * (points - ones)
        for _ in range(points):
            patterns.append(pattern)
            pattern = pattern[1:] + pattern[:1]
    patterns.append("1" * points)
    return patterns.index(bits) if bits in patterns else len(patterns)


def reference_lbp_top(frames, blocks, points, radii, uniform):
    """The published definition, slow and literal: one voxel at a time."""
    length, height, width = frames.shape
    radius_x, radius_y, radius_t = radii
    planes = {
        "XY": lambda a: (0, -radius_y * np.sin(a), radius_x * np.cos(a)),
        "XT": lambda a: (radius_t * np.sin(a), 0, radius_x * np.cos(a)),
        "YT": lambda a: (radius_t * np.cos(a), -radius_y * np.sin(a), 0),
    }
    rows, columns = height - 2 * radius_y, width - 2 * radius_x
    histograms = []
    for block in np.ndindex(*blocks):
        for number, plane in zip(points, planes.values()):
            bins = number * (number - 1) + 3 if uniform else 2**number
            histogram = np.zeros(bins)
            for row, column in np.ndindex(rows, columns):
                cell = row * blocks[0] // rows, column * blocks[1] // columns
                if cell != block:
                    continue
                y, x = row + radius_y, column + radius_x
                for t in range(radius_t, length - radius_t):
                    code = 0
                    for p in range(number):
                        # To 12 digits, so that cos 90 degrees is zero.
                        step = np.round(plane(2 * np.pi * p / number), 12)
                        level = grey_level(frames, *np.add(step, (t, y, x)))
                        # Rounding aside, s(0) = 1.
                        code += 2**p * (level - frames[t, y, x] >= -1e-8)
                    if uniform:
                        code = uniform_pattern(code, number)
                    histogram[code] += 1
            histograms.append(histogram / histogram.sum())
    return np.concatenate(histograms)


@pytest.mark.parametrize("levels", [3, 256])
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"blocks": (4, 5)},
        {"points": (4, 8, 6), "uniform": False},
        {"points": (8, 8, 16), "radii": (2, 1, 3), "blocks": (1, 2)},
        {"points": (9, 3, 1), "radii": (1, 3, 2)},
    ],
)
def test_equals_the_definition_voxel_by_voxel(arguments, levels):
    frames = random_clip(seed=3, shape=(7, 8, 9), levels=levels)
    arguments = {
        "blocks": (1, 1),
        "points": (8, 8, 8),
        "radii": (1, 1, 1),
        "uniform": True,
        **arguments,
    }
    descriptor = lbp_top(frames, **arguments)
    reference = reference_lbp_top(frames, **arguments)
    assert descriptor.dtype == np.float32
    assert descriptor.shape == reference.shape
    np.testing.assert_allclose(descriptor, reference, rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("points", "radius"), [(4, 1), (8, 1), (8, 3), (10, 2)]
)
def test_each_plane_equals_scikit_image_on_its_slices(points, radius):
    # In noise few neighbours, if any, are just as bright as their centre:
    # scikit-image rounds them either way.
    frames = random_clip(seed=7, shape=(12, 13, 14))
    histograms = lbp_top(frames, points=[points] * 3, radii=[radius] * 3)
    inner = (slice(radius, -radius),) * 2
    slices = {  # as images, in which neighbours go round against the clock
        "XY": frames[radius:-radius],
        "XT": frames[::-1].transpose(1, 0, 2)[radius:-radius],
        "YT": frames.transpose(2, 1, 0)[radius:-radius],
    }
    for histogram, images in zip(np.split(histograms, 3), slices.values()):
        patterns = [
            local_binary_pattern(image, points, radius, "nri_uniform")[inner]
            for image in images
        ]
        counts = np.bincount(
            np.array(patterns, int).ravel(), minlength=len(histogram)
        )
        np.testing.assert_allclose(
            histogram, counts / counts.sum(), rtol=0, atol=1e-7
        )


@pytest.mark.parametrize("blocks", [(1, 1), (3, 2)])
def test_every_histogram_sums_to_one(blocks):
    histograms = lbp_top(random_clip(seed=0), blocks=blocks).reshape(-1, 59)
    assert len(histograms) == 3 * blocks[0] * blocks[1]
    np.testing.assert_allclose(histograms.sum(axis=1), 1, rtol=1e-6)


def test_blocks_describe_their_own_part_of_the_frames():
    frames = np.full((6, 12, 12), 90, np.uint8)
    frames[:, :5, 7:] = random_clip(seed=1, shape=(6, 5, 5))
    upper_left, upper_right, *lower = lbp_top(frames, blocks=(2, 2)).reshape(
        4, 3, 59
    )
    flat = np.eye(59)[57]
    np.testing.assert_array_equal(upper_left, [flat] * 3)
    np.testing.assert_array_equal(lower, [[flat] * 3] * 2)
    assert (upper_right[:, 57] < 0.5).all()


def test_brightness_and_contrast_do_not_matter():
    frames = random_clip(seed=2, levels=60)
    np.testing.assert_array_equal(lbp_top(4 * frames + 19), lbp_top(frames))


def test_monotone_changes_do_not_matter_to_neighbours_that_are_voxels():
    frames = random_clip(seed=2, levels=16)
    curved = frames**2
    arguments = {"points": (4, 4, 4), "radii": (2, 1, 3), "uniform": False}
    np.testing.assert_array_equal(
        lbp_top(curved, **arguments), lbp_top(frames, **arguments)
    )
    # With eight points every second one is a voxel.
    every_second, codes = 0b01010101, np.arange(256)
    before, after = (
        [
            np.bincount(codes & every_second, weights=histogram)
            for histogram in lbp_top(clip, uniform=False).reshape(3, 256)
        ]
        for clip in (frames, curved)
    )
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-6)


def renumbered(histogram, points, new_number):
    """The histogram after neighbour `p` has become `new_number(p)`."""
    result = np.zeros_like(histogram)
    for code, share in enumerate(histogram):
        bits = [new_number(p) % points for p in range(points) if code >> p & 1]
        result[sum(2**bit for bit in bits)] = share
    return result


@pytest.mark.parametrize("levels", [4, 256])
def test_reversed_time_turns_xt_and_yt_around_and_keeps_xy(levels):
    frames = random_clip(seed=4, levels=levels)
    arguments = {"radii": (2, 1, 3), "uniform": False}
    xy, xt, yt = lbp_top(frames, **arguments).reshape(3, 256)
    backward = lbp_top(frames[::-1], **arguments).reshape(3, 256)
    np.testing.assert_array_equal(backward[0], xy)
    np.testing.assert_array_equal(backward[1], renumbered(xt, 8, lambda p: -p))
    np.testing.assert_array_equal(
        backward[2], renumbered(yt, 8, lambda p: 4 - p)
    )
    assert (backward[1] != xt).any()


def test_a_mirrored_face_has_the_same_yt_and_mirrored_others():
    frames = random_clip(seed=5)
    xy, xt, yt = lbp_top(frames, uniform=False).reshape(3, 256)
    mirrored = lbp_top(frames[:, :, ::-1], uniform=False).reshape(3, 256)
    np.testing.assert_array_equal(mirrored[2], yt)
    for plane, histogram in zip(mirrored, (xy, xt)):
        np.testing.assert_array_equal(
            plane, renumbered(histogram, 8, lambda p: 4 - p)
        )


def test_planes_exchange_places_with_the_axes():
    frames = random_clip(seed=6, shape=(9, 10, 11))
    _, xt, yt = np.split(lbp_top(frames, radii=(2, 1, 3)), 3)
    # What was time, backwards, is now up and down.
    turned = frames[::-1].transpose(1, 0, 2)
    np.testing.assert_array_equal(lbp_top(turned, radii=(2, 3, 1))[:59], xt)
    # What was time is now left to right.
    turned = frames.transpose(2, 1, 0)
    np.testing.assert_array_equal(lbp_top(turned, radii=(3, 1, 2))[:59], yt)


def test_a_still_clip_has_only_the_patterns_of_no_motion():
    """Where nothing moves, time's neighbours are as bright as the centre."""
    still = np.repeat(random_clip(seed=8, shape=(1, 14, 15)), 5, axis=0)
    _, xt, yt = lbp_top(still, uniform=False).reshape(3, 256)
    level = still[0].astype(int)
    centre = level[1:-1, 1:-1]

    def shares(one, one_bits, other, other_bits, time_bits):
        expected = np.zeros(256)
        for place in np.ndindex(centre.shape):
            bits = set(time_bits)
            bits |= set(one_bits) if one[place] >= centre[place] else set()
            bits |= set(other_bits) if other[place] >= centre[place] else set()
            expected[sum(2**bit for bit in bits)] += 1 / centre.size
        return expected

    right, left = level[1:-1, 2:], level[1:-1, :-2]
    np.testing.assert_allclose(
        xt, shares(right, (7, 0, 1), left, (3, 4, 5), (2, 6)), atol=1e-6
    )
    up, down = level[:-2, 1:-1], level[2:, 1:-1]
    np.testing.assert_allclose(
        yt, shares(up, (1, 2, 3), down, (5, 6, 7), (0, 4)), atol=1e-6
    )


def test_a_clip_that_brightens_has_its_later_neighbours_above_only():
    brightening = np.repeat(np.arange(0, 60, 10, dtype=np.uint8), 100)
    _, xt, yt = lbp_top(brightening.reshape(6, 10, 10), uniform=False).reshape(
        3, 256
    )
    assert xt[0b00011111] == 1  # bits 1 to 3 are later, 0 and 4 are now
    assert yt[0b11000111] == 1  # bits 7, 0 and 1 are later, 2 and 6 are now


@pytest.mark.parametrize("level", [0, 77, 255])
@pytest.mark.parametrize("points", [8, 10])
def test_in_flat_frames_all_bits_are_set(level, points):
    flat = np.full((5, 9, 9), level, np.uint8)
    histograms = lbp_top(flat, points=[points] * 3, radii=(2, 1, 2))
    all_set = points * (points - 1) + 1
    expected = np.eye(points * (points - 1) + 3)[all_set]
    np.testing.assert_array_equal(histograms, np.tile(expected, 3))


def test_the_smallest_volume_has_one_code():
    histograms = lbp_top(random_clip(seed=9, shape=(5, 3, 7)), radii=(3, 1, 2))
    np.testing.assert_array_equal(np.sort(histograms)[-3:], 1)
    assert histograms.sum() == 3


def test_too_few_frames_are_an_error():
    with pytest.raises(
        ValueError, match=r"at least 5 frames of 3 x 3 .* shape=\(4, 9, 9\)"
    ):
        lbp_top(np.zeros((4, 9, 9), "uint8"), radii=(1, 1, 2))


def test_more_blocks_than_places_are_an_error():
    with pytest.raises(
        ValueError,
        match=r"7 rows and 6 columns. Received: blocks=\(2, 7\)",
    ):
        lbp_top(np.zeros((4, 9, 8), "uint8"), blocks=(2, 7))


@pytest.mark.parametrize(
    ("argument", "value", "expected"),
    [
        ("blocks", (2, 0), "2 whole numbers, at least 1"),
        ("points", (8, 8, 24), "3 whole numbers, from 1 to 16"),
        ("radii", (1, 1.5, 1), "3 whole numbers, at least 1"),
    ],
)
def test_an_argument_out_of_its_range_is_an_error(argument, value, expected):
    with pytest.raises(ValueError, match=f"`{argument}` to be {expected}"):
        lbp_top(random_clip(seed=0), **{argument: value})
