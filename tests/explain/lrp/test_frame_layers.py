"""Relevance through networks of single frames: chunks, shapes, levels."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from fdin_tf.explain.lrp import COMPOSITES
from fdin_tf.explain.lrp import Composite
from fdin_tf.explain.lrp import Epsilon
from fdin_tf.explain.lrp import Propagator
from fdin_tf.explain.lrp import frame_layers
from fdin_tf.explain.lrp import relevance
from layers import FrameEncoder
from tests.explain.lrp.networks import random_weights

FRAME = (8, 8, 2)
# Frames add to the score, so that each has a score of its own, and shares it
# as if it were alone, up to the stabiliser of the sum.
COMPOSITE = Composite(
    dense=Epsilon(1e-12),
    convolution=COMPOSITES["alpha_beta"].convolution,
    layers={"score": Epsilon(1e-12)},
)


def build_encoder(dtype="float64", outputs="maps"):
    frame = keras.Input(FRAME, dtype=dtype)
    options = {"dtype": dtype, "activation": "relu"}
    hidden = keras.layers.Rescaling(1 / 99, dtype=dtype)(frame)
    hidden = keras.layers.Conv2D(3, 3, name="conv", **options)(hidden)
    hidden = keras.layers.MaxPooling2D(2, dtype=dtype)(hidden)
    maps = keras.layers.Conv2D(4, 2, name="conv_2", **options)(hidden)
    if outputs == "dict":
        attention = keras.layers.Activation("sigmoid", dtype=dtype)(maps)
        maps = {"features": maps, "attention": attention}
    return random_weights(keras.Model(frame, maps, name="of_frame"))


def of_maps(outputs):
    return outputs["features"] if isinstance(outputs, dict) else outputs


def build_model(runner, length, dtype="float64"):
    """The sum of what all values of all frames weigh, without bias."""
    frames = keras.Input((length, *FRAME), name="frames", dtype=dtype)
    maps = keras.layers.Flatten(dtype=dtype)(of_maps(runner(frames)))
    score = keras.layers.Dense(1, use_bias=False, name="score", dtype=dtype)
    model = keras.Model(frames, score(maps))
    rng = np.random.default_rng(5)
    score.set_weights([rng.normal(size=w.shape) for w in score.weights])
    return model


def of_single_frames(encoder, model, frames):
    """What the encoder's own network gives for every frame alone."""
    score = model.get_layer("score")
    weights = np.split(score.get_weights()[0], frames.shape[1])
    found = np.empty(frames.shape)
    for t, kernel in enumerate(weights):
        maps = keras.layers.Flatten(dtype="float64")(of_maps(encoder.output))
        alone = keras.layers.Dense(
            1, use_bias=False, name="score", dtype="float64"
        )
        single = keras.Model(encoder.input, alone(maps))
        alone.set_weights([kernel])
        found[:, t] = relevance(single, frames[:, t], None, COMPOSITE).inputs
    return found


def make_frames(clips=2, length=5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 255, (clips, length, *FRAME))


@pytest.mark.parametrize("outputs", ["maps", "dict"])
@pytest.mark.parametrize("chunk", [1, 3, 4, 10, 16])
def test_frames_are_explained_as_if_each_were_alone(
    chunk, outputs, monkeypatch
):
    monkeypatch.setattr(frame_layers, "_CHUNK", chunk)
    encoder, frames = build_encoder(outputs=outputs), make_frames()
    model = build_model(FrameEncoder(encoder, 4, dtype="float64"), 5)
    found = relevance(model, frames, composite=COMPOSITE)
    expected = of_single_frames(encoder, model, frames)
    np.testing.assert_allclose(
        found.inputs, expected, rtol=1e-7, atol=1e-9 * np.abs(expected).max()
    )
    assert found.inputs.dtype == "float64"


def test_more_frames_than_a_chunk_are_explained():
    encoder, frames = build_encoder(), make_frames(2, 19)
    model = build_model(FrameEncoder(encoder, dtype="float64"), 19)
    found = relevance(model, frames, composite=COMPOSITE).inputs
    expected = of_single_frames(encoder, model, frames)
    np.testing.assert_allclose(
        found, expected, rtol=1e-7, atol=1e-9 * np.abs(expected).max()
    )


def test_a_model_of_every_time_step_is_explained_as_an_encoder():
    encoder, frames = build_encoder(), make_frames()
    runner = keras.layers.TimeDistributed(encoder, dtype="float64")
    model = build_model(runner, 5)
    found = relevance(model, frames, composite=COMPOSITE).inputs
    expected = of_single_frames(encoder, model, frames)
    np.testing.assert_allclose(
        found, expected, rtol=1e-7, atol=1e-9 * np.abs(expected).max()
    )


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Conv2D(3, 3, activation="relu", dtype="float64"),
        keras.layers.MaxPooling2D(2, dtype="float64"),
        keras.layers.Flatten(dtype="float64"),
    ],
    ids=lambda layer: layer.name,
)
def test_a_layer_of_every_time_step_is_explained_for_each_alone(layer):
    frames = make_frames()
    frame = keras.Input(FRAME, dtype="float64")
    encoder = random_weights(keras.Model(frame, layer(frame)))
    model = build_model(keras.layers.TimeDistributed(layer, dtype="float64"), 5)
    found = relevance(model, frames, composite=COMPOSITE).inputs
    expected = of_single_frames(encoder, model, frames)
    np.testing.assert_allclose(
        found, expected, rtol=1e-7, atol=1e-9 * np.abs(expected).max()
    )


