"""FrameEncoder: chunks that nobody notices, uint8, memory, its errors."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from layers import FrameEncoder
from tests.backends import BACKEND
from tests.backends import as_array
from tests.backends import compiled
from tests.backends import dtype_of
from tests.backends import note_when_run
from tests.backends import recorded
from tests.backends import requires_tensorflow
from tests.backends import wait_for_notes
from tests.backends import with_gradients
from tests.layer_checks import check_layer

FRAME = (6, 8, 3)


@pytest.fixture
def encoder():
    """A convolution and a pooling: (6, 8, 3) to (3, 4, 5)."""
    return keras.Sequential(
        [
            keras.Input(FRAME),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(5, 3, padding="same", activation="tanh"),
            keras.layers.AveragePooling2D(2),
        ]
    )


def random_frames(*leading, dtype="uint8"):
    rng = np.random.default_rng(seed=0)
    return rng.integers(0, 256, size=(*leading, *FRAME)).astype(dtype)


@pytest.mark.parametrize("input_dtype", ["uint8", "float32"])
def test_layer_contract(encoder, input_dtype, tmp_path):
    check_layer(
        FrameEncoder,
        init_kwargs={"encoder": encoder, "chunk_size": 3},
        input_shape=(2, 5, *FRAME),
        output_shape=(2, 5, 3, 4, 5),
        weight_shapes={"kernel": (3, 3, 3, 5), "bias": (5,)},
        unknown_axes=(0, 1),
        input_dtype=input_dtype,
        tmp_path=tmp_path,
    )


@pytest.mark.parametrize("chunk_size", [1, 2, 3, 7, 9, 10, 11, 64])
def test_features_are_those_of_the_encoder_alone(encoder, chunk_size):
    """One frame at a time is the slow and literal way."""
    frames = random_frames(2, 5)
    features = FrameEncoder(encoder, chunk_size)(frames)
    for clip in range(2):
        for frame in range(5):
            alone = encoder(frames[clip, frame][None].astype("float32"))
            np.testing.assert_allclose(
                features[clip, frame], alone[0], rtol=1e-5, atol=1e-6
            )


@keras.saving.register_keras_serializable(package="tests")
class Witness(keras.layers.Layer):
    """Hands on its input and keeps how many it saw at once."""

    def call(self, frames):
        return note_when_run(
            lambda array: self.sizes.append(array.shape[0]), frames
        )


@pytest.mark.parametrize("num_frames", [0, 1, 7, 8, 9, 16, 17, 50])
def test_no_chunk_is_larger_than_allowed_nor_much_smaller(num_frames):
    witness = Witness()
    witness.sizes = []
    witness_model = keras.Sequential([keras.Input(FRAME), witness])
    layer = FrameEncoder(witness_model, chunk_size=8)
    wait_for_notes()
    witness.sizes.clear()
    features = layer(random_frames(1, num_frames))
    assert features.shape == (1, num_frames, *FRAME)
    wait_for_notes()
    sizes = witness.sizes
    assert all(1 <= size <= 8 for size in sizes)
    assert len(sizes) == max(1, -(-num_frames // 8))
    padding = sum(sizes) - num_frames
    assert 0 <= padding < len(sizes) or (num_frames, padding) == (0, 1)


@requires_tensorflow("sizes of all tensors in a graph")
def test_the_whole_clip_never_becomes_floats(encoder):
    layer = FrameEncoder(encoder, chunk_size=3)
    run = tf.function(layer).get_concrete_function(
        tf.TensorSpec((1, 10, *FRAME), "uint8")
    )
    float_sizes = [
        tensor.shape.num_elements()
        for operation in run.graph.get_operations()
        for tensor in operation.outputs
        if tensor.dtype.is_floating and tensor.shape.rank is not None
    ]
    assert max(float_sizes) < 10 * np.prod(FRAME)


@pytest.mark.parametrize("leading", [(2, 0), (0, 5), (0, 0)])
def test_no_frame_gives_no_features(encoder, leading):
    layer = FrameEncoder(encoder)
    run = compiled(layer, ((None, None, *FRAME), "uint8"))
    for call in (layer, run):
        assert call(random_frames(*leading)).shape == (*leading, 3, 4, 5)


@requires_tensorflow("SavedModel")
def test_saved_model_takes_any_batch_and_length(encoder, tmp_path):
    frames = keras.Input((None, *FRAME), dtype="uint8")
    model = keras.Model(frames, FrameEncoder(encoder, chunk_size=4)(frames))
    model.export(tmp_path / "export", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "export")
    for leading in [(1, 3), (2, 5), (3, 0), (4, 4)]:
        clips = random_frames(*leading)
        np.testing.assert_allclose(
            loaded.serve(clips), model(clips), rtol=1e-5, atol=1e-6
        )


def test_gradient_of_the_encoder_is_that_of_all_frames_at_once(encoder):
    frames = random_frames(2, 5, dtype="float32")
    layer = FrameEncoder(encoder, chunk_size=3)

    def gradients_of(run):
        return with_gradients(
            lambda: (keras.ops.sum(run() ** 2), None), encoder.weights
        )[1]

    expected = gradients_of(lambda: encoder(frames.reshape(10, *FRAME)))
    chunked = compiled(lambda: gradients_of(lambda: layer(frames)))
    for gradient, e in zip(chunked(), expected, strict=True):
        np.testing.assert_allclose(gradient, e, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("trainable", [True, False])
def test_what_is_trained_is_encoded_at_once(encoder, training, trainable):
    """The rest, even in training, in chunks that bound the memory."""
    witness = Witness()
    witness.sizes = []
    model = keras.Sequential([keras.Input(FRAME), witness, *encoder.layers])
    model.trainable = trainable
    layer = FrameEncoder(model, chunk_size=4)
    frames = random_frames(2, 5)
    expected = layer(frames)
    wait_for_notes()
    witness.sizes.clear()
    features = layer(frames, training=training)
    wait_for_notes()
    at_once = training and trainable
    assert witness.sizes == ([10] if at_once else [4, 4, 4])
    np.testing.assert_allclose(features, expected, rtol=1e-5, atol=1e-6)


def test_dropout_of_a_frozen_encoder_is_drawn_anew_for_every_frame():
    dropout = keras.layers.Dropout(0.5, seed=1)
    layer = FrameEncoder(keras.Sequential([keras.Input(FRAME), dropout]), 2)
    equal = np.ones((1, 6, *FRAME), "float32")
    seen = [np.array(layer(equal, training=True))[0] for _ in range(2)]
    assert len({frame.tobytes() for clip in seen for frame in clip}) == 12


@pytest.fixture
def step_of():
    """Features and gradients of one step of training, as arrays."""

    def step(layer, frames, of):
        def loss():
            features = layer(frames, training=True)
            return keras.ops.sum(features**2), features

        features, gradients = with_gradients(loss, of)
        return [features, *gradients]

    return step


@pytest.mark.parametrize("input_dtype", ["uint8", "float32"])
@pytest.mark.parametrize("chunk_size", [1, 4, 64])
@pytest.mark.parametrize("compile_it", [True, False])
def test_rematerialization_changes_no_gradient(
    encoder, step_of, input_dtype, chunk_size, compile_it
):
    """A constant from outside, as of `Normalization`, is no hindrance."""
    normalization = keras.layers.Normalization(
        mean=[129.0, 104.0, 93.0], variance=[9.0, 4.0, 1.0]
    )
    model = keras.Sequential(
        [keras.Input(FRAME), normalization, *encoder.layers]
    )
    frames = random_frames(2, 5, dtype=input_dtype)
    expected = step_of(FrameEncoder(model), frames, encoder.weights)
    layer = FrameEncoder(model, chunk_size, remat=True)
    layer.build(frames.shape)
    run = lambda: step_of(layer, frames, encoder.weights)  # noqa: E731
    found = compiled(run)() if compile_it else run()
    for value, e in zip(found, expected, strict=True):
        np.testing.assert_allclose(
            as_array(value), as_array(e), rtol=1e-4, atol=1e-4
        )


def test_rematerialization_encodes_chunks_forwards_and_once_more(
    encoder, step_of
):
    witness = Witness()
    witness.sizes = []
    model = keras.Sequential([keras.Input(FRAME), witness, *encoder.layers])
    layer = FrameEncoder(model, chunk_size=4, remat=True)
    frames = random_frames(2, 5)
    run = compiled(lambda: step_of(layer, frames, encoder.weights))
    wait_for_notes()
    witness.sizes.clear()
    run()
    wait_for_notes()
    assert witness.sizes == [4] * 6


@requires_tensorflow("gradients of inputs")
@pytest.mark.parametrize("compile_it", [True, False])
def test_rematerialization_has_gradients_of_frames_too(encoder, compile_it):
    def gradient_of(layer):
        frames = tf.constant(random_frames(2, 5, dtype="float32"))
        with tf.GradientTape() as tape:
            tape.watch(frames)
            loss = tf.reduce_sum(layer(frames, training=True) ** 2)
        return tape.gradient(loss, frames)

    layer = FrameEncoder(encoder, chunk_size=4, remat=True)
    run = tf.function(gradient_of) if compile_it else gradient_of
    expected = gradient_of(FrameEncoder(encoder))
    np.testing.assert_allclose(run(layer), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("compile_it", [True, False])
def test_rematerialization_repeats_what_dropout_drew(
    encoder, step_of, compile_it
):
    """The gradient of dropped and kept ones is 0 and twice that of ones."""
    scale = keras.layers.Dense(1, use_bias=False)
    half = keras.layers.Dropout(0.5, seed=3)
    model = keras.Sequential(
        [keras.Input((1,)), scale, keras.layers.Reshape((1, 1)), half]
    )
    frames = keras.Input((1, 1, 1))
    model = keras.Model(frames, model(keras.ops.squeeze(frames, (-1, -2))))
    layer = FrameEncoder(model, chunk_size=5, remat=True)
    clip = np.arange(1, 25, dtype="float32").reshape(1, 24, 1, 1, 1)
    layer.build(clip.shape)
    scale.set_weights([np.full((1, 1), 1.0, "float32")])
    run = lambda: step_of(layer, clip, scale.weights)  # noqa: E731
    run = compiled(run) if compile_it else run
    seen = []
    for _ in range(2):
        features, gradient = run()
        features = as_array(features).reshape(24)
        x = clip.reshape(24)
        kept = features != 0
        np.testing.assert_allclose(features, np.where(kept, 2 * x, 0))
        expected = np.sum(np.where(kept, 2 * (2 * x) * x * 2, 0))
        np.testing.assert_allclose(as_array(gradient).item(), expected, 1e-5)
        seen.append(kept)
    # Other ones in every chunk, and in every step.
    assert 0 < seen[0].sum() < 24
    assert len({chunk.tobytes() for chunk in seen[0][:20].reshape(4, 5)}) > 1
    if BACKEND != "jax":  # whose steps here hand no state on
        assert (seen[0] != seen[1]).any()


class PricedFrames(keras.layers.Layer):
    """Hands on its input, which costs."""

    def call(self, frames):
        self.add_loss(keras.ops.mean(frames))
        return frames


@pytest.mark.parametrize(
    ("layer", "what"),
    [
        (
            keras.layers.BatchNormalization(name="norm"),
            "changes its weight '.*norm/moving_mean'",
        ),
        (PricedFrames(), "adds a loss of its own"),
    ],
)
def test_rematerialization_of_what_depends_on_more_is_an_error(
    encoder, layer, what
):
    model = keras.Sequential([keras.Input(FRAME), layer, *encoder.layers])
    layer = FrameEncoder(model, chunk_size=4, remat=True)
    frames = random_frames(2, 5)
    layer(frames)
    message = rf"frame and its weights alone\. The encoder '.*' {what}"
    with pytest.raises(ValueError, match=message):
        layer(frames, training=True)


def test_rematerialization_takes_batch_normalization_that_is_frozen(
    encoder, step_of
):
    frozen = keras.layers.BatchNormalization(trainable=False)
    model = keras.Sequential([keras.Input(FRAME), frozen, *encoder.layers])
    frames = random_frames(2, 5)
    found, expected = (
        step_of(layer, frames, encoder.trainable_variables)
        for layer in (
            FrameEncoder(model, chunk_size=4, remat=True), FrameEncoder(model)
        )
    )  # fmt: skip
    for value, e in zip(found, expected, strict=True):
        np.testing.assert_allclose(
            as_array(value), as_array(e), rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_training_with_rematerialization_is_training_without(policy, tmp_path):
    """`fit`, many outputs, saved and loaded in the middle."""
    rng = np.random.default_rng(1)
    targets = rng.normal(size=(4, 5, 3, 4, 5))

    def fitted(remat):
        keras.utils.set_random_seed(0)
        keras.config.set_dtype_policy(policy)
        try:
            frame = keras.Input(FRAME)
            maps = keras.layers.Rescaling(1 / 255)(frame)
            maps = keras.layers.Conv2D(
                5, 3, padding="same", activation="tanh",
                kernel_regularizer="l2",
            )(maps)  # fmt: skip
            maps = keras.layers.AveragePooling2D(2)(maps)
            encoder = keras.Model(frame, {"maps": maps, "twice": 2 * maps})
            frames = keras.Input((None, *FRAME), dtype="uint8")
            encoded = FrameEncoder(encoder, 3, remat=remat)(frames)
            sums = encoded["maps"] + encoded["twice"]
            output = keras.layers.Activation("linear", dtype="float32")(sums)
            model = keras.Model(frames, output)
        finally:
            keras.config.set_dtype_policy("float32")
        model.compile("adam", "mse")
        history = []
        with recorded():
            for part in range(2):
                history += model.fit(
                    random_frames(4, 5), targets, batch_size=2, epochs=2,
                    shuffle=False, verbose=0,
                ).history["loss"]  # fmt: skip
                if part == 0:
                    model.save(tmp_path / f"{remat}.keras")
                    model = keras.saving.load_model(tmp_path / f"{remat}.keras")
        return [history, *model.get_weights()]

    close = 1e-4 if policy == "float32" else 2e-2
    for found, expected in zip(fitted(True), fitted(False), strict=True):
        np.testing.assert_allclose(found, expected, rtol=close, atol=close)


PEAK_OF_A_STEP = """
import sys
import keras
import tensorflow as tf
from layers import FrameEncoder

