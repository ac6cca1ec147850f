"""Faces in the image table: parts, points, boxes, attributes, and errors."""

import numpy as np
import pandas as pd
import pytest

from fdin_tf.data.face_images import BOX_COLUMNS
from fdin_tf.data.face_images import CELEBA_ATTRIBUTES
from fdin_tf.data.face_images import POINT_COLUMNS
from fdin_tf.data.face_images import attribute_labels
from fdin_tf.data.face_images import face_points
from fdin_tf.data.images import check_images
from fdin_tf.data.images import read_image_table
from tests.data.image_folders import write_picture

POINTS = (30.5, 40, 60, 41, 45, 60, 33, 75, 58, 76)
BOX = (10, -4, 70, 90.5)


@pytest.fixture
def write(tmp_path):
    """Writes rows of cells as a table, over two pictures."""
    for name in "ab":
        write_picture(tmp_path / f"{name}.png")

    def write(first, second):
        """Cells of the two rows beside those that every table has."""
        rows = [
            {
                "image_id": name,
                "path": f"{name}.png",
                "subject": name,
                "age": "",
                "gender": "",
                "database": "mine",
                **cells,
            }
            for name, cells in zip("ab", (first, second))
        ]
        path = tmp_path / "images.csv"
        pd.DataFrame(rows).to_csv(path, index=False)
        return path

    return write


def test_every_column_of_faces_is_read_as_a_number(write):
    smiling = {"Smiling": 1, "Male": 0, "5_o_Clock_Shadow": " 0 "}
    first = {
        "gender": "female",
        "split": " train ",
        **dict(zip(POINT_COLUMNS, POINTS)),
        **dict(zip(BOX_COLUMNS, BOX)),
        **smiling,
    }
    second = {**dict.fromkeys(first, ""), "split": "valid"}
    images = read_image_table(write(first, second))
    assert images.split.tolist() == ["train", "valid"]
    assert images.loc[0, list(BOX_COLUMNS)].tolist() == list(BOX)
    points = face_points(images)
    assert points.shape == (2, 5, 2)
    assert points.dtype == np.float64
    assert points[0].ravel().tolist() == list(POINTS)
    assert np.isnan(points[1]).all()
    labels = attribute_labels(images, list(smiling))
    assert labels.dtype == np.float32
    assert labels.tolist() == [[1, 0, 0], [-1, -1, -1]]


def test_points_come_in_the_order_eyes_nose_mouth():
    names = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
    images = pd.DataFrame(
        {
            f"{name}_{axis}": [100.0 * k + place]
            for axis, place in (("y", 2), ("x", 1))
            for k, name in reversed(list(enumerate(names)))
        }
    )
    expected = [[100 * k + 1, 100 * k + 2] for k in range(5)]
    assert face_points(images)[0].tolist() == expected


def test_there_are_forty_attributes_with_two_of_them_the_targets():
    assert len(set(CELEBA_ATTRIBUTES)) == len(CELEBA_ATTRIBUTES) == 40
    assert CELEBA_ATTRIBUTES.index("Male") == 20
    assert CELEBA_ATTRIBUTES.index("Smiling") == 31


def test_attributes_without_a_column_are_unknown():
    images = pd.DataFrame({"Young": [0.0, 1.0, np.nan]})
    labels = attribute_labels(images)
    assert labels.shape == (3, 40)
    assert labels[:, -1].tolist() == [0, 1, -1]
    assert (labels[:, :-1] == -1).all()


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"split": "dev"}, r"line 3, column `split`: expected train, valid or "
         r"test.*'dev'"),
        ({"split": ""}, r"line 3, column `split`.*None"),
        ({"Smiling": "-1"}, r"line 3, column `Smiling`: expected 0, 1, or "
         r"nothing\. Received: -1"),
        ({"Smiling": "yes"}, r"line 3, column `Smiling`.*'yes'"),
        ({"gender": "female", "Male": "1"}, r"line 3, column `Male`: expected "
         r"0 where gender is female.*Received: 1\.0 with gender='female'"),
        (dict(zip(POINT_COLUMNS, [*POINTS[:4], "inf", *POINTS[5:]])),
         r"line 3, column `nose_x`: expected pixels, or nothing for all five "
         r"points\. Received: inf"),
        (dict(zip(POINT_COLUMNS, [*POINTS[:4], "", *POINTS[5:]])),
         r"line 3, column `nose_x`: .*Received: None"),
        (dict(zip(POINT_COLUMNS, ["", "", 8, *[""] * 7])),
         r"line 3, column `left_eye_x`: .*Received: None"),
        (dict(zip(BOX_COLUMNS, (1, 2, 0, 4))), r"line 3, column `box_width`: "
         r"expected pixels above 0, or nothing for the whole box.*0"),
        (dict(zip(BOX_COLUMNS, (1, 2, 3, -4))), r"column `box_height`.*-4"),
        (dict(zip(BOX_COLUMNS, (1, "nan", 3, 4))), r"column `box_y`.*'nan'"),
        (dict(zip(BOX_COLUMNS, (1, "", 3, 4))), r"column `box_y`.*None"),
    ],
)  # fmt: skip
def test_a_bad_cell_is_named_by_file_line_and_column(write, cells, message):
    good = {name: "train" if name == "split" else "" for name in cells}
    path = write(good, cells)
    with pytest.raises(ValueError, match=message) as error:
        read_image_table(path)
    assert str(path) in str(error.value)


def test_some_columns_of_points_or_of_a_box_are_refused(write):
    with pytest.raises(
        ValueError, match=r"or none of them\. Missing: nose_y, .*columns="
    ):
        read_image_table(write(dict.fromkeys(POINT_COLUMNS[:5], 1), {}))
    with pytest.raises(ValueError, match=r"box_x, box_y.*Missing: box_height"):
        read_image_table(write(dict.fromkeys(BOX_COLUMNS[:3], 1), {}))


def test_a_subject_in_two_parts_is_refused(write):
    path = write(
        {"subject": "7", "split": "train"}, {"subject": "7", "split": "test"}
    )
    with pytest.raises(
        ValueError,
        match=r"line 3, column `split`: .*one for all images of a subject\. "
        r"Received: 'test' with subject='7', before train",
    ):
        read_image_table(path)


def test_numbers_of_any_kind_give_the_same_table(write):
    first = {**dict(zip(BOX_COLUMNS, (1, 2, 3, 4))), "Young": 1}
    path = write(first, first)
    as_text = read_image_table(path)
    for kind in ("int32", "int64", "float32", "float64", "Int64", object):
        given = as_text.copy()
        names = [*BOX_COLUMNS, "Young"]
        given[names] = given[names].astype(kind)
        pd.testing.assert_frame_equal(check_images(given), as_text)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["Smiling", "Happy"], r"5_o_Clock_Shadow, .*names=\['Happy'\]"),
        ([], r"names=\[\]"),
        (["Smiling"], r"column of Smiling .*columns=\['Young'\]"),
    ],
)
def test_labels_that_cannot_be_are_refused(names, message):
    with pytest.raises(ValueError, match=message):
        attribute_labels(pd.DataFrame({"Young": [1.0]}), names)


def test_points_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match=r"left_eye_x, .*columns=\['path'\]"):
        face_points(pd.DataFrame({"path": ["a"]}))
