"""Crops: upright grey faces with their landmarks, warped onto one shape."""

import cv2
import numpy as np
import pytest

from fdin_tf.data.crops import crop_chunks
from fdin_tf.data.crops import crop_clips
from fdin_tf.data.crops import warp_clips
from fdin_tf.data.crops import warp_frames
from fdin_tf.data.stored import FaceFiles
from fdin_tf.data.synthetic import load_truth
from fdin_tf.faces import FaceConfig
from fdin_tf.faces import FaceWarp
from fdin_tf.faces import align_frame
from fdin_tf.faces import mean_shape
from fdin_tf.faces import mesh_landmarks
from fdin_tf.faces import smooth_4253h_twice
from fdin_tf.faces import track_face
from fdin_tf.faces.video import ClipError

FACE = FaceConfig(size=80, left_eye=(0.32, 0.28), smoother="4253h")


@pytest.fixture(scope="module")
def cropped(tiny_clips, tiny_set, tmp_path_factory):
    files = FaceFiles(
        tmp_path_factory.mktemp("crops"), FACE, tiny_set / "truth"
    )
    return crop_clips(tiny_clips[:4], files)


@pytest.fixture(scope="module")
def warp(cropped):
    landmarks = [cropped.load(c)[1] for c in cropped.clips.clip_id]
    return FaceWarp(mean_shape(np.concatenate(landmarks)), size=40)


def similarity(points):
    """From frame to crop, solved from where the eyes are to be."""
    left, right = points[[36, 39]].mean(axis=0), points[[42, 45]].mean(axis=0)
    (x1, y1), (x2, y2) = left, right
    # a x - b y + c and b x + a y + d, at both eyes.
    rows = [[x1, -y1, 1, 0], [y1, x1, 0, 1], [x2, -y2, 1, 0], [y2, x2, 0, 1]]
    places = [0.32 * 80, 0.28 * 80, 0.68 * 80, 0.28 * 80]
    a, b, c, d = np.linalg.solve(rows, places)
    return np.array([[a, -b, c], [b, a, d]])


def test_crops_are_the_aligned_frames_in_grey(cropped, tiny_set):
    row = cropped.clips.iloc[1]
    frames, landmarks = cropped.load(row.clip_id)
    assert frames.shape == (24, 80, 80)
    assert frames.dtype == np.uint8
    assert landmarks.shape == (24, 68, 2)
    assert landmarks.dtype == np.float32
    truth = load_truth(tiny_set, row.clip_id)["landmarks"]
    smooth = np.float32(smooth_4253h_twice(truth))
    video = cv2.VideoCapture(row.path)
    for t in range(24):
        bgr = video.read()[1]
        matrix = similarity(smooth[t])
        rgb = align_frame(np.ascontiguousarray(bgr[..., ::-1]), matrix, 80)
        red, green, blue = np.moveaxis(rgb.astype(float), -1, 0)
        grey = 0.299 * red + 0.587 * green + 0.114 * blue
        difference = np.abs(frames[t] - grey)
        assert difference.mean() < 0.5
        assert difference.max() < 4
        expected = smooth[t] @ matrix[:, :2].T + matrix[:, 2]
        np.testing.assert_allclose(landmarks[t], expected, atol=1e-3)
    video.release()


def test_landmarks_lie_on_the_cropped_face(cropped):
    # A pupil is darker than the cheek below it.
    for clip_id in cropped.clips.clip_id:
        frames, landmarks = cropped.load(clip_id)
        eyes = landmarks[:, [36, 39, 42, 45]].reshape(-1, 2, 2, 2).mean(axis=2)
        np.testing.assert_allclose(
            eyes, np.broadcast_to([[25.6, 22.4], [54.4, 22.4]], eyes.shape),
            atol=1e-3,
        )  # fmt: skip
        x, y = landmarks[:, 17:].reshape(-1, 2).T
        assert (x > 0).all()
        assert (x < 79).all()
        assert (y < 79).all()
        t = np.arange(24)
        pupils = eyes.round().astype(int)
        cheeks = (landmarks[:, [31, 35]] + landmarks[:, [2, 14]]) / 2
        cheeks = cheeks.round().astype(int)
        for side in (0, 1):
            pupil = frames[t, pupils[:, side, 1], pupils[:, side, 0]]
            cheek = frames[t, cheeks[:, side, 1], cheeks[:, side, 0]]
            assert np.median(pupil) < np.median(cheek)


