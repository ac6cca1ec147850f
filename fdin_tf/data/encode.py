"""From the clip table to encoded frames, each clip once, cached on disk."""

import dataclasses
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import as_completed
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from fdin_tf.data.cache import ArrayCache
from fdin_tf.data.cache import content_digest
from fdin_tf.data.cache import default_cache_dir
from fdin_tf.data.cache import settings_digest
from fdin_tf.data.cache import sweep
from fdin_tf.faces import FaceConfig
from fdin_tf.faces import FaceTrack
from fdin_tf.faces import UnusableClip
from fdin_tf.faces import aligned_chunks
from fdin_tf.faces import track_face
from fdin_tf.progress import progress_bar

# Raised when stored arrays would no longer mean the same.
TRACK_FORMAT = 1
FEATURE_FORMAT = 1
_CHUNK = 64


@dataclasses.dataclass(frozen=True)
class EncodedClips:
    """Clips with what their frames were encoded to.

    Attributes:
        clips: Clip table of the usable clips, further columns
            `num_frames` (usable frames), `frames_per_second` and one
            `face_*` count per situation that tracking met.
        left_out: Table of the others: clip_id, path, reason.
        keys: Cache key of every usable clip, by clip id.
        cache: The cache that holds the arrays.
        encoder: Name of the encoder.
        shape: Shape of one encoded frame, `(h, w, c)`.
    """

    clips: pd.DataFrame
    left_out: pd.DataFrame
    keys: dict[str, str]
    cache: ArrayCache
    encoder: str
    shape: tuple[int, ...]

    def load(self, clip_id):
        """Encoded frames of one clip, `(frames, h, w, c)` float16.

        Raises:
            OSError: If the file was removed or damaged since it was checked.
        """
        arrays = self.cache.get(self.keys[clip_id])
        if arrays is None:
            raise OSError(
                f"The encoded frames of clip {clip_id!r} are gone or damaged; "
                "run the same command again to encode them anew. Received: "
                f"path={self.cache.path(self.keys[clip_id])}"
            )
        return arrays["features"]

    def fingerprint(self):
        """Digest of videos, settings, encoder and labels together."""
        labels = self.clips.drop(columns="path").sort_values("clip_id")
        return settings_digest(
            sorted(self.keys.items()), labels.to_json(orient="split")
        )


@dataclasses.dataclass(frozen=True)
class FoldClips:
    """Clips behind a further model that was fitted inside a fold, in memory.

    Attributes:
        clips: Clip table with `num_frames`.
        shape: Shape of one encoded frame, `(h, w, c)`.
        features: Encoded frames by clip id, float16.
    """

    clips: pd.DataFrame
    shape: tuple[int, ...]
    features: dict[str, np.ndarray]

    @classmethod
    def encode(cls, encoded, fitted, clip_ids):
        """Runs a Keras model on the encoded frames of some clips."""
        encode = _encoding_function(fitted)
        features = {c: encode(encoded.load(c)) for c in clip_ids}
        clips = encoded.clips[encoded.clips.clip_id.isin(features)]
        return cls(clips, fitted.output_shape[1:], features)

    def load(self, clip_id):
        """Encoded frames of one clip, `(frames, h, w, c)`."""
        return self.features[clip_id]


def encode_clips(
    clips,
    encoder,
    cache_dir=None,
    face=FaceConfig(),
    landmarks_dir=None,
    workers=None,
):
    """Follows, aligns and encodes the face in every clip, once.

    Everything is cached: face tracks by the content of the video (and of the
    landmark file) and the face settings, encoded frames by these and the
    encoder. A call that was interrupted continues where it stopped. A clip
    that cannot be read, or shows too few usable frames, is left out and
    listed with the reason.

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

    Returns:
        `EncodedClips`.

    Raises:
        FileNotFoundError: If `landmarks_dir` does not exist.
        OverflowError: If features are too large for float16.
        ValueError: If no clip is usable.
    """
    if landmarks_dir is not None and not Path(landmarks_dir).is_dir():
        raise FileNotFoundError(
            "Expected a folder of landmark files. Received: "
            f"landmarks_dir={landmarks_dir}"
        )
    job = _EncodingJob(encoder, cache_dir, face, landmarks_dir)
    workers = workers or os.cpu_count()
    results = {}
    with progress_bar() as bar, ThreadPoolExecutor(workers) as pool:
        task = bar.add_task("Faces and features", total=len(clips), note="")
        futures = {
            pool.submit(job.run, row.clip_id, Path(row.path)): row.clip_id
            for row in clips.itertuples()
        }
        try:
            for future in as_completed(futures):
                results[futures[future]] = future.result()
                bar.advance(task)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return _collect(clips, results, job)


