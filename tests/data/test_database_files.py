"""Files of a database: found by name in any folder, missing ones counted."""

import pandas as pd
import pytest

from fdin_tf.data.database_files import find_file
from fdin_tf.data.database_files import leave_out_missing
from fdin_tf.data.database_files import list_folders
from fdin_tf.data.database_files import name_some


@pytest.fixture
def folders(tmp_path):
    for name in ("a.txt", "x/b.txt", "x/c.txt", "y/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return list_folders(tmp_path, "faces")


def test_all_folders_are_listed_from_the_root_down(folders, tmp_path):
    assert list(folders.items()) == [
        (tmp_path, ["a.txt"]),
        (tmp_path / "x", ["b.txt", "c.txt"]),
        (tmp_path / "y", ["c.txt"]),
    ]


def test_a_relative_root_gives_absolute_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("")
    assert list_folders(".", "faces") == {tmp_path: ["a.txt"]}


def test_folders_behind_links_are_listed(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "a.txt").write_text("")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "link").symlink_to(tmp_path / "far")
    folders = list_folders(tmp_path / "here", "faces")
    assert find_file(folders, "a.txt") == tmp_path / "here" / "link" / "a.txt"


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for name in ("nowhere", "file"):
        with pytest.raises(
            FileNotFoundError, match=rf"folder of faces\. .*data_dir=.*{name}$"
        ):
            list_folders(tmp_path / name, "faces")


def test_a_file_is_found_once_or_refused(folders, tmp_path):
    assert find_file(folders, "b.txt") == tmp_path / "x" / "b.txt"
    assert find_file(folders, "d.txt", required=False) is None
    with pytest.raises(FileNotFoundError, match=r"a file d\.txt in .*none\."):
        find_file(folders, "d.txt")
    with pytest.raises(
        ValueError, match=r"one c\.txt in .*Received: x/c\.txt, y/c\.txt$"
    ):
        find_file(folders, "c.txt", required=False)


def test_images_that_are_there_are_kept_in_their_order(tmp_path):
    (tmp_path / "b").write_text("")
    (tmp_path / "a").write_text("")
    images = pd.DataFrame({"path": [str(tmp_path / n) for n in "bca"]})
    with pytest.warns(UserWarning, match=r"faces: 1 of 3 images .*out: c$"):
        kept = leave_out_missing(images, "faces")
    assert [path[-1] for path in kept.path] == ["b", "a"]
    assert kept.index.tolist() == [0, 1]
    with pytest.raises(ValueError, match=r"none of the 1 images .*path=.*c$"):
        leave_out_missing(images[1:2], "faces")


def test_five_names_stand_for_all():
    assert name_some([]) == ""
    assert name_some([1, 2]) == "1, 2"
    assert name_some(list("abcde")) == "a, b, c, d, e"
    assert name_some(list("abcdef")) == "a, b, c, d, e, ..."
