"""Learners on descriptors, their settings chosen on validation subjects.

Which learners the papers use is known, their settings are not; so every
learner brings a small grid, and `choose` takes what errs least on clips of
subjects that nothing was fitted to.
"""

import dataclasses
import itertools

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.base import clone
from sklearn.base import is_classifier
from sklearn.ensemble import BaggingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeClassifier

from fdin_tf.handcrafted.age_regressors import AdaptiveAgeRegressor
from fdin_tf.handcrafted.age_regressors import AgeGroupTree
from fdin_tf.handcrafted.preparation import common_preparation
from fdin_tf.handcrafted.preparation import preparations

# Costs of an error, in years or in units of the margin.
COSTS = (1.0, 10.0, 100.0, 1000.0)
# Widths of Gaussian kernels, for samples whose mean squared length is 1.
GAMMAS = (0.1, 0.5, 2.0)
# Errors of age that count as none, years.
EPSILONS = (0.5, 2.0)
# Half the width of an adaptive age group, years.
REACHES = (10.0, 20.0)
LEAF_SIZES = (3, 6, 12)
NUM_TREES = 100

#: Names of learners: of age, then of a class.
LEARNERS = (
    "svr",
    "age_group_tree",
    "adaptive_groups",
    "svc",
    "tree",
    "bagged_trees",
)


@dataclasses.dataclass(frozen=True)
class Learner:
    """What may be chosen.

    Attributes:
        preparations: Pairs of settings, a dict, and an unfitted transformer
            of features.
        models: Pairs of settings and an unfitted regressor or classifier.
        common: Unfitted transformer of features before all preparations,
            fitted once; or `"passthrough"`.
        num_dynamics: How many of the features, the last ones, are of dynamics
            and may be NaN, which means unknown; None: all.
    """

    preparations: tuple
    models: tuple
    common: object = "passthrough"
    num_dynamics: int | None = 0


@dataclasses.dataclass(frozen=True)
class Chosen:
    """A learner with the settings that erred least in validation.

    Attributes:
        preparation: Fitted transformer.
        model: Fitted regressor or classifier.
        limits: Least and greatest value of the training clips, between which
            the answers of a regressor are kept: a linear one may leave them
            by far where a feature of a clip is like no other's.
        settings: What was chosen, a dict.
        trials: Table of all settings, with `valid_error`: the mean absolute
            error in the unit of the values, or the share of wrong classes.
    """

    preparation: object
    model: object
    limits: tuple[float, float]
    settings: dict
    trials: pd.DataFrame

    def estimate(self, features):
        """Answers of clips.

        Args:
            features: `(clips, features)`.

        Returns:
            `(clips,)` float: the estimate in the unit of the values, or of
            the second class a share from 0 to 1, above 0.5 where the model
            answers with it: a tree's probability, or 1 / (1 + exp(-m)) of an
            SVM's signed distance m in units of the margin. It is not
            calibrated.
        """
        features = self.preparation.transform(features)
        return _estimate(self.model, features, self.limits)


def make_learner(name, num_dynamics=0, seed=0):
    """A learner and what may be chosen of it.

    Features of appearance are brought to mean 0 and variance 1, rotated onto
    their principal components (all: at most as many as training clips; that
    spares time, not features) and scaled by `UnitLength`. Features of dynamics
    that are NaN, those of clips whose motion is not known, become the mean of
    the training clips; of all, brought to mean 0 and variance 1, 20 or 60 are
    selected by `MinimumRedundancy` and scaled alike; beside appearance they
    are then weighted by 0.3 or 1. Trees take the same.

    Args:
        name: One of `LEARNERS`.
        num_dynamics: How many of the features, the last ones, are of
            dynamics; the others are of appearance. None: all.
        seed: Seed of what is random: trees.

    Returns:
        `Learner`.

    Raises:
        ValueError: If there is no such learner.

    Example:

    >>> learner = make_learner("svr")
    >>> len(learner.preparations), len(learner.models)
    (1, 32)
    """
    if name not in LEARNERS:
        raise ValueError(
            f"Expected a learner of {', '.join(LEARNERS)}. Received: {name=}"
        )
    return Learner(
        preparations(num_dynamics),
        tuple(_models(name, seed)),
        common_preparation(num_dynamics),
        num_dynamics,
    )


