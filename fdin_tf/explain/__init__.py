"""What carried an estimate."""

from fdin_tf.explain.attention import ClipAttention
from fdin_tf.explain.attention import apex_to_neutral
from fdin_tf.explain.attention import face_auc
from fdin_tf.explain.attention import predict_attention
from fdin_tf.explain.attention import upsample
from fdin_tf.explain.attention import weight_per_frame
from fdin_tf.explain.attention_components import first_layer_components
from fdin_tf.explain.attributions import attributions
from fdin_tf.explain.clip_relevance import pair_relevance
from fdin_tf.explain.clip_relevance import predict_relevance
from fdin_tf.explain.clip_relevance import region_relevance
from fdin_tf.explain.dynamics import split_at_dynamics
from fdin_tf.explain.explained import explained
from fdin_tf.explain.face_parts import face_parts
from fdin_tf.explain.face_parts import face_skin
from fdin_tf.explain.face_parts import positive_share
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
from fdin_tf.explain.occlusion import occlude
from fdin_tf.explain.occlusion import occlude_parts
from fdin_tf.explain.occlusion import occlusion_test
from fdin_tf.explain.occlusion import rank_parts
from fdin_tf.explain.perturbation import important_regions
from fdin_tf.explain.perturbation import perturb
from fdin_tf.explain.perturbation import perturbation_errors
from fdin_tf.explain.perturbation import perturbation_table
from fdin_tf.explain.perturbation import region_importance
from fdin_tf.explain.perturbation import replace_dynamics
from fdin_tf.explain.pixel_flipping import aopc
from fdin_tf.explain.pixel_flipping import compare_explanations
from fdin_tf.explain.pixel_flipping import flip_pixels
from fdin_tf.explain.pixel_flipping import flipping_curves
from fdin_tf.explain.scores import make_predict

__all__ = [
    "ClipAttention",
    "age_groups",
    "aopc",
    "apex_to_neutral",
    "attributions",
    "compare_explanations",
    "explained",
    "face_auc",
    "face_parts",
    "face_skin",
    "first_layer_components",
    "flip_pixels",
    "flipping_curves",
    "group_importance",
    "importance_table",
    "important_regions",
    "make_predict",
    "occlude",
    "occlude_parts",
    "occlusion_test",
    "of_group",
    "pair_relevance",
    "perturb",
    "perturbation_errors",
    "perturbation_table",
    "positive_share",
    "predict_attention",
    "predict_importance",
    "predict_relevance",
    "rank_parts",
    "rank_relations",
    "region_importance",
    "region_relevance",
    "relation_importance",
    "relation_name",
    "relations",
    "replace_dynamics",
    "split_at_dynamics",
    "symmetry",
    "upsample",
    "weight_per_frame",
]
