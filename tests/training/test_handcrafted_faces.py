"""Faces for descriptors: what clips lack, and clips without landmarks."""

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
}


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    kinds = ["whole" if kind == "two" else kind for kind in LACKS]
    return grey_clips(tmp_path_factory.mktemp("faces"), kinds)[0]


@pytest.mark.parametrize("kind", LACKS)
def test_what_a_clip_lacks_is_told_and_leaves_it_in(faces, kind):
    clip_id = f"c{list(LACKS).index(kind)}"
    view, lacks = faces.view(clip_id)
    assert lacks == LACKS[kind]
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


def test_landmarks_that_were_not_smoothed_are(tmp_path):
    faces, _ = grey_clips(tmp_path, ["whole", "whole"], is_smooth=False)
    view, _ = faces.view("c0")
    expected = smooth_4253h_twice(faces.cropped.arrays("c0")["landmarks"])
    np.testing.assert_array_equal(view.landmarks, expected)


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
    assert lacks == ("no landmarks",)
    path = clips.path.iloc[1]
    points = load_landmarks(landmarks / f"{second}.npz")
    track = track_face(path, points, FACE)
    rgb = np.concatenate(list(aligned_chunks(path, track, FACE)))
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in rgb]
    np.testing.assert_array_equal(view.frames, grey)
    assert len({faces.key(c) for c in clips.clip_id}) == 3


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
