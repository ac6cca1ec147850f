"""PairwiseRelation: equation 3 of FDIN the long way, pairs, errors."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from layers import PairwiseRelation
from tests.backends import requires_tensorflow
from tests.layer_checks import check_layer


@pytest.fixture
def regions():
    """Two clips, four regions, three features."""
    rng = np.random.default_rng(seed=0)
    return rng.normal(size=(2, 4, 3)).astype("float32")


def reference_relations(regions, kernels, biases):
    """Concatenates the two regions of every pair, one pair at a time."""
    relations = []
    for i in range(regions.shape[1]):
        for j in range(i + 1, regions.shape[1]):
            r = np.concatenate([regions[:, i], regions[:, j]], axis=-1)
            for kernel, bias in zip(kernels, biases):
                r = np.maximum(r @ kernel + bias, 0)
            relations.append(r)
    return np.stack(relations, axis=1)


def randomize(layer):
    rng = np.random.default_rng(seed=1)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.weights])


def test_layer_contract(tmp_path):
    check_layer(
        PairwiseRelation,
        init_kwargs={"units": (6, 5), "dropout": 0.25},
        input_shape=(2, 4, 3),
        output_shape=(2, 6, 5),
        weight_shapes={
            "kernel_0": (6, 6),
            "bias_0": (6,),
            "kernel_1": (6, 5),
            "bias_1": (5,),
        },
        tmp_path=tmp_path,
    )


@pytest.mark.parametrize("units", [(5,), (5, 6), (5, 6, 7)])
def test_equals_the_published_equation(regions, units):
    layer = PairwiseRelation(units)
    layer.build(regions.shape)
    randomize(layer)
    expected = reference_relations(
        regions, layer.get_weights()[::2], layer.get_weights()[1::2]
    )
    np.testing.assert_allclose(layer(regions), expected, rtol=1e-4, atol=1e-5)


def test_first_kernel_is_that_of_a_dense_layer_on_the_concatenation(regions):
    layer = PairwiseRelation((5,))
    relations = layer(regions)
    dense = keras.layers.Dense(5, activation="relu")
    dense.build((None, 6))
    dense.set_weights(layer.get_weights())
    for p, (i, j) in enumerate(layer.pairs):
        pair = np.concatenate([regions[:, i], regions[:, j]], axis=-1)
        np.testing.assert_allclose(
            relations[:, p], dense(pair), rtol=1e-4, atol=1e-6
        )


def test_nine_regions_give_36_pairs_in_order():
    layer = PairwiseRelation((2,))
    layer.build((None, 9, 3))
    assert layer.pairs[:9] == (*((0, j) for j in range(1, 9)), (1, 2))
    assert layer.pairs[-1] == (7, 8)
    assert len(layer.pairs) == len(set(layer.pairs)) == 36
    assert all(i < j for i, j in layer.pairs)


def test_relations_see_which_region_comes_first(regions):
    layer = PairwiseRelation((5,))
    before = np.array(layer(regions[:, :2]))
    swapped = np.array(layer(regions[:, 1::-1]))
    assert not np.allclose(before, swapped)


@requires_tensorflow("sizes of all tensors in a graph")
def test_no_pair_is_concatenated():
    """The largest tensor of the first layer is its own output, no input."""
    layer = PairwiseRelation((2,))
    layer.build((None, 9, 50))
    graph = (
        tf.function(layer)
        .get_concrete_function(tf.TensorSpec((1, 9, 50), "float32"))
        .graph
    )
    sizes = [
        tensor.shape.num_elements() or 0
        for operation in graph.get_operations()
        for tensor in operation.outputs
    ]
    assert max(sizes) <= max(9 * 50, 2 * 50 * 2)


def test_dropout_follows_every_dense_layer(regions):
    """Ones through one more dense layer show which inputs were dropped."""
    layer = PairwiseRelation((1000, 1), dropout=0.25)
    layer.build(regions.shape)
    kernels = [np.zeros((6, 1000)), np.ones((1000, 1))]
    biases = [np.ones(1000), np.zeros(1)]
    layer.set_weights([kernels[0], biases[0], kernels[1], biases[1]])
    clips = np.repeat(regions, 50, axis=0)
    relations = np.array(layer(clips, training=True))
    dropped = relations == 0
    assert 0.2 < dropped.mean() < 0.3  # after the second layer
    kept = relations[~dropped] * 0.75
    assert 5 < kept.std() < 60  # the first one's, sqrt(1000 / 3) = 18
    np.testing.assert_allclose(kept.mean(), 1000, rtol=0.02)
    np.testing.assert_allclose(layer(clips), np.full((100, 6, 1), 1000))


@pytest.mark.parametrize("units", [(), (4, 0), (4.0,), (-1,)])
def test_units_must_be_positive_integers(units):
    with pytest.raises(
        ValueError, match=r"sequence of positive integers.*Received: units="
    ):
        PairwiseRelation(units)


@pytest.mark.parametrize("dropout", [-0.1, 1.0, float("nan")])
def test_dropout_must_be_a_share(dropout):
    with pytest.raises(
        ValueError, match=r"`dropout` must be in \[0, 1\). Received: dropout="
    ):
        PairwiseRelation(dropout=dropout)


@pytest.mark.parametrize("shape", [(2, None, 4), (2, 3, None), (2, 1, 4)])
def test_unknown_size_or_a_single_region_is_an_error(shape):
    with pytest.raises(
        ValueError, match=r"two regions or more.*must be known.*input_shape="
    ):
        PairwiseRelation((2,)).build(shape)


def test_other_number_of_regions_is_an_error(regions):
    layer = PairwiseRelation((2,))
    layer(regions)
    with pytest.raises(ValueError, match=r"expected axis 1 .* value 4"):
        layer(regions[:, :3])


def test_another_rank_is_an_error(regions):
    with pytest.raises(ValueError, match="expected ndim=3, found ndim=2"):
        PairwiseRelation((2,))(regions[0])
