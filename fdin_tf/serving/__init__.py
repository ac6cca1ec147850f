"""Trained models as SavedModels, and estimates from them."""

from fdin_tf.serving.export import export_model
from fdin_tf.serving.export import join_encoder
from fdin_tf.serving.export_images import export_image_model
from fdin_tf.serving.export_images import image_card
from fdin_tf.serving.photographs import PhotographPrediction
from fdin_tf.serving.photographs import PhotographPredictor
from fdin_tf.serving.predict import Prediction
from fdin_tf.serving.predict import Predictor

__all__ = [
    "PhotographPrediction",
    "PhotographPredictor",
    "Prediction",
    "Predictor",
    "export_image_model",
    "export_model",
    "image_card",
    "join_encoder",
]
