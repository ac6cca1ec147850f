"""Batch normalisation joined to its neighbour, or not."""

import keras
import numpy as np
import pytest
from keras import layers

from fdin_tf.explain.lrp import COMPOSITES
from fdin_tf.explain.lrp import relevance
from fdin_tf.explain.lrp.folding import Folded
from fdin_tf.explain.lrp.folding import fold_normalization
from fdin_tf.explain.lrp.graph import read_graph
from tests.explain.lrp.networks import examples
from tests.explain.lrp.networks import network
from tests.explain.lrp.networks import random_weights


def normalization():
    return layers.BatchNormalization(dtype="float64")


def dense(units=3, **kwargs):
    return layers.Dense(units, dtype="float64", **kwargs)


def convolution(**kwargs):
    return layers.Conv2D(3, 2, dtype="float64", **kwargs)


def folded_of(model):
    steps = fold_normalization(read_graph(model)).steps
    return [s.operation for s in steps if isinstance(s.operation, Folded)]


def scale_and_shift(layer):
    gamma, beta, mean, variance = layer.get_weights()
    scale = gamma / np.sqrt(variance + layer.epsilon)
    return scale, beta - scale * mean


@pytest.mark.parametrize("composite", COMPOSITES)
@pytest.mark.parametrize(
    ("linear", "shape"),
    [
        (dense, (4,)),
        (convolution, (4, 4, 2)),
        (lambda: convolution(padding="same", use_bias=False), (3, 3, 2)),
        (lambda: layers.DepthwiseConv2D(
            2, depth_multiplier=2, dtype="float64"), (3, 3, 2)),
    ],
)  # fmt: skip
def test_normalisation_behind_a_layer_is_that_layer_rescaled(
    linear, shape, composite
):
    model = network(
        shape, linear(), normalization(), layers.ReLU(dtype="float64"),
        layers.Flatten(dtype="float64"), dense(),
    )  # fmt: skip
    twin = network(
        shape, _with_bias(model.layers[1]), layers.ReLU(dtype="float64"),
        layers.Flatten(dtype="float64"), dense(),
    )  # fmt: skip
    scale, shift = scale_and_shift(model.layers[2])
    kernel, *bias = model.layers[1].get_weights()
    sizes = kernel.shape[-2:] if "depthwise" in twin.layers[1].name else (-1,)
    twin.layers[1].set_weights(
        [kernel * scale.reshape(sizes), sum(bias) * scale + shift]
    )
    twin.layers[-1].set_weights(model.layers[-1].get_weights())
    x = examples(model)
    found = relevance(model, x, 0, composite)
    np.testing.assert_allclose(
        found.inputs, relevance(twin, x, 0, composite).inputs, atol=1e-9
    )
    assert len(found.conservation.steps) == 4


def _with_bias(layer):
    config = {**layer.get_config(), "use_bias": True}
    return layer.__class__.from_config(config)


@pytest.mark.parametrize(
    ("linear", "shape"), [(dense, (4,)), (convolution, (4, 4, 2))]
)
def test_normalisation_before_a_layer_is_that_layer_rescaled(linear, shape):
    model = network(
        shape, layers.ReLU(dtype="float64"), normalization(), linear(),
        layers.Flatten(dtype="float64"),
    )  # fmt: skip
    twin = network(
        shape, layers.ReLU(dtype="float64"), linear(),
        layers.Flatten(dtype="float64"),
    )  # fmt: skip
    scale, shift = scale_and_shift(model.layers[2])
    kernel, bias = model.layers[3].get_weights()
    of_shift = (kernel * shift[:, None]).reshape(-1, 3).sum(axis=0)
    twin.layers[2].set_weights([kernel * scale[:, None], bias + of_shift])
    x = examples(model)
    np.testing.assert_allclose(twin(x), model(x))
    np.testing.assert_allclose(
        relevance(model, x, 0).inputs,
        relevance(twin, x, 0).inputs,
        atol=1e-9,
    )
    assert folded_of(model)[0].is_before


@pytest.mark.parametrize(
    ("parts", "shape"),
    [
        ([lambda: dense(activation="relu"), normalization], (4,)),
        ([lambda: normalization(), lambda: convolution(padding="same")],
         (4, 4, 2)),
        ([lambda: normalization(), lambda: layers.DepthwiseConv2D(
            2, dtype="float64")], (4, 4, 2)),
        ([convolution, lambda: layers.BatchNormalization(
            axis=1, dtype="float64")], (4, 4, 2)),
    ],
    ids=["activation", "padding", "depthwise", "other axis"],
)  # fmt: skip
def test_normalisation_that_is_no_part_of_the_layer_stays_alone(parts, shape):
    model = network(shape, *(part() for part in parts))
    assert not folded_of(model)


def test_layer_that_others_read_is_not_folded():
    inputs = keras.Input((4,), dtype="float64")
    hidden = dense()(inputs)
    outputs = layers.Add(dtype="float64")([normalization()(hidden), hidden])
    model = random_weights(keras.Model(inputs, outputs))
    assert not folded_of(model)


def test_layer_that_the_model_gives_is_not_folded():
    inputs = keras.Input((4,), dtype="float64")
    hidden = dense()(inputs)
    model = keras.Model(inputs, {"a": hidden, "b": normalization()(hidden)})
    assert not folded_of(random_weights(model))


def test_layer_between_two_normalisations_takes_one():
    model = network((4,), normalization(), dense(), normalization())
    (folded,) = folded_of(model)
    assert folded.name == model.layers[2].name


def test_layer_with_a_call_of_its_own_is_not_folded():
    class Doubled(layers.Dense):
        def call(self, inputs):
            return 2 * super().call(inputs)

    model = network((4,), Doubled(3, dtype="float64"), normalization())
    assert not folded_of(model)


def test_rule_of_the_layer_holds_for_both():
    model = network((4,), dense(name="a"), normalization())
    (folded,) = folded_of(model)
    assert folded.name == "a"
