"""The FotW adapter: annotations become rows; codes are never guessed."""

import re

import numpy as np
import pandas as pd
import pytest

from fdin_tf.data.face_images import BOX_COLUMNS
from fdin_tf.data.face_images import attribute_labels
from fdin_tf.data.fotw import load_fotw
from tests.data.face_folders import FOTW_HEADER
from tests.data.face_folders import FOTW_ROWS
from tests.data.face_folders import write_fotw

GENDERS = {0: "male", 1: "female", 2: None}
TRAIN = "gender_fex_trset.csv"


@pytest.fixture
def root(tmp_path):
    return write_fotw(tmp_path)


def write_train(root, *rows, header=FOTW_HEADER):
    """Other annotations for training: lines of text."""
    (root / TRAIN).write_text("\n".join([header, *rows]) + "\n")


def test_annotations_become_rows(root):
    images = load_fotw(root, GENDERS)
    assert images.image_id.tolist() == [
        "train/00001", "train/00002", "train/00003", "valid/00004",
        "test/00001",
    ]  # fmt: skip
    assert images.subject.tolist() == images.image_id.tolist()
    assert images.split.tolist() == ["train"] * 3 + ["valid", "test"]
    assert [path.split("/")[-2:] for path in images.path] == [
        ["smiles_trset", "00001.jpg"],
        ["smiles_trset", "00002.jpg"],
        ["smiles_trset", "00003.jpg"],
        ["smiles_valset", "00004.jpg"],
        ["track3_all", "00001.jpg"],
    ]
    assert set(images.database) == {"FotW"}
    assert images.age.isna().all()
    assert "image_name" not in images
    rows = [FOTW_ROWS[TRAIN][k] for k in (1, 0, 2)]
    np.testing.assert_array_equal(
        images[list(BOX_COLUMNS)][:3], [row[1:5] for row in rows]
    )


def test_codes_become_words_and_labels(root):
    images = load_fotw(root, GENDERS)
    words = images.gender.where(images.gender.notna(), "open").tolist()
    assert words == ["male", "female", "open", "male", "female"]
    labels = attribute_labels(images, ("Male", "Smiling", "Young"))
    assert labels.tolist() == [
        [1, 0, -1], [0, 1, -1], [-1, 1, -1], [1, 1, -1], [0, 0, -1],
    ]  # fmt: skip


def test_the_mapping_alone_says_what_a_code_means(root):
    exchanged = load_fotw(root, {0: "female", 1: "male", 2: "male"})
    assert exchanged.gender.tolist() == [
        "female", "male", "male", "female", "male",
    ]  # fmt: skip
    assert exchanged.Male.tolist() == [0, 1, 1, 0, 1]
    unknown = load_fotw(root, dict.fromkeys(range(3)))
    assert unknown[["gender", "Male"]].isna().all(axis=None)


def test_one_part_or_all_that_are_there(root):
    valid = load_fotw(root, GENDERS, split="valid")
    assert valid.image_id.tolist() == ["valid/00004"]
    assert valid.index.tolist() == [0]
    (root / TRAIN).unlink()
    assert load_fotw(root, GENDERS).split.tolist() == ["valid", "test"]
    with pytest.raises(FileNotFoundError, match=r"a file gender_fex_trset\.c"):
        load_fotw(root, GENDERS, split="train")


