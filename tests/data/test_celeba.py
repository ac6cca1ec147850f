"""The CelebA adapter: lists become rows; what does not fit is named."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from fdin_tf.data import celeba
from fdin_tf.data.celeba import CELEBA_MD5
from fdin_tf.data.celeba import load_celeba
from fdin_tf.data.celeba import upright_order
from fdin_tf.data.face_images import BOX_COLUMNS
from fdin_tf.data.face_images import CELEBA_ATTRIBUTES
from fdin_tf.data.face_images import attribute_labels
from fdin_tf.data.face_images import face_points
from fdin_tf.data.image_files import read_image
from fdin_tf.faces.five_points import check_points
from tests.data.face_folders import BOX_NAMES
from tests.data.face_folders import CELEBA_ROWS
from tests.data.face_folders import LANDMARK_NAMES
from tests.data.face_folders import celeba_signs
from tests.data.face_folders import write_celeba

ATTR = "Anno/list_attr_celeba.txt"
LANDMARKS = "Anno/list_landmarks_align_celeba.txt"
IDENTITY = "Anno/identity_CelebA.txt"
PARTITION = "Eval/list_eval_partition.txt"
IMAGES = "Img/img_align_celeba"


@pytest.fixture
def root(tmp_path):
    return write_celeba(tmp_path)


def edit(path, old, new, count=1):
    """Replaces text in a list, which must be there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, count))


def test_lists_become_rows(root):
    images = load_celeba(root)
    assert images.image_id.tolist() == [f"{k:06d}" for k in range(1, 6)]
    assert images.subject.tolist() == ["2880", "2937", "2880", "77", "9"]
    assert images.split.tolist() == ["train"] * 3 + ["valid", "test"]
    assert set(images.database) == {"CelebA"}
    assert images.age.isna().all()
    points = [np.reshape(row[3], (5, 2)) for row in CELEBA_ROWS]
    np.testing.assert_array_equal(face_points(images), points)
    for path in images.path:
        assert read_image(path).shape == (218, 178, 3)
    assert not set(BOX_COLUMNS) & set(images)  # boxes are of the originals


def test_signs_become_zero_and_one_under_their_names(root):
    images = load_celeba(root)
    signs = np.stack([celeba_signs(row[0]) for row in CELEBA_ROWS])
    np.testing.assert_array_equal(attribute_labels(images), signs > 0)
    male = signs[:, CELEBA_ATTRIBUTES.index("Male")] > 0
    assert images.gender.tolist() == np.where(male, "male", "female").tolist()
    assert images.Male.tolist() == male.tolist()


def test_images_as_they_were_found_come_with_their_boxes(tmp_path):
    write_celeba(tmp_path, images="Img/img_celeba.7z/img_celeba")
    images = load_celeba(tmp_path, aligned=False)
    assert images.path[0].endswith("img_celeba/000001.jpg")
    assert images[list(BOX_COLUMNS)].iloc[4].tolist() == [100, 71, 226, 313]
    np.testing.assert_array_equal(
        face_points(images)[0].ravel(), 2 * np.array(CELEBA_ROWS[0][3])
    )


@pytest.mark.parametrize(
    "folders",
    [
        {"annotations": "", "partition": "", "images": "img_align_celeba"},
        {"images": "img_align_celeba/img_align_celeba"},
        {"annotations": "celeba/Anno", "partition": "celeba/Anno",
         "images": "img_align_celeba"},
    ],
)  # fmt: skip
def test_files_are_found_by_name_wherever_they_lie(tmp_path, folders):
    images = load_celeba(write_celeba(tmp_path, **folders))
    assert len(images) == 5


def test_a_folder_of_images_may_be_a_link(tmp_path):
    write_celeba(tmp_path / "celeba", images="../elsewhere/faces")
    (tmp_path / "celeba" / "img_align_celeba").symlink_to(
        tmp_path / "elsewhere" / "faces"
    )
    assert len(load_celeba(tmp_path / "celeba")) == 5


def test_rows_are_sorted_and_joined_by_name_not_by_place(tmp_path):
    write_celeba(tmp_path / "sorted")
    write_celeba(tmp_path / "other", CELEBA_ROWS[::-1])
    lines = (tmp_path / "sorted" / IDENTITY).read_text()
    (tmp_path / "other" / IDENTITY).write_text(lines)  # in another order
    one, other = (load_celeba(tmp_path / name) for name in ("sorted", "other"))
    pd.testing.assert_frame_equal(
        one.drop(columns="path"), other.drop(columns="path")
    )


def test_lists_may_name_more_images_than_the_attributes(root):
    path = root / ATTR
    lines = path.read_text().splitlines()
    path.write_text("\n".join(["2", *lines[1:4]]))
    assert load_celeba(root).image_id.tolist() == ["000001", "000002"]


def test_blank_lines_and_other_line_endings_are_read(root):
    for name in (ATTR, LANDMARKS, IDENTITY, PARTITION):
        path = root / name
        lines = path.read_text().splitlines()
        text = "\r\n".join([*lines[:3], "  ", *lines[3:], ""])
        path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert len(load_celeba(root)) == 5


