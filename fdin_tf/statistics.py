"""Means and paired differences over clips of which some share a subject."""

import dataclasses

import numpy as np
import pandas as pd
import statsmodels.api as sm


@dataclasses.dataclass(frozen=True)
class PairedTest:
    """What a paired test found.

    Attributes:
        difference: Mean over the clips of first minus second.
        standard_error: Its standard error, clustered; NaN for one cluster.
        p_value: Two-sided; NaN for one cluster.
        num_clusters: Number of clusters, such as subjects.
    """

    difference: float
    standard_error: float
    p_value: float
    num_clusters: int


def clustered_mean(values, clusters):
    """Mean over clips, and its standard error when clips share a subject.

    Clips of one person are not independent: the error is that of a mean with
    clusters (Liang and Zeger, Biometrika 1986), from statsmodels. For `n`
    values in `G` clusters,

        SE^2 = G / (G - 1) * sum_g (sum_{i in g} (x_i - mean))^2 / n^2

    which with one value per cluster is the ordinary `s^2 / n`.

    Args:
        values: Numbers, one per clip.
        clusters: The cluster of every clip, such as its subject.

    Returns:
        Pair of the mean and its standard error; NaN for the latter where
        there is one cluster only.

    Raises:
        ValueError: If there is no value, a value is not finite, a cluster is
            missing, or there are not as many clusters as values.

    Example:

    >>> clustered_mean([1, 1, 4, 6], ["a", "a", "b", "b"])
    (3.0, 2.0)
    """
    values, codes = _checked(values, clusters)
    is_one = codes.max() < 1
    error = float("nan") if is_one else float(_fit(values, codes).bse[0])
    return float(values.mean()), error


def paired_test(first, second, clusters):
    """Tests whether two columns about the same clips have the same mean.

    The mean of `first - second` over the clips, its standard error clustered
    as in `clustered_mean`, and a t test with (number of clusters - 1) degrees
    of freedom. With one clip per subject this is the paired t test.

    The columns may be absolute errors, or 1 and 0 for right and wrong
    answers: then the test is the clustered counterpart of McNemar's, about
    the difference of two shares of right answers on the same clips. Networks
    that gave them are taken as they are: that other subjects would agree is
    tested, not that networks trained anew would.

    Args:
        first: Numbers, one per clip.
        second: Numbers about the same clips.
        clusters: The cluster of every clip, such as its subject.

    Returns:
        `PairedTest`. Columns of the same mean differ by 0 with p = 1.

    Raises:
        ValueError: As `clustered_mean`, or if the columns differ in length.

    Example:

    >>> test = paired_test([5, 7, 9], [4, 5, 6], ["a", "b", "c"])
    >>> round(test.difference, 3), round(test.p_value, 3)
    (2.0, 0.074)
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    if first.shape != second.shape:
        raise ValueError(
            "Expected two columns about the same clips. Received: "
            f"{first.shape[0]} and {second.shape[0]} values"
        )
    differences, codes = _checked(first - second, clusters)
    num_clusters = int(codes.max()) + 1
    mean, error = clustered_mean(differences, codes)
    if num_clusters == 1:
        p_value = float("nan")
    elif abs(mean) <= 1e-12 * np.abs(differences).max():
        p_value = 1.0  # 0 / 0, where every subject's differences cancel
    else:
        p_value = float(_fit(differences, codes).pvalues[0])
    return PairedTest(mean, error, p_value, num_clusters)


def _fit(values, codes):
    """A mean as a regression on a constant; G - 1 degrees of freedom."""
    return sm.OLS(values, np.ones_like(values)).fit(
        cov_type="cluster", cov_kwds={"groups": codes}, use_t=True
    )


def _checked(values, clusters):
    """Values as floats, clusters as numbers from 0."""
    values = np.asarray(values, float)
    codes, _ = pd.factorize(np.asarray(clusters))
    if not len(values) or not np.isfinite(values).all():
        raise ValueError(
            "Expected at least one value, all of them finite. Received: "
            f"{len(values)} values, {np.sum(~np.isfinite(values))} not finite"
        )
    if len(codes) != len(values) or (codes < 0).any():
        raise ValueError(
            "Expected one cluster per value. Received: "
            f"{np.sum(codes >= 0)} clusters for {len(values)} values"
        )
    return values, codes
