"""WarpFrontend: the mean face of a fold is that of its training clips."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from fdin_tf import build_siam
from fdin_tf.data.stored import FaceFiles
from fdin_tf.faces import FaceConfig
from fdin_tf.faces import FaceWarp
from fdin_tf.faces import load_landmarks
from fdin_tf.faces import mean_shape
from fdin_tf.training.warp_frontend import WarpFrontend

FACE = FaceConfig(size=64, left_eye=(0.32, 0.28), smoother="4253h")


@pytest.fixture(scope="module")
def files(tiny_set, tmp_path_factory):
    cache_dir = tmp_path_factory.mktemp("warp")
    return FaceFiles(cache_dir, FACE, tiny_set / "truth")


@pytest.fixture(scope="module")
def stored(tiny_clips, files):
    return WarpFrontend(32).store(tiny_clips[:6], files)


@pytest.fixture
def train(stored):
    return stored.clips.clip_id.tolist()[:4]


def test_the_warp_is_that_of_the_mean_face_of_the_training_clips(stored, train):
    warp = WarpFrontend(32, margin=0.1).fit(stored, train)
    landmarks = [stored.load(c)[1] for c in train]
    # Sixteen of 24 frames, from the first to the last.
    frames = np.round(np.arange(16) * 23 / 15).astype(int)
    assert frames[0] == 0
    assert frames[-1] == 23
    expected = mean_shape(np.concatenate([x[frames] for x in landmarks]))
    np.testing.assert_array_equal(warp.shape, expected)
    assert warp.size == 32
    assert warp.margin == 0.1
    left = warp.points[:, 0].min(), warp.points[:, 1].min()
    assert min(left) == pytest.approx(0.1 * 32 - 0.5)


def test_every_clip_counts_the_same_however_long_it_is(stored, train):
    class Still:
        """The first frame of every clip, as often as is said."""

        def __init__(self, *times):
            self.times = dict(zip(train, times))

        def load(self, clip_id):
            arrays = stored.load(clip_id)
            return [x[:1].repeat(self.times[clip_id], 0) for x in arrays]

    short, long = (
        WarpFrontend(32).fit(Still(*times), train[:2]).shape
        for times in ((1, 1), (90, 20))
    )
    np.testing.assert_allclose(long, short, atol=1e-12)


def test_other_clips_than_those_of_training_change_nothing(
    tiny_clips, files, stored, train, tmp_path
):
    folder = shutil.copytree(files.landmarks_dir, tmp_path / "altered")
    for clip_id in stored.clips.clip_id[4:]:
        path = folder / f"{clip_id}.npz"
        points = load_landmarks(path)
        points[:, :17] += [5.0, 9.0]  # the jaw alone
        np.savez(path, landmarks=points)
    frontend = WarpFrontend(32)
    altered = frontend.store(
        tiny_clips[:6], dataclasses.replace(files, landmarks_dir=folder)
    )
    for fitted, same in ((train, True), (stored.clips.clip_id, False)):
        before = frontend.fit(stored, fitted).to_dict()
        after = frontend.fit(altered, fitted).to_dict()
        assert (before == after) is same


def test_what_was_fitted_comes_back_to_the_bit(stored, train, tmp_path):
    frontend = WarpFrontend(32)
    assert frontend.load(tmp_path) is None
    warp = frontend.fit(stored, train)
    frontend.save(warp, tmp_path)
    again = frontend.load(tmp_path)
    assert again.to_dict() == warp.to_dict()
    assert [path.name for path in tmp_path.iterdir()] == ["warp.json"]
    first, second = (
        frontend.apply(stored, fitted, train) for fitted in (warp, again)
    )
    for clip_id in train:
        np.testing.assert_array_equal(first.load(clip_id), second.load(clip_id))


@pytest.mark.parametrize("text", ["{}", "", '{"version": 1'])
def test_a_damaged_file_of_what_was_fitted_is_an_error(tmp_path, text):
    (tmp_path / "warp.json").write_text(text)
    with pytest.raises(ValueError, match=rf"^{tmp_path}/warp\.json: "):
        WarpFrontend(32).load(tmp_path)


def test_clips_are_given_as_the_network_takes_them(stored, train):
    frontend = WarpFrontend(40)
    data = frontend.apply(stored, frontend.fit(stored, train), train)
    assert frontend.shape == data.shape == (40, 40, 1)
    assert data.name == "frames"
    assert data.load(train[0]).shape == (24, 40, 40, 1)
    assert data.load(train[0]).dtype == np.uint8
    assert frontend.is_fitted
    assert frontend.name == "warp to 40 x 40, mean shape of each fold"


def test_landmarks_are_found_by_what_the_frontend_is_given(
    tiny_clips, tiny_set, files, stored
):
    def planted_landmarks(video, face):
        return load_landmarks(tiny_set / "truth" / f"{video.stem}.npz")

    blind = dataclasses.replace(files, landmarks_dir=None)
    found = WarpFrontend(32, find_landmarks=planted_landmarks).store(
        tiny_clips[:1], blind
    )
    clip_id = tiny_clips.clip_id[0]
    for one, other in zip(found.load(clip_id), stored.load(clip_id)):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="needs 68 landmarks"):
        WarpFrontend(32).store(tiny_clips[:1], blind)


def test_points_that_fall_together_in_all_faces_are_an_error():
    class Collapsed:
        def load(self, clip_id):
            landmarks = np.random.default_rng(0).normal(size=(5, 68, 2))
            landmarks[:, 61] = landmarks[:, 67]
            landmarks[:, 63] = landmarks[:, 65]
            return None, landmarks

    with pytest.raises(
        ValueError,
        match=r"Mean face of 3 training clips: .*no two points in one place",
    ):
        WarpFrontend(32).fit(Collapsed(), list("abc"))


def test_the_warp_is_exported_beside_the_network(stored, train, tmp_path):
    frontend = WarpFrontend(32)
    warp = frontend.fit(stored, train)
    model = build_siam(
        "age", frontend.shape, rnn_units=2, attention_units=2,
        conv_units=(2, 2, 2), dense_units=2, kernel_sizes=(3, 3, 3),
        strides=(1, 1, 1),
    )  # fmt: skip
    assert frontend.joined(model, warp) is model
    folder = frontend.export(model, warp, tmp_path, {"trained_on": "four"})
    card = json.loads((folder / "assets.extra" / "card.json").read_text())
    assert card["trained_on"] == "four"
    saved = FaceWarp.from_dict(card["warp"])
    frames = frontend.apply(stored, saved, train[:1]).load(train[0])[None]
    answer = tf.saved_model.load(str(folder)).signatures["serving_default"](
        frames=tf.constant(frames), mask=tf.ones(frames.shape[:2], tf.bool)
    )
    expected = model({"frames": frames, "mask": np.ones((1, 24), bool)})
    np.testing.assert_allclose(answer["age"], expected["age"], rtol=1e-5)
