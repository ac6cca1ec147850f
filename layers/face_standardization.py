"""Grey levels of a face, free of skin tone, light and contrast."""

import keras
from keras import ops

_CHUNK = 64


@keras.saving.register_keras_serializable(package="fdin_tf")
class FaceStandardization(keras.layers.Layer):
    """Standardises every image over its face; the rest becomes one level.

    With the mean `m` and the standard deviation `s` over the places and
    channels of an image that are not 0,

        z = (x - m) / max(s, 1)        in the face
        y = (z - z_mean) / d           in the face
        y = background                 where all channels are 0

    `z_mean` is the mean face and `d` the deviation from it, over all places
    together; `adapt` learns both from images of one shape, as warped faces
    are. Before that they are 0 and 1. What remains is how a face differs from
    the others, at every place.

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
        ValueError: If the input has not rank 4, or if its height, width or
            channels are unknown or change.

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

    def build(self, input_shape):
        if None in input_shape[1:]:
            raise ValueError(
                "`FaceStandardization` has a mean face, so the shape of the "
                "images must be known when it is built. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        self.mean_face = self.add_weight(
            name="mean_face",
            shape=tuple(input_shape[1:]),
            initializer="zeros",
            trainable=False,
            autocast=False,
        )
        self.deviation = self.add_weight(
            name="deviation",
            shape=(),
            initializer="ones",
            trainable=False,
            autocast=False,
        )
        self.input_spec = keras.layers.InputSpec(
            ndim=4, axes=dict(enumerate(input_shape[1:], start=1))
        )

    def adapt(self, images):
        """Learns the mean face and the deviation from it.

        Args:
            images: Images as for the call, of the faces that a network is
                trained on.

        Raises:
            ValueError: If there is no image, or no face in any.
        """
        images = ops.convert_to_numpy(images)
        if not images.any():
            raise ValueError(
                "Expected images of faces to adapt to. Received: "
                f"images.shape={images.shape}, all 0"
            )
        if not self.built:
            self.build(images.shape)
        total, square, places = 0.0, 0.0, 0.0
        for start in range(0, len(images), _CHUNK):
            standard, is_face = self._standardised(
                images[start : start + _CHUNK]
            )
            standard = ops.convert_to_numpy(standard).astype("float64")
            total = total + standard.sum(axis=0)
            square += (standard**2).sum()
            places += float(ops.sum(is_face)) * images.shape[-1]
        mean = total / len(images)
        variance = (square - len(images) * (mean**2).sum()) / places
        self.mean_face.assign(mean)
        self.deviation.assign(max(variance, 1e-6) ** 0.5)

    def call(self, images):
        standard, is_face = self._standardised(images)
        standard = (standard - self.mean_face) / self.deviation * is_face
        standard = standard + self.background * (1 - is_face)
        return ops.cast(standard, self.compute_dtype)

    def _standardised(self, images):
        """z, 0 outside of the face, and where the face is."""
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
        return away / ops.sqrt(ops.maximum(variance, 1)), is_face

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "background": self.background}
