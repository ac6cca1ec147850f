"""The image table: one row per photograph of one face, and its ratings."""

import os
from pathlib import Path

import numpy as np
import pandera.pandas as pa
from sklearn.model_selection import GroupShuffleSplit

from fdin_tf.data.clips import TARGET_CLASSES
from fdin_tf.data.face_images import FACE_CELLS
from fdin_tf.data.face_images import FACE_COLUMNS
from fdin_tf.data.face_images import check_faces
from fdin_tf.data.tables import cell_error
from fdin_tf.data.tables import check_table
from fdin_tf.data.tables import read_csv_text

#: What people are asked to judge a face by (Arbabzadah et al., GCPR 2016).
ATTRIBUTES = ("attractiveness", "happiness", "confidence", "intelligence")

#: Lowest and highest rating: not at all, extremely.
RATINGS = (1.0, 9.0)

_NAME = pa.Check.str_length(min_value=1)
_RATING = pa.Column(
    float, pa.Check.in_range(*RATINGS), nullable=True, required=False
)
IMAGE_SCHEMA = pa.DataFrameSchema(
    {
        "image_id": pa.Column(str, _NAME, unique=True),
        "path": pa.Column(str, _NAME),
        "subject": pa.Column(str, _NAME),
        "age": pa.Column(float, pa.Check.in_range(0, 120), nullable=True),
        "gender": pa.Column(
            str, pa.Check.isin(TARGET_CLASSES["gender"]), nullable=True
        ),
        "database": pa.Column(str, _NAME),
        "expression": pa.Column(str, nullable=True, required=False),
        **dict.fromkeys(ATTRIBUTES, _RATING),
        **FACE_COLUMNS,
    }
)

_EXPECTED = {
    "image_id": "an image id that no other row has",
    "path": "the path of an image file that exists",
    "subject": "a subject code",
    "age": "years from 0 to 120, or nothing",
    "gender": "female, male, or nothing",
    "database": "the name of a database",
    **dict.fromkeys(ATTRIBUTES, "a mean rating from 1 to 9, or nothing"),
    **FACE_CELLS,
}


def read_image_table(path):
    """Reads an image table from a CSV file.

    Args:
        path: CSV file with the columns `image_id`, `path` (of the image,
            relative to the CSV file or absolute), `subject`, `age` (years),
            `gender` (`female`, `male`), `database`, and any of those below.
            Age, gender and all below but `split` may be left empty in single
            rows. Further columns are kept.

    Columns that a table may have:

        expression      a word
        attractiveness, happiness, confidence, intelligence (`ATTRIBUTES`)
                        mean ratings from 1 to 9
        split           train, valid or test, one for all images of a subject
        left_eye_x ... right_mouth_y (`POINT_COLUMNS`)
                        five points of the face: pixels of the image as
                        `read_image` gives it (turned as EXIF says), x then
                        y, left meaning left in the image; in a row all ten
                        numbers are filled or none
        box_x, box_y, box_width, box_height (`BOX_COLUMNS`)
                        a box around the face: pixels, upper left corner and
                        size; in a row all four numbers are filled or none
        5_o_Clock_Shadow ... Young (`CELEBA_ATTRIBUTES`)
                        0 or 1, nothing where it is not known; `Male` agrees
                        with `gender` where both are known

    Returns:
        A checked DataFrame, one row per image, with absolute paths.

    Raises:
        FileNotFoundError: If there is no such CSV file.
        ValueError: If the file is no table, some columns of the points or of
            the box are missing, or a cell is not valid, which an image that
            does not exist also is not; the message names the file, the line
            and the column.
    """
    path = Path(path)
    table = read_csv_text(path, "the image table")
    return check_images(table, str(path), first_line=2, folder=path.parent)


