"""Accuracy of classes: hand-counted, against scikit-learn, as published."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score
from sklearn.metrics import balanced_accuracy_score
from sklearn.metrics import recall_score

from fdin_tf.data.clips import TARGET_CLASSES
from fdin_tf.data.folds import Fold
from fdin_tf.training.class_metrics import check_classes
from fdin_tf.training.class_metrics import class_cells
from fdin_tf.training.class_metrics import class_errors
from fdin_tf.training.class_metrics import confusion
from tests.training.class_predictions import published_predictions
from tests.training.class_predictions import random_predictions
from tests.training.class_predictions import table_of


@pytest.fixture
def predictions():
    return random_predictions()


def row_of(table, **wanted):
    rows = table[(table[list(wanted)] == pd.Series(wanted)).all(axis=1)]
    assert len(rows) == 1
    return rows.iloc[0]


def clustered_error(right, subject):
    """Liang-Zeger by hand: squares of the subjects' summed residuals."""
    sums = (right - right.mean()).groupby(subject).sum()
    clusters = len(sums)
    return np.sqrt(clusters / (clusters - 1) * (sums**2).sum()) / len(right)


@pytest.mark.parametrize("target", ["gender", "spontaneity"])
def test_groups_have_their_own_accuracy(target):
    predictions = random_predictions(target)
    table = class_errors(predictions, target)
    first, second = TARGET_CLASSES[target]
    answer = pd.Series(np.where(predictions.estimate > 0.5, second, first))
    guess = pd.Series(np.where(predictions.baseline > 0.5, second, first))
    groups = {
        ("all", "all"): predictions.index >= 0,
        ("age group", "<=19"): predictions.age <= 19,
        ("age group", ">19"): predictions.age > 19,
        ("fold", "2"): predictions.fold == 2,
        ("fold", "3"): predictions.fold == 3,
    }
    for (grouped_by, group), chosen in groups.items():
        row = row_of(table, grouped_by=grouped_by, group=group)
        truth = predictions[target][chosen]
        assert row.clips == chosen.sum()
        assert row.subjects == predictions.subject[chosen].nunique()
        assert row.accuracy == pytest.approx(
            100 * accuracy_score(truth, answer[chosen])
        )
        assert row.balanced_accuracy == pytest.approx(
            100 * balanced_accuracy_score(truth, answer[chosen])
        )
        for name in (first, second):
            assert row[f"recall_{name}"] == pytest.approx(
                100 * recall_score(truth, answer[chosen], pos_label=name)
            )
        assert row.baseline_accuracy == pytest.approx(
            100 * accuracy_score(truth, guess[chosen])
        )
        right = (truth == answer[chosen]).astype(float)
        assert row.standard_error == pytest.approx(
            100 * clustered_error(right, predictions.subject[chosen])
        )


def test_a_hand_counted_table():
    predictions = table_of(
        subject=["a", "a", "b", "c", "c"],
        gender=["female", "female", "female", "male", "male"],
        estimate=[0.1, 0.7, 0.2, 0.9, 0.3],
    )
    row = class_errors(predictions, "gender").iloc[0]
    assert (row.clips, row.subjects) == (5, 3)
    assert row.accuracy == pytest.approx(60)
    assert row.recall_female == pytest.approx(200 / 3)
    assert row.recall_male == pytest.approx(50)
    assert row.balanced_accuracy == pytest.approx(175 / 3)
    assert row.baseline_accuracy == pytest.approx(60)
    # Right - 0.6, summed by subject: -0.2, 0.4, -0.2.
    assert row.standard_error == pytest.approx(
        100 * np.sqrt(3 / 2 * (0.04 + 0.16 + 0.04)) / 5
    )


def test_groups_come_in_order_and_hold_all_clips(predictions):
    table = class_errors(predictions, "gender", edges=(12, 19))
    assert (table.groupby("grouped_by").clips.sum() == 70).all()
    assert table.group.tolist() == [
        "all", "posed", "spontaneous", "female", "male", "<=12", "13-19",
        ">19", "0", "1", "2", "3",
    ]  # fmt: skip