def choose(learner, train, valid):
    """Fits all that may be chosen to training clips; keeps the best.

    Args:
        learner: `Learner`.
        train: Pair of features `(clips, features)` and values `(clips,)`:
            numbers, or two classes as 0 and 1.
        valid: The same of the validation clips; of equal errors the first
            settings count.

    Returns:
        `Chosen`; it was fitted to the training clips alone.

    Raises:
        ValueError: If a feature is not finite, but for NaN of dynamics.
    """
    for features, _ in (train, valid):
        _check_finite(features, learner.num_dynamics)
    best, trials = None, []
    limits = float(np.min(train[1])), float(np.max(train[1]))
    common = clone(make_pipeline(learner.common))
    with np.errstate(invalid="ignore"):  # no feature that varies
        common_ours = common.fit_transform(*train)
    common_theirs = common.transform(valid[0])
    for prepared_by, unfitted in learner.preparations:
        transformer = clone(make_pipeline(unfitted))
        ours = transformer.fit_transform(common_ours, train[1]), train[1]
        theirs = transformer.transform(common_theirs)
        for fitted_by, unfitted in learner.models:
            model = clone(unfitted).fit(*ours)
            estimates = _estimate(model, theirs, limits)
            if is_classifier(model):
                error = np.mean((estimates > 0.5) != valid[1])
            else:
                error = np.mean(np.abs(estimates - valid[1]))
            settings = {**prepared_by, **fitted_by}
            trials.append({**settings, "valid_error": float(error)})
            if best is None or error < best[0]:
                preparation = make_pipeline(common, transformer)
                best = error, preparation, model, limits, settings
    return Chosen(*best[1:], pd.DataFrame(trials))


def _check_finite(features, num_dynamics):
    is_wrong = ~np.isfinite(features)
    first = 0 if num_dynamics is None else features.shape[1] - num_dynamics
    is_wrong[:, first:] &= ~np.isnan(features[:, first:])
    for clip, column in np.argwhere(is_wrong):
        raise ValueError(
            "Expected features that are finite numbers (those of dynamics may "
            f"be NaN). Received: {features[clip, column]} as feature {column} "
            f"of clip {clip}"
        )


def _estimate(model, features, limits):
    if not is_classifier(model):
        return model.predict(features).astype(float).clip(*limits)
    if hasattr(model, "predict_proba"):
        return model.predict_proba(features)[:, 1]
    return expit(model.decision_function(features))


def _models(name, seed):
    """Pairs of settings and models, the simplest first."""
    if name == "svr":
        yield from _grid(SVR, kernel=["linear"], C=COSTS, epsilon=EPSILONS)
        yield from _grid(SVR, C=COSTS, gamma=GAMMAS, epsilon=EPSILONS)
    elif name == "age_group_tree":
        yield from _grid(AgeGroupTree, C=COSTS, gamma=GAMMAS)
    elif name == "adaptive_groups":
        yield from _grid(
            AdaptiveAgeRegressor, reach=REACHES, C=COSTS, gamma=GAMMAS
        )
    elif name == "svc":
        yield from _grid(SVC, kernel=["linear"], C=COSTS)
        yield from _grid(SVC, C=COSTS, gamma=GAMMAS)
    elif name == "tree":
        for size in LEAF_SIZES[::-1]:
            yield (
                {"min_samples_leaf": size},
                DecisionTreeClassifier(
                    min_samples_leaf=size, random_state=seed
                ),
            )
    else:
        for size in LEAF_SIZES[::-1]:
            tree = DecisionTreeClassifier(min_samples_leaf=size)
            bag = BaggingClassifier(tree, NUM_TREES, random_state=seed)
            yield {"min_samples_leaf": size}, bag


def _grid(estimator, **values):
    for settings in itertools.product(*values.values()):
        settings = dict(zip(values, settings))
        yield settings, estimator(**settings)
