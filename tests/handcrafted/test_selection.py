"""MinimumRedundancy: its definition, literally; copies and constants."""

import numpy as np
import pytest

from fdin_tf.handcrafted.selection import MinimumRedundancy


@pytest.fixture
def samples():
    rng = np.random.default_rng(0)
    y = rng.normal(size=60)
    features = rng.normal(size=(60, 12)) + y[:, None] * rng.normal(size=12)
    return features, y


def literal_order(X, y, count):
    """The definition, one correlation at a time."""

    def correlation(a, b):
        return abs(np.corrcoef(a, b)[0, 1])

    taken = []
    while len(taken) < count:
        scores = {}
        for i in set(range(X.shape[1])) - set(taken):
            redundancy = [correlation(X[:, i], X[:, j]) for j in taken]
            scores[i] = correlation(X[:, i], y)
            scores[i] -= np.mean(redundancy) if taken else 0
        taken.append(max(scores, key=scores.get))
    return taken


def test_features_are_taken_as_defined(samples):
    order = MinimumRedundancy(7).fit(*samples).order_.tolist()
    assert order == literal_order(*samples, 7)


def test_two_classes_are_numbers(samples):
    features, y = samples
    is_high = (y > 0).astype(int)
    order = MinimumRedundancy(5).fit(features, is_high).order_.tolist()
    assert order == literal_order(features, is_high, 5)


def test_units_do_not_matter(samples):
    features, y = samples
    scaled = features * np.logspace(-3, 3, 12) + 5
    first, second = (
        MinimumRedundancy(6).fit(x, y).order_.tolist()
        for x in (features, scaled)
    )
    assert first == second


def test_constant_features_come_last(samples):
    features, y = samples
    features[:, [0, 5]] = 0.1, 1e8 / 3
    order = MinimumRedundancy(12).fit(features, y).order_.tolist()
    assert sorted(order) == list(range(12))
    relevant = [i for i in order[:3] if i in (0, 5)]
    assert relevant == []


def test_what_is_taken_keeps_its_columns(samples):
    features, y = samples
    selection = MinimumRedundancy(4).fit(features, y)
    np.testing.assert_array_equal(
        selection.transform(features), features[:, np.sort(selection.order_)]
    )


def test_all_are_taken_where_there_are_fewer(samples):
    features, y = samples
    assert MinimumRedundancy(50).fit_transform(features, y).shape == (60, 12)


def test_none_is_an_error(samples):
    with pytest.raises(ValueError, match=r"At least one .* num_features=0"):
        MinimumRedundancy(0).fit(*samples)
