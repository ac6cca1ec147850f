"""Decisions: age groups, per video and per subject, refused tables."""

import numpy as np
import pandas as pd
import pytest

from fdin_tf.training.decisions import age_group_labels
from fdin_tf.training.decisions import age_groups
from fdin_tf.training.decisions import check_class_target
from fdin_tf.training.decisions import make_decisions
from tests.training.class_predictions import random_predictions
from tests.training.class_predictions import table_of


@pytest.mark.parametrize(
    ("edges", "labels"),
    [
        ((19,), ("<=19", ">19")),
        ((12, 19), ("<=12", "13-19", ">19")),
        ((12, 13, 36), ("<=12", "13", "14-36", ">36")),
        ([18.0, 65.0], ("<=18", "19-65", ">65")),
    ],
)
def test_labels_say_which_years_belong_to_a_group(edges, labels):
    assert age_group_labels(edges) == labels


def test_every_age_is_in_the_group_that_its_label_says():
    groups = age_groups(pd.Series(np.arange(0, 90)), edges=(12, 19))
    expected = ["<=12"] * 13 + ["13-19"] * 7 + [">19"] * 70
    assert groups.tolist() == expected


def test_completed_years_count():
    assert age_groups(pd.Series([19.9, 20.0])).tolist() == ["<=19", ">19"]


def test_a_missing_age_is_in_no_group():
    groups = age_groups(pd.Series([np.nan, 30.0]))
    assert groups.isna().tolist() == [True, False]


@pytest.mark.parametrize(
    "edges",
    [(), (19, 19), (36, 19), (18.5,), (-1, 19), (float("inf"),), (np.nan,)],
)
def test_edges_that_do_not_increase_are_an_error(edges):
    with pytest.raises(
        ValueError, match=r"Expected increasing whole years.*edges=\("
    ):
        age_group_labels(edges)


def test_a_probability_above_one_half_is_the_second_class():
    table = table_of(estimate=[0.0, 0.5, 0.51, 1.0])
    assert make_decisions(table, "gender").answer.tolist() == [0, 0, 1, 1]
    table = table_of(baseline=[0.0, 0.5, 0.51, 1.0])
    assert make_decisions(table, "gender").commonest.tolist() == [0, 0, 1, 1]


def test_the_truth_is_the_number_of_the_class():
    gender = make_decisions(table_of(gender=["male", "female"]), "gender")
    assert gender.truth.tolist() == [1, 0]
    smile = table_of(spontaneity=["posed", "spontaneous"])
    assert make_decisions(smile, "spontaneity").truth.tolist() == [0, 1]


def test_per_subject_the_mean_probability_of_a_smile_type_decides():
    table = table_of(
        subject=["a", "a", "a", "a", "b"],
        spontaneity=["posed", "posed", "spontaneous", "posed", "posed"],
        estimate=[0.9, 0.4, 0.1, 0.5, 0.7],
    )
    decisions = make_decisions(table, "gender", per="subject")
    columns = ["subject", "spontaneity", "clips", "estimate", "answer"]
    found = decisions[columns].values.tolist()
    assert found == [
        ["a", "posed", 3, pytest.approx(0.6), 1],
        ["a", "spontaneous", 1, 0.1, 0],
        ["b", "posed", 1, 0.7, 1],
    ]


def test_per_subject_clips_before_and_after_an_edge_are_two_decisions():
    table = table_of(subject=["a"] * 3, age=[18.0, 19.0, 20.0])
    decisions = make_decisions(table, "gender", per="subject")
    assert sorted(zip(decisions.age_group, decisions.clips)) == [
        ("<=19", 2),
        (">19", 1),
    ]


def test_per_subject_clips_without_labels_are_decided_together():
    table = table_of(
        subject=["a"] * 3, age=np.nan, spontaneity=[None, None, "posed"]
    )
    decisions = make_decisions(table, "gender", per="subject")
    assert sorted(decisions.clips) == [1, 2]


def test_decisions_leave_the_predictions_alone():
    table = random_predictions()
    before = table.copy()
    make_decisions(table, "gender", per="subject")
    pd.testing.assert_frame_equal(table, before)


def test_age_is_no_class_target():
    with pytest.raises(
        ValueError,
        match=r"class target: gender or spontaneity\. .*target='age'",
    ):
        check_class_target("age")
    with pytest.raises(ValueError, match="Expected a class target"):
        make_decisions(random_predictions(), "age")


def test_a_missing_column_is_an_error():
    table = random_predictions().drop(columns=["fold", "baseline"])
    with pytest.raises(
        ValueError,
        match=r"in the predictions\. Missing: fold, baseline\. .*columns=\[",
    ):
        make_decisions(table, "gender")


def test_no_prediction_is_an_error():
    with pytest.raises(
        ValueError, match=r"at least one row in the predictions"
    ):
        make_decisions(random_predictions()[:0], "gender")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("subject", None, "Expected a subject in column `subject`"),
        ("gender", None, "Expected female or male in column `gender`"),
        ("gender", "posed", "Received: 'posed'"),
        ("estimate", np.nan, "Expected a share from 0 to 1.*`estimate`"),
        ("estimate", 1.5, "Received: 1.5 for"),
        ("baseline", -0.1, "Expected a share from 0 to 1.*`baseline`"),
    ],
)
def test_a_prediction_that_cannot_count_is_named(column, value, message):
    table = random_predictions()
    table.loc[7, column] = value
    with pytest.raises(ValueError, match=message) as error:
        make_decisions(table, "gender")
    assert str(error.value).endswith("for clip_id='c7'")


def test_another_unit_than_video_or_subject_is_an_error():
    with pytest.raises(
        ValueError, match=r"per `video` or `subject`\. Received: per='clip'"
    ):
        make_decisions(random_predictions(), "gender", per="clip")


def test_spontaneity_is_not_decided_per_subject():
    with pytest.raises(
        ValueError, match=r"per='subject' for target='spontaneity'"
    ):
        make_decisions(
            random_predictions("spontaneity"), "spontaneity", per="subject"
        )


def test_a_subject_of_two_genders_has_no_decision():
    table = table_of(subject=["a", "b", "b"], gender=["male", "male", "female"])
    with pytest.raises(ValueError, match=r"one gender per subject.*'b'"):
        make_decisions(table, "gender", per="subject")
