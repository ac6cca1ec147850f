"""Which relations the networks of a cross-validation answered from.

As Kim and Ro (ECCV 2018, section 4.2) average it: the importance of every
clip is that given by the network of the fold in which the clip is tested.
"""

import dataclasses

import pandas as pd

from fdin_tf.explain.groups import age_groups
from fdin_tf.explain.groups import group_importance
from fdin_tf.explain.importance import rank_relations
from fdin_tf.explain.importance import symmetry
from fdin_tf.explain.relation_plots import plot_group_relations
from fdin_tf.explain.relation_plots import plot_importance_matrix
from fdin_tf.explain.relation_plots import plot_relations_on_face

_SIZES = (2, 3)  # regions of a relation: pairs and triples
_GROUPED_BY = {
    "age": "age group",
    "gender": "gender",
    "spontaneity": "smile type",
}


@dataclasses.dataclass(frozen=True)
class Explanation:
    """What the networks of a cross-validation answered from.

    Attributes:
        tables: Dict of tables: `importance` (of every tested clip),
            `relations_2` and `relations_3` (pairs and triples, ranked),
            `importance_groups` (both by group) and `symmetry` (per fold and
            overall).
        figures: Dict of matplotlib figures, on a schematic face.
        metrics: Dict of numbers.
    """

    tables: dict
    figures: dict
    metrics: dict


def explain_folds(found, target, title="Unseen subjects"):
    """Importance of relations in clips by networks not trained on them.

    Args:
        found: `CrossValidation` with importance.
        target: `age`: groups are the paper's age groups; `gender`: genders;
            `spontaneity`: smile types.
        title: Headline of the pictures.

    Returns:
        `Explanation`.
    """
    importance = found.importance
    about = found.predictions.set_index("clip_id").loc[importance.index]
    groups = age_groups(about.age) if target == "age" else about[target]
    grouped_by = _GROUPED_BY[target]
    by_group = [
        group_importance(importance, groups, about.subject, n).assign(
            grouped_by=grouped_by, num_regions=n
        )
        for n in _SIZES
    ]
    agreement = _symmetries(importance, about.fold)
    tables = {
        "importance": importance.reset_index(),
        **{f"relations_{n}": rank_relations(importance, n) for n in _SIZES},
        "importance_groups": pd.concat(by_group, ignore_index=True),
        "symmetry": agreement,
    }
    figures = {
        "importance_matrix": plot_importance_matrix(importance, title),
        "importance_groups": plot_group_relations(
            None, by_group, title=f"{title}, by {grouped_by}"
        ),
        **{
            f"relations_{n}": plot_relations_on_face(
                importance, None, n, title=title
            )
            for n in _SIZES
        },
    }
    top = rank_relations(importance).iloc[0]
    metrics = {
        "importance_symmetry": agreement.symmetry.iloc[-1],
        "importance_of_rank_1": top.importance,
    }
    return Explanation(tables, figures, metrics)


def _symmetries(importance, fold):
    """Left and right agree by so much: a row per fold, and all clips."""
    rows = [
        {"fold": str(number), "symmetry": symmetry(of)}
        for number, of in importance.groupby(fold.to_numpy())
    ]
    return pd.DataFrame(
        [*rows, {"fold": "all", "symmetry": symmetry(importance)}]
    )
