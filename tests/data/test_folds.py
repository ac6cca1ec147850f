"""Folds: nobody is on both sides, everybody is tested once."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from fdin_tf.data.folds import PARTS
from fdin_tf.data.folds import Fold
from fdin_tf.data.folds import check_folds
from fdin_tf.data.folds import fold_table
from fdin_tf.data.folds import load_folds
from fdin_tf.data.folds import make_folds
from fdin_tf.data.folds import restrict_folds
from tests.data.smile_clips import make_clips


@settings(deadline=None, max_examples=25)
@given(
    num_subjects=st.integers(5, 60),
    num_folds=st.integers(2, 10),
    seed=st.integers(0, 2**31 - 2),
)
# By clips, one fold would test four of the five subjects.
@example(num_subjects=5, num_folds=2, seed=458990)
def test_nobody_is_in_two_parts_and_everybody_is_tested(
    num_subjects, num_folds, seed
):
    clips = make_clips(num_subjects, seed)
    num_folds = min(num_folds, num_subjects - 2)
    folds = make_folds(clips, num_folds, seed)
    subject = clips.set_index("clip_id").subject
    assert len(folds) == num_folds
    for fold in folds:
        parts = [set(subject[list(getattr(fold, part))]) for part in PARTS]
        assert all(parts)
        assert sum(map(len, parts)) == len(set.union(*parts)) == num_subjects
    tested = [clip_id for fold in folds for clip_id in fold.test]
    assert sorted(tested) == sorted(clips.clip_id)


def test_one_subject_with_most_clips_does_not_leave_the_others_in_one_fold():
    subjects = ["a"] * 50 + list("bcdef")
    clips = pd.DataFrame({"subject": subjects, "age": 30.0})
    clips["clip_id"] = [f"{s}{k}" for k, s in enumerate(subjects)]
    tested = [
        {clip_id[0] for clip_id in fold.test}
        for fold in make_folds(clips, num_folds=2)
    ]
    assert sorted(map(len, tested)) == [3, 3]


def test_three_subjects_are_too_few_for_two_folds():
    clips = pd.DataFrame(
        {"clip_id": list("xyz"), "subject": list("xyz"), "age": 30.0}
    )
    with pytest.raises(ValueError, match="at least two subjects beside"):
        make_folds(clips, num_folds=2)


def test_ages_are_alike_in_all_folds():
    clips = make_clips(200)
    means = [
        clips[clips.clip_id.isin(fold.test)].age.mean()
        for fold in make_folds(clips, 10)
    ]
    # Without strata the means of 20 subjects would spread by about 4.5 years.
    assert np.std(means) < 3


def test_the_seed_decides():
    clips = make_clips(30)
    assert make_folds(clips, 5, seed=1) == make_folds(clips, 5, seed=1)
    assert make_folds(clips, 5, seed=1) != make_folds(clips, 5, seed=2)


@pytest.mark.parametrize("num_folds", [0, 1, 10, 99])
def test_an_impossible_number_of_folds_is_refused(num_folds):
    with pytest.raises(ValueError, match=rf"num_folds={num_folds}"):
        make_folds(make_clips(10), num_folds)


def test_a_column_of_the_clip_table_decides():
    clips = make_clips(12)
    clips["fold"] = pd.factorize(clips.subject)[0] % 3
    folds, origin = load_folds(clips)
    assert "column" in origin
    for fold in folds:
        assert set(fold.test) == set(clips.clip_id[clips.fold == fold.number])


def test_a_file_is_above_the_column(tmp_path):
    clips = make_clips(12)
    clips["fold"] = pd.factorize(clips.subject)[0] % 3
    number = pd.factorize(clips.subject)[0] % 4
    path = tmp_path / "folds.csv"
    clips[["clip_id"]].assign(fold=number).to_csv(path, index=False)
    folds, origin = load_folds(clips, path)
    assert origin == f"CSV file {path}"
    assert [fold.number for fold in folds] == [0, 1, 2, 3]
    for fold in folds:
        assert set(fold.test) == set(clips.clip_id[number == fold.number])


def test_a_file_that_splits_a_subject_is_refused_by_name(tmp_path):
    clips = make_clips(12)
    path = tmp_path / "folds.csv"
    numbers = np.arange(len(clips)) % 3
    clips[["clip_id"]].assign(fold=numbers).to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"folds.csv: .*every subject in one"):
        load_folds(clips, path)


def test_a_column_that_splits_a_subject_is_refused():
    clips = make_clips(12)
    clips["fold"] = np.arange(len(clips)) % 3
    with pytest.raises(ValueError, match="every subject in one part"):
        load_folds(clips)


CLIPS = pd.DataFrame({"clip_id": list("abcd"), "subject": list("1123")})


@pytest.mark.parametrize(
    ("fold", "message"),
    [
        (Fold(0, ("a",), ("c",), ("b", "d")),
         r"subject='1' in train \(a\) and test \(b\) of fold 0"),
        (Fold(0, ("a", "b"), (), ("c", "d")), "no valid clip in fold 0"),
        (Fold(0, ("a", "b"), ("c",), ("x",)), "clip_id='x'"),
        (Fold(0, ("a", "b"), ("c",), ("d", "d")), "'d' twice"),
        (Fold(0, ("a", "b"), ("c",), ("d",)), "'a' never"),
    ],
)  # fmt: skip
def test_a_leak_is_refused(fold, message):
    with pytest.raises(ValueError, match=message):
        check_folds([fold], CLIPS)


def test_the_assignment_can_be_written_down():
    folds = make_folds(make_clips(9), 3)
    table = fold_table(folds)
    assert len(table) == 3 * len(make_clips(9))
    assert set(table.part) == set(PARTS)


def two_databases(num_subjects):
    """Smiles of everybody, and expressions of disgust of every second one."""
    smiles = make_clips(num_subjects).assign(database="Smile")
    same = smiles[smiles.subject.astype(int) % 2 == 0]
    disgust = same.assign(clip_id="d" + same.clip_id, database="Disgust")
    return pd.concat([smiles, disgust], ignore_index=True)


def part_of_subjects(fold, clips):
    subject = clips.set_index("clip_id").subject
    return {subject[c]: part for part in PARTS for c in getattr(fold, part)}


def test_a_subject_keeps_its_part_whichever_database_is_asked_for():
    clips = two_databases(24)
    folds = make_folds(clips, 4)
    of = {
        name: restrict_folds(folds, clips[clips.database == name])
        for name in ("Smile", "Disgust")
    }
    for fold, smile, disgust in zip(folds, of["Smile"], of["Disgust"]):
        everyone = part_of_subjects(fold, clips)
        assert part_of_subjects(smile, clips) == everyone
        assert part_of_subjects(disgust, clips) == {
            subject: part
            for subject, part in everyone.items()
            if int(subject) % 2 == 0
        }
        assert smile.number == disgust.number == fold.number
    tested = [c for fold in of["Disgust"] for c in fold.test]
    assert sorted(tested) == sorted(clips.clip_id[clips.database == "Disgust"])


def test_clips_keep_their_order_when_folds_are_restricted():
    clips = make_clips(12)
    folds = make_folds(clips, 3)
    posed = clips[clips.spontaneity == "posed"]
    for fold, fewer in zip(folds, restrict_folds(folds, posed)):
        for part in PARTS:
            expected = [c for c in getattr(fold, part) if "posed" in c]
            assert list(getattr(fewer, part)) == expected
    assert restrict_folds(folds, clips) == folds


@pytest.mark.parametrize(("gone", "part"), [("c", "valid"), ("d", "test")])
def test_a_fold_that_is_left_without_clips_is_refused(gone, part):
    fold = Fold(0, ("a", "b"), ("c",), ("d",))
    with pytest.raises(ValueError, match=f"no {part} clip in fold 0"):
        restrict_folds([fold], CLIPS[CLIPS.clip_id != gone])
