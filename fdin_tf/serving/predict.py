"""Estimates for videos from an exported model."""

import dataclasses
from pathlib import Path

import numpy as np
import tensorflow as tf

from fdin_tf.data.crops import crop_chunks
from fdin_tf.data.crops import warp_frames
from fdin_tf.explain.attention import ClipAttention
from fdin_tf.faces import FaceConfig
from fdin_tf.faces import FaceWarp
from fdin_tf.faces import aligned_chunks
from fdin_tf.faces import track_face
from fdin_tf.serving.export import find_version

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
        frames: Faces as the model took them: aligned `(t, size, size, 3)`, or
            warped `(t, size, size, 1)`; uint8.
        seconds: Time of every frame.
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
    seconds: np.ndarray
    counts: dict[str, int]
    accuracy: float | None = None
    attention: ClipAttention | None = None


class Predictor:
    """An exported model with the face settings that it was trained with.

    Args:
        model: Folder `<name>` (its highest version is taken) or
            `<name>/<version>`, as `export_model` writes.
        detector: Face detector; None for MTCNN.
        find_landmarks: What gives the landmarks of a video that comes without
            a file of them: function from its path and the face settings, such
            as `fdin_tf.faces.mesh_landmarks`; None: the detector's points.
        chunk_size: Most decoded frames in memory at a time. What is kept of a
            clip is its faces, a byte per pixel and channel.

    Attributes:
        path: Folder of the version.
        card: What the model is and how well it did.
        target: What is estimated.
        face: `FaceConfig` that it was trained with.
        warp: `FaceWarp` of a model of warped faces, such as SIAM, which needs
            68 landmarks in every frame; else None.

    Raises:
        FileNotFoundError: If there is no such model.
        ValueError: If it was not written by `export_model`.
    """

    def __init__(
        self, model, detector=None, find_landmarks=None, chunk_size=64
    ):
        self.path, self.card = find_version(model)
        if "face" not in self.card:
            raise ValueError(
                "Expected a model of clips, whose card holds their `face`. "
                f"Received: model={self.path}"
            )
        self.target = self.card["target"]
        self.face = FaceConfig(**_tuples(self.card["face"]))
        warp = self.card.get("warp")
        self.warp = None if warp is None else FaceWarp.from_dict(warp)
        self.detector = detector
        self.find_landmarks = find_landmarks
        self.chunk_size = chunk_size
        self._loaded = tf.saved_model.load(str(self.path))
        self._answer = self._loaded.signatures["serving_default"]

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
        frames = np.concatenate(list(self._faces(video, track)))
        answer = self._answer(
            frames=tf.constant(frames[None]),
            mask=tf.ones((1, len(frames)), tf.bool),
        )
        answer = {name: value.numpy()[0] for name, value in answer.items()}
        estimate = answer[self.target]
        if not np.isfinite(estimate).all():
            raise ValueError(
                f"{video}: the model's answer is no number. Received: "
                f"{self.target}={estimate}, model={self.path}"
            )
        tested, error = self.card.get("cross_validation", {}), None
        if self.target == "age":
            error = error_near(tested, estimate[0])
        return Prediction(
            path=Path(video),
            target=self.target,
            estimate=estimate,
            error_years=error,
            importance=answer.get("importance"),
            frames=frames,
            seconds=track.times[track.usable],
            counts=track.counts,
            accuracy=tested.get("accuracy"),
            attention=_attention(answer),
        )

    def _faces(self, video, track):
        """The faces as the model takes them, in chunks."""
        if self.warp is None:
            yield from aligned_chunks(video, track, self.face, self.chunk_size)
            return
        for chunk in crop_chunks(video, track, self.face, self.chunk_size):
            yield warp_frames(self.warp, *chunk)


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


def _tuples(settings):
    """JSON knows lists only."""
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in settings.items()
    }
