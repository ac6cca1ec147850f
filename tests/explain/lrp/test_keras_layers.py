"""Relevance through the layers and operations of Keras, one by one."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from keras import ops

from fdin_tf.explain.lrp import AlphaBeta
from fdin_tf.explain.lrp import Composite
from fdin_tf.explain.lrp import Epsilon
from fdin_tf.explain.lrp import relevance
from tests.explain.lrp.networks import check_sums
from tests.explain.lrp.networks import examples
from tests.explain.lrp.networks import network
from tests.explain.lrp.networks import random_weights

TINY = Epsilon(1e-12)
EXACT = Composite(TINY, TINY, linear=TINY)


@pytest.fixture(autouse=True)
def _double_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy(before)


def flat_dense(x):
    return layers.Dense(3)(layers.Flatten()(x))


def gradient_times_input(model, x):
    """Of the highest score."""
    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        highest = tf.reduce_max(model(x), axis=1)
    return x * tape.gradient(highest, x)


# Linear, or linear for the signs and winners at hand.
HOMOGENEOUS = {
    "average pooling": lambda x: layers.AveragePooling2D(2)(x),
    "average, same": lambda x: layers.AveragePooling2D(3, 2, "same")(x),
    "global average": lambda x: layers.GlobalAveragePooling2D()(x),
    "maximum pooling": lambda x: layers.MaxPooling2D(2)(x),
    "maximum, same": lambda x: layers.MaxPooling2D(3, 2, "same")(x),
    "global maximum": lambda x: layers.GlobalMaxPooling2D()(x),
    "nearest": lambda x: layers.UpSampling2D(2)(x),
    "bilinear": lambda x: layers.UpSampling2D(2, interpolation="bilinear")(x),
    "zero padding": lambda x: layers.ZeroPadding2D(((0, 1), (2, 0)))(x),
    "cropping": lambda x: layers.Cropping2D(((0, 1), (1, 0)))(x),
    "permute": lambda x: layers.Permute((3, 1, 2))(x),
    "reshape": lambda x: layers.Reshape((2, -1))(x),
    "relu": lambda x: layers.ReLU()(x),
    "leaky relu": lambda x: layers.LeakyReLU()(x),
    "activation": lambda x: layers.Activation("relu")(x),
    "dropout": lambda x: layers.Dropout(0.5)(x),
    "noise": lambda x: layers.GaussianNoise(1.0)(x),
    "operation relu": ops.relu,
    "sum": lambda x: ops.sum(x, axis=(1, 2)),
    "mean": lambda x: ops.mean(x, axis=3, keepdims=True),
    "max": lambda x: ops.max(x, axis=1),
    "item": lambda x: x[:, 1:, ::-1],
    "transpose": lambda x: ops.transpose(x, (0, 2, 1, 3)),
    "take": lambda x: ops.take(x, [0, 2, 2], axis=1),
    "take by tensor": lambda x: ops.take(x, tf.constant([2, 1]), axis=2),
    "negative": lambda x: -x,
    "scaled": lambda x: 2.5 * x,
    "by array": lambda x: x * np.array([2, 0.5], "float32"),
    "by tensor": lambda x: x * tf.constant([2.0, 0.5], "float64"),
    "divided": lambda x: x / 255.0,
    "split": lambda x: ops.split(x, 2, axis=3)[1],
    "cumulative": lambda x: ops.cumsum(x, axis=1),
    "repeated": lambda x: ops.repeat(x, 2, axis=1),
    "tiled": lambda x: ops.tile(x, (1, 2, 1, 1)),
    "padded": lambda x: ops.pad(x, ((0, 0), (1, 1), (0, 0), (0, 0))),
    "stacked": lambda x: ops.stack([x, 3 * x], axis=1),
    "concatenated": lambda x: ops.concatenate([x, -x], axis=1),
    "squeezed": lambda x: ops.squeeze(ops.expand_dims(x, 1), 1),
    # A tensor that is given twice counts twice, and not four times.
    "added to itself": lambda x: layers.Add()([x, x]),
    "plus itself": lambda x: x + x,
    "averaged with itself": lambda x: layers.Average()([x, x]),
    "beside itself": lambda x: layers.Concatenate()([x, x]),
    "maximum of itself": lambda x: layers.Maximum()([x, x]),
    "minus half": lambda x: layers.Subtract()([x, 0.5 * x]),
    "maximum of two": lambda x: layers.Maximum()([x, -2 * x]),
    "minimum of two": lambda x: ops.minimum(x, -2 * x),
    "residual": lambda x: layers.Add()([x, layers.Dense(2)(x)]),
    "average of two": lambda x: layers.Average()([x, layers.Dense(2)(x)]),
}


@pytest.mark.parametrize("name", HOMOGENEOUS)
def test_homogeneous_operation_gives_gradient_times_input(name):
    model = network((3, 3, 2), HOMOGENEOUS[name], flat_dense)
    x = examples(model)
    found = check_sums(model, x, EXACT)
    np.testing.assert_allclose(
        found.inputs, gradient_times_input(model, x), rtol=1e-5, atol=1e-8
    )


@pytest.mark.parametrize("activation", ["tanh", "elu", "sigmoid", "gelu"])
def test_activation_hands_on_all(activation):
    model = network((3, 3, 2), layers.Activation(activation), flat_dense)
    found = check_sums(model, examples(model), EXACT)
    steps = found.conservation.steps
    (name,) = [name for name in steps if name.startswith("activation")]
    np.testing.assert_array_equal(
        steps[name]["received"], steps[name]["handed_on"]
    )


def test_scaling_of_pixels_hands_on_all():
    mean, variance = [1.0, 2.0], [4.0, 9.0]
    model = network(
        (3, 3, 2),
        layers.Rescaling(-1 / 255, offset=1.0),
        layers.Normalization(mean=mean, variance=variance),
        flat_dense,
    )
    x = examples(model)
    inner = keras.Model(model.layers[-2].input, model.output)
    scaled = keras.Model(model.input, model.layers[-2].input)(x)
    np.testing.assert_allclose(
        relevance(model, x).inputs, relevance(inner, scaled).inputs
    )


def test_first_of_equal_values_wins_in_maximum_pooling():
    model = network((2, 2, 1), layers.MaxPooling2D(2), flat_dense)
    found = relevance(model, np.full((1, 2, 2, 1), 3.0), 0, EXACT)
    bias = model.layers[-1].bias.numpy()[0]
    np.testing.assert_allclose(
        np.ravel(found.inputs), [found.score[0] - bias, 0, 0, 0]
    )


def test_equal_values_share_in_global_maximum_pooling():
    model = network((2, 2, 1), layers.GlobalMaxPooling2D(), layers.Dense(1))
    found = check_sums(model, np.full((1, 2, 2, 1), 3.0), EXACT)
    assert len(set(np.ravel(found.inputs).round(9))) == 1


def test_constants_that_are_added_are_a_sink():
    model = network((4,), lambda x: 2 * x - np.ones(4), layers.Dense(1))
    x = examples(model)
    kernel, bias = model.layers[-1].get_weights()
    found = check_sums(model, x, EXACT)
    np.testing.assert_allclose(found.inputs, 2 * x * kernel.T)
    np.testing.assert_allclose(
        found.conservation.sinks()["bias"],
        np.full(3, bias - kernel.sum()),
    )


def test_mask_that_is_added_is_a_sink():
    x, mask = keras.Input((4,)), keras.Input((4,), dtype="bool")
    masked = layers.Add()([ops.cast(mask, "float64"), x])
    model = random_weights(keras.Model([x, mask], layers.Dense(1)(masked)))
    numbers = np.random.default_rng(0).normal(size=(2, 4))
    found = check_sums(model, [numbers, numbers > 0], EXACT)
    kernel, _ = model.layers[-1].get_weights()
    np.testing.assert_allclose(found.inputs[0], numbers * kernel.T)
    assert found.inputs[1] is None


@pytest.mark.parametrize(
    "gate",
    [
        lambda x: layers.Dense(4, activation="sigmoid")(x),
        lambda x: layers.Activation("sigmoid")(layers.Dense(4)(x)),
        lambda x: ops.sigmoid(layers.Dense(4)(x)),
        lambda x: layers.Softmax()(layers.Dense(4)(x)),
        lambda x: ops.reshape(ops.softmax(layers.Dense(4)(x)), (-1, 4)),
    ],
)
def test_gate_takes_nothing_of_a_product(gate):
    signal, other = keras.Input((4,)), keras.Input((4,))
    product = layers.Multiply()([gate(other), signal])
    model = random_weights(
        keras.Model([signal, other], layers.Dense(1)(product))
    )
    inputs = list(np.random.default_rng(0).normal(size=(2, 3, 4)))
    found = check_sums(model, inputs, EXACT)
    assert found.inputs[1] is None
    kernel, _ = model.layers[-1].get_weights()
    weighed = keras.Model(model.input, product)(inputs)
    np.testing.assert_allclose(found.inputs[0], weighed * kernel.T)


def test_two_signals_share_their_product_alike():
    inputs = [keras.Input((4,)), keras.Input((4,))]
    product = layers.Multiply()(inputs)
    model = random_weights(keras.Model(inputs, layers.Dense(1)(product)))
    x = list(np.random.default_rng(0).normal(size=(2, 3, 4)))
    found = check_sums(model, x, EXACT)
    kernel, _ = model.layers[-1].get_weights()
    for half in found.inputs:
        np.testing.assert_allclose(half, x[0] * x[1] * kernel.T / 2)


@pytest.mark.parametrize(
    "product",
    [
        lambda x: layers.Multiply()([x, x]),
        lambda x: x * x,
        lambda x: layers.Dot(1)([x, x]),
        lambda x: ops.einsum("bi,bi->b", x, x)[:, None],
    ],
)
def test_square_has_its_relevance_once(product):
    model = network((4,), product, layers.Dense(2))
    found = check_sums(model, examples(model), EXACT)
    assert np.abs(found.inputs).min() > 0


def test_matrix_product_divides_in_proportion():
    weights = tf.constant(np.random.default_rng(2).normal(size=(4, 3)))
    model = network((4,), lambda x: ops.matmul(x, weights), layers.Dense(2))
    x = examples(model)
    found = check_sums(model, x, EXACT)
    np.testing.assert_allclose(found.inputs, gradient_times_input(model, x))


def test_dividend_takes_all_of_a_quotient():
    inputs = [keras.Input((4,)), keras.Input((4,))]
    quotient = inputs[0] / (2 + ops.relu(inputs[1]))
    model = random_weights(keras.Model(inputs, layers.Dense(1)(quotient)))
    x = list(np.random.default_rng(0).normal(size=(2, 3, 4)))
    found = check_sums(model, x, EXACT)
    kernel, _ = model.layers[-1].get_weights()
    np.testing.assert_allclose(
        found.inputs[0], x[0] / (2 + np.maximum(x[1], 0)) * kernel.T
    )
    assert found.inputs[1] is None


@pytest.mark.parametrize("dividend", [1.0, np.ones((1, 4), "float32")])
def test_divisor_alone_is_an_error(dividend):
    model = network(
        (4,), lambda x: ops.true_divide(dividend, x + 9.0), layers.Dense(1)
    )
    with pytest.raises(ValueError, match=r"through a divisor.*'true_divide"):
        relevance(model, examples(model))


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("Dot", lambda x: layers.Dot(1, normalize=True)([x, 2 * x])),
        ("LayerNormalization", lambda x: layers.LayerNormalization()(x)),
        ("Sqrt", ops.sqrt),
    ],
)
def test_layer_that_divides_by_other_values_has_no_rule(kind, part):
    model = network((4,), part, layers.Dense(1))
    remedy = r"teach one by `fdin_tf.explain.lrp.register\("
    with pytest.raises(ValueError, match=rf"through {kind}; {remedy}"):
        relevance(model, examples(model))


def test_operation_without_a_rule_is_taught_as_a_layer():
    model = network((4,), ops.sqrt, layers.Dense(1))
    with pytest.raises(
        ValueError, match=r"register\(MyLayer, \.\.\.\)`, MyLayer a layer of"
    ):
        relevance(model, examples(model))


@pytest.mark.parametrize(
    "part",
    [
        lambda x: layers.Softmax()(x),
        lambda x: layers.Activation("softmax")(x),
        lambda x: layers.Activation("log_softmax")(x),
        lambda x: layers.Dense(4, activation="softmax")(x),
        lambda x: layers.EinsumDense("bi,ij->bj", 4, activation="softmax")(x),
        ops.softmax,
    ],
)
def test_softmax_inside_is_an_error(part):
    model = network((4,), part, layers.Dense(1))
    with pytest.raises(ValueError, match=r"cannot pass one inside.*layer='"):
        relevance(model, examples(model))


def test_other_rule_for_a_sum_is_an_error():
    model = network(
        (4,), lambda x: layers.Add(name="joined")([x, -x]), layers.Dense(1)
    )
    composite = Composite(layers={"joined": AlphaBeta()})
    with pytest.raises(
        ValueError, match=r"`Epsilon` alone.*AlphaBeta.*layer='joined'"
    ):
        relevance(model, examples(model), composite=composite)


def test_batch_normalisation_alone_shifts_into_the_sink():
    model = network(
        (4,), layers.ReLU(), layers.BatchNormalization(), layers.ReLU(),
        layers.Dense(1),
    )  # fmt: skip
    x = np.abs(examples(model))
    found = check_sums(model, x, EXACT)
    normalization = model.layers[2]
    gamma, beta, mean, variance = normalization.get_weights()
    scale = gamma / np.sqrt(variance + normalization.epsilon)
    kernel, bias = model.layers[-1].get_weights()
    is_on = scale * (x - mean) + beta > 0
    np.testing.assert_allclose(found.inputs, is_on * x * scale * kernel.T)
    shift = is_on * (beta - mean * scale)
    np.testing.assert_allclose(
        found.conservation.sinks()["bias"],
        (shift @ kernel + bias)[:, 0],
    )


def test_masked_frames_take_nothing():
    inputs = keras.Input((5, 2))
    x = layers.Masking()(inputs)
    x = layers.GlobalAveragePooling1D()(layers.ReLU()(x))
    model = random_weights(keras.Model(inputs, layers.Dense(1)(x)))
    frames = np.random.default_rng(0).uniform(1, 2, size=(2, 5, 2))
    frames[0, 3:] = 0
    found = check_sums(model, frames, EXACT)
    kernel, _ = model.layers[-1].get_weights()
    counts = np.array([3, 5])[:, None, None]
    np.testing.assert_allclose(found.inputs, frames / counts * kernel[:, 0])


def test_frames_under_an_explicit_mask_take_nothing():
    frames = keras.Input((5, 2), name="frames")
    mask = keras.Input((5,), dtype="bool", name="mask")
    x = layers.GlobalAveragePooling1D()(frames, mask=mask)
    model = random_weights(
        keras.Model({"frames": frames, "mask": mask}, layers.Dense(1)(x))
    )
    rng = np.random.default_rng(0)
    mask = np.array([[1, 1, 0, 1, 0], [1, 0, 0, 0, 0]], bool)
    numbers = rng.normal(size=(2, 5, 2))
    found = check_sums(model, {"frames": numbers, "mask": mask}, EXACT)
    kernel, _ = model.layers[-1].get_weights()
    expected = mask[..., None] * numbers * kernel[:, 0]
    np.testing.assert_allclose(
        found.inputs["frames"], expected / np.array([3, 1])[:, None, None]
    )
    assert found.inputs["mask"] is None
