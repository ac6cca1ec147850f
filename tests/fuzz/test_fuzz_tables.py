"""Tables of clips, images and folds of any bytes."""

import json

import hypothesis
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fdin_tf.data.cache import read_json
from fdin_tf.data.celeba_lists import CELEBA_LISTS
from fdin_tf.data.celeba_lists import read_celeba_list
from fdin_tf.data.clips import read_clip_table
from fdin_tf.data.fold_files import read_test_folds
from fdin_tf.data.fotw import load_fotw
from fdin_tf.data.images import read_image_table
from fdin_tf.data.us_adult_faces import load_us_adult_faces
from fdin_tf.data.us_adult_faces import read_us_adult_landmarks
from fdin_tf.data.uva_nemo import load_uva_nemo
from fdin_tf.serving.card_checks import clip_settings
from fdin_tf.serving.card_checks import photograph_settings
from fdin_tf.serving.export import CARD
from fdin_tf.serving.export import find_version
from tests.fuzz.mutations import fuzz
from tests.fuzz.mutations import mutants
from tests.fuzz.mutations import result_of
from tests.serving.test_card_checks import clip_card
from tests.serving.test_card_checks import photograph_card

CLIPS = b"""\
clip_id,path,subject,age,gender,spontaneity,database,fold
a,a.mp4,1,31,female,posed,mine,0
b,b.mp4,2,,male,spontaneous,mine,1
"""
IMAGES = b"""\
image_id,path,subject,age,gender,database,happiness,split,\
box_x,box_y,box_width,box_height,Male
a,1.jpg,1,20,female,mine,7.5,train,1,2,3,4,0
b,2.jpg,2,,male,mine,,test,,,,,1
"""
FOTW = b"""\
image_name,bbox_x,bbox_y,bbox_width,bbox_height,gender,smile
1.jpg,1,2,10,10,0,1
2.jpg,1,2,10,10,1,0
"""
DETAILS = b"""\
UvA-NEMO Smile Database
file\tsubject\tgender\tage\ttype
001_deliberate_smile_2.mp4\t001\tmale\t31\tdeliberate
001_spontaneous_smile_1.mp4\t001\tmale\t31\tspontaneous
002_deliberate_smile_1.mp4\t002\tfemale\t8\tdeliberate
"""
SCORES = b"""\
Filename\tImage #\tattractive\thappy\tconfident\tintelligent
x.jpg\t1\t5\t6\t7\t5.5
y.jpg\t2\t4\t4\t4\t4
y.jpg\t2\t5\t3\t\t4
"""
FOLDS = b"clip_id,fold\na,0\nb,1\nc,1\n"
CLIP_TABLE = pd.DataFrame(
    {"clip_id": list("abc"), "spontaneity": ["posed", "spontaneous", "posed"]}
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with two photographs, where the parsers look for them."""
    folder = tmp_path_factory.mktemp("fuzz")
    for place in (".", "smiles_trset", "Images and Annotations"):
        (folder / place).mkdir(exist_ok=True)
        for name in ("1.jpg", "2.jpg"):
            Image.new("RGB", (20, 20)).save(folder / place / name)
    return folder


def check_all(path, whole, words, parse, check, named=None):
    """A whole file is read; what is made of it is read or refused."""
    path.write_bytes(whole)
    check(parse(path))

    @fuzz
    @hypothesis.given(content=mutants(whole, words))
    def holds(content):
        path.write_bytes(content)
        found = result_of(lambda: parse(path), named or path.name)
        if found is not None:
            check(found)

    holds()
    path.unlink()


def check_clips(clips):
    assert clips.clip_id.is_unique
    assert len(clips)
    assert clips.age.dropna().between(0, 120).all()
    assert clips.gender.dropna().isin(("female", "male")).all()
    assert clips.spontaneity.dropna().isin(("posed", "spontaneous")).all()
    texts = clips[["clip_id", "path", "subject", "database"]].to_numpy()
    assert not any("\n" in text or "\0" in text for text in texts.ravel())


def check_images(images):
    assert images.image_id.is_unique
    assert len(images)
    assert images.path.map(lambda path: path.endswith(".jpg")).all()
    assert images.age.dropna().between(0, 120).all()


def check_numbers(table):
    assert table.index.is_unique
    assert np.isfinite(table.to_numpy()).all()


def check_folds(found):
    tested_in, _ = found
    assert tested_in.shape == (3,)
    assert (tested_in >= 0).all()


def test_any_clip_table_is_read_or_refused(folder):
    words = (b"female", b"spontaneous", b"120", b"121", b"a,a.mp4,")
    path = folder / "clips.csv"
    check_all(path, CLIPS, words, read_clip_table, check_clips)


def test_any_details_file_is_read_or_refused(folder):
    words = (b"001", b"female", b"deliberate", b"spontaneous", b".mp4")
    path = folder / "nemo" / "X_File_Details.txt"
    path.parent.mkdir()

    def parse(path):
        return load_uva_nemo(path.parent)

    check_all(path, DETAILS, words, parse, check_clips)


def test_any_image_table_is_read_or_refused(folder):
    words = (b"valid", b"1.jpg", b"female")
    path = folder / "images.csv"
    check_all(path, IMAGES, words, read_image_table, check_images)


def test_any_annotations_of_fotw_are_read_or_refused(folder):
    def parse(path):
        return load_fotw(folder, {0: "male", 1: "female", 2: None})

    path = folder / "gender_fex_trset.csv"
    check_all(path, FOTW, (b"2", b"1.jpg", b"GENDER"), parse, check_images)


def test_any_scores_of_us_adult_faces_are_read_or_refused(folder):
    def parse(path):
        return load_us_adult_faces(folder)

    path = folder / "psychology-attributes.txt"
    check_all(path, SCORES, (b"Image #", b"2.0"), parse, check_images)


def test_any_landmarks_of_us_adult_faces_are_read_or_refused(folder):
    def check(points):
        assert points.shape == (77, 2)
        assert np.isfinite(points).all()

    path = folder / "1_landmarks.txt"
    whole = b"12.5 13\n" * 77
    check_all(path, whole, (b" ", b"#"), read_us_adult_landmarks, check)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("list_attr_celeba.txt", "-1"),
        ("list_landmarks_align_celeba.txt", "12"),
        ("list_bbox_celeba.txt", "12"),
        ("list_eval_partition.txt", "1"),
        ("identity_CelebA.txt", "7"),
    ],
)
def test_any_list_of_celeba_is_read_or_refused(folder, name, value):
    layout = CELEBA_LISTS[name]
    lines = [] if layout.header is None else ["3", " ".join(layout.header)]
    values = " ".join([value] * len(layout.columns))
    lines += [f"00000{k}.jpg  {values}" for k in (1, 2, 3)]
    whole = "\n".join([*lines, ""]).encode()
    words = (b"2", b"3", b"Young", b"lefteye_x", b"000001.jpg")
    check_all(folder / name, whole, words, read_celeba_list, check_numbers)


def test_any_csv_of_folds_is_read_or_refused(folder):
    def parse(path):
        return read_test_folds(CLIP_TABLE, path)

    words = (b"video", b"a.mp4", b"a,0")
    check_all(folder / "folds.csv", FOLDS, words, parse, check_folds)


def test_any_json_of_folds_is_read_or_refused(folder):
    folds = folder / "folds"
    lists = {
        "1/train": {"a": 0},
        "1/test": {"b": 1, "c": 0},
        "2/train": {"b": 1, "c": 0},
        "2/test": {"a": 0},
    }
    for name, labels in lists.items():
        path = folds / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(labels))

    def parse(path):
        return read_test_folds(CLIP_TABLE, folds)

    path = folds / "1" / "test.json"
    whole = path.read_bytes()
    check_all(path, whole, (b'"a"',), parse, check_folds, named=str(folds))


@pytest.mark.parametrize(
    ("whole", "settings"),
    [(clip_card, clip_settings), (photograph_card, photograph_settings)],
)
def test_any_card_gives_settings_or_is_refused(folder, whole, settings):
    version = folder / settings.__name__
    path = version / CARD
    path.parent.mkdir(parents=True)
    (version / "saved_model.pb").touch()

    def parse(path):
        found, card = find_version(version)
        return settings(card, found)

    def check(found):
        assert found.target
        assert all(isinstance(name, str) for name in found.tested)

    words = (b"NaN", b"1e999", b'"face"', b'"size": 9999999', b"[[]]")
    content = json.dumps(whole()).encode()
    check_all(path, content, words, parse, check, named=str(version))


def test_any_json_of_a_card_or_state_is_read_or_refused(folder):
    def check(value):
        json.dumps(value)

    whole = b'{"target": "age", "epoch": 3, "face": {"size": 96, "x": [1.5]}}'
    words = (b"NaN", b"Infinity", b'"face"')
    check_all(folder / "card.json", whole, words, read_json, check)
