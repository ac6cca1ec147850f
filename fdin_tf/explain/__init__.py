"""What carried an estimate."""

from fdin_tf.explain.explained import explained
from fdin_tf.explain.groups import age_groups
from fdin_tf.explain.groups import group_importance
from fdin_tf.explain.groups import of_group
from fdin_tf.explain.importance import importance_table
from fdin_tf.explain.importance import predict_importance
from fdin_tf.explain.importance import rank_relations
from fdin_tf.explain.importance import relation_importance
from fdin_tf.explain.importance import relation_name
from fdin_tf.explain.importance import relations
from fdin_tf.explain.importance import symmetry

__all__ = [
    "age_groups",
    "explained",
    "group_importance",
    "importance_table",
    "of_group",
    "predict_importance",
    "rank_relations",
    "relation_importance",
    "relation_name",
    "relations",
    "symmetry",
]
