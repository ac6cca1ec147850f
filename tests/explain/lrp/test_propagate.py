"""Relevance of whole models: invariants, precision, ways to run, errors."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import layers

from fdin_tf.explain.lrp import COMPOSITES
from fdin_tf.explain.lrp import Composite
from fdin_tf.explain.lrp import Epsilon
from fdin_tf.explain.lrp import Flat
from fdin_tf.explain.lrp import Propagator
from fdin_tf.explain.lrp import relevance
from tests.explain.lrp.literal_rules import literal_network
from tests.explain.lrp.networks import check_sums
from tests.explain.lrp.networks import convolutional_network
from tests.explain.lrp.networks import dense_network
from tests.explain.lrp.networks import examples
from tests.explain.lrp.networks import network
from tests.explain.lrp.networks import random_weights

TINY = Epsilon(1e-12)
EXACT = Composite(TINY, TINY, linear=TINY)
BUILDS = [dense_network, convolutional_network]


def sums(values):
    return np.reshape(values, (len(values), -1)).sum(axis=1)


def literal_loss(model, composite, x):
    """What meets no contribution on the way from the highest scores."""
    highest = np.argmax(model(x), axis=1)
    return [
        literal_network(model.layers[1:], composite, *of)[1]
        for of in zip(x, highest)
    ]


@pytest.mark.parametrize("build", BUILDS)
def test_epsilon_near_0_is_gradient_times_input(build):
    model = build()
    x = tf.constant(examples(model))
    with tf.GradientTape() as tape:
        tape.watch(x)
        score = model(x)[:, 1]
    found = check_sums(model, x, EXACT, target=1)
    np.testing.assert_allclose(
        found.inputs, x * tape.gradient(score, x), rtol=1e-5, atol=1e-9
    )


@pytest.mark.parametrize("composite", COMPOSITES)
@pytest.mark.parametrize("build", BUILDS)
def test_networks_without_biases_conserve(build, composite):
    model = build(use_bias=False)
    x = np.abs(examples(model))
    found = relevance(model, x, composite=composite)
    of_inputs = sums(found.inputs)
    stabilizer = found.conservation.sinks().get("stabilizer", 0.0)
    np.testing.assert_allclose(
        of_inputs + stabilizer + literal_loss(model, COMPOSITES[composite], x),
        found.score,
        rtol=1e-6,
    )
    if "plus" not in composite and "box" not in composite:
        np.testing.assert_allclose(of_inputs, found.score, rtol=1e-4)


@pytest.mark.parametrize("build", BUILDS)
def test_alpha_1_is_never_negative_for_a_positive_score(build):
    model = build("float32")
    x = examples(model, batch=8)
    found = relevance(model, x, composite="z_plus")
    positive = np.array(found.score) > 0
    assert positive.any()
    assert np.array(found.inputs)[positive].min() >= 0
    assert np.array(found.inputs)[positive].max() > 0


@settings(max_examples=25, deadline=None)
@given(
    units=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    activation=st.sampled_from(["relu", "tanh", "sigmoid", None]),
    composite=st.sampled_from(["alpha_beta", "epsilon", "z_plus"]),
    seed=st.integers(0, 1000),
)
def test_inputs_and_sinks_have_the_score(units, activation, composite, seed):
    hidden = [
        layers.Dense(n, activation=activation, dtype="float64") for n in units
    ]
    model = network((3,), *hidden, layers.Dense(2, dtype="float64"), seed=seed)
    x = examples(model, batch=2, seed=seed)
    found = relevance(model, x, composite=composite)
    sinks = found.conservation.sinks()
    total = sums(found.inputs) + sum(sinks.values())
    size = max(np.abs(sums(np.abs(found.inputs))).max(), 1)
    np.testing.assert_allclose(total, found.score, atol=1e-8 * size)
    lost = literal_loss(model, COMPOSITES[composite], x)
    np.testing.assert_allclose(sinks["lost"], lost, atol=1e-8 * size)


@pytest.mark.parametrize("composite", COMPOSITES)
def test_relevance_grows_with_the_last_kernel(composite):
    model = dense_network()
    x = examples(model)
    before = relevance(model, x, 1, composite)
    *others, kernel, bias = model.get_weights()
    model.set_weights([*others, 3 * kernel, 3 * bias])
    after = relevance(model, x, 1, composite)
    np.testing.assert_allclose(after.score, 3 * before.score)
    np.testing.assert_allclose(after.inputs, 3 * before.inputs, rtol=1e-4)


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("composite", ["epsilon", "alpha_beta", "epsilon_plus"])
def test_inputs_of_0_have_no_relevance(build, composite):
    model = build()
    found = check_sums(model, 0 * examples(model), composite)
    np.testing.assert_array_equal(found.inputs, 0)


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("composite", COMPOSITES)
def test_batch_is_its_examples_compiled_or_not(build, composite):
    model = build()
    x = examples(model)
    together = relevance(model, x, composite=composite)
    compiled = Propagator(model, composite=composite)(x)
    in_graph = tf.function(lambda x: relevance(model, x, composite=composite))
    graphed = in_graph(tf.constant(x))
    for n in range(len(x)):
        alone = relevance(model, x[n : n + 1], composite=composite)
        for found in (together, compiled, graphed):
            np.testing.assert_allclose(
                found.inputs[n], alone.inputs[0], rtol=1e-6, atol=1e-9
            )


def test_compiled_once_for_batches_of_all_sizes():
    model = dense_network()
    propagator = Propagator(model)
    for batch in (1, 2, 3, 5, 4):
        x = examples(model, batch)
        np.testing.assert_allclose(
            propagator(x).inputs, relevance(model, x).inputs, rtol=1e-6
        )
    assert propagator._compiled.experimental_get_tracing_count() <= 2


def test_propagator_sees_new_weights():
    model = dense_network()
    propagator = Propagator(model)
    x = examples(model)
    propagator(x)
    random_weights(model, seed=9)
    np.testing.assert_allclose(
        propagator(x).inputs, relevance(model, x).inputs, rtol=1e-6
    )


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("build", BUILDS)
def test_half_precision_is_explained_in_single(policy, build):
    single = build("float32", use_bias=False)
    half = keras.models.clone_model(
        single,
        clone_function=lambda layer: layer.__class__.from_config(
            {**layer.get_config(), "dtype": policy}
        ),
    )
    half.set_weights(single.get_weights())
    x = np.abs(examples(single)).astype("float32")
    target = np.argmax(single(x), axis=1)
    found = relevance(half, x, target, "epsilon")
    expected = relevance(single, x, target, "epsilon")
    assert found.inputs.dtype == "float32"
    # The activations are rounded to 8 bits, the shares of a layer are not.
    largest = np.abs(expected.inputs).max()
    np.testing.assert_allclose(
        found.inputs, expected.inputs, atol=0.1 * largest
    )
    np.testing.assert_allclose(sums(found.inputs), found.score, rtol=1e-3)


def test_reloaded_model_has_the_same_relevance(tmp_path):
    model = convolutional_network("float32")
    model.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    x = examples(model)
    np.testing.assert_array_equal(
        relevance(reloaded, x).inputs, relevance(model, x).inputs
    )


def test_kept_layers_have_all_relevance_of_their_outputs():
    model = network(
        (4,),
        layers.Dense(5, activation="relu", name="a", dtype="float64"),
        layers.Dense(3, name="b", dtype="float64"),
    )
    x = examples(model)
    found = relevance(model, x, composite="epsilon", keep=["a", "b"])
    for name in ("a", "b"):
        taken = found.conservation.sinks(before=name)
        np.testing.assert_allclose(
            sums(found.layers[name]) + sum(taken.values()), found.score
        )
    assert found.layers["a"].shape == (3, 5)


def test_every_call_of_a_shared_layer_can_be_kept():
    shared = layers.Dense(4, activation="relu", name="s", dtype="float64")
    model = network((4,), shared, shared, layers.Dense(1, dtype="float64"))
    found = check_sums(model, np.abs(examples(model)), keep=["s", "s (2)"])
    steps = found.conservation.steps
    for name in ("s", "s (2)"):
        np.testing.assert_allclose(
            sums(found.layers[name]), steps[name]["received"]
        )
    assert list(steps)[1:] == ["s (2)", "s"]


def test_unknown_layer_to_keep_is_an_error():
    model = dense_network()
    with pytest.raises(ValueError, match=r"that relevance passes: .*'nowhere'"):
        relevance(model, examples(model), keep=["nowhere"])


@pytest.mark.parametrize("composite", ["alpha_beta", Composite(Epsilon(0.5))])
def test_renormalisation_keeps_every_sum(composite):
    model = dense_network()
    found = relevance(
        model, examples(model), composite=composite, renormalize=True,
        strict=1e-6,
    )  # fmt: skip
    np.testing.assert_allclose(sums(found.inputs), found.score)
    for step in found.conservation.steps.values():
        np.testing.assert_allclose(step["received"], step["handed_on"])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_input_that_is_not_finite_is_an_error(bad):
    model = dense_network()
    x = examples(model)
    x[2, 1] = bad
    with pytest.raises(
        ValueError, match=r"input .* not finite\. Received: example 2"
    ):
        relevance(model, x)
    explain = tf.function(lambda x: relevance(model, x).inputs)
    with pytest.raises(tf.errors.InvalidArgumentError, match="not finite"):
        explain(tf.constant(x))


def test_weights_that_are_not_finite_are_an_error():
    model = dense_network()
    first, *others = model.get_weights()
    model.set_weights([first * np.nan, *others])
    with pytest.raises(ValueError, match=r"score is not finite\. .*example 0"):
        relevance(model, examples(model))


def test_relevance_that_is_not_finite_is_an_error():
    model = network(
        (2,),
        layers.Dense(1, use_bias=False, name="a"),
        layers.Dense(1, name="b"),
        dtype="float32",
    )
    model.set_weights([np.array([[1], [-1]]), np.ones((1, 1)), np.array([9])])
    # All of the bias to a sum of 0, and from there with no stabiliser.
    composite = Composite(Epsilon(1e-38), layers={"b": Flat()})
    with pytest.raises(ValueError, match=r"behind 'a' is not finite\. Rec"):
        relevance(model, np.array([[1.0, 1.0]]), composite=composite)


@pytest.mark.parametrize(
    ("inputs", "received"),
    [
        ({"a": np.ones((2, 4))}, "a dict of 'a'"),
        ([np.ones((2, 4))] * 2, "a list of 2"),
    ],
)
def test_inputs_of_another_structure_are_an_error(inputs, received):
    model = dense_network()
    with pytest.raises(ValueError, match=rf"one array\. Received: {received}"):
        relevance(model, inputs)


def test_missing_input_is_an_error():
    given_inputs = {name: keras.Input((2,), name=name) for name in "ab"}
    x = layers.Concatenate()(list(given_inputs.values()))
    model = keras.Model(given_inputs, layers.Dense(1)(x))
    with pytest.raises(
        ValueError, match=r"a dict of 'a', 'b'\. Received: a dict of 'a'"
    ):
        relevance(model, {"a": np.ones((1, 2))})


@pytest.mark.parametrize("shape", [(2, 3), (4,), (1, 2, 4)])
def test_input_of_another_shape_is_an_error(shape):
    model = dense_network()
    with pytest.raises(ValueError, match=r"the shape \(None, 4\)\. Received:"):
        relevance(model, np.ones(shape))


def test_unknown_composite_is_an_error():
    model = dense_network()
    with pytest.raises(ValueError, match=r"one of 'alpha_beta'.*'best'"):
        relevance(model, examples(model), composite="best")


def test_rules_for_layers_that_are_not_there_are_an_error():
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(2, name="only")]
    )
    composite = Composite(layers={"onyl": Epsilon(0.1)})
    with pytest.raises(ValueError, match=r"passes: only. Received: 'onyl'"):
        Propagator(model, composite=composite)


def test_an_input_of_integers_is_an_error():
    places = keras.Input((3,), dtype="int32")
    model = keras.Model(
        places, keras.layers.Dense(2)(keras.ops.cast(places, "float32"))
    )
    with pytest.raises(ValueError, match=r"floats or of pixels.*\['int32'\]"):
        Propagator(model)
