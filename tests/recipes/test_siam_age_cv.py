"""recipes.siam_age_cv: landmarks to a model, and what is wrong with them."""

import json
import shutil

import cv2
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from fdin_tf.data.uva_nemo import load_uva_nemo
from fdin_tf.faces import FaceWarp
from fdin_tf.faces import load_landmarks
from fdin_tf.faces import read_frames
from tests.faces.photo_clip import write_video

SMALL = ("--fit.epochs", "1")


@pytest.fixture
def siam_age_cv(recipe):
    """Runs the recipe with these words behind its name."""
    return recipe("siam_age_cv")


@pytest.fixture
def landmarks_dir(tiny_set, tmp_path):
    """A copy of the true landmarks, to be spoilt."""
    return shutil.copytree(tiny_set / "truth", tmp_path / "landmarks")


def change(path, spoil):
    np.savez(path, landmarks=spoil(load_landmarks(path)))


def shuffled(points):
    return points[:, np.random.default_rng(0).permutation(68)]


def mirrored(points):
    return np.stack([127 - points[..., 0], points[..., 1]], axis=-1)


def partly_unknown(points):
    points[5, 30] = np.nan
    return points


def flat(points):
    points[3:, :, 1] = 60
    return points


# What is wrong, and what is said of the clip: {path} is the landmark file,
# {video} the video.
SPOILT = {
    "five points": (
        lambda points: points[:, [36, 45, 30, 48, 54]],
        "{path}: expected 68 landmarks in every frame. Received: 5",
    ),
    "67 points": (
        lambda points: points[:, :67],
        "{path}: expected landmarks (frames, 5 or 68, 2). "
        "Received: shape=(24, 67, 2)",
    ),
    "shuffled": (shuffled, "{path}, frame 0: "),
    "mirrored": (mirrored, "{path}, frame 0: the left eye must be left of"),
    "partly unknown": (
        partly_unknown,
        "{path}, frame 5: a face must be known in full or not at all. "
        "Received: no value for x_30",
    ),
    "all unknown": (
        lambda points: np.full_like(points, np.nan),
        "{video}: 0 of 24 frames show a usable face, 12 needed "
        "(24 frames with no face found)",
    ),
    "outside": (
        lambda points: points + 500,
        "{video}: 0 of 24 frames show a usable face, 12 needed "
        "(24 frames left out with too much of the face outside)",
    ),
    "one place": (
        lambda points: np.full_like(points, 60),
        "{path}, frame 0: the left eye must be left of the right eye",
    ),
    "one line": (
        flat,
        "{path}, frame 3: expected 68 points of a face, at least 0.5 eye "
        "distances high. Received: 0 eye distances",
    ),
    "shares of the image": (
        lambda points: points / 128,
        "{path}, frame 0: expected landmarks in pixels, the eyes at least "
        "one apart. Received: 0.2",
    ),
    "fewer frames": (
        lambda points: points[:20],
        "{path}: expected landmarks of all 24 frames of {video}. "
        "Received: 20 frames",
    ),
}


def test_smoke_exports_a_model_and_prints_it_again(
    siam_age_cv, in_folder, tiny_set, capsys
):
    errors = siam_age_cv("smoke")
    overall = errors[errors.grouped_by == "all"].iloc[0]
    assert (overall.clips, overall.subjects) == (16, 8)
    assert np.isfinite(overall.mae_years)
    out, progress = capsys.readouterr()
    assert f"{overall.mae_years:.2f}" in out
    assert "warp to 32 x 32, mean shape of each fold" in progress

    version = in_folder / "saved_models" / "smoke_siam_age" / "1"
    card = json.loads((version / "assets.extra" / "card.json").read_text())
    warp = FaceWarp.from_dict(card["warp"])
    assert warp.size == 32
    (row, *_) = load_uva_nemo(tiny_set).itertuples()
    video = cv2.VideoCapture(row.path)
    grey = [
        cv2.cvtColor(video.read()[1], cv2.COLOR_BGR2GRAY) for _ in range(24)
    ]
    video.release()
    points = load_landmarks(tiny_set / "truth" / f"{row.clip_id}.npz")
    frames = warp.warp_clip(grey, points)[None, ..., None]
    answer = tf.saved_model.load(str(version)).signatures["serving_default"](
        frames=tf.constant(frames), mask=tf.ones((1, 24), tf.bool)
    )
    assert 0 < answer["age"].numpy().item() < 100
    assert answer["temporal_attention"].shape == (1, 24)
    assert answer["spatial_attention"].shape[:2] == (1, 24)

    again = siam_age_cv("smoke")
    pd.testing.assert_frame_equal(again, errors)
    out, progress = capsys.readouterr()
    assert f"{overall.mae_years:.2f}" in out
    assert "This run is finished" in progress
    assert [path.name for path in version.parent.iterdir()] == ["1"]


