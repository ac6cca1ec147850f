"""Bounds of pixels, behind what scales, shifts and reorders them."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

from fdin_tf.explain.lrp import Composite
from fdin_tf.explain.lrp import Propagator
from fdin_tf.explain.lrp import ZBox
from fdin_tf.explain.lrp import relevance
from fdin_tf.explain.lrp.bounds import bounds_of
from fdin_tf.explain.lrp.graph import read_graph
from tests.explain.lrp.literal_rules import literal
from tests.explain.lrp.literal_rules import matrix_of
from tests.explain.lrp.networks import network

BOX = Composite(first=ZBox(0.0, 255.0))


def bounds_at_last(model, low=0.0, high=255.0):
    graph = read_graph(model)
    return [np.array(b) for b in bounds_of(graph.steps[-1], graph)(low, high)]


def pixels(shape, seed=0):
    return np.random.default_rng(seed).uniform(0, 255, size=(2, *shape))


@pytest.mark.parametrize(
    ("part", "low", "high"),
    [
        (lambda x: x, 0, 255),
        (layers.Rescaling(1 / 255, dtype="float64"), 0, 1),
        (layers.Rescaling(-2 / 255, 1.0, dtype="float64"), -1, 1),
        (lambda x: 1.0 - x / 255.0, 0, 1),
        (lambda x: -x, -255, 0),
        (lambda x: x[..., ::-1] - np.array([10.0, 20.0]),
         [-10, -20], [245, 235]),
        (layers.Normalization(
            mean=[10.0, 20.0], variance=[4.0, 25.0], dtype="float64"),
         [-5, -4], [122.5, 47]),
        (layers.Normalization(
            mean=[10.0, 20.0], variance=[4.0, 25.0], invert=True,
            dtype="float64"), [10, 20], [520, 1295]),
    ],
)  # fmt: skip
def test_bounds_pass_what_scales_and_shifts(part, low, high):
    model = network((3, 3, 2), part, layers.Conv2D(1, 2, dtype="float64"))
    found = bounds_at_last(model)
    for bound, expected in zip(found, (low, high)):
        np.testing.assert_allclose(
            np.broadcast_to(bound, (1, 3, 3, 2)),
            np.broadcast_to(expected, (1, 3, 3, 2)),
            rtol=1e-5,
        )


def test_padding_is_0_at_both_bounds():
    model = network(
        (2, 2, 1),
        layers.Rescaling(1.0, 5.0, dtype="float64"),
        layers.ZeroPadding2D(1, dtype="float64"),
        layers.Conv2D(1, 2, dtype="float64"),
    )
    low, high = bounds_at_last(model)
    np.testing.assert_array_equal(low[0, 0], 0)
    np.testing.assert_array_equal(high[0, 0], 0)
    np.testing.assert_array_equal(low[0, 1:3, 1:3], 5)
    np.testing.assert_array_equal(high[0, 1:3, 1:3], 260)


def test_relevance_behind_scaling_is_literal():
    model = network(
        (3, 3, 2),
        layers.Rescaling(-1 / 255, 0.25, dtype="float64"),
        layers.Conv2D(2, 2, dtype="float64"),
        layers.Flatten(dtype="float64"),
    )
    x = pixels((3, 3, 2))
    found = relevance(model, x, 3, BOX)
    w, bias = matrix_of(model.layers[2], (3, 3, 2))
    for n in range(2):
        r = np.zeros(8)
        r[3] = found.score[n]
        expected, *_ = literal(
            ZBox(), 0.25 - x[n].ravel() / 255, w, bias, r, (-0.75, 0.25)
        )
        np.testing.assert_allclose(
            np.ravel(found.inputs[n]), expected, rtol=1e-5, atol=1e-9
        )


def test_batches_of_all_sizes_run_compiled():
    model = network(
        (3, 3, 2),
        layers.Rescaling(1 / 255, dtype="float64"),
        layers.Conv2D(2, 2, dtype="float64"),
        layers.Flatten(dtype="float64"),
    )
    propagator = Propagator(model, 0, BOX)
    x = pixels((3, 3, 2))
    for batch in (x[:1], x, np.concatenate([x, x])):
        np.testing.assert_allclose(
            propagator(batch).inputs, relevance(model, batch, 0, BOX).inputs
        )


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        (layers.ReLU(dtype="float64"), "ReLU"),
        (layers.MaxPooling2D(2, dtype="float64"), "MaxPooling2D"),
        (lambda x: x + ops.sum(x, axis=1, keepdims=True), "Add"),
    ],
)
def test_other_layers_before_the_first_are_an_error(part, kind):
    model = network(
        (4, 4, 2), part, layers.Conv2D(1, 2, dtype="float64", name="first")
    )
    with pytest.raises(ValueError, match=rf"behind {kind};.*: 'first'"):
        bounds_at_last(model)


def test_unknown_size_behind_padding_is_an_error():
    model = network(
        (None, None, 2),
        layers.ZeroPadding2D(1, dtype="float64"),
        layers.Conv2D(1, 2, dtype="float64", name="first"),
    )
    with pytest.raises(ValueError, match=r"known size.*None.*layer='first'"):
        bounds_at_last(model)


def test_unknown_size_behind_scaling_runs():
    inputs = keras.Input((None, None, 2))
    x = layers.Conv2D(1, 2)(layers.Rescaling(1 / 255)(inputs))
    model = keras.Model(inputs, layers.GlobalAveragePooling2D()(x))
    found = relevance(model, pixels((5, 4, 2)), 0, BOX)
    assert found.inputs.shape == (2, 5, 4, 2)
