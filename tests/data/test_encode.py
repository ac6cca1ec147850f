"""Encoding: each clip once, from real videos by real detection."""

import shutil

import cv2
import keras
import numpy as np
import pytest

from fdin_tf.data.encode import FoldClips
from fdin_tf.data.encode import encode_clips
from fdin_tf.data.encode import encoder_digest
from fdin_tf.data.synthetic import load_truth
from fdin_tf.faces import FaceConfig
from fdin_tf.faces import aligned_chunks
from fdin_tf.faces import track_face
from tests.conftest import pixels


def make_encoder(scale=1.0, name="quarters"):
    """Mean colour of four parts of the frame."""
    frames = keras.Input((96, 96, 3))
    means = keras.layers.AveragePooling2D(48)(frames)
    scaled = keras.layers.Rescaling(scale)(means)
    return keras.Model(frames, scaled, name=name)


@pytest.fixture
def no_tracking(monkeypatch):
    """Following a face again is an error from now on."""

    def never(*_, **__):
        raise AssertionError("the face was looked for again")

    monkeypatch.setattr("fdin_tf.data.stored.track_face", never)


def test_pixels_are_the_aligned_faces(tiny_clips, tiny_pixels):
    assert tiny_pixels.encoder == "pixels"
    assert tiny_pixels.shape == (96, 96, 3)
    assert len(tiny_pixels.left_out) == 0
    row = tiny_pixels.clips.iloc[0]
    frames = tiny_pixels.load(row.clip_id)
    assert frames.shape == (row.num_frames, 96, 96, 3)
    assert frames.dtype == np.float16
    track = track_face(row.path)
    expected = np.concatenate(list(aligned_chunks(row.path, track)))
    np.testing.assert_array_equal(frames, expected)


