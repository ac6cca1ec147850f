"""Sets of faces on disk: layouts, what readers find, interruption, refusal."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from fdin_tf.data.celeba import load_celeba
from fdin_tf.data.face_images import attribute_labels
from fdin_tf.data.face_images import face_points
from fdin_tf.data.fotw import load_fotw
from fdin_tf.data.image_files import read_image
from fdin_tf.data.image_sources import embedded_face_attributes
from fdin_tf.data.synthetic import DRAWN_ATTRIBUTES
from fdin_tf.data.synthetic import FACE_ATTRIBUTE_SETS
from fdin_tf.data.synthetic import GENDER_CODES
from fdin_tf.data.synthetic import FaceAttributesConfig
from fdin_tf.data.synthetic import load_face_attributes_truth
from fdin_tf.data.synthetic import make_face_attributes
from fdin_tf.data.synthetic.face_scene_painting import paint_scene
from fdin_tf.data.synthetic.face_scenes import draw_celeba_scenes
from fdin_tf.data.synthetic.face_scenes import draw_fotw_scene
from fdin_tf.data.synthetic.face_views import PaintedPerson
from tests.data.synthetic.set_checks import assert_continued
from tests.data.synthetic.set_checks import assert_two_calls_make_one
from tests.data.synthetic.set_checks import assert_untouched
from tests.data.synthetic.set_checks import content
from tests.data.synthetic.set_checks import stop

TINY = FACE_ATTRIBUTE_SETS["tiny"]
SMALL = FaceAttributesConfig(
    num_persons=10, images_per_person=1, num_train=2, num_valid=1, num_test=1
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return make_face_attributes(tmp_path_factory.mktemp("tiny"), TINY)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """An undisturbed set to compare others with."""
    return make_face_attributes(
        tmp_path_factory.mktemp("small"), SMALL, workers=1
    )


def test_folder_has_the_layouts_of_both_databases(small):
    images = "celeba/Img/img_align_celeba"
    assert set(content(small)) == {
        *(f"{images}/{k:06d}.jpg" for k in range(1, 11)),
        "celeba/Anno/list_attr_celeba.txt",
        "celeba/Anno/list_landmarks_align_celeba.txt",
        "celeba/Anno/identity_CelebA.txt",
        "celeba/Eval/list_eval_partition.txt",
        "fotw/smiles_trset/00001.jpg",
        "fotw/smiles_trset/00002.jpg",
        "fotw/smiles_valset/00003.jpg",
        "fotw/track3_all/00004.jpg",
        "fotw/gender_fex_trset.csv",
        "fotw/gender_fex_valset.csv",
        "fotw/test_gt.csv",
        "truth-celeba.npz",
        "truth-fotw.npz",
        "face_attributes.json",
    }
    manifest = json.loads((small / "face_attributes.json").read_text())
    assert manifest["num_persons"] == 10


def test_text_files_have_the_formats_of_the_databases(small):
    lines = {
        name: data.decode("ascii").splitlines()
        for name, data in content(small).items()
        if name.endswith((".txt", ".csv"))
    }
    attributes = lines["celeba/Anno/list_attr_celeba.txt"]
    assert attributes[0] == "10"
    assert attributes[1].split()[20] == "Male"
    assert attributes[2].split()[0] == "000001.jpg"
    assert len(attributes) == 12
    assert set(attributes[2].split()[1:]) == {"-1", "1"}
    points = lines["celeba/Anno/list_landmarks_align_celeba.txt"]
    assert points[1].split() == [
        f"{part}_{axis}"
        for part in ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")
        for axis in "xy"
    ]
    assert lines["celeba/Anno/identity_CelebA.txt"][2] == "000003.jpg 3"
    parts = lines["celeba/Eval/list_eval_partition.txt"]
    assert [line[-1] for line in parts] == list("0" * 8 + "12")
    header, row = lines["fotw/test_gt.csv"]
    assert header.split(",") == [
        "image_name",
        *(f" bbox_{name}" for name in ("x", "y", "width", "height")),
        " gender",
        " smile",
    ]
    assert row.split(",")[0] == "00004.jpg"
    assert len(row.split(",")) == 7


def test_celebas_reader_finds_what_was_drawn(tiny):
    table = load_celeba(tiny / "celeba")
    truth = load_face_attributes_truth(tiny, "celeba", table.path)
    assert len(table) == 36
    assert table.split.tolist() == truth["split"].tolist()
    assert table.subject.astype(int).tolist() == truth["person"].tolist()
    assert table.groupby("subject").split.nunique().max() == 1
    labels = attribute_labels(table, DRAWN_ATTRIBUTES)
    np.testing.assert_array_equal(labels, truth["attributes"])
    assert (attribute_labels(table, ["Eyeglasses", "Wearing_Hat"]) == 0).all()
    off = np.abs(face_points(table) - truth["points"])
    assert off.max() <= 0.5 + 1e-5
    is_male = truth["attributes"][:, DRAWN_ATTRIBUTES.index("Male")]
    assert ((table.gender == "male") == is_male).all()


def test_fotws_reader_finds_what_was_drawn(tiny):
    table = load_fotw(tiny / "fotw", GENDER_CODES)
    truth = load_face_attributes_truth(tiny, "fotw", table.path)
    assert table.split.value_counts().to_dict() == {
        "train": 12,
        "valid": 6,
        "test": 6,
    }
    assert table.split.tolist() == truth["split"].tolist()
    rows = [DRAWN_ATTRIBUTES.index(name) for name in ("Male", "Smiling")]
    np.testing.assert_array_equal(
        attribute_labels(table, ["Male", "Smiling"]),
        truth["attributes"][:, rows],
    )
    box = table[["box_x", "box_y", "box_width", "box_height"]].to_numpy()
    face = truth["face_box"]
    off = box[:, :2] + box[:, 2:] / 2 - (face[:, :2] + face[:, 2:]) / 2
    assert (np.abs(off) < 0.2 * (face[:, 2:] - face[:, :2])).all()


def test_gender_codes_are_those_of_the_challenge():
    assert GENDER_CODES == {0: "male", 1: "female"}


def test_images_are_what_was_painted(tiny):
    for scene, name in (
        (draw_celeba_scenes(TINY, 2)[1], "celeba/Img/img_align_celeba/000008"),
        (draw_fotw_scene(TINY, 13), "fotw/smiles_valset/00014"),
    ):
        painted = paint_scene(scene, PaintedPerson)
        image = read_image(tiny / f"{name}.jpg")
        assert image.shape == painted.shape
        assert np.abs(image - painted.astype(float)).mean() < 8


def test_truth_has_its_documented_shapes(tiny):
    for layout, count in (("celeba", 36), ("fotw", 24)):
        truth = load_face_attributes_truth(tiny, layout)
        assert {name: values.shape for name, values in truth.items()} == {
            "file_name": (count,),
            "split": (count,),
            "person": (count,),
            "age": (count,),
            "attributes": (count, 16),
            "is_hidden": (count,),
            "other_box": (count, 4),
            "landmarks": (count, 68, 2),
            "points": (count, 5, 2),
            "amplitudes": (count, 9),
            "boxes": (count, 5, 4),
            "face_box": (count, 4),
        }
        assert truth["attributes"].dtype == bool
        assert truth["file_name"].tolist() == sorted(truth["file_name"])


def test_truth_is_what_was_drawn(tiny):
    truth = load_face_attributes_truth(tiny, "fotw")
    for index in range(24):
        scene = draw_fotw_scene(TINY, index)
        assert truth["is_hidden"][index] == scene.is_hidden
        assert truth["age"][index] == scene.labelled.person.age
        for name, values in scene.labelled.truth.items():
            np.testing.assert_array_equal(truth[name][index], values)
        if scene.other is None:
            assert np.isnan(truth["other_box"][index]).all()
        else:
            np.testing.assert_array_equal(
                truth["other_box"][index], scene.other.truth["face_box"]
            )


def test_truth_follows_the_files_asked_for(tiny):
    names = ["000007.jpg", Path("somewhere/000002.jpg"), "000007.jpg"]
    truth = load_face_attributes_truth(tiny, "celeba", names)
    assert truth["file_name"].tolist() == [
        "000007.jpg",
        "000002.jpg",
        "000007.jpg",
    ]
    assert truth["person"].tolist() == [3, 1, 3]


def test_same_config_gives_the_same_set(small, tmp_path):
    again = make_face_attributes(tmp_path / "again", SMALL, workers=3)
    assert content(again) == content(small)


def test_progress_counts_images(tmp_path):
    calls = []
    for _ in range(2):
        make_face_attributes(
            tmp_path, SMALL, progress=lambda *call: calls.append(call)
        )
    assert calls == [*((k, 14) for k in range(1, 15)), (14, 14)]


def test_a_complete_set_is_not_touched_again(small):
    assert_untouched(make_face_attributes, small, SMALL)


def test_an_interrupted_call_is_continued(small, tmp_path):
    assert_continued(
        make_face_attributes,
        lambda root: load_face_attributes_truth(root, "celeba"),
        tmp_path,
        SMALL,
        small,
        most=14,
        manifest=r"face_attributes\.json",
    )


def test_two_calls_at_once_make_one_set(small, tmp_path):
    assert_two_calls_make_one(make_face_attributes, tmp_path, SMALL, small)


def test_a_set_of_another_config_is_refused(small, tmp_path):
    other = dataclasses.replace(SMALL, seed=5)
    with pytest.raises(
        ValueError, match=r"drawn faces of another config.*seed=5.*'seed': 0"
    ):
        make_face_attributes(small, other)
    with pytest.raises(KeyboardInterrupt):
        make_face_attributes(tmp_path, SMALL, progress=stop)
    with pytest.raises(ValueError, match="another config"):
        make_face_attributes(tmp_path, other)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"other files.*root="):
        make_face_attributes(tmp_path, SMALL)
    with pytest.raises(ValueError, match=r"this is a file.*mine\.txt"):
        make_face_attributes(tmp_path / "mine.txt", SMALL)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_truth_of_what_is_not_there_is_refused(small, tmp_path):
    with pytest.raises(ValueError, match=r"celeba, fotw.*layout='lfw'"):
        load_face_attributes_truth(small, "lfw")
    with pytest.raises(
        ValueError, match=r"truth-fotw\.npz.*file_name='00009\.jpg'"
    ):
        load_face_attributes_truth(small, "fotw", ["00001.jpg", "00009.jpg"])
    with pytest.raises(FileNotFoundError, match=r"drawn faces.*root"):
        load_face_attributes_truth(tmp_path, "celeba")


def test_embedded_faces_are_drawn_once(tmp_path):
    folder = embedded_face_attributes("mine", tmp_path, SMALL)
    assert folder == tmp_path / "embedded" / "face-attributes-mine-1"
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    assert embedded_face_attributes("mine", tmp_path, SMALL) == folder
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == before
    with pytest.raises(ValueError, match=r"tiny, demo.*embedded='huge'"):
        embedded_face_attributes("huge", tmp_path)