class _EncodingJob:
    """What is the same for every clip of a call."""

    def __init__(self, encoder, cache_dir, face, landmarks_dir):
        root = Path(cache_dir or default_cache_dir())
        sweep(root / "tracks")
        sweep(root / "features")
        self.tracks = ArrayCache(root / "tracks")
        self.features = ArrayCache(root / "features")
        self.face = face
        self.landmarks_dir = landmarks_dir and Path(landmarks_dir)
        self.encoder = encoder
        self.encoder_key = encoder_digest(encoder)
        self.encode = _encoding_function(encoder)

    def run(self, clip_id, video):
        """One clip: `(key, row of what was found)`, or the reason why not."""
        if not video.is_file():
            return f"{video}: there is no such video file"
        try:
            landmarks = self._landmarks_of(clip_id)
            track_key = settings_digest(
                TRACK_FORMAT,
                content_digest(video),
                landmarks and content_digest(landmarks),
                dataclasses.asdict(self.face),
            )
            track = self._known_track(track_key, video)
            is_new = track is None
            if is_new:
                track = track_face(video, landmarks, config=self.face)
            key = settings_digest(FEATURE_FORMAT, track_key, self.encoder_key)
            features = None
            if not self.features.has(key):
                features = self._encode(video, track)
        except UnusableClip as error:
            # Found out by following the face through all of it: remembered.
            reason = {"unusable": np.array(error.reason)}
            self.tracks.put(track_key, reason)
            return str(error)
        except (ValueError, OSError) as error:
            return str(error)
        if is_new:
            self.tracks.put(track_key, track.arrays())
        if features is not None:
            self.features.put(key, {"features": features})
        found = {f"face_{name}": n for name, n in track.counts.items()}
        return key, {
            "num_frames": int(track.usable.sum()),
            "frames_per_second": float(track.frames_per_second),
            "face_source": track.source,
            **found,
        }

    def _landmarks_of(self, clip_id):
        if self.landmarks_dir is None:
            return None
        for ending in (".csv", ".npz"):
            path = self.landmarks_dir / (clip_id + ending)
            if path.is_file():
                return path
        return None

    def _known_track(self, key, video):
        arrays = self.tracks.get(key)
        if arrays is not None and "unusable" in arrays:
            raise UnusableClip(video, str(arrays["unusable"]))
        return arrays and FaceTrack.from_arrays(arrays)

    def _encode(self, video, track):
        chunks = aligned_chunks(video, track, self.face, chunk_size=_CHUNK)
        return np.concatenate([self.encode(frames) for frames in chunks])


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


def _encoding_function(encoder):
    """From frames to what is kept of them: float16, by a compiled model."""

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


def _collect(clips, results, job):
    is_used = clips.clip_id.map(lambda c: not isinstance(results[c], str))
    left_out = clips[~is_used][["clip_id", "path"]].reset_index(drop=True)
    left_out["reason"] = [results[c] for c in left_out.clip_id]
    if not is_used.any():
        raise ValueError(
            f"None of the {len(clips)} clips is usable; the first: "
            f"{left_out.reason.iloc[0]}"
        )
    used = clips[is_used].reset_index(drop=True)
    found = pd.DataFrame([results[c][1] for c in used.clip_id])
    keys = {c: results[c][0] for c in used.clip_id}
    used = used.drop(columns=found.columns, errors="ignore")
    return EncodedClips(
        clips=pd.concat([used, found.fillna(0)], axis=1),
        left_out=left_out,
        keys=keys,
        cache=job.features,
        encoder=job.encoder.name,
        shape=tuple(job.encoder.output_shape[1:]),
    )
