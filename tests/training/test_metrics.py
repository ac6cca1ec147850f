"""Metrics: against their definitions, written out."""

import numpy as np
import pandas as pd
import pytest

from fdin_tf.training.metrics import age_errors
from fdin_tf.training.metrics import cumulative_score
from fdin_tf.training.metrics import standard_error


@pytest.fixture
def predictions():
    rng = np.random.default_rng(0)
    subject = np.repeat(np.arange(20), 3)
    age = rng.integers(8, 77, 20)[subject].astype(float)
    noise = rng.normal(0, 6, 60) + rng.normal(0, 4, 20)[subject]
    return pd.DataFrame(
        {
            "clip_id": [f"c{i}" for i in range(60)],
            "subject": subject.astype(str),
            "fold": subject % 4,
            "gender": np.where(subject % 2, "male", "female"),
            "spontaneity": np.tile(["posed", "spontaneous", "posed"], 20),
            "age": age,
            "estimate": age + noise,
            "baseline": 40.0,
        }
    )  # fmt: skip


def row_of(table, grouped_by, group):
    rows = table[(table.grouped_by == grouped_by) & (table.group == group)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_groups_have_their_own_errors(predictions):
    table = age_errors(predictions)
    error = (predictions.estimate - predictions.age).abs()
    groups = {
        ("all", "all"): error.index == error.index,
        ("smile type", "posed"): predictions.spontaneity == "posed",
        ("gender", "female"): predictions.gender == "female",
        ("fold", "2"): predictions.fold == 2,
        ("age decade", "20-29"): predictions.age.between(20, 29),
    }
    for (grouped_by, group), chosen in groups.items():
        row = row_of(table, grouped_by, group)
        assert row.clips == chosen.sum()
        assert row.subjects == predictions.subject[chosen].nunique()
        assert row.mae_years == pytest.approx(error[chosen].mean())
        assert row.cumulative_score_5 == pytest.approx(
            100 * (error[chosen] <= 5).mean()
        )
        assert row.baseline_mae_years == pytest.approx(
            (predictions.age[chosen] - 40).abs().mean()
        )


def test_all_groups_of_a_kind_hold_all_clips(predictions):
    table = age_errors(predictions)
    assert (table.groupby("grouped_by").clips.sum() == 60).all()


def test_clips_without_a_label_are_in_no_group_of_it(predictions):
    predictions.loc[:9, "gender"] = None
    table = age_errors(predictions)
    assert table[table.grouped_by == "gender"].clips.sum() == 50
    assert row_of(table, "all", "all").clips == 60


def test_the_standard_error_is_that_of_a_clustered_mean(predictions):
    """Liang-Zeger by hand: squares of the subjects' summed residuals."""
    p = predictions
    error = (p.estimate - p.age).abs()
    sums = (error - error.mean()).groupby(p.subject).sum()
    clusters, n = len(sums), len(error)
    correction = clusters / (clusters - 1)
    expected = np.sqrt(correction * (sums**2).sum()) / n
    found = standard_error(p.age, p.estimate, p.subject)
    assert found == pytest.approx(expected, rel=1e-6)


def test_one_subject_has_no_standard_error():
    assert np.isnan(standard_error([20, 20], [21, 25], ["a", "a"]))


def test_an_error_of_exactly_five_years_counts_as_within():
    assert cumulative_score([20, 20, 20], [25, 15, 25.1]) == pytest.approx(
        200 / 3
    )
