"""A frame encoder run over whole clips, in bounded memory."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="fdin_tf")
class FrameEncoder(keras.layers.Layer):
    """Runs an encoder on every frame of every clip, some frames at a time.

    The frames of all clips are cut into equal chunks, one chunk is encoded
    after the other, and only their features are kept, so that memory for the
    encoder's activations does not grow with the clip. (It does where the
    encoder is trained, as the gradient needs them.) Frames become floats
    inside their chunk. Masking is not supported: padding is encoded as well.

    Args:
        encoder: Keras model of frames `(batch, height, width, channels)`, 0 to
            255, to feature maps `(batch, h, w, c)`. It is trained along if
            its own `trainable` says so, and saved along.
        chunk_size: Largest number of frames that are encoded at once.
        **kwargs: Base layer arguments, such as `name` and `dtype`.

    Call arguments:
        frames: uint8 or float tensor of shape
            `(batch, frames, height, width, channels)`, 0 to 255. `batch` and
            `frames` may be unknown, and 0.
        training: Whether the encoder runs in training mode.

    Returns:
        Float tensor of shape `(batch, frames, h, w, c)`.

    Raises:
        ValueError: If `encoder` is no Keras model, if `chunk_size` is no
            positive integer, if the input has not rank 5, if the encoder does
            not take such frames, or if it does not give feature maps of a
            known size.

    Example:

    >>> encoder = keras.Sequential(
    ...     [keras.Input((96, 96, 3)), keras.layers.AveragePooling2D(16)]
    ... )
    >>> frames = keras.Input((None, 96, 96, 3), dtype="uint8")
    >>> FrameEncoder(encoder)(frames).shape
    (None, None, 6, 6, 3)
    """

    def __init__(self, encoder, chunk_size=64, **kwargs):
        # Casting the input is left to `call`: a chunk, never the whole clip.
        super().__init__(**{"autocast": False, **kwargs})
        if not isinstance(encoder, keras.Model):
            raise ValueError(
                "`encoder` must be a Keras model. "
                f"Received: encoder={encoder!r}"
            )
        if not isinstance(chunk_size, int) or chunk_size < 1:
            raise ValueError(
                "`chunk_size` must be a positive integer. "
                f"Received: chunk_size={chunk_size!r}"
            )
        self.encoder = encoder
        self.chunk_size = chunk_size
        self.input_spec = keras.layers.InputSpec(ndim=5)

    def build(self, input_shape):
        self._map_shape(input_shape)
        if not self.encoder.built:
            self.encoder.build((None, *input_shape[2:]))

    def call(self, frames, training=None):
        batch, length, *frame_shape = ops.shape(frames)
        map_shape = self._map_shape(frames.shape)
        # Equal chunks, with at most one frame of padding each. There is one
        # chunk even without a frame, so that no encoder meets an empty batch.
        num_frames = batch * length
        num_chunks = 1 + num_frames // self.chunk_size
        size = 1 + num_frames // num_chunks
        padding = num_chunks * size - num_frames
        flat = ops.reshape(frames, (num_frames, *frame_shape))
        flat = ops.concatenate(
            [flat, ops.zeros((padding, *frame_shape), flat.dtype)]
        )
        chunks = ops.reshape(flat, (num_chunks, size, *frame_shape))

        def encode(_, chunk):
            chunk = ops.cast(chunk, self.compute_dtype)
            features = self.encoder(chunk, training=training)
            features = ops.cast(features, self.compute_dtype)
            return features, features

        # A scan (whose carry nobody reads) and not `ops.map`, which on
        # TensorFlow encodes up to ten chunks at the same time.
        first = ops.zeros((size, *map_shape), self.compute_dtype)
        _, features = ops.scan(encode, first, chunks)
        features = ops.reshape(features, (num_chunks * size, *map_shape))
        return ops.reshape(features[:num_frames], (batch, length, *map_shape))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:2], *self._map_shape(input_shape))

    def compute_output_spec(self, frames, training=None):
        shape = self.compute_output_shape(frames.shape)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def _map_shape(self, input_shape):
        """(h, w, c) of the feature maps of frames of `input_shape`."""
        frame_shape = tuple(input_shape[2:])
        expected = (
            self.encoder.inputs[0].shape[1:] if self.encoder.inputs else ()
        )
        if any(e not in (f, None) for e, f in zip(expected, frame_shape)):
            raise ValueError(
                f"The encoder {self.encoder.name!r} takes frames of shape "
                f"{tuple(expected)}. Received: frames of shape {frame_shape}"
            )
        output_shape = self.encoder.compute_output_shape((None, *frame_shape))
        if len(output_shape) != 4 or None in output_shape[1:]:
            raise ValueError(
                f"The encoder {self.encoder.name!r} must give feature maps of "
                "shape (batch, h, w, c) with known h, w and c. "
                f"Received: output_shape={output_shape}"
            )
        return tuple(output_shape[1:])

    def get_config(self):
        return {
            **super().get_config(),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "chunk_size": self.chunk_size,
        }

    @classmethod
    def from_config(cls, config):
        encoder = keras.saving.deserialize_keras_object(config["encoder"])
        return cls(**{**config, "encoder": encoder})
