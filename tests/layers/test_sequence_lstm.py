"""SequenceLSTM: equal to keras.layers.LSTM and to its equations; errors."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from layers import SequenceLSTM
from layers import lstm_recurrence
from tests.backends import as_array
from tests.backends import compiled
from tests.backends import dtype_of
from tests.backends import recorded
from tests.backends import requires
from tests.backends import requires_tensorflow
from tests.backends import with_gradients
from tests.layer_checks import check_layer

ROWS, FRAMES, FEATURES, UNITS = 5, 7, 4, 6

MASKS = {
    "no mask": None,
    "nothing masked": np.ones((ROWS, FRAMES), bool),
    "trailing": np.arange(FRAMES) < np.array([[7], [1], [3], [6], [2]]),
    "leading": np.arange(FRAMES) >= np.array([[0], [6], [3], [1], [2]]),
    "holes": np.random.default_rng(seed=3).uniform(size=(ROWS, FRAMES)) < 0.5,
    "a fully masked row": np.repeat(
        [[True], [False], [True], [True], [False]], FRAMES, axis=1
    ),
}
with_masks = pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
with_training = pytest.mark.parametrize("training", [False, True])


def normal(*shape, seed=0, dtype="float32"):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


@pytest.fixture
def sequence():
    return normal(ROWS, FRAMES, FEATURES)


def make_pair(**kwargs):
    """A SequenceLSTM and a keras.layers.LSTM of the same weights."""
    kwargs = {"return_sequences": True, "return_state": True, **kwargs}
    own = SequenceLSTM(UNITS, **kwargs)
    own.build((None, None, FEATURES))
    weights = [0.7 * normal(*w.shape, seed=1) for w in own.weights]
    stock = keras.layers.LSTM(UNITS, **kwargs)
    stock.build((None, None, FEATURES))
    for layer in (own, stock):
        layer.set_weights(weights)
    return own, stock


def run_with_gradients(layer, mask, training, sequence, *state):
    """Outputs, and gradients of weights, sequence and state."""

    def run(sequence, *state):
        outputs = layer(
            sequence,
            mask=mask,
            initial_state=list(state) or None,
            training=training,
        )
        return loss_of(outputs), outputs

    return with_gradients(run, layer.trainable_variables, (sequence, *state))


def loss_of(outputs):
    """Every output and every step of it counts differently."""
    ops = keras.ops
    loss = 0.0
    for k, output in enumerate(outputs):
        waves = ops.sin((k + 1) * ops.cast(output, "float32"))
        loss += ops.sum(ops.multiply(waves, normal(*output.shape, seed=k)))
    return loss


def assert_equal(results, expected, atol):
    for result, e in zip(results, expected, strict=True):
        np.testing.assert_allclose(result, e, rtol=0, atol=atol)


def reference_lstm(sequence, mask, h, c, kernel, recurrent_kernel, bias):
    """The equations for one row, one step at a time."""

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    hs = []
    for t in range(len(sequence)):
        if mask[t]:
            gates = sequence[t] @ kernel + h @ recurrent_kernel + bias
            i, f, g, o = np.split(gates, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        hs.append(h)
    return np.array(hs), h, c


@pytest.mark.parametrize("return_sequences", [False, True])
def test_layer_contract(return_sequences, tmp_path):
    check_layer(
        SequenceLSTM,
        init_kwargs={"units": 5, "return_sequences": return_sequences},
        call_kwargs={"mask": MASKS["holes"][:2]},
        input_shape=(2, 7, 3),
        output_shape=(2, 7, 5) if return_sequences else (2, 5),
        weight_shapes={
            "kernel": (3, 20),
            "recurrent_kernel": (5, 20),
            "bias": (20,),
        },
        unknown_axes=(0, 1),
        tmp_path=tmp_path,
    )


def test_layer_contract_with_state_and_regions(tmp_path):
    check_layer(
        SequenceLSTM,
        init_kwargs={
            "units": 2,
            "return_sequences": True,
            "return_state": True,
        },
        input_shape=(2, 9, 4, 3),
        output_shape=((2, 9, 4, 2), (2, 9, 2), (2, 9, 2)),
        weight_shapes={
            "kernel": (3, 8),
            "recurrent_kernel": (2, 8),
            "bias": (8,),
        },
        unknown_axes=(0, 2),
        tmp_path=tmp_path,
    )


@with_training
@with_masks
def test_equals_the_equations(sequence, mask, training):
    own, _ = make_pair()
    state = normal(2, ROWS, UNITS, seed=5)
    outputs = own(
        sequence, mask=mask, initial_state=list(state), training=training
    )
    real = MASKS["nothing masked"] if mask is None else mask
    for row in range(ROWS):
        expected = reference_lstm(
            sequence[row], real[row], *state[:, row], *own.get_weights()
        )
        assert_equal([o[row] for o in outputs], expected, atol=1e-5)


@with_training
@with_masks
def test_equals_keras_in_outputs_and_gradients(sequence, mask, training):
    own, stock = make_pair()
    expected = run_with_gradients(stock, mask, training, sequence)

    def run_own(sequence):
        return run_with_gradients(own, mask, training, sequence)

    for run in (run_own, compiled(run_own)):
        outputs, gradients = run(sequence)
        assert_equal(outputs, expected[0], atol=1e-5)
        assert_equal(gradients, expected[1], atol=1e-4)


@with_training
@pytest.mark.parametrize("name", ["no mask", "trailing", "holes"])
def test_equals_keras_with_an_initial_state(sequence, name, training):
    own, stock = make_pair()
    mask = MASKS[name]
    if mask is not None:
        # Before a first real step, Keras gives zeros instead of the state.
        mask = mask.copy()
        mask[:, 0] = True
    state = normal(2, ROWS, UNITS, seed=5)
    expected = run_with_gradients(stock, mask, training, sequence, *state)
    outputs, gradients = run_with_gradients(
        own, mask, training, sequence, *state
    )
    assert_equal(outputs, expected[0], atol=1e-5)
    assert_equal(gradients, expected[1], atol=1e-4)


@with_training
def test_gradient_through_the_last_step_alone_equals_keras(sequence, training):
    own, stock = make_pair(return_sequences=False, return_state=False)
    gradients = []
    for layer in (own, stock):

        def loss(layer=layer):
            output = layer(sequence, mask=MASKS["holes"], training=training)
            return keras.ops.sum(output**2), None

        gradients.append(with_gradients(loss, layer.trainable_variables)[1])
    assert_equal(*gradients, atol=1e-4)


@pytest.mark.parametrize("training", [False, True])
def test_one_graph_serves_every_batch_and_length(training):
    own, stock = make_pair(return_state=False)
    run = compiled(
        lambda x: own(x, training=training),
        ((None, None, FEATURES), "float32"),
    )
    for rows, frames in [(1, 1), (3, 8), (8, 3)]:
        sequence = normal(rows, frames, FEATURES)
        np.testing.assert_allclose(run(sequence), stock(sequence), atol=1e-5)
    assert run(normal(0, 3, FEATURES)).shape == (0, 3, UNITS)


def test_each_region_is_a_sequence_of_its_own_under_the_mask_of_the_clip():
    own, stock = make_pair()
    clips = normal(2, 9, FRAMES, FEATURES)
    mask = MASKS["holes"][:2]
    outputs = own(clips, mask=mask)
    for region in range(9):
        expected = stock(clips[:, region], mask=mask)
        assert_equal([o[:, region] for o in outputs], expected, atol=1e-5)


@with_masks
def test_a_clip_in_chunks_gives_what_the_whole_clip_gives(sequence, mask):
    own, _ = make_pair()
    expected, *expected_state = own(sequence, mask=mask)
    state, chunks = None, []
    for chunk in (slice(0, 3), slice(3, 4), slice(4, 7)):
        chunk_mask = None if mask is None else mask[:, chunk]
        output, *state = own(
            sequence[:, chunk], mask=chunk_mask, initial_state=state
        )
        chunks.append(output)
    assert_equal([np.concatenate(chunks, axis=1)], [expected], atol=1e-6)
    assert_equal(state, expected_state, atol=1e-6)


@with_training
def test_masked_frames_have_no_influence(sequence, training):
    own, _ = make_pair(return_sequences=False, return_state=False)
    mask = MASKS["holes"]
    other = np.where(mask[:, :, None], sequence, 1e3).astype("float32")
    np.testing.assert_array_equal(
        own(sequence, mask=mask, training=training),
        own(other, mask=mask, training=training),
    )


def test_initial_weights_are_those_of_keras():
    own, stock = SequenceLSTM(32), keras.layers.LSTM(32)
    for layer in (own, stock):
        layer.build((None, None, 16))
    for weight, expected in zip(own.weights, stock.weights, strict=True):
        assert weight.name == expected.name
        assert weight.shape == expected.shape
        values, wanted = weight.numpy(), expected.numpy()
        np.testing.assert_allclose(values.std(), wanted.std(), rtol=0.1)
        np.testing.assert_allclose(values.mean(), wanted.mean(), atol=0.02)
    np.testing.assert_array_equal(own.bias, stock.cell.bias)
    recurrent = own.recurrent_kernel.numpy()
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(32), atol=1e-5)


def test_fit_learns_what_keras_learns(sequence):
    """The same weights after the same epochs, masks and all."""
    target = normal(ROWS, UNITS, seed=7)
    weights = []
    for layer in make_pair(return_sequences=False, return_state=False):
        inputs = keras.Input((None, FEATURES))
        mask = keras.Input((None,), dtype="bool")
        model = keras.Model([inputs, mask], layer(inputs, mask=mask))
        model.compile(keras.optimizers.SGD(0.5), "mse")
        with recorded():
            history = model.fit(
                [sequence, MASKS["holes"]],
                target,
                batch_size=2,
                epochs=3,
                shuffle=False,
                verbose=0,
            )
        assert history.history["loss"][-1] < history.history["loss"][0]
        weights.append(model.get_weights())
    assert_equal(*weights, atol=1e-4)


@requires_tensorflow("a model that runs compiled without XLA")
def test_a_model_with_it_is_not_compiled_by_xla():
    model = keras.Sequential([keras.Input((None, 3)), SequenceLSTM(2)])
    model.compile("sgd", "mse")
    assert not model.jit_compile


@requires("jax", "a model that XLA alone compiles")
def test_a_model_with_it_is_compiled():
    model = keras.Sequential([keras.Input((None, 3)), SequenceLSTM(2)])
    model.compile("sgd", "mse")
    assert model.jit_compile


@requires_tensorflow("XLA on demand")
@with_training
def test_xla_gives_the_same_where_it_is_asked_for(sequence, training):
    own, stock = make_pair()
    mask = MASKS["holes"]
    expected = run_with_gradients(stock, mask, training, sequence)
    compiled = tf.function(
        lambda x: run_with_gradients(own, mask, training, x), jit_compile=True
    )
    outputs, gradients = compiled(sequence)
    assert_equal(outputs, expected[0], atol=1e-5)
    assert_equal(gradients, expected[1], atol=1e-4)


@requires_tensorflow("SavedModel")
def test_saved_model_equals_the_layer(sequence, tmp_path):
    own, _ = make_pair(return_state=False)
    inputs = keras.Input((None, FEATURES), name="sequence")
    mask = keras.Input((None,), dtype="bool", name="mask")
    model = keras.Model(
        {"sequence": inputs, "mask": mask}, own(inputs, mask=mask)
    )
    model.export(tmp_path / "export", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "export")
    for rows, frames in [(5, 7), (2, 3)]:
        clips = {
            "sequence": sequence[:rows, :frames],
            "mask": MASKS["holes"][:rows, :frames],
        }
        np.testing.assert_allclose(
            loaded.serve(clips), model(clips), rtol=0, atol=1e-6
        )


@with_training
@pytest.mark.parametrize(
    ("dtype", "atol"), [("float16", 4e-3), ("bfloat16", 4e-2)]
)
def test_half_precision_stays_near_float32(sequence, dtype, atol, training):
    own, stock = make_pair()
    half = SequenceLSTM(
        UNITS,
        return_sequences=True,
        return_state=True,
        dtype=f"mixed_{dtype}",
    )
    half.build(sequence.shape)
    half.set_weights(own.get_weights())
    mask = MASKS["holes"]
    expected, expected_gradients = run_with_gradients(
        stock, mask, training, sequence
    )
    outputs, gradients = run_with_gradients(
        half, mask, training, keras.ops.cast(sequence, dtype)
    )
    assert all(dtype_of(o) == dtype for o in outputs)
    for output, e in zip(outputs, expected):
        np.testing.assert_allclose(as_array(output), e, atol=atol)
    for gradient, e in zip(gradients, expected_gradients, strict=True):
        error = np.linalg.norm(as_array(gradient) - as_array(e))
        assert error < 3 * atol * np.linalg.norm(e)


@requires_tensorflow("the hand-written gradient")
def test_float64_has_the_gradient_of_finite_differences():
    layer = SequenceLSTM(3, dtype="float64")
    sequence = normal(2, 4, 3, dtype="float64")
    mask = np.array([[True, False, True, True], [False, True, True, False]])

    def loss(x):
        return tf.reduce_sum(layer(x, mask=mask, training=True) ** 2)

    theory, numeric = tf.test.compute_gradient(loss, [sequence], delta=1e-5)
    np.testing.assert_allclose(theory, numeric, atol=1e-8)
    assert np.abs(theory[0]).max() > 1e-3


@requires_tensorflow("the choice between loops")
@pytest.mark.parametrize("with_mask", [False, True])
def test_the_loop_of_other_backends_gives_the_same(
    sequence, with_mask, monkeypatch
):
    own, stock = make_pair()
    mask = MASKS["holes"] if with_mask else None
    expected = run_with_gradients(stock, mask, True, sequence)
    loops = []

    def portable_loop(*arguments):
        loops.append("portable")
        return lstm_recurrence.portable_loop(*arguments)

    monkeypatch.setattr(lstm_recurrence, "recorded_loop", portable_loop)
    outputs, gradients = run_with_gradients(own, mask, True, sequence)
    assert loops == ["portable"]
    assert_equal(outputs, expected[0], atol=1e-5)
    assert_equal(gradients, expected[1], atol=1e-4)


@requires_tensorflow("the choice between loops")
@pytest.mark.parametrize(
    ("name", "goes_there"),
    [
        ("no mask", True),
        ("nothing masked", True),
        ("trailing", True),
        ("leading", False),
        ("holes", False),
        ("a fully masked row", False),
    ],
)
def test_where_cudnn_would_run_the_result_is_the_same(
    sequence, name, goes_there, monkeypatch
):
    """With Keras' LSTM where a GPU would have cuDNN behind it."""
    own, stock = make_pair()
    monkeypatch.setattr(lstm_recurrence, "has_gpu", lambda: True)
    on_gpu = SequenceLSTM(UNITS, return_sequences=True, return_state=True)
    on_gpu.build((None, None, FEATURES))
    on_gpu.set_weights(own.get_weights())
    assert len(on_gpu.weights) == 3
    calls = tf.Variable(0)
    keras_lstm = on_gpu._cudnn_lstm

    def counted(*args, **kwargs):
        calls.assign_add(1)
        return keras_lstm(*args, **kwargs)

    on_gpu._cudnn_lstm = counted
    mask = MASKS[name]
    outputs, gradients = tf.function(run_with_gradients)(
        on_gpu, mask, True, sequence
    )
    expected = run_with_gradients(stock, mask, True, sequence)
    assert int(calls) == int(goes_there)
    assert_equal(outputs, expected[0], atol=1e-5)
    assert_equal(gradients, expected[1], atol=1e-4)
    on_gpu(sequence, mask=mask)
    assert int(calls) == int(goes_there)  # never in inference


