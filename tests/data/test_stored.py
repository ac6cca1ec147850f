"""Storing: each clip once, by what decides it, whole or not at all."""

import dataclasses
import shutil

import numpy as np
import pytest

from fdin_tf.data.stored import FaceFiles
from fdin_tf.data.stored import store_clips
from fdin_tf.faces import FaceConfig
from fdin_tf.faces import UnusableClip
from fdin_tf.faces import load_landmarks

FACE = FaceConfig(size=64, smoother="4253h")


def take_points(video, track):
    """What these tests keep of a clip."""
    return {"points": track.points, "name": np.array(video.name)}


def never(*_, **__):
    raise AssertionError("this was made before")


def store(clips, files, make=take_points, settings=(1,), **options):
    return store_clips(
        clips, files, "test", settings, make, "Test", workers=2, **options
    )


@pytest.fixture
def clips(tiny_clips):
    return tiny_clips[:3]


@pytest.fixture
def files(tiny_set, tmp_path):
    """Faces by the landmarks of the truth; a cache of this test's own."""
    return FaceFiles(tmp_path / "cache", FACE, tiny_set / "truth")


@pytest.fixture
def truth_of(tiny_set):
    """Stands for the face mesh: landmarks of the truth, by the video."""

    def planted_landmarks(video, face):
        assert face == FACE
        return load_landmarks(tiny_set / "truth" / f"{video.stem}.npz")

    return planted_landmarks


def test_what_is_made_is_kept_with_what_was_found(clips, files):
    stored = store(clips, files)
    assert stored.clips.clip_id.tolist() == clips.clip_id.tolist()
    assert stored.clips.num_frames.tolist() == [24] * 3
    assert stored.clips.frames_per_second.tolist() == [25.0] * 3
    assert set(stored.clips.face_source) == {"landmarks"}
    assert stored.clips.face_frames.tolist() == [24] * 3
    assert len(stored.left_out) == 0
    for clip_id in clips.clip_id:
        arrays = stored.arrays(clip_id)
        assert arrays["points"].shape == (24, 68, 2)
        assert str(arrays["name"]) == f"{clip_id}.mp4"


def test_a_second_call_makes_nothing_again(clips, files, monkeypatch):
    first = store(clips, files)
    monkeypatch.setattr("fdin_tf.data.stored.track_face", never)
    again = store(clips, files, make=never)
    assert again.keys == first.keys
    assert again.fingerprint() == first.fingerprint()


def test_other_settings_share_the_tracks(clips, files, monkeypatch):
    first = store(clips, files)
    monkeypatch.setattr("fdin_tf.data.stored.track_face", never)
    other = store(clips, files, settings=(2,))
    assert not {*other.keys.values()} & {*first.keys.values()}


def test_other_faces_and_landmarks_have_other_keys(
    clips, files, tiny_set, tmp_path
):
    first = store(clips, files)
    face = dataclasses.replace(FACE, smoothing=0)
    other = store(clips, dataclasses.replace(files, face=face))
    assert not {*other.keys.values()} & {*first.keys.values()}

    folder = shutil.copytree(tiny_set / "truth", tmp_path / "moved")
    moved, *others = clips.clip_id
    points = load_landmarks(folder / f"{moved}.npz")
    np.savez(folder / f"{moved}.npz", landmarks=points + 1)
    changed = store(clips, dataclasses.replace(files, landmarks_dir=folder))
    assert changed.keys[moved] != first.keys[moved]
    assert [changed.keys[c] for c in others] == [first.keys[c] for c in others]
    assert changed.fingerprint() != first.fingerprint()
    np.testing.assert_allclose(
        changed.arrays(moved)["points"],
        first.arrays(moved)["points"] + 1,
        atol=1e-4,
    )


def test_labels_are_part_of_the_fingerprint_and_places_are_not(
    clips, files, tmp_path
):
    first = store(clips, files)
    older = store(clips.assign(age=clips.age + 1), files)
    assert older.keys == first.keys
    assert older.fingerprint() != first.fingerprint()
    paths = [str(shutil.copy(path, tmp_path)) for path in clips.path]
    moved = store(clips.assign(path=paths), files)
    assert moved.fingerprint() == first.fingerprint()


def test_a_call_that_was_stopped_goes_on(clips, files):
    first, *rest = clips.clip_id

    def stop(video, track):
        if video.stem != first:
            raise KeyboardInterrupt
        return take_points(video, track)

    with pytest.raises(KeyboardInterrupt):
        store_clips(clips, files, "test", (1,), stop, "Test", workers=1)
    made = []

    def make(video, track):
        made.append(video.stem)
        return take_points(video, track)

    stored = store(clips, files, make)
    assert sorted(made) == rest
    assert len(stored.clips) == 3


