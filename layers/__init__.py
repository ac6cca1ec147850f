"""Keras layers of the facial trait networks; importing registers them all."""

from layers.face_standardization import FaceStandardization
from layers.frame_encoder import FrameEncoder
from layers.local_response_normalization import LocalResponseNormalization
from layers.location_embed import LocationEmbed
from layers.neutral_difference import NeutralDifference
from layers.pairwise_relation import PairwiseRelation
from layers.region_split import RegionSplit
from layers.relational_importance import RelationalImportance
from layers.sequence_lstm import SequenceLSTM
from layers.spatially_indexed_attention import SpatiallyIndexedAttention
from layers.temporal_attention import TemporalAttention

__all__ = [
    "FaceStandardization",
    "FrameEncoder",
    "LocalResponseNormalization",
    "LocationEmbed",
    "NeutralDifference",
    "PairwiseRelation",
    "RegionSplit",
    "RelationalImportance",
    "SequenceLSTM",
    "SpatiallyIndexedAttention",
    "TemporalAttention",
]
