"""What the networks of `recipes.gnet_snet` learn: crops and labels."""

import numpy as np
import pandas as pd

from fdin_tf.data.cache import settings_digest
from fdin_tf.data.face_images import POINT_COLUMNS
from fdin_tf.data.face_images import UNKNOWN
from fdin_tf.data.face_images import attribute_labels
from fdin_tf.data.face_images import face_points
from fdin_tf.data.image_batches import CropMemory
from fdin_tf.data.image_batches import CropSource
from fdin_tf.faces.crops import CROP_SCHEMES
from fdin_tf.faces.crops import CropScheme
from fdin_tf.models.gnet_snet import CLASSES
from fdin_tf.training.attribute_networks import array_digest
from fdin_tf.training.stage_trainer import Lesson
from fdin_tf.training.stages import STEPS
from recipes.gnet_snet_photographs import ATTRIBUTES

#: Crops without the evidence of a target, by the target.
CONTROLS = {
    "gender": CROP_SCHEMES[5],
    "smile": CropScheme(6, "brows_and_forehead", True, top=-1.15, bottom=0.05),
}
SCHEMES = CROP_SCHEMES | {6: CONTROLS["smile"]}
_EYES_TO_MOUTH = 1.15  # of a frontal face, in distances of the eyes


class StudyData:
    """Crops and labels of the study's photographs.

    Args:
        photographs: `Photographs`.
        config: `Config` of `recipes.gnet_snet`.

    Attributes:
        photographs: As given.
        parts: Its face image tables.
    """

    def __init__(self, photographs, config):
        self.photographs = photographs
        self.parts = photographs.parts
        self.config = config
        self._memory = CropMemory(int(config.memory * 2**30))
        self._sources = {}

    def source(self, part, crop, rows=None):
        """`CropSource` of a part, or of some of its rows.

        Args:
            part: See `Photographs`.
            crop: Number of the crop scheme.
            rows: Bool array, or None for all.
        """
        rows = np.ones(len(self.parts[part]), bool) if rows is None else rows
        key = part, crop, rows.tobytes()
        if key not in self._sources:
            stages = [self.config.stage((step,)) for step in STEPS]
            images = self.parts[part][rows].reset_index(drop=True)
            is_learnt = part in ("large", "small")
            reach = max(stage.alteration.reach for stage in stages)
            self._sources[key] = CropSource(
                without_mouth(images) if crop == 6 else images,
                SCHEMES[crop],
                self.config.image_size,
                margin=reach if is_learnt else 1.0,
                memory=self._memory,
            )
        return self._sources[key]

    def release(self):
        """Frees the memory of all crops."""
        for source in self._sources.values():
            source.release()
        self._sources = {}

    def lesson(self, step, target=None, crop=None):
        """What a step learns: a `Lesson`.

        Args:
            step: Number of the step.
            target: `gender` or `smile`, of steps 3 and 4.
            crop: Number of the crop scheme; step 1 has one of its own.

        Raises:
            ValueError: If there is nothing to learn.
        """
        part, head = STEPS[step]
        images = self.parts[part]
        if head == "identity":
            crop = self.config.identity_crop
            is_known = images.subject.duplicated(keep=False).to_numpy()
            labels, persons = pd.factorize(images.subject[is_known])
            classes = len(persons)
        elif head == "attributes":
            names = self.photographs.attributes
            labels, classes = attribute_labels(images, names), len(names)
            is_known = (labels != UNKNOWN).any(axis=1)
            labels = labels[is_known]
        else:
            head, classes = target, len(CLASSES[target])
            labels = true_classes(images, target)
            is_known = labels != UNKNOWN
            labels = labels[is_known]
        if not len(labels):
            raise ValueError(
                f"Expected photographs that step {step} can learn {head} from."
                f" Received: none of {len(images)} in the {part} set"
            )
        source = self.source(part, crop, is_known)
        fingerprint = settings_digest(
            self.photographs.fingerprints[part],
            array_digest(source.matrices),
            source.size,
            source.margin,
            array_digest(is_known),
        )
        return Lesson(source, labels, head, classes, fingerprint)


def true_classes(images, target):
    """Numbers of the classes of a target; -1 where unknown.

    Args:
        images: Face image table.
        target: `gender` or `smile`.

    Returns:
        Integer array `(n,)`.
    """
    (labels,) = attribute_labels(images, [ATTRIBUTES[target]]).T
    return labels.astype(np.int64)


def without_mouth(images):
    """Faces with the mouth where eyes alone tell it to be.

    A smile raises the corners of the mouth, by which crops are scaled: the
    scale would give away what a crop without the mouth is to hide.

    Args:
        images: Face image table with five points.

    Returns:
        A copy with other corners of the mouth, and another nose.
    """
    points = face_points(images).copy()
    across = points[:, 1] - points[:, 0]
    down = _EYES_TO_MOUTH * across[:, ::-1] * (-1, 1)
    points[:, 3:] = points[:, :2] + down[:, None]
    points[:, 2] = points[:, [0, 1, 3, 4]].mean(axis=1)
    flat = pd.DataFrame(points.reshape(-1, 10), columns=list(POINT_COLUMNS))
    return images.assign(**flat)
