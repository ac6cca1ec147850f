"""Layer-wise relevance propagation for functional Keras models."""

from fdin_tf.explain.lrp.composites import COMPOSITES
from fdin_tf.explain.lrp.composites import Composite
from fdin_tf.explain.lrp.conservation import Conservation
from fdin_tf.explain.lrp.conservation import ConservationError
from fdin_tf.explain.lrp.first_layer_rules import Flat
from fdin_tf.explain.lrp.first_layer_rules import WSquare
from fdin_tf.explain.lrp.first_layer_rules import ZBox
from fdin_tf.explain.lrp.levels import ClipPropagator
from fdin_tf.explain.lrp.levels import ClipRelevance
from fdin_tf.explain.lrp.propagate import Propagator
from fdin_tf.explain.lrp.propagate import Relevance
from fdin_tf.explain.lrp.propagate import relevance
from fdin_tf.explain.lrp.registry import register
from fdin_tf.explain.lrp.rules import AlphaBeta
from fdin_tf.explain.lrp.rules import Epsilon
from fdin_tf.explain.lrp.rules import Gamma
from fdin_tf.explain.lrp.rules import ZPlus

__all__ = [
    "COMPOSITES",
    "AlphaBeta",
    "ClipPropagator",
    "ClipRelevance",
    "Composite",
    "Conservation",
    "ConservationError",
    "Epsilon",
    "Flat",
    "Gamma",
    "Propagator",
    "Relevance",
    "WSquare",
    "ZBox",
    "ZPlus",
    "register",
    "relevance",
]