def test_features_are_those_of_the_encoder(tiny_clips, tiny_pixels, cache_dir):
    encoder = make_encoder()
    encoded = encode_clips(tiny_clips[:2], encoder, cache_dir)
    clip_id = tiny_clips.clip_id[0]
    features = encoded.load(clip_id)
    assert features.dtype == np.float16
    assert encoded.shape == (2, 2, 3)
    pixels = tiny_pixels.load(clip_id).astype(np.float32)
    expected = pixels.reshape(-1, 2, 48, 2, 48, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(features, expected, rtol=1e-3)


def test_a_second_call_reads_the_cache(
    tiny_clips, tiny_pixels, cache_dir, no_tracking
):
    again = encode_clips(tiny_clips, pixels(), cache_dir)
    assert again.keys == tiny_pixels.keys
    assert again.fingerprint() == tiny_pixels.fingerprint()


def test_another_encoder_does_not_follow_the_face_again(
    tiny_clips, tiny_pixels, cache_dir, no_tracking
):
    encoder = make_encoder(0.5, "halved")
    encoded = encode_clips(tiny_clips[:1], encoder, cache_dir)
    assert encoded.keys != tiny_pixels.keys


def test_a_damaged_entry_is_found_out_and_made_again(
    tiny_clips, tiny_pixels, cache_dir
):
    clip_id = tiny_clips.clip_id[3]
    before = tiny_pixels.load(clip_id)
    path = tiny_pixels.cache.path(tiny_pixels.keys[clip_id])
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(OSError, match="gone or damaged"):
        tiny_pixels.load(clip_id)
    encode_clips(tiny_clips, pixels(), cache_dir)
    np.testing.assert_array_equal(tiny_pixels.load(clip_id), before)


def test_other_settings_and_other_videos_have_other_keys(
    tiny_clips, tiny_pixels, cache_dir
):
    two = tiny_clips[:2].copy()
    other = encode_clips(
        two, pixels(), cache_dir, face=FaceConfig(frames_per_second=12.5)
    )
    assert not set(other.keys.values()) & set(tiny_pixels.keys.values())


def test_a_copy_elsewhere_has_the_same_key(
    tiny_clips, tiny_pixels, tmp_path, cache_dir, no_tracking
):
    two = tiny_clips[:2].copy()
    copy = shutil.copy(two.path.iloc[0], tmp_path / "copy.mp4")
    moved = two.assign(path=[str(copy), two.path.iloc[1]])
    found = encode_clips(moved, pixels(), cache_dir)
    assert found.keys == {c: tiny_pixels.keys[c] for c in two.clip_id}


def test_broken_clips_are_left_out_and_named(tiny_clips, tmp_path, cache_dir):
    whole = tiny_clips.path[0]
    empty = tmp_path / "empty.mp4"
    empty.write_bytes(b"")
    text = tmp_path / "text.mp4"
    text.write_text("no video" * 500)
    cut = tmp_path / "cut.mp4"
    with open(whole, "rb") as file:
        cut.write_bytes(file.read()[:5000])
    gone = tmp_path / "gone.mp4"
    clips = tiny_clips[:5].copy()
    clips["path"] = [whole, str(empty), str(text), str(cut), str(gone)]
    encoded = encode_clips(clips, pixels(), cache_dir)
    assert encoded.clips.clip_id.tolist() == clips.clip_id.tolist()[:1]
    assert encoded.left_out.clip_id.tolist() == clips.clip_id.tolist()[1:]
    for path, reason in zip(clips.path[1:], encoded.left_out.reason):
        assert path in reason
        assert "\n" not in reason


def test_a_clip_without_a_face_is_remembered(
    tiny_clips, tmp_path, cache_dir, monkeypatch
):
    blank = tmp_path / "blank.mp4"
    writer = cv2.VideoWriter(
        str(blank), cv2.VideoWriter_fourcc(*"mp4v"), 25, (128, 128)
    )
    for _ in range(20):
        writer.write(np.full((128, 128, 3), 127, np.uint8))
    writer.release()
    clips = tiny_clips[:2].assign(path=[tiny_clips.path[0], str(blank)])
    first = encode_clips(clips, pixels(), cache_dir)
    monkeypatch.delattr("fdin_tf.data.stored.track_face")
    again = encode_clips(clips, pixels(), cache_dir)
    assert first.left_out.clip_id.tolist() == [tiny_clips.clip_id[1]]
    assert str(blank) in first.left_out.reason[0]
    assert again.left_out.equals(first.left_out)


def test_a_truncated_entry_of_the_first_clip_is_made_again(
    tiny_clips, tiny_pixels, cache_dir
):
    path = tiny_pixels.cache.path(tiny_pixels.keys[tiny_clips.clip_id[0]])
    path.write_bytes(path.read_bytes()[:100])
    again = encode_clips(tiny_clips, pixels(), cache_dir)
    assert len(again.load(tiny_clips.clip_id[0])) == 24


def test_columns_of_the_user_that_are_found_out_are_replaced(
    tiny_clips, tiny_pixels, cache_dir
):
    clips = tiny_clips.assign(num_frames="many", take="first")
    encoded = encode_clips(clips, pixels(), cache_dir)
    assert encoded.clips.num_frames.tolist() == [24] * 16
    assert set(encoded.clips["take"]) == {"first"}


def test_no_usable_clip_at_all_is_an_error(tiny_clips, tmp_path, cache_dir):
    clips = tiny_clips[:2].assign(path=str(tmp_path / "gone.mp4"))
    with pytest.raises(ValueError, match=r"None of the 2 clips.*gone\.mp4"):
        encode_clips(clips, pixels(), cache_dir)


def test_landmark_files_are_taken_instead_of_detection(
    tiny_clips, tiny_set, cache_dir, tiny_pixels
):
    encoded = encode_clips(
        tiny_clips[:2],
        pixels(),
        cache_dir,
        landmarks_dir=tiny_set / "truth",
    )
    assert set(encoded.clips.face_source) == {"landmarks"}
    clip_id = tiny_clips.clip_id[0]
    # Eyes where the truth says: found by detection they are a little off.
    truth = load_truth(tiny_set, clip_id)["landmarks"]
    assert len(truth) == encoded.clips.num_frames[0]
    by_detection = tiny_pixels.load(clip_id).astype(float)
    by_truth = encoded.load(clip_id).astype(float)
    assert 0 < np.abs(by_truth - by_detection).mean() < 20


def test_a_missing_landmark_folder_is_an_error(tiny_clips, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"landmarks_dir=.*none"):
        encode_clips(tiny_clips, pixels(), landmarks_dir=tmp_path / "none")


def test_features_beyond_float16_are_an_error(tiny_clips, cache_dir):
    encoder = make_encoder(1e6, "huge")
    with pytest.raises(OverflowError, match="fit into float16"):
        encode_clips(tiny_clips[:1], encoder, cache_dir)


def test_an_encoders_digest_is_its_weights_and_settings():
    def dense(seed):
        keras.utils.set_random_seed(seed)
        frames = keras.Input((8, 8, 3))
        return keras.Model(frames, keras.layers.Dense(2)(frames), name="dense")

    assert encoder_digest(dense(1)) == encoder_digest(dense(1))
    assert encoder_digest(dense(1)) != encoder_digest(dense(2))
    assert encoder_digest(make_encoder()) == encoder_digest(make_encoder())
    assert encoder_digest(make_encoder()) != encoder_digest(make_encoder(0.5))


def test_what_is_fitted_in_a_fold_works_in_memory(tiny_clips, tiny_pixels):
    ids = tiny_clips.clip_id[:2].tolist()
    clips = FoldClips.encode(tiny_pixels, make_encoder(), ids)
    assert clips.clips.clip_id.tolist() == ids
    assert clips.shape == (2, 2, 3)
    frames = tiny_pixels.load(ids[1]).astype(np.float32)
    expected = frames.reshape(-1, 2, 48, 2, 48, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(clips.load(ids[1]), expected, rtol=1e-3)