@requires_tensorflow("the hand-written gradient")
def test_second_order_gradients_are_refused_in_training(sequence):
    own, _ = make_pair(return_state=False)
    sequence = tf.constant(sequence)
    with tf.GradientTape() as outer:
        outer.watch(sequence)
        with tf.GradientTape() as inner:
            inner.watch(sequence)
            loss = tf.reduce_sum(own(sequence, training=True))
        gradient = inner.gradient(loss, sequence)
    with pytest.raises(LookupError, match="no second-order gradient"):
        outer.gradient(gradient, sequence)


@pytest.mark.parametrize("units", [0, -1, 2.0, None])
def test_units_must_be_a_positive_integer(units):
    with pytest.raises(ValueError, match=r"positive integer. Received: units="):
        SequenceLSTM(units)


def test_unknown_number_of_features_is_an_error():
    with pytest.raises(ValueError, match=r"must be known.*sequence_shape="):
        SequenceLSTM(2).build((None, None, None))


def test_mask_of_another_rank_is_an_error(sequence):
    with pytest.raises(
        ValueError, match=r"\(batch, frames\). Received: mask.shape=\(5, 7, 1\)"
    ):
        SequenceLSTM(2)(sequence, mask=MASKS["holes"][:, :, None])


def test_initial_state_must_be_a_pair(sequence):
    with pytest.raises(
        ValueError, match=r"must be the pair h, c. Received: initial_state="
    ):
        SequenceLSTM(2)(sequence, initial_state=[np.zeros((5, 2))])


def test_another_rank_or_number_of_features_is_an_error(sequence):
    layer = SequenceLSTM(2)
    with pytest.raises(ValueError, match="expected min_ndim=3, found ndim=2"):
        layer(sequence[0])
    layer(sequence)
    with pytest.raises(ValueError, match=r"expected axis -1 .* value 4"):
        layer(sequence[:, :, :3])
