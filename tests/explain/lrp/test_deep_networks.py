"""Relevance through whole networks: literal FDIN and SIAM, sums, precision."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from fdin_tf.explain.lrp import COMPOSITES
from fdin_tf.explain.lrp import AlphaBeta
from fdin_tf.explain.lrp import ClipPropagator
from fdin_tf.explain.lrp import Composite
from fdin_tf.explain.lrp import Epsilon
from fdin_tf.explain.lrp import relevance
from fdin_tf.models import build_vggface_encoder
from layers import SequenceLSTM
from layers.spatially_indexed_attention import MECHANISMS
from tests.explain.lrp.literal_rules import literal
from tests.explain.lrp.literal_rules import matrix_of
from tests.explain.lrp.literal_rules import stabilized
from tests.explain.lrp.literal_rules import winners_of
from tests.explain.lrp.test_face_layers import LiteralRelations
from tests.explain.lrp.test_recurrent_layers import LiteralLSTM
from tests.explain.lrp.test_recurrent_layers import LiteralRNN
from tests.layers.test_temporal_attention import reference_temporal_attention
from tests.models import test_fdin
from tests.models import test_siam
from tests.models.test_fdin import randomize

DEMO = Path(__file__).parents[3] / "saved_models/demo_age/1/assets.extra"
COARSE = Epsilon(1e-2)  # small sums do not blow rounding up


def with_epsilon(composite, epsilon):
    """The composite with another stabiliser in every `Epsilon`."""
    rules = {
        field.name: epsilon
        for field in dataclasses.fields(composite)
        if isinstance(getattr(composite, field.name), Epsilon)
    }
    return dataclasses.replace(composite, **rules)


def without_biases(model):
    """The model, with zeros for all that adds to an activation."""
    for weight in model.weights:
        name = weight.path.rpartition("/")[-1]
        if "bias" in name or name in ("beta", "moving_mean"):
            weight.assign(np.zeros(weight.shape))
    return model


def draw(model, seed=0):
    """The model, with weights that keep the size of what they read."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        name = weight.path.rpartition("/")[-1]
        if name == "deviation":
            continue
        if len(weight.shape) < 2 or "bias" in name:
            weight.assign(rng.uniform(0.1, 0.5, weight.shape))
        elif name == "recurrent_kernel":
            scale = 0.7 / weight.shape[0] ** 0.5
            weight.assign(scale * rng.normal(size=weight.shape))
        else:
            scale = (2 / np.prod(weight.shape[:-1])) ** 0.5
            weight.assign(scale * rng.normal(size=weight.shape))
    return model


def total(relevance):
    return np.sum(np.reshape(relevance, (len(relevance), -1)), axis=1)


def clips_of(model, clips=2, frames=50, seed=0):
    """Clips with holes in their masks."""
    rng = np.random.default_rng(seed)
    name = next(name for name in model.input if name != "mask")
    shape = (clips, frames, *model.input[name].shape[2:])
    mask = rng.uniform(size=(clips, frames)) < 0.8
    mask[:, frames // 2] = True
    if name == "frames":
        return {name: rng.integers(0, 256, shape, dtype="uint8"), "mask": mask}
    return {name: rng.normal(size=shape).astype("float32"), "mask": mask}


def assert_close(found, expected, rtol):
    largest = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * largest)


# Literal FDIN and SIAM.


def literal_head(model, names, rule, x, target=0):
    """Dense layers with batch normalisation in them, and the score."""
    weights = {layer.name: layer.get_weights() for layer in model.layers}
    layers, activations = [], [x]
    for name in names:
        kernel, bias = weights[name]
        if f"{name}_norm" in weights:
            gamma, beta, mean, variance = weights[f"{name}_norm"]
            scale = gamma / np.sqrt(variance + 1e-3)
            kernel, bias = kernel * scale, (bias - mean) * scale + beta
        layers.append((kernel, bias))
        activations.append(np.maximum(activations[-1] @ kernel + bias, 0))
    kernel, bias = layers[-1]
    r = np.zeros(len(bias))
    r[target] = score = (activations[-2] @ kernel + bias)[target]
    for (kernel, bias), x in zip(reversed(layers), reversed(activations[:-1])):
        r, *_ = literal(rule, x, kernel, bias, r)
    return r, score


