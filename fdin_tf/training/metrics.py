"""Errors of age estimates: over all clips and within groups of them."""

import numpy as np
import pandas as pd
from fairlearn.metrics import MetricFrame
from fairlearn.metrics import count
from sklearn.metrics import mean_absolute_error

from fdin_tf.statistics import clustered_mean

CUMULATIVE_YEARS = 5


def cumulative_score(truth, estimate, years=CUMULATIVE_YEARS):
    """Share of estimates that are wrong by at most so many years, in %.

    Example:

    >>> cumulative_score([20, 30], [26, 31])
    50.0
    """
    error = np.abs(np.asarray(truth) - np.asarray(estimate))
    return float(100 * np.mean(error <= years))


def standard_error(truth, estimate, subject):
    """Standard error of the mean absolute error, clustered by subject.

    See `clustered_mean`.

    Args:
        truth: Ages in years.
        estimate: Estimates in years.
        subject: Subject of every clip.

    Returns:
        Years; NaN for a single subject.
    """
    error = np.abs(np.asarray(truth) - np.asarray(estimate))
    return clustered_mean(error, subject)[1]


def age_errors(predictions):
    """Errors in years: all, per smile type, gender, age decade and fold.

    Args:
        predictions: Table with one row per tested clip: `subject`, `fold`,
            `gender`, `spontaneity`, `age` (truth), `estimate` and `baseline`
            (mean age of the training clips of that fold), ages in years.

    Returns:
        Table with the columns `grouped_by`, `group`, `clips`, `subjects`,
        `mae_years`, `standard_error_years` (clustered by subject),
        `cumulative_score_5` (%) and `baseline_mae_years`.
    """
    table = predictions.reset_index(drop=True)
    decade = (table.age // 10 * 10).astype(int)
    groupings = {
        "all": pd.Series("all", index=table.index),
        "smile type": table.spontaneity,
        "gender": table.gender,
        "age decade": decade.map(lambda first: f"{first}-{first + 9}"),
        "fold": table.fold,
    }
    return pd.concat(
        [_errors_by(table, name, of) for name, of in groupings.items()],
        ignore_index=True,
    )


def _errors_by(table, name, group):
    known = group.notna()
    table, group = table[known], group[known]
    if table.empty:
        return pd.DataFrame()
    frame = MetricFrame(
        metrics={
            "clips": count,
            "subjects": lambda truth, estimate, subject: len(
                np.unique(subject)
            ),
            "mae_years": mean_absolute_error,
            "standard_error_years": standard_error,
            "cumulative_score_5": cumulative_score,
            "baseline_mae_years": lambda truth, estimate, baseline: (
                mean_absolute_error(truth, baseline)
            ),
        },
        y_true=table.age,
        y_pred=table.estimate,
        sensitive_features=group.rename("group"),
        sample_params={
            "subjects": {"subject": table.subject},
            "standard_error_years": {"subject": table.subject},
            "baseline_mae_years": {"baseline": table.baseline},
        },
    )
    errors = frame.by_group.reset_index().astype({"group": str})
    errors.insert(0, "grouped_by", name)
    measured = errors.columns.difference(["grouped_by", "group"])
    return errors.astype(dict.fromkeys(measured, float)).astype(
        {"clips": int, "subjects": int}
    )
