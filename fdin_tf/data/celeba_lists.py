"""The lists of CelebA: text files with one row of numbers per image."""

import csv
import dataclasses
from collections.abc import Callable

import numpy as np
import pandas as pd

from fdin_tf.data.face_images import CELEBA_ATTRIBUTES
from fdin_tf.data.tables import cell_error
from fdin_tf.file_limits import check_text
from fdin_tf.plain_text import is_plain_name
from fdin_tf.plain_text import quoted

#: Largest list, bytes; the longest published one has 26 million.
MAX_LIST_BYTES = 2**28
_IMAGE = "image"
_MAX_DIGITS = 9  # of the number of images
_POINTS = tuple(
    f"{point}_{axis}"
    for point in ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")
    for axis in "xy"
)


@dataclasses.dataclass(frozen=True)
class ListFormat:
    """How a list is laid out, and what its values may be.

    Attributes:
        columns: Names of the values of a row, after that of the image.
        header: Words of the second line, after the number of rows in the
            first; None: the first line is the first row.
        value: A valid value, in words.
        is_valid: Function from an array of floats to one of bools.
    """

    columns: tuple[str, ...]
    header: tuple[str, ...] | None
    value: str
    is_valid: Callable


_LANDMARKS = ListFormat(_POINTS, _POINTS, "pixels", np.isfinite)

#: The lists, by the names of their files.
CELEBA_LISTS = {
    "list_attr_celeba.txt": ListFormat(
        CELEBA_ATTRIBUTES,
        CELEBA_ATTRIBUTES,
        "-1 or 1",
        lambda values: np.abs(values) == 1,
    ),
    "list_landmarks_align_celeba.txt": _LANDMARKS,
    "list_landmarks_celeba.txt": _LANDMARKS,
    "list_bbox_celeba.txt": ListFormat(
        ("x_1", "y_1", "width", "height"),
        ("image_id", "x_1", "y_1", "width", "height"),
        "pixels",
        np.isfinite,
    ),
    "list_eval_partition.txt": ListFormat(
        ("partition",),
        None,
        "0 (train), 1 (valid) or 2 (test)",
        lambda values: np.isin(values, (0, 1, 2)),
    ),
    "identity_CelebA.txt": ListFormat(
        ("identity",),
        None,
        "the number of a person",
        lambda values: (values >= 0) & (values % 1 == 0),
    ),
}


def read_celeba_list(path):
    """Reads a list of CelebA.

    Fields are separated by any number of blanks; empty lines are left out.

    Args:
        path: Path of a file that is called as one of `CELEBA_LISTS`.

    Returns:
        DataFrame of float64, a row per image in the order of the file,
        indexed by the image's file name.

    Raises:
        ValueError: If the file is no text, has no row, its header does not
            fit, a row has too few or too many values, a value is none of
            those that the list knows, or an image is listed twice or by a
            name that leads out of the images' folder; the message names the
            file and the line. Also if the file is larger than
            `MAX_LIST_BYTES`.
    """
    layout = CELEBA_LISTS[path.name]
    check_text(path, MAX_LIST_BYTES)
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text file: {error}") from error
    start = 0 if layout.header is None else 2
    places = [n for n, line in enumerate(lines) if line.strip() and n >= start]
    if layout.header is not None:
        _check_header(path, lines[:2], layout.header, len(places))
    if not places:
        raise ValueError(f"{path}: expected at least one image, found none.")
    num_fields = 1 + len(layout.columns)
    for place in places:
        received = len(lines[place].split())
        if received != num_fields:
            raise ValueError(
                f"{path}, line {place + 1}: expected an image and "
                f"{num_fields - 1} values. Received: {received} fields"
            )
    table = pd.read_csv(
        path,
        sep=r"\s+",
        header=None,
        names=[_IMAGE, *layout.columns],
        index_col=False,
        skiprows=start,
        dtype={_IMAGE: str},
        na_filter=False,
        low_memory=False,
        quoting=csv.QUOTE_NONE,
        encoding="utf-8-sig",
    ).set_index(_IMAGE)
    _check_values(path, table, layout, places)
    return table.astype(np.float64)


def _check_header(path, lines, header, num_rows):
    """The first line counts the rows, the second names their values."""
    count = lines[0].strip() if lines else ""
    if not count.isdecimal() or len(count) > _MAX_DIGITS:
        raise ValueError(
            f"{path}, line 1: expected the number of images. Received: "
            f"{count[:80]!r}"
        )
    words = lines[1].split() if len(lines) > 1 else []
    if tuple(words) != header:
        missing = [word for word in header if word not in words]
        unknown = [word for word in words if word not in header]
        raise ValueError(
            f"{path}, line 2: expected the {len(header)} names "
            f"{', '.join(header)}, in this order. Received: {len(words)} "
            f"names, missing={missing}, unknown={quoted(unknown)}"
        )
    if int(count) != num_rows:
        raise ValueError(
            f"{path}, line 1: expected the number of images that follow, "
            f"{num_rows}. Received: {count}"
        )


def _check_values(path, table, layout, places):
    """Every value is one that the list knows, every image is listed once."""
    for name in layout.columns:
        numbers = pd.to_numeric(table[name], errors="coerce").to_numpy(float)
        is_wrong = ~layout.is_valid(numbers)
        if is_wrong.any():
            row = is_wrong.argmax()
            value = table[name].iloc[row]
            expected = {name: layout.value}
            raise cell_error(name, places[row], value, expected, path, 1)
    is_elsewhere = ~table.index.map(is_plain_name).astype(bool)
    if is_elsewhere.any():
        row = is_elsewhere.argmax()
        raise ValueError(
            f"{path}, line {places[row] + 1}: expected the name of an image in "
            f"the folder of the images. Received: {quoted(table.index[row])}"
        )
    is_again = table.index.duplicated()
    if is_again.any():
        row = is_again.argmax()
        image = table.index[row]
        first = places[(table.index == image).argmax()]
        raise ValueError(
            f"{path}, line {places[row] + 1}: expected an image that is listed"
            f" once. Received: {image!r} (first in line {first + 1})"
        )
