"""Adapter of the 10k US Adult Faces Database and its attribute scores.

Bainbridge, Isola and Oliva, "The Intrinsic Memorability of Face Photographs",
Journal of Experimental Psychology: General, 2013. 2,222 photographs of as
many people were rated; each was given a number, from 1 on.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from fdin_tf.data.images import check_images
from fdin_tf.data.tables import cell_error
from fdin_tf.file_limits import check_archive
from fdin_tf.file_limits import check_size
from fdin_tf.file_limits import check_text
from fdin_tf.plain_text import quoted
from fdin_tf.plain_text import reason_of

DATABASE = "10k US Adult Faces"

#: Column of the database's tables, by attribute.
RATING_COLUMNS = {
    "attractiveness": "attractive",
    "happiness": "happy",
    "confidence": "confident",
    "intelligence": "intelligent",
}
#: What the label of gender means, by the database's read-me file.
GENDERS = {0: "female", 1: "male"}
#: Number of points of the database's landmark files.
NUM_LANDMARKS = 77

_MAX_DIGITS = 9  # of the number of an image
_SHEET = "Final Values"  # means over raters; the first sheet is one row each
_NUMBER, _NAME = "Image #", "Filename"
_SCORES = "psychology-attributes"
_LABELS = "demographic-others-labels"
_EXPECTED = {_NUMBER: "the number of an image"}
_ANNOTATED = "Images and Annotations"
#: Largest table, bytes, packed and unpacked; and largest landmark file.
MAX_SCORE_BYTES = 2**28
MAX_LANDMARK_BYTES = 2**16


def load_us_adult_faces(root):
    """Image table of a folder of the 10k US Adult Faces Database.

    The folder holds, at any depth:

        psychology attributes/psychology-attributes.xlsx   or .txt
        demographic & others labels/demographic-others-labels.xlsx  optional
        Images and Annotations/{number}.jpg                or the photographs
        Images and Annotations/{number}_landmarks.txt      by their own names

    Ratings are means over raters: the sheet `Final Values` of the workbook;
    of a text table (separated by tabs, commas or semicolons) with several
    rows of an image, their mean.

    Args:
        root: The folder, or one above it.

    Returns:
        The image table with the ratings of `ATTRIBUTES`, in the order of the
        scores. `image_id` is the image's number; `subject` too, since every
        photograph shows another person; `path` is a photograph called by the
        number or by its name in the scores. `gender` is that of the labels,
        where they are there; `age` is always empty, since the labels hold age
        groups and no years. A further column `landmarks` has the path of the
        landmark file, or nothing.

    Raises:
        FileNotFoundError: If there is no such folder or no scores.
        ValueError: If there are several files with scores, a column is
            missing, an image is listed twice, a photograph does not exist or
            a cell is not valid; the message names the file and the line.
    """
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(
            "Expected a folder of the 10k US Adult Faces Database. Received: "
            f"data_dir={root}"
        )
    path = find_scores(root)
    if path is None:
        raise FileNotFoundError(
            f"Expected a file {_SCORES}.xlsx or .txt in {root} or below, "
            "found none."
        )
    columns = list(RATING_COLUMNS.values())
    scores = _read_scores(path, [_NUMBER, _NAME, *columns])
    if scores.empty:
        raise ValueError(f"{path}: expected at least one image, found none.")
    first_line = 2 if path.suffix == ".xlsx" else None
    photographs = _photographs(root)
    genders = _genders(root)
    rows = []
    for row, score in scores.iterrows():
        number, name = score[_NUMBER], score[_NAME]
        if not _is_whole(number):
            raise cell_error(_NUMBER, row, number, _EXPECTED, path, first_line)
        number = int(str(number).removesuffix(".0"))
        photograph = Path(
            photographs.get(f"{number}.jpg")
            or photographs.get(str(name).lower())
            or root / _ANNOTATED / f"{number}.jpg"
        )
        landmarks = photograph.with_name(f"{number}_landmarks.txt")
        rows.append(
            {
                "image_id": str(number),
                "path": str(photograph),
                "subject": str(number),
                "age": None,
                "gender": genders.get(number),
                "database": DATABASE,
                **{a: score[c] for a, c in RATING_COLUMNS.items()},
                "landmarks": str(landmarks) if landmarks.is_file() else None,
            }
        )
    return check_images(pd.DataFrame(rows), str(path), first_line)


def find_scores(root):
    """Path of the attribute scores in a folder or below; None without.

    Raises:
        ValueError: If there are several.
    """
    for ending in (".xlsx", ".txt"):
        found = sorted(Path(root).rglob(_SCORES + ending))
        if len(found) > 1:
            raise ValueError(
                f"Expected one {_SCORES}{ending} in {root}. Received: "
                + ", ".join(str(path.relative_to(root)) for path in found)
            )
        if found:
            return found[0]
    return None


def read_us_adult_landmarks(path):
    """Reads the landmarks of one photograph.

    Args:
        path: A `{number}_landmarks.txt`: 77 lines, each "x y".

    Returns:
        Float array of shape `(77, 2)`: x and y in pixels of the photograph.
        The points are the database's own, not the 68 of iBUG.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file does not hold 77 pairs of numbers.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected a file with landmarks. Received: path={path}"
        )
    check_size(path, MAX_LANDMARK_BYTES)
    try:
        points = np.loadtxt(path, ndmin=2, comments=None, encoding="utf-8")
    except (ValueError, UserWarning) as error:
        raise ValueError(
            f"{path}: expected lines 'x y': {reason_of(error)}"
        ) from None
    if points.shape != (NUM_LANDMARKS, 2) or not np.isfinite(points).all():
        raise ValueError(
            f"{path}: expected {NUM_LANDMARKS} lines 'x y' of finite numbers. "
            f"Received: shape={points.shape}"
        )
    return points


