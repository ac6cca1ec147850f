"""Estimates for videos from an exported model."""

import contextlib
import dataclasses
from pathlib import Path

import numpy as np
import tensorflow as tf

from fdin_tf.data.crops import crop_chunks
from fdin_tf.data.crops import warp_frames
from fdin_tf.data.spooled import SpooledRows
from fdin_tf.explain.attention import ClipAttention
from fdin_tf.faces import aligned_chunks
from fdin_tf.faces import track_face
from fdin_tf.models.model_files import load_model_file
from fdin_tf.prefetch import prefetched
from fdin_tf.serving.card_checks import clip_settings
from fdin_tf.serving.card_checks import estimate_of
from fdin_tf.serving.export import KERAS_MODEL
from fdin_tf.serving.export import find_version
from fdin_tf.serving.streaming import stream_of

# Faces of a clip that stay in memory, to be shown.
MAX_SHOWN = 200
_MIN_CLIPS = 5


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What a model says about one video, and on what grounds.

    Attributes:
        path: The video.
        target: What is estimated.
        estimate: Years, or the probability of each class.
        error_years: Mean absolute error of the model in cross-validation
            among clips that it estimated close to this age; None for classes.
        importance: Importance of every pair of regions, sums to 1; None of a
            model without relations.
        frames: Faces as the model took them, to be shown: aligned
            `(n, size, size, 3)`, or warped `(n, size, size, 1)`; uint8. All
            of a short clip; of a longer one `MAX_SHOWN`, evenly spread, and
            the one with the largest temporal attention.
        shown: Number of each of them among the frames that the model took,
            `(n,)`, in order.
        seconds: Time of every frame that the model took, `(t,)`.
        counts: What tracking met, see `FaceTrack.counts`.
        accuracy: Share of right answers of the model in cross-validation, in
            %; None for age.
        attention: `ClipAttention`: where and when the model looked; None of a
            model without attention.
    """

    path: Path
    target: str
    estimate: np.ndarray
    error_years: float | None
    importance: np.ndarray | None
    frames: np.ndarray
    shown: np.ndarray
    seconds: np.ndarray
    counts: dict[str, int]
    accuracy: float | None = None
    attention: ClipAttention | None = None

    @property
    def shown_seconds(self):
        """Times of `frames`, `(n,)`."""
        return self.seconds[self.shown]


class Predictor:
    """An exported model with the face settings that it was trained with.

    A video is decoded, followed and cut into faces in a thread of its own,
    while the network takes the chunk before. FDIN and SIAM go through a clip
    chunk by chunk (`stream_of`), so that their memory hardly grows with it;
    other networks take all faces at once, by the SavedModel.

    Args:
        model: Folder `<name>` (its highest version is taken) or
            `<name>/<version>`, as `export_model` writes.
        detector: Face detector; None for MTCNN.
        find_landmarks: What gives the landmarks of a video that comes without
            a file of them: function from its path and the face settings, such
            as `fdin_tf.faces.mesh_landmarks`; None: the detector's points.
        chunk_size: Number of faces that the network takes at a time.

    Attributes:
        path: Folder of the version.
        card: What the model is and how well it did.
        target: What is estimated.
        face: `FaceConfig` that it was trained with.
        warp: `FaceWarp` of a model of warped faces, such as SIAM, which needs
            68 landmarks in every frame; else None.

    Raises:
        FileNotFoundError: If there is no such model.
        ValueError: If it was not written by `export_model`, or its card was
            altered so that it does not fit.
    """

    def __init__(
        self, model, detector=None, find_landmarks=None, chunk_size=64
    ):
        self.path, self.card = find_version(model)
        self._settings = settings = clip_settings(self.card, self.path)
        self.target = settings.target
        self.face = settings.face
        self.warp = settings.warp
        self.detector = detector
        self.find_landmarks = find_landmarks
        self.chunk_size = chunk_size
        self._answer = _answering_function(self.path)

    def predict(self, video, landmarks=None):
        """Estimates the trait of the person in one video.

        Args:
            video: Path of the video.
            landmarks: Path of a landmark file taken instead of detection.

        Returns:
            `Prediction`.

        Raises:
            FileNotFoundError: If there is no such file.
            ImportError: If `find_landmarks` needs what is not installed.
            ValueError: If the video cannot be read or shows too few usable
                frames of a face, or if there are no 68 landmarks for a model
                of warped faces.
        """
        if landmarks is None and self.find_landmarks is not None:
            landmarks = self.find_landmarks(video, self.face)
        if landmarks is None and self.warp is not None:
            raise ValueError(
                f"{video}: a model of warped faces needs 68 landmarks in every "
                "frame: a file of them, or the face mesh. "
                f"Received: landmarks=None, model={self.path}"
            )
        track = track_face(video, landmarks, self.detector, self.face)
        chunks = prefetched(self._faces(video, track))
        with contextlib.closing(chunks), SpooledRows() as faces:
            answer = self._answer(_noted(chunks, faces))
            attention = _attention(answer)
            shown = _shown(len(faces), attention)
            frames = faces.read(shown)
        estimate = estimate_of(
            answer, self.target, self._settings.num_values, self.path
        )
        if not np.isfinite(estimate).all():
            raise ValueError(
                f"{video}: the model's answer is no number. Received: "
                f"{self.target}={estimate}, model={self.path}"
            )
        tested, error = self._settings.tested, None
        if self.target == "age":
            error = error_near(tested, estimate[0])
        return Prediction(
            path=Path(video),
            target=self.target,
            estimate=estimate,
            error_years=error,
            importance=answer.get("importance"),
            frames=frames,
            shown=shown,
            seconds=track.times[track.usable],
            counts=track.counts,
            accuracy=tested.get("accuracy"),
            attention=attention,
        )

    def _faces(self, video, track):
        """The faces as the model takes them, in chunks."""
        if self.warp is None:
            yield from aligned_chunks(video, track, self.face, self.chunk_size)
            return
        for chunk in crop_chunks(video, track, self.face, self.chunk_size):
            yield warp_frames(self.warp, *chunk)


def _answering_function(path):
    """An exported model as a function of the chunks of one clip."""
    if (path / KERAS_MODEL).is_file():
        model = load_model_file(path / KERAS_MODEL)
        stream = stream_of(model)
        if stream is not None:
            return stream
    loaded = tf.saved_model.load(str(path))

    def answer(chunks):
        frames = np.concatenate(list(chunks))
        outputs = loaded.signatures["serving_default"](
            frames=tf.constant(frames[None]),
            mask=tf.ones((1, len(frames)), tf.bool),
        )
        return {name: value.numpy()[0] for name, value in outputs.items()}

    return answer


def _noted(chunks, rows):
    """The chunks, written down as they pass."""
    for chunk in chunks:
        rows.append(chunk)
        yield chunk


def _shown(count, attention):
    """Numbers of the frames to show: all, or some with the most attended."""
    if count <= MAX_SHOWN:
        return np.arange(count)
    shown = np.linspace(0, count - 1, MAX_SHOWN).round().astype(int)
    if attention is not None and attention.temporal is not None:
        shown = np.append(shown, attention.temporal.argmax())
    return np.unique(shown)


def _attention(answer):
    """What the signature says about attention; None for nothing."""
    names = ("spatial_attention", "temporal_attention")
    found = [answer.get(name) for name in names]
    return None if all(x is None for x in found) else ClipAttention(*found)


def error_near(tested, estimate, years=5.0):
    """Mean absolute error among tested clips estimated close to an age.

    The window of `years` to either side is widened until five clips are in
    it. It is taken around the estimate, not the true age: for a new person
    only the estimate is known.

    Args:
        tested: Dict with the lists `age` and `estimate`, in years, of the
            clips tested in cross-validation.
        estimate: An estimate in years.
        years: Half the first window.

    Returns:
        Years.

    Example:

    >>> tested = {"age": [20, 22, 30, 34, 61], "estimate": [21, 21, 33, 33, 61]}
    >>> error_near(tested, 21)
    1.2
    """
    estimates = np.asarray(tested["estimate"], float)
    errors = np.abs(estimates - np.asarray(tested["age"], float))
    distance = np.abs(estimates - estimate)
    enough = min(_MIN_CLIPS, len(errors))
    years = max(years, np.sort(distance)[enough - 1])
    return float(errors[distance <= years].mean())
