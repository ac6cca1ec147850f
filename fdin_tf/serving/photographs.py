"""Answers for photographs from an exported model."""

import dataclasses
from pathlib import Path

import numpy as np
import tensorflow as tf

from fdin_tf.data.face_points import LEAST_FACE
from fdin_tf.data.image_files import read_image
from fdin_tf.faces.crops import crop_face
from fdin_tf.faces.crops import nearest_face
from fdin_tf.faces.detect import MTCNNDetector
from fdin_tf.serving.card_checks import estimate_of
from fdin_tf.serving.card_checks import photograph_settings
from fdin_tf.serving.export import find_version


@dataclasses.dataclass(frozen=True, eq=False)
class PhotographPrediction:
    """What a model says about one photograph, and what it was shown.

    Attributes:
        path: The photograph; None of an array.
        target: What is answered.
        classes: Names of the classes.
        probabilities: Of each class, `(classes,)`, sums to 1.
        points: `(5, 2)`, pixels of the photograph, in MTCNN's order.
        crops: `(n, size, size, 3)`, uint8: what each network was shown.
        box: Of the face, `(x1, y1, x2, y2)`, pixels of the photograph; None
            where points were given.
        confidence: Score of the detector, 0 to 1; None where points were
            given.
        face_number: Which of the faces it is, from 1, counted from the left;
            None where points were given.
        num_faces: Number of faces found; None where points were given.
        accuracy: Share of right answers of the model in its test, in %; None
            if it was not tested.
        tested_on: Which images these were, in words; or None.
    """

    path: Path | None
    target: str
    classes: tuple[str, ...]
    probabilities: np.ndarray
    points: np.ndarray
    crops: np.ndarray
    box: np.ndarray | None = None
    confidence: float | None = None
    face_number: int | None = None
    num_faces: int | None = None
    accuracy: float | None = None
    tested_on: str | None = None

    @property
    def best(self):
        """Number of the most probable class."""
        return int(self.probabilities.argmax())


class PhotographPredictor:
    """An exported model of photographs with the crops of its training.

    As Figure 1 of Zhang et al. (CVPR workshops 2016): faces are detected, the
    one nearest to the middle of the photograph is taken, cut out by its five
    points as each network wants it, and shown to the networks, whose
    probabilities are averaged.

    Args:
        model: Folder `<name>` (its highest version is taken) or
            `<name>/<version>`, as `export_image_model` writes.
        detector: Face detector; None for MTCNN.

    Attributes:
        path: Folder of the version.
        card: What the model is and how well it did, see `image_card`.
        target: What is answered.
        classes: Names of the classes.
        schemes: `CropScheme` of each network.
        size: Side of the crops, pixels.

    Raises:
        FileNotFoundError: If there is no such model.
        ValueError: If it was not written by `export_image_model`, or its card
            was altered so that it does not fit.
    """

    def __init__(self, model, detector=None):
        self.path, self.card = find_version(model)
        settings = photograph_settings(self.card, self.path)
        self.target = settings.target
        self.classes = settings.classes
        self.schemes = list(settings.schemes)
        self.size = settings.size
        self._tested = settings.tested
        self.detector = detector or MTCNNDetector(min_face_share=LEAST_FACE)
        self._loaded = tf.saved_model.load(str(self.path))
        self._answer = self._loaded.signatures["serving_default"]

    def predict(self, photograph, points=None):
        """Answers for the person in the middle of one photograph.

        Args:
            photograph: Path of an image file, see `read_image`, or an RGB
                image `(height, width, 3)`, uint8.
            points: `(5, 2)`, the five points of the face, pixels of the
                photograph, taken instead of detection.

        Returns:
            `PhotographPrediction`.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the photograph cannot be read, shows no face, or
                the five points are those of no face; if it was a file, the
                message names it.
        """
        if isinstance(photograph, np.ndarray):
            path, image, where = None, photograph, "an array"
        else:
            path, image, where = photograph, read_image(photograph), photograph
        try:
            found = self._face(image) if points is None else {"points": points}
            crops = np.stack(
                [
                    crop_face(image, found["points"], scheme, self.size)
                    for scheme in self.schemes
                ]
            )
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        return PhotographPrediction(
            path=None if path is None else Path(path),
            target=self.target,
            classes=self.classes,
            probabilities=self._probabilities(crops, where),
            crops=crops,
            accuracy=self._tested.get("accuracy"),
            tested_on=self._tested.get("on"),
            **{**found, "points": np.asarray(found["points"], np.float64)},
        )

    def predict_many(self, paths):
        """Answers for photographs one after the other, whatever happens.

        Args:
            paths: Paths of image files.

        Yields:
            `(path, prediction, reason)` for each path: a
            `PhotographPrediction` and None, or None and in words why there is
            none.
        """
        for path in paths:
            prediction, reason = None, None
            try:
                prediction = self.predict(path)
            except (ValueError, OSError) as error:
                reason = " ".join(str(error).split())
            yield path, prediction, reason

    def _face(self, image):
        """The face nearest to the middle, and how many there are."""
        faces = self.detector(image)
        if not faces:
            raise ValueError(
                "Expected a face in the photograph. Received: none"
            )
        height, width = image.shape[:2]
        face = nearest_face(faces, (width / 2, height / 2))
        from_left = sorted(faces, key=lambda face: face.box[0] + face.box[2])
        return {
            "box": face.box,
            "points": face.points,
            "confidence": face.confidence,
            "face_number": 1 + [f is face for f in from_left].index(True),
            "num_faces": len(faces),
        }

    def _probabilities(self, crops, where):
        is_mean = self._answer.inputs[0].shape.rank == 5
        images = crops[None] if is_mean else crops
        answer = self._answer(images=tf.constant(images))
        answer = {name: value.numpy()[0] for name, value in answer.items()}
        probabilities = estimate_of(
            answer, self.target, len(self.classes), self.path
        )
        if not np.isfinite(probabilities).all():
            raise ValueError(
                f"{where}: the model's answer is no number. Received: "
                f"{self.target}={probabilities}, model={self.path}"
            )
        return probabilities


def is_of_photographs(card):
    """Whether a model is one of photographs, by its card.

    Args:
        card: Card of an exported model.

    Example:

    >>> is_of_photographs({"target": "age", "face": {"size": 96}})
    False
    """
    return "crops" in card
