"""EncoderFrontend: fixed and fitted encoders before a network."""

import keras
import numpy as np
import pytest

from fdin_tf.data.encode import FoldClips
from fdin_tf.data.stored import FaceFiles
from fdin_tf.training.encoder_frontend import EncoderFrontend


def thirds():
    """Mean colour of nine parts of the frame."""
    frames = keras.Input((96, 96, 3))
    means = keras.layers.AveragePooling2D(32)(frames)
    return keras.Model(frames, means, name="thirds")


def fit_scale(clips):
    """A further encoder that divides by the largest value it was shown."""
    largest = max(float(frames.max()) for frames in clips)
    frames = keras.Input((3, 3, 3))
    scaled = keras.layers.Rescaling(1 / largest)(frames)
    return keras.Model(frames, scaled, name="scale")


@pytest.fixture(scope="module")
def stored(tiny_clips, tiny_pixels, cache_dir):
    return EncoderFrontend(thirds()).store(
        tiny_clips[:4], FaceFiles(cache_dir), workers=1
    )


@pytest.fixture
def ids(stored):
    return stored.clips.clip_id.tolist()


def test_a_fixed_encoder_is_all_there_is_before_the_network(
    stored, ids, tmp_path
):
    frontend = EncoderFrontend(thirds())
    assert frontend.name == stored.encoder == "thirds"
    assert frontend.shape == stored.shape == (3, 3, 3)
    assert not frontend.is_fitted
    assert frontend.fit(stored, ids) is None
    frontend.save(None, tmp_path / "fold")
    assert not (tmp_path / "fold").exists()
    assert frontend.load(tmp_path / "fold") is None
    assert frontend.apply(stored, None, ids[:1]) is stored


def test_a_fitted_encoder_sees_the_clips_of_training_alone(stored, ids):
    seen = []

    def fit_encoder(clips):
        seen.extend(clips)
        return fit_scale(clips)

    frontend = EncoderFrontend(thirds(), fit_encoder, "scale")
    assert frontend.is_fitted
    assert frontend.name == "thirds and scale, fitted in each fold"
    fitted = frontend.fit(stored, ids[1:3])
    assert len(seen) == 2
    for frames, clip_id in zip(seen, ids[1:3]):
        np.testing.assert_array_equal(frames, stored.load(clip_id))
    data = frontend.apply(stored, fitted, ids[:2])
    assert isinstance(data, FoldClips)
    largest = max(frames.max() for frames in seen)
    np.testing.assert_allclose(
        data.load(ids[0]), stored.load(ids[0]) / largest, rtol=2e-3
    )


def test_what_was_fitted_comes_back(stored, ids, tmp_path):
    frontend = EncoderFrontend(thirds(), fit_scale)
    folder = tmp_path / "fold"
    assert frontend.load(folder) is None
    fitted = frontend.fit(stored, ids)
    frontend.save(fitted, folder)
    assert [path.name for path in folder.iterdir()] == ["encoder.keras"]
    first, again = (
        frontend.apply(stored, encoder, ids).load(ids[3])
        for encoder in (fitted, frontend.load(folder))
    )
    np.testing.assert_array_equal(first, again)


def test_the_joined_network_answers_about_aligned_frames(
    stored, ids, tiny_pixels
):
    features = keras.Input((None, 3, 3, 3), name="features")
    mask = keras.Input((None,), dtype="bool", name="mask")
    means = keras.layers.GlobalAveragePooling3D()(features)
    ages = keras.layers.Dense(1, name="age")(means)
    model = keras.Model(
        {"features": features, "mask": mask}, {"age": ages}, name="mean_age"
    )
    frontend = EncoderFrontend(thirds(), fit_scale)
    fitted = frontend.fit(stored, ids)
    joined = frontend.joined(model, fitted)
    real = np.ones((1, 24), bool)
    answer = joined({"frames": tiny_pixels.load(ids[0])[None].astype("uint8"),
                     "mask": real})  # fmt: skip
    data = frontend.apply(stored, fitted, ids[:1]).load(ids[0])
    expected = model({"features": data[None].astype("float32"), "mask": real})
    np.testing.assert_allclose(answer["age"], expected["age"], rtol=2e-3)
