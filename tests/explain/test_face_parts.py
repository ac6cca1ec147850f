"""Parts of a face: where its landmarks are, none in the place of another."""

import numpy as np
import pytest
from scipy.spatial import Delaunay

from fdin_tf.explain.face_parts import PARTS
from fdin_tf.explain.face_parts import distance_to
from fdin_tf.explain.face_parts import face_parts
from fdin_tf.explain.face_parts import face_skin
from fdin_tf.explain.face_parts import positive_share
from tests.faces.plain_face import plain_face

SIZE = (150, 140)
EYES = 40.0  # distance, pixels


@pytest.fixture(scope="module")
def landmarks():
    """A face whose eyes are 40 pixels apart."""
    return EYES * plain_face() + [70, 50]


def pixels_in_hull(points):
    """All pixels of the convex hull of points, by triangles."""
    rows, columns = np.indices(SIZE)
    places = np.stack([columns, rows], axis=-1)
    return Delaunay(points).find_simplex(places) >= 0


@pytest.mark.parametrize(
    ("part", "first", "last"),
    [("mouth", 48, 68), ("left_eye", 36, 42), ("right_eye", 42, 48),
     ("nose", 27, 36)],
)  # fmt: skip
def test_a_part_is_the_hull_of_its_landmarks(landmarks, part, first, last):
    mask = face_parts(landmarks, SIZE, margin=0)[part]
    hull = pixels_in_hull(landmarks[first:last])
    assert mask[hull].all()
    # A polygon is drawn with its border: half a pixel and rounding more.
    assert distance_to(hull)[mask].max() <= np.sqrt(2)


def test_the_margin_is_in_eye_distances(landmarks):
    narrow = face_parts(landmarks, SIZE, margin=0)["mouth"]
    wide = face_parts(landmarks, SIZE, margin=0.25)["mouth"]
    np.testing.assert_array_equal(wide, distance_to(narrow) <= 0.25 * EYES)
    twice = face_parts(2 * landmarks, (300, 280), margin=0.25)["mouth"]
    assert twice.sum() / wide.sum() == pytest.approx(4, rel=0.03)


def test_left_is_left_in_the_image_and_both_eyes_are_two(landmarks):
    parts = face_parts(landmarks, SIZE)
    columns = np.arange(SIZE[1])
    centre = {n: (m.sum(0) @ columns) / m.sum() for n, m in parts.items()}
    assert centre["left_eye"] < 55 < 85 < centre["right_eye"]
    np.testing.assert_array_equal(
        parts["both_eyes"], parts["left_eye"] | parts["right_eye"]
    )


def test_cheeks_and_forehead_leave_the_others_their_places(landmarks):
    parts = face_parts(landmarks, SIZE)
    assert tuple(parts) == PARTS
    organs = np.any([parts[name] for name in PARTS[:6]], axis=0)
    for name in ("cheeks", "forehead"):
        assert parts[name].sum() > 200
        assert not (parts[name] & organs).any()
    assert not (parts["cheeks"] & parts["forehead"]).any()
    left, right = parts["cheeks"][:, :70], parts["cheeks"][:, 71:]
    assert left.sum() == pytest.approx(right.sum(), rel=0.03)  # both
    rows = np.flatnonzero(parts["forehead"].any(axis=1))
    top_of_brows = landmarks[17:27, 1].min()
    assert top_of_brows - 0.4 * EYES - 1 <= rows.min() < top_of_brows
    outline = pixels_in_hull(landmarks)
    inside = distance_to(~outline)[parts["cheeks"]].min()
    assert inside > 0.15 * EYES - np.sqrt(2)


def test_parts_turn_with_the_head(landmarks):
    centre, angle = np.array([70.0, 75.0]), np.deg2rad(40)
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]])
    upright = face_parts(landmarks, SIZE)
    tilted = face_parts((landmarks - centre) @ turn.T + centre, SIZE)
    for name in PARTS:
        rows, columns = np.nonzero(upright[name])
        there = (np.stack([columns, rows], -1) - centre) @ turn.T + centre
        x, y = np.rint(there).astype(int).T
        assert tilted[name][y, x].mean() > 0.9, name  # rounding at its border


def test_skin_is_the_face_without_its_organs(landmarks):
    skin, parts = face_skin(landmarks, SIZE), face_parts(landmarks, SIZE)
    face = pixels_in_hull(landmarks)
    organs = parts["mouth"] | parts["both_eyes"] | parts["brows"]
    assert not (skin & organs).any()
    assert skin[face & ~organs].all()
    assert distance_to(face)[skin].max() <= np.sqrt(2)


def test_distance_is_to_the_nearest_pixel_of_the_mask():
    rng = np.random.default_rng(0)
    mask = rng.random((12, 17)) < 0.05
    places = np.argwhere(mask)
    for row, column in np.ndindex(mask.shape):
        nearest = np.hypot(*(places - [row, column]).T).min()
        assert distance_to(mask)[row, column] == pytest.approx(nearest, 1e-4)
    assert np.isinf(distance_to(np.zeros((2, 2), bool))).all()


def test_share_counts_positive_relevance_only():
    heatmap = np.array([[4.0, -9.0], [1.0, 3.0]])
    mask = np.array([[True, True], [False, False]])
    assert positive_share(heatmap, mask) == 4 / 8
    assert positive_share(heatmap, np.ones((2, 2))) == 1
    assert np.isnan(positive_share(-np.abs(heatmap), mask))


def test_a_negative_margin_is_an_error(landmarks):
    with pytest.raises(ValueError, match=r"`margin`.*margin=-0.1"):
        face_parts(landmarks, SIZE, margin=-0.1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda points: points[:5], r"landmarks \(frames, 68, 2\)"),
        (lambda points: np.full_like(points, np.nan), "landmarks of NaN"),
        (lambda points: points[::-1], "68 points in iBUG order"),
    ],
)
def test_landmarks_of_no_face_are_an_error(landmarks, change, message):
    with pytest.raises(ValueError, match=message):
        face_parts(change(landmarks), SIZE)
