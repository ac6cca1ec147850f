"""The error in the graph: that of `error_near`, for all clips at once."""

import numpy as np
import pytest
import tensorflow as tf

from fdin_tf.serving.expected_error import expected_error
from fdin_tf.serving.predict import error_near


@pytest.mark.parametrize("number", [1, 3, 5, 6, 200])
def test_ages_have_the_error_of_clips_tested_near_them(number):
    rng = np.random.default_rng(number)
    ages = rng.integers(8, 76, number).astype(float)
    tested = {
        "age": ages.tolist(),
        "estimate": (ages + rng.normal(0, 6, number)).round(3).tolist(),
    }
    card = {"target": "age", "cross_validation": tested}
    # Among them one on the edge of a window, and some far from all clips.
    estimates = np.float32(
        [*rng.uniform(0, 90, 40), tested["estimate"][0] + 5, -1e4, 1e4]
    )

    @tf.function
    def in_graph(age):
        return expected_error({"age": age}, card)["age_years_error"]

    found = in_graph(tf.constant(estimates[:, None]))
    assert found.dtype == tf.float32
    expected = [[error_near(tested, estimate)] for estimate in estimates]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_an_estimate_that_is_no_number_has_no_error():
    tested = {"age": [20.0, 30, 40], "estimate": [21.0, 33, 40]}
    card = {"target": "age", "cross_validation": tested}
    outputs = {"age": tf.constant([[np.nan], [30.0]])}
    found = expected_error(outputs, card)["age_years_error"].numpy()
    assert np.isnan(found[0])
    assert np.isfinite(found[1])


def test_other_targets_have_the_figure_of_their_card():
    outputs = {"gender": tf.constant([[0.5, 0.5]] * 3)}
    for of in ("cross_validation", "tested"):
        card = {"target": "gender", of: {"accuracy": 91.25}}
        (name, value), *more = expected_error(outputs, card).items()
        assert (name, more) == ("gender_accuracy", [])
        assert value.numpy().tolist() == [[91.25]] * 3


@pytest.mark.parametrize(
    "card",
    [
        {},
        {"target": "age"},
        {"target": "age", "cross_validation": {"age": [], "estimate": []}},
        {"target": "gender", "tested": None},
    ],
)
def test_what_a_card_does_not_tell_is_not_told(card):
    outputs = {"age": tf.zeros((1, 1)), "gender": tf.zeros((1, 2))}
    assert expected_error(outputs, card) == {}
