"""What a clip's frames add to its neutral face."""

import keras
from keras import ops

STILL = 0.1  # change below which a place counts as still, in units of features


@keras.saving.register_keras_serializable(package="fdin_tf")
class NeutralDifference(keras.layers.Layer):
    """Subtracts the mean of the first real frames of each clip.

    With `N` the first `num_frames` real frames of a clip (all of them, where
    the clip has fewer):

        z^t = x^t - sum_{n in N} x^n / |N|     if frame t is real
        z^t = 0                                if it is padding

    A clip of an expression begins with a neutral face; what remains is
    motion, and less of the person's looks. The same motion still changes one
    skin more than another. `normalize` divides every place of the face by
    how much it changes in the clip, the root mean square over real frames T
    and channels C:

        z^t / sqrt(m + 0.01),   m = sum_{t in T, c} (z^t_c)^2 / (|T| |C|)

    which leaves the course of a motion in time, and takes its size away; a
    place that changes by less than 0.1 counts as still and stays small.

    A clip without one real frame gives zeros. Differences are taken in at
    least float32, as frames of a clip are close to each other, and returned in
    the compute dtype.

    Args:
        num_frames: Number of frames that the neutral face is the mean of.
        normalize: Whether every place is divided by its own change.
        **kwargs: Base layer arguments, such as `name` and `dtype`.

    Call arguments:
        features: Tensor of shape `(batch, frames, ...)`, of rank 3 or more.
            `batch` and `frames` may be unknown.
        mask: Optional bool tensor of shape `(batch, frames)`, True where a
            frame is real. Any pattern is allowed. It is not passed on to
            the next layer.

    Returns:
        Float tensor of the same shape.

    Raises:
        ValueError: If `num_frames` is no positive integer, if the input has
            a rank below 3, or if the mask is not of rank 2.

    Example:

    >>> layer = NeutralDifference(num_frames=2)
    >>> layer(ops.array([[[1.0], [3.0], [7.0]]])).numpy().ravel().tolist()
    [-1.0, 1.0, 5.0]
    """

    def __init__(self, num_frames=3, normalize=False, **kwargs):
        # Casting is left to `call`: half precision would round the features
        # by more than they change from frame to frame.
        super().__init__(**{"autocast": False, **kwargs})
        if not isinstance(num_frames, int) or num_frames < 1:
            raise ValueError(
                "`num_frames` must be a positive integer. "
                f"Received: num_frames={num_frames!r}"
            )
        self.num_frames = num_frames
        self.normalize = normalize
        self.input_spec = keras.layers.InputSpec(min_ndim=3)

    def call(self, features, mask=None):
        dtype = keras.backend.result_type(features.dtype, "float32")
        features = ops.cast(features, dtype)
        is_real = self._mask_of(features, mask)
        place = ops.cumsum(ops.cast(is_real, "int32"), axis=1)  # from 1
        is_neutral = ops.logical_and(is_real, place <= self.num_frames)
        count = ops.sum(ops.cast(is_neutral, dtype), axis=1, keepdims=True)
        neutral = ops.sum(
            ops.where(is_neutral, features, 0), axis=1, keepdims=True
        ) / ops.maximum(count, 1)
        difference = ops.where(is_real, features - neutral, 0)
        if self.normalize:
            frames = ops.sum(ops.cast(is_real, dtype), axis=1, keepdims=True)
            mean_square = ops.sum(
                ops.mean(ops.square(difference), axis=-1, keepdims=True),
                axis=1,
                keepdims=True,
            ) / ops.maximum(frames, 1)
            difference = difference / ops.sqrt(mean_square + STILL**2)
        return ops.cast(difference, self.compute_dtype)

    def _mask_of(self, features, mask):
        """(batch, frames) to (batch, frames, 1, ...)."""
        if mask is None:
            mask = ops.ones(ops.shape(features)[:2], "bool")
        if len(mask.shape) != 2:
            raise ValueError(
                "The mask of `NeutralDifference` must have the shape "
                f"(batch, frames). Received: mask.shape={tuple(mask.shape)}"
            )
        inner = range(2, len(features.shape))
        return ops.expand_dims(ops.cast(mask, "bool"), tuple(inner))

    def compute_mask(self, features, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "num_frames": self.num_frames,
            "normalize": self.normalize,
        }
