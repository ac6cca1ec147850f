"""Clustered means and paired tests: against their definitions and SciPy."""

import dataclasses

import numpy as np
import pytest
import scipy.stats

from fdin_tf.statistics import clustered_mean
from fdin_tf.statistics import paired_test


@pytest.fixture
def errors():
    """Two columns about 40 clips of 13 subjects, who come in any order."""
    rng = np.random.default_rng(0)
    subject = rng.integers(0, 13, 40)
    first = rng.gamma(2, size=40) + rng.gamma(2, size=13)[subject]
    second = first + rng.normal(0.3, 1, 40) + rng.normal(size=13)[subject]
    return first, second, np.array([f"s{k}" for k in subject])


def reference_error(values, clusters):
    """Liang and Zeger by hand, one cluster and value at a time."""
    mean = sum(values) / len(values)
    groups = sorted(set(clusters))
    squares = 0
    for group in groups:
        residual = 0
        for value, cluster in zip(values, clusters):
            if cluster == group:
                residual += value - mean
        squares += residual**2
    correction = len(groups) / (len(groups) - 1)
    return np.sqrt(correction * squares) / len(values)


def test_the_error_of_a_mean_is_that_of_its_clusters(errors):
    values, _, subjects = errors
    mean, error = clustered_mean(values, subjects)
    assert mean == pytest.approx(values.mean())
    assert error == pytest.approx(reference_error(values, subjects))


def test_one_value_per_cluster_has_the_ordinary_error(errors):
    values = errors[0]
    _, error = clustered_mean(values, range(len(values)))
    assert error == pytest.approx(scipy.stats.sem(values))


def test_copies_of_a_clip_add_no_certainty(errors):
    values = errors[0]
    once = clustered_mean(values, range(40))
    thrice = clustered_mean(np.repeat(values, 3), np.repeat(range(40), 3))
    assert thrice == pytest.approx(once)


def test_one_cluster_has_a_mean_without_error():
    mean, error = clustered_mean([1, 3], ["a", "a"])
    assert mean == 2
    assert np.isnan(error)


def test_the_test_is_that_of_the_clustered_mean_of_the_differences(errors):
    first, second, subjects = errors
    found = paired_test(first, second, subjects)
    error = reference_error(first - second, subjects)
    clusters = len(set(subjects))
    t = (first - second).mean() / error
    assert dataclasses.astuple(found) == pytest.approx(
        (
            (first - second).mean(),
            error,
            2 * scipy.stats.t.sf(abs(t), df=clusters - 1),
            clusters,
        )
    )
    assert 0.001 < found.p_value < 0.999


def test_one_clip_per_subject_gives_the_paired_t_test(errors):
    """The correction G / (G - 1) is then that of the sample variance."""
    first, second, _ = errors
    found = paired_test(first, second, range(len(first)))
    expected = scipy.stats.ttest_rel(first, second)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.difference / found.standard_error == pytest.approx(
        expected.statistic
    )


def test_exchanged_columns_exchange_the_sign_alone(errors):
    first, second, subjects = errors
    one = paired_test(first, second, subjects)
    other = paired_test(second, first, subjects)
    assert other.difference == pytest.approx(-one.difference)
    assert other.p_value == pytest.approx(one.p_value)


def test_right_and_wrong_answers_give_nearly_mcnemar():
    """40 clips that only the first got right, 20 that only the second did."""
    first = np.repeat([1, 0, 1, 0], [40, 20, 100, 30])
    second = np.repeat([0, 1, 1, 0], [40, 20, 100, 30])
    found = paired_test(first, second, range(190))
    assert found.difference == pytest.approx(20 / 190)
    mcnemar = scipy.stats.chi2.sf((40 - 20) ** 2 / (40 + 20), df=1)
    assert found.p_value == pytest.approx(mcnemar, abs=0.002)


@pytest.mark.parametrize("as_type", [float, bool])
def test_equal_columns_do_not_differ(errors, as_type):
    column = errors[0].astype(as_type)
    found = paired_test(column, column, errors[2])
    assert (found.difference, found.standard_error, found.p_value) == (0, 0, 1)


def test_differences_that_cancel_within_every_subject_do_not_differ():
    change = np.tile([0.1, -0.1], 10)
    found = paired_test(1 + change, 1 - change, np.repeat(range(10), 2))
    assert found.difference == pytest.approx(0)
    assert found.p_value == 1


def test_the_same_difference_everywhere_is_certain():
    found = paired_test(np.full(6, 5.0), np.full(6, 3.0), range(6))
    assert found.difference == 2
    assert found.p_value < 1e-9


def test_one_subject_cannot_be_tested():
    found = paired_test([1, 2], [3, 5], ["a", "a"])
    assert found.difference == -2.5
    assert np.isnan([found.standard_error, found.p_value]).all()
    assert found.num_clusters == 1


def test_under_the_null_one_test_in_twenty_is_significant():
    """Subjects of 1 to 5 clips who differ from one another; 400 samples."""
    rng = np.random.default_rng(1)
    subjects = np.repeat(np.arange(45), np.tile(np.arange(1, 6), 9))
    p_values = []
    for _ in range(400):
        effect = rng.normal(size=45)[subjects] + rng.normal(size=len(subjects))
        base = rng.normal(size=len(subjects))
        p_values.append(paired_test(base + effect, base, subjects).p_value)
    # Two standard deviations of 400 draws at 5 % are 2.2 %.
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.022)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_an_error(value):
    with pytest.raises(ValueError, match=r"finite.*3 values, 1 not finite"):
        clustered_mean([1, value, 2], ["a", "b", "c"])


def test_no_value_is_an_error():
    with pytest.raises(ValueError, match=r"at least one.*Received: 0 values"):
        paired_test([], [], [])


@pytest.mark.parametrize("clusters", [["a", "b"], ["a", "b", None]])
def test_a_missing_cluster_is_an_error(clusters):
    with pytest.raises(ValueError, match=r"one cluster per.*2 .* 3 values"):
        clustered_mean([1, 2, 3], clusters)


def test_columns_of_different_length_are_an_error():
    with pytest.raises(ValueError, match=r"same clips.*2 and 3 values"):
        paired_test([1, 2], [1, 2, 3], ["a", "b"])
