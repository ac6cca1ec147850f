"""Graphs of functional models: steps, names, nesting, errors."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

from fdin_tf.explain.lrp import relevance
from fdin_tf.explain.lrp.graph import as_functional
from fdin_tf.explain.lrp.graph import read_graph
from tests.explain.lrp.networks import check_sums
from tests.explain.lrp.networks import examples
from tests.explain.lrp.networks import network
from tests.explain.lrp.networks import random_weights


def dense(units=4, **kwargs):
    return layers.Dense(units, dtype="float64", **kwargs)


def names_of(model):
    return [step.name for step in read_graph(model).steps]


def nested_network():
    """A functional model in a sequential one in a functional one."""
    deep = network((4,), dense(activation="relu", name="a"), name="deep")
    middle = keras.Sequential(
        [keras.Input((4,), dtype="float64"), deep, dense(name="b")],
        name="middle",
    )
    return network((4,), dense(name="a"), middle, dense(3, name="c"))


def test_steps_stand_in_the_order_of_computation():
    model = network((4,), dense(name="a"), ops.relu, dense(name="b"))
    first, relu, last = read_graph(model).steps
    assert (first.name, last.name) == ("a", "b")
    assert relu.inputs == first.outputs
    assert last.inputs == relu.outputs


def test_nested_models_are_taken_apart_with_their_names():
    assert names_of(nested_network()) == ["a", "middle/deep/a", "middle/b", "c"]


def test_nested_network_is_explained_as_the_flat_one():
    model = nested_network()
    a, middle, c = model.layers[1:]
    deep, b = middle.layers
    copies = [
        layers.Dense.from_config({**layer.get_config(), "name": None})
        for layer in (a, deep.layers[1], b, c)
    ]
    flat = network((4,), *copies)
    flat.set_weights(
        [w for layer in (a, deep, b, c) for w in layer.get_weights()]
    )
    x = examples(model)
    np.testing.assert_allclose(
        relevance(model, x).inputs, relevance(flat, x).inputs
    )


def test_nested_model_of_several_inputs_and_outputs_keeps_their_places():
    given = {
        name: keras.Input((n,), name=name, dtype="float64")
        for name, n in (("z", 2), ("a", 3))
    }
    inner = keras.Model(
        given, [2 * given["a"], layers.Concatenate()([given["z"], given["a"]])]
    )
    outer = {
        name: keras.Input((n,), name=name, dtype="float64")
        for name, n in (("a", 3), ("z", 2))
    }
    twice, both = inner(outer)
    x = layers.Concatenate()([both, twice])
    model = random_weights(keras.Model(outer, dense(1)(x)))
    rng = np.random.default_rng(0)
    inputs = {"a": rng.normal(size=(2, 3)), "z": rng.normal(size=(2, 2))}
    found = check_sums(model, inputs)
    kernel = model.layers[-1].get_weights()[0][:, 0]
    np.testing.assert_allclose(
        found.inputs["z"], inputs["z"] * kernel[:2], rtol=1e-4
    )
    np.testing.assert_allclose(
        found.inputs["a"],
        inputs["a"] * (kernel[2:5] + 2 * kernel[5:]),
        rtol=1e-4,
    )


def test_layers_and_models_that_are_called_again_are_numbered():
    inner = network((4,), dense(name="a"), name="inner")
    shared = dense(name="b")
    model = network((4,), inner, shared, inner, shared, shared)
    assert names_of(model) == [
        "inner/a", "b", "inner (2)/a", "b (2)", "b (3)"
    ]  # fmt: skip


def test_siamese_network_divides_between_both_calls():
    inputs = [keras.Input((4,), dtype="float64") for _ in range(2)]
    encoder = network((4,), dense(), ops.relu, dense(2))
    joined = layers.Subtract()([encoder(x) for x in inputs])
    model = random_weights(keras.Model(inputs, dense(1)(joined)))
    x = np.random.default_rng(0).normal(size=(3, 4))
    found = check_sums(model, [x, -x])
    swapped = check_sums(model, [-x, x])
    bias = model.layers[-1].get_weights()[1]
    np.testing.assert_allclose(found.score - bias, bias - swapped.score)
    np.testing.assert_allclose(
        found.inputs[0] / found.score[:, None],
        -swapped.inputs[1] / found.score[:, None],
        rtol=1e-4,
    )


def test_only_what_depends_on_the_numbers_is_variable():
    numbers = keras.Input((4,))
    mask = keras.Input((4,), dtype="bool")
    weights = ops.cast(mask, "float32")
    product = numbers * weights
    graph = read_graph(keras.Model([numbers, mask], product))
    slots = {s.operation.name: s.outputs[0] for s in graph.steps}
    (cast,) = [slot for name, slot in slots.items() if "cast" in name]
    (given, given_mask) = graph.inputs
    assert cast not in graph.variable
    assert given_mask not in graph.variable
    assert {given, graph.outputs} <= graph.variable


def test_uint8_pixels_carry_relevance():
    inputs = keras.Input((2, 2, 1), dtype="uint8")
    x = layers.Flatten()(layers.Rescaling(1 / 255)(inputs))
    model = random_weights(keras.Model(inputs, layers.Dense(1)(x)))
    pixels = np.array([0, 255, 100, 7], "uint8").reshape(1, 2, 2, 1)
    found = check_sums(model, pixels)
    kernel, _ = model.layers[-1].get_weights()
    np.testing.assert_allclose(
        np.ravel(found.inputs), np.ravel(pixels / 255) * kernel[:, 0], rtol=1e-4
    )


def test_part_of_a_model_is_a_model():
    model = network((4,), dense(name="a"), ops.relu, dense(name="b"))
    part = keras.Model(model.get_layer("a").output, model.output)
    _, last = read_graph(part).steps
    assert last.name == "b"


@pytest.mark.parametrize("how", ["build", "call"])
def test_sequential_model_is_known_once_built(how):
    model = keras.Sequential([layers.Dense(2, name="a")])
    if how == "build":
        model.build((None, 3))
    else:
        model(np.ones((1, 3)))
    assert names_of(model) == ["a"]


def test_unbuilt_model_is_an_error():
    model = keras.Sequential([layers.Dense(2)], name="unbuilt")
    with pytest.raises(ValueError, match=r"must be built.*'unbuilt'"):
        relevance(model, np.ones((1, 3)))


def test_model_that_is_not_functional_is_an_error():
    class Own(keras.Model):
        def call(self, inputs):
            return inputs

    for model in (Own(), layers.Dense(2), None):
        with pytest.raises(ValueError, match=r"functional or sequential.*mod"):
            as_functional(model)
