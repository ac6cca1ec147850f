"""A frame encoder run over whole clips, in bounded memory."""

import keras
from keras import ops

from layers.rematerialized_scan import rematerialized_scan

_map = keras.tree.map_structure


@keras.saving.register_keras_serializable(package="fdin_tf")
class FrameEncoder(keras.layers.Layer):
    """Runs an encoder on every frame of every clip, some frames at a time.

    The frames of all clips are cut into equal chunks, one chunk is encoded
    after the other, and only their features are kept, so that memory for the
    encoder's activations does not grow with the clip. In training they are
    encoded at once where the encoder has trainable weights, as the gradient
    needs all activations. With `remat` they are encoded in chunks there too,
    and once more when the gradient comes to their chunk: activations of one
    chunk are kept, for about a third more time. Frames become floats inside
    their chunk. Masking is not supported: padding is encoded as well.

    Args:
        encoder: Keras model of frames `(batch, height, width, channels)`, 0 to
            255, to one tensor `(batch, ...)`, such as feature maps
            `(batch, h, w, c)`, or to a dict, tuple or list of tensors. It is
            trained along if its own `trainable` says so, and saved along.
        chunk_size: Largest number of frames that are encoded at once.
        remat: Whether the activations of an encoder that is trained are
            computed anew for the gradient, not kept.
        **kwargs: Base layer arguments, such as `name` and `dtype`.

    Call arguments:
        frames: uint8 or float tensor of shape
            `(batch, frames, height, width, channels)`, 0 to 255. `batch` and
            `frames` may be unknown, and 0.
        training: Whether the encoder runs in training mode.

    Returns:
        Tensor of shape `(batch, frames, ...)`, such as
        `(batch, frames, h, w, c)`, in the layer's compute dtype. Of several
        outputs, each is such a tensor in the dtype that the encoder gives.

    Raises:
        ValueError: If `encoder` is no Keras model, if `chunk_size` is no
            positive integer, if the input has not rank 5, if the encoder does
            not take such frames, or if the size of what it gives is unknown. In
        training with `remat`: if the encoder changes weights of its own, such
        as the statistics of batch normalization, or adds a loss.

    Example:

    >>> encoder = keras.Sequential(
    ...     [keras.Input((96, 96, 3)), keras.layers.AveragePooling2D(16)]
    ... )
    >>> frames = keras.Input((None, 96, 96, 3), dtype="uint8")
    >>> FrameEncoder(encoder)(frames).shape
    (None, None, 6, 6, 3)
    """

    def __init__(self, encoder, chunk_size=64, remat=False, **kwargs):
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
        self.remat = remat
        self.input_spec = keras.layers.InputSpec(ndim=5)

    def build(self, input_shape):
        self._encoded(input_shape)
        if not self.encoder.built:
            self.encoder.build((None, *input_shape[2:]))

    def call(self, frames, training=None):
        batch, length, *frame_shape = ops.shape(frames)
        encoded = self._encoded(frames.shape)
        is_trained = bool(training and self.encoder.trainable_weights)
        at_once = is_trained and not self.remat
        num_frames = batch * length
        # Equal chunks, with at most one frame of padding each. There is one
        # chunk even without a frame, so that no encoder meets an empty batch.
        if at_once:
            num_chunks, size = 1, _divided(num_frames, 1)
        else:
            num_chunks = _divided(num_frames, self.chunk_size)
            size = _divided(num_frames, num_chunks)
        padding = num_chunks * size - num_frames
        flat = ops.reshape(frames, (num_frames, *frame_shape))
        flat = ops.concatenate(
            [flat, ops.zeros((padding, *frame_shape), flat.dtype)]
        )

        def encode(chunk):
            chunk = ops.cast(chunk, self.compute_dtype)
            features = self.encoder(chunk, training=training)
            return _map(lambda f, e: ops.cast(f, e.dtype), features, encoded)

        def in_clips(features, spec):
            shape = spec.shape[1:]
            features = ops.reshape(features, (num_chunks * size, *shape))
            return ops.reshape(features[:num_frames], (batch, length, *shape))

        if at_once:
            return _map(in_clips, encode(flat), encoded)
        chunks = ops.reshape(flat, (num_chunks, size, *frame_shape))
        zeros = _map(
            lambda e: ops.zeros((size, *e.shape[1:]), e.dtype), encoded
        )
        if is_trained:
            features = self._encoded_anew(chunks, zeros)
        elif training and keras.backend.backend() == "jax":
            # The state of dropout, for one, may not change in a scan of JAX.
            features = [encode(chunks[k]) for k in range(num_chunks)]
            features = _map(lambda *each: ops.stack(each), *features)
        else:
            # A scan (whose carry nobody reads) and not `ops.map`, which on
            # TensorFlow encodes up to ten chunks at the same time.
            _, features = ops.scan(
                lambda _, chunk: (encode(chunk),) * 2, zeros, chunks
            )
        return _map(in_clips, features, encoded)

    def _encoded_anew(self, chunks, zeros):
        """Features of chunks in training, computed anew for the gradient.

        `zeros` are features of one chunk, of which only the sizes count.
        """
        encoder = self.encoder
        trained = encoder.trainable_variables
        fixed = encoder.non_trainable_weights
        weights = {id(variable) for variable in (*trained, *fixed)}
        # States of random generators, such as that of dropout.
        seeds = [v for v in encoder.variables if id(v) not in weights]
        fixed_values = [ops.stop_gradient(v.value) for v in fixed]

        def step(weights, state, chunk):
            values = (*weights, *fixed_values, *state)
            with keras.StatelessScope(
                list(zip((*trained, *fixed, *seeds), values, strict=True)),
                collect_losses=True,
            ) as scope:
                chunk = ops.cast(chunk, self.compute_dtype)
                features = encoder(chunk, training=True)
            after = scope.get_current_value
            for variable, value in zip(fixed, fixed_values):
                if after(variable) is not value:
                    self._refuse(f"changes its weight {variable.path!r}")
            if scope.losses:
                self._refuse("adds a loss of its own")
            features = _map(lambda f, z: ops.cast(f, z.dtype), features, zeros)
            return [after(seed) for seed in seeds], features

        state, features = rematerialized_scan(
            step,
            [variable.value for variable in trained],
            # Copies, as PyTorch assigns to them in place below.
            [ops.copy(seed.value) for seed in seeds],
            zeros,
            chunks,
        )
        for seed, value in zip(seeds, state, strict=True):
            seed.assign(value)
        return features

    def _refuse(self, what):
        raise ValueError(
            "With `remat=True`, what is trained may depend on the frame and "
            f"its weights alone. The encoder {self.encoder.name!r} {what}"
        )

    def compute_output_shape(self, input_shape):
        return _map(
            lambda spec: (*input_shape[:2], *spec.shape[1:]),
            self._encoded(input_shape),
        )

    def compute_output_spec(self, frames, training=None):
        return _map(
            lambda spec: keras.KerasTensor(
                (*frames.shape[:2], *spec.shape[1:]), dtype=spec.dtype
            ),
            self._encoded(frames.shape),
        )

    def _encoded(self, input_shape):
        """What the encoder gives for frames of `input_shape`, as specs."""
        frame_shape = tuple(input_shape[2:])
        expected = (
            self.encoder.inputs[0].shape[1:] if self.encoder.inputs else ()
        )
        if any(e not in (f, None) for e, f in zip(expected, frame_shape)):
            raise ValueError(
                f"The encoder {self.encoder.name!r} takes frames of shape "
                f"{tuple(expected)}. Received: frames of shape {frame_shape}"
            )
        output = self.encoder.compute_output_spec(
            keras.KerasTensor((None, *frame_shape), dtype=self.compute_dtype)
        )
        for spec in keras.tree.flatten(output):
            if len(spec.shape) < 1 or None in spec.shape[1:]:
                raise ValueError(
                    f"The encoder {self.encoder.name!r} must give tensors of "
                    "shape (batch, ...) whose size is known. "
                    f"Received: output_shape={tuple(spec.shape)}"
                )
        if isinstance(output, keras.KerasTensor):
            return keras.KerasTensor(output.shape, dtype=self.compute_dtype)
        return output

    def get_config(self):
        return {
            **super().get_config(),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "chunk_size": self.chunk_size,
            "remat": self.remat,
        }

    @classmethod
    def from_config(cls, config):
        encoder = keras.saving.deserialize_keras_object(config["encoder"])
        return cls(**{**config, "encoder": encoder})


def _divided(number, parts):
    """Rounded up, and at least 1, of an integer or of a tensor."""
    return 1 + (number - 1 + 1 // (1 + number)) // parts