def test_missing_images_are_counted_named_and_left_out(root):
    for number in (2, 4):
        (root / IMAGES / f"{number:06d}.jpg").unlink()
    with pytest.warns(
        UserWarning, match=r"2 of 5 images .*left out: 000002\.jpg, 000004\.jpg"
    ):
        images = load_celeba(root)
    assert images.image_id.tolist() == ["000001", "000003", "000005"]
    assert face_points(images)[1, 0].tolist() == [76, 112]


def test_a_folder_without_the_listed_images_is_refused(root):
    for path in (root / IMAGES).iterdir():
        path.rename(path.with_name("other" + path.name))
    with pytest.raises(
        ValueError, match=r"none of the 5 images .*path=.*000001\.jpg"
    ):
        load_celeba(root)


def test_without_identities_every_image_is_a_subject(root):
    (root / IDENTITY).unlink()
    with pytest.warns(
        UserWarning, match=r"no identity_CelebA\.txt, so every image counts"
    ):
        images = load_celeba(root)
    assert images.subject.tolist() == images.image_id.tolist()


def test_a_person_in_two_parts_is_refused(root):
    edit(root / IDENTITY, "000004.jpg 77", "000004.jpg 2880")
    with pytest.raises(ValueError, match=r"`split`.*subject='2880', before tr"):
        load_celeba(root)


def test_exchanged_points_are_put_in_order_and_counted(root):
    points = face_points(load_celeba(root))
    path = root / LANDMARKS
    # The eyes of the second image, the corners of the mouth of the third.
    edit(path, "69  110  107  112", "107  112   69  110")
    edit(path, "74  156   98  158", "98  158   74  156")
    with pytest.warns(
        UserWarning, match=r"for 2 of 5 faces.*: 000002\.jpg, 000003\.jpg$"
    ):
        images = load_celeba(root)
    np.testing.assert_array_equal(face_points(images), points)


def test_a_box_without_area_is_left_empty_and_counted(tmp_path):
    write_celeba(tmp_path, images="Img/img_celeba")
    edit(tmp_path / "Anno/list_bbox_celeba.txt", "97  71 226 313", "0 0 0 0")
    with pytest.warns(
        UserWarning, match=r"1 of 5 boxes have no area.*: 000002\.jpg"
    ):
        images = load_celeba(tmp_path, aligned=False)
    is_empty = images[list(BOX_COLUMNS)].isna().all(axis=1)
    assert is_empty.tolist() == [False, True, False, False, False]


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (ATTR, "5\n5_o", "five\n5_o", r"line 1: expected the number of images"
         r"\. Received: 'five'"),
        (ATTR, "5\n5_o", "5_o", r"line 1: expected the number of images\. "
         r"Received: '5_o_Clock_Shadow"),
        (ATTR, "5\n5_o", "6\n5_o", r"line 1: .*images that follow, 5\. "
         r"Received: 6"),
        (ATTR, " Young", "", r"line 2: expected the 40 names 5_o_Clock_Shadow"
         r", .*Young, in this order\. Received: 39 names, missing=\['Young'\],"
         r" unknown=\[\]"),
        (ATTR, " Young", " Old", r"line 2: .*40 names, missing=\['Young'\], "
         r"unknown=\['Old'\]"),
        (ATTR, " Young", " Male", r"line 2: .*missing=\['Young'\]"),
        (ATTR, " Young", " Young Male", r"line 2: .*41 names, missing=\[\]"),
        (ATTR, "Bald Bangs", "Bangs Bald", r"line 2: .*in this order\."),
        (ATTR, "000003.jpg ", "000003.jpg 1 ", r"line 5: expected an image and "
         r"40 values\. Received: 42 fields"),
        (ATTR, "000003.jpg ", "", r"line 5: .*Received: 40 fields"),
        (ATTR, "000002.jpg", "000001.jpg", r"line 4: expected an image that is"
         r" listed once\. Received: '000001\.jpg' \(first in line 3\)"),
        (LANDMARKS, LANDMARK_NAMES, BOX_NAMES, r"line 2: expected the 10 names "
         r"lefteye_x, .*Received: 5 names"),
        (LANDMARKS, " 110 ", " high ", r"line 4, column `lefteye_y`: expected "
         r"pixels\. Received: 'high'"),
        (LANDMARKS, " 110 ", " nan ", r"line 4, column `lefteye_y`.*'nan'"),
        (LANDMARKS, " 110 ", " inf ", r"line 4, column `lefteye_y`.*inf"),
        (LANDMARKS, "000004.jpg", "000009.jpg", r"expected all images of "
         r"list_attr_celeba\.txt; 1 of 5 are not listed\. Received: none of "
         r"000004\.jpg"),
        (PARTITION, "000004.jpg 1", "000004.jpg 3", r"line 4, column "
         r"`partition`: expected 0 \(train\), 1 \(valid\) or 2 \(test\)\. "
         r"Received: 3"),
        (PARTITION, "000004.jpg 1\n", "", r"1 of 5 are not listed"),
        (PARTITION, "000004.jpg 1", "000004.jpg", r"line 4: expected an image "
         r"and 1 values\. Received: 1 fields"),
        (IDENTITY, " 77", " me", r"line 4, column `identity`: expected the "
         r"number of a person\. Received: 'me'"),
        (IDENTITY, " 77", " 7.5", r"line 4, column `identity`.*7\.5"),
    ],
)  # fmt: skip
def test_a_list_that_does_not_fit_is_named_by_line(
    root, name, old, new, message
):
    edit(root / name, old, new)
    with pytest.raises(ValueError, match=message) as error:
        load_celeba(root)
    assert str(root / name) in str(error.value)


