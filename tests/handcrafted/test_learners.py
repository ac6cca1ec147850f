"""Learners: what they are made of, chosen on validation clips alone."""

import dataclasses

import numpy as np
import pytest
from scipy.special import expit
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.svm import SVR

from fdin_tf.handcrafted.learners import LEARNERS
from fdin_tf.handcrafted.learners import Learner
from fdin_tf.handcrafted.learners import choose
from fdin_tf.handcrafted.learners import make_learner
from fdin_tf.handcrafted.preparation import UnitLength
from fdin_tf.handcrafted.selection import MinimumRedundancy

AGE = ("svr", "age_group_tree", "adaptive_groups")
CLASSES = tuple(set(LEARNERS) - set(AGE))


@pytest.fixture
def clips():
    """70 clips of 300 features; every third one knows the age, with noise."""
    rng = np.random.default_rng(0)
    ages = rng.uniform(8, 76, 70)
    features = rng.normal(size=(70, 300))
    features[:, ::3] += ages[:, None] / 20
    return features, ages


def parts(features, values):
    return (features[:40], values[:40]), (features[40:55], values[40:55])


def standardized(train, *others):
    scaler = StandardScaler().fit(train)
    train, *others = map(scaler.transform, (train, *others))
    length = np.sqrt(np.mean(np.sum(train**2, axis=1)))
    return [values / length for values in (train, *others)]


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("num_dynamics", [0, None, 100])
def test_every_learner_learns(name, num_dynamics, clips):
    features, ages = clips
    values = ages if name in AGE else (ages > 40).astype(int)
    features[:, 40] = 7.0  # one never changes
    train, valid = parts(features, values)
    chosen = choose(make_learner(name, num_dynamics), train, valid)
    answers = chosen.estimate(features[55:])
    assert answers.shape == (15,)
    if name in AGE:
        guess = np.abs(values[55:] - train[1].mean()).mean()
        assert np.abs(answers - values[55:]).mean() < guess
        assert (answers >= train[1].min()).all()
        assert (answers <= train[1].max()).all()
    else:
        assert (answers >= 0).all()
        assert (answers <= 1).all()
    again = choose(make_learner(name, num_dynamics), train, valid)
    np.testing.assert_allclose(
        again.estimate(features[55:]), answers, rtol=1e-4
    )


def test_answers_are_those_of_the_model_in_standard_units(clips):
    features, ages = clips
    train, valid = parts(features, ages)
    learner = make_learner("svr")
    wanted = {"C": 10.0, "gamma": 0.5, "epsilon": 2.0}
    only = [model for model in learner.models if model[0] == wanted]
    chosen = choose(dataclasses.replace(learner, models=only), train, valid)
    ours, test = standardized(train[0], features[55:])
    # What is not in the span of the training clips has no part in it.
    directions = np.linalg.svd(ours, full_matrices=False)[2][:39]
    model = SVR(**wanted).fit(ours, train[1])
    expected = model.predict(test @ directions.T @ directions)
    np.testing.assert_allclose(
        chosen.estimate(features[55:]),
        expected.clip(train[1].min(), train[1].max()),
        atol=0.01,  # years; within the tolerance of the solver
    )


def test_both_kinds_of_features_have_their_say_by_weight(clips):
    features, ages = clips
    features[:, 200:] *= 1000
    learner = make_learner("svr", 100)
    learner = dataclasses.replace(learner, models=learner.models[:1])
    for settings, unfitted in learner.preparations:
        count = settings["num_selected"]
        only = dataclasses.replace(learner, preparations=[(settings, unfitted)])
        chosen = choose(only, (features, ages), (features, ages))
        prepared = chosen.preparation.transform(features)
        appearance, dynamics = np.split(prepared, [-count], axis=1)
        selected = MinimumRedundancy(count).fit(features[:, 200:], ages)
        (expected,) = standardized(selected.transform(features[:, 200:]))
        weight = settings["dynamics_weight"]
        np.testing.assert_allclose(dynamics, weight * expected)
        assert np.mean(np.sum(appearance**2, axis=1)) == pytest.approx(1)


def test_appearance_that_never_changes_is_no_harm(clips):
    features, ages = clips
    features[:] = 3
    train, valid = parts(features, ages)
    chosen = choose(make_learner("svr"), train, valid)
    answers = chosen.estimate(features[55:])
    assert np.ptp(answers) == 0
    assert np.isfinite(answers).all()


def test_settings_that_err_least_on_validation_clips_are_chosen(clips):
    train, valid = parts(*clips)
    chosen = choose(make_learner("svr"), train, valid)
    trials = chosen.trials
    assert len(trials) == 32
    best = trials.loc[trials.valid_error.idxmin()].dropna()
    assert chosen.settings == best.drop("valid_error").to_dict()
    error = np.abs(chosen.estimate(valid[0]) - valid[1]).mean()
    assert error == pytest.approx(best.valid_error)


