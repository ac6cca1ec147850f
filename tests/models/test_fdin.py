"""FDIN: its size, its equations, masks, precision, saving, errors."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from fdin_tf.models import build_fdin
from tests.backends import as_array
from tests.backends import compiled
from tests.backends import dtype_of
from tests.backends import recorded
from tests.backends import requires_tensorflow
from tests.layers.test_neutral_difference import reference_difference
from tests.layers.test_pairwise_relation import reference_relations
from tests.layers.test_region_split import reference_regions
from tests.layers.test_relational_importance import reference_importance
from tests.layers.test_sequence_lstm import reference_lstm

SHAPE = (3, 6, 2)  # feature maps of one frame


def build_tiny(target="age", **kwargs):
    """A few hundred weights; layers as in the paper."""
    kwargs = {
        "dense_units": 5,
        "lstm_units": (4, 3),
        "relation_units": (6, 5),
        "head_units": (4, 3),
        "feature_shape": SHAPE,
        **kwargs,
    }
    return build_fdin(target, **kwargs)


def randomize(model, seed=0):
    """Weights that no initializer makes, and that leave ReLUs alive."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if len(weight.shape) == 1:
            weight.assign(rng.uniform(0.1, 1, size=weight.shape))
        else:
            scale = 2 / np.sqrt(np.prod(weight.shape[:-1]))
            weight.assign(rng.normal(scale=scale, size=weight.shape))
    return model


def make_clips(clips=3, frames=7, shape=SHAPE, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "features": rng.normal(size=(clips, frames, *shape)).astype("float32"),
        "mask": rng.uniform(size=(clips, frames)) < 0.7,
    }


def small_encoder(frame_shape=(12, 24, 3)):
    return keras.Sequential(
        [
            keras.Input(frame_shape),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(2, 3, padding="same", activation="tanh"),
            keras.layers.AveragePooling2D(4),
        ]
    )


def test_default_has_the_54_7_million_parameters_of_the_paper():
    model = build_fdin()

    def dense(inputs, outputs):
        return inputs * outputs + outputs

    def lstm(inputs, units):
        return 4 * (inputs * units + units * units + units)

    expected = {
        "dense": dense(2 * 2 * 512, 1024),
        "lstm_1": lstm(1024, 1024),
        "lstm_2": lstm(1024, 1024),
        "relations": dense(2 * (1024 + 2), 4096) + dense(4096, 4096),
        "importance": 36 * (4096 + 1),
        "head_1": dense(4096, 2048),
        "head_1_norm": 4 * 2048,
        "head_2": dense(2048, 1024),
        "head_2_norm": 4 * 1024,
        "age": dense(1024, 1),
    }
    counts = {layer.name: layer.count_params() for layer in model.layers}
    assert {k: v for k, v in counts.items() if v} == expected
    assert model.count_params() == sum(expected.values()) == 54_723_621


def test_layers_have_the_names_that_are_promised():
    model = build_tiny(
        inputs="frames", encoder=small_encoder(), frame_shape=(12, 24, 3)
    )
    names = {layer.name for layer in model.layers}
    assert names == {
        *("frames", "mask", "encoder", "regions", "dense", "lstm_1"),
        *("lstm_2", "location", "relations", "importance", "aggregate"),
        *("head_1", "head_1_norm", "head_1_relu", "head_1_dropout"),
        *("head_2", "head_2_norm", "head_2_relu", "head_2_dropout", "age"),
    }


@pytest.mark.parametrize(
    ("target", "classes"), [("age", 1), ("gender", 2), ("spontaneity", 2)]
)
def test_takes_and_gives_dicts_of_any_batch_and_length(target, classes):
    model = build_tiny(target)
    assert set(model.input) == {"features", "mask"}
    assert model.input["mask"].dtype == "bool"
    run = compiled(model)
    for clips, frames in [(1, 1), (4, 2), (2, 9)]:
        outputs = run(make_clips(clips, frames))
        assert set(outputs) == {target}
        assert outputs[target].shape == (clips, classes)
        if classes > 1:
            np.testing.assert_allclose(
                as_array(outputs[target]).sum(axis=-1), 1, rtol=1e-6
            )