@pytest.mark.parametrize("value", ["0", "2", "yes", "1.5"])
def test_an_attribute_that_is_no_sign_is_named(root, value):
    path = root / ATTR
    lines = path.read_text().splitlines()
    name, _, *values = lines[4].split()
    lines[4] = " ".join([name, value, *values])
    path.write_text("\n".join(lines))
    with pytest.raises(
        ValueError, match=r"celeba\.txt, line 5, column `5_o_Clock_Shadow`: "
        rf"expected -1 or 1\. Received: '?{value}"
    ):  # fmt: skip
        load_celeba(root)


def test_lists_without_rows_or_text_are_refused(root):
    (root / PARTITION).write_text("\n")
    with pytest.raises(ValueError, match=r"at least one image, found none"):
        load_celeba(root)
    (root / ATTR).write_text("0\n" + " ".join(CELEBA_ATTRIBUTES))
    with pytest.raises(ValueError, match=r"attr_celeba.*at least one image"):
        load_celeba(root)
    (root / ATTR).write_text("")
    with pytest.raises(ValueError, match=r"line 1: .*Received: ''"):
        load_celeba(root)
    (root / ATTR).write_bytes(b"\xff\xfe\x80")
    with pytest.raises(ValueError, match=r"attr_celeba\.txt is no text file"):
        load_celeba(root)


@pytest.mark.parametrize("name", [ATTR, LANDMARKS, PARTITION])
def test_a_list_that_is_not_there_is_named(root, name):
    (root / name).unlink()
    with pytest.raises(
        FileNotFoundError, match=rf"a file {name.split('/')[1]} in .*found none"
    ):
        load_celeba(root)


def test_what_is_there_twice_is_refused(root):
    (root / "list_attr_celeba.txt").write_text((root / ATTR).read_text())
    with pytest.raises(ValueError, match=r"Expected one list_attr_celeba\.txt "
                       r".*Received: list_attr.*, Anno/list_attr"):  # fmt: skip
        load_celeba(root)
    (root / "list_attr_celeba.txt").unlink()
    write_celeba(root, images="copy/img_align_celeba")
    with pytest.raises(ValueError, match=r"Expected one folder img_align_cele"):
        load_celeba(root)


def test_folders_that_are_not_there_are_named(root, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"folder of CelebA.*nowhere"):
        load_celeba(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"folder img_celeba with imag"):
        load_celeba(root, aligned=False)
    (root / IMAGES).rename(root / "Img" / "faces")
    archive = root / "Img" / "img_align_celeba.zip"
    archive.write_bytes(b"")
    with pytest.raises(
        FileNotFoundError, match=rf"found none\. Unpack {archive}\."
    ):
        load_celeba(root)


def test_checksums_tell_the_published_lists_from_others(root, monkeypatch):
    published = CELEBA_MD5["list_attr_celeba.txt"]
    with pytest.raises(
        ValueError,
        match=rf"attr_celeba\.txt: expected the published file, with the MD5 "
        rf"checksum {published}\. Received: [0-9a-f]{{32}}",
    ):
        load_celeba(root, verify=True)
    # The same lists, were they the published ones.
    (root / "Img" / "img_align_celeba.zip").write_bytes(b"faces")
    here = {
        path.name: hashlib.md5(path.read_bytes()).hexdigest()
        for path in root.rglob("*.*")
        if path.name in CELEBA_MD5
    }
    assert set(here) == set(CELEBA_MD5)
    monkeypatch.setattr(celeba, "CELEBA_MD5", here)
    assert len(load_celeba(root, verify=True)) == 5
    (root / "Img" / "img_align_celeba.zip").write_bytes(b"faced")
    with pytest.raises(ValueError, match=r"celeba\.zip: expected .*MD5"):
        load_celeba(root, verify=True)


FACE = np.array([[-20.0, 0], [20, 0], [3, 25], [-15, 45], [15, 45]])


@settings(max_examples=60, deadline=None)
@given(
    st.floats(-np.pi, np.pi),
    st.floats(0.2, 5),
    st.booleans(),
    st.booleans(),
)
def test_points_of_any_turned_face_come_in_order(angle, scale, eyes, mouth):
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    face = FACE @ [[cos, sin], [-sin, cos]] + 100
    given_face = face.copy()
    if eyes:
        given_face[:2] = given_face[1::-1]
    if mouth:
        given_face[3:] = given_face[:2:-1]
    points, is_exchanged = upright_order(given_face[None])
    np.testing.assert_array_equal(points[0], face)
    assert is_exchanged.tolist() == [eyes or mouth]
    check_points(points[0])
