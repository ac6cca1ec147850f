"""The linear map of a layer, held against its answers to unit inputs."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from fdin_tf.explain.lrp import AlphaBeta
from fdin_tf.explain.lrp import Epsilon
from fdin_tf.explain.lrp import Flat
from fdin_tf.explain.lrp import Gamma
from fdin_tf.explain.lrp import WSquare
from fdin_tf.explain.lrp import ZBox
from fdin_tf.explain.lrp.affine import affine_map
from fdin_tf.explain.lrp.affine import fold_after
from fdin_tf.explain.lrp.affine import fold_before
from fdin_tf.explain.lrp.affine import normalization_map
from fdin_tf.explain.lrp.affine import scale_and_shift
from tests.explain.lrp.literal_rules import literal
from tests.explain.lrp.literal_rules import matrix_of
from tests.explain.lrp.rule_checks import kept_back_by

RULES = [
    Epsilon(), AlphaBeta(), Gamma(), WSquare(), Flat(), ZBox(-3.0, 3.0)
]  # fmt: skip
LAYERS = {
    "dense": (layers.Dense, (3,), (4,)),
    "dense of many": (layers.Dense, (3,), (2, 4)),
    "valid": (layers.Conv2D, (2, 3), (4, 5, 2)),
    "same": (layers.Conv2D, (2, 3, 1, "same"), (4, 4, 2)),
    "strided": (layers.Conv2D, (2, (3, 2), (2, 1)), (5, 4, 2)),
    "strided same": (layers.Conv2D, (2, 3, 2, "same"), (5, 4, 1)),
    "dilated": (layers.Conv2D, (2, 2, 1, "valid", None, 2), (4, 5, 2)),
    "grouped": (layers.Conv2D, (4, 2, 1, "same", None, 1, 2), (3, 3, 4)),
    "in time": (layers.Conv1D, (3, 2, 2), (6, 2)),
    "causal": (layers.Conv1D, (2, 3, 1, "causal"), (5, 2)),
    "in space and time": (layers.Conv3D, (2, 2, 1, "same"), (2, 3, 3, 1)),
    "depthwise": (layers.DepthwiseConv2D, (2, 1, "same", 2), (3, 4, 2)),
    "depthwise in time": (layers.DepthwiseConv1D, (2, 1, "valid", 3), (4, 2)),
    "einsum": (layers.EinsumDense, ("bij,jk->bik", (None, 3)), (2, 4)),
}


def randomized(layer, shape, rng, dtype="float64"):
    """The layer, built, with random weights; `shape` without a batch."""
    layer.build((None, *shape))
    layer.set_weights(
        [rng.normal(size=w.shape).astype(dtype) for w in layer.weights]
    )
    return layer


def random_layer(name, rng):
    kind, args, shape = LAYERS[name]
    kwargs = {"bias_axes": "k"} if kind is layers.EinsumDense else {}
    return randomized(kind(*args, dtype="float64", **kwargs), shape, rng), shape


def random_normalization(shape, rng, **kwargs):
    layer = layers.BatchNormalization(dtype="float64", **kwargs)
    layer.build((None, *shape))
    layer.set_weights(
        [rng.uniform(0.5, 2, size=w.shape) for w in layer.weights]
    )
    return layer


@pytest.fixture
def rng():
    return np.random.default_rng(seed=0)


@pytest.mark.parametrize("name", LAYERS)
def test_map_is_the_layer_without_its_activation(name, rng):
    layer, shape = random_layer(name, rng)
    x = rng.normal(size=(2, *shape))
    expected = layer(x)
    layer.activation = keras.activations.relu
    np.testing.assert_allclose(affine_map(layer, "float64")(x), expected)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
@pytest.mark.parametrize("name", LAYERS)
def test_every_rule_through_every_layer_is_literal(name, rule, rng):
    layer, shape = random_layer(name, rng)
    x = rng.normal(size=(1, *shape))
    relevance = rng.normal(size=layer(x).shape)
    w, bias = matrix_of(layer, shape)
    w[np.abs(w) < 1e-12] = 0  # no weight there, but rounding
    shares, sinks = rule(
        affine_map(layer, "float64"), tf.constant(x), relevance
    )
    expected, of_bias, kept_back = literal(
        rule, x.ravel(), w, bias, relevance.ravel()
    )
    np.testing.assert_allclose(
        np.ravel(shares), expected, rtol=1e-5, atol=1e-10
    )
    np.testing.assert_allclose(
        sinks.get("bias", [0.0]), [of_bias], rtol=1e-5, atol=1e-10
    )
    np.testing.assert_allclose(
        kept_back_by(shares, sinks, relevance),
        [kept_back],
        rtol=1e-5,
        atol=1e-10,
    )


def test_layer_without_bias_has_none(rng):
    layer = randomized(layers.Conv1D(2, 2, use_bias=False), (4, 3), rng)
    assert affine_map(layer).bias == 0.0


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_map_is_computed_in_the_dtype_asked_for(policy, rng):
    layer = randomized(layers.Dense(3, dtype=policy), (4,), rng, "float32")
    x = rng.normal(size=(2, 4)).astype("float32")
    kernel, bias = layer.get_weights()
    z = affine_map(layer, "float32")(x)
    assert z.dtype == tf.float32
    np.testing.assert_allclose(z, x @ kernel + bias, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("has", [True, False], ids=["scaled", "unscaled"])
def test_scale_and_shift_are_what_batch_normalisation_does(has, rng):
    layer = random_normalization((3,), rng, center=has, scale=has)
    x = rng.normal(size=(5, 3))
    scale, shift = scale_and_shift(layer, "float64")
    np.testing.assert_allclose(scale * x + shift, layer(x, training=False))


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_normalisation_map_is_the_layer_on_its_axis(axis, rng):
    layer = random_normalization((2, 3, 4), rng, axis=axis)
    x = rng.normal(size=(2, 2, 3, 4))
    np.testing.assert_allclose(
        normalization_map(layer, 4, "float64")(x), layer(x, training=False)
    )


@pytest.mark.parametrize("name", ["dense", "same", "grouped", "depthwise"])
def test_folded_after_a_layer_is_one_after_the_other(name, rng):
    layer, shape = random_layer(name, rng)
    x = rng.normal(size=(2, *shape))
    normalization = random_normalization(layer(x).shape[1:], rng)
    folded = fold_after(
        affine_map(layer, "float64"), *scale_and_shift(normalization, "float64")
    )
    np.testing.assert_allclose(folded(x), normalization(layer(x)))


@pytest.mark.parametrize("name", ["dense", "dense of many", "valid", "in time"])
def test_folded_before_a_layer_is_one_after_the_other(name, rng):
    layer, shape = random_layer(name, rng)
    x = rng.normal(size=(2, *shape))
    normalization = random_normalization(shape, rng)
    folded = fold_before(
        affine_map(layer, "float64"), *scale_and_shift(normalization, "float64")
    )
    np.testing.assert_allclose(folded(x), layer(normalization(x)))
