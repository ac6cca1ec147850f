"""Answers of a cross-validated classifier: per video or per subject.

A clip is answered with the target's second class where the estimated
probability of that class is above one half, otherwise with the first.
"""

import itertools

import numpy as np
import pandas as pd

from fdin_tf.data.clips import TARGET_CLASSES

#: Columns of the predictions of a `CrossValidation`.
PREDICTION_COLUMNS = (
    "clip_id", "subject", "age", "gender", "spontaneity", "fold", "estimate",
    "baseline",
)  # fmt: skip
#: Last year of the younger group in the gender protocol (Kim & Ro, Table 5).
AGE_EDGES = (19,)
_SHARE = "a share from 0 to 1"


def age_group_labels(edges=AGE_EDGES):
    """Labels of the age groups between edges, in completed years.

    Args:
        edges: Last year of every group but the oldest: increasing whole
            numbers, at least one.

    Returns:
        Tuple of labels, from the youngest group to the oldest.

    Raises:
        ValueError: If the edges are not increasing whole numbers from 0.

    Example:

    >>> age_group_labels((12, 19))
    ('<=12', '13-19', '>19')
    """
    steps = list(itertools.pairwise(edges))
    if (
        not edges
        or any(end % 1 != 0 or end < 0 for end in edges)
        or any(first >= second for first, second in steps)
    ):
        raise ValueError(
            "Expected increasing whole years as the edges of age groups. "
            f"Received: edges={tuple(edges)}"
        )
    between = [
        f"{first + 1:.0f}-{last:.0f}" if last > first + 1 else f"{last:.0f}"
        for first, last in steps
    ]
    return (f"<={edges[0]:.0f}", *between, f">{edges[-1]:.0f}")


def age_groups(ages, edges=AGE_EDGES):
    """The age group of every clip.

    Args:
        ages: Series of ages in years. Completed years count: 19.5 is 19.
        edges: See `age_group_labels`.

    Returns:
        Series of labels; missing where the age is.

    Example:

    >>> age_groups(pd.Series([12.0, 19.5, 20.0])).tolist()
    ['<=19', '<=19', '>19']
    """
    labels = age_group_labels(edges)
    bins = [-np.inf, *edges, np.inf]
    groups = pd.cut(np.floor(ages.astype(float)), bins, labels=list(labels))
    return groups.astype("str")


def check_class_target(target):
    """Refuses a target that has no classes.

    Raises:
        ValueError: If it is neither `gender` nor `spontaneity`.
    """
    if target not in TARGET_CLASSES:
        raise ValueError(
            f"Expected a class target: {' or '.join(TARGET_CLASSES)}. "
            f"Received: target={target!r}"
        )


def check_columns(predictions, source="the predictions"):
    """Checks that a table is one of predictions.

    Args:
        predictions: DataFrame.
        source: What a message calls it.

    Raises:
        ValueError: If a column is missing or there is no row.
    """
    missing = [name for name in PREDICTION_COLUMNS if name not in predictions]
    if missing:
        raise ValueError(
            f"Expected the columns {', '.join(PREDICTION_COLUMNS)} in "
            f"{source}. Missing: {', '.join(missing)}. Received: "
            f"columns={list(predictions)}"
        )
    if predictions.empty:
        raise ValueError(
            f"Expected at least one row in {source}. Received: no row"
        )


def check_predictions(predictions, target):
    """Checks that a table can be counted.

    Args:
        predictions: See `make_decisions`.
        target: `gender` or `spontaneity`.

    Raises:
        ValueError: If the target is no class target, or the predictions are
            empty or lack a column, a subject, a true class or a probability;
            the message names the first such clip.
    """
    check_class_target(target)
    check_columns(predictions)
    classes = TARGET_CLASSES[target]
    for column, is_good, expected in (
        ("subject", predictions.subject.notna(), "a subject"),
        (target, predictions[target].isin(classes), " or ".join(classes)),
        ("estimate", predictions.estimate.between(0, 1), _SHARE),
        ("baseline", predictions.baseline.between(0, 1), _SHARE),
    ):
        if not is_good.all():
            bad = predictions[["clip_id", column]].astype(object)[~is_good]
            clip_id, value = bad.iloc[0]
            raise ValueError(
                f"Expected {expected} in column `{column}` of every "
                f"prediction. Received: {value!r} for clip_id={clip_id!r}"
            )


def make_decisions(predictions, target, edges=AGE_EDGES, per="video"):
    """One row per decision, with classes as 0 and 1.

    Args:
        predictions: Table with one row per tested clip: `clip_id`, `subject`,
            `age` (years), `gender`, `spontaneity`, `fold`, `estimate`
            (probability of the target's second class) and `baseline` (share
            of that class among the training clips of that fold). Labels other
            than the target may be missing.
        target: `gender` or `spontaneity`.
        edges: Edges of the age groups, see `age_group_labels`.
        per: `video`: one decision per clip, in their order; `subject`: one
            per subject and smile type, from the mean probability of the
            subject's clips of that type (and of that age group, should a
            subject's age differ among clips), sorted by subject. Gender only:
            the clips of one smile type, which are averaged, are what is to be
            told apart for spontaneity.

    Returns:
        The labels, `estimate` and `baseline` with the further columns
        `age_group`, `clips` (number of clips decided on) and, 0 for the first
        class and 1 for the second, `truth`, `answer` and `commonest` (among
        the training clips).

    Raises:
        ValueError: As `check_predictions`; if the edges do not increase,
            `per` is neither of the two or is `subject` for spontaneity, or
            clips of a subject differ in gender.

    Example:

    >>> decisions = make_decisions(pd.DataFrame({
    ...     "clip_id": ["a", "b"], "subject": ["1", "1"], "age": [19, 19],
    ...     "gender": ["male", "male"], "spontaneity": ["posed", "posed"],
    ...     "fold": [0, 0], "estimate": [0.9, 0.4], "baseline": [0.5, 0.5],
    ... }), "gender", per="subject")
    >>> decisions[["age_group", "clips", "truth", "answer"]].values.tolist()
    [['<=19', 2, 1, 1]]
    """
    check_predictions(predictions, target)
    table = predictions.reset_index(drop=True)
    table = table.assign(
        # As text also where no clip at all has the label.
        gender=table.gender.astype("str"),
        spontaneity=table.spontaneity.astype("str"),
        age_group=age_groups(table.age, edges),
        clips=1,
    )
    if per == "subject":
        table = _per_subject(table, target)
    elif per != "video":
        raise ValueError(
            f"Expected one decision per `video` or `subject`. Received: "
            f"per={per!r}"
        )
    second = TARGET_CLASSES[target][1]
    return table.assign(
        truth=(table[target] == second).astype(int),
        answer=(table.estimate > 0.5).astype(int),
        commonest=(table.baseline > 0.5).astype(int),
    )


def _per_subject(table, target):
    """Averages the clips of a subject, smile type and age group."""
    if target != "gender":
        raise ValueError(
            "Expected decisions per `video`: clips of one smile type can be "
            f"averaged only where it is known. Received: per='subject' for "
            f"target={target!r}"
        )
    sexes = table.groupby("subject")[target].nunique()
    if (sexes > 1).any():
        raise ValueError(
            "Expected one gender per subject. Received: both for subject="
            f"{sexes.idxmax()!r}"
        )
    keys = ["subject", "spontaneity", "age_group"]
    rest = dict.fromkeys(("clip_id", "age", target, "fold"), "first")
    return table.groupby(keys, dropna=False, as_index=False).agg(
        {**rest, "estimate": "mean", "baseline": "mean", "clips": "sum"}
    )
