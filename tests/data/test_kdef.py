"""The KDEF adapter: file names become expressions, pairs differ in one."""

import pytest

from fdin_tf.data.images import split_images
from fdin_tf.data.kdef import ANGLES
from fdin_tf.data.kdef import expression_pairs
from fdin_tf.data.kdef import load_kdef
from tests.data.image_folders import write_kdef
from tests.data.image_folders import write_picture


@pytest.fixture(scope="module")
def kdef(tmp_path_factory):
    return write_kdef(tmp_path_factory.mktemp("kdef"))


@pytest.fixture
def images(kdef):
    return load_kdef(kdef)


def test_file_names_become_rows(images):
    assert len(images) == 2 * 2 * 7
    row = images.set_index("image_id").loc["BM02SUS"]
    assert row.subject == "M02"
    assert row.gender == "male"
    assert row.expression == "surprised"
    assert row.angle == "frontal"
    assert row.session == "B"
    assert row.database == "KDEF"
    assert row.path.endswith("BM02/BM02SUS.JPG")
    assert images.age.isna().all()


def test_every_angle_is_told_apart(tmp_path):
    write_kdef(tmp_path, subjects=("F01",), sessions="A", angles=ANGLES)
    images = load_kdef(tmp_path)
    assert len(images) == 7 * 5
    angle = images.set_index("image_id").angle
    assert angle["AF01SAS"] == "frontal"
    assert angle["AF01SAHL"] == "half left"
    assert angle["AF01SAFL"] == "full left"
    assert angle["AF01SAHR"] == "half right"
    assert angle["AF01SAFR"] == "full right"


def test_a_person_is_one_subject_in_both_sessions(images):
    assert images.groupby("subject").session.nunique().tolist() == [2, 2]
    first, second = split_images(images)
    assert set(first.subject).isdisjoint(second.subject)


def test_names_may_be_in_small_letters(tmp_path):
    write_picture(tmp_path / "af01has.jpg")
    assert load_kdef(tmp_path).image_id.tolist() == ["AF01HAS"]


def test_images_with_other_names_are_counted_and_named(tmp_path):
    write_kdef(tmp_path, subjects=("F01",), sessions="A")
    for name in ("AM31H.JPG", "AF01HAX.JPG", "CF01HAS.JPG"):
        write_picture(tmp_path / "AF01" / name)
    (tmp_path / "AF01" / "Thumbs.db").write_bytes(b"")
    with pytest.warns(UserWarning, match=r"3 of 10 images.*AF01/AM31H\.JPG"):
        images = load_kdef(tmp_path)
    assert len(images) == 7


def test_a_photograph_that_is_there_twice_is_refused(tmp_path):
    for folder in ("a", "b"):
        write_picture(tmp_path / folder / "AF01HAS.JPG")
    with pytest.raises(ValueError, match=r"`image_id`.*'AF01HAS' \(first"):
        load_kdef(tmp_path)


def test_folders_without_the_database_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"data_dir=.*nowhere"):
        load_kdef(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"AF01HAS\.JPG.*0 images with other"):
        load_kdef(tmp_path)
    for k in range(7):
        write_picture(tmp_path / f"{k}.jpg")
    with pytest.raises(ValueError, match=r"7 images.*0\.jpg.*4\.jpg, \.\.\.$"):
        load_kdef(tmp_path)


def test_pairs_differ_in_the_expression_alone(images):
    pairs = expression_pairs(images, "happy", "sad")
    assert pairs.columns.tolist() == [
        "subject",
        "session",
        "gender",
        "happy",
        "sad",
    ]
    assert pairs.happy.tolist() == ["AF01HAS", "BF01HAS", "AM02HAS", "BM02HAS"]
    for pair in pairs.itertuples():
        assert pair.sad == pair.happy.replace("HA", "SA")


def test_who_lacks_an_expression_makes_no_pair(images):
    some = images[images.image_id != "BF01SAS"]
    pairs = expression_pairs(some, "happy", "sad")
    assert pairs.happy.tolist() == ["AF01HAS", "AM02HAS", "BM02HAS"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("happy", "happy"), "first='happy', second='happy'"),
        (("happy", "glad"), "second='glad'"),
        (("happy", "sad", "left"), "angle='left'"),
        (("happy", "sad", "half left"), "images with 0 and 0"),
    ],
)
def test_pairs_that_cannot_be_are_refused(images, arguments, message):
    with pytest.raises(ValueError, match=message):
        expression_pairs(images, *arguments)