def test_relevance_inside_of_the_encoder_is_kept_for_every_frame():
    encoder, frames = build_encoder(), make_frames(2, 19)
    runner = FrameEncoder(encoder, name="encoder", dtype="float64")
    model = build_model(runner, 19)
    found = relevance(
        model, frames, composite=COMPOSITE, keep=["encoder", "encoder/conv"]
    )
    assert found.layers["encoder"].shape == (2, 19, 2, 2, 4)
    assert found.layers["encoder/conv"].shape == (2, 19, 6, 6, 3)
    steps = found.conservation.steps
    for name in ("encoder", "encoder/conv"):
        np.testing.assert_allclose(
            np.sum(found.layers[name], axis=(1, 2, 3, 4)),
            steps[name]["received"],
            rtol=1e-9,
        )


def test_what_the_encoder_keeps_is_the_sum_of_what_its_layers_keep():
    runner = FrameEncoder(build_encoder(), name="encoder", dtype="float64")
    model = build_model(runner, 19)
    found = relevance(model, make_frames(2, 19), composite="epsilon")
    steps = found.conservation.steps
    inside = {n: s for n, s in steps.items() if n.startswith("encoder/")}
    assert len(inside) == 4
    kept = sum(step["bias"] for n, step in inside.items() if "conv" in n)
    np.testing.assert_allclose(steps["encoder"]["bias"], kept, rtol=1e-9)
    assert np.all(np.abs(kept) > 1e-3)
    np.testing.assert_allclose(
        np.sum(found.inputs, axis=(1, 2, 3, 4))
        + sum(found.conservation.sinks().values()),
        found.score,
        rtol=1e-9,
    )


def build_mean_of_frames():
    """Takes clips of any length."""
    frames = keras.Input((None, *FRAME), name="frames", dtype="uint8")
    maps = FrameEncoder(build_encoder("float32"), name="encoder")(frames)
    mean = keras.layers.GlobalAveragePooling3D()(maps)
    model = keras.Model(frames, keras.layers.Dense(1)(mean))
    model.layers[-1].set_weights(
        [np.array([[1.0], [-2.0], [1.0], [3.0]]), np.array([0.1])]
    )
    return model


def test_compiled_it_takes_pixels_and_clips_of_any_number_and_length():
    model = build_mean_of_frames()
    propagator = Propagator(model, composite="epsilon_plus")

    @tf.function(
        input_signature=[tf.TensorSpec((None, None, *FRAME), "uint8")],
        autograph=False,
    )
    def explain(frames):
        return propagator(frames).inputs

    for clips, length in [(2, 19), (1, 1), (3, 5)]:
        frames = make_frames(clips, length).astype("uint8")
        expected = relevance(model, frames, composite="epsilon_plus").inputs
        assert expected.dtype == "float32"
        found = explain(frames)
        largest = np.abs(expected).max()
        np.testing.assert_allclose(found, expected, atol=1e-5 * largest)


def test_the_first_layer_of_an_encoder_is_the_first_of_the_model():
    """Equal shares for all pixels of the field of a place."""
    frames = make_frames(1, 2)
    runner = FrameEncoder(build_encoder(), name="encoder", dtype="float64")
    model = build_model(runner, 2)
    found = relevance(
        model,
        frames,
        composite="epsilon_plus_flat",
        keep=["encoder/conv"],
    )
    of_places = np.sum(found.layers["encoder/conv"], axis=-1)
    expected = np.zeros(frames.shape)
    for t, i, j in np.ndindex(2, 6, 6):
        expected[0, t, i : i + 3, j : j + 3] += of_places[0, t, i, j] / 18
    np.testing.assert_allclose(found.inputs, expected, rtol=1e-6, atol=1e-9)


def test_a_layer_behind_an_encoder_is_not_the_first():
    model, frames = build_mean_of_frames(), make_frames().astype("uint8")
    named = {"composite": COMPOSITES["epsilon_plus_flat"]}
    found = relevance(model, frames, **named, keep=["encoder"])
    plain = relevance(model, frames, composite="epsilon_plus", keep=["encoder"])
    np.testing.assert_allclose(
        found.layers["encoder"], plain.layers["encoder"], rtol=1e-6
    )


def test_a_layer_without_a_rule_inside_of_an_encoder_is_named():
    frame = keras.Input(FRAME)
    encoder = keras.Model(
        frame, keras.layers.UnitNormalization(name="unit")(frame)
    )
    frames = keras.Input((2, *FRAME))
    flat = keras.layers.Flatten()(FrameEncoder(encoder)(frames))
    model = keras.Model(frames, keras.layers.Dense(1)(flat))
    with pytest.raises(
        ValueError, match=r"through UnitNormalization; teach .*layer='unit'"
    ):
        relevance(model, make_frames(1, 2))


def test_a_layer_to_keep_that_the_encoder_has_not_is_an_error():
    model = build_mean_of_frames()
    with pytest.raises(ValueError, match=r"`keep` must name.*conv_9'"):
        relevance(model, make_frames(), keep=["encoder/conv_9"])
