"""What --data-dir may be: a table, a database, drawn photographs, nothing."""

import pytest

from fdin_tf.data import load_photograph_table
from fdin_tf.data.image_sources import embedded_photographs
from fdin_tf.data.synthetic import PhotographsConfig
from fdin_tf.data.synthetic import make_photographs
from tests.data.image_folders import write_kdef
from tests.data.image_folders import write_picture
from tests.data.image_folders import write_us_adult_faces

SMALL = PhotographsConfig(num_images=2, size=64)


def test_a_folder_is_known_by_what_it_holds(tmp_path):
    write_us_adult_faces(tmp_path / "faces")
    write_kdef(tmp_path / "kdef", subjects=("F01",), sessions="A")
    make_photographs(tmp_path / "drawn", SMALL)
    sizes = {"faces": 3, "kdef": 7, "drawn": 2}
    databases = set()
    for name, size in sizes.items():
        table = load_photograph_table(tmp_path / name)
        assert len(table) == size
        databases |= set(table.database)
    assert databases == {"10k US Adult Faces", "KDEF", "drawn photographs"}


def test_a_file_is_a_table(tmp_path):
    write_picture(tmp_path / "a.png")
    path = tmp_path / "images.csv"
    path.write_text(
        "image_id,path,subject,age,gender,database\na,a.png,1,30,male,mine\n"
    )
    assert load_photograph_table(path).database.tolist() == ["mine"]


def test_without_a_source_photographs_are_drawn_once(tmp_path):
    table = load_photograph_table(embedded="tiny", cache_dir=tmp_path)
    assert len(table) == 24
    (folder,) = (tmp_path / "embedded").iterdir()
    assert folder.name == "photographs-tiny-1"
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    load_photograph_table(embedded="tiny", cache_dir=tmp_path)
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == before


def test_a_set_of_ones_own_is_drawn_under_its_name(tmp_path):
    folder = embedded_photographs("mine", tmp_path, SMALL)
    assert folder.name == "photographs-mine-1"
    assert len(load_photograph_table(folder)) == 2


def test_other_sources_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"data_dir=.*nowhere"):
        load_photograph_table(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"psychology-attributes\.xlsx.*KDEF"):
        load_photograph_table(tmp_path)
    with pytest.raises(ValueError, match=r"tiny, demo.*embedded='huge'"):
        load_photograph_table(embedded="huge", cache_dir=tmp_path)
