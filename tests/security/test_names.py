"""Names in files from elsewhere lead nowhere, and command nothing."""

import pandas as pd
import pytest
from PIL import Image

from fdin_tf.data.celeba import load_celeba
from fdin_tf.data.celeba_lists import CELEBA_LISTS
from fdin_tf.data.celeba_lists import read_celeba_list
from fdin_tf.data.clips import read_clip_table
from fdin_tf.data.fotw import load_fotw
from tests.fuzz.mutations import check_refusal

ELSEWHERE = ("../1.jpg", "/etc/1.jpg", "a/1.jpg", "C:\\1.jpg", "..", "1\0.jpg")


@pytest.mark.parametrize("name", ELSEWHERE)
def test_annotations_of_fotw_name_files_of_their_folder_only(tmp_path, name):
    Image.new("RGB", (20, 20)).save(tmp_path / "1.jpg")
    (tmp_path / "smiles_trset").mkdir()
    (tmp_path / "gender_fex_trset.csv").write_text(
        "image_name,bbox_x,bbox_y,bbox_width,bbox_height,gender,smile\n"
        f"{name},1,2,10,10,0,1\n"
    )
    with pytest.raises(ValueError, match="line 2, column `image_name`") as e:
        load_fotw(tmp_path, {0: "male"})
    check_refusal(e.value, "gender_fex_trset.csv")


@pytest.mark.parametrize("name", ELSEWHERE)
def test_lists_of_celeba_name_files_of_their_folder_only(tmp_path, name):
    path = tmp_path / "list_eval_partition.txt"
    path.write_text(f"000001.jpg 0\n{name} 1\n")
    with pytest.raises(ValueError, match="line 2: expected the name of an ima"):
        read_celeba_list(path)


def test_celeba_does_not_leave_its_folder(tmp_path):
    layout = CELEBA_LISTS["list_attr_celeba.txt"]
    row = "../../secret.jpg " + " ".join(["1"] * len(layout.columns))
    lines = ["1", " ".join(layout.columns), row]
    (tmp_path / "list_attr_celeba.txt").write_text("\n".join(lines))
    (tmp_path / "img_align_celeba").mkdir()
    Image.new("RGB", (20, 20)).save(tmp_path / "img_align_celeba" / "1.jpg")
    with pytest.raises(ValueError, match=r"secret\.jpg"):
        load_celeba(tmp_path)


@pytest.mark.parametrize("column", ["clip_id", "path", "subject", "database"])
@pytest.mark.parametrize("sign", ["\0", "\n", "\x1b[31m", "\u2028"])
def test_texts_with_control_characters_are_refused(tmp_path, column, sign):
    row = {
        **{"clip_id": "a", "path": "a.mp4", "subject": "1", "database": "x"},
        **{"age": 3, "gender": "female", "spontaneity": "posed"},
    }
    row[column] += f"{sign}b"
    path = tmp_path / "clips.csv"
    pd.DataFrame([row]).to_csv(path, index=False)
    with pytest.raises(ValueError, match=rf"line 2, column `{column}`") as e:
        read_clip_table(path)
    check_refusal(e.value, "clips.csv")