def test_validation_clips_choose_but_are_not_learnt(clips):
    features, ages = clips
    train, valid = parts(features, ages)
    first = choose(make_learner("svr"), train, valid)
    rng = np.random.default_rng(1)
    shuffled = valid[0], rng.permutation(valid[1])
    second = choose(make_learner("svr"), train, shuffled)
    assert first.settings != second.settings
    settings = [m[0] for m in make_learner("svr").models]
    learner = make_learner("svr")
    model = learner.models[settings.index(first.settings)]
    only = dataclasses.replace(learner, models=[model])
    third = choose(only, train, shuffled)
    np.testing.assert_allclose(
        third.estimate(features), first.estimate(features), rtol=1e-4
    )


def test_answers_stay_between_the_ages_of_the_training_clips():
    ages = np.linspace(10, 60, 20)
    model = [({}, SVR(kernel="linear", C=1e4))]
    learner = Learner([({}, StandardScaler())], model)
    train = ages[:, None], ages
    chosen = choose(learner, train, train)
    answers = chosen.estimate(np.array([[-1e6], [35.0], [1e6]]))
    np.testing.assert_allclose(answers, [10, 35, 60], atol=0.5)


def test_classes_are_those_of_the_svm_at_one_half(clips):
    features, ages = clips
    is_old = (ages > 40).astype(int)
    train, valid = parts(features, is_old)
    chosen = choose(make_learner("svc", None), train, valid)
    answers = chosen.estimate(features)
    prepared = chosen.preparation.transform(features)
    assert isinstance(chosen.model, SVC)
    np.testing.assert_array_equal(answers > 0.5, chosen.model.predict(prepared))
    np.testing.assert_allclose(
        answers, expit(chosen.model.decision_function(prepared))
    )
    wrong = np.mean((answers[40:55] > 0.5) != valid[1])
    assert chosen.trials.valid_error.min() == pytest.approx(wrong)


@pytest.mark.parametrize("name", ["tree", "bagged_trees"])
def test_trees_depend_on_the_seed_alone(name, clips):
    features, ages = clips
    # Which of two features that are the same in training is asked is chance.
    features = np.hstack([features[:, :6], features[:, :6]])
    features[55:, 6:] = 0
    train, valid = parts(features, (ages > 40).astype(int))
    found = [
        choose(make_learner(name, None, seed), train, valid).estimate(features)
        for seed in (3, 3, 4)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_samples_without_length_stay_as_they_are():
    zeros = np.zeros((3, 4))
    np.testing.assert_array_equal(UnitLength().fit_transform(zeros), zeros)


def test_an_unknown_learner_is_an_error():
    with pytest.raises(ValueError, match=r"of svr, .*Received: name='forest'"):
        make_learner("forest")


@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize(
    ("num_dynamics", "column", "value"),
    [(0, 7, np.nan), (100, 199, np.nan), (100, 200, np.inf), (None, 7, np.inf)],
)
def test_a_feature_that_is_not_finite_is_named(
    clips, part, num_dynamics, column, value
):
    both = parts(*clips)
    both[part][0][3, column] = value
    message = rf"finite.*Received: {value} as feature {column} of clip 3"
    with pytest.raises(ValueError, match=message):
        choose(make_learner("svr", num_dynamics), *both)


@pytest.mark.parametrize("num_dynamics", [100, None])
def test_unknown_motion_is_the_mean_of_training_clips(clips, num_dynamics):
    features, ages = clips
    features += 50
    first = 200 if num_dynamics else 0
    spoilt = features.copy()
    spoilt[[2, 41, 60], first:] = np.nan
    known = np.delete(np.arange(40), 2)
    features[[2, 41, 60], first:] = features[known, first:].mean(axis=0)
    found = [
        choose(make_learner("svr", num_dynamics), *parts(f, ages)).estimate(f)
        for f in (spoilt, features)
    ]
    np.testing.assert_allclose(*found, rtol=1e-6)


def test_a_motion_that_no_training_clip_shows_has_no_part_in_it(clips):
    features, ages = clips
    others = np.delete(features, [200, 250], axis=1)
    features[:40, [200, 250]] = np.nan
    found = [
        choose(make_learner("svr", n), *parts(f, ages)).estimate(f)
        for n, f in ((100, features), (98, others))
    ]
    np.testing.assert_allclose(*found, rtol=1e-6)


def test_appearance_is_prepared_once(clips, monkeypatch):
    fitted = []
    fit = PCA.fit_transform
    monkeypatch.setattr(
        PCA, "fit_transform", lambda *a, **k: fitted.append(1) or fit(*a, **k)
    )
    learner = make_learner("svr", 100)
    choose(learner, *parts(*clips))
    assert len(learner.preparations) == 4
    assert len(fitted) == 1