def literal_fdin(model, features, mask, rule):
    """Of one clip: relevance of features `(t, h, w, c)`, pairs, location."""
    weights = {layer.name: layer.get_weights() for layer in model.layers}
    frames, height, width, channels = features.shape
    cells = features.reshape(frames, 3, height // 3, 3, width // 3, channels)
    cells = cells.transpose(1, 3, 0, 2, 4, 5).reshape(9, frames, -1)
    kernel, bias = weights["dense"]
    stacks, objects = [], np.empty((9, len(weights["lstm_2"][1]) + 2))
    for i in range(9):
        stack = [LiteralLSTM(weights[name]) for name in ("lstm_1", "lstm_2")]
        sequence = np.maximum(cells[i] @ kernel + bias, 0)
        for lstm in stack:
            sequence = lstm.forward(sequence, mask)
        stacks.append(stack)
        location = (i % 3 + 0.5) / 3, (i // 3 + 0.5) / 3
        objects[i] = [*sequence[-1], *location]
    relations = LiteralRelations(weights["relations"], weights["importance"])
    aggregate = relations.forward(objects)
    r, score = literal_head(model, ("head_1", "head_2", "age"), rule, aggregate)
    of_objects, of_pairs, _ = relations.backward(r, rule, COARSE.epsilon)
    of_cells = np.empty(cells.shape)
    for i, stack in enumerate(stacks):
        r = np.zeros((frames, of_objects.shape[1] - 2))
        r[-1] = of_objects[i, :-2]
        for lstm in reversed(stack):
            r, *_ = lstm.backward(r, COARSE.epsilon)
        for t in range(frames):
            of_cells[i, t], *_ = literal(rule, cells[i, t], kernel, bias, r[t])
    of_cells = of_cells.reshape(
        3, 3, frames, height // 3, width // 3, channels
    ).transpose(2, 0, 3, 1, 4, 5)
    return (
        of_cells.reshape(features.shape),
        of_pairs,
        of_objects[:, -2:].sum(),
        score,
    )


@pytest.mark.parametrize("rule", [COARSE, AlphaBeta()], ids=repr)
def test_fdin_equals_the_literal_network(rule):
    model = randomize(test_fdin.build_tiny())
    clips = test_fdin.make_clips(2, 5)
    composite = Composite(dense=rule, linear=COARSE, recurrent=COARSE)
    found = relevance(model, clips, None, composite, keep=["relations"])
    sinks = found.conservation.sinks()
    for clip in range(2):
        of_features, of_pairs, of_location, score = literal_fdin(
            model,
            clips["features"][clip].astype("float64"),
            clips["mask"][clip],
            rule,
        )
        np.testing.assert_allclose(found.score[clip], score, rtol=1e-5)
        assert_close(found.inputs["features"][clip], of_features, rtol=1e-4)
        pairs = np.sum(found.layers["relations"][clip], axis=-1)
        assert_close(pairs, of_pairs, rtol=1e-4)
        assert_close(sinks["location"][clip], of_location, rtol=1e-4)


class LiteralAppearance:
    """SIAM's module of single frames, layer by layer."""

    def __init__(self, encoder):
        self.layers = encoder.layers[1:]

    def forward(self, frame):
        """`p_t`; keeps what every layer is given."""
        self.given, x = [], frame.astype("float32")[None]
        for layer in self.layers:
            self.given.append(np.array(x[0], "float64"))
            x = keras.tree.flatten(layer(x))[0]
        return np.array(x[0], "float64")

    def backward(self, r, rules):
        for layer, x in zip(reversed(self.layers), reversed(self.given)):
            if isinstance(layer, keras.layers.MaxPooling2D):
                x = x.astype("float32")
                r = winners_of(layer, x) @ r.ravel()
            elif isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense)):
                kernel, bias = matrix_of(layer, x.shape)
                r, *_ = literal(rules[type(layer)], x.ravel(), kernel, bias, r)
            # All others hand on what they have, in its place.
        return r.reshape(self.given[0].shape)


def literal_siam(model, frames, mask, composite):
    """Of one clip: relevance of the frames `(t, height, width, channels)`."""
    weights = test_siam.weights_of(model)
    modules = [
        LiteralAppearance(model.get_layer("appearance").encoder) for _ in mask
    ]
    sequence = np.array([m.forward(f) for m, f in zip(modules, frames)])
    stack = [LiteralRNN(weights[n]) for n in ("rnn_1", "rnn_2") if n in weights]
    for rnn in stack:
        sequence = rnn.forward(sequence, mask)
    attention = mask / mask.sum()
    if "temporal_attention" in weights:
        _, (attention,) = reference_temporal_attention(
            sequence[None], mask[None], *weights["temporal_attention"]
        )
    summary = attention @ sequence
    r, score = literal_head(model, ("age",), composite.dense, summary)
    of_sequence = np.zeros(sequence.shape)
    for t, k in np.ndindex(sequence.shape):
        divisor = stabilized(summary[k], composite.linear.epsilon)
        of_sequence[t, k] = attention[t] * sequence[t, k] / divisor * r[k]
    for rnn in reversed(stack):
        of_sequence, *_ = rnn.backward(of_sequence, composite.recurrent.epsilon)
    rules = {
        keras.layers.Conv2D: composite.convolution,
        keras.layers.Dense: composite.dense,
    }
    return np.array(
        [m.backward(r, rules) for m, r in zip(modules, of_sequence)]
    ), score


