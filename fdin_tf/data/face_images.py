"""What an image table may say of faces: parts, points, boxes, attributes."""

import numpy as np
import pandera.pandas as pa

from fdin_tf.data.tables import cell_error

#: Parts of the data that a database or a user prescribes.
SPLITS = ("train", "valid", "test")

#: Five points of a face in pixels, x then y; left means left in the image.
POINT_COLUMNS = (
    "left_eye_x",
    "left_eye_y",
    "right_eye_x",
    "right_eye_y",
    "nose_x",
    "nose_y",
    "left_mouth_x",
    "left_mouth_y",
    "right_mouth_x",
    "right_mouth_y",
)

#: Box around a face in pixels: its upper left corner and its size.
BOX_COLUMNS = ("box_x", "box_y", "box_width", "box_height")

#: The forty attributes of CelebA (Liu et al., ICCV 2015), in its order.
CELEBA_ATTRIBUTES = (
    "5_o_Clock_Shadow",
    "Arched_Eyebrows",
    "Attractive",
    "Bags_Under_Eyes",
    "Bald",
    "Bangs",
    "Big_Lips",
    "Big_Nose",
    "Black_Hair",
    "Blond_Hair",
    "Blurry",
    "Brown_Hair",
    "Bushy_Eyebrows",
    "Chubby",
    "Double_Chin",
    "Eyeglasses",
    "Goatee",
    "Gray_Hair",
    "Heavy_Makeup",
    "High_Cheekbones",
    "Male",
    "Mouth_Slightly_Open",
    "Mustache",
    "Narrow_Eyes",
    "No_Beard",
    "Oval_Face",
    "Pale_Skin",
    "Pointy_Nose",
    "Receding_Hairline",
    "Rosy_Cheeks",
    "Sideburns",
    "Smiling",
    "Straight_Hair",
    "Wavy_Hair",
    "Wearing_Earrings",
    "Wearing_Hat",
    "Wearing_Lipstick",
    "Wearing_Necklace",
    "Wearing_Necktie",
    "Young",
)

#: What `attribute_labels` writes where an attribute is not known.
UNKNOWN = -1

_OPEN = {"include_min": False, "include_max": False}
_FINITE = pa.Check.in_range(-np.inf, np.inf, **_OPEN)
_POSITIVE = pa.Check.in_range(0, np.inf, **_OPEN)


def _optional(check):
    return pa.Column(float, check, nullable=True, required=False)


#: Columns that an image table may have, as `pandera` checks them.
FACE_COLUMNS = {
    "split": pa.Column(str, pa.Check.isin(SPLITS), required=False),
    **dict.fromkeys(POINT_COLUMNS, _optional(_FINITE)),
    **dict.fromkeys(BOX_COLUMNS[:2], _optional(_FINITE)),
    **dict.fromkeys(BOX_COLUMNS[2:], _optional(_POSITIVE)),
    **dict.fromkeys(CELEBA_ATTRIBUTES, _optional(pa.Check.isin((0, 1)))),
}

#: What a valid cell of these columns holds, in words.
FACE_CELLS = {
    "split": "train, valid or test, one for all images of a subject",
    **dict.fromkeys(POINT_COLUMNS, "pixels, or nothing for all five points"),
    **dict.fromkeys(BOX_COLUMNS[:2], "pixels, or nothing for the whole box"),
    **dict.fromkeys(
        BOX_COLUMNS[2:], "pixels above 0, or nothing for the whole box"
    ),
    **dict.fromkeys(CELEBA_ATTRIBUTES, "0, 1, or nothing"),
    "Male": "0 where gender is female, 1 where it is male, or nothing",
}


