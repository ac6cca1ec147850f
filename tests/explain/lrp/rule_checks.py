"""What holds of every rule: its equation, its sum, its linearity."""

import numpy as np
import tensorflow as tf

from fdin_tf.explain.lrp.affine import AffineMap
from tests.explain.lrp.literal_rules import literal

SIGNS = ("both signs", "no sign")  # of the inputs


def random_problem(signs):
    """Four examples, six inputs, five outputs, one of them with no bias."""
    rng = np.random.default_rng(seed=0)
    x = rng.normal(size=(4, 6))
    if signs == "no sign":
        x = np.maximum(x, 0)
    bias = rng.normal(size=5)
    bias[2] = 0
    return x, rng.normal(size=(6, 5)), bias, rng.normal(size=(4, 5))


def dense_map(kernel, bias):
    return AffineMap(tf.matmul, tf.constant(kernel), tf.constant(bias))


def shared(rule, x, kernel, bias, relevance):
    shares, sinks = rule(dense_map(kernel, bias), tf.constant(x), relevance)
    return shares.numpy(), {k: v.numpy() for k, v in sinks.items()}


def assert_equals_its_literal_equation(rule, dtype, problem):
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
        np.testing.assert_allclose(
            kept_back_by(shares, sinks, relevance)[n], kept_back, **close
        )


def kept_back_by(shares, sinks, relevance):
    """What a stabiliser took; of rules without one, what is missing."""
    if "stabilizer" in sinks:
        return sinks["stabilizer"]
    return missing_of(shares, sinks, relevance)


def missing_of(shares, sinks, relevance):
    """What neither the inputs nor a sink of any name has."""
    shares, relevance = (
        np.reshape(r, (len(r), -1)).sum(axis=1) for r in (shares, relevance)
    )
    return relevance - shares - sum(sinks.values())


def assert_keeps_the_sum(rule, problem):
    """Shares and sinks sum to the relevance, where it met contributions."""
    x, kernel, bias, relevance = problem
    shares, sinks = shared(rule, x, kernel, bias, relevance)
    met_none = [
        0.0 if "stabilizer" in sinks else literal(rule, *of)[-1]
        for of in zip(x, [kernel] * 4, [bias] * 4, relevance)
    ]
    np.testing.assert_allclose(
        missing_of(shares, sinks, relevance), met_none, atol=1e-12
    )


def assert_is_linear_in_the_relevance(rule, problem):
    x, kernel, bias, relevance = problem
    once, _ = shared(rule, x, kernel, bias, relevance)
    thrice, _ = shared(rule, x, kernel, bias, -3 * relevance)
    np.testing.assert_allclose(thrice, -3 * once)
