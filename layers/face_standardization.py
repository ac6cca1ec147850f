"""Grey levels of a face, free of skin tone, light and contrast."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="fdin_tf")
class FaceStandardization(keras.layers.Layer):
    """Standardises every image over its face; the rest becomes one level.

    With the mean `m` and the standard deviation `s` over the places and
    channels of an image that are not 0,

        y = (x - m) / max(s, 1)        in the face
        y = background                 where all channels are 0

    0 is what a face is surrounded by after `fdin_tf.faces.FaceWarp`. An image
    that is 0 everywhere becomes `background` everywhere.

    Args:
        background: Value outside of the face, in standard deviations.
        **kwargs: Base layer arguments, such as `name` and `dtype`.

    Call arguments:
        images: uint8 or float tensor of shape
            `(batch, height, width, channels)`, 0 to 255.

    Returns:
        Float tensor of the same shape.

    Raises:
        ValueError: If the input has not rank 4.

    Example:

    >>> images = keras.Input((114, 114, 1), dtype="uint8")
    >>> FaceStandardization()(images).shape
    (None, 114, 114, 1)
    """

    def __init__(self, background=0.0, **kwargs):
        # 0 must still be 0, and 255 whole, when sums are taken.
        super().__init__(**{"autocast": False, **kwargs})
        self.background = background
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, images):
        images = ops.cast(images, "float32")
        is_face = ops.cast(
            ops.any(images != 0, axis=-1, keepdims=True), "float32"
        )
        axes = (1, 2, 3)
        count = ops.sum(is_face, axes, keepdims=True) * images.shape[-1]
        count = ops.maximum(count, 1)
        mean = ops.sum(images, axes, keepdims=True) / count
        away = (images - mean) * is_face
        variance = ops.sum(away * away, axes, keepdims=True) / count
        standard = away / ops.sqrt(ops.maximum(variance, 1))
        standard = standard + self.background * (1 - is_face)
        return ops.cast(standard, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "background": self.background}
