"""Errors of age estimates against deviation, clips per age, and decade."""

import numpy as np
import pandas as pd

from fdin_tf.training.metrics import cumulative_score

DEVIATIONS = range(0, 21)
THRESHOLDS = range(1, 31)


def cumulative_errors(predictions, deviations=DEVIATIONS):
    """Share of clips whose age is missed by at most so many years.

        share(d) = 100 % / N * #{n : |estimate_n - age_n| <= d}

    Args:
        predictions: Table with one row per tested clip: `age` (truth) and
            `estimate`, in years.
        deviations: Deviations d, in years, from 0 on.

    Returns:
        DataFrame with one row per deviation: `deviation_years` and `share`,
        in %, which does not fall as the deviation rises.

    Raises:
        ValueError: If there is no clip, or a number is not finite.

    Example:

    >>> table = pd.DataFrame({"age": [20, 30], "estimate": [20.5, 33]})
    >>> cumulative_errors(table, deviations=(0, 1, 5)).share.tolist()
    [0.0, 50.0, 100.0]

    Reference:
    - [Pei et al., 2020](https://arxiv.org/abs/1711.08690), Figure 7.
    """
    _absolute_errors(predictions)
    age, estimate = predictions.age, predictions.estimate
    return pd.DataFrame(
        {
            "deviation_years": list(deviations),
            "share": [cumulative_score(age, estimate, d) for d in deviations],
        }
    )


def errors_by_sample_count(predictions, thresholds=THRESHOLDS):
    """Errors over the ages of which there are at least so many clips.

    Ages are whole years. A threshold takes the clips of rare ages out of what
    is evaluated; the estimates stay as they are, and no network is trained
    again without those clips. (The paper speaks of data "reduced by removing
    ages" and does not say whether its networks were.)

    Args:
        predictions: As in `cumulative_errors`. Clips are counted in it.
        thresholds: Least numbers of clips per age; at 1, all clips remain.

    Returns:
        DataFrame with one row per threshold: `threshold`, `mae_years`,
        `sd_years` (standard deviation of the absolute errors over clips, with
        n - 1), and the `clips` and `ages` that remain. Errors are NaN where
        no age has so many clips; `sd_years` also where one clip remains.

    Raises:
        ValueError: As in `cumulative_errors`.

    Example:

    >>> ages = {"age": [8, 8, 9, 50], "estimate": [10, 9, 9, 58]}
    >>> errors_by_sample_count(pd.DataFrame(ages), (1, 2)).mae_years.tolist()
    [2.75, 1.5]

    Reference:
    - [Pei et al., 2020](https://arxiv.org/abs/1711.08690), Figure 8.
    """
    error = _absolute_errors(predictions)
    year = np.floor(predictions.age).astype(int)
    clips_of_age = year.map(year.value_counts())
    rows = []
    for threshold in thresholds:
        is_left = clips_of_age >= threshold
        rows.append(
            {
                "threshold": threshold,
                "mae_years": error[is_left].mean(),
                "sd_years": error[is_left].std(),
                "clips": int(is_left.sum()),
                "ages": year[is_left].nunique(),
            }
        )
    return pd.DataFrame(rows)


def errors_by_decade(predictions):
    """Errors by decade of age: one row of Table III, and what belongs to it.

    Args:
        predictions: As in `cumulative_errors`.

    Returns:
        DataFrame with the columns `0-9`, `10-19`, ... `70-79`, those of
        higher decades where there are such clips, and `all`; and the rows
        `mae_years` (the row of the table), `sd_years` (the paper's "±":
        standard deviation of the absolute errors over clips, with n - 1) and
        `clips` (the table's "Number of Samples"). Errors of a decade without
        clips are NaN.

    Raises:
        ValueError: As in `cumulative_errors`.

    Example:

    >>> table = pd.DataFrame({"age": [8, 9, 31], "estimate": [9, 12, 27]})
    >>> row = errors_by_decade(table).loc["mae_years"]
    >>> row["0-9"].item(), row["30-39"].item(), round(row["all"].item(), 2)
    (2.0, 4.0, 2.67)

    Reference:
    - [Pei et al., 2020](https://arxiv.org/abs/1711.08690), Table III.
    """
    error = _absolute_errors(predictions)
    first = (predictions.age // 10 * 10).astype(int)
    groups = {
        f"{start}-{start + 9}": error[first == start]
        for start in range(0, max(70, first.max()) + 1, 10)
    }
    return pd.DataFrame(
        {
            name: {
                "mae_years": of.mean(),
                "sd_years": of.std(),
                "clips": float(len(of)),
            }
            for name, of in {**groups, "all": error}.items()
        }
    )


def _absolute_errors(predictions):
    """|estimate - age| of every clip, in years."""
    error = (predictions.estimate - predictions.age).abs()
    if error.empty or not np.isfinite(error).all():
        raise ValueError(
            "Expected at least one clip, with finite `age` and `estimate`. "
            f"Received: {len(error)} clips, "
            f"{np.sum(~np.isfinite(error))} of them without a finite error"
        )
    return error
