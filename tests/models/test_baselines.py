"""The baselines: their sizes, equations, masks, precision, saving, errors."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from fdin_tf.explain import explained
from fdin_tf.models import build_holistic
from fdin_tf.models import build_image_cnn
from fdin_tf.models import build_regional
from tests.layers.test_neutral_difference import reference_difference
from tests.layers.test_region_split import reference_regions
from tests.layers.test_relational_importance import reference_importance
from tests.layers.test_sequence_lstm import reference_lstm
from tests.models.test_fdin import SHAPE
from tests.models.test_fdin import make_clips
from tests.models.test_fdin import randomize

BUILDERS = [build_regional, build_holistic, build_image_cnn]
WITH_LSTM = [build_regional, build_holistic]


def build_tiny(build, target="age", **kwargs):
    """A few hundred weights; layers as in the paper."""
    sizes = {"dense_units": 5, "head_units": (4, 3), "feature_shape": SHAPE}
    if build in WITH_LSTM:
        sizes["lstm_units"] = (4, 3)
    if build is build_regional:
        sizes["region_units"] = (6, 5)
    return build(target, **{**sizes, **kwargs})


def dense(inputs, outputs):
    return inputs * outputs + outputs


def lstm(inputs, units):
    return 4 * (inputs * units + units * units + units)


def head(inputs):
    """Layers of 2048, 1024 and 1 units, two of them normalised."""
    return {
        "head_1": dense(inputs, 2048),
        "head_1_norm": 4 * 2048,
        "head_2": dense(2048, 1024),
        "head_2_norm": 4 * 1024,
        "age": dense(1024, 1),
    }


@pytest.mark.parametrize(
    ("build", "expected", "total"),
    [
        (
            build_regional,
            {
                "dense": dense(2 * 2 * 512, 1024),
                "lstm_1": lstm(1024, 1024),
                "lstm_2": lstm(1024, 1024),
                "region_1": dense(1024 + 2, 4096),
                "region_2": dense(4096, 4096),
                "importance": 9 * (4096 + 1),
                **head(4096),
            },
            50_410_506,
        ),
        (
            build_holistic,
            {
                "dense": dense(6 * 6 * 512, 1024),
                "lstm_1": lstm(1024, 1024),
                "lstm_2": lstm(1024, 1024),
                **head(1024),
            },
            39_871_489,
        ),
        (
            build_image_cnn,
            {"dense": dense(6 * 6 * 512, 1024), **head(1024)},
            23_086_081,
        ),
    ],
)
def test_default_has_the_sizes_of_the_paper(build, expected, total):
    model = build()
    counts = {layer.name: layer.count_params() for layer in model.layers}
    assert {k: v for k, v in counts.items() if v} == expected
    assert model.count_params() == sum(expected.values()) == total


HEAD = {
    *("head_1", "head_1_norm", "head_1_relu", "head_1_dropout"),
    *("head_2", "head_2_norm", "head_2_relu", "head_2_dropout", "age"),
}
COMMON = {"features", "mask", "neutral", "regions", "dense", *HEAD}


@pytest.mark.parametrize(
    ("build", "own"),
    [
        (
            build_regional,
            {
                *("lstm_1", "lstm_2", "location", "region_1", "region_2"),
                *("region_1_dropout", "region_2_dropout", "importance"),
                "aggregate",
            },
        ),
        (build_holistic, {"lstm_1", "lstm_2", "aggregate"}),
        (build_image_cnn, {"images"}),
    ],
)
def test_layers_have_the_names_that_are_promised(build, own):
    model = build_tiny(build, neutral_frames=2)
    assert {
        layer.name
        for layer in model.layers
        if isinstance(layer, keras.layers.Layer)
    } == COMMON | own
    assert model.name == f"{build.__name__.removeprefix('build_')}_age"
    plain = [layer.name for layer in build_tiny(build).layers]
    assert "neutral" not in plain


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize(
    ("target", "classes"), [("age", 1), ("gender", 2), ("spontaneity", 2)]
)
def test_takes_and_gives_dicts_of_any_batch_and_length(build, target, classes):
    model = build_tiny(build, target)
    assert set(model.input) == {"features", "mask"}
    assert model.input["mask"].dtype == "bool"
    assert model.output_names == [target]
    run = tf.function(model, reduce_retracing=True)
    for clips, frames in [(1, 1), (4, 2), (2, 9)]:
        inputs = make_clips(clips, frames)
        inputs["mask"][:, 0] = True
        outputs = run(inputs)
        assert set(outputs) == {target}
        assert outputs[target].shape == (clips, classes)
        assert outputs[target].dtype == "float32"
        if classes > 1:
            np.testing.assert_allclose(
                np.sum(outputs[target], axis=-1), 1, rtol=1e-6
            )


def weights_of(model):
    return {layer.name: layer.get_weights() for layer in model.layers}


def reference_dynamics(features, mask, weights):
    """Dense layer and LSTMs on one region of one clip: (frames, n) to d."""
    kernel, bias = weights["dense"]
    sequence = np.maximum(features @ kernel + bias, 0)
    for name in ("lstm_1", "lstm_2"):
        start = np.zeros(len(weights[name][1]))
        sequence, last, _ = reference_lstm(
            sequence, mask, start, start, *weights[name]
        )
    return last


def reference_hidden_head(hidden, weights):
    for name in ("head_1", "head_2"):
        kernel, bias = weights[name]
        gamma, beta, mean, variance = weights[f"{name}_norm"]
        hidden = hidden @ kernel + bias
        hidden = gamma * (hidden - mean) / np.sqrt(variance + 1e-3) + beta
        hidden = np.maximum(hidden, 0)
    return hidden


def reference_estimate(hidden, weights, target):
    """Years, or a softmax over the classes."""
    kernel, bias = weights[target]
    estimate = hidden @ kernel + bias
    if target == "age":
        return estimate
    return np.exp(estimate) / np.exp(estimate).sum(axis=-1, keepdims=True)


def reference_regional(features, mask, weights, target, use_location=True):
    """One clip and one region at a time."""
    regions = reference_regions(features, 3, 3)
    aggregates = []
    for clip in range(len(features)):
        embedded = []
        for i in range(9):
            hidden = reference_dynamics(regions[clip, i], mask[clip], weights)
            if use_location:
                column, row = i % 3, i // 3
                place = [(column + 0.5) / 3, (row + 0.5) / 3]
                hidden = np.concatenate([hidden, place])
            for name in ("region_1", "region_2"):
                kernel, bias = weights[name]
                hidden = np.maximum(hidden @ kernel + bias, 0)
            embedded.append(hidden)
        importance = reference_importance(
            np.array([embedded]), *weights["importance"]
        )[0]
        aggregates.append(sum(importance[i] * embedded[i] for i in range(9)))
    hidden = reference_hidden_head(np.array(aggregates), weights)
    return reference_estimate(hidden, weights, target)


def reference_holistic(features, mask, weights, target):
    """One clip at a time, its maps flattened as they lie."""
    dynamics = [
        reference_dynamics(clip.reshape(len(clip), -1), mask[c], weights)
        for c, clip in enumerate(features)
    ]
    hidden = reference_hidden_head(np.array(dynamics), weights)
    return reference_estimate(hidden, weights, target)


def reference_image_cnn(features, mask, weights, target):
    """One frame at a time; the estimates of real frames are averaged."""
    kernel, bias = weights["dense"]
    answers = []
    for clip in range(len(features)):
        estimates = []
        for t in range(features.shape[1]):
            if mask[clip, t]:
                image = features[clip, t].reshape(-1)
                hidden = np.maximum(image @ kernel + bias, 0)
                hidden = reference_hidden_head(hidden, weights)
                estimates.append(reference_estimate(hidden, weights, target))
        answers.append(sum(estimates) / len(estimates))
    return np.array(answers)


REFERENCES = {
    build_regional: reference_regional,
    build_holistic: reference_holistic,
    build_image_cnn: reference_image_cnn,
}


@pytest.mark.parametrize("neutral_frames", [0, 2])
@pytest.mark.parametrize("target", ["age", "gender"])
@pytest.mark.parametrize("build", BUILDERS)
def test_equals_the_equations(build, target, neutral_frames):
    model = build_tiny(build, target, neutral_frames=neutral_frames)
    randomize(model)
    clips = make_clips()
    expected_of = dict(clips)
    if neutral_frames:
        expected_of["features"] = reference_difference(
            **clips, num_frames=neutral_frames
        )
    expected = REFERENCES[build](
        **expected_of, weights=weights_of(model), target=target
    )
    assert np.ptp(expected[:, 0]) > 1e-3  # the clips are told apart
    np.testing.assert_allclose(model(clips)[target], expected, rtol=1e-4)


def test_without_location_regions_have_their_dynamics_alone():
    model = randomize(build_tiny(build_regional, use_location=False))
    assert "location" not in weights_of(model)
    clips = make_clips()
    expected = reference_regional(
        **clips, weights=weights_of(model), target="age", use_location=False
    )
    np.testing.assert_allclose(model(clips)["age"], expected, rtol=1e-4)


def test_importance_of_all_nine_regions_sums_to_one_and_explains():
    model = randomize(build_tiny(build_regional))
    clips = make_clips()
    outputs = explained(model)(clips)
    importance = np.asarray(outputs["importance"])
    assert importance.shape == (3, 9)
    assert importance.dtype == "float32"
    np.testing.assert_allclose(importance.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(outputs["age"], model(clips)["age"], rtol=1e-6)


def padded_clips(clips):
    """The same clips; holes of noise, and noise around and between."""
    places, length = np.array([1, 2, 4, 6, 7, 8, 10]), 12
    padded = {
        "features": 1e3 * make_clips(3, length, seed=9)["features"],
        "mask": np.zeros((3, length), bool),
    }
    padded["features"][:, places] = np.where(
        clips["mask"][:, :, None, None, None], clips["features"], -1e3
    )
    padded["mask"][:, places] = clips["mask"]
    return padded


@pytest.mark.parametrize("neutral_frames", [0, 3])
@pytest.mark.parametrize("build", BUILDERS)
def test_padding_never_changes_an_answer(build, neutral_frames):
    model = randomize(build_tiny(build, neutral_frames=neutral_frames))
    clips = make_clips()
    answer = model(clips)["age"]
    assert np.ptp(answer) > 1e-3  # it does look at the clips
    padded = padded_clips(clips)
    np.testing.assert_allclose(model(padded)["age"], answer, rtol=1e-5)


@pytest.mark.parametrize("build", BUILDERS)
def test_padding_never_changes_training(build):
    """Answers, gradients and the statistics of batch normalisation."""
    model = build_tiny(build, dropout=0.0)
    clips = make_clips()
    results = []
    for inputs in (clips, padded_clips(clips)):
        randomize(model)
        with tf.GradientTape() as tape:
            answer = model(inputs, training=True)["age"]
            loss = tf.reduce_mean(tf.square(answer - 40))
        weights = [w.value for w in model.trainable_variables]
        gradients = tape.gradient(loss, weights)
        statistics = [np.asarray(w) for w in model.non_trainable_variables]
        results.append([answer, *gradients, *statistics])
    for plain, padded in zip(*results):
        scale = np.abs(plain).max()
        np.testing.assert_allclose(padded, plain, rtol=1e-4, atol=1e-5 * scale)


@pytest.mark.parametrize("build", BUILDERS)
def test_clip_without_a_real_frame_gives_a_finite_answer(build):
    model = randomize(build_tiny(build, neutral_frames=2))
    clips = make_clips()
    clips["mask"][1] = False
    answer = np.asarray(model(clips)["age"])
    assert np.isfinite(answer).all()
    clips["features"][1] = 7
    np.testing.assert_array_equal(model(clips)["age"][1], answer[1])
    clips["mask"][:] = False
    assert np.isfinite(model(clips, training=True)["age"]).all()


def shuffled(clips):
    order = np.random.default_rng(1).permutation(clips["mask"].shape[1])
    return {name: values[:, order] for name, values in clips.items()}


@pytest.mark.parametrize("build", BUILDERS)
def test_the_image_cnn_alone_is_blind_to_the_order_of_frames(build):
    model = randomize(build_tiny(build, "gender"))
    clips = make_clips()
    same = np.allclose(
        model(clips)["gender"], model(shuffled(clips))["gender"], rtol=1e-5
    )
    assert same == (build is build_image_cnn)


@pytest.mark.parametrize("build", BUILDERS)
def test_every_weight_is_trained(build):
    model = randomize(build_tiny(build, dropout=0.0))
    clips = make_clips(clips=6)
    with tf.GradientTape() as tape:
        answer = model(clips, training=True)["age"]
        loss = tf.reduce_mean(tf.square(answer - np.arange(6.0)[:, None]))
    gradients = tape.gradient(loss, [v.value for v in model.trainable_weights])
    for weight, gradient in zip(model.trainable_weights, gradients):
        assert gradient is not None, f"no gradient for {weight.path}"
        assert np.isfinite(gradient).all()
        # Normalisation takes away what a bias in front of it adds.
        if weight.path not in ("head_1/bias", "head_2/bias"):
            assert np.abs(gradient).max() > 1e-6, f"no effect: {weight.path}"


def test_penalty_on_the_entropy_of_the_regions_is_part_of_the_loss():
    clips = make_clips()
    age = np.array([[20.0], [30.0], [40.0]])
    losses = {}
    for entropy_penalty in (0.0, 3.0):
        model = build_tiny(build_regional, entropy_penalty=entropy_penalty)
        randomize(model).compile(loss={"age": "mse"})
        losses[entropy_penalty] = model.evaluate(clips, {"age": age}, verbose=0)
    importance = np.asarray(explained(model)(clips)["importance"], "float64")
    entropy = np.mean(np.sum(-importance * np.log(importance), axis=1))
    assert entropy > 0.1
    np.testing.assert_allclose(
        losses[3.0] - losses[0.0], 3 * entropy, rtol=1e-3
    )


@pytest.mark.parametrize("target", ["age", "gender"])
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("build", BUILDERS)
def test_answers_are_float32_under_half_precision(build, policy, target):
    full = randomize(build_tiny(build, target))
    keras.config.set_dtype_policy(policy)
    try:
        half = build_tiny(build, target)
    finally:
        keras.config.set_dtype_policy("float32")
    half.set_weights(full.get_weights())
    assert half.get_layer("dense").compute_dtype == policy[6:]
    clips = make_clips()
    answer, expected = half(clips)[target], full(clips)[target]
    assert answer.dtype == half.output[target].dtype == "float32"
    np.testing.assert_allclose(answer, expected, rtol=0.05, atol=0.05)
    assert not np.array_equal(answer, expected)


@pytest.mark.parametrize("build", BUILDERS)
def test_saved_and_exported_it_answers_the_same(build, tmp_path):
    model = randomize(build_tiny(build, "gender", neutral_frames=2))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    model.export(tmp_path / "export", verbose=False)
    exported = tf.saved_model.load(tmp_path / "export")
    for clips in (make_clips(), make_clips(1, 12)):
        expected = model(clips)["gender"]
        for outputs in (loaded(clips), exported.serve(clips)):
            np.testing.assert_allclose(outputs["gender"], expected, rtol=1e-5)


@pytest.mark.parametrize("build", BUILDERS)
def test_the_layer_of_the_target_holds_the_weights_of_the_answer(build):
    """Scaling them scales the answer, as when ages become years again."""
    model = randomize(build_tiny(build))
    clips = make_clips()
    before = np.asarray(model(clips)["age"])
    kernel, bias = model.get_layer("age").get_weights()
    model.get_layer("age").set_weights([3 * kernel, 3 * bias + 40])
    np.testing.assert_allclose(model(clips)["age"], 3 * before + 40, rtol=1e-5)


def make_movements(clips, frames=10, seed=0):
    """Clips whose nine regions change at a time of their own, for good."""
    onset = np.random.default_rng(seed).uniform(2, 8, size=(clips, 9))
    moved = np.arange(frames)[None, :, None] > onset[:, None, :]
    features = moved.reshape(clips, frames, 3, 3, 1).astype("float32")
    return onset, {"features": features, "mask": np.ones((clips, frames), bool)}


@pytest.mark.parametrize("build", BUILDERS)
def test_learns_when_a_region_moves(build):
    """For the image CNN: in how many frames it has moved."""
    keras.utils.set_random_seed(0)
    onset, clips = make_movements(clips=8192)
    sizes = {"dense_units": 8, "head_units": (16,), "feature_shape": (3, 3, 1)}
    if build in WITH_LSTM:
        sizes["lstm_units"] = (16,)
    if build is build_regional:
        sizes["region_units"] = (32,)
    model = build(**sizes, dropout=0.0)
    model.compile(keras.optimizers.Adam(1e-2), "mse", jit_compile=False)
    model.fit(clips, {"age": onset[:, [7]]}, batch_size=64, verbose=0)
    onset, unseen = make_movements(clips=128, seed=1)
    error = np.asarray(model(unseen)["age"]) - onset[:, [7]]
    assert np.mean(error**2) < 0.25 * np.var(onset[:, 7])


@pytest.mark.parametrize("build", BUILDERS)
def test_dropout_is_off_in_inference_and_on_in_training(build):
    model = randomize(build_tiny(build, dropout=0.5))
    clips = make_clips()
    np.testing.assert_array_equal(model(clips)["age"], model(clips)["age"])
    one, other = (model(clips, training=True)["age"] for _ in range(2))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("build", BUILDERS)
def test_unknown_target_is_an_error(build):
    with pytest.raises(
        ValueError, match=r"`target` must be one of .* target='mood'"
    ):
        build("mood")


@pytest.mark.parametrize("units", [(), 64])
@pytest.mark.parametrize(
    ("build", "name"),
    [
        (build_regional, "lstm_units"),
        (build_regional, "region_units"),
        (build_regional, "head_units"),
        (build_holistic, "lstm_units"),
        (build_holistic, "head_units"),
        (build_image_cnn, "head_units"),
    ],
)
def test_units_must_be_a_tuple_with_something_in_it(build, name, units):
    with pytest.raises(
        ValueError, match=rf"`{name}` must be a tuple .*Received: {name}="
    ):
        build(**{name: units})


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize("dropout", [-0.1, 1.0])
def test_dropout_must_be_a_share(build, dropout):
    with pytest.raises(
        ValueError, match=r"`dropout` must be in \[0, 1\). Received: dropout="
    ):
        build(dropout=dropout)


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize("neutral_frames", [-1, 1.5, None])
def test_neutral_frames_must_be_a_number_of_frames(build, neutral_frames):
    with pytest.raises(
        ValueError, match=r"`neutral_frames` must be .*neutral_frames="
    ):
        build_tiny(build, neutral_frames=neutral_frames)


@pytest.mark.parametrize("build", BUILDERS)
def test_motion_is_normalized_behind_neutral_frames_only(build):
    model = build_tiny(build, neutral_frames=2, normalize_motion=True)
    assert model.get_layer("neutral").normalize
    with pytest.raises(ValueError, match=r"needs `neutral_frames`.*=0"):
        build_tiny(build, normalize_motion=True)


def test_negative_entropy_penalty_is_an_error():
    with pytest.raises(ValueError, match=r"0 or more.*entropy_penalty=-1"):
        build_tiny(build_regional, entropy_penalty=-1.0)


@pytest.mark.parametrize("shape", [(7, 6, 512), (6, 8, 512)])
def test_maps_that_cannot_be_cut_are_an_error(shape):
    with pytest.raises(ValueError, match=r"divisible by 3 .*input_shape="):
        build_regional(feature_shape=shape)


@pytest.mark.parametrize("build", BUILDERS)
def test_maps_of_unknown_size_are_an_error(build):
    with pytest.raises(ValueError, match=r"of known size.*input_shape="):
        build(feature_shape=(6, 6, None))
