"""Relevance through recurrent layers: step by step, masks, gates, errors."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from fdin_tf.explain.lrp import Composite
from fdin_tf.explain.lrp import Epsilon
from fdin_tf.explain.lrp import relevance
from layers import SequenceLSTM
from tests.explain.lrp.literal_rules import literal
from tests.explain.lrp.literal_rules import stabilized
from tests.explain.lrp.networks import random_weights


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def relu(z):
    return np.maximum(z, 0)


def hard_sigmoid(z):
    return np.clip(z / 6 + 0.5, 0, 1)


class LiteralLSTM:
    """Arras et al. (2017) on one sequence: one step, one unit at a time.

    Weights are those of Keras, whose order is i, f, g, o.
    """

    def __init__(self, weights, activation=np.tanh, gate=sigmoid):
        self.kernel, self.recurrent_kernel, self.bias = weights
        self.activation, self.gate = activation, gate

    def forward(self, sequence, mask):
        """Outputs `(frames, units)`; keeps what every step computes."""
        self.sequence, self.mask, self.steps = sequence, mask, []
        h = c = np.zeros(len(self.recurrent_kernel))
        outputs = []
        for x, is_real in zip(sequence, mask):
            h_before = h
            z = x @ self.kernel + h @ self.recurrent_kernel + self.bias
            z_i, z_f, z_g, z_o = np.split(z, 4)
            new = self.gate(z_i) * self.activation(z_g)
            old = self.gate(z_f) * c
            if is_real:
                c = old + new
                h = self.gate(z_o) * self.activation(c)
            self.steps.append((x, h_before, new, old, c))
            outputs.append(h)
        return np.array(outputs)

    def backward(self, relevance, epsilon):
        """Shares of the sequence; what biases, and what stabilisers took."""
        w, u, b = (
            np.split(part, 4, axis=-1)[2]
            for part in (self.kernel, self.recurrent_kernel, self.bias)
        )
        units, features = len(u), self.sequence.shape[-1]
        of_sequence = np.zeros(self.sequence.shape)
        of_h, of_c = np.zeros(units), np.zeros(units)
        bias = stabilizer = 0.0
        for t in reversed(range(len(self.sequence))):
            of_h = of_h + relevance[t]
            if not self.mask[t]:
                continue
            x, h_before, new, old, c = self.steps[t]
            of_c = of_c + of_h  # h = o tanh(c): the signal takes all
            of_h, of_c_before = np.zeros(units), np.zeros(units)
            for k in range(units):
                divisor = stabilized(c[k], epsilon)
                of_c_before[k] = old[k] / divisor * of_c[k]
                of_g = new[k] / divisor * of_c[k]
                stabilizer += of_c[k] - of_c_before[k] - of_g
                shares, of_bias, kept = literal(
                    Epsilon(epsilon),
                    np.concatenate([x, h_before]),
                    np.concatenate([w, u])[:, [k]],
                    b[[k]],
                    [of_g],
                )
                of_sequence[t] += shares[:features]
                of_h += shares[features:]
                bias, stabilizer = bias + of_bias, stabilizer + kept
            of_c = of_c_before
        return of_sequence, bias, stabilizer


class LiteralRNN:
    """A network whose state is an activation of what it reads."""

    def __init__(self, weights, activation=relu):
        self.kernel, self.recurrent_kernel, *bias = weights
        self.bias = bias[0] if bias else np.zeros(self.kernel.shape[1])
        self.activation = activation

    def forward(self, sequence, mask):
        self.sequence, self.mask, self.before = sequence, mask, []
        h, outputs = np.zeros(len(self.bias)), []
        for x, is_real in zip(sequence, mask):
            self.before.append(h)
            if is_real:
                z = x @ self.kernel + h @ self.recurrent_kernel + self.bias
                h = self.activation(z)
            outputs.append(h)
        return np.array(outputs)

    def backward(self, relevance, epsilon):
        of_sequence = np.zeros(self.sequence.shape)
        of_h, bias, stabilizer = np.zeros(len(self.bias)), 0.0, 0.0
        for t in reversed(range(len(self.sequence))):
            of_h = of_h + relevance[t]
            if not self.mask[t]:
                continue
            shares, of_bias, kept = literal(
                Epsilon(epsilon),
                np.concatenate([self.sequence[t], self.before[t]]),
                np.concatenate([self.kernel, self.recurrent_kernel]),
                self.bias,
                of_h,
            )
            of_sequence[t], of_h = np.split(shares, [self.sequence.shape[-1]])
            bias, stabilizer = bias + of_bias, stabilizer + kept
        return of_sequence, bias, stabilizer


def literal_stack(stack, sequence, mask, of_last, epsilon):
    """Layers one after the other, of which the last gives its last state."""
    for layer in stack:
        sequence = layer.forward(sequence, mask)
    of_sequence = np.zeros(sequence.shape)
    of_sequence[-1] = of_last(sequence[-1])
    sinks = np.zeros(2)
    for layer in reversed(stack):
        of_sequence, *taken = layer.backward(of_sequence, epsilon)
        sinks += taken
    return of_sequence, sinks


KINDS = {
    "SequenceLSTM": (SequenceLSTM, {}, LiteralLSTM, {}),
    "LSTM": (keras.layers.LSTM, {}, LiteralLSTM, {}),
    "LSTM with other activations": (
        keras.layers.LSTM,
        {"activation": "relu", "recurrent_activation": "hard_sigmoid"},
        LiteralLSTM,
        {"activation": relu, "gate": hard_sigmoid},
    ),
    "ReLU": (keras.layers.SimpleRNN, {"activation": "relu"}, LiteralRNN, {}),
    "ReLU without bias": (
        keras.layers.SimpleRNN,
        {"activation": "relu", "use_bias": False},
        LiteralRNN,
        {},
    ),
    "tanh": (keras.layers.SimpleRNN, {}, LiteralRNN, {"activation": np.tanh}),
}


def network(layer_class, options=None, rows=(), units=(4, 3), dtype="float64"):
    """Two recurrent layers, and the sum of what the last state weighs."""
    options = {**(options or {}), "dtype": dtype}
    sequence = keras.Input((*rows, None, 3), name="sequence", dtype=dtype)
    mask = keras.Input((None,), name="mask", dtype="bool")
    first = layer_class(units[0], return_sequences=True, **options)
    last = layer_class(units[1], **options)
    hidden = last(first(sequence, mask=mask), mask=mask)
    hidden = keras.layers.Flatten(dtype=dtype)(hidden)
    score = keras.layers.Dense(1, name="score", dtype=dtype)(hidden)
    model = keras.Model({"sequence": sequence, "mask": mask}, score)
    return random_weights(model, scale=0.7)


def make_clips(rows=(), clips=3, frames=6, seed=1):
    """Sequences with holes and padding; the first begins with a hole."""
    rng = np.random.default_rng(seed)
    mask = rng.uniform(size=(clips, frames)) < 0.7
    mask[0, 0], mask[1, -1], mask[2] = False, False, True
    return {
        "sequence": rng.normal(size=(clips, *rows, frames, 3)),
        "mask": mask,
    }


def weights_of(model):
    """Of the recurrent layers, in their order."""
    weights = [layer.get_weights() for layer in model.layers]
    return [w for w in weights if len(w) > 1 and w[1].ndim == 2]


@pytest.mark.parametrize("epsilon", [1e-6, 0.25])
@pytest.mark.parametrize(
    ("kind", "rows"), [*((kind, ()) for kind in KINDS), ("SequenceLSTM", (2,))]
)
def test_equals_the_literal_steps(kind, rows, epsilon):
    layer_class, options, literal_class, literal_options = KINDS[kind]
    model, clips = network(layer_class, options, rows), make_clips(rows)
    composite = Composite(dense=Epsilon(), recurrent=Epsilon(epsilon))
    result = relevance(model, clips, composite=composite)
    kernel, dense_bias = model.get_layer("score").get_weights()
    kernel = kernel.reshape(-1, 3, 1)  # of each row
    for clip in range(3):
        mask = clips["mask"][clip]
        sequences = clips["sequence"][clip].reshape(-1, 6, 3)
        stack = [literal_class(w, **literal_options) for w in weights_of(model)]
        score = result.score.numpy()[clip]
        divisor = stabilized(score, Epsilon().epsilon)
        sinks = np.array([dense_bias[0], divisor - score]) / divisor * score
        expected = []
        for sequence, weights in zip(sequences, kernel[..., 0]):
            share, taken = literal_stack(
                stack,
                sequence,
                mask,
                lambda last: last * weights / divisor * score,  # noqa: B023
                epsilon,
            )
            expected.append(share)
            sinks += taken
        found = result.inputs["sequence"].numpy()[clip].reshape(-1, 6, 3)
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-12)
        totals = result.conservation.sinks()
        np.testing.assert_allclose(
            [totals["bias"][clip], totals["stabilizer"][clip]],
            sinks,
            rtol=1e-7,
            atol=1e-12,
        )
        np.testing.assert_allclose(found.sum() + sinks.sum(), score, rtol=1e-7)


@pytest.mark.parametrize(
    "layer_class", [SequenceLSTM, keras.layers.LSTM, keras.layers.SimpleRNN]
)
def test_float32_is_close_to_float64(layer_class):
    model, clips = network(layer_class), make_clips()
    single = network(layer_class, dtype="float32")
    single.set_weights(model.get_weights())
    composite = Composite(recurrent=Epsilon(0.01))
    expected = relevance(model, clips, composite=composite).inputs["sequence"]
    found = relevance(single, clips, composite=composite).inputs["sequence"]
    assert found.dtype == "float32"
    np.testing.assert_allclose(
        found, expected, rtol=1e-5, atol=1e-6 * np.max(np.abs(expected))
    )


@pytest.mark.parametrize("layer_class", [SequenceLSTM, keras.layers.SimpleRNN])
def test_without_bias_the_inputs_take_all(layer_class):
    """Of one step, in which no state and no forgotten cell has a part."""
    sequence = keras.Input((None, 3), dtype="float64")
    layer = layer_class(2, dtype="float64")
    model = random_weights(keras.Model(sequence, layer(sequence)))
    x = np.random.default_rng(0).normal(size=(4, 1, 3))
    rule = Epsilon(1e-12, bias=False)
    result = relevance(model, x, 0, Composite(recurrent=rule))
    candidate = 2 if layer_class is SequenceLSTM else 0
    kernel = layer.get_weights()[0][:, 2 * candidate]
    terms = x[:, 0] * kernel
    share = terms / terms.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        result.inputs[:, 0], share * result.score[:, None], rtol=1e-7
    )
    assert not np.any(result.conservation.sinks()["bias"])


@pytest.mark.parametrize("layer_class", [SequenceLSTM, keras.layers.LSTM])
def test_a_mask_that_keras_hands_on_counts_as_a_given_one(layer_class):
    clips = make_clips()
    given = network(layer_class)
    sequence = keras.Input((None, 3), dtype="float64")
    hidden = keras.layers.Masking(9.0, dtype="float64")(sequence)
    for layer in given.layers[2:-1]:
        hidden = layer(hidden)
    implied = keras.Model(sequence, given.layers[-1](hidden))
    marked = np.where(clips["mask"][..., None], clips["sequence"], 9.0)
    expected = relevance(given, clips, composite="epsilon")
    found = relevance(implied, marked, composite="epsilon")
    np.testing.assert_allclose(found.score, expected.score, rtol=1e-9)
    np.testing.assert_allclose(
        found.inputs, expected.inputs["sequence"], rtol=1e-9
    )


@pytest.mark.parametrize("kind", KINDS)
def test_holes_and_padding_receive_exactly_nothing_and_change_nothing(kind):
    layer_class, options, *_ = KINDS[kind]
    model, clips = network(layer_class, options), make_clips()
    found = relevance(model, clips, composite="epsilon").inputs["sequence"]
    assert not np.any(found.numpy()[~clips["mask"]])
    assert np.all(np.any(found, axis=(1, 2)))
    padding = np.random.default_rng(2).normal(size=(3, 4, 3))
    padded = {
        "sequence": np.concatenate([clips["sequence"], padding], axis=1),
        "mask": np.pad(clips["mask"], [(0, 0), (0, 4)]),
    }
    longer = relevance(model, padded, composite="epsilon").inputs["sequence"]
    np.testing.assert_allclose(longer[:, :6], found, rtol=1e-10)
    assert not np.any(longer[:, 6:])


def test_what_only_gates_read_receives_exactly_nothing():
    model, clips = network(SequenceLSTM), make_clips()
    first = model.layers[2]
    kernel, *others = first.get_weights()
    kernel[0, 8:12] = 0  # the candidate does not read the first feature
    first.set_weights([kernel, *others])
    result = relevance(model, clips, composite="epsilon")
    assert not np.any(result.inputs["sequence"][..., 0])
    clips["sequence"][..., 0] += 1
    moved = relevance(model, clips, composite="epsilon")
    assert np.all(np.abs(moved.score - result.score) > 1e-3)


def test_works_in_a_function_of_unknown_length():
    model = network(SequenceLSTM, rows=(2,))

    @tf.function(
        input_signature=[
            {
                "sequence": tf.TensorSpec((None, 2, None, 3), "float64"),
                "mask": tf.TensorSpec((None, None), "bool"),
            }
        ],
        autograph=False,
    )
    def explain(clips):
        return relevance(model, clips, composite="epsilon").inputs["sequence"]

    for frames, clips in [(6, 3), (9, 4)]:
        made = make_clips((2,), clips, frames)
        expected = relevance(model, made, composite="epsilon")
        np.testing.assert_allclose(
            explain(made), expected.inputs["sequence"], rtol=1e-9
        )


def lone(layer, **call_options):
    sequence = keras.Input((None, 3))
    outputs = keras.tree.flatten(layer(sequence, **call_options))
    return keras.Model(sequence, keras.layers.Dense(1)(outputs[0]))


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.LSTM(2, go_backwards=True, name="recurrent"),
        keras.layers.LSTM(2, return_state=True, name="recurrent"),
        keras.layers.SimpleRNN(2, return_state=True, name="recurrent"),
        SequenceLSTM(2, return_state=True, name="recurrent"),
    ],
)
def test_states_and_running_backward_are_an_error(layer):
    with pytest.raises(
        ValueError, match=r"run forward from states.*layer='recurrent'"
    ):
        relevance(lone(layer), np.ones((1, 4, 3)))


def test_a_stateful_layer_is_an_error():
    sequence = keras.Input(batch_shape=(1, None, 3))
    layer = keras.layers.LSTM(2, stateful=True, name="recurrent")
    model = keras.Model(sequence, layer(sequence))
    with pytest.raises(
        ValueError, match=r"run forward from states.*layer='recurrent'"
    ):
        relevance(model, np.ones((1, 4, 3)))


@pytest.mark.parametrize("layer_class", [SequenceLSTM, keras.layers.LSTM])
def test_an_initial_state_is_an_error(layer_class):
    sequence, state = keras.Input((None, 3)), keras.Input((2,))
    layer = layer_class(2, name="recurrent")
    outputs = layer(sequence, initial_state=[state, state])
    model = keras.Model([sequence, state], outputs)
    with pytest.raises(
        ValueError, match=r"run forward from states.*layer='recurrent'"
    ):
        relevance(model, [np.ones((1, 4, 3)), np.ones((1, 2))])


def test_a_softmax_as_activation_is_an_error():
    layer = keras.layers.SimpleRNN(2, activation="softmax", name="recurrent")
    with pytest.raises(ValueError, match=r"cannot pass one.*'recurrent'"):
        relevance(lone(layer), np.ones((1, 4, 3)))


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.GRU(2, name="recurrent"),
        keras.layers.Bidirectional(keras.layers.LSTM(2), name="recurrent"),
    ],
)
def test_a_layer_without_a_rule_is_named_with_the_remedy(layer):
    kind = type(layer).__name__
    with pytest.raises(
        ValueError,
        match=rf"through {kind}; teach one by .*register.*layer='recurrent'",
    ):
        relevance(lone(layer), np.ones((1, 4, 3)))
