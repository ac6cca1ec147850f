"""MaskedCrossEntropy and its accuracy: equations, the unknown, precision."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from fdin_tf.training.masked_cross_entropy import MaskedAccuracy
from fdin_tf.training.masked_cross_entropy import MaskedCrossEntropy


@pytest.fixture
def labels():
    """Nine images, four attributes; the fourth image has no known label."""
    rng = np.random.default_rng(seed=0)
    labels = rng.integers(-1, 2, size=(9, 4))
    labels[3] = -1
    return labels


@pytest.fixture
def probabilities():
    rng = np.random.default_rng(seed=1)
    return rng.uniform(0.05, 0.95, size=(9, 4)).astype("float32")


def reference_losses(labels, probabilities):
    """The published equation with its logarithm, one label at a time."""
    losses = []
    for y_row, p_row in zip(labels, probabilities):
        total = 0.0
        for y, p in zip(y_row, p_row):
            if y != -1:
                total -= y * math.log(p) + (1 - y) * math.log(1 - p)
        losses.append(total)
    return np.array(losses)


def gradients_of(loss, labels, probabilities):
    probabilities = tf.constant(probabilities)
    with tf.GradientTape() as tape:
        tape.watch(probabilities)
        value = loss(labels, probabilities)
    return tape.gradient(value, probabilities).numpy()


def test_equals_the_published_equation(labels, probabilities):
    expected = reference_losses(labels, probabilities)
    each = MaskedCrossEntropy(reduction=None)(labels, probabilities)
    np.testing.assert_allclose(each, expected, rtol=1e-5)
    mean = MaskedCrossEntropy()(labels, probabilities)
    assert float(mean) == pytest.approx(expected.mean(), rel=1e-5)


def test_without_unknown_labels_it_is_keras_times_the_attributes(
    labels, probabilities
):
    known = np.abs(labels)
    keras_loss = keras.losses.BinaryCrossentropy()(known, probabilities)
    ours = MaskedCrossEntropy()(known, probabilities)
    assert float(ours) == pytest.approx(4 * float(keras_loss), rel=1e-5)


def test_image_without_known_label_counts_as_zero(labels, probabilities):
    each = MaskedCrossEntropy(reduction=None)(labels, probabilities)
    assert float(each[3]) == 0
    assert np.all(np.array(each)[[0, 2, 4]] > 0)


def test_gradients_are_those_of_the_equation_and_none_of_the_unknown(
    labels, probabilities
):
    found = gradients_of(MaskedCrossEntropy(), labels, probabilities)
    p = probabilities.astype("float64")
    expected = np.where(labels == 1, -1 / p, 1 / (1 - p)) / len(labels)
    expected[labels == -1] = 0
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert np.all(found[labels == -1] == 0)


@pytest.mark.parametrize("label", [-1, 0, 1])
@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_certain_answers_have_finite_losses_and_gradients(label, probability):
    labels = np.full((2, 3), label)
    certain = np.full((2, 3), probability, "float32")
    loss = float(MaskedCrossEntropy()(labels, certain))
    right = label in (-1, probability)
    assert loss == pytest.approx(0 if right else 3 * 16, abs=0.4)
    assert np.isfinite(
        gradients_of(MaskedCrossEntropy(), labels, certain)
    ).all()


def test_weights_of_images_are_taken(labels, probabilities):
    weights = np.arange(9) / 8
    expected = reference_losses(labels, probabilities) * weights
    found = MaskedCrossEntropy()(labels, probabilities, sample_weight=weights)
    assert float(found) == pytest.approx(expected.mean(), rel=1e-5)


def test_accuracy_is_the_share_of_known_labels_over_all_batches(
    labels, probabilities
):
    right = known = 0
    for y_row, p_row in zip(labels, probabilities):
        for y, p in zip(y_row, p_row):
            known += y != -1
            right += (p >= 0.7) if y == 1 else (p < 0.7 and y == 0)
    assert 0 < right < known
    accuracy = MaskedAccuracy(threshold=0.7)
    for rows in (slice(0, 4), slice(4, 9)):
        accuracy.update_state(labels[rows], probabilities[rows])
    assert float(accuracy.result()) == pytest.approx(right / known)


def test_probability_of_the_threshold_is_a_yes():
    accuracy = MaskedAccuracy()
    accuracy.update_state([[1, 0]], [[0.5, 0.5]])
    assert float(accuracy.result()) == 0.5


def test_accuracy_weighs_images():
    accuracy = MaskedAccuracy()
    labels, probabilities = [[1, -1], [1, 0]], [[0.9, 0.9], [0.1, 0.9]]
    accuracy.update_state(labels, probabilities, sample_weight=[3, 0.5])
    assert float(accuracy.result()) == 0.75


def test_accuracy_of_no_known_label_is_zero():
    accuracy = MaskedAccuracy()
    accuracy.update_state([[-1, -1]], [[0.9, 0.1]])
    assert float(accuracy.result()) == 0


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_is_computed_in_float32(
    labels, probabilities, precision
):
    half = precision.removeprefix("mixed_")
    probabilities = keras.ops.cast(probabilities, half)
    expected = reference_losses(
        labels, np.array(keras.ops.cast(probabilities, "float32"))
    )
    keras.config.set_dtype_policy(precision)
    try:
        loss = MaskedCrossEntropy()(labels, probabilities)
        accuracy = MaskedAccuracy()
        accuracy.update_state(labels, probabilities)
    finally:
        keras.config.set_dtype_policy("float32")
    assert loss.dtype == "float32"
    assert accuracy.result().dtype == "float32"
    assert float(loss) == pytest.approx(expected.mean(), rel=1e-5)


def test_network_is_trained_saved_and_trained_on(
    labels, probabilities, tmp_path
):
    features = probabilities.astype("float32")
    inputs = keras.Input((4,))
    scores = keras.layers.Dense(4, activation="sigmoid", name="attributes")
    model = keras.Model(inputs, {"attributes": scores(inputs)})
    model.compile(
        keras.optimizers.SGD(0.1),
        loss={"attributes": MaskedCrossEntropy()},
        metrics={"attributes": [MaskedAccuracy(threshold=0.25)]},
    )
    targets = {"attributes": labels}
    before = model.evaluate(features, targets, return_dict=True, verbose=0)
    answers = model.predict(features, verbose=0)["attributes"]
    assert before["loss"] == pytest.approx(
        reference_losses(labels, answers).mean(), rel=1e-5
    )
    model.fit(features, targets, epochs=20, verbose=0)
    after = model.evaluate(features, targets, return_dict=True, verbose=0)
    assert after["loss"] < before["loss"]
    assert 0 < after["masked_accuracy"] < 1
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    again = loaded.evaluate(features, targets, return_dict=True, verbose=0)
    assert again == pytest.approx(after)


@pytest.mark.parametrize("shape", [(9, 1), (9,), (9, 4, 1), (1, 4)])
def test_labels_of_another_shape_are_an_error(probabilities, shape):
    labels = np.zeros(shape, "float32")
    message = r"Received: y_true.shape=\(.*\), y_pred.shape=\(9, 4\)"
    with pytest.raises(ValueError, match=message):
        MaskedCrossEntropy()(labels, probabilities)
    with pytest.raises(ValueError, match=message):
        MaskedAccuracy().update_state(labels, probabilities)
