"""From the clip table to encoded frames, each clip once, cached on disk."""

import dataclasses
import hashlib

import numpy as np
import pandas as pd
import tensorflow as tf

from fdin_tf.data.cache import settings_digest
from fdin_tf.data.stored import FaceFiles
from fdin_tf.data.stored import StoredClips
from fdin_tf.data.stored import store_clips
from fdin_tf.faces import FaceConfig
from fdin_tf.faces import aligned_chunks

# Raised when stored features would no longer mean the same.
FEATURE_FORMAT = 1
_CHUNK = 64


@dataclasses.dataclass(frozen=True)
class EncodedClips(StoredClips):
    """Clips with what their frames were encoded to.

    Attributes:
        encoder: Name of the encoder.
        shape: Shape of one encoded frame, `(h, w, c)`.
        name: What a network calls this input.
    """

    encoder: str
    shape: tuple[int, ...]
    name: str = "features"

    def load(self, clip_id):
        """Encoded frames of one clip, `(frames, h, w, c)` float16.

        Raises:
            OSError: If the file was removed or damaged since it was checked.
        """
        return self.arrays(clip_id)["features"]


@dataclasses.dataclass(frozen=True)
class FoldClips:
    """Clips as one fold's network takes them, in memory.

    Attributes:
        clips: Clip table with `num_frames`.
        shape: Shape of one frame, `(h, w, c)`.
        features: Frames by clip id, `(frames, h, w, c)`: features as float16,
            or images as uint8.
        name: What a network calls this input: `features` or `frames`.
    """

    clips: pd.DataFrame
    shape: tuple[int, ...]
    features: dict[str, np.ndarray]
    name: str = "features"

    @classmethod
    def encode(cls, encoded, fitted, clip_ids):
        """Runs a Keras model on the encoded frames of some clips."""
        encode = encoding_function(fitted)
        features = {c: encode(encoded.load(c)) for c in clip_ids}
        clips = encoded.clips[encoded.clips.clip_id.isin(features)]
        return cls(clips, fitted.output_shape[1:], features)

    def load(self, clip_id):
        """Frames of one clip, `(frames, h, w, c)`."""
        return self.features[clip_id]


def encode_clips(
    clips,
    encoder,
    cache_dir=None,
    face=FaceConfig(),
    landmarks_dir=None,
    workers=None,
    executor=None,
    shared_dir=None,
):
    """Follows, aligns and encodes the face in every clip, once.

    See `store_clips` for what is cached, and which clips are left out.

    Args:
        clips: Clip table.
        encoder: A Keras model from RGB frames `(n, size, size, 3)`, 0..255,
            to `(n, h, w, c)`. What is fitted to data goes behind it, inside
            each fold: see `FoldClips`.
        cache_dir: Folder of the cache; None for the user's cache folder.
        face: Settings of tracking and alignment.
        landmarks_dir: Folder with `<clip_id>.csv` or `.npz` landmark files,
            taken instead of detection for the clips that have one.
        workers: Number of clips at work at a time; None for one per core.
        executor: See `store_clips`.
        shared_dir: See `FaceFiles`.

    Returns:
        `EncodedClips`.

    Raises:
        FileNotFoundError: If `landmarks_dir` does not exist.
        OverflowError: If features are too large for float16.
        ValueError: If no clip is usable.
    """
    stored = store_clips(
        clips,
        FaceFiles(cache_dir, face, landmarks_dir, shared_dir=shared_dir),
        "features",
        [FEATURE_FORMAT, encoder_digest(encoder)],
        _Features(encoder, face),
        "Faces and features",
        workers,
        executor=executor,
    )
    return EncodedClips(
        stored.clips,
        stored.left_out,
        stored.keys,
        stored.cache,
        encoder.name,
        tuple(encoder.output_shape[1:]),
    )


class _Features:
    """Makes the features of a clip, in whichever process."""

    def __init__(self, encoder, face):
        self.encoder = encoder
        self.face = face
        self._encode = encoding_function(encoder)

    def __call__(self, video, track):
        chunks = aligned_chunks(video, track, self.face, chunk_size=_CHUNK)
        return ({"features": self._encode(frames)} for frames in chunks)

    def __reduce__(self):
        # A compiled function stays in its process.
        return type(self), (self.encoder, self.face)


def encoder_digest(encoder):
    """Digest of an encoder's name, operations with their settings, weights."""
    digest = hashlib.sha256()
    operations = [
        (type(operation).__name__, _settings_of(operation))
        for operation in encoder.operations
    ]
    digest.update(settings_digest(encoder.name, operations).encode())
    for weight in encoder.weights:
        digest.update(np.ascontiguousarray(weight.numpy()).tobytes())
    return digest.hexdigest()


def _settings_of(operation):
    """Its configuration; names are counted up by Keras and say nothing."""
    settings = operation.get_config()
    return {key: settings[key] for key in settings if key != "name"}


def encoding_function(encoder):
    """A frame encoder as clips are encoded by: compiled once.

    Args:
        encoder: Keras model from frames `(n, height, width, channels)`,
            0..255, to `(n, h, w, c)`.

    Returns:
        Function from such frames, uint8 or float, to their features, a
        float16 array. It raises OverflowError for a feature that float16
        cannot hold.

    Example:

    >>> import keras
    >>> encoder = keras.Sequential(
    ...     [keras.Input((4, 4, 1)), keras.layers.AveragePooling2D(4)]
    ... )
    >>> encoding_function(encoder)(np.full((2, 4, 4, 1), 8, "uint8")).tolist()
    [[[[8.0]]], [[[8.0]]]]
    """

    @tf.function(
        input_signature=[tf.TensorSpec((None, *encoder.input_shape[1:]))]
    )
    def features(frames):
        return tf.cast(encoder(frames, training=False), tf.float32)

    def encode(frames):
        encoded = features(tf.cast(frames, tf.float32)).numpy()
        if not (np.abs(encoded) < np.finfo(np.float16).max).all():
            raise OverflowError(
                f"Expected features of encoder {encoder.name!r} that fit into "
                f"float16. Received: a largest of {np.abs(encoded).max()}"
            )
        return encoded.astype(np.float16)

    return encode
