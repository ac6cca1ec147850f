"""Two-step estimates of age: which clips which SVM sees, and edges."""

import numpy as np
import pytest
from sklearn.svm import SVC
from sklearn.svm import SVR

from fdin_tf.handcrafted.age_regressors import AdaptiveAgeRegressor
from fdin_tf.handcrafted.age_regressors import AgeGroupTree


@pytest.fixture
def samples():
    """120 clips of people from 3 to 79 years, age in three noisy features."""
    rng = np.random.default_rng(0)
    ages = rng.uniform(3, 79, 120)
    features = np.column_stack([ages, np.sqrt(ages), rng.normal(size=120)])
    return features / [40, 8, 1] + rng.normal(0, 0.1, (120, 3)), ages


def literal_tree(X, y, queries, C, gamma):
    """Hadid's groups by four SVMs, written out."""

    def older(edge, rows):
        return SVC(C=C, gamma=gamma).fit(X[rows], y[rows] >= edge)

    everyone = y >= 0
    at_20 = older(20, everyone)
    at_10, at_40 = older(10, y < 20), older(40, y >= 20)
    at_60 = older(60, y >= 40)
    ages = []
    for query in queries[:, None]:
        if not at_20.predict(query)[0]:
            is_youth = at_10.predict(query)[0]
            low, high = (10, 20) if is_youth else (0, 10)
        elif not at_40.predict(query)[0]:
            low, high = 20, 40
        else:
            low, high = (60, 999) if at_60.predict(query)[0] else (40, 60)
        ages.append(y[(y >= low) & (y < high)].mean())
    return ages


def test_the_tree_is_four_svms_and_answers_mean_ages(samples):
    X, y = samples
    tree = AgeGroupTree(C=10, gamma=0.5).fit(X[:90], y[:90])
    expected = literal_tree(X[:90], y[:90], X[90:], C=10, gamma=0.5)
    np.testing.assert_allclose(tree.predict(X[90:]), expected)
    assert len(set(tree.predict(X))) == 5


def test_an_age_on_an_edge_is_of_the_older_group():
    ages = np.array([8.0, 8.0, 10.0, 12.0])
    tree = AgeGroupTree(C=100).fit(ages[:, None], ages)
    np.testing.assert_allclose(tree.predict([[8.0], [12.0]]), [8, 11])


def test_groups_without_clips_are_never_answered(samples):
    X, y = samples
    is_adult = (y >= 20) & (y < 40)
    tree = AgeGroupTree().fit(X[is_adult], y[is_adult])
    np.testing.assert_allclose(tree.predict(X), y[is_adult].mean())


def test_edges_must_increase(samples):
    with pytest.raises(ValueError, match=r"Received: edges=\(20, 10\)"):
        AgeGroupTree(edges=(20, 10)).fit(*samples)


def literal_adaptive(X, y, queries, reach, step, least, **svr):
    """The definition, one query at a time."""
    coarse = SVR(**svr).fit(X, y)
    centres = step * np.arange(round(y.min() / step), round(y.max() / step) + 1)
    ages = []
    for query in queries[:, None]:
        age = coarse.predict(query)[0]
        centre = step * np.clip(
            np.round(age / step), centres[0] / step, centres[-1] / step
        )
        near = np.abs(y - centre) <= reach
        if near.sum() >= least:
            age = SVR(**svr).fit(X[near], y[near]).predict(query)[0]
            age = np.clip(age, centre - reach, centre + reach)
        ages.append(age)
    return ages


@pytest.mark.parametrize("least", [10, 25])
def test_the_second_regression_is_among_people_of_about_that_age(
    samples, least
):
    X, y = samples
    settings = {
        "reach": 12.0, "step": 5.0, "least": least, "C": 10.0, "gamma": 0.5,
        "epsilon": 0.5,
    }  # fmt: skip
    regressor = AdaptiveAgeRegressor(**settings).fit(X[:90], y[:90])
    expected = literal_adaptive(X[:90], y[:90], X[90:], **settings)
    np.testing.assert_allclose(regressor.predict(X[90:]), expected)
    coarse = regressor.coarse_.predict(X[90:])
    assert np.abs(coarse - expected).max() > 0.1


def test_groups_with_few_clips_are_answered_by_the_coarse_estimate(samples):
    X, y = samples
    regressor = AdaptiveAgeRegressor(least=1000).fit(X, y)
    np.testing.assert_array_equal(
        regressor.predict(X), regressor.coarse_.predict(X)
    )


def test_groups_must_meet(samples):
    with pytest.raises(ValueError, match=r"reach=2.0, step=5.0"):
        AdaptiveAgeRegressor(reach=2.0).fit(*samples)
