"""Photographs of `recipes.gnet_snet`: two sets, their faces and labels."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pandas as pd

from fdin_tf.data import fotw
from fdin_tf.data.cache import settings_digest
from fdin_tf.data.face_images import CELEBA_ATTRIBUTES
from fdin_tf.data.face_images import POINT_COLUMNS
from fdin_tf.data.face_images import UNKNOWN
from fdin_tf.data.face_images import attribute_labels
from fdin_tf.data.face_images import face_points
from fdin_tf.data.face_points import find_face_points
from fdin_tf.data.face_sources import load_face_table
from fdin_tf.data.image_batches import CropSource
from fdin_tf.data.image_sources import embedded_face_attributes
from fdin_tf.data.synthetic import GENDER_CODES
from fdin_tf.faces.crops import CROP_SCHEMES
from fdin_tf.faces.crops import CropScheme
from fdin_tf.models.gnet_snet import CLASSES
from fdin_tf.progress import console
from fdin_tf.progress import progress_bar
from fdin_tf.training.stage_trainer import Lesson
from fdin_tf.training.stages import STEPS

#: The attribute that a target is.
ATTRIBUTES = {"gender": "Male", "smile": "Smiling"}
#: Crops without the evidence of a target, by the target.
CONTROLS = {
    "gender": CROP_SCHEMES[5],
    "smile": CropScheme(6, "brows_and_forehead", True, top=-1.15, bottom=0.05),
}
SCHEMES = CROP_SCHEMES | {6: CONTROLS["smile"]}
#: Name of the database of embedded photographs.
DRAWN = "drawn faces"
_EYES_TO_MOUTH = 1.15  # of a frontal face, in distances of the eyes
_NUM_NAMED = 3


@dataclasses.dataclass(frozen=True, eq=False)
class StudyData:
    """The photographs of the study.

    Attributes:
        parts: Dict of face image tables with five points: `large`, what steps
            1 to 3 learn from; `small`, what step 4 learns from; `valid`, the
            validation images with the face nearest to the given box; `test`,
            the same images with the face nearest to the centre.
        failures: The same parts: images without a usable face, see
            `find_face_points`.
        valid: Table of all validation images.
        attributes: Names of the attributes of step 2.
        fingerprint: Digest of the photographs and all that is known of them.
        is_synthetic: Whether they are drawn.
        root: Folder of embedded photographs; None of others.
        config: `Config` of `recipes.gnet_snet`.
    """

    parts: dict[str, pd.DataFrame]
    failures: dict[str, pd.DataFrame]
    valid: pd.DataFrame
    attributes: tuple[str, ...]
    fingerprint: str
    is_synthetic: bool
    root: Path | None
    config: object
    _sources: dict = dataclasses.field(default_factory=dict)

    @property
    def is_of_paper(self):
        """Whether the paper's numbers are about these validation images."""
        return set(self.valid.database) == {fotw.DATABASE}

    def source(self, part, crop, rows=None):
        """`CropSource` of a part, or of some of its rows.

        Args:
            part: See `parts`.
            crop: Number of the crop scheme.
            rows: Bool array, or None for all.
        """
        rows = np.ones(len(self.parts[part]), bool) if rows is None else rows
        key = part, crop, rows.tobytes()
        if key not in self._sources:
            stages = [getattr(self.config, f"stage{n}") for n in STEPS]
            stages.append(self.config.scratch)
            reach = max(stage.alteration.reach for stage in stages)
            learnt = part in ("large", "small")
            images = self.parts[part][rows].reset_index(drop=True)
            self._sources[key] = CropSource(
                _without_mouth(images) if crop == 6 else images,
                SCHEMES[crop],
                self.config.image_size,
                margin=reach if learnt else 1.0,
                # Shared by the crops of both sets.
                memory_bytes=int(self.config.memory * 2**30 / len(SCHEMES) / 2),
            )
        return self._sources[key]

    def lesson(self, step, target, crop):
        """What a step learns: a `Lesson`.

        Args:
            step: Number of the step.
            target: `gender` or `smile`.
            crop: Number of the crop scheme; step 1 has one of its own.
        """
        part, head = STEPS[step]
        images = self.parts[part]
        if head == "identity":
            crop = self.config.identity_crop
            is_known = images.subject.duplicated(keep=False).to_numpy()
            labels, persons = pd.factorize(images.subject[is_known])
            classes = len(persons)
        elif head == "attributes":
            labels = attribute_labels(images, self.attributes)
            is_known = (labels != UNKNOWN).any(axis=1)
            labels, classes = labels[is_known], len(self.attributes)
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
        return Lesson(
            source,
            labels,
            head,
            classes,
            settings_digest(
                self.fingerprint,
                part,
                dataclasses.asdict(source.scheme),
                source.size,
                source.margin,
                is_known.tolist(),
            ),
        )


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


