"""Adapter of Faces of the World (FotW): gender and smile in the wild.

Escalera et al., "ChaLearn Looking at People and Faces of the World: Face
Analysis Workshop and Challenge 2016", CVPR workshops 2016, track 3.
"""

import warnings
from collections.abc import Mapping
from numbers import Integral
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa

from fdin_tf.data.clips import TARGET_CLASSES
from fdin_tf.data.database_files import find_file
from fdin_tf.data.database_files import leave_out_missing
from fdin_tf.data.database_files import list_folders
from fdin_tf.data.database_files import name_some
from fdin_tf.data.face_images import BOX_COLUMNS
from fdin_tf.data.face_images import FACE_COLUMNS
from fdin_tf.data.images import check_images
from fdin_tf.data.tables import cell_error
from fdin_tf.data.tables import check_table
from fdin_tf.data.tables import read_csv_text
from fdin_tf.plain_text import is_plain_name
from fdin_tf.plain_text import quoted

DATABASE = "FotW"

#: Annotations and folder of images, by part.
FOTW_PARTS = {
    "train": ("gender_fex_trset.csv", "smiles_trset"),
    "valid": ("gender_fex_valset.csv", "smiles_valset"),
    "test": ("test_gt.csv", "track3_all"),
}

_BOX = ("bbox_x", "bbox_y", "bbox_width", "bbox_height")
#: Columns of the annotations, as published.
FOTW_COLUMNS = ("image_name", *_BOX, "gender", "smile")

_SCHEMA = pa.DataFrameSchema(
    {
        "image_name": pa.Column(
            str, pa.Check.str_length(min_value=1), unique=True
        ),
        **{
            ours: pa.Column(float, FACE_COLUMNS[theirs].checks)
            for ours, theirs in zip(_BOX, BOX_COLUMNS)
        },
        "gender": pa.Column(int),
        "smile": pa.Column(float, nullable=True),
    }
)
_EXPECTED = {
    "image_name": "the name of an image in the folder of its part, without a "
    "folder's name, that no other row has",
    **dict.fromkeys(_BOX[:2], "pixels"),
    **dict.fromkeys(_BOX[2:], "pixels above 0"),
    "gender": "a whole number, the code of a gender",
    "smile": "0, 1, or another code",
}


def load_fotw(root, genders, split=None):
    """Face image table of a folder of FotW.

    The folder holds, at any depth, all or some of

        gender_fex_trset.csv  and  smiles_trset/     for training
        gender_fex_valset.csv and  smiles_valset/    for validation
        test_gt.csv           and  track3_all/       for testing

    The annotations are separated by commas, with the columns `image_name,
    bbox_x, bbox_y, bbox_width, bbox_height, gender, smile` in any order, in
    small or capital letters, with or without blanks around; further columns
    are left out. Images lie in the folder of their part or below.

    What the codes of gender mean is not written in the files. The challenge's
    page on its metrics (chalearnlap.cvc.uab.es/challenge/13/track/20/metrics)
    describes the columns of a submission with "gender: 0 is male, 1 is
    female" and "smile: 0 is not smiling, 1 is smiling". That the annotations
    use the same codes is not confirmed, so `genders` must say it:
    `{0: "male", 1: "female", 2: None}` after that page, with nothing for
    faces that are of neither.

    Args:
        root: The folder, or one above it.
        genders: Mapping from the codes of gender to `"female"`, `"male"` or
            None, which leaves the gender open.
        split: `"train"`, `"valid"` or `"test"`, or several of these: only
            they are read, and the other parts may be missing or as they like.
            None for all whose annotations are there.

    Returns:
        The face image table with `split`, the given box, and of the
        attributes `Male` (as `gender`) and `Smiling`. The parts come in the
        order above, each sorted by `image_id`, which is the part and the
        file's name without its ending (`train/00001`), since names are not
        known to differ between parts. `subject` is the image's id, as nobody
        says who is shown; `age` is empty.

    Raises:
        FileNotFoundError: If there is no such folder, no annotations, none of
            a part asked for, or no folder with the images of a part.
        ValueError: If `genders` or `split` is not as described, if a file of
            annotations is there twice or is not valid (the message names
            file, line and column; a box without area is not valid, one that
            leaves its image is), if a code of gender is not in `genders`, or
            if none of the images of a part is there.

    Warns:
        UserWarning: If images are missing (they are counted, named and left
            out), or codes of smile are others than 0 and 1 (they are counted,
            and `Smiling` is empty).

    Reference:
    - Zhang et al., "Gender and Smile Classification using Deep Convolutional
      Neural Networks", CVPR workshops 2016: trained on the first part,
      measured on the second.
    """
    _check_genders(genders)
    parts = (split,) if isinstance(split, str) else split
    if parts is not None and (not parts or not set(parts) <= set(FOTW_PARTS)):
        raise ValueError(
            f"Expected a part of {', '.join(FOTW_PARTS)}, several, or None for "
            f"all. Received: split={split!r}"
        )
    folders = list_folders(root, DATABASE)
    tables = []
    for part, (annotations, folder) in FOTW_PARTS.items():
        if parts is None or part in parts:
            path = find_file(folders, annotations, required=parts is not None)
            if path is not None:
                images = _read_part(path, part, genders)
                images["path"] = _paths(folders, folder, images.image_name)
                tables.append(leave_out_missing(images, str(path)))
    if not tables:
        expected = " or ".join(name for name, _ in FOTW_PARTS.values())
        raise FileNotFoundError(
            f"Expected a file {expected} in {root} or below, found none."
        )
    images = pd.concat(tables, ignore_index=True).drop(columns="image_name")
    return check_images(images, str(root))


