"""RelationalImportance: its equation, its own weights per pair, its errors."""

import numpy as np
import pytest

from layers import RelationalImportance
from tests.layer_checks import check_layer


@pytest.fixture
def relations():
    """Two clips, three pairs, four features."""
    rng = np.random.default_rng(seed=0)
    return rng.normal(size=(2, 3, 4)).astype("float32")


def reference_importance(relations, kernel, bias):
    """The published equation, slow and literal: one pair at a time."""
    importance = np.empty(relations.shape[:2])
    for p in range(relations.shape[1]):
        importance[:, p] = np.exp(relations[:, p] @ kernel[:, p] + bias[p])
    return importance / importance.sum(axis=1, keepdims=True)


def test_layer_contract(tmp_path):
    check_layer(
        RelationalImportance,
        init_kwargs={"kernel_regularizer": "l2"},
        input_shape=(2, 3, 4),
        output_shape=(2, 3),
        weight_shapes={"kernel": (4, 3), "bias": (3,)},
        tmp_path=tmp_path,
    )


def test_equals_the_published_equation(relations):
    layer = RelationalImportance(bias_initializer="random_normal")
    importance = layer(relations)
    kernel, bias = layer.get_weights()
    np.testing.assert_allclose(
        importance, reference_importance(relations, kernel, bias), rtol=1e-5
    )


def test_weights_of_one_pair_leave_the_other_pairs_in_proportion(relations):
    layer = RelationalImportance()
    before = np.array(layer(relations))
    kernel, bias = layer.get_weights()
    kernel[:, 0] += 1.0
    layer.set_weights([kernel, bias])
    after = np.array(layer(relations))
    assert not np.allclose(before[:, 0], after[:, 0])
    np.testing.assert_allclose(
        before[:, 1] / before[:, 2], after[:, 1] / after[:, 2], rtol=1e-5
    )


def test_large_scores_stay_finite(relations):
    assert np.isfinite(RelationalImportance()(1e6 * relations)).all()


@pytest.mark.parametrize("shape", [(2, None, 4), (2, 3, None)])
def test_unknown_size_is_an_error(shape):
    with pytest.raises(ValueError, match=r"must be known.*input_shape="):
        RelationalImportance().build(shape)


def test_other_number_of_pairs_is_an_error(relations):
    layer = RelationalImportance()
    layer(relations)
    with pytest.raises(ValueError, match=r"expected axis 1 .* value 3"):
        layer(relations[:, :2])


def test_another_rank_is_an_error(relations):
    with pytest.raises(ValueError, match="expected ndim=3, found ndim=2"):
        RelationalImportance()(relations[0])


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_rows_sum_to_one_under_half_precision(relations, policy):
    importance = RelationalImportance(dtype=policy)(relations)
    assert importance.dtype == "float32"
    np.testing.assert_allclose(np.sum(importance, axis=1), 1, rtol=1e-6)
