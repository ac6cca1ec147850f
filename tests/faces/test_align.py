"""Alignment: eyes at the promised places, without aliasing, in chunks."""

import cv2
import numpy as np
import pytest
from skimage.transform import SimilarityTransform
from skimage.transform import warp

from fdin_tf.faces import FaceConfig
from fdin_tf.faces import VideoError
from fdin_tf.faces import align_frame
from fdin_tf.faces import aligned_chunks
from fdin_tf.faces import eye_similarity
from fdin_tf.faces import track_face
from fdin_tf.faces.track import FaceTrack
from tests.faces.photo_clip import photo_frames

LEFT_EYE = (25 / 96, 24 / 96)


@pytest.fixture
def eyes():
    """Eyes of 20 faces of any size and turn."""
    rng = np.random.default_rng(seed=0)
    return rng.uniform(0, 500, (20, 2, 2))


def moved(matrix, points):
    return points @ matrix[:, :2].T + matrix[:, 2]


def test_every_eye_comes_to_its_place(eyes):
    for matrix, pair in zip(eye_similarity(eyes, 96, LEFT_EYE), eyes):
        np.testing.assert_allclose(moved(matrix, pair), [[25, 24], [71, 24]])


def test_equals_the_similarity_of_scikit_image(eyes):
    target = np.array([[25, 24], [71, 24]])
    for matrix, pair in zip(eye_similarity(eyes, 96, LEFT_EYE), eyes):
        expected = SimilarityTransform.from_estimate(pair, target)
        np.testing.assert_allclose(matrix, expected.params[:2], atol=1e-6)


def test_wrong_shape_of_the_eyes_is_an_error():
    with pytest.raises(ValueError, match=r"\(frames, 2, 2\).*\(4, 68, 2\)"):
        eye_similarity(np.zeros((4, 68, 2)), 96, LEFT_EYE)


def test_two_eyes_in_one_place_are_an_error(eyes):
    eyes[7, 1] = eyes[7, 0]
    with pytest.raises(ValueError, match=r"two different places.*frame 7"):
        eye_similarity(eyes, 96, LEFT_EYE)


@pytest.fixture(scope="module")
def smooth_image():
    noise = np.random.default_rng(seed=0).normal(size=(120, 160, 3))
    noise = cv2.GaussianBlur(noise, (0, 0), 6)
    return np.uint8(np.clip(128 + 500 * noise, 0, 255))


@pytest.mark.parametrize(
    "eyes",
    [
        [[60, 50], [95, 60]],  # inside, enlarged
        [[30, 40], [120, 35]],  # shrunk, beyond the right and lower border
        [[-5, 10], [30, 5]],  # partly beyond the upper left corner
    ],
)
def test_the_warp_equals_that_of_scikit_image(smooth_image, eyes):
    (matrix,) = eye_similarity([eyes], 96, LEFT_EYE)
    expected = warp(
        smooth_image,
        SimilarityTransform(np.vstack([matrix, [0, 0, 1]])).inverse,
        output_shape=(96, 96),
        mode="edge",
        preserve_range=True,
    )
    aligned = align_frame(smooth_image, matrix, 96)
    assert aligned.shape == (96, 96, 3)
    assert aligned.dtype == np.uint8
    assert np.abs(aligned - expected).max() < 6
    assert np.abs(aligned - expected).mean() < 1


def test_a_face_beyond_the_frame_still_gives_a_picture(smooth_image):
    (matrix,) = eye_similarity([[[900, 900], [950, 900]]], 96, LEFT_EYE)
    aligned = align_frame(smooth_image, matrix, 96)
    corner = smooth_image[-1, -1].astype(int)
    assert np.abs(aligned - corner).max() <= 1


@pytest.mark.parametrize("period", [2, 3, 4])
def test_a_large_face_is_shrunk_without_aliasing(period):
    # Stripes far finer than a pixel of the crop must become even grey.
    stripes = np.where(np.arange(1080) % period < period / 2, 255, 0)
    frame = np.repeat(np.uint8(stripes)[None, :, None], 1080, axis=0)
    frame = np.ascontiguousarray(np.broadcast_to(frame, (1080, 1080, 3)))
    (matrix,) = eye_similarity([[[400, 400], [700, 410]]], 96, LEFT_EYE)
    assert align_frame(frame, matrix, 96).std() < 4
    plain = cv2.warpAffine(frame, matrix, (96, 96))
    assert plain.std() > 40  # what would happen without the filter


