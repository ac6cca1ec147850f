"""load_face_table: tables, CelebA and FotW, told by what they hold."""

import pandas as pd
import pytest
from PIL import Image

from fdin_tf.data import celeba
from fdin_tf.data import fotw
from fdin_tf.data.face_sources import load_face_table
from fdin_tf.data.synthetic import GENDER_CODES
from fdin_tf.data.synthetic.face_attribute_set import make_face_attributes
from fdin_tf.data.synthetic.face_scenes import FaceAttributesConfig


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


def test_a_file_is_an_image_table(tmp_path):
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png")
    pd.DataFrame(
        [{"image_id": "a", "path": "a.png", "subject": "1", "age": "",
          "gender": "female", "database": "mine", "Smiling": 1}]
    ).to_csv(tmp_path / "mine.csv", index=False)  # fmt: skip
    images = load_face_table(tmp_path / "mine.csv")
    assert images.Smiling.tolist() == [1]


def test_another_folder_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"CelebA .* or of FotW .*Received"):
        load_face_table(tmp_path)


def test_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        load_face_table(tmp_path / "nothing")
