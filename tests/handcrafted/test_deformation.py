"""Deformations: areas of patches, their places, and what does not count."""

import itertools

import cv2
import numpy as np
import pytest

from fdin_tf.data.synthetic.template import average_face
from fdin_tf.handcrafted.deformation import PATCHES
from fdin_tf.handcrafted.deformation import deformation_signals
from fdin_tf.handcrafted.displacement import upright_landmarks
from tests.handcrafted.moving_faces import MIRROR
from tests.handcrafted.moving_faces import head_moved
from tests.handcrafted.moving_faces import mirrored
from tests.handcrafted.moving_faces import smiling_faces


@pytest.fixture
def rest():
    """Two frames of a face at rest."""
    return 100 * np.repeat(average_face()[None], 2, axis=0)


def opencv_area(face, patch):
    return cv2.contourArea(np.float32(face[list(patch)]))


@pytest.mark.parametrize("seed", range(3))
def test_areas_equal_those_of_opencv(seed):
    faces = smiling_faces(seed, num_frames=12, size=0.01)
    signals = deformation_signals(head_moved(faces))
    assert list(signals) == list(PATCHES)
    for name, sides in PATCHES.items():
        areas = np.array(
            [
                [opencv_area(face, patch) for patch in sides]
                for face in upright_landmarks(faces)
            ]
        )
        np.testing.assert_allclose(
            signals[name], 2 * areas / areas[0].sum(), rtol=1e-4
        )


def test_amplitudes_begin_at_one_on_both_sides_together():
    for signal in deformation_signals(smiling_faces()).values():
        assert signal[0].mean() == pytest.approx(1)


@pytest.mark.parametrize("name", PATCHES)
def test_right_patches_are_mirror_images_of_the_left_ones(name):
    left, right = PATCHES[name]
    assert set(MIRROR[list(left)].tolist()) == set(right)


def test_no_two_patches_of_a_face_share_a_place(rest):
    drawn = np.zeros((400, 400), int)
    corners = np.int32(200 + 60 * upright_landmarks(rest)[0] - [30, 0])
    for patch in itertools.chain(*PATCHES.values()):
        inside = np.zeros(drawn.shape, "uint8")
        cv2.fillPoly(inside, [corners[list(patch)]], 1)
        inside = cv2.erode(inside, np.ones((3, 3)))  # borders are shared
        assert inside.any()
        drawn += inside
    assert drawn.max() == 1


def test_a_mirrored_face_has_left_and_right_exchanged():
    faces = smiling_faces(seed=1)
    mirror = deformation_signals(mirrored(faces))
    for name, signal in deformation_signals(faces).items():
        np.testing.assert_allclose(mirror[name], signal[:, ::-1], atol=1e-9)


@pytest.mark.parametrize(
    ("move", "changes"),
    [
        # Points, their shift in eye distances, and which areas grow (+).
        ([(37, 38, 43, 44), (0, 0.05)], {"eyelids": 1}),
        ([(17, 18, 19, 20, 21), (0, 0.05)], {"eyelids": -1}),
        ([(40, 41, 46, 47), (0, 0.05)], {"cheeks": -1}),
        ([(56, 57, 58), (0, 0.1)], {"lips": 1}),
        ([(48,), (-0.1, 0)], {"cheeks": -1, "lips": 1}),
        ([(8, 27, 30, 62, 66), (0, 0.02)], {}),
    ],
)
def test_a_motion_deforms_the_skin_that_it_borders(rest, move, changes):
    points, shift = move
    eye_distance = np.linalg.norm(
        rest[0, [42, 45]].mean(axis=0) - rest[0, [36, 39]].mean(axis=0)
    )
    rest[1, list(points)] += eye_distance * np.array(shift)
    for name, signal in deformation_signals(rest).items():
        before, after = signal.mean(axis=1)
        change = np.sign(round(after - before, 6))
        assert change == changes.get(name, 0), name


def test_a_side_that_deforms_alone_is_told_from_the_other(rest):
    rest[1, 48, 0] -= 10
    lips = deformation_signals(rest)["lips"]
    assert lips[1, 0] > lips[0, 0] + 0.01
    assert lips[1, 1] == pytest.approx(lips[0, 1])


def test_a_region_without_area_is_an_error(rest):
    rest[:, 48:60, 1] = rest[:, 48:60, 1].mean()
    with pytest.raises(
        ValueError, match=r"The lips must have an area.*squared eye distances"
    ):
        deformation_signals(rest)


def test_a_frame_without_a_face_is_an_error(rest):
    rest[0] = np.nan
    with pytest.raises(ValueError, match=r"in frame 0"):
        deformation_signals(rest)
