"""Rows in folds: what learns from which clips, resumable, test read once."""

import json

import numpy as np
import pandas as pd
import pytest

from fdin_tf.data.cache import ArrayCache
from fdin_tf.handcrafted.learners import choose
from fdin_tf.handcrafted.learners import make_learner
from fdin_tf.training import handcrafted_folds
from fdin_tf.training.cross_validate import fold_dir
from fdin_tf.training.decisions import PREDICTION_COLUMNS
from fdin_tf.training.handcrafted_features import DESCRIPTORS
from fdin_tf.training.handcrafted_features import describe_clips
from fdin_tf.training.handcrafted_folds import RowTrainer
from fdin_tf.training.handcrafted_folds import chosen_weights
from fdin_tf.training.handcrafted_folds import cross_validate_row
from fdin_tf.training.handcrafted_folds import read_row
from fdin_tf.training.metrics import age_errors
from tests.training.grey_clips import grey_clips
from tests.training.grey_clips import two_folds

NAMES = ("lbp", "ief", "displacement", "deformation", "gender")


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    """36 clips, one without a fall, one without known motion, in two folds."""
    root = tmp_path_factory.mktemp("clips")
    kinds = ["rise", *["whole"] * 34, "no width"]
    faces, clips = grey_clips(root / "faces", kinds)
    cache = ArrayCache(root / "cache")
    found = describe_clips(faces, list(clips.clip_id), NAMES, cache)
    return found, clips, two_folds(clips)


def ages(clips, ids):
    return clips.set_index("clip_id").age[list(ids)].to_numpy()


def literal_estimates(described, clips, fold, inputs, learner, num_dynamics):
    """What one part of a row answers in a fold."""
    blocks = [
        np.concatenate(
            [described.values(name, place, ids) for name, place in inputs],
            axis=1,
        )
        for ids in (fold.train, fold.valid, fold.test)
    ]
    chosen = choose(
        make_learner(learner, num_dynamics),
        (blocks[0], ages(clips, fold.train)),
        (blocks[1], ages(clips, fold.valid)),
    )
    return chosen.estimate(blocks[2])


def tables_of(row, described, seed=0):
    found, clips, folds = described
    return RowTrainer(row, found, clips).test(folds[0], seed)


def test_predictions_are_those_of_a_network(described, tmp_path):
    found, clips, folds = described
    trainer = RowTrainer("lbp", found, clips)
    row = cross_validate_row(trainer, folds, tmp_path)
    assert [*PREDICTION_COLUMNS, "condition"] == list(row.predictions)
    tested_ids = [*folds[0].test, *folds[1].test]
    assert row.predictions.clip_id.tolist() == tested_ids
    np.testing.assert_allclose(row.predictions.age, ages(clips, tested_ids))
    means = [ages(clips, fold.train).mean() for fold in folds]
    np.testing.assert_allclose(
        row.predictions.baseline, np.array(means)[row.predictions.fold]
    )
    overall = age_errors(row.predictions).iloc[0]
    assert overall.mae_years < 0.8 * overall.baseline_mae_years


@pytest.mark.parametrize(
    ("row", "inputs", "learner", "num_dynamics"),
    [
        ("lbp", [("lbp", 0)], "svr", 0),
        ("deformation", [("deformation", 0)], "svr", None),
        (
            "lbp_dynamics",
            [("lbp", 0), ("deformation", 0)],
            "adaptive_groups",
            225,
        ),
    ],
)
def test_a_row_learns_from_training_clips_and_chooses_on_validation(
    described, row, inputs, learner, num_dynamics
):
    found, clips, folds = described
    expected = literal_estimates(
        found, clips, folds[0], inputs, learner, num_dynamics
    )
    predictions = tables_of(row, described)["predictions"]
    np.testing.assert_allclose(predictions.estimate, expected, rtol=1e-5)


def test_fusion_averages_the_answers_about_two_frames(described):
    found, clips, folds = described
    both = [
        literal_estimates(found, clips, folds[0], [("lbp", k)], "svr", 0)
        for k in (0, 1)
    ]
    tables = tables_of("lbp_fusion", described)
    np.testing.assert_allclose(
        tables["predictions"].estimate, np.mean(both, axis=0)
    )
    assert tables["choices"].part.tolist() == [0, 1]
    assert tables["choices"].weight.tolist() == [0.5, 0.5]
    assert not np.allclose(both[0], both[1])


def test_labels_of_tested_clips_have_no_part_in_it(described):
    found, clips, folds = described
    is_tested = clips.clip_id.isin(folds[0].test)
    spoilt = clips.assign(age=clips.age.where(~is_tested, 5.0))
    first, second = (
        RowTrainer("ief", found, table).test(folds[0], 0)["predictions"]
        for table in (clips, spoilt)
    )
    assert (second.age == 5).all()
    np.testing.assert_allclose(first.estimate, second.estimate, rtol=1e-5)


