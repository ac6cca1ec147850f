"""Training, cross-validation, metrics and tracking."""

from fdin_tf.training.cross_validate import CrossValidation
from fdin_tf.training.cross_validate import NetworkTrainer
from fdin_tf.training.cross_validate import cross_validate
from fdin_tf.training.fit import fit
from fdin_tf.training.fit_config import FitConfig
from fdin_tf.training.layerwise import LayerwiseOptimizer
from fdin_tf.training.masked_cross_entropy import MaskedCrossEntropy
from fdin_tf.training.metrics import age_errors
from fdin_tf.training.precision import choose_precision
from fdin_tf.training.stage_trainer import Lesson
from fdin_tf.training.stage_trainer import StageTrainer
from fdin_tf.training.stages import Stage

__all__ = [
    "CrossValidation",
    "FitConfig",
    "LayerwiseOptimizer",
    "Lesson",
    "MaskedCrossEntropy",
    "NetworkTrainer",
    "Stage",
    "StageTrainer",
    "age_errors",
    "choose_precision",
    "cross_validate",
    "fit",
]
