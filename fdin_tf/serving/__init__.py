"""Trained models as SavedModels, and estimates from them."""

from fdin_tf.serving.export import export_model
from fdin_tf.serving.export import join_encoder
from fdin_tf.serving.export_attributes import attribute_card
from fdin_tf.serving.export_attributes import export_attribute_network
from fdin_tf.serving.export_images import export_image_model
from fdin_tf.serving.export_images import image_card
from fdin_tf.serving.model_server import write_serving_config
from fdin_tf.serving.photographs import PhotographPrediction
from fdin_tf.serving.photographs import PhotographPredictor
from fdin_tf.serving.predict import Prediction
from fdin_tf.serving.predict import Predictor

__all__ = [
    "PhotographPrediction",
    "PhotographPredictor",
    "Prediction",
    "Predictor",
    "attribute_card",
    "export_attribute_network",
    "export_image_model",
    "export_model",
    "image_card",
    "join_encoder",
    "write_serving_config",
]