def test_chunks_together_are_the_clip(cropped, tiny_set):
    row = cropped.clips.iloc[0]
    landmarks = tiny_set / "truth" / f"{row.clip_id}.npz"
    track = track_face(row.path, landmarks, config=FACE)
    chunks = list(crop_chunks(row.path, track, FACE, chunk_size=7))
    assert [len(frames) for frames, _ in chunks] == [7, 7, 7, 3]
    assert [len(points) for _, points in chunks] == [7, 7, 7, 3]
    for whole, parts in zip(cropped.load(row.clip_id), zip(*chunks)):
        np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_frames_that_are_not_used_have_neither_crop_nor_landmarks(
    cropped, tiny_set
):
    row = cropped.clips.iloc[0]
    landmarks = load_truth(tiny_set, row.clip_id)["landmarks"]
    landmarks[8:16] = np.nan
    track = track_face(row.path, landmarks, config=FACE)
    ((frames, points),) = crop_chunks(row.path, track, FACE)
    assert len(frames) == len(points) == 16
    whole, _ = cropped.load(row.clip_id)
    used = np.r_[0:8, 16:24]
    assert np.abs(frames - whole[used].astype(float)).mean() < 2


def test_a_track_of_five_points_is_an_error(cropped, tiny_set):
    row = cropped.clips.iloc[0]
    landmarks = load_truth(tiny_set, row.clip_id)["landmarks"]
    track = track_face(row.path, landmarks[:, [36, 45, 30, 48, 54]])
    with pytest.raises(
        ClipError, match=r"_1\.mp4: expected a track of 68 .* Received: 5"
    ):
        next(crop_chunks(row.path, track, FACE))


def test_clips_without_landmarks_are_left_out(tiny_clips, tiny_set, tmp_path):
    folder = tmp_path / "landmarks"
    folder.mkdir()
    first, second = tiny_clips.clip_id[:2]
    (folder / f"{second}.npz").write_bytes(
        (tiny_set / "truth" / f"{second}.npz").read_bytes()
    )
    files = FaceFiles(tmp_path / "cache", FACE, folder)
    cropped = crop_clips(tiny_clips[:2], files)
    assert cropped.clips.clip_id.tolist() == [second]
    assert cropped.left_out.clip_id.tolist() == [first]
    assert cropped.left_out.reason[0] == (
        f"{tiny_clips.path[0]}: needs 68 landmarks in every frame, by the "
        "face mesh or from a file. Received: no such file in "
        f"landmarks_dir={folder}"
    )


def test_outside_of_the_face_is_0_and_inside_is_not(cropped, warp):
    frames, landmarks = cropped.load(cropped.clips.clip_id[2])
    dark = frames // 50 * 50  # some places of it black
    dark[:, 20:50, 20:50] = 0
    warped = warp_frames(warp, dark, landmarks)
    assert warped.shape == (24, 40, 40, 1)
    assert warped.dtype == np.uint8
    assert (warped[:, ~warp.mask] == 0).all()
    assert (warped[:, warp.mask] >= 1).all()
    assert (warped == 1).any()
    bright = warped[..., 0] > 1
    np.testing.assert_array_equal(
        warped[..., 0][bright], warp.warp_clip(dark, landmarks)[bright]
    )


def test_warped_clips_are_what_a_network_takes(cropped, warp):
    ids = cropped.clips.clip_id[[3, 1]].tolist()
    data = warp_clips(cropped, warp, ids)
    assert data.name == "frames"
    assert data.shape == (40, 40, 1)
    assert sorted(data.clips.clip_id) == sorted(ids)
    assert data.clips.num_frames.tolist() == [24, 24]
    for clip_id in ids:
        np.testing.assert_array_equal(
            data.load(clip_id), warp_frames(warp, *cropped.load(clip_id))
        )


def test_the_face_mesh_gives_the_landmarks_where_there_is_no_file(
    tiny_clips, cropped, tmp_path
):
    pytest.importorskip("ai_edge_litert", reason="needs the extra `mesh`")
    files = FaceFiles(tmp_path, FACE, find_landmarks=mesh_landmarks)
    found = crop_clips(tiny_clips[:1], files)
    clip_id = tiny_clips.clip_id[0]
    frames, landmarks = found.load(clip_id)
    _, truth = cropped.load(clip_id)
    assert frames.shape == (24, 80, 80)
    # A drawn face by a model of real ones: within an eighth of the eye
    # distance (28.8 pixels); the jaw, which it sees elsewhere, aside.
    error = np.linalg.norm(landmarks - truth, axis=-1)[:, 17:]
    assert error.mean() < 28.8 / 8
