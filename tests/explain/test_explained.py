"""explained: the same answers, the importance, shared weights, errors."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from fdin_tf.explain import explained
from layers import FrameEncoder
from layers import RelationalImportance
from layers import SpatiallyIndexedAttention
from layers import TemporalAttention
from tests.models.test_fdin import build_tiny
from tests.models.test_fdin import make_clips
from tests.models.test_fdin import make_frames
from tests.models.test_fdin import randomize
from tests.models.test_fdin import small_encoder
from tests.models.test_siam import build_tiny as build_tiny_siam
from tests.models.test_siam import make_clips as make_frame_clips
from tests.models.test_siam import reference_siam

FRAME = (12, 24, 3)


def on_features():
    return randomize(build_tiny())


def on_frames():
    return randomize(
        build_tiny(inputs="frames", encoder=small_encoder(), frame_shape=FRAME)
    )


def joined():
    """A model of features behind an encoder, as it is exported."""
    frames = keras.Input((None, *FRAME), dtype="uint8", name="frames")
    mask = keras.Input((None,), dtype="bool", name="mask")
    features = FrameEncoder(small_encoder())(frames)
    return keras.Model(
        {"frames": frames, "mask": mask},
        on_features()({"features": features, "mask": mask}),
        name="joined",
    )


def joined_with_years_added():
    """A layer behind the nested model, and a second output."""
    inner = joined()
    outputs = inner(inner.input)
    older = keras.layers.Rescaling(1.0, offset=10.0)(outputs["age"])
    return keras.Model(inner.input, {**outputs, "older": older})


def clips_for(model):
    if "features" in model.input:
        return make_clips()
    return {"frames": make_frames(3, 7), "mask": make_clips()["mask"]}


MODELS = [on_features, on_frames, joined, joined_with_years_added]


@pytest.mark.parametrize("make", MODELS)
def test_answers_are_the_same_and_importance_comes_along(make):
    model = make()
    clips = clips_for(model)
    expected = model(clips)
    outputs = explained(model)(clips)
    assert set(outputs) == {*expected, "importance"}
    for name, value in expected.items():
        np.testing.assert_allclose(outputs[name], value, rtol=1e-6)
    importance = np.asarray(outputs["importance"])
    assert importance.shape == (3, 36)
    assert importance.dtype == "float32"
    np.testing.assert_allclose(importance.sum(axis=1), 1, rtol=1e-6)
    assert np.ptp(importance) > 1e-3


def test_importance_is_what_the_layer_of_that_name_gives():
    model = on_features()
    layer = keras.Model(model.input, model.get_layer("importance").output)
    clips = make_clips()
    np.testing.assert_allclose(
        explained(model)(clips)["importance"], layer(clips), rtol=1e-6
    )


@pytest.mark.parametrize("make", MODELS)
def test_weights_are_shared(make):
    model = make()
    twin = explained(model)
    assert {id(w) for w in twin.weights} == {id(w) for w in model.weights}
    assert len(twin.weights) == len(model.weights)
    clips = clips_for(model)
    before = np.asarray(twin(clips)["age"])
    randomize(model, seed=5)
    after = np.asarray(twin(clips)["age"])
    assert not np.allclose(before, after)
    np.testing.assert_allclose(after, model(clips)["age"], rtol=1e-6)


@pytest.mark.parametrize("make", MODELS)
def test_the_model_itself_stays_as_it_was(make):
    model = make()
    before = model.get_config()
    explained(model)
    explained(model)
    assert model.get_config() == before


@pytest.mark.parametrize("make", [on_features, joined])
def test_survives_saving_and_export(make, tmp_path):
    twin = explained(make())
    clips = clips_for(twin)
    expected = twin(clips)
    twin.save(tmp_path / "twin.keras")
    loaded = keras.saving.load_model(tmp_path / "twin.keras", safe_mode=True)
    twin.export(tmp_path / "export", verbose=False)
    exported = tf.saved_model.load(tmp_path / "export")
    for outputs in (loaded(clips), exported.serve(clips)):
        for name in ("age", "importance"):
            np.testing.assert_allclose(outputs[name], expected[name], rtol=1e-5)


def test_the_network_runs_once():
    """The joined model holds no second copy of the nested network."""
    twin = explained(joined())
    names = [layer.name for layer in twin.layers]
    assert len(names) == 4  # frames, mask, encoder, the network


def siam(**kwargs):
    return randomize(build_tiny_siam(**kwargs))


def siam_inside():
    """A SIAM in a model of its own, with a layer behind."""
    inner = siam()
    inputs = {
        name: keras.Input(symbol.shape[1:], dtype=symbol.dtype, name=name)
        for name, symbol in inner.input.items()
    }
    age = keras.layers.Rescaling(1.0, offset=10.0)(inner(inputs)["age"])
    return keras.Model(inputs, {"age": age}, name="older")


@pytest.mark.parametrize("make", [siam, siam_inside])
def test_attention_of_siam_comes_along(make):
    model, clips = make(), make_frame_clips()
    outputs = explained(model)(clips)
    assert set(outputs) == {"age", "spatial_attention", "temporal_attention"}
    np.testing.assert_allclose(outputs["age"], model(clips)["age"], rtol=1e-6)
    inner = model if make is siam else model.get_layer("siam_age")
    _, *expected = reference_siam(inner, **clips)
    names = ("spatial_attention", "temporal_attention")
    for name, attention in zip(names, expected):
        assert outputs[name].dtype == "float32"
        np.testing.assert_allclose(outputs[name], attention, rtol=1e-4)
        assert np.ptp(attention) > 0.05


@pytest.mark.parametrize(
    ("without", "name"),
    [
        ({"spatial_attention": None}, "temporal_attention"),
        ({"temporal_attention": False}, "spatial_attention"),
    ],
)
def test_of_siam_there_comes_what_it_has(without, name):
    model, clips = siam(**without), make_frame_clips()
    assert set(explained(model)(clips)) == {"age", name}


def test_siam_without_attention_is_an_error():
    model = siam(spatial_attention=None, temporal_attention=False)
    with pytest.raises(
        ValueError, match=r"holds none. Received: model='siam_age'"
    ):
        explained(model)


def test_attention_is_float32_under_half_precision_and_sums_to_one():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = siam()
    finally:
        keras.config.set_dtype_policy("float32")
    clips = make_frame_clips()
    outputs = explained(model)(clips)
    for name in ("spatial_attention", "temporal_attention"):
        assert outputs[name].dtype == "float32"
    np.testing.assert_allclose(
        np.sum(outputs["temporal_attention"], axis=1), 1, rtol=1e-6
    )


def test_explained_siam_survives_saving_and_export(tmp_path):
    twin, clips = explained(siam()), make_frame_clips()
    expected = twin(clips)
    twin.save(tmp_path / "twin.keras")
    loaded = keras.saving.load_model(tmp_path / "twin.keras", safe_mode=True)
    twin.export(tmp_path / "export", verbose=False)
    exported = tf.saved_model.load(tmp_path / "export")
    for outputs in (loaded(clips), exported.serve(clips)):
        assert set(outputs) == set(expected)
        for name, value in expected.items():
            np.testing.assert_allclose(outputs[name], value, rtol=1e-4)


def test_attention_that_is_not_returned_explains_nothing():
    maps = keras.Input((4, 2, 3, 5))
    vectors = SpatiallyIndexedAttention(2)(maps)
    sequence = keras.layers.Reshape((4, 30))(vectors)
    model = keras.Model(maps, {"age": TemporalAttention()(sequence)})
    with pytest.raises(ValueError, match=r"holds none"):
        explained(model)


def test_model_without_importance_is_an_error():
    model = build_tiny(use_importance=False)
    with pytest.raises(
        ValueError, match=r"one `RelationalImportance`.*holds none.*'fdin_age'"
    ):
        explained(model)


def test_model_with_two_importances_is_an_error():
    relations = keras.Input((3, 4))
    outputs = {n: RelationalImportance(name=n)(relations) for n in "ab"}
    with pytest.raises(ValueError, match=r"holds importance, importance\."):
        explained(keras.Model(relations, outputs))


@pytest.mark.parametrize("model", [small_encoder(), "fdin", None])
def test_anything_else_is_an_error(model):
    with pytest.raises(
        ValueError, match=r"functional model with a dict .*Received: model="
    ):
        explained(model)
