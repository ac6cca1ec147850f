"""Few features of many: relevant to the target, not to each other."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted
from sklearn.utils.validation import validate_data


class MinimumRedundancy(SelectorMixin, BaseEstimator):
    """Minimum redundancy, maximum relevance: one feature after the other.

    With the features S that are taken, the next is the one that maximises

        |r(x_i, y)| - mean_{j in S} |r(x_i, x_j)|

    r being Pearson's correlation over the samples: the difference criterion
    of Ding and Peng with correlations, which need no bins, in the place of
    mutual information. A constant feature correlates with nothing. Of equals
    the first counts.

    Args:
        num_features: How many features are taken; all where there are fewer.

    Attributes:
        order_: Indices of the features that are taken, the first one first.

    Raises:
        ValueError: In `fit`, if `num_features` is below 1.

    Example:

    >>> y, noise = np.arange(6.0), np.array([1, -1, 1, -1, 1, -1])
    >>> features = np.column_stack([y - noise, y - noise, y + noise])
    >>> MinimumRedundancy(2).fit(features, y).order_.tolist()  # not the copy
    [0, 2]

    Reference:
    - Ding and Peng, Journal of Bioinformatics and Computational Biology 3(2),
      2005; Peng, Long and Ding, IEEE TPAMI 27(8), 2005.
    """

    def __init__(self, num_features=50):
        self.num_features = num_features

    def fit(self, X, y):
        """Chooses features.

        Args:
            X: `(samples, features)`, float.
            y: `(samples,)`: numbers, or two classes as 0 and 1.

        Returns:
            Itself.
        """
        if self.num_features < 1:
            raise ValueError(
                "At least one feature is to be taken. Received: "
                f"num_features={self.num_features}"
            )
        X, y = validate_data(self, X, y, dtype="float64", y_numeric=True)
        features, target = _unit_columns(X), _unit_columns(y[:, None])
        relevance = np.abs(features.T @ target)[:, 0]
        redundancy = np.zeros_like(relevance)
        is_free = np.ones(len(relevance), bool)
        order = []
        while len(order) < min(self.num_features, len(relevance)):
            score = relevance - redundancy / max(1, len(order))
            order.append(np.argmax(np.where(is_free, score, -np.inf)))
            is_free[order[-1]] = False
            redundancy += np.abs(features.T @ features[:, order[-1]])
        self.order_ = np.array(order)
        return self

    def _get_support_mask(self):
        check_is_fitted(self)
        mask = np.zeros(self.n_features_in_, bool)
        mask[self.order_] = True
        return mask


def _unit_columns(values):
    """Columns of mean 0 and length 1, or 0 where they are constant."""
    centred = values - values.mean(axis=0)
    # What is left of a constant by rounding is no variation.
    rounding = 1e-12 * np.abs(values).max(axis=0, initial=0)
    centred[:, np.abs(centred).max(axis=0) <= rounding] = 0
    length = np.linalg.norm(centred, axis=0)
    return centred / np.where(length > 0, length, 1)
