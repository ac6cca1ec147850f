"""Photographs of `recipes.gnet_snet`: two sets, and the faces in them."""

import dataclasses
import os
from concurrent.futures import ThreadPoolExecutor

import pandas as pd

from fdin_tf.data import fotw
from fdin_tf.data.cache import content_digest
from fdin_tf.data.cache import settings_digest
from fdin_tf.data.database_files import name_some
from fdin_tf.data.face_images import BOX_COLUMNS
from fdin_tf.data.face_images import CELEBA_ATTRIBUTES
from fdin_tf.data.face_images import POINT_COLUMNS
from fdin_tf.data.face_images import attribute_labels
from fdin_tf.data.face_points import find_face_points
from fdin_tf.data.face_sources import is_drawn
from fdin_tf.data.face_sources import load_face_table
from fdin_tf.data.image_sources import embedded_face_attributes
from fdin_tf.data.synthetic import GENDER_CODES
from fdin_tf.progress import console
from fdin_tf.progress import progress_bar

#: The attribute that a target is.
ATTRIBUTES = {"gender": "Male", "smile": "Smiling"}
#: Name of the database of drawn photographs.
DRAWN = "drawn faces"
_PARTS = ("train", "valid")  # of the small set: nothing is tested on `test`
_TRAINING_IMAGES = 6171  # of FotW


@dataclasses.dataclass(frozen=True, eq=False)
class Photographs:
    """The photographs of the study.

    Attributes:
        parts: Dict of face image tables with five points: `large`, what steps
            1 to 3 learn from; `small`, what step 4 learns from; `valid`, the
            validation images with the face nearest to the given box; `test`,
            the same images with the face nearest to the centre.
        failures: The same parts: images without a usable face, see
            `find_face_points`.
        valid: Table of all validation images.
        attributes: Names of the attributes of step 2: those of which the
            large set has examples and counterexamples.
        fingerprints: The same parts: digest of the photographs and all that
            is known of them.
        is_synthetic: Whether any of them are drawn.
        is_of_paper: Whether the paper's numbers are about these validation
            images.
    """

    parts: dict[str, pd.DataFrame]
    failures: dict[str, pd.DataFrame]
    valid: pd.DataFrame
    attributes: tuple[str, ...]
    fingerprints: dict[str, str]
    is_synthetic: bool
    is_of_paper: bool


def load_photographs(config):
    """Loads both sets and finds the faces.

    Args:
        config: `Config` of `recipes.gnet_snet`.

    Returns:
        `Photographs`.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If something in them is not valid, a part has no usable
            photograph or lacks a class of gender or smile, or a person is
            both learnt from and validated on.
    """
    folders, genders = (config.large_dir, config.small_dir), config.genders
    genders = {
        code: None if gender == "unknown" else gender
        for code, gender in genders
    }
    if folders[0] is None:
        root = embedded_face_attributes(config.embedded, config.cache_dir)
        folders, genders = (root / "celeba", root / "fotw"), GENDER_CODES
    large, small = (
        _with_male(load_face_table(folder, genders, splits, config.verify))
        for folder, splits in zip(folders, (("train",), _PARTS))
    )
    is_synthetic = any(map(is_drawn, folders))
    is_of_paper = (
        not is_synthetic
        and set(small.database) == {fotw.DATABASE}
        and (small.split == "train").sum() == _TRAINING_IMAGES
    )
    if is_synthetic:
        large["database"] = small["database"] = DRAWN
    if "split" not in small:
        raise ValueError(
            "Expected the column `split`, with `train` and `valid`, of the "
            f"small set. Received: small_dir={folders[1]}, "
            f"columns={list(small)}"
        )
    learnt = small[small.split == "train"].reset_index(drop=True)
    valid = small[small.split == "valid"].reset_index(drop=True)
    _check_persons(valid, large, learnt)
    # Where the faces are is to be found, as in any other photograph.
    unseen = valid.drop(columns=[*POINT_COLUMNS, *BOX_COLUMNS], errors="ignore")
    tables = {"large": large, "small": learnt, "valid": valid, "test": unseen}
    for name, images in tables.items():
        _check_classes(images, name)
    parts, failures = _find_faces(tables, config.cache_dir)
    labels = attribute_labels(parts["large"])
    return Photographs(
        parts,
        failures,
        valid,
        tuple(
            name
            for name, of in zip(CELEBA_ATTRIBUTES, labels.T)
            if {0, 1} <= set(of.tolist())
        ),
        {name: _fingerprint(images) for name, images in parts.items()},
        is_synthetic,
        is_of_paper,
    )


def _with_male(images):
    """`Male` from the gender, where a table has the one but not the other."""
    if "Male" in images:
        return images
    return images.assign(Male=images.gender.map({"female": 0.0, "male": 1.0}))


def _check_persons(valid, *learnt):
    """Nobody may be learnt from and validated on."""
    persons = {(of.database, of.subject) for of in valid.itertuples()}
    for images in learnt:
        for of in images.itertuples():
            if (of.database, of.subject) in persons:
                raise ValueError(
                    "Expected validation images of people whom no network "
                    f"learns from. Received: subject={of.subject!r} of "
                    f"{of.database} in both, image_id={of.image_id!r}"
                )


def _check_classes(images, part):
    """Both classes of every target must be there, before days of training."""
    labels = attribute_labels(images, list(ATTRIBUTES.values()))
    for (target, attribute), of in zip(ATTRIBUTES.items(), labels.T):
        known = [k for k in (0, 1) if (of == k).any()]
        if known != [0, 1]:
            raise ValueError(
                f"Expected photographs with {attribute} 0 and with 1, to learn "
                f"and validate {target}. Received: {known or 'none'} among "
                f"{len(images)} photographs of the part {part!r}"
            )


def _find_faces(tables, cache_dir):
    """Tables with five points, and the images without a usable face."""
    parts, failures = {}, {}
    with progress_bar() as bar:
        for name, images in tables.items():
            task = bar.add_task(f"Faces, {name}", total=len(images), note="")

            def report(done, total, task=task):
                bar.update(task, completed=done, total=total)

            parts[name], failures[name] = find_face_points(
                images,
                "box" if "box_x" in images else "centre",
                cache_dir=cache_dir,
                progress=report,
            )
            bar.remove_task(task)
    for name, failed in failures.items():
        if len(failed):
            console.print(
                f"Left out of {name!r}: {len(failed)} of {len(tables[name])} "
                "photographs:"
            )
        for reason, of in failed.groupby("reason", sort=False):
            console.print(
                f"  {len(of)}: {reason} ({name_some(of.image_id)})",
                soft_wrap=True,
            )
    return parts, failures


def _fingerprint(images):
    """Digest of a table, and of the files."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        files = list(pool.map(content_digest, images.path))
    return settings_digest(images.drop(columns="path").to_csv(), files)