def load_study_data(config):
    """Loads both sets and finds the faces.

    Args:
        config: `Config` of `recipes.gnet_snet`.

    Returns:
        `StudyData`.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If something in them is not valid, or a part has no usable
            photograph.
    """
    root = None
    large_dir, small_dir, genders = (
        config.large_dir,
        config.small_dir,
        {
            code: None if gender == "unknown" else gender
            for code, gender in config.genders
        },
    )
    if large_dir is None:
        root = embedded_face_attributes(config.embedded, config.cache_dir)
        large_dir, small_dir = root / "celeba", root / "fotw"
        genders = GENDER_CODES
    large, small = (
        _with_male(load_face_table(folder, genders))
        for folder in (large_dir, small_dir)
    )
    if root is not None:
        large["database"] = small["database"] = DRAWN
    if "split" in large:
        large = large[large.split == "train"]
    if "split" not in small:
        raise ValueError(
            "Expected the column `split`, with `train` and `valid`, of the "
            f"small set. Received: small_dir={small_dir}, columns={list(small)}"
        )
    valid = small[small.split == "valid"].reset_index(drop=True)
    tables = {
        "large": (large, "box"),
        "small": (small[small.split == "train"], "box"),
        "valid": (valid, "box"),
        "test": (valid, "centre"),
    }
    parts, failures = {}, {}
    with progress_bar() as bar:
        for name, (images, near) in tables.items():
            if not len(images):
                raise ValueError(
                    "Expected photographs for training and for validation. "
                    f"Received: none for {name!r}"
                )
            task = bar.add_task(f"Faces, {name}", total=len(images), note="")
            near = near if "box_x" in images else "centre"

            def report(done, total, task=task):
                bar.update(task, completed=done, total=total)

            parts[name], failures[name] = find_face_points(
                images.reset_index(drop=True),
                near,
                cache_dir=config.cache_dir,
                progress=report,
            )
            bar.remove_task(task)
    _say_left_out(failures, tables)
    labels = attribute_labels(parts["large"])
    attributes = tuple(
        name
        for name, of in zip(CELEBA_ATTRIBUTES, labels.T)
        if {0, 1} <= set(of.tolist())
    )
    return StudyData(
        parts,
        failures,
        valid,
        attributes,
        _fingerprint(parts),
        root is not None,
        root,
        config,
    )


def _without_mouth(images):
    """Faces with the mouth where eyes alone tell it to be.

    A smile raises the corners of the mouth, by which crops are scaled: the
    scale would give away what a crop without the mouth is to hide.
    """
    points = face_points(images).copy()
    across = points[:, 1] - points[:, 0]
    down = _EYES_TO_MOUTH * across[:, ::-1] * (-1, 1)
    points[:, 3:] = points[:, :2] + down[:, None]
    points[:, 2] = points.mean(axis=1)
    flat = pd.DataFrame(points.reshape(-1, 10), columns=list(POINT_COLUMNS))
    return images.assign(**flat)


def _with_male(images):
    """`Male` from the gender, where a table has the one but not the other."""
    if "Male" in images:
        return images
    return images.assign(Male=images.gender.map({"female": 0.0, "male": 1.0}))


def _say_left_out(failures, tables):
    for name, failed in failures.items():
        if not len(failed):
            continue
        console.print(
            f"Left out of {name!r}: {len(failed)} of {len(tables[name][0])} "
            "photographs:"
        )
        for reason, of in failed.groupby("reason", sort=False):
            named = ", ".join(of.image_id[:_NUM_NAMED])
            more = ", ..." if len(of) > _NUM_NAMED else ""
            console.print(
                f"  {len(of)}: {reason} ({named}{more})", soft_wrap=True
            )


def _fingerprint(parts):
    """Digest of tables, and of the sizes of the files."""
    return settings_digest(
        [
            [
                images.drop(columns="path").to_csv(index=False),
                [os.path.getsize(path) for path in images.path],
            ]
            for images in parts.values()
        ]
    )
