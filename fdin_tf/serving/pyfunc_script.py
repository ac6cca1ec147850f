"""What MLflow runs to get the model that it serves: models from code."""

from fdin_tf.serving.pyfunc import provide_model

provide_model()
