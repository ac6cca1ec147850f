"""The UvA-NEMO adapter: its files, its counts, its complaints."""

import numpy as np
import pytest

from fdin_tf.data.uva_nemo import WHOLE_DATABASE
from fdin_tf.data.uva_nemo import load_uva_nemo

NAME = "UvA-NEMO_Smile_Database_File_Details.txt"
HEADER = ["UvA-NEMO Smile Database", "", "File details", "", "File\tSubject"]
GOOD = [
    "001_deliberate_smile_2.mp4 \t001\tmale \t31\tdeliberate ",
    "001_spontaneous_smile_22.mp4\t001\tmale\t31\tspontaneous",
    "564_deliberate_smile_1.mp4\t564\tfemale\t8\tdeliberate",
]


def write(folder, lines, header=HEADER, name=NAME):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes("\r\n".join([*header, *lines, ""]).encode())
    return path


def whole_database():
    """Lines with the published counts; who smiles when is made up."""
    rng = np.random.default_rng(0)
    subjects = rng.permutation(np.arange(1, 565))[:400]
    genders = ["female"] * 185 + ["male"] * 215
    per_subject = [4] * 179 + [3] * 111 + [2] * 81 + [1] * 29
    order = rng.permutation(400)
    per_subject = np.array(per_subject)[order]
    # Ages by decade: fill the decades' clips greedily, largest subjects first.
    left = list(WHOLE_DATABASE["clips per decade"])
    age = {}
    for s in np.argsort(-per_subject):
        decade = int(np.argmax(left))
        left[decade] -= per_subject[s]
        age[s] = 10 * decade + (8 if decade == 0 else 6)
    assert left == [0] * 8
    youngest = next(s for s in age if age[s] == 8)
    posed_left, lines = 643, []
    assert youngest in age
    for s in range(400):
        for take in range(per_subject[s]):
            kind = "deliberate" if posed_left else "spontaneous"
            posed_left -= kind == "deliberate"
            code = f"{subjects[s]:03d}"
            lines.append(
                f"{code}_{kind}_smile_{take}.mp4\t{code}\t{genders[s]}\t"
                f"{age[s]}\t{kind}"
            )
    return lines


def test_lines_become_clips(tmp_path):
    write(tmp_path / "db", GOOD)
    videos = tmp_path / "db" / "videos"
    videos.mkdir()
    (videos / "001_deliberate_smile_2.mp4").write_bytes(b"")
    clips = load_uva_nemo(tmp_path)
    assert clips.clip_id.tolist() == [
        "001_deliberate_smile_2",
        "001_spontaneous_smile_22",
        "564_deliberate_smile_1",
    ]
    assert clips.subject.tolist() == ["001", "001", "564"]
    assert clips.spontaneity.tolist() == ["posed", "spontaneous", "posed"]
    assert clips.age.tolist() == [31.0, 31.0, 8.0]
    assert set(clips.database) == {"UvA-NEMO_Smile_Database"}
    # A video that is not there keeps the place where it should be.
    assert clips.path.tolist()[:2] == [
        str(videos / "001_deliberate_smile_2.mp4"),
        str(videos / "001_spontaneous_smile_22.mp4"),
    ]


@pytest.mark.parametrize("length", [0, 1, 5, 9])
def test_any_number_of_header_lines_is_skipped(tmp_path, length):
    write(tmp_path, GOOD, header=["header"] * length)
    assert len(load_uva_nemo(tmp_path)) == 3


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("002_deliberate_smile_1.mp4\t002\tmale\tx\tdeliberate",
         r"line 9, age: expected whole years. Received: 'x'"),
        ("002_deliberate_smile_1.mp4\t002\tmale\t-3\tdeliberate",
         r"line 9, age.*'-3'"),
        ("002_deliberate_smile_1.mp4\t002\tmale\t999\tdeliberate",
         r"line 9, age.*'999'"),
        ("002_deliberate_smile_1.mp4\t002\tman\t30\tdeliberate",
         r"line 9, gender.*'man'"),
        ("002_deliberate_smile_1.mp4\t003\tmale\t30\tdeliberate",
         r"line 9, subject.*'003'"),
        ("002_deliberate_smile_1.mp4\t002\tmale\t30\tspontaneous",
         r"line 9, smile type.*'spontaneous'"),
        ("002_smile.mp4\t002\tmale\t30\tdeliberate",
         r"line 9, file name.*'002_smile.mp4'"),
        ("002_deliberate_smile_1.mp4\t002\tmale\t30",
         r"line 9: expected 5 fields.*4 fields"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named_by_line_and_field(tmp_path, line, message):
    path = write(tmp_path, [*GOOD, line])
    with pytest.raises(ValueError, match=message) as error:
        load_uva_nemo(tmp_path)
    assert str(path) in str(error.value)


def test_a_clip_named_twice_is_refused(tmp_path):
    write(tmp_path, [*GOOD, GOOD[0]])
    with pytest.raises(ValueError, match="001_deliberate_smile_2"):
        load_uva_nemo(tmp_path)


def test_a_subject_has_one_age(tmp_path):
    other = "001_deliberate_smile_9.mp4\t001\tmale\t32\tdeliberate"
    write(tmp_path, [*GOOD, other])
    with pytest.raises(ValueError, match=r"one age per subject.*'001'"):
        load_uva_nemo(tmp_path)


def test_the_whole_database_has_its_published_counts(tmp_path):
    write(tmp_path, whole_database())
    clips = load_uva_nemo(tmp_path)
    assert len(clips) == 1240
    assert clips.subject.nunique() == 400


def test_a_changed_copy_of_the_whole_database_is_refused(tmp_path):
    lines = whole_database()
    index = next(i for i, text in enumerate(lines) if "spontaneous" in text)
    name, *rest = lines[index].replace("spontaneous", "deliberate").split("\t")
    name = name.replace("smile_", "smile_9")
    write(tmp_path, [*lines[:index], "\t".join([name, *rest]),
                     *lines[index + 1:]])  # fmt: skip
    with pytest.raises(ValueError, match=r"643 posed clips\. Received: 644"):
        load_uva_nemo(tmp_path)


def test_folders_without_the_database_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"data_dir=.*nowhere"):
        load_uva_nemo(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"\*_File_Details.txt"):
        load_uva_nemo(tmp_path)
    write(tmp_path / "a", GOOD)
    write(tmp_path / "b", GOOD)
    with pytest.raises(ValueError, match="Expected one"):
        load_uva_nemo(tmp_path)


def test_details_without_a_clip_are_refused(tmp_path):
    write(tmp_path, [])
    with pytest.raises(ValueError, match="found none"):
        load_uva_nemo(tmp_path)


def test_details_that_are_no_text_are_refused(tmp_path):
    (tmp_path / NAME).write_bytes(b"\xff\xfe\x80\x81" * 100)
    with pytest.raises(ValueError, match="no text file"):
        load_uva_nemo(tmp_path)