def check_images(images, source="the image table", first_line=None, folder="."):
    """Checks and completes an image table.

    Args:
        images: DataFrame with the columns of `read_image_table`.
        source: What a message calls the table.
        first_line: Line number of the first row in its file; messages then
            count lines, otherwise rows from 0.
        folder: What relative paths are relative to.

    Returns:
        A copy with strings stripped, numbers as float and absolute paths,
        indexed from 0.

    Raises:
        ValueError: If a column is missing, the table is empty, a cell is not
            valid or an image does not exist: the first bad cell is named by
            line and column.

    Example:

    >>> import tempfile
    >>> import pandas as pd
    >>> with tempfile.NamedTemporaryFile(suffix=".png") as file:
    ...     check_images(pd.DataFrame({
    ...         "image_id": ["a"], "path": [file.name], "subject": ["1"],
    ...         "age": [""], "gender": ["female"], "database": ["mine"],
    ...         "happiness": ["7.5"]})).happiness.item()
    7.5
    """
    images = check_table(images, IMAGE_SCHEMA, _EXPECTED, source, first_line)
    folder = str(Path(folder).resolve())
    images["path"] = [
        os.path.normpath(os.path.join(folder, path)) for path in images.path
    ]
    for row, path in enumerate(images.path):
        if not os.path.isfile(path):
            raise cell_error("path", row, path, _EXPECTED, source, first_line)
    check_faces(images, source, first_line)
    return images


def rating_targets(images, attribute):
    """Ratings of an attribute as a network learns them.

        y = (rating - 1) / 8

    Args:
        images: Image table.
        attribute: One of `ATTRIBUTES`.

    Returns:
        Float32 array of shape `(images, 1)`, from 0 (not at all) to 1.

    Raises:
        ValueError: If the attribute is not one of these, or if the table does
            not rate every image.

    Example:

    >>> import pandas as pd
    >>> rating_targets(pd.DataFrame({"happiness": [1, 5, 9]}), "happiness").T
    array([[0. , 0.5, 1. ]], dtype=float32)
    """
    if attribute not in ATTRIBUTES:
        raise ValueError(
            f"Expected an attribute of {', '.join(ATTRIBUTES)}. Received: "
            f"attribute={attribute!r}"
        )
    if attribute not in images:
        raise ValueError(
            f"Expected ratings in the column `{attribute}` of the image table."
            f" Received: columns={list(images)}"
        )
    unrated = images[images[attribute].isna()]
    if len(unrated):
        raise ValueError(
            f"Expected a rating of `{attribute}` for every image; "
            f"{len(unrated)} have none. Received: image_id="
            f"{unrated.image_id.iloc[0]!r}"
        )
    low, high = RATINGS
    ratings = images[attribute].to_numpy(np.float32)
    return ((ratings - low) / (high - low))[:, None]


def split_images(images, seed=0, train=0.5):
    """Random parts for training and for testing, disjoint by subject.

    The halves of Arbabzadah et al. (GCPR 2016), section 3.1: 2,222 images of
    as many subjects give 1,111 and 1,111. Which subjects are drawn depends on
    the set of subjects and the seed, not on the order of the rows.

    Args:
        images: Image table.
        seed: Seed of the draw.
        train: Share of the subjects that training gets, between 0 and 1.

    Returns:
        Two image tables, indexed from 0: for training, for testing.

    Raises:
        ValueError: If a part would be left without a subject.

    Example:

    >>> import pandas as pd
    >>> images = pd.DataFrame({"subject": list("aabbccdd")})
    >>> [part.subject.nunique() for part in split_images(images)]
    [2, 2]
    """
    subjects = images.subject.nunique()
    size = round(train * subjects)
    if not 1 <= size < subjects:
        raise ValueError(
            "Expected a share between 0 and 1 that leaves subjects to both "
            f"parts of {subjects}. Received: train={train}"
        )
    splitter = GroupShuffleSplit(n_splits=1, train_size=size, random_state=seed)
    ((first, second),) = splitter.split(images, groups=images.subject)
    return tuple(
        images.iloc[rows].reset_index(drop=True) for rows in (first, second)
    )