def test_gender_is_a_share_weighted_over_parts(described):
    alone = [
        tables_of(row, described)["predictions"].estimate
        for row in ("lbp_svm", "dynamics_bagged_trees")
    ]
    both = tables_of("lbp_dynamics_bagged_trees", described)
    estimate = both["predictions"].estimate
    weights = both["choices"].weight
    assert weights.sum() == 1
    np.testing.assert_allclose(
        estimate, weights[0] * alone[0] + weights[1] * alone[1], rtol=1e-5
    )
    assert estimate.between(0, 1).all()
    assert both["predictions"].baseline[0] == pytest.approx(0.5, abs=0.2)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([0.6, 0.4], [0.9, 0.1], [0.5, 0.5]),  # of equals the first
        ([0.7, 0.3], [0.2, 0.1], [0.75, 0.25]),
        ([0.2, 0.1], [0.7, 0.3], [0.25, 0.75]),
    ],
)
def test_weights_are_those_that_err_least(first, second, expected):
    weights = chosen_weights(np.array([first, second]), np.array([1, 0]))
    assert weights.tolist() == expected


def test_what_clips_lack_stands_beside_their_estimates(described, tmp_path):
    found, clips, folds = described
    trainer = RowTrainer("displacement", found, clips)
    predictions = cross_validate_row(trainer, folds, tmp_path).predictions
    lacking = predictions.set_index("clip_id").condition
    assert lacking["c0"] == "no offset"
    assert (lacking.drop("c0") == "").all()
    assert "c35" in folds[0].train  # where its motion is unknown
    assert found.conditions["c35"] == "no dynamics"
    assert np.isnan(found.values("displacement", 0, ["c35"])).all()
    assert predictions.estimate.notna().all()


def test_choices_are_told(described):
    choices = tables_of("lbp_dynamics", described)["choices"]
    (row,) = choices.itertuples()
    assert row.descriptors == "lbp + deformation"
    assert set(json.loads(row.settings)) == {
        "num_selected", "dynamics_weight", "reach", "C", "gamma",
    }  # fmt: skip
    assert row.valid_error > 0


def test_a_finished_fold_is_read_and_an_interrupted_row_goes_on(
    described, tmp_path, monkeypatch
):
    found, clips, folds = described
    trainer = RowTrainer("lbp", found, clips)
    assert read_row(folds, tmp_path) is None
    cross_validate_row(trainer, folds[:1], tmp_path)
    assert read_row(folds, tmp_path) is None
    (first,) = (fold_dir(tmp_path, folds[0]) / "result").glob("pred*.csv")
    written = first.stat().st_mtime_ns
    whole = cross_validate_row(trainer, folds, tmp_path)
    assert first.stat().st_mtime_ns == written
    monkeypatch.setattr(handcrafted_folds, "choose", None)
    again = cross_validate_row(trainer, folds, tmp_path)
    pd.testing.assert_frame_equal(again.predictions, whole.predictions)
    pd.testing.assert_frame_equal(again.choices, whole.choices)


def test_seeds_decide_what_is_random(described):
    estimates = [
        tables_of("dynamics_bagged_trees", described, seed)[
            "predictions"
        ].estimate
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(estimates[0], estimates[1])
    assert not np.array_equal(estimates[0], estimates[2])


def test_a_fingerprint_tells_what_decides_the_answers(described, monkeypatch):
    found, clips, _ = described
    names = (
        "displacement", "deformation", "lbp", "lbp_fusion", "ief",
        "ief_fusion", "lbp_dynamics", "ief_dynamics", "dynamics_tree",
        "dynamics_svm", "dynamics_bagged_trees", "lbp_svm",
        "lbp_dynamics_tree", "lbp_dynamics_svm", "lbp_dynamics_bagged_trees",
    )  # fmt: skip
    digests = {RowTrainer(n, found, clips).fingerprint() for n in names}
    assert len(digests) == len(names)
    first = RowTrainer("lbp", found, clips).fingerprint()
    assert RowTrainer("lbp", found, clips).fingerprint() == first
    older = clips.assign(age=clips.age + 1)
    assert RowTrainer("lbp", found, older).fingerprint() != first
    assert RowTrainer("lbp", found, clips[1:]).fingerprint() != first
    for name in ("VIEW_FORMAT", "_ROW_FORMAT"):
        with monkeypatch.context() as other:
            other.setattr(handcrafted_folds, name, -1)
            assert RowTrainer("lbp", found, clips).fingerprint() != first
    settings = DESCRIPTORS["lbp"].settings
    monkeypatch.setitem(settings, "blocks", (2, 2))
    assert RowTrainer("lbp", found, clips).fingerprint() != first
