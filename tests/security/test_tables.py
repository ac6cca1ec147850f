"""Tables, landmarks and lists that are crafted are refused, unread."""

import os
import struct
import zipfile

import pandas as pd
import pytest

from fdin_tf.data.clips import CLIP_SCHEMA
from fdin_tf.data.clips import read_clip_table
from fdin_tf.data.fold_files import read_test_folds
from fdin_tf.data.us_adult_faces import load_us_adult_faces
from fdin_tf.faces.landmarks import load_landmarks
from fdin_tf.file_limits import MAX_LINE
from fdin_tf.models.weight_files import read_numpy
from tests.fuzz.mutations import check_refusal
from tests.fuzz.mutations import memory_limit
from tests.security.archives import packed_zeros


def npy_head(shape, kind="<f8"):
    """What begins an array of NumPy."""
    text = str({"descr": kind, "fortran_order": False, "shape": shape})
    text = text.ljust(117) + "\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode()


@pytest.mark.parametrize("read", [load_landmarks, read_numpy])
def test_an_archive_that_unpacks_to_gigabytes_is_refused(tmp_path, read):
    path = tmp_path / "bomb.npz"
    size = 2**29
    packed_zeros(path, "landmarks.npy", size, npy_head((size // 1088, 68, 2)))
    assert path.stat().st_size < 2**20
    with memory_limit(2**26), pytest.raises(ValueError, match="claims") as e:
        read(path)
    check_refusal(e.value, "bomb.npz")


@pytest.mark.parametrize("read", [load_landmarks, read_numpy])
@pytest.mark.parametrize("shape", [(2**27, 68, 2), (2**60, 2), (10**30,)])
def test_an_array_of_absurd_shape_takes_no_memory(tmp_path, read, shape):
    path = tmp_path / "shape.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("landmarks.npy", npy_head(shape))
    with memory_limit(2**26), pytest.raises(ValueError, match="npz") as error:
        read(path)
    check_refusal(error.value, "shape.npz")


def test_a_table_larger_than_any_is_refused_unread(tmp_path):
    path = tmp_path / "landmarks.csv"
    with open(path, "wb") as file:
        file.write(b"x_0,y_0\n")
        os.truncate(path, 2**30)  # a gigabyte, of which nothing is stored
    with memory_limit(2**26), pytest.raises(ValueError, match="at most 268"):
        load_landmarks(path)


@pytest.mark.parametrize(
    "content",
    [b",".join(b"x_%d" % k for k in range(10**6)), b"x\n" + b"," * 10**6],
)
def test_a_million_columns_are_refused(tmp_path, content):
    path = tmp_path / "landmarks.csv"
    path.write_bytes(content)
    expected = f"lines of at most {MAX_LINE:,} bytes"
    with memory_limit(2**26), pytest.raises(ValueError, match=expected):
        load_landmarks(path)


@pytest.mark.parametrize("name", ["clips.csv", "landmarks.csv"])
def test_cells_without_a_column_are_not_taken_for_others(tmp_path, name):
    names = [f"{axis}_{k}" for k in range(5) for axis in "xy"]
    if name == "clips.csv":
        names = list(CLIP_SCHEMA.columns)
    row = ",".join(str(k) for k in range(len(names) + 1))
    (tmp_path / name).write_text(f"{','.join(names)}\n{row}\n")
    read = read_clip_table if name == "clips.csv" else load_landmarks
    with pytest.raises(ValueError, match=r"as many cells .* in the first row"):
        read(tmp_path / name)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a": ' + "1" * 10_000 + "}", "{", "\ud800"]
)
def test_lists_that_no_json_can_be_are_refused(tmp_path, text):
    folder = tmp_path / "folds" / "1"
    folder.mkdir(parents=True)
    (folder / "test.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    clips = pd.DataFrame({"clip_id": ["a"], "spontaneity": ["posed"]})
    with pytest.raises(ValueError, match="is not valid JSON") as error:
        read_test_folds(clips, tmp_path / "folds")
    check_refusal(error.value, "test.json")


def test_a_workbook_that_unpacks_to_gigabytes_is_refused(tmp_path):
    path = tmp_path / "psychology-attributes.xlsx"
    packed_zeros(path, "xl/workbook.xml", 2**29)
    with memory_limit(2**26), pytest.raises(ValueError, match="claims") as e:
        load_us_adult_faces(tmp_path)
    check_refusal(e.value, path.name)