SMALL_SIAM = {
    "frame_shape": (16, 16, 1),
    "kernel_sizes": (3, 3, 1),
    "conv_units": (2, 3, 4),
}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"spatial_attention": None, "recurrent": False},
        {"temporal_attention": False, "spatial_position": 1},
    ],
    ids=str,
)
def test_siam_equals_the_literal_network(options):
    model = randomize(test_siam.build_tiny(**SMALL_SIAM, **options))
    clips = test_siam.make_clips(1, 4, shape=(16, 16, 1))
    composite = Composite(COARSE, AlphaBeta(), linear=COARSE, recurrent=COARSE)
    found = relevance(model, clips, None, composite)
    expected, score = literal_siam(
        model, clips["frames"][0], clips["mask"][0], composite
    )
    np.testing.assert_allclose(found.score[0], score, rtol=1e-5)
    assert np.any(expected)
    assert_close(found.inputs["frames"][0], expected, rtol=1e-4)


# Sums.


def check_conserves(model, inputs, name, tolerance=1e-4):
    """Inputs and locations have the score."""
    composite = COMPOSITES[name]
    found = relevance(model, inputs, composite=composite)
    of_inputs = [r for r in keras.tree.flatten(found.inputs) if r is not None]
    sinks = found.conservation.sinks()
    received = sum(map(total, of_inputs)) + sinks.get("location", 0.0)
    assert np.all(np.abs(found.score) > 1e-6)
    np.testing.assert_allclose(received, found.score, rtol=tolerance)


def vgg16():
    return keras.applications.VGG16(
        weights=None, input_shape=(32, 32, 3), classes=3
    )


def vggface():
    """Ten convolutions of VGG-Face and three dense layers."""
    encoder = build_vggface_encoder((32, 32, 3), filters=(6, 8, 10, 12))
    return keras.Sequential(
        [
            encoder,
            keras.layers.Flatten(),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.Dense(1),
        ]
    )


@pytest.mark.parametrize("name", COMPOSITES)
def test_vggface_without_biases_conserves(name):
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3))
    for seed in range(3):
        model = without_biases(draw(vggface(), seed))
        # A negative score has no positive contributions to share it.
        head = model.layers[-1]
        head.set_weights([np.abs(w) for w in head.get_weights()])
        check_conserves(model, images, name)


@pytest.mark.parametrize("name", ["alpha_beta", "epsilon_plus"])
def test_vgg16_without_biases_conserves(name):
    keras.utils.set_random_seed(0)
    images = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3))
    check_conserves(without_biases(vgg16()), images, name)


@pytest.mark.parametrize("seed", range(3))
def test_two_layers_of_lstm_and_fifty_steps_without_biases_conserve(seed):
    x = keras.Input((50, 6))
    hidden = SequenceLSTM(8)(SequenceLSTM(8, return_sequences=True)(x))
    model = keras.Model(x, keras.layers.Dense(1, use_bias=False)(hidden))
    sequence = np.random.default_rng(seed).normal(size=(4, 50, 6))
    check_conserves(without_biases(draw(model, seed)), sequence, "epsilon")


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", ["alpha_beta", "epsilon_plus"])
def test_fdin_of_fifty_frames_without_biases_conserves(name, seed):
    model = without_biases(draw(test_fdin.build_tiny(), seed))
    check_conserves(model, clips_of(model, seed=seed), name)


@pytest.mark.parametrize("name", ["alpha_beta", "epsilon_plus"])
def test_fdin_on_fifty_frames_without_biases_conserves(name):
    model = test_fdin.build_tiny(
        inputs="frames",
        encoder=test_fdin.small_encoder(),
        frame_shape=(12, 24, 3),
        neutral_frames=2,
    )
    check_conserves(without_biases(draw(model)), clips_of(model), name)


@pytest.mark.parametrize(
    "options",
    [
        *({"spatial_attention": mechanism} for mechanism in MECHANISMS),
        {"spatial_attention": None},
        {"recurrent": False},
        {"temporal_attention": False},
        {"target": "gender"},
    ],
    ids=str,
)
def test_siam_of_fifty_frames_without_biases_conserves(options):
    model = test_siam.build_tiny(**{**SMALL_SIAM, **options})
    check_conserves(without_biases(draw(model)), clips_of(model), "alpha_beta")