def test_nothing_half_written_is_left_behind(clips, files):
    def fail(video, track):
        raise OSError(f"{video}: the disk is full")

    with pytest.raises(ValueError, match=r"None of the 3 clips.*disk is full"):
        store(clips, files, fail)
    assert not list((files.cache_dir / "test").rglob("*.npz"))
    half = files.cache_dir / "test" / "ab" / ".ab12.npz.999999999-abc.tmp"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half")
    store(clips, files)
    assert not list(files.cache_dir.rglob(".*.tmp"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:100],
        lambda data: data[:-100],
        lambda data: data[:5000] + b"1234" + data[5004:],
    ],
)
def test_a_damaged_file_is_found_out_and_made_again(clips, files, damage):
    stored = store(clips, files)
    clip_id = clips.clip_id[1]
    before = stored.arrays(clip_id)["points"]
    path = stored.cache.path(stored.keys[clip_id])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(OSError, match=rf"{clip_id}.*gone or damaged.*{path}"):
        stored.arrays(clip_id)
    store(clips, files)
    np.testing.assert_array_equal(stored.arrays(clip_id)["points"], before)


def test_a_damaged_track_is_found_again(clips, files):
    first = store(clips, files)
    for path in (files.cache_dir / "tracks").rglob("*.npz"):
        path.write_bytes(path.read_bytes()[:-200])
    again = store(clips, files)
    assert again.keys == first.keys
    assert again.clips.equals(first.clips)


def test_landmarks_are_found_where_there_is_no_file(
    clips, files, truth_of, tmp_path
):
    by_file = store(clips, files)
    empty = tmp_path / "empty"
    empty.mkdir()
    shutil.copy(files.landmarks_of(clips.clip_id[0]), empty)
    mixed = dataclasses.replace(
        files, landmarks_dir=empty, find_landmarks=truth_of
    )
    found = store(clips, mixed, num_points=68)
    for clip_id in clips.clip_id:
        np.testing.assert_array_equal(
            found.arrays(clip_id)["points"], by_file.arrays(clip_id)["points"]
        )
    same = [found.keys[c] == by_file.keys[c] for c in clips.clip_id]
    assert same == [True, False, False]


def test_what_finds_landmarks_is_part_of_the_key_by_its_name(
    clips, files, truth_of
):
    files = dataclasses.replace(
        files, landmarks_dir=None, find_landmarks=truth_of
    )
    first = store(clips, files)

    def other_landmarks(video, face):
        return truth_of(video, face) + 2

    files = dataclasses.replace(files, find_landmarks=other_landmarks)
    other = store(clips, files)
    assert not {*other.keys.values()} & {*first.keys.values()}


def test_a_table_is_taken_before_an_npz(tiny_set, tmp_path):
    files = FaceFiles(landmarks_dir=tmp_path)
    assert files.landmarks_of("a") is None
    (tmp_path / "a.npz").touch()
    assert files.landmarks_of("a") == tmp_path / "a.npz"
    (tmp_path / "a.csv").touch()
    assert files.landmarks_of("a") == tmp_path / "a.csv"
    assert FaceFiles().landmarks_of("a") is None


def test_a_clip_that_shows_no_face_is_remembered(
    clips, files, tmp_path, monkeypatch
):
    folder = shutil.copytree(files.landmarks_dir, tmp_path / "blind")
    blind = clips.clip_id[2]
    np.savez(folder / f"{blind}.npz", landmarks=np.full((24, 68, 2), np.nan))
    files = dataclasses.replace(files, landmarks_dir=folder)
    first = store(clips, files)
    assert first.left_out.clip_id.tolist() == [blind]
    assert clips.path[2] in first.left_out.reason[0]
    assert "24 frames with no face found" in first.left_out.reason[0]
    monkeypatch.setattr("fdin_tf.data.stored.track_face", never)
    assert store(clips, files).left_out.equals(first.left_out)


def test_what_cannot_be_made_does_not_spoil_the_track(clips, files):
    def refuse(video, track):
        raise UnusableClip(video, "is not for this")

    with pytest.raises(ValueError, match="is not for this"):
        store(clips, files, refuse)
    assert len(store(clips, files).clips) == 3


def test_landmarks_of_another_count_are_named_with_their_file(
    clips, files, tmp_path
):
    folder = shutil.copytree(files.landmarks_dir, tmp_path / "five")
    path = folder / f"{clips.clip_id[0]}.npz"
    five = load_landmarks(path)[:, [36, 45, 30, 48, 54]]
    np.savez(path, landmarks=five)
    files = dataclasses.replace(files, landmarks_dir=folder)
    for _ in range(2):
        stored = store(clips, files, num_points=68)
        assert stored.left_out.reason.tolist() == [
            f"{path}: expected 68 landmarks in every frame. Received: 5"
        ]
    # For what needs the eyes alone the same clip is as good as any.
    assert len(store(clips, files).clips) == 3


def test_nothing_is_detected_where_landmarks_are_needed(
    clips, files, monkeypatch
):
    monkeypatch.setattr("fdin_tf.data.stored.track_face", never)
    files = dataclasses.replace(files, landmarks_dir=None)
    with pytest.raises(
        ValueError,
        match=r"None of the 3 clips is usable; the first: .*_1\.mp4: needs 68 "
        r"landmarks .*no such file in landmarks_dir=None",
    ):
        store(clips, files, num_points=68)


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"landmarks_dir=.*none"):
        FaceFiles(landmarks_dir=tmp_path / "none")
