"""Accuracy of estimated classes: over all clips, within groups, in cells.

Predictions are the table of a `CrossValidation`, see `make_decisions`.
"""

import itertools

import numpy as np
import pandas as pd
from fairlearn.metrics import MetricFrame
from fairlearn.metrics import count
from sklearn.metrics import accuracy_score
from sklearn.metrics import confusion_matrix
from sklearn.metrics import recall_score

from fdin_tf.data.clips import TARGET_CLASSES
from fdin_tf.data.clips import require_target
from fdin_tf.data.folds import PARTS
from fdin_tf.statistics import clustered_mean
from fdin_tf.training.decisions import AGE_EDGES
from fdin_tf.training.decisions import age_group_labels
from fdin_tf.training.decisions import check_class_target
from fdin_tf.training.decisions import make_decisions

# What is crossed with age: its column, its name, its values in the order of
# the paper.
_CROSSED = {
    "gender": ("spontaneity", "smile_type", ("spontaneous", "posed")),
    "spontaneity": ("gender", "gender", TARGET_CLASSES["gender"]),
}
_COUNTS = ["clips", "samples", "subjects"]


def class_errors(predictions, target, edges=AGE_EDGES):
    """Accuracy: all, per smile type, gender, age group and fold.

    Args:
        predictions: See `make_decisions`.
        target: `gender` or `spontaneity`.
        edges: Edges of the age groups, see `age_group_labels`.

    Returns:
        Table with the columns `grouped_by`, `group`, `clips`, `subjects` and,
        all in %, `accuracy`, its `standard_error` (clustered by subject),
        `balanced_accuracy` (mean of the two recalls), `recall_<class>` of
        both classes, and `baseline_accuracy` (of answering the commonest
        class of the training clips). Recall of a class that a group lacks is
        NaN, and so is the group's balanced accuracy; a clip that lacks a
        label is in no group of it.

    Raises:
        ValueError: As `make_decisions`.
    """
    decisions = make_decisions(predictions, target, edges)
    groupings = {
        "all": pd.Series("all", index=decisions.index),
        "smile type": decisions.spontaneity,
        "gender": decisions.gender,
        "age group": decisions.age_group,
        "fold": decisions.fold,
    }
    tables = []
    for name, group in groupings.items():
        order = (
            age_group_labels(edges)
            if name == "age group"
            else sorted(group.dropna().unique())
        )
        table = _measures(decisions, group, order, target)
        table = table[table.clips > 0].drop(columns="samples")
        table.insert(0, "grouped_by", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def confusion(predictions, target):
    """How many clips of each class were answered with each class.

    Args:
        predictions: See `make_decisions`.
        target: `gender` or `spontaneity`.

    Returns:
        Table of counts: one row per true class, one column per estimated
        class, in the order of `TARGET_CLASSES`.

    Raises:
        ValueError: As `make_decisions`.
    """
    decisions = make_decisions(predictions, target)
    classes = TARGET_CLASSES[target]
    return pd.DataFrame(
        confusion_matrix(decisions.truth, decisions.answer, labels=[0, 1]),
        index=pd.Index(classes, name="true"),
        columns=pd.Index(classes, name="estimated"),
    )


def class_cells(predictions, target, edges=AGE_EDGES, per="video"):
    """Accuracy in cells: the other class label x age group, and `All`.

    For gender these are the cells of Dantcheva and Bremond, smile type x age
    group, as in Table 5 of Kim & Ro (ECCV 2018), pooled over folds. The
    paper's own rows count videos; the rows that it quotes from Dantcheva &
    Bremond (IEEE TIFS 2017) fit one decision per subject and smile type. For
    spontaneity they are gender x age group.

    Args:
        predictions: See `make_decisions`.
        target: `gender` or `spontaneity`.
        edges: Edges of the age groups, see `age_group_labels`.
        per: `video` or `subject`, see `make_decisions`.

    Returns:
        Table with one row per cell, in the paper's order, and `All` as its
        last. The columns are `smile_type` (for spontaneity `gender`),
        `age_group`, `clips`, `samples` (decisions; as many as clips where
        they are per video), `subjects` and, in %, `accuracy`,
        `standard_error` (clustered by subject) and `balanced_accuracy`. `All`
        pools the decisions: per subject, one with both smile types counts
        twice. A cell without clips has NaN; a clip that lacks a label of the
        cells is in `All` only.

    Raises:
        ValueError: As `make_decisions`.
    """
    decisions = make_decisions(predictions, target, edges, per)
    column, name, values = _CROSSED[target]
    cells = list(itertools.product(values, age_group_labels(edges)))
    measures = pd.concat(
        [
            _measures(
                decisions,
                decisions[column].str.cat(decisions.age_group, sep=" "),
                [" ".join(cell) for cell in cells],
                target,
            ),
            _measures(
                decisions,
                pd.Series("All", index=decisions.index),
                ["All"],
                target,
            ),
        ],
        ignore_index=True,
    )
    named = pd.DataFrame([*cells, ("All", "All")], columns=[name, "age_group"])
    wanted = [*_COUNTS, "accuracy", "standard_error", "balanced_accuracy"]
    return named.join(measures[wanted])


def check_classes(clips, folds, target):
    """Refuses folds that a class cannot be learnt, chosen or tested in.

    Args:
        clips: Clip table.
        folds: List of `Fold`.
        target: `gender` or `spontaneity`.

    Raises:
        ValueError: If a clip has no label, or if a part of a fold holds one
            class only; the message names the fold, the part and the class.
    """
    check_class_target(target)
    require_target(clips, target)
    label = dict(zip(clips.clip_id, clips[target]))
    for fold in folds:
        for part in PARTS:
            found = {label[clip_id] for clip_id in getattr(fold, part)}
            if len(found) == 1:
                raise ValueError(
                    f"Expected both classes of `{target}` in every part of a "
                    "fold: try fewer folds (--num-folds), another --seed or "
                    f"a file of --folds. Received: only {found.pop()!r} in "
                    f"the {part} part of fold {fold.number}"
                )


def _measures(decisions, group, order, target):
    """What is measured within groups, one row per group of `order`."""
    known = group.notna()
    decisions, group = decisions[known], group[known]
    names = [f"recall_{name}" for name in TARGET_CLASSES[target]]
    metrics = {
        "clips": lambda truth, answer, clips: clips.sum(),
        "samples": count,
        "subjects": lambda truth, answer, subject: len(np.unique(subject)),
        "accuracy": lambda truth, answer: 100 * accuracy_score(truth, answer),
        "standard_error": _standard_error,
        "balanced_accuracy": lambda *both: _recalls(*both).mean(),
        names[0]: lambda *both: _recalls(*both)[0],
        names[1]: lambda *both: _recalls(*both)[1],
        "baseline_accuracy": lambda truth, answer, commonest: (
            100 * accuracy_score(truth, commonest)
        ),
    }
    if decisions.empty:
        measures = pd.DataFrame(columns=list(metrics), dtype=float)
    else:
        measures = MetricFrame(
            metrics=metrics,
            y_true=decisions.truth,
            y_pred=decisions.answer,
            sensitive_features=group.rename("group"),
            sample_params={
                "clips": {"clips": decisions.clips},
                "subjects": {"subject": decisions.subject},
                "standard_error": {"subject": decisions.subject},
                "baseline_accuracy": {"commonest": decisions.commonest},
            },
        ).by_group
    measures = measures.reindex(list(order)).astype(float)
    measures[_COUNTS] = measures[_COUNTS].fillna(0).astype(int)
    measures.index = pd.Index([str(name) for name in order], name="group")
    return measures.reset_index()


def _standard_error(truth, answer, subject):
    right = np.asarray(truth) == np.asarray(answer)
    return 100 * clustered_mean(right, subject)[1]


def _recalls(truth, answer):
    """Recall of both classes, in %; NaN of a class that is not there."""
    return 100 * recall_score(
        truth, answer, labels=[0, 1], average=None, zero_division=np.nan
    )