def test_what_biases_take_is_the_rest():
    model = randomize(test_fdin.build_tiny())
    clips = clips_of(model, frames=20)
    composite = COMPOSITES["epsilon_plus"]
    found = relevance(model, clips, composite=composite, strict=1e-3)
    sinks = found.conservation.sinks()
    assert np.all(np.abs(sinks["bias"]) > 0.1)
    received = total(found.inputs["features"]) + sum(sinks.values())
    np.testing.assert_allclose(received, found.score, rtol=1e-4)


# Batches, padding, precision, files.


@pytest.mark.parametrize("build", [test_fdin.build_tiny, test_siam.build_tiny])
def test_padding_and_the_other_clips_change_nothing(build):
    model = randomize(build())
    clips = clips_of(model, clips=3, frames=6)
    (name,) = set(clips) - {"mask"}
    composite = with_epsilon(COMPOSITES["epsilon_plus"], COARSE)
    found = relevance(model, clips, None, composite).inputs[name].numpy()
    alone = {key: value[1:2] for key, value in clips.items()}
    single = relevance(model, alone, None, composite).inputs[name]
    assert_close(single[0], found[1], rtol=1e-5)
    noise = clips_of(model, clips=3, frames=4, seed=9)
    noise["mask"][:] = False
    padded = {
        key: np.concatenate([value, noise[key]], axis=1)
        for key, value in clips.items()
    }
    longer = relevance(model, padded, None, composite).inputs[name].numpy()
    assert_close(longer[:, :6], found, rtol=1e-5)
    assert not np.any(longer[:, 6:])
    assert not np.any(found[~clips["mask"]])


@pytest.mark.parametrize(
    "dtype_policy", ["mixed_float16", "mixed_bfloat16"], indirect=True
)
@pytest.mark.parametrize("build", [test_fdin.build_tiny, test_siam.build_tiny])
def test_models_of_mixed_precision_are_explained_in_float32(
    build, dtype_policy
):
    half = randomize(build())
    keras.config.set_dtype_policy("float32")
    whole = randomize(build())
    clips = clips_of(half, frames=6)
    (name,) = set(clips) - {"mask"}
    composite = with_epsilon(COMPOSITES["epsilon_plus"], COARSE)
    expected = relevance(whole, clips, None, composite)
    found = relevance(half, clips, None, composite)
    assert found.inputs[name].dtype == found.score.dtype == "float32"
    np.testing.assert_allclose(found.score, expected.score, rtol=0.05)
    for clip in range(2):
        of_half, of_whole = (
            found.inputs[name][clip],
            expected.inputs[name][clip],
        )
        similarity = np.corrcoef(np.ravel(of_half), np.ravel(of_whole))[0, 1]
        assert similarity > 0.9
    # It is accounted for what half precision rounds away.
    rest = total(found.inputs[name]) + sum(found.conservation.sinks().values())
    size = total(np.abs(found.inputs[name])) + np.abs(found.score)
    assert np.all(np.abs(rest - found.score) < 1e-4 * size)


def test_saved_and_loaded_a_model_is_explained_the_same(tmp_path):
    model = randomize(test_siam.build_tiny())
    clips = clips_of(model, frames=4)
    model.save(tmp_path / "siam.keras")
    loaded = keras.saving.load_model(tmp_path / "siam.keras")
    expected = relevance(model, clips).inputs["frames"]
    found = relevance(loaded, clips).inputs["frames"]
    assert_close(found, expected, rtol=1e-6)


def test_the_demo_model_is_explained_compiled_for_clips_of_any_length():
    model = keras.saving.load_model(DEMO / "model.keras")
    propagator = ClipPropagator(model)
    clips = clips_of(model, clips=2, frames=7)
    found = propagator(clips)
    np.testing.assert_allclose(
        found.score, model(clips)["age"][:, 0], rtol=1e-5
    )
    assert not np.any(found.frames.numpy()[~clips["mask"]])
    for level, values in (("pairs", found.pairs), ("pixels", found.pixels)):
        size = total(np.abs(values)) + np.abs(found.score)
        rest = total(values) + sum(found.sinks[level].values()) - found.score
        assert np.all(np.abs(rest) < 1e-5 * size)
    tf.config.run_functions_eagerly(True)
    try:
        eager = propagator(clips)
    finally:
        tf.config.run_functions_eagerly(False)
    assert_close(found.pixels, eager.pixels, rtol=1e-3)
