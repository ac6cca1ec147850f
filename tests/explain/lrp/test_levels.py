"""Relevance of clips by pair, region, frame and pixel: sums and shapes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from fdin_tf.explain import explained
from fdin_tf.explain.lrp import ClipPropagator
from fdin_tf.explain.lrp import relevance
from fdin_tf.models import build_fdin
from fdin_tf.serving.export import join_encoder
from layers import PairwiseRelation
from tests.models import test_fdin
from tests.models import test_siam
from tests.models.test_fdin import randomize
from tests.models.test_fdin import small_encoder

FRAME = (12, 24, 3)
LEVELS = ("pairs", "regions", "frames", "pixels")


@pytest.fixture(autouse=True)
def _without_compiling():
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def on_features(target="age", **kwargs):
    return randomize(test_fdin.build_tiny(target, **kwargs))


def on_frames():
    return randomize(
        test_fdin.build_tiny(
            inputs="frames",
            encoder=small_encoder(),
            frame_shape=FRAME,
            neutral_frames=2,
        )
    )


def joined():
    return join_encoder(on_features(), randomize(small_encoder()))


def siam(**kwargs):
    return randomize(test_siam.build_tiny(**kwargs))


MODELS = {
    "features": on_features,
    "features, no location": lambda: on_features(use_location=False),
    "features, no importance": lambda: on_features(use_importance=False),
    "frames": on_frames,
    "joined": joined,
    "SIAM": siam,
    "SIAM, nothing but frames": lambda: siam(
        spatial_attention=None, recurrent=False, temporal_attention=False
    ),
    "classes of FDIN": lambda: on_features("gender"),
    "classes of SIAM": lambda: siam(target="gender"),
}


def clips_of(model, seed=0):
    """Three clips of seven frames, with holes in their masks."""
    name = next(name for name in model.input if name != "mask")
    shape = model.input[name].shape[2:]
    clips = test_fdin.make_clips(3, 7, shape=shape, seed=seed)
    if name == "frames":
        rng = np.random.default_rng(seed)
        frames = rng.integers(0, 256, (3, 7, *shape), dtype="uint8")
        clips = {"frames": frames, "mask": clips["mask"]}
    clips["mask"][:, 3] = True
    return clips


def total(level):
    return np.sum(np.reshape(level, (len(level), -1)), axis=1)


@pytest.mark.parametrize(
    ("name", "composite"),
    [
        *((name, "epsilon_plus") for name in MODELS),
        *((name, "alpha_beta") for name in ("features", "joined", "SIAM")),
    ],
)
def test_every_level_and_its_sinks_sum_to_the_score(name, composite):
    model = MODELS[name]()
    found = ClipPropagator(model, composite=composite)(clips_of(model))
    for level in LEVELS:
        values = getattr(found, level)
        if values is None:
            assert level not in found.sinks
            continue
        size = total(np.abs(values)) + np.abs(found.score)
        rest = total(values) + sum(found.sinks[level].values()) - found.score
        assert np.all(np.abs(rest) < 1e-5 * size), level


@pytest.mark.parametrize("name", ["features", "frames", "joined", "SIAM"])
def test_levels_have_the_shapes_that_are_promised(name):
    model = MODELS[name]()
    found = ClipPropagator(model)(clips_of(model))
    has_regions = "SIAM" not in name
    places = next(
        x.shape[2:4] for key, x in model.input.items() if key != "mask"
    )
    assert found.score.shape == (3,)
    assert found.frames.shape == (3, 7)
    assert found.pixels.shape == (3, 7, *places)
    if has_regions:
        assert found.pairs.shape == (3, 36)
        assert found.regions.shape == (3, 9, 7)
    else:
        assert found.pairs is None
        assert found.regions is None


@pytest.mark.parametrize("name", ["features", "frames", "joined", "SIAM"])
def test_padding_has_exactly_nothing_at_any_level(name):
    model = MODELS[name]()
    clips = clips_of(model)
    found = ClipPropagator(model)(clips)
    assert not np.any(found.frames.numpy()[~clips["mask"]])
    assert not np.any(found.pixels.numpy()[~clips["mask"]])
    assert np.any(found.frames)
    if found.regions is not None:
        of_frames = np.swapaxes(found.regions, 1, 2)
        assert not np.any(of_frames[~clips["mask"]])


def test_of_features_every_level_of_places_holds_the_level_above():
    """Regions are cells of the maps, and frames are all of their regions."""
    model = on_features()
    found = ClipPropagator(model)(clips_of(model))
    # 3 x 6 places in 3 x 3 regions.
    cells = np.reshape(found.pixels, (3, 7, 3, 3, 2)).sum(axis=-1)
    of_regions = np.swapaxes(np.reshape(cells, (3, 7, 9)), 1, 2)
    np.testing.assert_allclose(found.regions, of_regions, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        found.frames, np.sum(of_regions, axis=1), rtol=1e-4, atol=1e-6
    )


def test_pairs_come_in_the_order_of_the_layer():
    """Relations that only one pair has are only this pair's relevance."""
    model = on_features(use_importance=False)
    relations = model.get_layer("relations")
    clips = clips_of(model)
    found = ClipPropagator(model)(clips)
    kept = relevance(
        model, clips, composite="epsilon_plus", keep=["relations"]
    ).layers["relations"]
    inner = keras.Model(model.input, relations.output)
    has_relations = np.sum(inner(clips), axis=-1) > 0
    assert len(relations.pairs) == found.pairs.shape[1]
    np.testing.assert_allclose(found.pairs, np.sum(kept, axis=-1), rtol=1e-5)
    assert not np.any(found.pairs.numpy()[~has_relations])


