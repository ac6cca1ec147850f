"""region_effects: rises of the error, held against plain arithmetic."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from fdin_tf.explain.region_effects import region_effects
from fdin_tf.regions import REGIONS


def make_estimates(values):
    columns = {"not contaminated": values[:, 0]}
    columns |= {r: values[:, k] for k, r in enumerate(REGIONS, start=1)}
    ids = [f"c{k}" for k in range(len(values))]
    return pd.DataFrame({"clip_id": ids, **columns})


def make_clips(**labels):
    number = len(next(iter(labels.values())))
    ids = [f"c{k}" for k in range(number)]
    subjects = [f"s{k}" for k in range(number)]
    clips = pd.DataFrame({"clip_id": ids, "subject": subjects, **labels})
    return clips[::-1]  # in another order than the estimates


def test_the_rise_is_that_of_the_mean_absolute_error():
    rng = np.random.default_rng(0)
    ages, values = rng.integers(8, 77, 9), rng.uniform(8, 76, (9, 10))
    effects = region_effects(
        make_estimates(values), make_clips(age=ages), "age"
    )
    errors = np.abs(values - ages[:, None])
    assert list(effects.region) == list(REGIONS)
    assert set(effects.unit) == {"years"}
    np.testing.assert_allclose(
        effects.rise, errors[:, 1:].mean(0) - errors[:, 0].mean()
    )
    # One clip per subject: the ordinary paired t test.
    expected = scipy.stats.ttest_rel(errors[:, 1:], errors[:, :1])
    np.testing.assert_allclose(effects.p_value, expected.pvalue)


def test_of_classes_it_is_that_of_the_share_of_wrong_answers():
    values = np.full((4, 10), 0.9)
    values[:2] = 0.1
    values[0, 5] = 0.8  # the nose: one more of four is wrong
    values[:, 9] = 0.7  # the right mouth: two more
    clips = make_clips(gender=["female", "female", "male", "male"])
    effects = region_effects(make_estimates(values), clips, "gender")
    assert effects.rise.tolist() == [0, 0, 0, 0, 25, 0, 0, 0, 50]
    assert set(effects.unit) == {"%"}


def test_mistakes_are_named():
    estimates = make_estimates(np.ones((2, 10)))
    with pytest.raises(ValueError, match=r"every region.*Missing: nose\."):
        region_effects(
            estimates.drop(columns="nose"), make_clips(age=[1.0, 2.0]), "age"
        )
    with pytest.raises(ValueError, match=r"its `age`.*clip_id='c1'"):
        region_effects(estimates, make_clips(age=[1.0, np.nan]), "age")
