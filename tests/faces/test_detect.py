"""Detection: right places at every size, thread safe, in full precision."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import keras
import numpy as np
import pytest
from mtcnn import MTCNN
from skimage import data

from fdin_tf.faces import MTCNNDetector
from fdin_tf.faces.detect import _load_networks
from tests.faces.photo_clip import EYE_DISTANCE
from tests.faces.photo_clip import EYES
from tests.faces.photo_clip import photo_frames


@pytest.fixture(scope="module")
def photo():
    return data.astronaut()


def eye_error(face, eyes):
    """Mean distance of the eyes, in shares of the eye distance."""
    distance = np.hypot(*(eyes[1] - eyes[0]))
    return np.hypot(*(face.points[:2] - eyes).T).mean() / distance


def test_the_five_points_lie_where_the_photograph_has_them(detector, photo):
    (face,) = detector(photo)
    assert eye_error(face, EYES) < 0.06
    lip_corners = [[203.7, 140.7], [245.3, 139.2]]
    away = np.hypot(*(face.points[3:] - lip_corners).T)
    assert (away < 0.15 * EYE_DISTANCE).all()
    nose = face.points[2]
    assert (face.points[:2, 1] < nose[1]).all()
    assert (nose[1] < face.points[3:, 1]).all()
    x1, y1, x2, y2 = face.box
    inside = (face.points > [x1, y1]) & (face.points < [x2, y2])
    assert inside.all()
    assert face.confidence > 0.99
    assert face.area == pytest.approx((x2 - x1) * (y2 - y1))


def test_agrees_with_the_unrestricted_search(detector, photo):
    rows = MTCNN().detect_faces(photo, output_type="numpy")
    everywhere = rows[0, 6:].reshape(2, 5).T
    away = np.hypot(*(detector(photo)[0].points - everywhere).T)
    assert (away < 0.06 * EYE_DISTANCE).all()


@pytest.mark.parametrize("side", [128, 720, 1440])
def test_the_size_of_the_image_hardly_matters(detector, side):
    (frame,), truth = photo_frames(1, size=side)
    (face,) = detector(frame)
    assert eye_error(face, truth["eyes"][0]) < 0.06


def test_a_mirrored_face_has_left_and_right_of_the_image(detector, photo):
    (face,) = detector(np.ascontiguousarray(photo[:, ::-1]))
    left, right, _, mouth_left, mouth_right = face.points
    assert left[0] < right[0]
    assert mouth_left[0] < mouth_right[0]


def test_faces_below_the_smallest_are_not_searched(photo):
    # The box of the face takes 0.2 of the photograph's side.
    assert len(MTCNNDetector(min_face_share=0.2)(photo)) == 1
    assert MTCNNDetector(min_face_share=0.6)(photo) == []


def test_two_faces_are_two(detector):
    (frame,), truth = photo_frames(1)
    pair = np.concatenate([frame, frame[:, ::-1]], axis=1)
    faces = sorted(detector(pair), key=lambda face: face.box[0])
    assert len(faces) == 2
    assert eye_error(faces[0], truth["eyes"][0]) < 0.06
    mirrored = [511, 0] + truth["eyes"][0][::-1] * [-1, 1]
    assert eye_error(faces[1], mirrored) < 0.06


@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 300, 3), (64, 64, 3)])
def test_an_image_without_a_face_gives_none(detector, shape):
    assert detector(np.full(shape, 128, "uint8")) == []
    noise = np.random.default_rng(seed=0).integers(0, 255, shape, "uint8")
    assert detector(noise) == []


def test_threads_may_share_a_new_detector(photo):
    shared = MTCNNDetector()
    _load_networks.cache_clear()
    sizes = [256, 200, 320, 256] * 2
    images = [cv2.resize(photo, (size, size)) for size in sizes]
    with ThreadPoolExecutor(4) as pool:
        together = [faces[0].points for faces in pool.map(shared, images)]
    alone = [shared(image)[0].points for image in images]
    np.testing.assert_allclose(together, alone, atol=1e-3)


def test_the_precision_policy_does_not_reach_the_detector(detector, photo):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    _load_networks.cache_clear()
    try:
        points = MTCNNDetector()(photo)[0].points
    finally:
        keras.config.set_dtype_policy(before)
        _load_networks.cache_clear()
    np.testing.assert_allclose(points, detector(photo)[0].points, atol=1e-3)


@pytest.mark.parametrize("share", [0, -0.1, 1.1, float("nan")])
def test_an_impossible_smallest_face_is_an_error(share):
    with pytest.raises(ValueError, match=r"share of.*Received: min_face_share"):
        MTCNNDetector(min_face_share=share)


def test_an_impossible_confidence_is_an_error():
    with pytest.raises(ValueError, match=r"0 to 1.*Received: min_confidence=2"):
        MTCNNDetector(min_confidence=2)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((64, 64), "uint8"),
        np.zeros((64, 64, 4), "uint8"),
        np.zeros((0, 64, 3), "uint8"),
        np.zeros((64, 64, 3), "float32"),
        "photo.png",
    ],
)
def test_what_is_no_image_is_an_error(detector, image):
    with pytest.raises(ValueError, match=r"RGB image.*Received: shape="):
        detector(image)