def test_a_group_of_one_class_has_no_balanced_accuracy(predictions):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = class_errors(predictions, "gender")
    row = row_of(table, grouped_by="gender", group="female")
    assert np.isnan(row.balanced_accuracy)
    assert np.isnan(row.recall_male)
    assert row.recall_female == row.accuracy
    assert 0 < row.accuracy < 100


def test_a_group_of_one_subject_has_no_standard_error():
    predictions = table_of(subject=["a", "a", "b"], fold=[0, 0, 1])
    table = class_errors(predictions, "gender")
    assert np.isnan(row_of(table, grouped_by="fold", group="0").standard_error)


def test_clips_without_a_label_are_in_no_group_of_it(predictions):
    predictions.loc[:9, "spontaneity"] = None
    predictions.loc[:4, "age"] = np.nan
    table = class_errors(predictions, "gender").groupby("grouped_by").clips
    assert table.sum().to_dict() == {
        "all": 70, "smile type": 60, "gender": 70, "age group": 65, "fold": 70
    }  # fmt: skip


def test_labels_that_no_clip_has_make_no_groups(predictions):
    bare = predictions.assign(age=np.nan, spontaneity=np.nan)
    table = class_errors(bare, "gender")
    assert set(table.grouped_by) == {"all", "gender", "fold"}
    cells = class_cells(bare, "gender")
    assert cells.clips.tolist() == [0, 0, 0, 0, 70]
    assert class_cells(bare, "gender", per="subject").samples.iloc[-1] == 20


def test_confusion_counts_true_by_estimated_class():
    predictions = table_of(
        gender=["female"] * 3 + ["male"] * 4,
        estimate=[0.1, 0.2, 0.9, 0.1, 0.7, 0.8, 0.9],
    )
    table = confusion(predictions, "gender")
    assert table.index.name == "true"
    assert table.columns.name == "estimated"
    assert table.loc["female"].to_dict() == {"female": 2, "male": 1}
    assert table.loc["male"].to_dict() == {"female": 1, "male": 3}


def test_confusion_keeps_a_class_that_is_not_there():
    table = confusion(table_of(spontaneity=["posed"] * 2), "spontaneity")
    assert table.values.tolist() == [[2, 0], [0, 0]]


def test_published_counts_give_the_published_percentages():
    """Kim & Ro, Table 5, row of the proposed method."""
    cells = class_cells(published_predictions(), "gender")
    assert cells.smile_type.tolist() == [
        "spontaneous", "spontaneous", "posed", "posed", "All"
    ]  # fmt: skip
    assert cells.age_group.tolist() == ["<=19", ">19", "<=19", ">19", "All"]
    assert cells.clips.tolist() == [242, 355, 249, 394, 1240]
    assert cells.accuracy.round(2).tolist() == [
        80.17, 94.65, 85.14, 95.18, 90.08
    ]  # fmt: skip


def test_cells_hold_what_a_query_for_them_finds(predictions):
    cells = class_cells(predictions, "gender", edges=(12, 19))
    assert len(cells) == 7
    adults = predictions.query("spontaneity == 'posed' and age > 19")
    right = (adults.estimate > 0.5) == (adults.gender == "male")
    row = row_of(cells, smile_type="posed", age_group=">19")
    assert row.clips == row.samples == len(adults)
    assert row.subjects == adults.subject.nunique()
    assert row.accuracy == pytest.approx(100 * right.mean())
    assert row.balanced_accuracy == pytest.approx(
        100 * right.groupby(adults.gender).mean().mean()
    )
    assert row.standard_error == pytest.approx(
        100 * clustered_error(right.astype(float), adults.subject)
    )


