"""RelationalImportance: its equation, weights, penalty and errors."""

import keras
import numpy as np
import pytest

from layers import RelationalImportance
from tests.backends import as_array
from tests.backends import dtype_of
from tests.backends import recorded
from tests.backends import with_gradients
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


@pytest.mark.parametrize(
    "init_kwargs",
    [
        {"kernel_regularizer": "l2"},
        {"entropy_penalty": 0.5},
    ],
)
def test_layer_contract(tmp_path, init_kwargs):
    check_layer(
        RelationalImportance,
        init_kwargs=init_kwargs,
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
    assert dtype_of(importance) == "float32"
    np.testing.assert_allclose(as_array(importance).sum(axis=1), 1, rtol=1e-6)


def reference_entropy(importance):
    """Mean over clips of -sum lambda log lambda, in nats; 0 log 0 = 0."""
    entropies = []
    for row in np.asarray(importance, "float64"):
        entropies.append(-sum(x * np.log(x) for x in row if x > 0))
    return sum(entropies) / len(entropies)


def test_without_a_penalty_nothing_is_added_to_the_loss(relations):
    layer = RelationalImportance()
    layer(relations)
    assert layer.losses == []


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_penalty_is_the_mean_entropy_in_nats(relations, policy):
    layer = RelationalImportance(entropy_penalty=0.7, dtype=policy)
    for _ in range(2):  # a second call does not count the first again
        importance = layer(relations)
    (penalty,) = layer.losses
    assert dtype_of(penalty) == "float32"
    np.testing.assert_allclose(
        penalty, 0.7 * reference_entropy(importance), rtol=1e-5
    )


def test_penalty_of_even_importance_is_the_logarithm_of_the_pairs(relations):
    layer = RelationalImportance("zeros", entropy_penalty=1.0)
    layer(relations)
    np.testing.assert_allclose(layer.losses[0], np.log(3), rtol=1e-6)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_penalty_stays_finite_where_importance_is_zero(policy):
    relations = np.array([[[200.0], [-200.0], [0.0]]], "float32")
    layer = RelationalImportance("ones", entropy_penalty=1.0, dtype=policy)
    layer.build(relations.shape)

    def penalty_and_importance():
        importance = layer(relations)
        (penalty,) = layer.losses
        return penalty, (penalty, importance)

    (penalty, importance), gradients = with_gradients(
        penalty_and_importance, layer.weights
    )
    np.testing.assert_array_equal(importance, [[1, 0, 0]])
    assert penalty == 0
    for gradient in gradients:
        assert np.isfinite(gradient).all()


def penalised_model(entropy_penalty, policy="float32"):
    """Importance of three pairs, and their relations summed by it."""
    keras.utils.set_random_seed(1)
    relations = keras.Input((3, 4))
    importance = RelationalImportance(
        entropy_penalty=entropy_penalty, name="importance", dtype=policy
    )(relations)
    sums = keras.layers.Dot((1, 1), name="sums")([importance, relations])
    outputs = {"sums": sums, "importance": importance}
    model = keras.Model(relations, outputs)
    model.compile(
        keras.optimizers.Adam(0.1), loss={"sums": "mse"}, jit_compile=False
    )
    return model


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_loss_of_a_model_holds_the_penalty(relations, policy):
    model = penalised_model(0.7, policy)
    targets = {"sums": np.ones((2, 4))}
    outputs = model(relations)
    error = np.mean((np.asarray(outputs["sums"]) - 1) ** 2)
    entropy = reference_entropy(outputs["importance"])
    expected = error + 0.7 * entropy
    loss = model.evaluate(relations, targets, verbose=0)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    with recorded():
        history = model.fit(relations, targets, verbose=0).history
    np.testing.assert_allclose(history["loss"][0], expected, rtol=1e-5)


def test_training_with_the_penalty_sharpens_the_importance(relations):
    entropies = []
    steps = np.tile(relations, (40, 1, 1))
    for entropy_penalty in (0.0, 2.0):
        model = penalised_model(entropy_penalty)
        sums = {"sums": steps.mean(axis=1)}  # as of even importance
        with recorded():
            model.fit(steps, sums, batch_size=2, verbose=0)
        importance = model(relations)["importance"]
        entropies.append(reference_entropy(importance))
    assert entropies[0] > 0.9 * np.log(3)
    assert entropies[1] < 0.2


@pytest.mark.parametrize("penalty", [-0.1, float("nan"), float("inf")])
def test_penalty_must_be_finite_and_not_negative(penalty):
    with pytest.raises(
        ValueError, match=r"`entropy_penalty` must be .*Received: entropy_pen"
    ):
        RelationalImportance(entropy_penalty=penalty)


def test_penalty_sets_in_after_its_delay(relations, tmp_path):
    layer = RelationalImportance(entropy_penalty=0.7, entropy_delay=2)
    penalties = []
    for _ in range(4):
        importance = layer(relations, training=True)
        penalties.append(float(layer.losses[0]))
    expected = 0.7 * reference_entropy(importance)
    np.testing.assert_allclose(penalties, [0, 0, expected, expected], rtol=1e-5)
    layer(relations)  # an answer is no training step
    assert int(layer.steps.numpy()) == 4

    inputs = keras.Input(relations.shape[1:])
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "delayed.keras")
    loaded = keras.saving.load_model(tmp_path / "delayed.keras").layers[-1]
    assert loaded.entropy_delay == 2
    assert int(loaded.steps.numpy()) == 4


def test_delay_counts_the_steps_of_fit(relations):
    inputs = keras.Input(relations.shape[1:])
    layer = RelationalImportance(entropy_penalty=0.7, entropy_delay=5)
    model = keras.Model(inputs, layer(inputs))
    model.compile("sgd", "mse")
    target = np.full((len(relations), 3), 1 / 3)
    with recorded():
        model.fit(relations, target, batch_size=1, epochs=2, verbose=0)
    assert int(layer.steps.numpy()) == 2 * len(relations)


@pytest.mark.parametrize("delay", [-1, 1.5])
def test_delay_must_be_a_number_of_steps(delay):
    with pytest.raises(ValueError, match=r"`entropy_delay` must be .*delay="):
        RelationalImportance(entropy_delay=delay)