frames = keras.Input((48, 48, 1))
maps = frames
for _ in range(8):
    maps = keras.layers.Conv2D(16, 3, padding="same", activation="tanh")(maps)
maps = keras.layers.GlobalAveragePooling2D(keepdims=True)(maps)
encoder = keras.Model(frames, maps)
layer = FrameEncoder(encoder, 8, remat=sys.argv[1] == "remat")

@tf.function
def step(clip):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(clip, training=True) ** 2)
    return tape.gradient(loss, encoder.trainable_variables)

def megabytes(name):
    lines = open("/proc/self/status").read().splitlines()
    return int(next(x for x in lines if x.startswith(name)).split()[1]) // 1024

step(tf.zeros((1, 8, 48, 48, 1)))
open("/proc/self/clear_refs", "w").write("5")
before = megabytes("VmRSS:")
step(tf.ones((1, 128, 48, 48, 1)))
print(megabytes("VmHWM:") - before)
"""


@requires_tensorflow("memory of one process")
@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="Linux tells the peak"
)
def test_rematerialization_keeps_one_chunk_of_activations():
    """Eight maps of 128 frames are 144 MiB, those of a chunk are 9."""
    peaks = {
        way: int(
            subprocess.run(
                [sys.executable, "-c", PEAK_OF_A_STEP, way],
                capture_output=True,
                check=True,
                timeout=300,
                text=True,
                cwd=Path(__file__).parents[2],
            ).stdout
        )
        for way in ("kept", "remat")
    }
    assert peaks["kept"] > 144
    assert peaks["remat"] < 0.6 * peaks["kept"]


def many_outputs(encoder):
    """A dict of a map, of a vector in it, and of one number per frame."""
    maps = encoder(frames := keras.Input(FRAME))
    flat = keras.layers.Flatten()(maps)
    number = keras.layers.Dense(1, activation="tanh", dtype="float32")(flat)
    number = keras.layers.Reshape((), dtype="float32")(number)
    outputs = {"maps": maps, "inner": [flat, number]}
    return keras.Model(frames, outputs)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_an_encoder_may_have_many_outputs_of_any_rank(
    encoder, training, policy, tmp_path
):
    keras.config.set_dtype_policy(policy)
    try:
        several = many_outputs(encoder)
        layer = FrameEncoder(several, chunk_size=3)
    finally:
        keras.config.set_dtype_policy("float32")
    symbol = keras.Input((None, *FRAME), dtype="uint8")
    model = keras.Model(symbol, layer(symbol))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    frames = random_frames(2, 5)
    alone = several(frames.reshape(10, *FRAME).astype("float32"))
    for run in (model, loaded):
        outputs = compiled(lambda x, run=run: run(x, training=training))(frames)
        keras.tree.assert_same_structure(outputs, alone)
        announced = keras.tree.flatten(run.output)
        for output, a, e in zip(
            keras.tree.flatten(outputs), announced, keras.tree.flatten(alone)
        ):
            assert a.shape == (None, None, *e.shape[1:])
            assert a.dtype == dtype_of(output) == dtype_of(e)
            np.testing.assert_allclose(
                as_array(output),
                as_array(e).reshape(output.shape),
                rtol=1e-5,
                atol=1e-2 if policy == "mixed_bfloat16" else 1e-6,
            )


def test_training_without_a_frame_has_a_gradient_of_zeros(encoder):
    layer = FrameEncoder(encoder)
    layer.build((2, 0, *FRAME))

    def loss():
        features = layer(random_frames(2, 0), training=True)
        return keras.ops.sum(features), None

    _, gradients = with_gradients(loss, encoder.weights)
    for gradient in gradients:
        assert (np.asarray(gradient) == 0).all()


def test_frozen_encoder_has_no_trainable_weights(encoder):
    encoder.trainable = False
    layer = FrameEncoder(encoder)
    layer(random_frames(1, 2))
    assert layer.trainable_weights == []
    assert len(layer.weights) == 2


def test_encoder_keeps_its_own_precision(encoder):
    """A float32 encoder stays one in a half-precision model."""
    frames = random_frames(1, 4)
    features = FrameEncoder(encoder, dtype="mixed_bfloat16")(frames)
    assert dtype_of(features) == "bfloat16"
    expected = encoder(frames[0].astype("float32"))
    expected = keras.ops.cast(expected, "bfloat16")
    np.testing.assert_array_equal(as_array(features[0]), as_array(expected))


def test_encoder_must_be_a_model():
    with pytest.raises(
        ValueError, match=r"must be a Keras model. Received: encoder='vgg'"
    ):
        FrameEncoder("vgg")


@pytest.mark.parametrize("chunk_size", [0, -1, 2.5])
def test_chunk_size_must_be_a_positive_integer(encoder, chunk_size):
    with pytest.raises(
        ValueError, match=r"positive integer. Received: chunk_size="
    ):
        FrameEncoder(encoder, chunk_size)


def test_frames_of_another_size_are_an_error(encoder):
    frames = np.zeros((1, 2, 6, 6, 3), "uint8")
    with pytest.raises(
        ValueError, match=r"takes frames of shape \(6, 8, 3\). Received:"
    ):
        FrameEncoder(encoder)(frames)


def test_encoder_to_an_unknown_size_is_an_error():
    any_size = keras.Sequential(
        [keras.Input((None, None, 3)), keras.layers.Conv2D(2, 3)]
    )
    layer = FrameEncoder(any_size)
    assert layer(random_frames(1, 2)).shape == (1, 2, 4, 6, 2)
    unknown = keras.Input((None, None, None, 3))
    with pytest.raises(
        ValueError, match=r"whose size is known. Received: output_shape=\(None"
    ):
        FrameEncoder(any_size)(unknown)


def test_another_rank_is_an_error(encoder):
    with pytest.raises(ValueError, match="expected ndim=5, found ndim=4"):
        FrameEncoder(encoder)(random_frames(2))
