"""Every rule is its published equation, for one input and output at a time."""

import numpy as np
import pytest
import tensorflow as tf

from fdin_tf.explain.lrp import AlphaBeta
from fdin_tf.explain.lrp import Epsilon
from fdin_tf.explain.lrp import Gamma
from fdin_tf.explain.lrp import ZPlus
from fdin_tf.explain.lrp.rules import stabilized
from tests.explain.lrp.rule_checks import SIGNS
from tests.explain.lrp.rule_checks import assert_equals_its_literal_equation
from tests.explain.lrp.rule_checks import assert_is_linear_in_the_relevance
from tests.explain.lrp.rule_checks import assert_keeps_the_sum
from tests.explain.lrp.rule_checks import random_problem
from tests.explain.lrp.rule_checks import shared

RULES = [
    Epsilon(),
    Epsilon(0.25),
    Epsilon(bias=False),
    AlphaBeta(),
    AlphaBeta(1.0, 0.0),
    AlphaBeta(0.0, 1.0),
    AlphaBeta(3.0, -2.0),
    AlphaBeta(bias=False),
    ZPlus(),
    ZPlus(bias=False),
    Gamma(),
    Gamma(3.0, 0.1),
    Gamma(bias=False),
]


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


@pytest.mark.parametrize("bias", [True, False])
def test_what_the_bias_has_is_a_sink_only_where_it_counts(bias, problem):
    for rule in (Epsilon(bias=bias), AlphaBeta(bias=bias), Gamma(bias=bias)):
        _, sinks = shared(rule, *problem)
        assert (np.abs(sinks["bias"]).max() > 0.1) == bias


@pytest.mark.parametrize("rule", [AlphaBeta(), AlphaBeta(3.0, -2.0)], ids=repr)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_contributions_of_one_sign_take_all_of_an_output(rule, sign):
    x, kernel = np.array([[1.0, 3.0]]), np.array([[sign], [sign]])
    shares, sinks = shared(rule, x, kernel, np.zeros(1), np.array([[8.0]]))
    np.testing.assert_allclose(shares, [[2.0, 6.0]])
    np.testing.assert_array_equal(sinks["bias"], 0)


def test_negative_contributions_take_nothing_where_beta_is_0():
    shares, sinks = shared(
        ZPlus(),
        np.array([[1.0, 3.0]]),
        np.array([[-1.0], [-1.0]]),
        np.zeros(1),
        np.array([[8.0]]),
    )
    np.testing.assert_array_equal(shares, 0)
    # No stabiliser has it: it met no contribution, and is lost.
    assert list(sinks) == ["bias"]
    np.testing.assert_array_equal(sinks["bias"], 0)


@pytest.mark.parametrize("rule", [Epsilon(), Gamma()], ids=repr)
def test_the_stabiliser_takes_all_where_inputs_are_0(rule, problem):
    _, kernel, _, relevance = problem
    shares, sinks = shared(
        rule, np.zeros((4, 6)), kernel, np.zeros(5), relevance
    )
    np.testing.assert_array_equal(shares, 0)
    np.testing.assert_allclose(sinks["stabilizer"], relevance.sum(axis=1))


@pytest.mark.parametrize("rule", [AlphaBeta(), ZPlus()], ids=repr)
def test_rules_by_sign_without_contributions_hand_on_nothing(rule, problem):
    _, kernel, _, relevance = problem
    shares, sinks = shared(
        rule, np.zeros((4, 6)), kernel, np.zeros(5), relevance
    )
    np.testing.assert_array_equal(shares, 0)
    np.testing.assert_array_equal(sinks["bias"], 0)


def test_z_plus_of_a_positive_output_is_never_negative(problem):
    x, kernel, bias, relevance = problem
    shares, _ = shared(ZPlus(), x, kernel, bias, np.abs(relevance))
    assert shares.min() >= 0


def test_gamma_without_gamma_is_epsilon(problem):
    gamma, _ = shared(Gamma(0.0), *problem)
    epsilon, _ = shared(Epsilon(), *problem)
    np.testing.assert_allclose(gamma, epsilon)


def test_large_gamma_nears_z_plus_where_the_output_is_positive():
    rng = np.random.default_rng(seed=1)
    x, kernel = rng.normal(size=(1, 6)), rng.normal(size=(6, 4))
    bias, relevance = rng.normal(size=4), rng.normal(size=(1, 4))
    relevance[(x @ kernel + bias) < 0] = 0
    gamma, _ = shared(Gamma(1e7), x, kernel, bias, relevance)
    z_plus, _ = shared(ZPlus(), x, kernel, bias, relevance)
    np.testing.assert_allclose(gamma, z_plus, rtol=1e-5, atol=1e-5)


def test_stabiliser_keeps_the_dtype_and_counts_0_as_positive():
    z = tf.constant([0.0, -0.0, 1.0, -1.0], "float64")
    moved = stabilized(z, 0.5)
    assert moved.dtype == tf.float64
    np.testing.assert_array_equal(moved, [0.5, 0.5, 1.5, -1.5])


@pytest.mark.parametrize("rule", [Epsilon, Gamma])
@pytest.mark.parametrize("epsilon", [0.0, -1e-6, float("nan")])
def test_stabiliser_of_0_or_less_is_an_error(rule, epsilon):
    with pytest.raises(
        ValueError, match=rf"`epsilon` must be .* above 0.*epsilon={epsilon}"
    ):
        rule(epsilon=epsilon)


def test_alpha_and_beta_that_do_not_sum_to_1_are_an_error():
    with pytest.raises(ValueError, match=r"write beta=-1.*alpha=2, beta=1"):
        AlphaBeta(2, 1)


@pytest.mark.parametrize("gamma", [-0.1, float("nan")])
def test_negative_gamma_is_an_error(gamma):
    with pytest.raises(ValueError, match=rf"at least 0.*gamma={gamma}"):
        Gamma(gamma)