def reference_fdin(
    model, features, mask, use_location=True, use_importance=True
):
    """Equations 1 to 7 of the paper, one clip, region and pair at a time."""
    weights = {layer.name: layer.get_weights() for layer in model.layers}
    regions = reference_regions(features, 3, 3)
    clips, num_regions = regions.shape[:2]
    objects = np.empty((clips, num_regions, 3 + 2 * use_location))
    for clip in range(clips):
        for i in range(num_regions):
            kernel, bias = weights["dense"]
            sequence = np.maximum(regions[clip, i] @ kernel + bias, 0)
            for name in ("lstm_1", "lstm_2"):
                units = len(weights[name][1])
                sequence, last, _ = reference_lstm(
                    sequence,
                    mask[clip],
                    np.zeros(units),
                    np.zeros(units),
                    *weights[name],
                )
            location = ((i % 3 + 0.5) / 3, (i // 3 + 0.5) / 3)
            objects[clip, i] = [*last, *(location if use_location else ())]
    relations = reference_relations(
        objects, weights["relations"][::2], weights["relations"][1::2]
    )
    importance = np.full((clips, 36), 1 / 36)
    if use_importance:
        importance = reference_importance(relations, *weights["importance"])
    hidden = sum(importance[:, p, None] * relations[:, p] for p in range(36))
    for name in ("head_1", "head_2"):
        kernel, bias = weights[name]
        gamma, beta, mean, variance = weights[f"{name}_norm"]
        hidden = hidden @ kernel + bias
        hidden = gamma * (hidden - mean) / np.sqrt(variance + 1e-3) + beta
        hidden = np.maximum(hidden, 0)
    kernel, bias = weights["age"]
    return hidden @ kernel + bias


@pytest.mark.parametrize("use_location", [True, False])
@pytest.mark.parametrize("use_importance", [True, False])
def test_equals_the_equations_of_the_paper(use_location, use_importance):
    switches = {"use_location": use_location, "use_importance": use_importance}
    model = randomize(build_tiny(**switches))
    clips = make_clips()
    expected = reference_fdin(model, **clips, **switches)
    assert np.ptp(expected) > 1e-2  # the clips are told apart
    np.testing.assert_allclose(model(clips)["age"], expected, rtol=1e-4)


@pytest.mark.parametrize("neutral_frames", [1, 3])
def test_with_neutral_frames_it_sees_what_they_lack(neutral_frames):
    model = randomize(build_tiny(neutral_frames=neutral_frames))
    clips = make_clips()
    difference = reference_difference(**clips, num_frames=neutral_frames)
    expected = reference_fdin(model, difference, clips["mask"])
    np.testing.assert_allclose(model(clips)["age"], expected, rtol=1e-4)
    brighter = {**clips, "features": clips["features"] + np.float32(5)}
    np.testing.assert_allclose(model(brighter)["age"], expected, rtol=1e-4)


def test_neutral_layer_is_there_when_it_is_asked_for():
    for neutral_frames in (0, 2):
        model = build_tiny(neutral_frames=neutral_frames)
        names = [layer.name for layer in model.layers]
        assert ("neutral" in names) == (neutral_frames > 0)
    assert model.get_layer("neutral").num_frames == 2


def test_location_is_the_only_thing_that_tells_equal_regions_apart():
    maps = np.ones((1, 4, *SHAPE), "float32")
    clip = {"features": maps, "mask": np.ones((1, 4), bool)}
    for use_location in (False, True):
        model = randomize(build_tiny(use_location=use_location))
        inner = keras.Model(model.input, model.get_layer("relations").output)
        relations = np.asarray(inner(clip))[0]
        assert np.allclose(relations, relations[:1]) == (not use_location)


@pytest.mark.parametrize("switch", ["use_location", "use_importance"])
def test_switches_remove_their_layer(switch):
    layer = switch.removeprefix("use_")
    assert layer in [layer.name for layer in build_tiny().layers]
    without = build_tiny(**{switch: False})
    assert layer not in [layer.name for layer in without.layers]


def test_importance_of_all_36_pairs_sums_to_one():
    model = randomize(build_tiny())
    inner = keras.Model(model.input, model.get_layer("importance").output)
    importance = np.asarray(inner(make_clips()))
    assert importance.shape == (3, 36)
    assert (importance > 0).all()
    np.testing.assert_allclose(importance.sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("neutral_frames", [0, 3])
def test_padding_never_changes_an_answer(neutral_frames):
    """Holes filled with noise, and noise put before, between and behind."""
    model = randomize(build_tiny(neutral_frames=neutral_frames))
    clips = make_clips()
    answer = model(clips)["age"]
    assert np.ptp(answer) > 1e-2  # it does look at the clips
    padded_length, places = 12, np.array([1, 2, 4, 6, 7, 8, 10])
    padded = {
        "features": 1e3 * make_clips(3, padded_length, seed=9)["features"],
        "mask": np.zeros((3, padded_length), bool),
    }
    padded["features"][:, places] = np.where(
        clips["mask"][:, :, None, None, None], clips["features"], -1e3
    )
    padded["mask"][:, places] = clips["mask"]
    np.testing.assert_allclose(model(padded)["age"], answer, rtol=1e-5)


def test_an_answer_does_not_depend_on_the_other_clips():
    model = randomize(build_tiny())
    clips = make_clips()
    together = model(clips)["age"]
    for clip in range(3):
        alone = {k: v[clip : clip + 1] for k, v in clips.items()}
        np.testing.assert_allclose(
            model(alone)["age"][0], together[clip], rtol=1e-5
        )


@pytest.mark.parametrize("neutral_frames", [0, 3])
def test_clip_without_a_real_frame_gives_a_finite_answer(neutral_frames):
    model = randomize(build_tiny(neutral_frames=neutral_frames))
    clips = make_clips()
    clips["mask"][1] = False
    answer = np.asarray(model(clips)["age"])
    assert np.isfinite(answer).all()
    clips["features"][1] = 7
    np.testing.assert_array_equal(model(clips)["age"][1], answer[1])


@pytest.mark.parametrize("target", ["age", "gender"])
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_answers_are_float32_under_half_precision(policy, target):
    full = randomize(build_tiny(target))
    keras.config.set_dtype_policy(policy)
    try:
        half = build_tiny(target)
    finally:
        keras.config.set_dtype_policy("float32")
    half.set_weights(full.get_weights())
    assert half.get_layer("lstm_1").compute_dtype == policy[6:]
    clips = make_clips()
    answer, expected = half(clips)[target], full(clips)[target]
    assert dtype_of(answer) == half.output[target].dtype == "float32"
    np.testing.assert_allclose(answer, expected, rtol=0.05, atol=0.05)
    assert not np.array_equal(answer, expected)


@pytest.mark.parametrize("inputs", ["features", "frames"])
def test_saved_with_safe_mode_it_answers_the_same(inputs, tmp_path):
    clips = make_clips()
    kwargs = {}
    if inputs == "frames":
        kwargs = {
            "encoder": small_encoder(),
            "frame_shape": (12, 24, 3),
            "neutral_frames": 2,
            "entropy_penalty": 0.1,
        }
        clips["frames"] = make_frames(3, 7)
        del clips["features"]
    model = randomize(build_tiny(inputs=inputs, **kwargs))
    model.save(tmp_path / "fdin.keras")
    loaded = keras.saving.load_model(tmp_path / "fdin.keras", safe_mode=True)
    np.testing.assert_allclose(
        loaded(clips)["age"], model(clips)["age"], rtol=1e-6
    )


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_entropy_penalty_is_part_of_the_loss_in_training(policy):
    clips = make_clips()
    keras.config.set_dtype_policy(policy)
    try:
        model = randomize(build_tiny(entropy_penalty=2.0, dropout=0.0))
    finally:
        keras.config.set_dtype_policy("float32")
    model.compile(keras.optimizers.SGD(1e-3), {"age": "mse"}, jit_compile=False)
    inner = keras.Model(model.input, model.get_layer("importance").output)
    importance = np.asarray(inner(clips), "float64")
    entropy = np.mean(np.sum(-importance * np.log(importance), axis=1))
    assert entropy > 0.1
    # Where the estimates are right, the penalty is all the loss there is.
    right = {"age": np.asarray(model(clips)["age"])}
    loss = model.evaluate(clips, right, verbose=0)
    np.testing.assert_allclose(loss, 2 * entropy, rtol=2e-2)
    right = {"age": np.asarray(model(clips, training=True)["age"])}
    with recorded():
        loss = model.train_on_batch(clips, right)
    np.testing.assert_allclose(loss, 2 * entropy, rtol=2e-2)


def make_frames(clips, frames, shape=(12, 24, 3)):
    rng = np.random.default_rng(seed=4)
    return rng.integers(0, 256, size=(clips, frames, *shape), dtype="uint8")


@requires_tensorflow("SavedModel")
def test_exported_it_takes_any_batch_and_length(tmp_path):
    model = randomize(build_tiny("gender"))
    model.export(tmp_path / "export", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "export")
    for clips in (make_clips(), make_clips(1, 12)):
        np.testing.assert_allclose(
            loaded.serve(clips)["gender"], model(clips)["gender"], rtol=1e-5
        )


@pytest.mark.parametrize("chunk_size", [1, 5, 64])
def test_on_frames_it_answers_as_on_the_features_of_its_encoder(chunk_size):
    encoder = small_encoder()
    on_frames = build_tiny(
        inputs="frames",
        encoder=encoder,
        frame_shape=(12, 24, 3),
        chunk_size=chunk_size,
    )
    on_features = randomize(build_tiny())
    weights = {w.path: w.numpy() for w in on_features.weights}
    for weight in on_frames.weights:
        if weight.path in weights:
            weight.assign(weights.pop(weight.path))
    assert not weights
    frames, mask = make_frames(2, 7), make_clips(2, 7)["mask"]
    flat = frames.reshape(14, 12, 24, 3).astype("float32")
    features = np.asarray(encoder(flat)).reshape(2, 7, *SHAPE)
    np.testing.assert_allclose(
        on_frames({"frames": frames, "mask": mask})["age"],
        on_features({"features": features, "mask": mask})["age"],
        rtol=1e-5,
    )


def test_rematerialization_of_the_encoder_trains_the_same():
    def trained(remat):
        model = build_tiny(
            inputs="frames", encoder=small_encoder(),
            frame_shape=(12, 24, 3), chunk_size=4, remat=remat, dropout=0.0,
        )  # fmt: skip
        randomize(model)
        # Steps as long as the gradient, so that its size is compared too.
        model.compile(keras.optimizers.SGD(1e-4), "mse")
        # Dark and light clips: the head normalises over clips that differ.
        light = np.array([1, 2, 4, 8], "uint8")[:, None, None, None, None]
        frames = make_frames(4, 7) // light
        clips = {"frames": frames, "mask": np.ones((4, 7), bool)}
        ages = {"age": np.arange(4.0)[:, None]}
        with recorded():
            losses = [model.train_on_batch(clips, ages) for _ in range(3)]
        return losses, model.get_weights()

    losses, weights = trained(remat=True)
    expected_losses, expected_weights = trained(remat=False)
    assert losses[2] < losses[0]
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-4)
    for found, expected in zip(weights, expected_weights, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_rematerialization_of_features_is_an_error():
    match = "there is no encoder. Received: remat=True"
    with pytest.raises(ValueError, match=match):
        build_tiny(remat=True)


def test_without_an_encoder_frames_go_through_the_layout_of_vggface():
    model = build_tiny(inputs="frames", frame_shape=(48, 48, 3))
    encoder = model.get_layer("encoder").encoder
    assert encoder.output_shape == (None, 3, 3, 512)
    assert "conv4_3" in [layer.name for layer in encoder.layers]
    clips = {
        "frames": make_frames(1, 2, (48, 48, 3)),
        "mask": np.ones((1, 2), bool),
    }
    assert np.isfinite(model(clips)["age"]).all()


def test_learns_a_planted_relation_of_two_regions():
    """The target is how much later region 7 moves than region 1."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(seed=0)
    onset = rng.uniform(2, 8, size=(192, 9))
    moved = np.arange(10)[None, :, None] > onset[:, None, :]
    clips = {
        "features": moved.reshape(192, 10, 3, 3, 1).astype("float32"),
        "mask": np.ones((192, 10), bool),
    }
    age = (onset[:, 7] - onset[:, 1])[:, None]
    model = build_tiny(
        feature_shape=(3, 3, 1),
        dense_units=8,
        lstm_units=(16,),
        relation_units=(32,),
        head_units=(16,),
        dropout=0.0,
    )
    # Slow enough for the moving statistics of the head to follow.
    model.compile(keras.optimizers.Adam(3e-3), "mse")
    with recorded():
        model.fit(clips, {"age": age}, batch_size=32, epochs=30, verbose=0)
    error = np.mean((model.predict(clips, verbose=0)["age"] - age) ** 2)
    assert error < 0.25 * np.var(age)


def test_dropout_is_off_in_inference_and_on_in_training():
    model = randomize(build_tiny(dropout=0.5))
    clips = make_clips()
    np.testing.assert_array_equal(model(clips)["age"], model(clips)["age"])
    one, other = (model(clips, training=True)["age"] for _ in range(2))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("name", ["target", "inputs"])
def test_unknown_choice_is_an_error(name):
    with pytest.raises(
        ValueError, match=rf"`{name}` must be one of .* {name}='mood'"
    ):
        build_fdin(**{name: "mood"})


@pytest.mark.parametrize("name", ["lstm_units", "relation_units", "head_units"])
@pytest.mark.parametrize("units", [(), 64])
def test_units_must_be_a_tuple_with_something_in_it(name, units):
    with pytest.raises(
        ValueError, match=rf"`{name}` must be a tuple .*Received: {name}="
    ):
        build_fdin(**{name: units})


@pytest.mark.parametrize("dropout", [-0.1, 1.0])
def test_dropout_must_be_a_share(dropout):
    with pytest.raises(
        ValueError, match=r"`dropout` must be in \[0, 1\). Received: dropout="
    ):
        build_fdin(dropout=dropout)


@pytest.mark.parametrize("neutral_frames", [-1, 2.0, None])
def test_neutral_frames_must_be_a_number_of_frames(neutral_frames):
    with pytest.raises(
        ValueError, match=r"`neutral_frames` must be .*neutral_frames="
    ):
        build_fdin(neutral_frames=neutral_frames)


def test_negative_entropy_penalty_is_an_error():
    with pytest.raises(ValueError, match=r"0 or more.*entropy_penalty=-1"):
        build_tiny(entropy_penalty=-1.0)


def test_entropy_penalty_without_importance_is_an_error():
    with pytest.raises(
        ValueError, match=r"for `use_importance=True`.*entropy_penalty=0.1"
    ):
        build_fdin(use_importance=False, entropy_penalty=0.1)


def test_encoder_with_features_is_an_error():
    with pytest.raises(ValueError, match=r"for `inputs='frames'`.*encoder="):
        build_fdin(encoder=small_encoder())


@pytest.mark.parametrize("shape", [(7, 6, 512), (6, 8, 512), (6, 6, None)])
def test_maps_that_cannot_be_cut_are_an_error(shape):
    with pytest.raises(
        ValueError, match=r"height divisible by 3 .*Received: input_shape="
    ):
        build_fdin(feature_shape=shape)


def test_encoder_that_does_not_take_the_frames_is_an_error():
    with pytest.raises(
        ValueError, match=r"takes frames of shape \(12, 24, 3\). Received:"
    ):
        build_tiny(inputs="frames", encoder=small_encoder())


def test_encoder_whose_maps_cannot_be_cut_is_an_error():
    with pytest.raises(ValueError, match=r"height divisible by 3"):
        build_tiny(
            inputs="frames",
            encoder=small_encoder((16, 24, 3)),
            frame_shape=(16, 24, 3),
        )


def test_encoder_must_be_a_model():
    with pytest.raises(ValueError, match=r"`encoder` must be a Keras model"):
        build_tiny(inputs="frames", encoder="vggface")
