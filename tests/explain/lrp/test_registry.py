"""Layers without a rule, and how to teach one."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

from fdin_tf.explain.lrp import COMPOSITES
from fdin_tf.explain.lrp import register
from fdin_tf.explain.lrp import registry
from fdin_tf.explain.lrp import relevance
from tests.explain.lrp.networks import check_sums
from tests.explain.lrp.networks import examples
from tests.explain.lrp.networks import network


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch):
    monkeypatch.setattr(registry, "_HANDLERS", dict(registry._HANDLERS))


class Witness(layers.Layer):
    """Doubles, and counts its calls on numbers."""

    calls = 0

    def call(self, inputs):
        if not isinstance(inputs, keras.KerasTensor):
            self.calls += 1
        return 2.0 * inputs


class Doubled(layers.Dense):
    """A dense layer that is none."""

    def call(self, inputs):
        return 2.0 * super().call(inputs)


def doubling(**kwargs):
    return network(
        (4,),
        layers.Dense(3),
        Witness(name="witness"),
        layers.Dense(2),
        dtype="float32",
        **kwargs,
    )


def hand_on(layer, inputs, outputs, relevances):
    return relevances


def test_layer_without_a_rule_is_named_before_anything_is_computed():
    model = doubling()
    witness = model.get_layer("witness")
    calls = witness.calls
    with pytest.raises(
        ValueError,
        match=r"through Witness; teach one by `fdin_tf\.explain\.lrp\."
        r"register\(Witness, \.\.\.\)`\. Received: layer='witness'",
    ):
        relevance(model, examples(model))
    assert witness.calls == calls


def test_lambda_layer_has_no_rule():
    model = network(
        (4,), layers.Lambda(lambda x: x, name="l"), layers.Dense(1),
        dtype="float32",
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"through Lambda; .*layer='l'"):
        relevance(model, examples(model))


def test_layer_that_relevance_does_not_pass_needs_no_rule():
    inputs = keras.Input((4,))
    gate = ops.sigmoid(Witness()(inputs))
    model = keras.Model(inputs, layers.Dense(1)(gate * inputs))
    check_sums(model, examples(model))


def test_registered_layer_works():
    register(Witness, hand_on)
    model = doubling()
    twin = network(
        (4,), layers.Dense(3), lambda x: 2 * x, layers.Dense(2), dtype="float32"
    )
    x = examples(model)
    np.testing.assert_allclose(
        check_sums(model, x).inputs, relevance(twin, x, composite="epsilon")
        .inputs, rtol=1e-4, atol=1e-5
    )  # fmt: skip


def test_registered_function_receives_layer_and_tensors():
    seen = {}

    def spy(layer, inputs, outputs, relevances):
        seen.update(layer=layer, inputs=inputs, outputs=outputs)
        return [relevances[0] / 2]

    register(Witness, spy)
    model = doubling()
    found = relevance(model, examples(model))
    assert seen["layer"] is model.get_layer("witness")
    (given,), (doubled,) = seen["inputs"], seen["outputs"]
    np.testing.assert_allclose(2 * given, doubled)
    step = found.conservation.steps["witness"]
    np.testing.assert_allclose(step["lost"], step["received"] / 2)


def test_only_named_inputs_receive():
    class Second(layers.Layer):
        def call(self, first, second):
            return second

    register(Second, lambda layer, i, o, r: [None, r[0]], signals=[1])
    inputs = [keras.Input((4,)), keras.Input((4,))]
    hidden = Second()(Witness()(inputs[0]), inputs[1])
    model = keras.Model(inputs, layers.Dense(1)(hidden))
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    found = check_sums(model, list(x))
    assert found.inputs[0] is None


def test_subclass_with_a_call_of_its_own_has_no_rule_of_its_parent():
    model = network((4,), Doubled(2, name="twice"), dtype="float32")
    with pytest.raises(ValueError, match=r"through Doubled; .*'twice'"):
        relevance(model, examples(model))


def test_subclass_with_the_call_of_its_parent_has_its_rule():
    class Renamed(layers.Dense):
        pass

    model = network((4,), Renamed(2), dtype="float32")
    check_sums(model, examples(model))


def test_subclasses_of_a_registered_layer_are_taught():
    class Louder(Witness):
        def call(self, inputs):
            return 3.0 * super().call(inputs)

    register(Witness, hand_on)
    model = network((4,), Louder(), layers.Dense(2), dtype="float32")
    check_sums(model, examples(model))


def test_layer_behind_a_registered_one_with_weights_is_no_first_one():
    register(Doubled, hand_on)
    model = network(
        (4,), Doubled(4), layers.Dense(2, name="b"), dtype="float32"
    )
    x = examples(model)
    np.testing.assert_allclose(
        relevance(model, x, composite="epsilon_plus_flat").inputs,
        relevance(model, x, composite=COMPOSITES["epsilon_plus"]).inputs,
    )


@pytest.mark.parametrize(
    "answer",
    [
        lambda layer, i, o, r: r[0],
        lambda layer, i, o, r: [r[0], r[0]],
        lambda layer, i, o, r: [r[0][:, :2]],
        lambda layer, i, o, r: [],
    ],
)
def test_answer_of_another_shape_is_an_error(answer):
    register(Witness, answer)
    model = doubling()
    with pytest.raises(
        ValueError, match=r"registered for Witness must give a list.*Received:"
    ):
        relevance(model, examples(model))


def test_what_is_no_class_is_an_error():
    with pytest.raises(ValueError, match=r"a class of layers.*layer_class=<"):
        register(Witness(), hand_on)
