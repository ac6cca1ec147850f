"""The mean shape: Procrustes' mean, whatever the pose, and its errors."""

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from scipy.spatial import procrustes

from fdin_tf.faces import mean_shape
from fdin_tf.faces.landmarks import eyes_of
from fdin_tf.faces.shape import MIRROR
from tests.faces.plain_face import plain_face


@pytest.fixture
def rng():
    return np.random.default_rng(seed=0)


@pytest.fixture
def faces(rng):
    """30 faces around the plain one."""
    return plain_face() + rng.normal(scale=0.05, size=(30, 68, 2))


def moved(faces, rng):
    """Every face at another place, in another size and turn."""
    turns = rng.uniform(0, 2 * np.pi, len(faces))
    sizes = np.exp(rng.normal(size=len(faces)))
    cosine, sine = sizes * np.cos(turns), sizes * np.sin(turns)
    matrices = np.moveaxis(np.array([[cosine, -sine], [sine, cosine]]), 2, 0)
    places = rng.uniform(-900, 900, (len(faces), 1, 2))
    return faces @ matrices + places


def unit(face):
    face = face - face.mean(axis=0)
    return face / np.linalg.norm(face)


def symmetric(face):
    """A face averaged with its mirror image, which must stand upright."""
    return (face + (face * [-1, 1])[MIRROR]) / 2


def in_eye_distances(face):
    left, right = eyes_of(face[None])[0]
    along = (right - left) / np.sum((right - left) ** 2)
    across = np.array([-along[1], along[0]])
    return (face - (left + right) / 2) @ np.stack([along, across], axis=1)


def aligned_by_turns(faces, rounds=50):
    """Generalised Procrustes analysis as it is described, step by step."""
    faces = [unit(face) for face in faces]
    mean = faces[0]
    for _ in range(rounds):
        aligned = []
        for face in faces:
            turn, scale = orthogonal_procrustes(face, mean)
            aligned.append(scale * face @ turn)
        mean = unit(np.mean(aligned, axis=0))
    return mean


def test_equals_alignment_that_is_iterated(faces):
    mean = aligned_by_turns(faces)
    mean = aligned_by_turns([mean, (mean * [-1, 1])[MIRROR]])
    np.testing.assert_allclose(
        mean_shape(faces), in_eye_distances(mean), atol=1e-9
    )


def test_two_symmetric_faces_are_averaged_as_by_scipy(faces, rng):
    pair = np.stack([symmetric(face) for face in faces[:2]])
    first, second, _ = procrustes(*pair)
    # SciPy shrinks the second towards the first; both count alike in a mean.
    expected = first + unit(second)
    np.testing.assert_allclose(
        mean_shape(moved(pair, rng)), in_eye_distances(expected), atol=1e-9
    )


def test_the_planted_mean_is_found(rng):
    planted = in_eye_distances(plain_face())
    noise = rng.normal(scale=0.02, size=(4000, 68, 2))
    found = mean_shape(moved(planted + noise, rng))
    assert np.abs(found - planted).max() < 0.002


def test_one_symmetric_face_is_its_own_mean(rng):
    face = in_eye_distances(plain_face())
    np.testing.assert_allclose(
        mean_shape(moved(face[None], rng)), face, atol=1e-9
    )


def test_place_size_and_turn_of_every_face_change_nothing(faces, rng):
    np.testing.assert_allclose(
        mean_shape(moved(faces, rng)), mean_shape(faces), atol=1e-9
    )


def test_the_order_of_the_faces_changes_nothing(faces, rng):
    np.testing.assert_allclose(
        mean_shape(rng.permutation(faces)), mean_shape(faces), atol=1e-9
    )


def test_the_mean_looks_ahead_with_its_eyes_level(faces):
    sheared = faces @ np.array([[1.0, 0.3], [0.0, 1.0]])  # heads turned aside
    mean = mean_shape(sheared)
    assert mean.dtype == np.float64
    np.testing.assert_array_equal(mean, (mean * [-1, 1])[MIRROR])
    np.testing.assert_allclose(
        eyes_of(mean[None])[0], [[-0.5, 0], [0.5, 0]], atol=1e-12
    )
    assert mean[8, 1] > 1  # the chin is below the eyes


def test_the_mirror_of_the_mirror_is_the_face():
    np.testing.assert_array_equal(MIRROR[MIRROR], np.arange(68))
    face = plain_face()
    np.testing.assert_allclose((face * [-1, 1])[MIRROR], face, atol=1e-12)


def test_faces_with_nan_are_left_out(faces):
    holes = np.concatenate([faces, np.full((3, 68, 2), np.nan), faces[:1]])
    holes[-1, 5, 1] = np.nan
    np.testing.assert_allclose(mean_shape(holes), mean_shape(faces), atol=1e-12)


@pytest.mark.parametrize("shape", [(68, 2), (3, 5, 2), (3, 68, 3)])
def test_another_shape_is_an_error(shape):
    with pytest.raises(ValueError, match=r"\(faces, 68, 2\).*shape=\("):
        mean_shape(np.ones(shape))


@pytest.mark.parametrize("count", [0, 2])
def test_no_known_face_is_an_error(count):
    with pytest.raises(ValueError, match=rf"without NaN.*{count} faces"):
        mean_shape(np.full((count, 68, 2), np.nan))


def test_an_infinite_coordinate_is_an_error(faces):
    faces[4, 3, 1] = np.inf
    with pytest.raises(ValueError, match=r"finite.*face 4"):
        mean_shape(faces)


def test_eyes_in_one_place_are_an_error(faces):
    faces[6] = 7.0
    with pytest.raises(ValueError, match=r"two different places.*face 6"):
        mean_shape(faces)
