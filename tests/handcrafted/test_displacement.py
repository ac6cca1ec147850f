"""Displacements: their equations, what does not count, planted motions."""

import math

import numpy as np
import pytest

from fdin_tf.data.synthetic.template import average_face
from fdin_tf.faces.phases import lip_amplitude
from fdin_tf.handcrafted.displacement import GENDER_SIGNALS
from fdin_tf.handcrafted.displacement import displacement_signals
from fdin_tf.handcrafted.displacement import gender_signals
from fdin_tf.handcrafted.displacement import upright_landmarks
from tests.handcrafted.moving_faces import MIRROR
from tests.handcrafted.moving_faces import head_moved
from tests.handcrafted.moving_faces import mirrored
from tests.handcrafted.moving_faces import smiling_faces


@pytest.fixture(params=range(3))
def faces(request):
    return smiling_faces(seed=request.param, num_frames=12)


@pytest.fixture
def rest():
    """Two frames of a face at rest."""
    return 100 * np.repeat(average_face()[None], 2, axis=0)


def middle(*points):
    return [sum(axis) / len(points) for axis in zip(*points)]


def eye_distance(face):
    left = middle(face[36], face[39])
    return math.dist(left, middle(face[42], face[45]))


def upright(face):
    """A face turned, scaled and moved by hand: eyes at (0, 0) and (1, 0)."""
    left, right = middle(face[36], face[39]), middle(face[42], face[45])
    across = [(right[k] - left[k]) / eye_distance(face) ** 2 for k in (0, 1)]
    placed = []
    for x, y in face:
        x, y = x - left[0], y - left[1]
        placed.append(
            [x * across[0] + y * across[1], y * across[0] - x * across[1]]
        )
    return placed


def lid_height(face, outer, inner, lid):
    """Of one eye: how far its upper lid is above the middle of its corners."""
    centre = middle(face[outer], face[inner])
    top = middle(*(face[k] for k in lid))
    height = math.dist(centre, top)
    return height if top[1] <= centre[1] else -height


def cheek(face, lid, nose, mouth, jaw):
    lid = middle(*(face[k] for k in lid))
    return middle(lid, face[nose], face[mouth], face[jaw])


def literal_displacements(faces):
    faces = [upright(face) for face in faces]
    first = faces[0]
    eye_width = middle(
        [math.dist(first[36], first[39])], [math.dist(first[42], first[45])]
    )[0]
    eyelids = [
        [
            lid_height(face, 36, 39, (37, 38)) / eye_width,
            lid_height(face, 42, 45, (43, 44)) / eye_width,
        ]
        for face in faces
    ]
    pairs = {
        "cheeks": [
            (
                cheek(face, (40, 41), 31, 48, 2),
                cheek(face, (46, 47), 35, 54, 14),
            )
            for face in faces
        ],
        "lips": [(face[48], face[54]) for face in faces],
    }
    signals = {"eyelids": eyelids}
    for name, places in pairs.items():
        centre, width = middle(*places[0]), math.dist(*places[0])
        signals[name] = [
            [math.dist(place, centre) / width for place in pair]
            for pair in places
        ]
    return signals


def test_upright_faces_have_their_eyes_at_the_same_places(faces):
    points = upright_landmarks(head_moved(faces))
    np.testing.assert_allclose(
        points[:, [36, 39]].mean(axis=1), np.zeros((12, 2)), atol=1e-9
    )
    np.testing.assert_allclose(
        points[:, [42, 45]].mean(axis=1), [[1, 0]] * 12, atol=1e-9
    )
    np.testing.assert_allclose(points, [upright(f) for f in faces], atol=1e-9)


def test_displacements_equal_their_equations(faces):
    signals = displacement_signals(head_moved(faces))
    expected = literal_displacements(faces)
    assert list(signals) == list(expected)
    for name, signal in signals.items():
        np.testing.assert_allclose(signal, expected[name], atol=1e-9)


def test_lips_are_the_amplitude_that_the_phases_are_found_by(faces):
    lips = displacement_signals(faces)["lips"].mean(axis=1)
    np.testing.assert_allclose(lips, lip_amplitude(faces))


@pytest.mark.parametrize("signals_of", [displacement_signals, gender_signals])
def test_a_mirrored_face_has_left_and_right_exchanged(faces, signals_of):
    mirror = signals_of(mirrored(faces))
    for name, signal in signals_of(faces).items():
        np.testing.assert_allclose(mirror[name], signal[:, ::-1], atol=1e-9)


def test_lids_that_close_pass_through_zero(rest):
    lids = [37, 38, 43, 44]
    heights = []
    for lowered in (0.0, 0.5, 1.0, 1.5):
        faces = rest.copy()
        corners = faces[1, [36, 36, 42, 42], 1]
        faces[1, lids, 1] += lowered * (corners - faces[1, lids, 1])
        heights.append(displacement_signals(faces)["eyelids"][1].mean())
    open_eye = heights[0]
    assert open_eye > 0.05
    np.testing.assert_allclose(
        heights, open_eye * np.array([1, 0.5, 0, -0.5]), atol=0.01 * open_eye
    )


def test_a_cheek_follows_what_borders_it(rest):
    width = np.linalg.norm(
        np.subtract(
            cheek(rest[0], (40, 41), 31, 48, 2),
            cheek(rest[0], (46, 47), 35, 54, 14),
        )
    )
    rest[1, 2, 0] -= 4 * width / 10  # a quarter of the mean of four
    cheeks = displacement_signals(rest)["cheeks"]
    np.testing.assert_allclose(cheeks, [[0.5, 0.5], [0.6, 0.5]], atol=1e-3)


def test_distances_equal_their_equation(faces):
    signals = gender_signals(head_moved(faces))
    assert list(signals) == list(GENDER_SIGNALS)

    def place(face, part):
        if isinstance(part, int):
            return face[part]
        return middle(*(face[k] for k in part))

    for name, sides in GENDER_SIGNALS.items():
        for side, (a, b) in enumerate(sides):
            lengths = [
                math.dist(place(face, a), place(face, b)) / eye_distance(face)
                for face in faces
            ]
            np.testing.assert_allclose(
                signals[name][:, side],
                [length - lengths[0] for length in lengths],
                atol=1e-9,
            )


@pytest.mark.parametrize("name", GENDER_SIGNALS)
def test_both_sides_of_a_distance_are_mirror_images(name):
    left, right = (
        {frozenset(np.atleast_1d(part).tolist()) for part in side}
        for side in GENDER_SIGNALS[name]
    )
    assert {frozenset(MIRROR[list(part)].tolist()) for part in left} == right


def test_of_a_face_at_rest_no_distance_changes(rest):
    for signal in gender_signals(rest).values():
        np.testing.assert_array_equal(signal, np.zeros((2, 2)))


def test_a_frame_without_a_face_is_an_error(rest):
    rest[1] = np.nan
    with pytest.raises(ValueError, match=r"show a face\..*in frame 1"):
        displacement_signals(rest)


def test_five_points_are_an_error():
    with pytest.raises(ValueError, match=r"\(frames, 68, 2\).*\(9, 5, 2\)"):
        gender_signals(np.zeros((9, 5, 2)))


def test_a_mouth_without_width_is_an_error(rest):
    rest[:, 48] = rest[:, 54]
    with pytest.raises(ValueError, match=r"lip corners must.*in frame 0"):
        displacement_signals(rest)


def test_eyes_without_width_are_an_error(rest):
    rest[:, 36:42] = rest[:, [36]]
    rest[:, 42:48] = rest[:, [42]]
    with pytest.raises(ValueError, match=r"corners of the eyes must"):
        displacement_signals(rest)
