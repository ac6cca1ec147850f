"""Rules for a first layer are their published equations, literally."""

import numpy as np
import pytest
import tensorflow as tf

from fdin_tf.explain.lrp import Flat
from fdin_tf.explain.lrp import WSquare
from fdin_tf.explain.lrp import ZBox
from tests.explain.lrp.literal_rules import literal
from tests.explain.lrp.rule_checks import SIGNS
from tests.explain.lrp.rule_checks import assert_equals_its_literal_equation
from tests.explain.lrp.rule_checks import assert_is_linear_in_the_relevance
from tests.explain.lrp.rule_checks import assert_keeps_the_sum
from tests.explain.lrp.rule_checks import dense_map
from tests.explain.lrp.rule_checks import random_problem
from tests.explain.lrp.rule_checks import shared

RULES = [WSquare(), Flat(), ZBox(-3.0, 4.0)]


@pytest.fixture(params=SIGNS)
def problem(request):
    return random_problem(request.param)


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_rule_equals_its_literal_equation(rule, dtype, problem):
    assert_equals_its_literal_equation(rule, dtype, problem)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_shares_and_sinks_sum_to_the_relevance(rule, problem):
    assert_keeps_the_sum(rule, problem)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_shares_are_linear_in_the_relevance(rule, problem):
    assert_is_linear_in_the_relevance(rule, problem)


def test_outputs_without_inputs_hand_on_nothing_by_the_rules_of_weights():
    x, relevance = np.ones((1, 2)), np.array([[5.0, 1.0]])
    kernel = np.array([[0.0, 3.0], [0.0, 4.0]])
    shares, sinks = shared(WSquare(), x, kernel, np.zeros(2), relevance)
    np.testing.assert_allclose(shares, [[9 / 25, 16 / 25]])
    assert sinks == {}


def test_z_box_takes_bounds_of_every_input(problem):
    x, kernel, bias, relevance = problem
    low = np.linspace(-6, -4, 6)
    high = np.linspace(4, 6, 6)
    shares, _ = ZBox()(
        dense_map(kernel, bias), tf.constant(x), relevance, (low, high)
    )
    for n in range(len(x)):
        expected, *_ = literal(
            ZBox(), x[n], kernel, bias, relevance[n], (low, high)
        )
        np.testing.assert_allclose(shares[n], expected, rtol=1e-5)


def test_z_box_of_inputs_within_bounds_keeps_the_sign(problem):
    x, kernel, bias, relevance = problem
    shares, _ = shared(ZBox(-9.0, 9.0), x, kernel, bias, np.abs(relevance))
    assert shares.min() >= 0


@pytest.mark.parametrize("epsilon", [0.0, -1e-6, float("nan")])
def test_stabiliser_of_0_or_less_is_an_error(epsilon):
    with pytest.raises(
        ValueError, match=rf"`epsilon` must be .* above 0.*epsilon={epsilon}"
    ):
        ZBox(epsilon=epsilon)


@pytest.mark.parametrize("low", [255.0, 256.0, float("nan")])
def test_bounds_in_the_wrong_order_are_an_error(low):
    with pytest.raises(ValueError, match=rf"below `high`.*low={low}, high=255"):
        ZBox(low=low)
