"""Curves of errors: against their definitions, one clip at a time."""

import numpy as np
import pandas as pd
import pytest

from fdin_tf.training.error_curves import cumulative_errors
from fdin_tf.training.error_curves import errors_by_decade
from fdin_tf.training.error_curves import errors_by_sample_count
from fdin_tf.training.metrics import age_errors


@pytest.fixture
def predictions():
    """Sixty subjects with two clips each; some ages are rare."""
    rng = np.random.default_rng(0)
    subject = np.repeat(np.arange(60), 2)
    age = (8 + 60 * rng.beta(1, 3, 60))[subject]
    return pd.DataFrame(
        {
            "clip_id": [f"c{i}" for i in range(120)],
            "subject": subject.astype(str),
            "fold": subject % 3,
            "gender": np.where(subject % 2, "male", "female"),
            "spontaneity": np.tile(["posed", "spontaneous"], 60),
            "age": age,
            "estimate": age + rng.normal(0, 7, 120),
            "baseline": 25.0,
        },
        index=np.arange(120)[::-1],
    )


def literal_errors(predictions):
    pairs = zip(predictions.age, predictions.estimate)
    return [(age, abs(estimate - age)) for age, estimate in pairs]


def test_the_cumulative_curve_counts_clips(predictions):
    table = cumulative_errors(predictions)
    assert table.deviation_years.tolist() == list(range(21))
    for row in table.itertuples():
        within = [
            e <= row.deviation_years for _, e in literal_errors(predictions)
        ]
        assert row.share == pytest.approx(100 * sum(within) / 120)


def test_the_cumulative_curve_rises_to_all_clips(predictions):
    share = cumulative_errors(predictions, np.linspace(0, 60, 200)).share
    assert (share.diff().dropna() >= 0).all()
    assert share.iloc[-1] == 100


def test_an_error_of_exactly_the_deviation_counts():
    table = pd.DataFrame({"age": [20.0], "estimate": [23.0]})
    assert cumulative_errors(table, (2, 3)).share.tolist() == [0, 100]


def test_rare_ages_are_left_out(predictions):
    thresholds = (1, 3, 5, 8)
    table = errors_by_sample_count(predictions, thresholds)
    assert table.threshold.tolist() == list(thresholds)
    for row in table.itertuples():
        by_year = {}
        for age, error in literal_errors(predictions):
            by_year.setdefault(int(age), []).append(error)
        left = [v for v in by_year.values() if len(v) >= row.threshold]
        errors = [error for of_year in left for error in of_year]
        assert row.ages == len(left)
        assert row.clips == len(errors)
        assert row.mae_years == pytest.approx(np.mean(errors))
        assert row.sd_years == pytest.approx(np.std(errors, ddof=1))
    assert table.clips.iloc[0] == 120
    assert table.clips.is_monotonic_decreasing
    assert table.clips.iloc[-1] < 120


def test_no_age_with_so_many_clips_has_no_error(predictions):
    (row,) = errors_by_sample_count(predictions, [121]).itertuples()
    assert (row.clips, row.ages) == (0, 0)
    assert np.isnan([row.mae_years, row.sd_years]).all()


def test_a_planted_hard_age_leaves_with_its_threshold():
    age = [10] * 5 + [76]
    table = pd.DataFrame({"age": age, "estimate": [11] * 5 + [46]})
    found = errors_by_sample_count(table, (1, 2))
    assert found.mae_years.tolist() == [35 / 6, 1]
    assert found.sd_years[1] == 0


def test_decades_have_the_errors_of_the_reported_table(predictions):
    found = errors_by_decade(predictions)
    reported = age_errors(predictions).set_index(["grouped_by", "group"])
    groups = {("all", "all"): "all"} | {
        key: key[1] for key in reported.index if key[0] == "age decade"
    }
    for key, column in groups.items():
        row = reported.loc[key]
        assert found.loc["mae_years", column] == pytest.approx(row.mae_years)
        assert found.loc["clips", column] == row.clips
    assert found.loc["clips"].drop("all").sum() == 120


def test_decades_have_the_spread_of_their_errors(predictions):
    found = errors_by_decade(predictions)
    for first in range(0, 80, 10):
        errors = [
            error
            for age, error in literal_errors(predictions)
            if first <= age < first + 10
        ]
        name = f"{first}-{first + 9}"
        if len(errors) > 1:
            assert found.loc["sd_years", name] == pytest.approx(
                np.std(errors, ddof=1)
            )


def test_columns_are_those_of_the_table_and_empty_ones_are_unknown():
    table = pd.DataFrame({"age": [20.0, 29.9], "estimate": [21.0, 29.9]})
    found = errors_by_decade(table)
    assert found.columns.tolist() == [
        "0-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "70-79",
        "all",
    ]  # fmt: skip
    assert found["20-29"].tolist() == found["all"].tolist()
    assert found.loc["clips", "30-39"] == 0
    assert found.loc[["mae_years", "sd_years"], "30-39"].isna().all()


def test_clips_of_older_people_have_columns_of_their_own():
    table = pd.DataFrame({"age": [8.0, 93.0], "estimate": [9.0, 90.0]})
    found = errors_by_decade(table)
    assert found.columns[-3:].tolist() == ["80-89", "90-99", "all"]
    assert found.loc["mae_years", "90-99"] == 3


@pytest.mark.parametrize(
    "measure", [cumulative_errors, errors_by_sample_count, errors_by_decade]
)
@pytest.mark.parametrize(
    ("ages", "message"),
    [([], "Received: 0 clips"), ([20, np.nan], "2 clips, 1 of them")],
)
def test_clips_without_an_age_are_an_error(measure, ages, message):
    table = pd.DataFrame({"age": ages, "estimate": ages}, dtype=float)
    with pytest.raises(ValueError, match=f"at least one clip.*{message}"):
        measure(table)
