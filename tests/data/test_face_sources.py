"""load_face_table and is_drawn: told by what files and folders hold."""

import shutil

import pandas as pd
import pytest
from PIL import Image

from fdin_tf.data import celeba
from fdin_tf.data import fotw
from fdin_tf.data.face_sources import is_drawn
from fdin_tf.data.face_sources import load_face_table
from fdin_tf.data.synthetic import GENDER_CODES
from fdin_tf.data.synthetic.face_attribute_set import make_face_attributes
from fdin_tf.data.synthetic.face_scenes import FaceAttributesConfig
from tests.data.face_folders import write_fotw


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    config = FaceAttributesConfig(
        num_persons=10, images_per_person=1, num_train=1, num_valid=1,
        num_test=1,
    )  # fmt: skip
    return make_face_attributes(tmp_path_factory.mktemp("drawn"), config)


def test_a_folder_of_celeba_is_known_by_its_attributes(drawn):
    images = load_face_table(drawn / "celeba")
    assert set(images.database) == {celeba.DATABASE}
    assert len(images) == 10


def test_a_folder_of_fotw_is_known_by_its_annotations(drawn):
    images = load_face_table(drawn / "fotw", GENDER_CODES)
    assert set(images.database) == {fotw.DATABASE}
    assert sorted(images.split) == ["test", "train", "valid"]


def test_codes_of_gender_have_no_default(drawn):
    with pytest.raises(ValueError, match="gender"):
        load_face_table(drawn / "fotw")


def write_table(folder, *splits):
    """A CSV file with an image of each part."""
    Image.new("RGB", (32, 32)).save(folder / "a.png")
    table = pd.DataFrame(
        [{"image_id": str(k), "path": "a.png", "subject": str(k), "age": "",
          "gender": "female", "database": "mine", "Smiling": 1, "split": split}
         for k, split in enumerate(splits)]
    )  # fmt: skip
    table = table.drop(columns=[] if splits[0] else "split")
    table.to_csv(folder / "mine.csv", index=False)
    return folder / "mine.csv"


def test_a_file_is_an_image_table(tmp_path):
    images = load_face_table(write_table(tmp_path, None))
    assert images.Smiling.tolist() == [1]
    assert "split" not in images


def test_only_the_parts_that_are_wanted_are_given(drawn, tmp_path):
    mine = write_table(tmp_path, "test", "train", "valid", "train")
    images = load_face_table(mine, splits=("train", "valid"))
    assert images.image_id.tolist() == ["1", "2", "3"]
    assert images.index.tolist() == [0, 1, 2]
    assert load_face_table(mine).split.nunique() == 3
    images = load_face_table(drawn / "celeba", splits=("valid",))
    assert images.split.tolist() == ["valid"]
    without = write_table(tmp_path, None)
    assert len(load_face_table(without, splits=("train",))) == 1


def test_of_fotw_other_parts_may_be_missing_or_different(drawn, tmp_path):
    root = shutil.copytree(drawn / "fotw", tmp_path / "fotw")
    shutil.rmtree(root / "track3_all")
    (root / "test_gt.csv").write_text("something else\n")
    images = load_face_table(root, GENDER_CODES, splits=("train", "valid"))
    assert images.split.tolist() == ["train", "valid"]
    with pytest.raises(ValueError, match=r"test_gt\.csv"):
        load_face_table(root, GENDER_CODES)


def test_a_part_without_images_is_an_error(tmp_path):
    mine = write_table(tmp_path, "train")
    message = r"mine\.csv: expected images of the parts train, valid\. Rece"
    with pytest.raises(ValueError, match=message + "ived: none of valid$"):
        load_face_table(mine, splits=("train", "valid"))


@pytest.mark.parametrize("splits", [(), ("dev",), ["train", "dev"]])
def test_other_parts_are_an_error(drawn, splits):
    with pytest.raises(ValueError, match=r"train, valid, test.*splits=\S"):
        load_face_table(drawn / "celeba", splits=splits)


def test_celeba_is_verified_where_that_is_asked_for(drawn):
    with pytest.raises(ValueError, match="the published file, with the MD5"):
        load_face_table(drawn / "celeba", verify=True)


def test_drawn_faces_are_told_wherever_one_points_at_them(drawn, tmp_path):
    for folder in (drawn, drawn / "celeba", drawn / "fotw", drawn.parent):
        assert is_drawn(folder)
    (tmp_path / "linked").symlink_to(drawn / "fotw")
    assert is_drawn(tmp_path / "linked")


def test_other_folders_and_tables_are_not_drawn(tmp_path):
    write_fotw(tmp_path / "fotw")
    assert not is_drawn(tmp_path)
    assert not is_drawn(tmp_path / "fotw")
    assert not is_drawn(write_table(tmp_path, "train"))


def test_whether_nothing_is_drawn_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="folder of CelebA or FotW"):
        is_drawn(tmp_path / "nothing")


def test_another_folder_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"CelebA .* or of FotW .*Received"):
        load_face_table(tmp_path)


def test_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        load_face_table(tmp_path / "nothing")