def test_clips_with_bad_landmarks_are_listed_and_the_run_goes_on(
    siam_age_cv, landmarks_dir, tiny_clips, capsys
):
    # One clip of everybody, then the other clip of some, is spoilt.
    clips = pd.concat([tiny_clips[1::2], tiny_clips[::2]])
    expected = []
    for row, (spoil, message) in zip(clips.itertuples(), SPOILT.values()):
        path = landmarks_dir / f"{row.clip_id}.npz"
        change(path, spoil)
        expected.append(message.format(path=path, video=row.path))
    lost = clips.iloc[len(SPOILT)]
    (landmarks_dir / f"{lost.clip_id}.npz").unlink()
    expected.append(f"{lost.path}: needs 68 landmarks in every frame")

    errors = siam_age_cv("smoke", "--landmarks-dir", landmarks_dir, *SMALL)
    assert errors.clips[0] == 16 - len(expected)
    report = capsys.readouterr().err
    assert f"Left out: {len(expected)} of the clips" in report
    for reason in expected:
        assert reason in report


@pytest.mark.parametrize("name", ["shuffled", "one line"])
def test_bad_landmarks_of_all_clips_are_one_line_and_code_2(
    siam_age_cv, landmarks_dir, fails, in_folder, tiny_clips, name
):
    spoil, message = SPOILT[name]
    for path in landmarks_dir.iterdir():
        change(path, spoil)
    line = fails(siam_age_cv, "smoke", "--landmarks-dir", landmarks_dir)
    first = tiny_clips.iloc[0]
    expected = message.format(
        path=landmarks_dir / f"{first.clip_id}.npz", video=first.path
    )
    assert f"None of the 16 clips is usable; the first: {expected}" in line
    # Nothing was begun: neither runs nor models.
    assert [path.name for path in in_folder.iterdir()] == ["landmarks"]


def test_no_landmarks_at_all_are_one_line_and_code_2(
    siam_age_cv, fails, tiny_set, tmp_path
):
    nowhere = tmp_path / "nowhere"
    line = fails(siam_age_cv, "smoke", "--landmarks-dir", nowhere)
    assert line.endswith(f"Received: landmarks_dir={nowhere}")
    nowhere.mkdir()
    line = fails(siam_age_cv, "smoke", "--landmarks-dir", nowhere)
    assert "needs 68 landmarks in every frame, by the face mesh or" in line
    assert f"landmarks_dir={nowhere}" in line
    line = fails(siam_age_cv, "smoke", "--data-dir", tiny_set)
    assert "landmarks_dir=None" in line


def test_points_that_fall_together_in_everybody_are_one_line_and_code_2(
    siam_age_cv, fails, landmarks_dir, in_folder
):
    def closed(points):
        """Inner lips without a gap, to the bit: triangles without area."""
        points[:, [67, 66, 65]] = points[:, [61, 62, 63]]
        return points

    for path in landmarks_dir.iterdir():
        change(path, closed)
    line = fails(siam_age_cv, "smoke", "--landmarks-dir", landmarks_dir)
    assert "Mean face of " in line
    assert "no two points in one place" in line
    assert not (in_folder / "saved_models").exists()


def test_clips_shorter_than_the_smoother_are_refused(
    siam_age_cv, fails, tiny_set, tiny_clips, tmp_path
):
    landmarks = tmp_path / "landmarks"
    landmarks.mkdir()
    for row in tiny_clips.itertuples():
        frames = [frame for _, frame in read_frames(row.path)][:6]
        write_video(tmp_path / f"{row.clip_id}.mp4", frames)
        points = load_landmarks(tiny_set / "truth" / f"{row.clip_id}.npz")
        np.savez(landmarks / f"{row.clip_id}.npz", landmarks=points[:6])
    clips = tiny_clips.assign(path=tiny_clips.clip_id + ".mp4")
    clips.to_csv(tmp_path / "clips.csv", index=False)
    line = fails(
        siam_age_cv, "smoke", "--data-dir", tmp_path / "clips.csv",
        "--landmarks-dir", landmarks,
    )  # fmt: skip
    assert "_1.mp4: 6 of 6 frames show a usable face, 8 needed" in line


def test_what_sees_some_frames_has_no_mean_over_all(siam_age_cv, fails):
    line = fails(siam_age_cv, "smoke", "--remat", "--spatial-penalty", "0.1")
    assert line.endswith("`remat` sees some at a time. Received: "
                         "spatial_penalty=0.1")  # fmt: skip


def test_an_unknown_selection_is_one_line_and_code_2(siam_age_cv, fails):
    line = fails(siam_age_cv, "smoke", "--database", "disgust")
    assert "Expected clips whose `database` is one of 'S" in line
    assert line.endswith("Received: database='disgust'")