def test_a_cell_without_clips_is_empty(predictions):
    cells = class_cells(predictions[predictions.age > 19], "gender")
    row = row_of(cells, smile_type="posed", age_group="<=19")
    assert (row.clips, row.samples, row.subjects) == (0, 0, 0)
    assert np.isnan([row.accuracy, row.standard_error]).all()


def test_clips_without_age_or_smile_type_are_in_all_only(predictions):
    predictions.loc[:4, "age"] = np.nan
    predictions.loc[5:9, "spontaneity"] = None
    cells = class_cells(predictions, "gender")
    assert cells.clips.tolist()[-1] == 70
    assert cells.clips[:-1].sum() == 60


def test_per_subject_counts_decisions_and_per_video_clips():
    """Two posed clips of `a`: one wrong alone, right in the mean."""
    predictions = table_of(
        subject=["a", "a", "a", "b", "b"],
        age=[30, 30, 30, 12, 12],
        gender=["male", "male", "male", "female", "female"],
        spontaneity=["posed", "posed", "spontaneous", "posed", "posed"],
        estimate=[0.9, 0.3, 0.2, 0.1, 0.6],
    )
    columns = ["clips", "samples", "subjects", "accuracy"]
    video = class_cells(predictions, "gender")
    assert video[columns].values.tolist()[1:] == [
        [1, 1, 1, 0.0],  # spontaneous >19
        [2, 2, 1, 50.0],  # posed <=19
        [2, 2, 1, 50.0],  # posed >19
        [5, 5, 2, 40.0],
    ]
    subject = class_cells(predictions, "gender", per="subject")
    assert subject[columns].values.tolist()[1:] == [
        [1, 1, 1, 0.0],
        [2, 1, 1, 100.0],
        [2, 1, 1, 100.0],
        [5, 3, 2, pytest.approx(200 / 3)],
    ]


def test_spontaneity_is_told_in_cells_of_gender_and_age():
    predictions = random_predictions("spontaneity")
    cells = class_cells(predictions, "spontaneity")
    assert cells.columns[0] == "gender"
    row = row_of(cells, gender="male", age_group=">19")
    men = predictions.query("gender == 'male' and age > 19")
    truth = men.spontaneity == "spontaneous"
    assert row.clips == len(men)
    assert row.balanced_accuracy == pytest.approx(
        100 * balanced_accuracy_score(truth, men.estimate > 0.5)
    )


@pytest.fixture
def clips():
    """Twelve clips, women and men in turn."""
    return table_of(gender=["female", "male"] * 6)


def fold_of(**parts):
    """A fold of two clips of both classes per part, but for these parts."""
    both = {"train": ("c0", "c1"), "valid": ("c2", "c3"), "test": ("c4", "c5")}
    return Fold(7, **{**both, **parts})


def test_folds_with_both_classes_in_every_part_pass(clips):
    check_classes(clips, [fold_of(), fold_of(test=("c6", "c7"))], "gender")


@pytest.mark.parametrize("part", ["train", "valid", "test"])
@pytest.mark.parametrize("name", ["female", "male"])
def test_a_part_of_one_class_is_named(clips, part, name):
    start = 6 if name == "female" else 7
    single = fold_of(**{part: (f"c{start}", f"c{start + 2}")})
    with pytest.raises(
        ValueError,
        match=f"both classes of `gender`.*--num-folds.*--seed.*--folds.*only "
        f"'{name}' in the {part} part of fold 7",
    ):
        check_classes(clips, [fold_of(), single], "gender")


def test_a_clip_without_a_label_is_named_before_training(clips):
    clips.loc[3, "gender"] = None
    with pytest.raises(ValueError, match=r"`gender` for every clip.*'c3'"):
        check_classes(clips, [fold_of()], "gender")


def test_folds_have_no_classes_of_age(clips):
    with pytest.raises(ValueError, match=r"class target.*target='age'"):
        check_classes(clips, [fold_of()], "age")
