"""What weighs a signal, and what is one."""

import keras
import pytest
from keras import layers
from keras import ops

from fdin_tf.explain.lrp.gates import is_gate
from fdin_tf.explain.lrp.gates import is_squashing
from fdin_tf.explain.lrp.gates import is_taken_off
from fdin_tf.explain.lrp.gates import ungated
from fdin_tf.explain.lrp.graph import read_graph
from layers import RelationalImportance


def last_step(build):
    numbers = keras.Input((6, 4))
    mask = keras.Input((6, 4), dtype="bool")
    model = keras.Model([numbers, mask], build(numbers, mask))
    graph = read_graph(model)
    return graph.steps[-1], graph


GATES = {
    "sigmoid": lambda x, m: ops.sigmoid(x),
    "hard sigmoid": lambda x, m: ops.hard_sigmoid(x),
    "softmax": lambda x, m: ops.softmax(x),
    "softmax layer": lambda x, m: layers.Softmax()(x),
    "activation": lambda x, m: layers.Activation("sigmoid")(x),
    "dense": lambda x, m: layers.Dense(4, activation="sigmoid")(x),
    "importance": lambda x, m: ops.expand_dims(RelationalImportance()(x), -1),
    "permuted": lambda x, m: layers.Permute((1, 2))(ops.sigmoid(x)),
    "dropped out": lambda x, m: layers.Dropout(0.5)(ops.softmax(x)),
    "one of many": lambda x, m: ops.sigmoid(x)[:, :1],
    "mask": lambda x, m: ops.cast(m, "float32"),
}
SIGNALS = {
    "input": lambda x, m: x,
    "relu": lambda x, m: ops.relu(x),
    "tanh": lambda x, m: ops.tanh(x),
    "dense": lambda x, m: layers.Dense(4)(x),
    "scaled gate": lambda x, m: layers.Dense(4)(ops.sigmoid(x)),
}


@pytest.mark.parametrize("name", GATES)
def test_gate_is_one_and_leaves_all_to_the_signal(name):
    step, graph = last_step(lambda x, m: GATES[name](x, m) * ops.tanh(x))
    assert is_gate(step.inputs[0], graph)
    assert ungated(step, graph) == [1]


@pytest.mark.parametrize("name", SIGNALS)
def test_signal_is_no_gate(name):
    step, graph = last_step(lambda x, m: ops.sigmoid(x) * SIGNALS[name](x, m))
    assert not is_gate(step.inputs[1], graph)
    assert ungated(step, graph) == [1]


def test_signals_alike_both_receive():
    step, graph = last_step(lambda x, m: ops.relu(x) * ops.tanh(x))
    assert ungated(step, graph) == [0, 1]


def test_gates_alone_both_receive():
    step, graph = last_step(lambda x, m: ops.sigmoid(x) * ops.softmax(x))
    assert ungated(step, graph) == [0, 1]


@pytest.mark.parametrize(
    "layer",
    [
        layers.Softmax(),
        layers.Activation("sigmoid"),
        layers.Activation("linear"),
        layers.Identity(),
    ],
)
def test_layer_that_makes_probabilities_or_nothing_is_taken_off(layer):
    assert is_taken_off(layer)


@pytest.mark.parametrize(
    "layer",
    [layers.Activation("relu"), layers.Dense(2, activation="softmax")],
)
def test_layer_that_does_more_or_other_is_not_taken_off(layer):
    assert not is_taken_off(layer)


def test_activations_that_squash():
    assert is_squashing(keras.activations.softmax)
    assert is_squashing(keras.activations.sigmoid)
    assert not is_squashing(keras.activations.relu)
    assert not is_squashing(None)
