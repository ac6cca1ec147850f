"""Neighbours, their weights, and the bins of uniform patterns."""

import numpy as np
import pytest
from skimage.feature import local_binary_pattern

from fdin_tf.handcrafted import neighbourhood
from fdin_tf.handcrafted.neighbourhood import EQUAL
from fdin_tf.handcrafted.neighbourhood import check_volume
from fdin_tf.handcrafted.neighbourhood import circle
from fdin_tf.handcrafted.neighbourhood import count_codes
from fdin_tf.handcrafted.neighbourhood import uniform_bins


@pytest.mark.parametrize("points", [1, 3, 4, 8, 13, 16])
@pytest.mark.parametrize(
    ("at_0", "at_90"),
    [
        ((0, 0, 1), (0, -1, 0)),
        ((0, 0, 2), (3, 0, 0)),
        ((1, 0, 0), (0, -4, 0)),
    ],
)
def test_weights_read_a_linear_volume_at_the_place_itself(points, at_0, at_90):
    slope = np.array([0.3, -1.7, 2.9])
    neighbours = circle(points, at_0, at_90)
    assert len(neighbours) == points
    for p, neighbour in enumerate(neighbours):
        angle = 2 * np.pi * p / points
        place = np.cos(angle) * np.array(at_0) + np.sin(angle) * np.array(at_90)
        level = sum(w * np.dot(slope, voxel) for voxel, w in neighbour.items())
        assert level == pytest.approx(slope @ place, abs=1e-10)
        assert sum(neighbour.values()) == pytest.approx(1, abs=1e-11)
        assert min(neighbour.values()) > 0


@pytest.mark.parametrize("radius", [1, 2, 3, 4])
def test_only_what_is_equal_counts_as_equal(radius):
    """With 8 points all differences are (m + n sqrt(2)) / 2, m and n whole.

    For at a place r = R sqrt(1/2), with k = floor(r), the weights (r - k)^2,
    (r - k)(k + 1 - r) and (k + 1 - r)^2 are such numbers, whose n is at most
    (2 k + 2) R. So the smallest is known, but for 0.
    """
    diagonal = circle(8, (0, 0, radius), (0, -radius, 0))[1]
    share = radius * np.sqrt(0.5) % 1
    expected = np.outer([share, 1 - share], [share, 1 - share]).ravel()
    np.testing.assert_allclose(
        sorted(diagonal.values()), sorted(expected), rtol=0, atol=1e-12
    )
    most_n = 4 * 255 * radius * (2 * int(radius * np.sqrt(0.5)) + 2)
    n = np.arange(1, most_n)
    m = np.round(n * np.sqrt(2))
    assert (abs(m - n * np.sqrt(2)) / 2).min() > 100 * EQUAL


@pytest.mark.parametrize("points", [4, 8, 11])
def test_neighbours_on_opposite_sides_have_the_same_weights(points):
    on_x = circle(points, (0, 0, 3), (0, -2, 0))
    mirrored = circle(points, (0, 0, -3), (0, 2, 0))
    for one, other in zip(on_x, mirrored):
        assert one == {(t, -y, -x): w for (t, y, x), w in other.items()}


@pytest.mark.parametrize("points", [4, 8, 10])
def test_uniform_bins_are_those_of_scikit_image(points):
    image = np.random.default_rng(seed=0).integers(0, 256, (90, 90), "uint8")
    codes, patterns = (
        local_binary_pattern(image, points, 3, method).astype(int)
        for method in ("default", "nri_uniform")
    )
    bins = uniform_bins(points)
    assert len(np.unique(codes)) > 0.9 * 2**points
    np.testing.assert_array_equal(bins[codes], patterns)


@pytest.mark.parametrize("points", [1, 2, 3, 8, 16])
def test_only_codes_with_more_than_two_changes_share_a_bin(points):
    bins = uniform_bins(points)
    last = points * (points - 1) + 2
    for code, chosen in enumerate(bins.tolist()):
        bits = [code >> p & 1 for p in range(points)]
        changes = sum(bits[p] != bits[p - 1] for p in range(points))
        assert (chosen == last) == (changes > 2)
    others = bins[bins != last]
    assert sorted(others) == list(range(len(others)))


@pytest.mark.parametrize("voxels", [1, 500, 10**6])
def test_counts_do_not_depend_on_the_size_of_chunks(voxels, monkeypatch):
    frames = np.random.default_rng(seed=1).integers(0, 9, (23, 12, 11), "uint8")
    neighbours = [
        circle(8, (0, 0, 2), (3, 0, 0)),
        circle(10, (3, 0, 0), (0, -1, 0)),
    ]
    expected = count_codes(frames, neighbours, (3, 1, 2), blocks=(2, 3))
    monkeypatch.setattr(neighbourhood, "VOXELS_AT_ONCE", voxels)
    chunked = count_codes(frames, neighbours, (3, 1, 2), blocks=(2, 3))
    for one, other in zip(chunked, expected):
        assert one.sum() == 17 * 10 * 7
        np.testing.assert_array_equal(one, other)


def test_views_of_larger_arrays_are_volumes():
    video = np.random.default_rng(2).integers(0, 256, (9, 20, 14), "uint8")
    view = video[::2, 3:17, ::-1]
    neighbours = [circle(8, (0, 0, 1), (1, 0, 0))]
    (counts,) = count_codes(view, neighbours, (1, 1, 1))
    (copied,) = count_codes(view.copy(), neighbours, (1, 1, 1))
    np.testing.assert_array_equal(counts, copied)


@pytest.mark.parametrize(
    ("frames", "received"),
    [
        (np.zeros((5, 5), "uint8"), r"shape=\(5, 5\), dtype=uint8"),
        (np.zeros((5, 5, 5)), r"shape=\(5, 5, 5\), dtype=float64"),
        (None, r"shape=\(\), dtype=object"),
    ],
)
def test_other_than_grey_frames_are_an_error(frames, received):
    with pytest.raises(
        ValueError, match=rf"grey levels.*uint8. Received: {received}"
    ):
        check_volume(frames, reach=(1, 1, 1))


@pytest.mark.parametrize("shape", [(4, 9, 9), (5, 2, 9), (5, 9, 6), (0, 9, 9)])
def test_a_volume_without_room_for_a_code_is_an_error(shape):
    with pytest.raises(
        ValueError,
        match=r"reach 2 frames, 1 rows and 3 columns .* at least 5 frames of "
        rf"3 x 7 pixels. Received: shape=\({shape[0]}, ",
    ):
        check_volume(np.zeros(shape, "uint8"), reach=(2, 1, 3))


def test_a_list_of_frames_is_a_volume():
    frames = check_volume([np.zeros((3, 3), "uint8")] * 3, reach=(1, 1, 1))
    assert frames.shape == (3, 3, 3)