def test_of_several_parts_no_other_is_read(root):
    (root / "test_gt.csv").write_text("something else\n")
    (root / "track3_all").rename(root / "elsewhere")
    images = load_fotw(root, GENDERS, split=("valid", "train"))
    assert images.split.tolist() == ["train"] * 3 + ["valid"]
    assert images.index.tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match=r"test_gt\.csv: expected the columns"):
        load_fotw(root, GENDERS)
    (root / "gender_fex_valset.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"file gender_fex_valset\.csv"):
        load_fotw(root, GENDERS, split=("train", "valid"))


def test_annotations_may_lie_in_nested_folders_of_images(tmp_path):
    write_fotw(tmp_path / "a" / "smiles_trset", beside=False)
    images = load_fotw(tmp_path, GENDERS, split="train")
    assert images.path[0].endswith("smiles_trset/smiles_trset/00001.jpg")
    here = load_fotw(tmp_path / "a/smiles_trset/smiles_trset", GENDERS)
    pd.testing.assert_frame_equal(here, images)


@pytest.mark.parametrize(
    "header",
    [
        "image_name,bbox_x,bbox_y,bbox_width,bbox_height,gender,smile",
        "image_name, bbox_x, bbox_y, bbox_width, bbox_height, Gender , Smile",
    ],
)
def test_blanks_and_capitals_of_the_header_do_not_matter(tmp_path, header):
    write_fotw(tmp_path / "as published")
    write_fotw(tmp_path / "other", header=header)
    one, other = (
        load_fotw(tmp_path / name, GENDERS).drop(columns="path")
        for name in ("as published", "other")
    )
    pd.testing.assert_frame_equal(one, other)


def test_columns_go_by_their_names(root):
    header = "smile,gender,image_name,note,bbox_height,bbox_width,bbox_y,bbox_x"
    write_train(root, " 1, 0, 00002.jpg, blurred, 4, 3, 2, 1 ", header=header)
    row = load_fotw(root, GENDERS, "train").iloc[0]
    assert row[list(BOX_COLUMNS)].tolist() == [1, 2, 3, 4]
    assert (row.gender, row.Smiling) == ("male", 1)
    assert "note" not in row


def test_other_codes_of_smile_are_unknown_and_counted(root):
    write_train(
        root,
        "00001.jpg,1,1,9,9,0,2",
        "00002.jpg,1,1,9,9,0,",
        "00003.jpg,1,1,9,9,0,1",
    )
    with pytest.warns(
        UserWarning, match=r"trset\.csv: 2 of 3 images .*unknown: codes 2$"
    ):
        images = load_fotw(root, GENDERS, "train")
    labels = attribute_labels(images, ["Smiling"])
    assert labels[:, 0].tolist() == [-1, -1, 1]


def test_missing_images_are_counted_named_and_left_out(root):
    (root / "smiles_trset" / "00003.jpg").unlink()
    with pytest.warns(
        UserWarning, match=r"trset\.csv: 1 of 3 images .*left out: 00003\.jpg"
    ):
        images = load_fotw(root, GENDERS, "train")
    assert images.image_id.tolist() == ["train/00001", "train/00002"]


def test_images_of_another_part_do_not_stand_in(root):
    write_train(root, "00004.jpg,1,1,9,9,0,1")  # of smiles_valset
    with pytest.raises(
        ValueError, match=r"none of the 1 images .*smiles_trset/00004\.jpg"
    ):
        load_fotw(root, GENDERS)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("00002.jpg,1,1,9,9,3,1", r"line 3, column `gender`: expected a code of"
         r" genders=\{0: 'male', 1: 'female', 2: None\}\. Received: 3, in 1 of "
         r"2 rows"),
        ("00002.jpg,1,1,9,9,m,1", r"line 3, column `gender`: expected a whole "
         r"number.*'m'"),
        ("00002.jpg,1,1,9,9,,1", r"line 3, column `gender`.*None"),
        ("00002.jpg,1,1,9,9,0,yes", r"line 3, column `smile`: .*'yes'"),
        ("00002.jpg,1,1,0,9,0,1", r"line 3, column `bbox_width`: expected "
         r"pixels above 0\. Received: 0\.0"),
        ("00002.jpg,1,1,9,-9,0,1", r"line 3, column `bbox_height`.*-9"),
        ("00002.jpg,,1,9,9,0,1", r"line 3, column `bbox_x`: expected pixels\. "
         r"Received: nan"),
        ("00002.jpg,1,inf,9,9,0,1", r"line 3, column `bbox_y`.*inf"),
        ("00002.jpg,1,left,9,9,0,1", r"line 3, column `bbox_y`.*'left'"),
        (",1,1,9,9,0,1", r"line 3, column `image_name`.*None"),
        ("00001.jpg,1,1,9,9,0,1", r"line 3, column `image_name`: expected .*no "
         r"other row has\. Received: '00001\.jpg' \(first in line 2\)"),
        ("00002.jpg,1,1,9,9", r"line 3, column `gender`.*None"),
        ("00002.jpg,1,1,9,9,0,1,7", r"cannot be read as a CSV table: .*line 3"),
    ],
)  # fmt: skip
def test_a_bad_cell_is_named_by_file_line_and_column(root, row, message):
    write_train(root, "00001.jpg,1,1,9,9,0,1", row)
    with pytest.raises(ValueError, match=message) as error:
        load_fotw(root, GENDERS)
    assert str(root / TRAIN) in str(error.value)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("image_name,x,y,bbox_width,bbox_height,gender,smile",
         r"expected the columns image_name, bbox_x, .*Missing: bbox_x, bbox_y\."
         r" Received: columns=\['image_name', 'x'"),
        (FOTW_HEADER + ",gender", r"each once\. Received: columns=.*'gender'"),
        (FOTW_HEADER + ",Gender", r"each once\. Received: columns=.*'gender'"),
    ],
)  # fmt: skip
def test_a_header_that_does_not_fit_is_refused(root, header, message):
    write_train(root, header=header)
    with pytest.raises(ValueError, match=message) as error:
        load_fotw(root, GENDERS)
    assert str(root / TRAIN) in str(error.value)


