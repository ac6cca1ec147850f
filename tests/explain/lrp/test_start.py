"""The score that is explained: which output, which number, before a softmax."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

from fdin_tf.explain.lrp import relevance
from tests.explain.lrp.networks import check_sums
from tests.explain.lrp.networks import examples
from tests.explain.lrp.networks import network
from tests.explain.lrp.networks import random_weights


def dense(units=3, **kwargs):
    return layers.Dense(units, dtype="float64", **kwargs)


def scores():
    return network((4,), dense(6, activation="relu"), dense(3))


def heads():
    """Age as a number, gender as probabilities, faces as a 2x2 map."""
    inputs = keras.Input((4,), dtype="float64")
    hidden = dense(5, activation="relu")(inputs)
    outputs = {
        "age": dense(1, name="age")(hidden),
        "gender": dense(2, name="gender", activation="softmax")(hidden),
        "map": layers.Reshape((2, 2), dtype="float64")(dense(4)(hidden)),
    }
    return random_weights(keras.Model(inputs, outputs))


def test_highest_score_of_each_example_is_explained():
    model = scores()
    x = examples(model, batch=8)
    z = np.array(model(x))
    assert len(set(z.argmax(axis=1))) > 1
    np.testing.assert_allclose(check_sums(model, x).score, z.max(axis=1))


@pytest.mark.parametrize("target", [2, np.int64(2), (2,), [2, 2, 2]])
def test_number_is_explained(target):
    model = scores()
    x = examples(model)
    found = check_sums(model, x, target=target)
    np.testing.assert_allclose(found.score, model(x)[:, 2])


def test_number_of_each_example_is_explained():
    model = scores()
    x = examples(model)
    found = check_sums(model, x, target=np.array([2, 0, 1]))
    for n, target in enumerate([2, 0, 1]):
        alone = relevance(model, x[n : n + 1], target, "epsilon")
        np.testing.assert_allclose(found.score[n], alone.score[0])
        np.testing.assert_allclose(found.inputs[n], alone.inputs[0])


def test_outputs_are_explained_by_name():
    model = heads()
    x = examples(model)
    outputs = model(x)
    found = check_sums(model, x, target="age")
    np.testing.assert_allclose(found.score, outputs["age"][:, 0])
    found = check_sums(model, x, target=("map", 1, np.array([0, 1, 0])))
    chosen = [outputs["map"][n, 1, m] for n, m in enumerate([0, 1, 0])]
    np.testing.assert_allclose(found.score, chosen)


@pytest.mark.parametrize(
    "squash",
    [
        lambda x: dense(3, activation="softmax")(x),
        lambda x: dense(3, activation="sigmoid")(x),
        lambda x: layers.Activation("softmax", dtype="float64")(dense(3)(x)),
        lambda x: layers.Activation("log_softmax", dtype="float64")(
            dense(3)(x)
        ),
        lambda x: layers.Softmax(dtype="float64")(dense(3)(x)),
        lambda x: ops.softmax(dense(3)(x)),
        lambda x: ops.sigmoid(dense(3)(x)),
    ],
)
def test_softmax_and_sigmoid_are_taken_off(squash):
    model = network((4,), dense(6, activation="relu"), squash)
    plain = scores()
    plain.set_weights(model.get_weights())
    x = examples(model)
    found, expected = relevance(model, x), relevance(plain, x)
    np.testing.assert_allclose(found.score, expected.score)
    np.testing.assert_allclose(found.inputs, expected.inputs)


@pytest.mark.parametrize("activation", ["relu", "tanh", "softplus"])
def test_other_activation_at_the_end_is_part_of_the_score(activation):
    model = network((4,), dense(1, activation=activation))
    x = examples(model, batch=6)
    found = relevance(model, x, composite="epsilon")
    np.testing.assert_allclose(found.score, model(x)[:, 0], rtol=1e-6)
    apart = network(
        (4,), dense(1), layers.Activation(activation, dtype="float64")
    )
    np.testing.assert_allclose(
        found.inputs, relevance(apart, x, composite="epsilon").inputs
    )


def test_list_of_one_output_is_that_output():
    inputs = keras.Input((4,), dtype="float64")
    model = random_weights(keras.Model(inputs, [dense(3)(inputs)]))
    x = examples(model)
    found = check_sums(model, x, target=1)
    np.testing.assert_allclose(found.score, np.reshape(model(x), (3, 3))[:, 1])


def test_output_of_one_number_per_example_needs_no_target():
    model = network((4,), dense(3), lambda x: ops.sum(x, axis=1))
    x = examples(model)
    np.testing.assert_allclose(check_sums(model, x).score, model(x))


@pytest.mark.parametrize("target", [None, 0, "size", ("size", 0)])
def test_output_that_is_not_there_is_an_error(target):
    model = heads()
    with pytest.raises(
        ValueError, match=r"must name one of .* 'age', 'gender', 'map'\. Rec"
    ):
        relevance(model, examples(model), target)


@pytest.mark.parametrize("target", [3, -1, (0, 1), np.array([0, 1, 3])])
def test_number_that_is_not_there_is_an_error(target):
    model = scores()
    with pytest.raises(ValueError, match=r"a number within \(3,\), counted f"):
        relevance(model, examples(model), target)


def test_map_without_a_place_is_an_error():
    model = heads()
    with pytest.raises(ValueError, match=r"which number of .*\(None, 2, 2\)"):
        relevance(model, examples(model), "map")


@pytest.mark.parametrize(
    "target", [1.0, True, np.zeros((3, 1), int), [0.5] * 3]
)
def test_target_that_is_no_whole_number_is_an_error(target):
    model = scores()
    with pytest.raises(ValueError, match=r"whole number, or an array of one"):
        relevance(model, examples(model), target)


@pytest.mark.parametrize("target", [[0, 1], [0], [0, 1, 2, 0]])
def test_other_number_of_targets_than_examples_is_an_error(target):
    model = scores()
    with pytest.raises(
        ValueError, match=rf"each of the 3 examples. Received: {len(target)} n"
    ):
        relevance(model, examples(model), target)


def test_outputs_of_a_list_are_named_by_their_places():
    x = keras.Input((4,), dtype="float64")
    model = keras.Model(x, [dense(1)(x), dense(3)(x)])
    inputs = examples(model)
    first, second = model(inputs)
    found = check_sums(model, inputs, target=0)
    np.testing.assert_allclose(found.score, first[:, 0])
    found = check_sums(model, inputs, target=(1, 2))
    np.testing.assert_allclose(found.score, second[:, 2])
    with pytest.raises(ValueError, match=r"one of the outputs 0, 1\."):
        check_sums(model, inputs, target="first")


def test_a_cast_behind_the_softmax_is_taken_off_too():
    x = keras.Input((4,), dtype="float64")
    scores_of = dense(3)
    probabilities = layers.Softmax(dtype="float64")(scores_of(x))
    end = layers.Activation("linear", dtype="float32")(probabilities)
    model = keras.Model(x, end)
    inputs = examples(model)
    found = check_sums(model, inputs, target=1)
    np.testing.assert_allclose(found.score, scores_of(inputs)[:, 1])