def _photographs(root):
    """Paths of all photographs, by what a row of the scores calls them.

    A number is a name only among the annotated photographs: other parts of
    the database have other numbers.
    """
    found = {}
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in names:
            is_number = name.split(".")[0].isdecimal()
            if is_number and Path(folder).name != _ANNOTATED:
                continue
            found.setdefault(name.lower(), str(Path(folder) / name))
    return found


def _read_scores(path, columns):
    """One row per image, indexed from 0."""
    table = _read_table(path)
    missing = [name for name in columns if name not in table]
    if missing:
        raise ValueError(
            f"{path}: expected the columns {', '.join(columns)}. Missing: "
            f"{', '.join(missing)}. Received: columns={quoted(list(table))}"
        )
    table = table[columns].dropna(how="all")
    if path.suffix == ".txt" and table[_NUMBER].duplicated().any():
        ratings = table.columns.difference([_NUMBER, _NAME])
        how = {_NAME: "first", **dict.fromkeys(ratings, "mean")}
        for name in ratings:
            table[name] = _as_numbers(table[name], path)
        table = table.groupby(_NUMBER, sort=False, dropna=False)
        table = table.agg(how).reset_index()
    return table.reset_index(drop=True)


def _read_table(path):
    """The table of means: its sheet of a workbook, or the text file."""
    try:
        if path.suffix == ".txt":
            check_text(path, MAX_SCORE_BYTES)
            # Python's engine finds the separator.
            table = pd.read_csv(path, sep=None, engine="python")
        else:
            check_size(path, MAX_SCORE_BYTES)
            check_archive(path, MAX_SCORE_BYTES)
            # The other sheets are many times larger and are not read.
            with pd.ExcelFile(path, engine="openpyxl") as book:
                if _SHEET not in book.sheet_names:
                    raise ValueError(
                        f"expected a sheet {_SHEET!r}. Received: "
                        f"sheets={quoted(book.sheet_names)}"
                    )
                table = pd.read_excel(book, sheet_name=_SHEET)
    except Exception as error:  # openpyxl reports damage in many ways
        raise ValueError(
            f"{path} cannot be read as a table: {reason_of(error)}"
        ) from error
    return table.rename(columns=lambda name: str(name).strip())


def _as_numbers(ratings, path):
    """Ratings of single raters, some of whom gave none."""
    numbers = pd.to_numeric(ratings, errors="coerce")
    wrong = ratings[numbers.isna() & ratings.notna()]
    if len(wrong):
        expected = {ratings.name: "a rating, or nothing"}
        row, value = wrong.index[0], wrong.iloc[0]
        raise cell_error(ratings.name, row, value, expected, path, 2)
    return numbers


def _is_whole(value):
    digits = "" if pd.isna(value) else str(value).removesuffix(".0")
    return digits.isdecimal() and len(digits) <= _MAX_DIGITS


def _genders(root):
    """Gender by the image's number; nothing where there are no labels."""
    found = sorted(root.rglob(f"{_LABELS}.xlsx"))
    if not found:
        return {}
    labels = _read_table(found[0])
    labels = labels.rename(columns=lambda name: name.removesuffix("?"))
    if not {_NUMBER, "Gender"} <= set(labels):
        raise ValueError(
            f"{found[0]}: expected the columns {_NUMBER}, Gender. Received: "
            f"columns={quoted(list(labels))}"
        )
    return {
        number: GENDERS.get(code)
        for number, code in zip(labels[_NUMBER], labels["Gender"])
    }