def test_annotations_without_rows_are_refused(root):
    write_train(root)
    with pytest.raises(ValueError, match=r"trset.*at least one image, found"):
        load_fotw(root, GENDERS)


@pytest.mark.parametrize(
    "genders",
    [None, {}, ["male"], {"0": "male"}, {0: "man"}, {0: ["male"]}],
)
def test_genders_must_be_said(root, genders):
    with pytest.raises(ValueError, match=r"'female', 'male' or None\. Receive"):
        load_fotw(root, genders)


def test_a_code_that_the_mapping_lacks_is_counted(root):
    write_train(root, *(f"0000{k}.jpg,1,1,9,9,{k},1" for k in (1, 2, 3)))
    with pytest.raises(
        ValueError, match=r"line 3, column `gender`.*Received: 2, in 1 of 3"
    ):
        load_fotw(root, {0: "male", 1: "female"})


def test_parts_and_folders_that_are_not_there_are_named(root, tmp_path):
    for wrong in ("dev", ("train", "dev"), ()):
        message = re.escape(f"or None for all. Received: split={wrong!r}")
        with pytest.raises(ValueError, match=f"train, valid, test.*{message}"):
            load_fotw(root, GENDERS, split=wrong)
    with pytest.raises(FileNotFoundError, match=r"folder of FotW.*nowhere"):
        load_fotw(tmp_path / "nowhere", GENDERS)
    with pytest.raises(FileNotFoundError, match=r"gender_fex_trset\.csv or gen"
                       r"der_fex_valset\.csv or test_gt\.csv"):  # fmt: skip
        load_fotw(root / "track3_all", GENDERS)
    (root / "track3_all").rename(root / "track3")
    with pytest.raises(FileNotFoundError, match=r"folder track3_all with imag"):
        load_fotw(root, GENDERS)


def test_annotations_that_are_there_twice_are_refused(root):
    (root / "copy").mkdir()
    (root / "copy" / TRAIN).write_text((root / TRAIN).read_text())
    with pytest.raises(
        ValueError, match=r"one gender_fex_trset\.csv.*copy/gen"
    ):
        load_fotw(root, GENDERS)
