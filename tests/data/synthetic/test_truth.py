"""Planted targets: hand-computed values, and nothing that shows them."""

import dataclasses
import re

import numpy as np
import pytest

from fdin_tf.data.synthetic import SYNTHETIC_SETS
from fdin_tf.data.synthetic import catalogue
from fdin_tf.data.synthetic import load_truth
from fdin_tf.data.synthetic import planted_target
from fdin_tf.data.synthetic.scene import clip_motion
from fdin_tf.data.synthetic.scene import subject_face

PLANTED = SYNTHETIC_SETS["planted"]
TRUTH = {
    "onset_start": np.array([5, 6.5, 9, 5, 5, 5, 13.25, 5, 5]),
    "peaks": np.array([1, 0.6, 0.9, 1, 1, 1, 0.6, 1, 1]),
}


@pytest.mark.parametrize(
    ("pair", "mode", "expected"),
    [
        ((2, 6), "absolute_lag", 4.25),
        ((6, 2), "absolute_lag", 4.25),
        ((2, 6), "signed_lag", -4.25),
        ((6, 2), "signed_lag", 4.25),
        ((1, 0), "signed_lag", 1.5),
        ((2, 6), "amplitude_ratio", 1.5),
        ((0, 3), "absolute_lag", 0.0),
    ],
)
def test_targets_match_hand_computed_ones(pair, mode, expected):
    target = planted_target(TRUTH, pair, mode)
    assert isinstance(target, float)
    assert target == pytest.approx(expected)


def test_absolute_lag_is_the_default():
    assert planted_target(TRUTH, (2, 6)) == 4.25


@pytest.mark.parametrize("pair", [(1, 1), (0, 9), (-1, 2), (1, 2, 3), (4,)])
def test_other_pairs_are_an_error(pair):
    with pytest.raises(
        ValueError,
        match=rf"two different regions, 0..8.*{re.escape(str(pair))}",
    ):
        planted_target(TRUTH, pair)


def test_other_mode_is_an_error():
    with pytest.raises(ValueError, match=r"mode.*one of.*mode='lag'"):
        planted_target(TRUTH, (0, 1), mode="lag")


def test_missing_truth_is_an_error(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"clip_id='001_x'.*no file.*truth"
    ):
        load_truth(tmp_path, "001_x")


def test_look_of_a_planted_face_carries_neither_age_nor_gender():
    (subject,) = catalogue.draw_subjects(PLANTED.seed, 1)
    small = dataclasses.replace(PLANTED, size=64)
    seen = [
        subject_face(
            small, dataclasses.replace(subject, age=age, gender=gender)
        ).render(np.ones(9))
        for age in (8, 76)
        for gender in ("female", "male")
    ]
    for other in seen[1:]:
        np.testing.assert_array_equal(seen[0], other)


def test_look_of_a_natural_face_carries_age():
    natural = dataclasses.replace(SYNTHETIC_SETS["natural"], size=64)
    (subject,) = catalogue.draw_subjects(natural.seed, 1)
    young, old = (
        subject_face(natural, dataclasses.replace(subject, age=age))
        for age in (8, 76)
    )
    rest = np.zeros(9)
    assert (young.render(rest) != old.render(rest)).any(axis=-1).mean() > 0.2


def test_planted_motion_carries_neither_age_nor_smile_type():
    (subject,) = catalogue.draw_subjects(PLANTED.seed, 1)
    motions = [
        clip_motion(
            PLANTED,
            catalogue.Clip(dataclasses.replace(subject, age=age), 1, smile),
        )
        for age in (8, 76)
        for smile in ("posed", "spontaneous")
    ]
    for other in motions[1:]:
        np.testing.assert_array_equal(motions[0].amplitudes, other.amplitudes)


def test_targets_belong_to_the_clip_not_to_the_subject():
    subjects = catalogue.draw_subjects(PLANTED.seed, PLANTED.num_subjects)
    lags = np.array(
        [
            [
                planted_target(
                    {
                        "onset_start": clip_motion(
                            PLANTED, clip
                        ).phases.onset_start,
                        "peaks": np.ones(9),
                    },
                    (2, 6),
                )
                for clip in catalogue.list_clips(subject, 8)
            ]
            for subject in subjects
        ]
    )
    assert len(np.unique(lags)) == lags.size == 640
    # As much variance between subjects as chance leaves in means of eight.
    assert lags.mean(axis=1).var() == pytest.approx(lags.var() / 8, rel=0.4)
    ages = [subject.age for subject in subjects]
    assert abs(np.corrcoef(ages, lags.mean(axis=1))[0, 1]) < 0.25
