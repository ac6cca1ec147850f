"""Motion of skin, lids and lips for the amplitudes of nine regions."""

import numpy as np
import pytest

from fdin_tf.data.synthetic import REGIONS
from fdin_tf.data.synthetic import deformation
from fdin_tf.data.synthetic import template

FACE = template.average_face()
PIXEL = 1 / (0.232 * 256)  # of a picture of side 256, face units
PAINTED = slice(0, 36)  # jaw, brows and nose; lids and lips are drawn


def landmarks(amplitudes, blink=0.0):
    amplitudes = np.asarray(amplitudes, float)[None]
    return deformation.landmarks(FACE, amplitudes, np.array([blink]))[0]


def alone(region, amplitude=1.0):
    amplitudes = np.zeros(9)
    amplitudes[REGIONS.index(region)] = amplitude
    return amplitudes


def test_neutral_face_rests():
    np.testing.assert_array_equal(landmarks(np.zeros(9)), FACE)


@pytest.mark.parametrize("seed", range(5))
def test_painted_points_are_where_the_warp_shows_them(seed):
    # The picture at q shows what rests at q - sum_r a_r F_r(q).
    amplitudes = np.random.default_rng(seed).uniform(0, 1.2, 9)
    for seen, rest in zip(landmarks(amplitudes)[PAINTED], FACE[PAINTED]):
        source = seen.copy()
        for r in range(9):
            source -= amplitudes[r] * deformation.region_motion(
                r, *seen, mouth_y=template.MOUTH_Y
            )
        np.testing.assert_allclose(source, rest, atol=0.01 * PIXEL)


def test_skin_never_folds():
    # Where the warp keeps its orientation, no skin is seen twice.
    step = 1e-4
    y, x = np.mgrid[-1:2.2:80j, -1.2:1.2:60j]
    places = np.stack([x, y], axis=-1).reshape(-1, 2)
    rng = np.random.default_rng(0)
    for amplitudes in [np.full(9, 1.2), *rng.uniform(0, 1.2, (20, 9))]:

        def source(shift, amplitudes=amplitudes):
            moved = places + shift
            return moved - deformation.skin_motion(
                moved, amplitudes[None], template.MOUTH_Y
            )

        dx = (source((step, 0)) - source((-step, 0)))[0] / (2 * step)
        dy = (source((0, step)) - source((0, -step)))[0] / (2 * step)
        assert (dx[:, 0] * dy[:, 1] - dx[:, 1] * dy[:, 0]).min() > 0


def test_skin_beyond_the_reach_of_a_region_rests():
    for region in range(9):
        low, high = deformation.region_box(region, template.MOUTH_Y)
        edge = np.linspace(low, high, 9)
        for x, y in [(edge[:, 0], low[1]), (high[0], edge[:, 1])]:
            motion = deformation.region_motion(
                region, x, np.asarray(y), template.MOUTH_Y
            )
            assert np.abs(motion).max() < 0.2 * PIXEL


@pytest.mark.parametrize(
    ("region", "point", "direction"),
    [
        ("left_mouth", 48, (-1, -1)),
        ("right_mouth", 54, (1, -1)),
        ("mouth", 57, (0, 1)),
        ("mouth", 51, (0, -1)),
        ("left_eye", 41, (0, -1)),
        ("right_eye", 46, (0, -1)),
        ("forehead", 21, (0, -1)),
        ("forehead", 22, (0, -1)),
        ("nose", 33, (0, -1)),
        ("nose", 31, (-1, -1)),
        ("nose", 35, (1, -1)),
    ],
)
def test_regions_move_their_landmarks(region, point, direction):
    moved = (landmarks(alone(region)) - FACE)[point]
    for value, sign in zip(moved, direction):
        if sign:
            assert value * sign > 0.5 * PIXEL
        else:
            assert abs(value) < 0.1 * PIXEL


def test_lip_corners_move_in_proportion_to_their_amplitude():
    full = (landmarks(alone("left_mouth")) - FACE)[48]
    half = (landmarks(alone("left_mouth", 0.5)) - FACE)[48]
    np.testing.assert_allclose(half, full / 2)


def test_the_mouth_opens_inside():
    def gap(face):
        return face[66, 1] - face[62, 1]

    assert gap(landmarks(alone("mouth"))) > gap(FACE) + 0.1


@pytest.mark.parametrize("region", REGIONS)
def test_eye_corners_never_move(region):
    corners = [36, 39, 42, 45]
    face = landmarks(alone(region), blink=0.7)
    np.testing.assert_array_equal(face[corners], FACE[corners])


def test_narrowing_leaves_the_other_eye_open():
    face = landmarks(alone("left_eye"))
    np.testing.assert_array_equal(face[42:48], FACE[42:48])


def test_blink_closes_both_eyes():
    open_eye = FACE[41, 1] - FACE[37, 1]
    face = landmarks(np.zeros(9), blink=1.0)
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        assert 0 <= face[lower, 1] - face[upper, 1] < 0.2 * open_eye


def test_regions_of_the_mouth_follow_a_shifted_mouth():
    shift = deformation.centres(1.30) - deformation.centres(1.10)
    np.testing.assert_allclose(shift[6:, 1], 0.2)
    np.testing.assert_array_equal(shift[:6], 0)
