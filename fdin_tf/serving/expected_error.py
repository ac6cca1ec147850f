"""The error to expect of an answer, told along with it by the graph."""

import numpy as np
import tensorflow as tf

_MIN_CLIPS = 5
_YEARS = 5.0


def expected_error(outputs, card):
    """What a model's tests say about how wrong its answers are.

    Args:
        outputs: Dict of the model's outputs, among them the card's target:
            `(b, 1)` years, or `(b, classes)` probabilities.
        card: Card of the model. Of one that estimates age, the lists `age`
            and `estimate` (years) of `cross_validation` are used; of one that
            answers with classes, the `accuracy` (%) of `cross_validation` or
            of `tested`; of one that rates, the `error` of `tested`.

    Returns:
        Dict of one output, float32 `(b, 1)`; empty if the card holds none:

        - `"age_years_error"`: mean absolute error among the tested clips that
          were estimated close to that age, as
          `fdin_tf.serving.predict.error_near` gives it, in years,
        - `"<target>_accuracy"`: share of right answers, in %,
        - `"<target>_error"`: mean absolute error, in the answer's unit.

        The last two are the same for every clip or image.

    Example:

    >>> tested = {"age": [20, 22, 30, 34, 61], "estimate": [21, 21, 33, 33, 61]}
    >>> card = {"target": "age", "cross_validation": tested}
    >>> expected_error({"age": tf.constant([[21.0]])}, card)["age_years_error"]
    <tf.Tensor: shape=(1, 1), dtype=float32, numpy=array([[1.2]], ...)>
    """
    target = card.get("target")
    tested = card.get("cross_validation") or card.get("tested") or {}
    if target == "age" and tested.get("estimate"):
        return {"age_years_error": _error_near(outputs[target], tested)}
    return {
        f"{target}_{name}": _constant(outputs[target], tested[name])
        for name in ("accuracy", "error")
        if name in tested
    }


def _constant(estimate, value):
    return tf.fill((tf.shape(estimate)[0], 1), tf.constant(value, tf.float32))


def _error_near(estimate, tested):
    """`error_near` of every estimate, `(b, 1)`, at once."""
    estimates = np.asarray(tested["estimate"], np.float64)
    errors = np.abs(estimates - np.asarray(tested["age"], np.float64))
    distance = tf.abs(estimates - tf.cast(estimate, tf.float64))
    enough = min(_MIN_CLIPS, len(errors))
    nearest = -tf.math.top_k(-distance, enough).values
    window = tf.maximum(nearest[:, -1:], _YEARS)
    is_near = tf.cast(distance <= window, tf.float64)
    total = tf.reduce_sum(is_near * errors, axis=1, keepdims=True)
    count = tf.reduce_sum(is_near, axis=1, keepdims=True)
    return tf.cast(total / count, tf.float32)
