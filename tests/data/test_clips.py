"""The clip table: what is completed, what is refused, and how it says so."""

import re

import pandas as pd
import pytest

from fdin_tf.data.clips import check_clips
from fdin_tf.data.clips import read_clip_table
from fdin_tf.data.clips import require_target
from fdin_tf.data.clips import select_clips

HEADER = "clip_id,path,subject,age,gender,spontaneity,database"
GOOD = (
    "a1,videos/a1.mp4,007,31,female,posed,mine",
    "a2,videos/a2.mp4,007,31,female,spontaneous,mine",
    "b1,/elsewhere/b1.mp4,008,,male,,mine",
)


@pytest.fixture
def write(tmp_path):
    """Writes lines as a CSV file."""

    def write(*lines):
        path = tmp_path / "clips.csv"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def test_a_table_keeps_codes_as_text_and_resolves_paths(write, tmp_path):
    clips = read_clip_table(write(HEADER, *GOOD))
    assert clips.subject.tolist() == ["007", "007", "008"]
    assert clips.path[0] == str(tmp_path / "videos" / "a1.mp4")
    assert clips.path[2] == "/elsewhere/b1.mp4"
    assert clips.age[0] == 31.0
    assert clips[["age", "spontaneity"]].iloc[2].isna().all()


def test_blanks_around_cells_are_no_part_of_them(write):
    clips = read_clip_table(write(HEADER, " a1 ,a.mp4, 1 , 31 ,male ,posed,m"))
    assert clips.iloc[0][["clip_id", "subject", "gender"]].tolist() == [
        "a1",
        "1",
        "male",
    ]


def test_further_columns_are_kept(write):
    clips = read_clip_table(write(HEADER + ",take", GOOD[0] + ",4"))
    assert clips["take"].tolist() == ["4"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("b,b.mp4,1,old,male,posed,m", r"line 5, column `age`.*'old'"),
        ("b,b.mp4,1,200,male,posed,m", r"line 5, column `age`.*200"),
        ("b,b.mp4,1,-1,male,posed,m", r"line 5, column `age`.*-1"),
        ("b,b.mp4,1,30,m,posed,m", r"line 5, column `gender`.*'m'"),
        ("b,b.mp4,1,30,male,fake,m", r"line 5, column `spontaneity`.*'fake'"),
        ("b,,1,30,male,posed,m", r"line 5, column `path`.*None"),
        ("b,b.mp4,,30,male,posed,m", r"line 5, column `subject`.*None"),
        ("a1,b.mp4,1,30,male,posed,m",
         r"line 5, column `clip_id`.*'a1' \(first in line 2\)"),
        (",b.mp4,1,30,male,posed,m", r"line 5, column `clip_id`.*None"),
        *(
            (f"{name},b.mp4,1,30,male,posed,m",
             "line 5, column `clip_id`: .* that can name a file. Received: ")
            for name in ("../b", "/b", "a/b", "..", "C:b", "a\\b")
        ),
    ],
)  # fmt: skip
def test_a_bad_cell_is_named_by_line_and_column(write, line, message):
    with pytest.raises(ValueError, match=message):
        read_clip_table(write(HEADER, *GOOD, line))


def test_blank_lines_at_the_end_are_no_clips(write):
    assert len(read_clip_table(write(HEADER, *GOOD, "", ""))) == 3


def test_a_subject_may_be_called_na(write):
    line = "c1,c.mp4,NA,31,female,posed,mine"
    assert read_clip_table(write(HEADER, line)).subject[0] == "NA"


def test_a_fold_that_is_no_whole_number_is_refused(write):
    with pytest.raises(ValueError, match=r"line 3, column `fold`.*'x'"):
        read_clip_table(write(HEADER + ",fold", GOOD[0] + ",0", GOOD[1] + ",x"))


def test_a_missing_column_is_named(write):
    with pytest.raises(ValueError, match="Missing: database"):
        read_clip_table(write(HEADER.removesuffix(",database"), "a,b,c,1,,"))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.csv"):
        read_clip_table(tmp_path / "none.csv")


@pytest.mark.parametrize("text", [b"", b"\xff\xfe\x00\x01\x02"])
def test_a_file_that_is_no_table_is_refused(tmp_path, text):
    path = tmp_path / "clips.csv"
    path.write_bytes(text)
    with pytest.raises(ValueError, match="cannot be read as a CSV table"):
        read_clip_table(path)


def test_a_table_without_rows_is_refused(write):
    with pytest.raises(ValueError, match="at least one clip"):
        read_clip_table(write(HEADER))


def test_the_callers_table_stays_as_it_is():
    table = pd.DataFrame([GOOD[0].split(",")], columns=HEADER.split(","))
    check_clips(table)
    assert table.age.tolist() == ["31"]


def test_a_target_needs_labels_and_two_classes(write):
    clips = read_clip_table(write(HEADER, *GOOD))
    with pytest.raises(ValueError, match=r"1 have none.*clip_id='b1'"):
        require_target(clips, "age")
    with pytest.raises(ValueError, match=r"both classes.*'female'"):
        require_target(clips.iloc[:2], "gender")
    require_target(clips.iloc[:2], "spontaneity")
    assert len(clips) == 3


TWO = pd.DataFrame(
    [
        ("s1", "Smile", "posed"),
        ("s2", "Smile", "spontaneous"),
        ("d1", "Disgust", "posed"),
        ("d2", "Disgust", "posed"),
        ("d3", "Disgust", None),
    ],
    columns=["clip_id", "database", "spontaneity"],
    index=[7, 5, 3, 2, 0],
)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, ["s1", "s2", "d1", "d2", "d3"]),
        ({"database": "Disgust"}, ["d1", "d2", "d3"]),
        ({"spontaneity": "posed"}, ["s1", "d1", "d2"]),
        ({"database": "Smile", "spontaneity": "spontaneous"}, ["s2"]),
    ],
)
def test_clips_are_selected_in_their_order(chosen, expected):
    before = TWO.copy()
    clips = select_clips(TWO, **chosen)
    assert clips.clip_id.tolist() == expected
    assert clips.index.tolist() == list(range(len(expected)))
    pd.testing.assert_frame_equal(TWO, before)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (
            {"database": "disgust"},
            "Expected clips whose `database` is one of 'Disgust', 'Smile'. "
            "Received: database='disgust'",
        ),
        (
            {"database": "Disgust", "spontaneity": "spontaneous"},
            "Expected clips whose `spontaneity` is one of 'posed'. "
            "Received: spontaneity='spontaneous'",
        ),
    ],
)
def test_a_selection_without_clips_is_refused_with_what_there_is(
    chosen, message
):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        select_clips(TWO, **chosen)


def test_a_selection_by_what_no_clip_is_known_by_is_refused():
    unknown = TWO.assign(spontaneity=None)
    with pytest.raises(
        ValueError,
        match=r"`spontaneity` is known; none is\. Received: "
        r"spontaneity='posed'",
    ):
        select_clips(unknown, spontaneity="posed")