def test_a_grey_frame_may_be_aligned_too(smooth_image):
    (matrix,) = eye_similarity([[[60, 50], [95, 60]]], 96, LEFT_EYE)
    grey = np.ascontiguousarray(smooth_image[..., 0])
    np.testing.assert_array_equal(
        align_frame(grey, matrix, 96),
        align_frame(smooth_image, matrix, 96)[..., 0],
    )


@pytest.fixture(scope="module")
def track(photo_clip, detector):
    return track_face(photo_clip[0], detector=detector)


def test_the_eyes_of_a_real_clip_come_to_their_places(photo_clip, track):
    path, truth = photo_clip
    matrices = eye_similarity(track.eyes, 96, LEFT_EYE)
    places = np.stack(
        [moved(m, pair) for m, pair in zip(matrices, truth["eyes"])]
    )
    # The detector's own idea of an eye may be 5 % of the eye distance away.
    assert np.abs(places.mean(0) - [[25, 24], [71, 24]]).max() < 0.05 * 46
    assert places.std(axis=0).max() < 0.005 * 46
    faces = np.concatenate(list(aligned_chunks(path, track)))
    # The pupil is the darkest place around each eye of the mean face.
    mean = cv2.GaussianBlur(np.float32(faces.mean(axis=(0, 3))), (0, 0), 2)
    for x in (25, 71):
        around = mean[16:33, x - 8 : x + 9]
        row, column = np.unravel_index(around.argmin(), around.shape)
        assert np.hypot(row - 8, column - 8) < 4


def test_the_rows_of_the_grid_hold_eyes_nose_and_mouth(photo_clip, track):
    # Read off the photograph relative to its pupils, then aligned by them.
    (matrix,) = eye_similarity([[[202.8, 100.3], [245.8, 103.2]]], 96, LEFT_EYE)
    brow, nose_tip, mouth = [[200, 90], [223, 127], [224, 144]]
    rows = moved(matrix, np.array([brow, nose_tip, mouth], "float64"))[:, 1]
    assert (rows // 32).tolist() == [0, 1, 2]


def test_chunks_hold_the_usable_frames_in_order(photo_clip, track):
    path, _ = photo_clip
    usable = track.usable.copy()
    usable[[0, 11, 12, 39]] = False
    part = FaceTrack(
        track.points, track.times, usable, 25.0, track.counts, "mtcnn"
    )
    chunks = list(aligned_chunks(path, part, chunk_size=10))
    assert [chunk.shape for chunk in chunks] == [
        (10, 96, 96, 3),
        (10, 96, 96, 3),
        (10, 96, 96, 3),
        (6, 96, 96, 3),
    ]
    whole = np.concatenate(list(aligned_chunks(path, track)))
    np.testing.assert_array_equal(np.concatenate(chunks), whole[usable])


def test_size_and_eye_place_are_those_of_the_config(photo_clip, track):
    path, _ = photo_clip
    config = FaceConfig(size=64, left_eye=(0.3, 0.4))
    chunk = next(aligned_chunks(path, track, config))
    assert chunk.shape == (40, 64, 64, 3)


@pytest.mark.parametrize("change", [slice(0, 30), [*range(40), 39, 39]])
def test_the_track_of_another_video_is_an_error(photo_clip, track, change):
    path, _ = photo_clip
    other = FaceTrack(
        track.points[change],
        track.times[change],
        track.usable[change],
        25.0,
        track.counts,
        "mtcnn",
    )
    with pytest.raises(VideoError, match=r"has 40 frames, but its face track"):
        list(aligned_chunks(path, other))


def test_an_empty_chunk_is_an_error(photo_clip, track):
    with pytest.raises(ValueError, match=r"at least 1.*chunk_size=0"):
        aligned_chunks(photo_clip[0], track, chunk_size=0)


def test_a_still_face_stays_still(detector, tmp_path):
    frames, _ = photo_frames(1)
    (face,) = detector(frames[0])
    (matrix,) = eye_similarity(face.points[None, :2], 96, LEFT_EYE)
    crops = [align_frame(frame, matrix, 96) for frame in [frames[0]] * 2]
    np.testing.assert_array_equal(*crops)
