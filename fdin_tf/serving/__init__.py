"""Trained models as SavedModels, and estimates from them."""

from fdin_tf.serving.export import export_model
from fdin_tf.serving.export import join_encoder
from fdin_tf.serving.predict import Prediction
from fdin_tf.serving.predict import Predictor

__all__ = ["Prediction", "Predictor", "export_model", "join_encoder"]
