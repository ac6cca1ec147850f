"""What is done to features before they are learnt: scaling and selection."""

import itertools

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.base import TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted
from sklearn.utils.validation import validate_data

from fdin_tf.handcrafted.selection import MinimumRedundancy

# How many features of dynamics are taken.
NUM_SELECTED = (20, 60)
# How much say they have beside appearance, in lengths of the samples.
DYNAMICS_WEIGHTS = (0.3, 1.0)
# Share of the variance that principal components may lose: directions in
# which training clips differ by rounding errors alone.
_LOST_VARIANCE = 1e-6


class UnitLength(TransformerMixin, BaseEstimator):
    """Divides by the root mean square length of the training samples.

    So that kernels and costs mean the same for 50 features and for 50,000.

    Attributes:
        length_: That length; 1 where all samples are 0.
    """

    def fit(self, X, y=None):
        """Measures `(samples, features)`."""
        X = validate_data(self, X, dtype=("float64", "float32"))
        length = np.sqrt(np.square(X, dtype="float64").sum(axis=1).mean())
        self.length_ = length if length > 0 else 1.0
        return self

    def transform(self, X):
        """Divides `(samples, features)`."""
        check_is_fitted(self)
        return X / self.length_


def common_preparation(num_dynamics):
    """What is done to features whatever is chosen.

    Args:
        num_dynamics: As of `make_learner`.

    Returns:
        Unfitted transformer.
    """
    appearance = make_pipeline(
        StandardScaler(), PCA(1 - _LOST_VARIANCE), UnitLength()
    )
    # A column that is NaN in all training clips becomes 0.
    dynamics = make_pipeline(
        SimpleImputer(keep_empty_features=True), StandardScaler()
    )
    if num_dynamics is None:
        return dynamics
    return _beside(appearance, dynamics, num_dynamics)


def preparations(num_dynamics):
    """What may be chosen of what is done to features next.

    Args:
        num_dynamics: As of `make_learner`.

    Returns:
        Tuple of pairs of settings, a dict, and an unfitted transformer or
        `"passthrough"`.

    Example:

    >>> [settings for settings, _ in preparations(num_dynamics=None)]
    [{'num_selected': 20}, {'num_selected': 60}]
    """
    if num_dynamics == 0:
        return (({}, "passthrough"),)
    if num_dynamics is None:
        return tuple(({"num_selected": n}, _selected(n)) for n in NUM_SELECTED)
    return tuple(
        (
            {"num_selected": count, "dynamics_weight": weight},
            _beside("passthrough", _selected(count), num_dynamics, weight),
        )
        for count, weight in itertools.product(NUM_SELECTED, DYNAMICS_WEIGHTS)
    )


def _beside(appearance, dynamics, num_dynamics, weight=1.0):
    """One transformer of the last features, and one of those before."""
    if num_dynamics == 0:
        return appearance
    return ColumnTransformer(
        [
            ("appearance", appearance, slice(-num_dynamics)),
            ("dynamics", dynamics, slice(-num_dynamics, None)),
        ],
        transformer_weights={"dynamics": weight},
    )


def _selected(count):
    return make_pipeline(MinimumRedundancy(count), UnitLength())
