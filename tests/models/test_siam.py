"""SIAM: its size, its equations, masks, modules, precision, errors."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from fdin_tf.models import build_siam
from layers.spatially_indexed_attention import MECHANISMS
from tests.backends import BACKEND
from tests.backends import as_array
from tests.backends import compiled
from tests.backends import dtype_of
from tests.backends import recorded
from tests.backends import requires_tensorflow
from tests.layers.test_face_standardization import reference_standardization
from tests.layers.test_local_response_normalization import (
    reference_normalization,
)
from tests.layers.test_spatially_indexed_attention import reference_attention
from tests.layers.test_temporal_attention import reference_temporal_attention
from tests.models.test_fdin import randomize

FRAME = (24, 28, 2)
PLACES = {1: (5, 6), 2: (2, 3), 3: (1, 2)}  # rows and columns after each block


def build_tiny(target="age", **kwargs):
    """A few hundred weights; layers as in the paper."""
    kwargs = {
        "frame_shape": FRAME,
        "rnn_units": 4,
        "attention_units": 3,
        "temporal_units": 2,
        "conv_units": (3, 4, 5),
        "kernel_sizes": (5, 3, 2),
        "dense_units": 6,
        "chunk_size": 3,
        **kwargs,
    }
    return build_siam(target, **kwargs)


def make_clips(clips=3, frames=5, seed=0, shape=FRAME):
    """Clips with holes in their masks, and a real frame each."""
    rng = np.random.default_rng(seed)
    mask = rng.uniform(size=(clips, frames)) < 0.7
    mask[:, frames // 2] = True
    return {
        "frames": rng.integers(0, 256, (clips, frames, *shape), dtype="uint8"),
        "mask": mask,
    }


def reference_convolution(image, kernel, bias, stride, padding):
    """One place at a time, with ReLU."""
    size = len(kernel)
    if padding == "same":  # for a stride of 1 and an odd size
        image = np.pad(image, [(size // 2, size // 2)] * 2 + [(0, 0)])
    rows, columns = (
        (length - size) // stride + 1 for length in image.shape[:2]
    )
    maps = np.empty((rows, columns, kernel.shape[-1]))
    for i, j in np.ndindex(rows, columns):
        patch = image[i * stride :, j * stride :][:size, :size]
        maps[i, j] = np.tensordot(patch, kernel, axes=3) + bias
    return np.maximum(maps, 0)


def reference_pooling(maps, size=2):
    rows, columns = (length // size for length in maps.shape[:2])
    pooled = np.empty((rows, columns, maps.shape[-1]))
    for i, j in np.ndindex(rows, columns):
        patch = maps[i * size :, j * size :][:size, :size]
        pooled[i, j] = patch.max(axis=(0, 1))
    return pooled


def reference_appearance(weights, frame, position=2):
    """Section III-A and equations 1 and 2 on one frame: p_t and A."""
    maps, attention = frame.astype("float64") / 255, None
    if "scale" in weights:
        mean_face, deviation = weights["scale"]
        maps = reference_standardization(frame.astype("float64"))
        maps = (maps - mean_face) / deviation * frame.any(-1, keepdims=True)
    for block, stride, padding in (
        (1, 2, "valid"),
        (2, 1, "same"),
        (3, 1, "valid"),
    ):
        conv = weights[f"conv_{block}"]
        maps = reference_convolution(maps, *conv, stride, padding)
        if block < 3:
            maps = reference_normalization(maps, 2, 2.0, 1e-4, 0.75)
            maps = reference_pooling(maps)
        if block == position and "spatial_attention" in weights:
            attention = reference_attention(maps, *weights["spatial_attention"])
            maps = maps * attention[..., None]
    features = maps.ravel()
    for name in ("dense_1", "dense_2"):
        kernel, bias = weights[name]
        features = np.maximum(features @ kernel + bias, 0)
    return features, attention


def reference_rnn(sequence, mask, kernel, recurrent_kernel, bias):
    """Equation 3 on one clip; padding repeats what was."""
    state, states = np.zeros(len(bias)), []
    for features, is_real in zip(sequence, mask):
        if is_real:
            state = features @ kernel + state @ recurrent_kernel + bias
            state = np.maximum(state, 0)
        states.append(state)
    return np.array(states)


def weights_of(model):
    """Layer name to weights, those of the appearance module included."""
    encoder = model.get_layer("appearance").encoder
    weights = {
        layer.name: layer.get_weights()
        for layer in [*encoder.layers, *model.layers]
        if layer.name != "appearance"
    }
    return {name: values for name, values in weights.items() if values}


def reference_siam(model, frames, mask, **kwargs):
    """Equations 1 to 7 of the paper: y, A and o."""
    weights = weights_of(model)
    pairs = [
        [reference_appearance(weights, frame, **kwargs) for frame in clip]
        for clip in frames
    ]
    sequence = np.array([[features for features, _ in clip] for clip in pairs])
    spatial = np.array([[attention for _, attention in clip] for clip in pairs])
    for name in ("rnn_1", "rnn_2"):
        if name in weights:
            sequence = np.array(
                [
                    reference_rnn(clip, is_real, *weights[name])
                    for clip, is_real in zip(sequence, mask)
                ]
            )
    if "temporal_attention" in weights:
        summary, temporal = reference_temporal_attention(
            sequence, mask, *weights["temporal_attention"]
        )
    else:
        temporal = mask / mask.sum(axis=1, keepdims=True)
        summary = np.einsum("bt,btf->bf", temporal, sequence)
    kernel, bias = weights["age"]
    return summary @ kernel + bias, spatial, temporal


def test_layers_have_the_names_and_maps_the_sizes_that_are_promised():
    """The sizes of the paper, with few units."""
    model = build_siam(conv_units=(2, 3, 4), dense_units=5)
    assert [layer.name for layer in model.layers] == [
        *("frames", "appearance", "mask", "rnn_1", "rnn_1_dropout", "rnn_2"),
        *("rnn_2_dropout", "temporal_attention", "age"),
    ]
    encoder = model.get_layer("appearance").encoder
    shapes = {
        layer.name: tuple(keras.tree.flatten(layer.output)[0].shape[1:])
        for layer in encoder.layers
    }
    assert shapes == {
        "frame": (114, 114, 1),
        "scale": (114, 114, 1),
        "conv_1": (54, 54, 2),
        "norm_1": (54, 54, 2),
        "pool_1": (27, 27, 2),
        "conv_2": (27, 27, 3),
        "norm_2": (27, 27, 3),
        "pool_2": (13, 13, 3),
        "spatial_attention": (13, 13, 3),
        "conv_3": (11, 11, 4),
        "flatten": (11 * 11 * 4,),
        "dense_1": (5,),
        "dense_1_dropout": (5,),
        "dense_2": (256,),
    }
    outputs = encoder.output
    assert outputs["spatial_attention"].shape == (None, 13, 13)
    assert outputs["features"].shape == (None, 256)


def expected_counts(
    conv=(128, 256, 256), dense=4096, n=256, d=256, temporal=256
):
    """Weights of each layer, for a frame of 114 x 114 x 1."""
    return {
        "conv_1": 7 * 7 * 1 * conv[0] + conv[0],
        "conv_2": 5 * 5 * conv[0] * conv[1] + conv[1],
        "spatial_attention": 13 * 13 * (conv[1] * d + d) + d + 1,
        "conv_3": 3 * 3 * conv[1] * conv[2] + conv[2],
        "dense_1": 11 * 11 * conv[2] * dense + dense,
        "dense_2": dense * n + n,
        "rnn_1": n * n + n * n + n,
        "rnn_2": n * n + n * n + n,
        "temporal_attention": n * temporal + temporal + temporal + 1,
        "age": n + 1,
    }


def test_default_has_140_8_million_parameters():
    """Counted for small layers; those of the paper follow the same rule."""
    model = build_siam(
        conv_units=(2, 3, 4),
        dense_units=5,
        rnn_units=6,
        attention_units=7,
        temporal_units=8,
    )
    counts = {
        name: sum(weight.size for weight in values)
        for name, values in weights_of(model).items()
        if name != "scale"  # the mean face, which is not trained
    }
    assert counts == expected_counts((2, 3, 4), 5, 6, 7, 8)
    assert sum(expected_counts().values()) == 140_794_627
    parameters = inspect.signature(build_siam).parameters
    defaults = {
        "conv_units": (128, 256, 256),
        "dense_units": 4096,
        "rnn_units": 256,
        "attention_units": 256,
        "temporal_units": None,
    }
    assert defaults == {name: parameters[name].default for name in defaults}


@pytest.mark.parametrize(
    ("target", "classes"), [("age", 1), ("gender", 2), ("spontaneity", 2)]
)
def test_takes_and_gives_dicts_of_any_batch_and_length(target, classes):
    model = build_tiny(target)
    assert set(model.input) == {"frames", "mask"}
    assert model.input["frames"].dtype == "uint8"
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


@pytest.mark.parametrize("mechanism", [None, *MECHANISMS])
@pytest.mark.parametrize("recurrent", [True, False])
@pytest.mark.parametrize("temporal", [True, False])
def test_equals_the_equations_of_the_paper(mechanism, recurrent, temporal):
    model = randomize(
        build_tiny(
            spatial_attention=mechanism,
            recurrent=recurrent,
            temporal_attention=temporal,
        )
    )
    clips = make_clips()
    expected, *_ = reference_siam(model, **clips)
    assert np.ptp(expected) > 1e-2  # the clips are told apart
    # Answers are the small rest of large sums, each backend's in its order.
    atol = 1e-6 if BACKEND == "tensorflow" else 5e-6
    np.testing.assert_allclose(
        model(clips)["age"], expected, rtol=1e-4, atol=atol
    )


@pytest.mark.parametrize("position", [1, 2, 3])
def test_attention_may_follow_each_convolution(position):
    model = randomize(build_tiny(spatial_position=position, standardize=False))
    clips = make_clips()
    encoder = model.get_layer("appearance").encoder
    attention = encoder.output["spatial_attention"]
    assert attention.shape == (None, *PLACES[position])
    expected, *_ = reference_siam(model, **clips, position=position)
    np.testing.assert_allclose(model(clips)["age"], expected, rtol=1e-4)


def test_without_modules_it_is_the_mean_of_the_estimates_of_frames():
    model = randomize(
        build_tiny(
            spatial_attention=None, recurrent=False, temporal_attention=False
        )
    )
    clips = make_clips()
    answer = np.asarray(model(clips)["age"])
    for clip in range(3):
        frames = clips["frames"][clip, clips["mask"][clip]]
        alone = model(
            {"frames": frames[:, None], "mask": np.ones((len(frames), 1), bool)}
        )
        np.testing.assert_allclose(
            answer[clip], as_array(alone["age"]).mean(axis=0), rtol=1e-5
        )


@pytest.mark.parametrize(
    ("switch", "layers", "instead"),
    [
        ({"spatial_attention": None}, ["spatial_attention"], []),
        ({"recurrent": False}, ["rnn_1", "rnn_2", "rnn_1_dropout"], []),
        (
            {"temporal_attention": False},
            ["temporal_attention"],
            ["temporal_mean"],
        ),
    ],
)
def test_switches_remove_their_layers(switch, layers, instead):
    def names(model):
        encoder = model.get_layer("appearance").encoder
        return {layer.name for layer in [*model.layers, *encoder.layers]}

    full, without = names(build_tiny()), names(build_tiny(**switch))
    assert {*layers} <= full
    assert not {*layers} & without
    assert {*instead} <= without


@pytest.mark.parametrize("recurrent", [True, False])
@pytest.mark.parametrize("temporal", [True, False])
def test_padding_never_changes_an_answer(recurrent, temporal):
    """Holes filled with noise, and noise put before, between and behind."""
    model = randomize(
        build_tiny(recurrent=recurrent, temporal_attention=temporal)
    )
    clips = make_clips()
    answer = model(clips)["age"]
    assert np.ptp(answer) > 1e-2  # it does look at the clips
    places = np.array([1, 2, 4, 6, 9])
    padded = {
        "frames": make_clips(3, 12, seed=9)["frames"],
        "mask": np.zeros((3, 12), bool),
    }
    for clip, t in np.argwhere(clips["mask"]):
        padded["frames"][clip, places[t]] = clips["frames"][clip, t]
        padded["mask"][clip, places[t]] = True
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


def test_the_order_of_frames_matters_to_recurrent_layers_only():
    clips = make_clips(2, 6)
    clips["mask"][:] = True
    backwards = {**clips, "frames": clips["frames"][:, ::-1]}
    for recurrent in (True, False):
        model = randomize(build_tiny(recurrent=recurrent))
        answer, other = model(clips)["age"], model(backwards)["age"]
        assert np.allclose(answer, other, rtol=1e-5) == (not recurrent)


@pytest.mark.parametrize("recurrent", [True, False])
@pytest.mark.parametrize("temporal", [True, False])
def test_clip_without_a_real_frame_gives_a_finite_answer(recurrent, temporal):
    model = randomize(
        build_tiny(recurrent=recurrent, temporal_attention=temporal)
    )
    clips = make_clips()
    clips["mask"][1] = False
    answer = np.asarray(model(clips)["age"])
    assert np.isfinite(answer).all()
    clips["frames"][1] = 7
    np.testing.assert_array_equal(model(clips)["age"][1], answer[1])


def test_chunks_of_frames_change_nothing():
    answers = []
    for chunk_size in (3, 64):
        model = randomize(build_tiny(chunk_size=chunk_size))
        assert model.get_layer("appearance").chunk_size == chunk_size
        answers.append(model(make_clips())["age"])
    np.testing.assert_allclose(*answers, rtol=1e-6)


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
    encoder = half.get_layer("appearance").encoder
    assert encoder.get_layer("conv_2").compute_dtype == policy[6:]
    clips = make_clips()
    answer, expected = half(clips)[target], full(clips)[target]
    assert dtype_of(answer) == half.output[target].dtype == "float32"
    np.testing.assert_allclose(answer, expected, rtol=0.05, atol=0.05)
    assert not np.array_equal(answer, expected)


@pytest.mark.parametrize(
    "switches", [{}, {"recurrent": False, "temporal_attention": False}]
)
def test_saved_with_safe_mode_it_answers_the_same(switches, tmp_path):
    model = randomize(build_tiny(cnn_dropout=0.1, l2=1e-3, **switches))
    model.save(tmp_path / "siam.keras")
    loaded = keras.saving.load_model(tmp_path / "siam.keras", safe_mode=True)
    clips = make_clips()
    np.testing.assert_allclose(
        loaded(clips)["age"], model(clips)["age"], rtol=1e-6
    )
    np.testing.assert_allclose(sum(loaded.losses), sum(model.losses), rtol=1e-6)


@requires_tensorflow("SavedModel")
def test_exported_it_takes_any_batch_and_length(tmp_path):
    model = randomize(build_tiny("gender"))
    model.export(tmp_path / "export", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "export")
    for clips in (make_clips(), make_clips(1, 12)):
        np.testing.assert_allclose(
            loaded.serve(clips)["gender"], model(clips)["gender"], rtol=1e-5
        )


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_a_training_step_moves_every_weight_and_lowers_the_loss(policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = randomize(build_tiny())
    finally:
        keras.config.set_dtype_policy("float32")
    model.compile(
        keras.optimizers.RMSprop(3e-3, clipvalue=5.0),
        {"age": "mae"},
        jit_compile=False,
    )
    clips = make_clips()
    ages = {"age": np.asarray(model(clips)["age"]) + 20}
    before = model.get_weights()
    with recorded():
        model.train_on_batch(clips, ages)
    error = np.mean(np.abs(as_array(model(clips)["age"]) - ages["age"]))
    assert error < 19
    for weight, old in zip(model.trainable_weights, before):
        assert not np.array_equal(weight, old), f"unmoved: {weight.path}"


def test_regularization_counts_every_kernel_and_no_bias():
    model = randomize(build_tiny(l2=0.25))
    kernels = [w for w in model.weights if w.name.endswith("kernel")]
    others = [
        w for w in model.trainable_weights if not w.name.endswith("kernel")
    ]
    assert len(kernels) == 3 + 2 + 2 + 4 + 2 + 1
    assert all(w.name.endswith("bias") for w in others)
    expected = 0.25 * sum(np.sum(np.square(w)) for w in kernels)
    np.testing.assert_allclose(sum(model.losses), expected, rtol=1e-5)
    assert build_tiny().losses == []


@pytest.mark.parametrize("name", ["cnn_dropout", "rnn_dropout"])
def test_dropout_is_off_in_inference_and_on_in_training(name):
    keras.utils.set_random_seed(0)
    model = randomize(build_tiny(**{name: 0.5}))
    clips = make_clips()
    np.testing.assert_array_equal(model(clips)["age"], model(clips)["age"])
    one, other = (model(clips, training=True)["age"] for _ in range(2))
    assert not np.array_equal(one, other)
    still = randomize(build_tiny())
    np.testing.assert_allclose(
        still(clips, training=True)["age"], still(clips)["age"], rtol=1e-5
    )


def test_recurrent_layers_stay_bounded_over_long_clips():
    """As drawn, over 300 equal frames; gain 1.4 would grow to thousands."""
    keras.utils.set_random_seed(0)
    model = build_siam(
        frame_shape=(30, 30, 1),
        conv_units=(4, 4, 4),
        dense_units=64,
        rnn_units=128,
        chunk_size=512,
    )
    for name in ("rnn_1", "rnn_2"):
        kernel = np.asarray(model.get_layer(name).cell.recurrent_kernel)
        np.testing.assert_allclose(kernel.T @ kernel, np.eye(128), atol=1e-5)
    states = keras.Model(model.input, model.get_layer("rnn_2").output)
    frame = make_clips(1, 1, shape=(30, 30, 1))["frames"]
    clip = {"frames": frame.repeat(300, 1), "mask": np.ones((1, 300), bool)}
    norms = np.linalg.norm(states(clip)[0], axis=-1)
    assert norms[0] > 0
    assert norms[-1] < 5 * norms[0]


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("spatial_attention", [None, "spatially_indexed"])
def test_rematerialization_trains_the_same(policy, spatial_attention):
    """Convolutions, response normalisation, attention and their L2 term."""

    def trained(remat):
        keras.config.set_dtype_policy(policy)
        try:
            model = build_tiny(
                remat=remat, spatial_attention=spatial_attention, l2=1e-3
            )
        finally:
            keras.config.set_dtype_policy("float32")
        randomize(model)
        # Steps as long as the gradient, so that its size is compared too.
        model.compile(keras.optimizers.SGD(1e-3), "mse")
        clips, ages = make_clips(4), {"age": np.arange(4.0)[:, None]}
        with recorded():
            losses = [model.train_on_batch(clips, ages) for _ in range(3)]
        return losses, model.get_weights()

    losses, weights = trained(remat=True)
    expected_losses, expected_weights = trained(remat=False)
    close = 1e-4 if policy == "float32" else 2e-2
    assert losses[2] < losses[0]
    np.testing.assert_allclose(losses, expected_losses, rtol=close)
    for found, expected in zip(weights, expected_weights, strict=True):
        np.testing.assert_allclose(found, expected, rtol=close, atol=close)


def test_rematerialization_with_dropout_trains():
    """Other rows are dropped than without, in each chunk and step others."""
    model = randomize(build_tiny(remat=True, cnn_dropout=0.5))
    model.compile(keras.optimizers.SGD(1e-3), "mse")
    clips, ages = make_clips(4), {"age": np.zeros((4, 1))}
    with recorded():
        losses = [model.train_on_batch(clips, ages) for _ in range(30)]
    assert np.isfinite(losses).all()
    assert np.mean(losses[-5:]) < np.mean(losses[:5])


def test_rematerialization_with_a_spatial_penalty_is_an_error():
    match = r"at a time. Received: spatial_penalty=0.1"
    with pytest.raises(ValueError, match=match):
        build_tiny(remat=True, spatial_penalty=0.1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("target", "mood"),
        ("spatial_attention", "global"),
        ("spatial_position", 0),
        ("spatial_position", 4),
    ],
)
def test_unknown_choice_is_an_error(name, value):
    with pytest.raises(
        ValueError,
        match=rf"`{name}` must be one of .* Received: {name}={value!r}",
    ):
        build_tiny(**{name: value})


@pytest.mark.parametrize(
    ("name", "values", "what"),
    [
        ("frame_shape", (None, None, 1), "three positive integers"),
        ("frame_shape", (114, 114), "three positive integers"),
        ("conv_units", (3, 4), "three positive integers"),
        ("conv_units", (3, 4, 0), "three positive integers"),
        ("conv_units", 3, "three positive integers"),
        ("kernel_sizes", (7, 5, 2.5), "three positive integers"),
        ("strides", (), "three positive integers"),
        ("padding", ("same", "valid"), "three of 'valid' and 'same'"),
        ("padding", ("same", "full", "same"), "three of 'valid' and 'same'"),
        ("rnn_units", 0, "a positive integer"),
        ("dense_units", 2.5, "a positive integer"),
        ("pool_size", (2, 2), "a positive integer"),
        ("cnn_dropout", 1.0, r"in \[0, 1\)"),
        ("rnn_dropout", -0.1, r"in \[0, 1\)"),
        ("l2", -1e-4, "finite and 0 or more"),
        ("l2", float("inf"), "finite and 0 or more"),
        ("spatial_penalty", -1.0, "finite and 0 or more"),
        ("temporal_penalty", float("nan"), "finite and 0 or more"),
        ("recurrent_gain", 0.0, "finite and above 0"),
        ("background", float("nan"), "finite"),
    ],
)
def test_argument_of_the_wrong_kind_is_an_error(name, values, what):
    with pytest.raises(
        ValueError, match=rf"`{name}` must be {what}. Received: {name}="
    ):
        build_tiny(**{name: values})


@pytest.mark.parametrize("name", ["attention_units", "temporal_units"])
def test_units_of_attention_must_be_positive(name):
    with pytest.raises(
        ValueError, match=r"`units` must be a positive .*Received: units=0"
    ):
        build_tiny(**{name: 0})


def test_chunk_size_must_be_positive():
    with pytest.raises(ValueError, match=r"Received: chunk_size=0"):
        build_tiny(chunk_size=0)


@pytest.mark.parametrize("size", [4, 8, 20, 26])
def test_frame_too_small_for_the_convolutions_is_an_error(size):
    with pytest.raises(
        ValueError,
        match=rf"leave a place after .*Received: frame_shape=\({size}, 114, 1",
    ):
        build_siam(frame_shape=(size, 114, 1), conv_units=(2, 2, 2))
