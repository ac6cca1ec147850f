"""Predictor of a model of warped faces: landmarks, chunks, attention."""

import keras
import numpy as np
import pytest

from fdin_tf.data.crops import warp_clips
from fdin_tf.explain import predict_attention
from fdin_tf.faces import load_landmarks
from fdin_tf.serving import Predictor
from fdin_tf.serving import predict as predict_module
from fdin_tf.serving.export import KERAS_MODEL
from tests.recipes.siam_export import export_siam

CLIP = "001_deliberate_smile_1"


@pytest.fixture(scope="module")
def model(tmp_path_factory, cropped):
    return export_siam(tmp_path_factory.mktemp("models") / "siam", cropped)


@pytest.fixture(scope="module")
def video(tiny_set):
    return tiny_set / "videos" / f"{CLIP}.mp4"


@pytest.fixture(scope="module")
def landmarks(tiny_set):
    return tiny_set / "truth" / f"{CLIP}.npz"


@pytest.fixture(scope="module")
def prediction(model, video, landmarks):
    return Predictor(model).predict(video, landmarks)


def test_the_answer_is_that_of_keras_on_the_same_warped_faces(
    prediction, model, cropped
):
    predictor = Predictor(model)
    data = warp_clips(cropped, predictor.warp, [CLIP])
    np.testing.assert_array_equal(prediction.frames, data.load(CLIP))
    network = keras.saving.load_model(model / "1" / KERAS_MODEL)
    inputs = {
        "frames": data.load(CLIP)[None],
        "mask": np.ones((1, len(prediction.frames)), bool),
    }
    np.testing.assert_allclose(
        prediction.estimate, network(inputs)["age"][0], rtol=1e-4
    )
    expected = predict_attention(network, data, [CLIP])[CLIP]
    found = prediction.attention
    np.testing.assert_allclose(found.spatial, expected.spatial, rtol=1e-4)
    np.testing.assert_allclose(found.temporal, expected.temporal, rtol=1e-4)
    assert found.temporal.sum() == pytest.approx(1, abs=1e-5)
    assert prediction.importance is None
    assert len(prediction.seconds) == len(prediction.frames)
    np.testing.assert_array_equal(
        prediction.shown, np.arange(len(prediction.frames))
    )


def test_of_a_long_clip_some_faces_and_the_most_attended_are_shown(
    prediction, model, video, landmarks, monkeypatch
):
    monkeypatch.setattr(predict_module, "MAX_SHOWN", 5)
    found = Predictor(model, chunk_size=4).predict(video, landmarks)
    last, top = (
        len(prediction.frames) - 1,
        prediction.attention.temporal.argmax(),
    )
    evenly = np.linspace(0, last, 5).round().astype(int).tolist()
    assert found.shown.tolist() == sorted({*evenly, int(top)})
    np.testing.assert_array_equal(found.frames, prediction.frames[found.shown])
    np.testing.assert_array_equal(found.seconds, prediction.seconds)
    np.testing.assert_array_equal(
        found.shown_seconds, prediction.seconds[found.shown]
    )
    assert len(found.attention.spatial) == len(prediction.seconds)


@pytest.mark.parametrize("chunk_size", [1, 7])
def test_chunks_bound_what_is_decoded_and_change_nothing(
    prediction, model, video, landmarks, chunk_size, monkeypatch
):
    sizes = []
    warp_frames = predict_module.warp_frames

    def counted(warp, frames, points):
        sizes.append(len(frames))
        return warp_frames(warp, frames, points)

    monkeypatch.setattr(predict_module, "warp_frames", counted)
    found = Predictor(model, chunk_size=chunk_size).predict(video, landmarks)
    assert max(sizes) == chunk_size
    assert sum(sizes) == len(prediction.frames)
    np.testing.assert_array_equal(found.frames, prediction.frames)
    np.testing.assert_allclose(found.estimate, prediction.estimate, rtol=1e-5)


def test_landmarks_are_found_where_no_file_is_given(
    prediction, model, video, landmarks
):
    asked = []

    def find_landmarks(path, face):
        asked.append((path, face))
        return load_landmarks(landmarks)

    predictor = Predictor(model, find_landmarks=find_landmarks)
    found = predictor.predict(video)
    assert asked == [(video, predictor.face)]
    np.testing.assert_array_equal(found.estimate, prediction.estimate)
    predictor.predict(video, landmarks)  # a file goes first
    assert len(asked) == 1


def test_no_landmarks_are_refused_before_anything_is_read(model, tmp_path):
    with pytest.raises(ValueError, match=r"68 landmarks.*landmarks=None"):
        Predictor(model).predict(tmp_path / "never_read.mp4")


def test_five_landmarks_are_refused(model, video, landmarks):
    def five(path, face):
        return load_landmarks(landmarks)[:, [36, 45, 30, 48, 54]]

    with pytest.raises(ValueError, match=r"68 landmarks.*Received: 5"):
        Predictor(model, find_landmarks=five).predict(video)


def test_what_a_model_has_not_is_none(
    tmp_path_factory, cropped, video, landmarks
):
    root = tmp_path_factory.mktemp("without")
    only_places = export_siam(
        root / "places", cropped, temporal_attention=False
    )
    seen = Predictor(only_places).predict(video, landmarks).attention
    assert seen.temporal is None
    assert seen.spatial.shape[0] > 8
    neither = export_siam(
        root / "neither", cropped,
        temporal_attention=False, spatial_attention=None,
    )  # fmt: skip
    assert Predictor(neither).predict(video, landmarks).attention is None