def _check_genders(genders):
    words = (*TARGET_CLASSES["gender"], None)
    if not (
        isinstance(genders, Mapping)
        and genders
        and all(isinstance(code, Integral) for code in genders)
        and all(word in words for word in genders.values())
    ):
        raise ValueError(
            "Expected a mapping from the codes of gender, whole numbers, to "
            f"'female', 'male' or None. Received: genders={genders!r}"
        )


def _read_part(path, part, genders):
    """Annotations of a part as columns of the image table, but the paths."""
    table = read_csv_text(path, "annotations of FotW")
    table = table.rename(columns=lambda name: name.strip().lower())
    columns = list(table)
    if any(columns.count(c) > 1 or f"{c}.1" in columns for c in _EXPECTED):
        # (pandas calls the second of a name `name.1`)
        raise ValueError(
            f"{path}: expected the columns {', '.join(_EXPECTED)}, each once. "
            f"Received: columns={quoted(columns)}"
        )
    table = check_table(table, _SCHEMA, _EXPECTED, str(path), 2, of="image")
    unknown = ~table.gender.isin(list(genders))
    if unknown.any():
        row = unknown.to_numpy().argmax()
        count = (table.gender == table.gender[row]).sum()
        expected = {"gender": f"a code of genders={dict(genders)!r}"}
        also = f", in {count} of {len(table)} rows"
        raise cell_error(
            "gender", row, table.gender[row], expected, path, 2, also
        )
    is_elsewhere = ~table.image_name.map(is_plain_name)
    if is_elsewhere.any():
        row = is_elsewhere.to_numpy().argmax()
        name = table.image_name[row]
        raise cell_error("image_name", row, name, _EXPECTED, path, 2)
    is_open = ~table.smile.isin((0, 1))
    if is_open.any():
        codes = np.unique(table.smile[is_open].dropna())
        codes = [f"{code:g}" for code in codes]
        warnings.warn(
            f"{path}: {is_open.sum()} of {len(table)} images have a code of "
            f"smile other than 0 and 1, or none, and count as unknown: codes "
            f"{name_some(codes) or 'none'}",
            stacklevel=3,
        )
    image_id = [f"{part}/{Path(name).stem}" for name in table.image_name]
    gender = table.gender.map(genders)
    images = pd.DataFrame(
        {
            "image_name": table.image_name,
            "image_id": image_id,
            "subject": image_id,
            "age": np.nan,
            "gender": gender,
            "database": DATABASE,
            "split": part,
            **{ours: table[name] for ours, name in zip(BOX_COLUMNS, _BOX)},
            "Male": gender.map({"female": 0.0, "male": 1.0}),
            "Smiling": table.smile.mask(is_open),
        }
    )
    return images.sort_values("image_id", ignore_index=True)


def _paths(folders, name, image_names):
    """Where the images of a part are, or would be."""
    root = next(iter(folders))
    places, files = [], {}
    for folder, names in folders.items():
        if name in folder.relative_to(root.parent).parts:
            places.append(folder)
            files |= {n: folder / n for n in names if n not in files}
    if not places:
        raise FileNotFoundError(
            f"Expected a folder {name} with images in {root} or below, found "
            "none."
        )
    return [str(files.get(n, places[0] / n)) for n in image_names]
