"""Faces for descriptors: what clips lack, and clips without landmarks."""

import dataclasses

import cv2
import numpy as np
import pytest

from fdin_tf.data.stored import FaceFiles
from fdin_tf.faces import FaceConfig
from fdin_tf.faces import aligned_chunks
from fdin_tf.faces import find_phases
from fdin_tf.faces import load_landmarks
from fdin_tf.faces import smooth_4253h_twice
from fdin_tf.faces import track_face
from fdin_tf.handcrafted.displacement import upright_landmarks
from fdin_tf.training import handcrafted_faces
from fdin_tf.training.handcrafted_faces import CONDITIONS
from fdin_tf.training.handcrafted_faces import grey_faces
from tests.training.grey_clips import RATE
from tests.training.grey_clips import clip_arrays
from tests.training.grey_clips import grey_clips

FACE = FaceConfig(size=40)
# Which clips lack what.
LACKS = {
    "whole": (),
    "rise": ("no offset",),
    "rest": ("no onset", "no offset"),
    "one frame": ("no onset", "no offset", "one frame"),
    "still": ("still",),
    "no width": ("no dynamics",),
    "plain": ("no landmarks",),
    "two": (),
    "two frames": ("no onset", "no offset", "few frames"),
    "gap": ("gap",),
}


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    kinds = ["whole" if kind == "two" else kind for kind in LACKS]
    return grey_clips(tmp_path_factory.mktemp("faces"), kinds)[0]


@pytest.mark.parametrize("kind", LACKS)
def test_what_a_clip_lacks_is_told_and_leaves_it_in(faces, kind):
    clip_id = f"c{list(LACKS).index(kind)}"
    view, lacks = faces.view(clip_id)
    assert tuple(lacks) == LACKS[kind]
    assert all(lacks.values())
    assert set(lacks) <= set(CONDITIONS)
    assert view.frames_per_second == RATE
    assert view.onset_frames[0] == 0


def test_a_clip_is_seen_with_its_phases(faces):
    arrays = faces.cropped.arrays("c0")
    view, _ = faces.view("c0")
    np.testing.assert_array_equal(view.frames, arrays["frames"])
    expected = find_phases(arrays["landmarks"], RATE, smooth=False)
    assert (view.phases.onset, view.phases.offset) == (
        expected.onset, expected.offset
    )  # fmt: skip
    assert view.onset_frames[1] in range(14, 18)


@pytest.mark.parametrize("kind", ["no width", "plain"])
def test_without_landmarks_all_is_apex(faces, kind):
    view, _ = faces.view(f"c{list(LACKS).index(kind)}")
    assert np.isnan(view.landmarks).all()
    assert view.phases.apex == (0, len(view.frames))
    assert view.onset_frames == (0, 0)
    assert not view.phases.amplitude.any()


@pytest.mark.parametrize("kind", ["whole", "two"])
def test_a_broken_view_is_no_lack_of_the_clip(faces, monkeypatch, kind):
    def broken(*arrays):
        raise ValueError("a fault of ours")

    monkeypatch.setattr(handcrafted_faces, "ClipView", broken)
    with pytest.raises(ValueError, match="a fault of ours"):
        faces.view(f"c{list(LACKS).index(kind)}")


def test_drawn_clips_differ_as_they_say():
    assert not np.array_equal(
        clip_arrays(seed=0)["frames"], clip_arrays(seed=1)["frames"]
    )


@pytest.fixture
def landmarks(tiny_clips, tiny_set, tmp_path):
    """Landmark files of three clips; the second and third have five points."""
    folder = tmp_path / "landmarks"
    folder.mkdir()
    for number, clip_id in enumerate(tiny_clips.clip_id[:3]):
        points = load_landmarks(tiny_set / "truth" / f"{clip_id}.npz")
        if number > 0:
            eyes = points[:, [[36, 39], [42, 45]]].mean(axis=2)
            points = np.hstack([eyes, points[:, [30, 48, 54]]])
        np.savez(folder / f"{clip_id}.npz", landmarks=points)
    return folder


def test_a_clip_without_68_landmarks_is_taken_by_its_face_track(
    tiny_clips, landmarks, tmp_path
):
    clips = tiny_clips[:3]
    files = FaceFiles(tmp_path / "cache", FACE, landmarks)
    faces = grey_faces(clips, files, files)
    first, second, _ = clips.clip_id
    assert set(faces.cropped.keys) == {first}
    view, lacks = faces.view(second)
    assert list(lacks) == ["no landmarks"]
    assert "expected 68 landmarks in every frame" in lacks["no landmarks"]
    assert faces.missing == dict.fromkeys(clips.clip_id, 0)
    path = clips.path.iloc[1]
    points = load_landmarks(landmarks / f"{second}.npz")
    track = track_face(path, points, FACE)
    rgb = np.concatenate(list(aligned_chunks(path, track, FACE)))
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in rgb]
    np.testing.assert_array_equal(view.frames, grey)
    assert len({faces.key(c) for c in clips.clip_id}) == 3


@pytest.mark.parametrize("change", [{}, {"smoothing": 0}, {"smoothing": 1}])
def test_landmarks_are_smoothed_alike_whatever_networks_take(
    tiny_clips, landmarks, tmp_path, change
):
    clips = tiny_clips[:1]
    face = dataclasses.replace(FACE, **change)
    assert face.smoother == "quadratic"
    files = FaceFiles(tmp_path / "cache", face, landmarks)
    view, _ = grey_faces(clips, files, files).view(clips.clip_id[0])
    path = clips.path[0]
    points = load_landmarks(landmarks / f"{clips.clip_id[0]}.npz")
    expected = upright_landmarks(smooth_4253h_twice(points))
    np.testing.assert_allclose(
        upright_landmarks(view.landmarks), expected, atol=1e-4
    )
    other = track_face(path, points, face).points
    assert abs(upright_landmarks(other) - expected).max() > 1e-3


def test_frames_that_are_missing_between_usable_ones_are_counted(
    tiny_clips, landmarks, tmp_path
):
    clips = tiny_clips[:2].reset_index(drop=True)
    for clip_id in clips.clip_id:
        path = landmarks / f"{clip_id}.npz"
        points = load_landmarks(path).copy()
        points[[0, 1, *range(4, 9), len(points) - 1]] = np.nan
        np.savez(path, landmarks=points)
    face = dataclasses.replace(
        FACE, max_gap=0.01, min_usable_frames=2, min_usable_share=0.1
    )
    files = FaceFiles(tmp_path / "cache", face, landmarks)
    faces = grey_faces(clips, files, files)
    for clip_id in clips.clip_id:
        assert faces.missing[clip_id] == 5
        view, lacks = faces.view(clip_id)
        assert lacks["gap"] == "5 frames are missing between usable ones"
        assert len(view.frames) == len(load_landmarks(path)) - 8


def test_no_landmarks_of_any_clip_are_an_error(tiny_clips, tmp_path):
    files = FaceFiles(tmp_path, FACE)
    message = "needs 68 landmarks in every frame, by the face mesh or from"
    with pytest.raises(ValueError, match=message):
        grey_faces(tiny_clips[:2], files, files)


def test_a_clip_that_cannot_be_followed_at_all_is_an_error(
    tiny_clips, landmarks, tmp_path
):
    clips = tiny_clips[:3].reset_index(drop=True)
    clips.loc[2, "path"] = "nowhere.mp4"
    files = FaceFiles(tmp_path / "cache", FACE, landmarks)
    message = f"a face in every clip.*'{clips.clip_id[2]}': nowhere.mp4: there"
    with pytest.raises(ValueError, match=message):
        grey_faces(clips, files, files)