def check_faces(images, source, first_line=None):
    """Checks what the cells of a row, and the rows of a subject, must share.

    All ten coordinates of the five points are filled in a row, or none; so
    are the four numbers of a box. `Male` does not contradict `gender`. All
    images of a subject are in one part.

    Args:
        images: Image table whose single cells are valid.
        source: What a message calls the table.
        first_line: Line number of the first row in its file; messages then
            count lines, otherwise rows from 0.

    Raises:
        ValueError: If one of these does not hold: the cell is named by line
            and column.
    """

    def wrong(column, row, value, also=""):
        return cell_error(
            column, row, value, FACE_CELLS, source, first_line, also
        )

    for columns in (POINT_COLUMNS, BOX_COLUMNS):
        missing = [name for name in columns if name not in images]
        if missing == list(columns):
            continue
        if missing:
            raise ValueError(
                f"{source}: expected all of the columns {', '.join(columns)}, "
                f"or none of them. Missing: {', '.join(missing)}. Received: "
                f"columns={list(images)}"
            )
        is_empty = images[list(columns)].isna().to_numpy()
        is_partly = is_empty.any(axis=1) & ~is_empty.all(axis=1)
        if is_partly.any():
            row = is_partly.argmax()
            raise wrong(columns[is_empty[row].argmax()], row, None)
    if "Male" in images:
        male = images.gender.map({"female": 0.0, "male": 1.0})
        differs = (images.Male - male).abs() > 0
        if differs.any():
            row = differs.to_numpy().argmax()
            also = f" with gender={images.gender[row]!r}"
            raise wrong("Male", row, images.Male[row], also)
    if "split" in images:
        first = images.groupby("subject").split.transform("first")
        differs = images.split != first
        if differs.any():
            row = differs.to_numpy().argmax()
            also = f" with subject={images.subject[row]!r}, before {first[row]}"
            raise wrong("split", row, images.split[row], also)


def face_points(images):
    """The five points of every face.

    Args:
        images: Image table with the columns of `POINT_COLUMNS`.

    Returns:
        Float64 array `(images, 5, 2)`, pixels, x then y: left eye, right eye,
        nose, left and right corner of the mouth, left meaning left in the
        image. NaN where a row has no points.

    Raises:
        ValueError: If the table lacks one of the columns.

    Example:

    >>> import pandas as pd
    >>> images = pd.DataFrame([range(10)], columns=POINT_COLUMNS)
    >>> face_points(images)[0, 4].tolist()
    [8.0, 9.0]
    """
    missing = [name for name in POINT_COLUMNS if name not in images]
    if missing:
        raise ValueError(
            "Expected five points of a face in the columns "
            f"{', '.join(POINT_COLUMNS)} of the image table. Received: columns"
            f"={list(images)}"
        )
    return images[list(POINT_COLUMNS)].to_numpy("float64").reshape(-1, 5, 2)


def attribute_labels(images, names=CELEBA_ATTRIBUTES):
    """Labels of attributes as a network learns them.

    Args:
        images: Image table with a column of at least one of the names.
        names: Attributes of `CELEBA_ATTRIBUTES`, in the order wanted.

    Returns:
        Float32 array `(images, names)`: 1 where the image has the attribute,
        0 where it has it not, -1 (`UNKNOWN`) where a cell is empty or the
        table has no such column.

    Raises:
        ValueError: If there is no name, a name is none of these, or the table
            has none of them.

    Example:

    >>> import pandas as pd
    >>> images = pd.DataFrame({"Male": [1, 0], "Smiling": [None, 1]})
    >>> attribute_labels(images, ("Smiling", "Young")).tolist()
    [[-1.0, -1.0], [1.0, -1.0]]
    """
    names = list(names)
    others = [name for name in names if name not in CELEBA_ATTRIBUTES]
    if others or not names:
        raise ValueError(
            f"Expected attributes of {', '.join(CELEBA_ATTRIBUTES)}. "
            f"Received: names={others or names}"
        )
    if not set(names) & set(images):
        raise ValueError(
            f"Expected a column of {', '.join(names)} in the image table. "
            f"Received: columns={list(images)}"
        )
    labels = images.reindex(columns=names).to_numpy("float32")
    return np.where(np.isnan(labels), np.float32(UNKNOWN), labels)
