"""LocalResponseNormalization: its equation, gradient, half precision."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from layers import LocalResponseNormalization
from tests.backends import as_array
from tests.backends import dtype_of
from tests.backends import with_gradients
from tests.layer_checks import check_layer

CONSTANTS = [
    {},
    {"depth_radius": 2, "bias": 2.0, "alpha": 1e-4, "beta": 0.75},
    {"depth_radius": 1, "bias": 0.5, "alpha": 0.3, "beta": 0.75},
    {"depth_radius": 3, "bias": 1.0, "alpha": 0.3, "beta": 0.5},
    {"depth_radius": 0, "bias": 1.0, "alpha": 1.0, "beta": 1.0},
    {"depth_radius": 20, "bias": 1.0, "alpha": 1.0, "beta": 0.75},
]


@pytest.fixture
def activations():
    """Two images of 3 x 4 places and nine channels."""
    rng = np.random.default_rng(seed=0)
    return rng.normal(scale=3, size=(2, 3, 4, 9)).astype("float32")


def reference_normalization(
    activations, depth_radius=2, bias=1.0, alpha=2e-5, beta=0.75
):
    """One channel of one place at a time."""
    normalized = np.empty(activations.shape)
    channels = activations.shape[-1]
    for *place, i in np.ndindex(activations.shape):
        total = 0.0
        for j in range(i - depth_radius, i + depth_radius + 1):
            if 0 <= j < channels:
                total += float(activations[(*place, j)]) ** 2
        value = activations[(*place, i)]
        normalized[(*place, i)] = value / (bias + alpha * total) ** beta
    return normalized


@pytest.mark.parametrize("constants", CONSTANTS[1:4])
def test_layer_contract(constants, tmp_path):
    check_layer(
        LocalResponseNormalization,
        init_kwargs=constants,
        input_shape=(2, 3, 4, 9),
        output_shape=(2, 3, 4, 9),
        weight_shapes={},
        unknown_axes=(0, 1, 2),
        tmp_path=tmp_path,
    )


@pytest.mark.parametrize("constants", CONSTANTS)
@pytest.mark.parametrize("shape", [(2, 3, 4, 9), (24, 9), (1, 2, 3, 4, 9)])
def test_equals_the_published_equation(activations, constants, shape):
    activations = activations.reshape(shape)
    np.testing.assert_allclose(
        LocalResponseNormalization(**constants)(activations),
        reference_normalization(activations, **constants),
        rtol=1e-5,
    )


@pytest.mark.parametrize("constants", CONSTANTS)
def test_output_and_gradient_are_those_of_tensorflow(activations, constants):
    layer = LocalResponseNormalization(**constants)
    constants = {
        name: getattr(layer, name)
        for name in ("depth_radius", "bias", "alpha", "beta")
    }
    weights = np.arange(activations.size, dtype="float32") / 100
    weights = weights.reshape(activations.shape)
    images = tf.constant(activations)
    with tf.GradientTape() as tape:
        tape.watch(images)
        expected = tf.nn.local_response_normalization(images, **constants)
        loss = tf.reduce_sum(expected * weights)

    def weighted_sum(images):
        output = layer(images)
        return keras.ops.sum(keras.ops.multiply(output, weights)), output

    output, (gradient,) = with_gradients(weighted_sum, arrays=[activations])
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        gradient, tape.gradient(loss, images), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("scale", [1, 100, 5000])
def test_large_activations_are_right_in_half_precision(
    activations, policy, scale
):
    """Their squares, and the sums of these, are beyond float16."""
    constants = CONSTANTS[1]
    half = keras.ops.cast(scale * activations, policy[6:])
    layer = LocalResponseNormalization(**constants, dtype=policy)

    def total(images):
        normalized = layer(images)
        return keras.ops.sum(normalized), normalized

    normalized, (gradient,) = with_gradients(total, arrays=[half])
    assert dtype_of(normalized) == policy[6:]
    np.testing.assert_allclose(
        as_array(normalized),
        reference_normalization(as_array(half), **constants),
        rtol=0.03,
    )
    assert np.isfinite(as_array(gradient)).all()


def test_channels_further_than_the_radius_have_no_influence(activations):
    layer = LocalResponseNormalization(depth_radius=2, alpha=1.0)
    before = np.asarray(layer(activations))
    activations[..., 5] += 1.0
    changed = np.any(before != np.asarray(layer(activations)), axis=(0, 1, 2))
    np.testing.assert_array_equal(np.flatnonzero(changed), [3, 4, 5, 6, 7])


def test_without_alpha_it_is_a_constant_factor(activations):
    layer = LocalResponseNormalization(bias=16.0, alpha=0.0)
    np.testing.assert_allclose(layer(activations), activations / 8, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("depth_radius", -1),
        ("depth_radius", 1.5),
        ("bias", 0.0),
        ("bias", -1.0),
        ("bias", np.nan),
        ("alpha", -1e-4),
        ("alpha", np.inf),
        ("beta", np.nan),
        ("beta", np.inf),
    ],
)
def test_argument_out_of_its_range_is_an_error(name, value):
    with pytest.raises(
        ValueError, match=rf"`{name}` must be .*Received: {name}="
    ):
        LocalResponseNormalization(**{name: value})


def test_unknown_number_of_channels_is_an_error():
    with pytest.raises(ValueError, match=r"must be known.*input_shape=\(2"):
        LocalResponseNormalization().build((2, 3, 4, None))


def test_too_low_a_rank_is_an_error():
    with pytest.raises(ValueError, match="min_ndim=2, found ndim=1"):
        LocalResponseNormalization()(np.ones(3, "float32"))
