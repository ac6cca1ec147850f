"""Groups of clips: their bounds, their intervals, their errors."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from fdin_tf.explain import age_groups
from fdin_tf.explain import group_importance
from fdin_tf.explain import importance_table
from fdin_tf.explain import of_group
from fdin_tf.explain import rank_relations
from fdin_tf.explain import relation_importance
from fdin_tf.explain import relations


def make_table(clips, seed=0):
    rng = np.random.default_rng(seed)
    importance = rng.dirichlet(np.ones(36), clips)
    return importance_table(importance, [f"c{k}" for k in range(clips)])


def test_ages_fall_into_the_groups_of_the_paper():
    ages = [7.99, 8, 12.9, 13, 19, 20, 36, 37, 65.5, 66, 99]
    groups = age_groups(pd.Series(ages, index=range(5, 16)))
    assert groups.tolist() == [
        *("under 8", "8-12", "8-12", "13-19", "13-19", "20-36", "20-36"),
        *("37-65", "37-65", "66+", "66+"),
    ]
    assert groups.index.tolist() == list(range(5, 16))
    assert groups.cat.ordered
    assert groups.min() == "under 8"


def test_an_unknown_age_has_no_group():
    assert age_groups([None, 9]).isna().tolist() == [True, False]


def test_edges_are_the_users():
    groups = age_groups([0, 1, 66, 67], edges=(0, 1, 2, 67))
    assert groups.tolist() == ["0", "1", "2-66", "67+"]
    assert age_groups([3, 20], edges=[20]).tolist() == ["under 20", "20+"]


@pytest.mark.parametrize("edges", [(), (8, 8), (13, 8), (8.5, 13), (-3, 8)])
def test_edges_that_do_not_increase_are_an_error(edges):
    with pytest.raises(ValueError, match=r"whole years .*Received: edges="):
        age_groups([9], edges)


@pytest.mark.parametrize("kind", [list, pd.Categorical, pd.Series])
def test_one_group_of_a_table(kind):
    table = make_table(4)
    groups = kind(["old", "young", None, "old"])
    assert of_group(table, groups, "old").index.tolist() == ["c0", "c3"]


def test_an_unknown_group_is_an_error():
    groups = age_groups([9, 70])
    with pytest.raises(
        ValueError, match=r"groups '8-12', '66\+'\. Received: group='13-19'"
    ):
        of_group(make_table(2), groups, "13-19")


def test_groups_have_the_means_and_ranks_of_their_clips():
    table = make_table(30)
    groups = age_groups(np.random.default_rng(0).integers(5, 80, 30))
    groups.iloc[3] = None
    subjects = np.arange(30) // 2
    found = group_importance(table, groups, subjects, 3, num_resamples=50)
    assert list(found.columns) == [
        *("group", "clips", "subjects", "relation", "importance"),
        *("low", "high", "rank"),
    ]
    present = [g for g in groups.cat.categories if (groups == g).any()]
    assert found.group.unique().tolist() == present
    assert len(found) == 84 * len(present)
    for group in present:
        part = found[found.group == group].reset_index(drop=True)
        chosen = (groups == group).to_numpy()
        assert (part.clips == chosen.sum()).all()
        assert (part.subjects == len(set(subjects[chosen]))).all()
        pd.testing.assert_frame_equal(
            part[["rank", "relation", "importance"]],
            rank_relations(table[chosen], 3),
        )
        if part.subjects[0] > 1:
            assert (part.low < part.importance).all()
            assert (part.importance < part.high).all()


def test_one_clip_per_subject_gives_the_bootstrap_of_the_mean():
    table = make_table(25)
    found = group_importance(table, ["all"] * 25, range(25), 3, 0.9, 300, 7)
    t = scipy.stats.t.ppf(0.95, df=24)
    expanded = 2 * scipy.stats.norm.cdf(t * np.sqrt(25 / 24)) - 1
    for relation in ("left_eye-forehead-nose", "nose-mouth-right_mouth"):
        expected = scipy.stats.bootstrap(
            (relation_importance(table)[relation],),
            np.mean,
            confidence_level=expanded,
            n_resamples=300,
            method="percentile",
            rng=np.random.default_rng(7),
        ).confidence_interval
        row = found[found.relation == relation].iloc[0]
        assert (row.low, row.high) == pytest.approx(tuple(expected))


def test_intervals_hold_the_planted_mean_about_as_often_as_they_say():
    """60 subjects of 1 to 4 clips, whose own importance differs from others.

    A hundred samples of 36 relations, intervals of 90 %.
    """
    rng = np.random.default_rng(2)
    planted = rng.dirichlet(np.full(36, 5))
    subjects = np.repeat(np.arange(60), np.tile([1, 2, 3, 4], 15))
    held, narrow = [], []
    for seed in range(100):
        own = rng.dirichlet(50 * planted, 60) + 1e-3
        own /= own.sum(axis=1, keepdims=True)
        clips = np.array([rng.dirichlet(100 * own[s]) for s in subjects])
        table = importance_table(clips, range(len(clips)))
        truth = (planted + 1e-3) / 1.036
        truth = pd.Series(truth, table.columns)
        for found, of in ((held, subjects), (narrow, range(len(clips)))):
            rows = group_importance(
                table, ["all"] * len(clips), of, 2, 0.9, 200, seed
            )
            inside = truth[rows.relation].between(
                rows.low.to_numpy(), rows.high.to_numpy()
            )
            found.append(inside.mean())
    assert np.mean(held) == pytest.approx(0.9, abs=0.03)
    # As if clips of one subject were independent: the intervals miss.
    assert np.mean(narrow) < 0.8


def test_a_group_does_not_depend_on_the_others():
    table = make_table(20)
    groups = np.repeat(["a", "b"], 10)
    both = group_importance(table, groups, range(20), num_resamples=50)
    alone = group_importance(
        table[:10], groups[:10], range(10), num_resamples=50
    )
    pd.testing.assert_frame_equal(both[both.group == "a"], alone)


def test_a_group_of_one_subject_has_no_interval():
    table = make_table(5)
    groups = ["one", "one", "two", "two", "two"]
    found = group_importance(table, groups, list("aabcd"), num_resamples=50)
    one, two = found[found.group == "one"], found[found.group == "two"]
    assert one[["low", "high"]].isna().all(axis=None)
    assert two[["low", "high"]].notna().all(axis=None)
    assert (one.subjects == 1).all()


def test_all_nine_regions_are_one_relation_of_importance_one():
    found = group_importance(
        make_table(6), ["all"] * 6, range(6), 9, num_resamples=20
    )
    assert len(found) == len(relations(9)) == 1
    row = found.iloc[0]
    assert (row.importance, row.low, row.high) == pytest.approx((1, 1, 1))


@pytest.mark.parametrize("name", ["groups", "subjects"])
def test_another_number_of_labels_is_an_error(name):
    labels = {"groups": ["a"] * 4, "subjects": ["a"] * 4, name: ["a"] * 3}
    with pytest.raises(ValueError, match=rf"`{name}` must .*3 for 4 rows"):
        group_importance(make_table(4), **labels)


def test_a_missing_subject_is_an_error():
    with pytest.raises(ValueError, match=r"a subject .*clip_id='c1'"):
        group_importance(make_table(2), ["a", "a"], ["s", None])


def test_clips_without_any_group_are_an_error():
    with pytest.raises(ValueError, match=r"group for at least .*2 clips, all"):
        group_importance(make_table(2), [None, None], ["s", "t"])


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_a_confidence_out_of_range_is_an_error(confidence):
    with pytest.raises(ValueError, match=rf"between .*confidence={confidence}"):
        group_importance(make_table(2), "aa", "st", confidence=confidence)
