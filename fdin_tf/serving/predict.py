"""Estimates for videos from an exported model."""

import dataclasses
from pathlib import Path

import numpy as np
import tensorflow as tf

from fdin_tf.data.cache import read_json
from fdin_tf.faces import FaceConfig
from fdin_tf.faces import aligned_chunks
from fdin_tf.faces import track_face
from fdin_tf.serving.export import CARD
from fdin_tf.serving.export import latest_version

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
        importance: Importance of every pair of regions, sums to 1.
        frames: Aligned frames, `(t, size, size, 3)` uint8.
        seconds: Time of every frame.
        counts: What tracking met, see `FaceTrack.counts`.
        accuracy: Share of right answers of the model in cross-validation, in
            %; None for age.
    """

    path: Path
    target: str
    estimate: np.ndarray
    error_years: float | None
    importance: np.ndarray
    frames: np.ndarray
    seconds: np.ndarray
    counts: dict[str, int]
    accuracy: float | None = None


class Predictor:
    """An exported model with the face settings that it was trained with.

    Args:
        model: Folder `<name>` (its highest version is taken) or
            `<name>/<version>`, as `export_model` writes.
        detector: Face detector; None for MTCNN.

    Raises:
        FileNotFoundError: If there is no such model.
        ValueError: If it was not written by `export_model`.
    """

    def __init__(self, model, detector=None):
        path = Path(model)
        if not (path / "saved_model.pb").is_file():
            path = latest_version(path)
        self.path = path
        self.card = read_json(path / CARD)
        if self.card is None:
            raise ValueError(
                f"Expected an exported model with {CARD}. Received: "
                f"model={path}"
            )
        self.target = self.card["target"]
        self.face = FaceConfig(**_tuples(self.card["face"]))
        self.detector = detector
        self._loaded = tf.saved_model.load(str(path))
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
            ValueError: If the video cannot be read or shows too few usable
                frames of a face.
        """
        track = track_face(video, landmarks, self.detector, self.face)
        frames = np.concatenate(list(aligned_chunks(video, track, self.face)))
        answer = self._answer(
            frames=tf.constant(frames[None]),
            mask=tf.ones((1, len(frames)), tf.bool),
        )
        estimate = answer[self.target].numpy()[0]
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
            importance=answer["importance"].numpy()[0],
            frames=frames,
            seconds=track.times[track.usable],
            counts=track.counts,
            accuracy=tested.get("accuracy"),
        )


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
