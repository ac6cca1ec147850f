"""Every rule is its published equation, for one input and output at a time."""

import numpy as np
import pytest
import tensorflow as tf

from fdin_tf.explain.lrp import AlphaBeta
from fdin_tf.explain.lrp import Epsilon
from fdin_tf.explain.lrp import Flat
from fdin_tf.explain.lrp import Gamma
from fdin_tf.explain.lrp import WSquare
from fdin_tf.explain.lrp import ZBox
from fdin_tf.explain.lrp import ZPlus
from fdin_tf.explain.lrp.affine import AffineMap
from fdin_tf.explain.lrp.rules import stabilized
from tests.explain.lrp.literal_rules import literal

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
    WSquare(),
    Flat(),
    ZBox(-3.0, 4.0),
]


def dense_map(kernel, bias):
    return AffineMap(tf.matmul, tf.constant(kernel), tf.constant(bias))


def shared(rule, x, kernel, bias, relevance):
    shares, sinks = rule(dense_map(kernel, bias), tf.constant(x), relevance)
    return shares.numpy(), {k: v.numpy() for k, v in sinks.items()}


@pytest.fixture(params=["both signs", "no sign"])
def problem(request):
    """Four examples, six inputs, five outputs, one of them with no bias."""
    rng = np.random.default_rng(seed=0)
    x = rng.normal(size=(4, 6))
    if request.param == "no sign":
        x = np.maximum(x, 0)
    bias = rng.normal(size=5)
    bias[2] = 0
    return x, rng.normal(size=(6, 5)), bias, rng.normal(size=(4, 5))


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_rule_equals_its_literal_equation(rule, dtype, problem):
    x, kernel, bias, relevance = (a.astype(dtype) for a in problem)
    shares, sinks = shared(rule, x, kernel, bias, relevance)
    assert shares.dtype == dtype
    for n in range(len(x)):
        expected, of_bias, kept_back = literal(
            rule,
            *(a.astype("float64") for a in (x[n], kernel, bias, relevance[n])),
        )
        # Of the largest: the smallest shares are differences of larger ones.
        largest = np.abs([*expected, *relevance[n]]).max()
        close = {"rtol": 0, "atol": 1e-5 * largest}
        if dtype == "float64":
            close = {"rtol": 1e-5, "atol": 1e-12}
        np.testing.assert_allclose(shares[n], expected, **close)
        np.testing.assert_allclose(
            sinks.get("bias", np.zeros(4))[n], of_bias, **close
        )
        np.testing.assert_allclose(sinks["stabilizer"][n], kept_back, **close)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_shares_and_sinks_sum_to_the_relevance(rule, problem):
    x, kernel, bias, relevance = problem
    shares, sinks = shared(rule, x, kernel, bias, relevance)
    np.testing.assert_allclose(
        shares.sum(axis=1) + sum(sinks.values()), relevance.sum(axis=1)
    )


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_shares_are_linear_in_the_relevance(rule, problem):
    x, kernel, bias, relevance = problem
    once, _ = shared(rule, x, kernel, bias, relevance)
    thrice, _ = shared(rule, x, kernel, bias, -3 * relevance)
    np.testing.assert_allclose(thrice, -3 * once)


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
    np.testing.assert_allclose(sinks["stabilizer"], 0, atol=1e-12)


def test_negative_contributions_take_nothing_where_beta_is_0():
    shares, sinks = shared(
        ZPlus(),
        np.array([[1.0, 3.0]]),
        np.array([[-1.0], [-1.0]]),
        np.zeros(1),
        np.array([[8.0]]),
    )
    np.testing.assert_array_equal(shares, 0)
    np.testing.assert_array_equal(sinks["stabilizer"], 8)


@pytest.mark.parametrize("rule", [Epsilon(), AlphaBeta(), Gamma()], ids=repr)
def test_inputs_of_0_take_nothing(rule, problem):
    _, kernel, _, relevance = problem
    shares, sinks = shared(
        rule, np.zeros((4, 6)), kernel, np.zeros(5), relevance
    )
    np.testing.assert_array_equal(shares, 0)
    np.testing.assert_allclose(sinks["stabilizer"], relevance.sum(axis=1))


def test_outputs_without_inputs_are_reported_by_the_rules_of_weights():
    x, relevance = np.ones((1, 2)), np.array([[5.0, 1.0]])
    kernel = np.array([[0.0, 3.0], [0.0, 4.0]])
    shares, sinks = shared(WSquare(), x, kernel, np.zeros(2), relevance)
    np.testing.assert_allclose(shares, [[9 / 25, 16 / 25]])
    np.testing.assert_allclose(sinks["stabilizer"], [5.0])


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


def test_stabiliser_keeps_the_dtype_and_counts_0_as_positive():
    z = tf.constant([0.0, -0.0, 1.0, -1.0], "float64")
    moved = stabilized(z, 0.5)
    assert moved.dtype == tf.float64
    np.testing.assert_array_equal(moved, [0.5, 0.5, 1.5, -1.5])


@pytest.mark.parametrize("rule", [Epsilon, Gamma, ZBox])
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


@pytest.mark.parametrize("low", [255.0, 256.0, float("nan")])
def test_bounds_in_the_wrong_order_are_an_error(low):
    with pytest.raises(ValueError, match=rf"below `high`.*low={low}, high=255"):
        ZBox(low=low)