@pytest.mark.parametrize("name", ["features", "SIAM", "joined"])
def test_a_model_with_its_reasons_is_explained_alike(name):
    model = MODELS[name]()
    clips = clips_of(model)
    expected = ClipPropagator(model)(clips)
    found = ClipPropagator(explained(model), "age")(clips)
    np.testing.assert_allclose(found.score, expected.score, rtol=1e-5)
    for level in LEVELS:
        values = getattr(expected, level)
        if values is not None:
            np.testing.assert_allclose(
                getattr(found, level),
                values,
                atol=1e-5 * np.abs(values).max(),
            )


@pytest.mark.parametrize("number", [0, 1])
def test_of_a_class_the_score_before_the_softmax_is_explained(number):
    model = on_features("gender")
    clips = clips_of(model)
    last = model.get_layer("gender")
    hidden = keras.Model(model.input, last.input)(clips)
    kernel, bias = last.get_weights()
    scores = hidden @ kernel + bias
    found = ClipPropagator(model, ("gender", number))(clips)
    np.testing.assert_allclose(found.score, scores[:, number], rtol=1e-5)
    best = ClipPropagator(model)(clips)
    np.testing.assert_allclose(best.score, np.max(scores, axis=1), rtol=1e-5)


def test_locations_are_sinks_of_the_levels_behind_them():
    model = on_features()
    sinks = ClipPropagator(model)(clips_of(model)).sinks
    assert "location" not in sinks["pairs"]
    assert np.all(sinks["regions"]["location"] != 0)
    assert np.all(sinks["pixels"]["location"] == sinks["regions"]["location"])


def test_an_image_model_is_an_error():
    images = keras.Input((4, 4, 3), name="images")
    model = keras.Model(
        {"images": images},
        keras.layers.Dense(1)(keras.layers.Flatten()(images)),
        name="of_images",
    )
    with pytest.raises(
        ValueError,
        match=r"must take a dict with 'frames' or.*Received: model='of_images'",
    ):
        ClipPropagator(model)


def test_a_model_of_one_tensor_is_an_error():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="must take a dict with 'frames'"):
        ClipPropagator(model)


@pytest.mark.parametrize("is_shared", [True, False])
def test_several_layers_that_give_a_level_are_an_error(is_shared):
    """Relevance of pairs would be that of one of them."""
    features = keras.Input((9, 4), name="features")
    first = PairwiseRelation((3,), name="first")
    second = first if is_shared else PairwiseRelation((3,), name="second")
    both = keras.layers.Add()([first(features), second(2 * features)])
    model = keras.Model(
        {"features": features},
        {"age": keras.layers.Dense(1)(keras.layers.Flatten()(both))},
    )
    other = r"first \(2\)" if is_shared else "second"
    with pytest.raises(
        ValueError,
        match=rf"one PairwiseRelation at most.*pairs\..*: first, {other}",
    ):
        ClipPropagator(model)


def test_an_unknown_target_is_an_error():
    model = build_fdin(
        dense_units=2,
        lstm_units=(2,),
        relation_units=(2,),
        head_units=(2,),
        feature_shape=(3, 3, 1),
    )
    with pytest.raises(ValueError, match=r"one of the outputs.*target='sex'"):
        ClipPropagator(model, "sex")
