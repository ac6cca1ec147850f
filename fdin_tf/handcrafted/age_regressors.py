"""Two-step estimates of age: a tree of age groups, and adaptive groups."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.base import RegressorMixin
from sklearn.svm import SVC
from sklearn.svm import SVR
from sklearn.utils.validation import check_is_fitted
from sklearn.utils.validation import validate_data


class AgeGroupTree(RegressorMixin, BaseEstimator):
    """A tree of binary SVMs over age groups, answered by their mean age.

    Hadid (2011) sorts clips into child, youth, adult, middle-aged and elderly
    by a tree of four SVMs. Here the edges of the groups are 10, 20, 40 and 60
    years (each belongs to the older group); the tree first asks for the
    middle edge (below 20?), then halves what is left (below 10?; below 40?,
    below 60?). Every SVM is trained on the clips below its node. The answer
    is the mean age of the training clips of the group (the original stops at
    the group). A node with clips on one side alone always answers that side.

    Args:
        edges: First years of all groups but the youngest, increasing.
        C: Cost of an error of the SVMs.
        gamma: Width of their Gaussian kernel, see `sklearn.svm.SVC`.

    Raises:
        ValueError: In `fit`, if the edges do not increase.

    Example:

    >>> ages = np.array([5.0, 15.0, 30.0, 50.0, 70.0])
    >>> tree = AgeGroupTree(C=100).fit(ages[:, None] / 10, ages)
    >>> tree.predict([[0.6], [7.1]]).tolist()
    [5.0, 70.0]

    Reference:
    - Hadid, Human Behavior Understanding, 2011.
    """

    def __init__(self, edges=(10, 20, 40, 60), C=1.0, gamma="scale"):
        self.edges = edges
        self.C = C
        self.gamma = gamma

    def fit(self, X, y):
        """Trains the SVMs on features `(samples, features)` and ages."""
        if not (np.diff(self.edges) > 0).all():
            raise ValueError(
                "Expected increasing edges of age groups. Received: "
                f"edges={tuple(self.edges)}"
            )
        X, y = validate_data(self, X, y, y_numeric=True)
        self.root_ = self._grow(X, y, tuple(self.edges))
        return self

    def predict(self, X):
        """Ages in years, `(samples,)`."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        return _descend(self.root_, X)

    def _grow(self, X, y, edges):
        """A mean age, or `(svm, younger, older)`."""
        if not edges:
            return float(y.mean())
        middle = (len(edges) - 1) // 2
        is_older = y >= edges[middle]
        if is_older.all():
            return self._grow(X, y, edges[middle + 1 :])
        if not is_older.any():
            return self._grow(X, y, edges[:middle])
        svm = SVC(C=self.C, gamma=self.gamma).fit(X, is_older)
        younger = self._grow(X[~is_older], y[~is_older], edges[:middle])
        older = self._grow(X[is_older], y[is_older], edges[middle + 1 :])
        return svm, younger, older


def _descend(node, X):
    if not isinstance(node, tuple):
        return np.full(len(X), node)
    svm, younger, older = node
    ages = np.empty(len(X))
    if len(X):
        is_older = svm.predict(X)
        ages[~is_older] = _descend(younger, X[~is_older])
        ages[is_older] = _descend(older, X[is_older])
    return ages


class AdaptiveAgeRegressor(RegressorMixin, BaseEstimator):
    """A coarse estimate of age, then one among people of about that age.

    Dibeklioglu et al. (2015) estimate age in a hierarchy with adaptive age
    groups; its details are not in the papers that quote it, so here: a
    support vector regression on all training clips gives a coarse estimate,
    which is rounded to a centre, every `step` years; a second one, trained on
    the clips of at most `reach` years from that centre, gives the answer,
    limited to `centre - reach` and `centre + reach`. Groups overlap, so
    neighbours differ little. A group with fewer than `least` clips is
    answered by the coarse estimate.

    Args:
        reach: Half the width of a group, years.
        step: Distance of the centres, years.
        least: Clips that a group needs for a regression of its own.
        C: Cost of an error, years; of both steps.
        gamma: Width of the Gaussian kernels, see `sklearn.svm.SVR`.
        epsilon: Errors up to here count as none, years.

    Raises:
        ValueError: In `fit`, if `reach` is below half of `step`.

    Example:

    >>> ages = np.linspace(8, 76, 100)
    >>> features = np.column_stack([ages / 76, np.ones(100)])
    >>> regressor = AdaptiveAgeRegressor(C=100.0).fit(features, ages)
    >>> bool(abs(regressor.predict(features) - ages).mean() < 2)
    True

    Reference:
    - Dibeklioglu, Alnajar, Salah and Gevers, IEEE Transactions on Image
      Processing 24(6), 2015.
    """

    def __init__(
        self,
        reach=15.0,
        step=5.0,
        least=10,
        C=1.0,
        gamma="scale",
        epsilon=1.0,
    ):
        self.reach = reach
        self.step = step
        self.least = least
        self.C = C
        self.gamma = gamma
        self.epsilon = epsilon

    def fit(self, X, y):
        """Trains the regressions on `(samples, features)` and ages."""
        if self.reach < self.step / 2:
            raise ValueError(
                "Age groups must meet: `reach` must be at least half of "
                f"`step`. Received: reach={self.reach}, step={self.step}"
            )
        X, y = validate_data(self, X, y, y_numeric=True)
        self.coarse_ = self._svr().fit(X, y)
        self.fine_ = {}
        low, high = (round(edge / self.step) for edge in (y.min(), y.max()))
        for number in range(low, high + 1):
            near = np.abs(y - number * self.step) <= self.reach
            if near.sum() >= self.least:
                self.fine_[number] = self._svr().fit(X[near], y[near])
        self.centres_ = np.arange(low, high + 1)
        return self

    def predict(self, X):
        """Ages in years, `(samples,)`."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        ages = self.coarse_.predict(X)
        nearest = np.round(ages / self.step)
        nearest = nearest.clip(self.centres_[0], self.centres_[-1])
        for number, regressor in self.fine_.items():
            ours = nearest == number
            if ours.any():
                centre = number * self.step
                ages[ours] = regressor.predict(X[ours]).clip(
                    centre - self.reach, centre + self.reach
                )
        return ages

    def _svr(self):
        return SVR(C=self.C, gamma=self.gamma, epsilon=self.epsilon)
