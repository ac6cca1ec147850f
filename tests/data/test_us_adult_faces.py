"""The 10k US Adult Faces adapter: its folder, its scores, its complaints."""

import numpy as np
import pandas as pd
import pytest

from fdin_tf.data.image_files import load_images
from fdin_tf.data.images import rating_targets
from fdin_tf.data.us_adult_faces import DATABASE
from fdin_tf.data.us_adult_faces import load_us_adult_faces
from fdin_tf.data.us_adult_faces import read_us_adult_landmarks
from tests.data.image_folders import ANNOTATED
from tests.data.image_folders import COLUMNS
from tests.data.image_folders import SCORE_ROWS
from tests.data.image_folders import SCORES
from tests.data.image_folders import write_picture
from tests.data.image_folders import write_us_adult_faces
from tests.data.image_folders import write_workbook


def write_text(root, rows, separator="\t", columns=COLUMNS):
    """The scores as a text table, without a workbook."""
    lines = [separator.join(map(str, row)) for row in (columns, *rows)]
    path = root / SCORES / "psychology-attributes.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\r\n".join(lines) + "\r\n")
    return path


def test_means_of_the_workbook_become_ratings(tmp_path):
    images = load_us_adult_faces(write_us_adult_faces(tmp_path))
    assert images.image_id.tolist() == ["1", "2", "3"]
    assert images.subject.tolist() == ["1", "2", "3"]
    assert set(images.database) == {DATABASE}
    assert images.attractiveness.tolist() == [4.5, 3.0, 8.0]
    assert images.confidence.tolist() == [5.25, 6.5, 1.0]
    assert images.happiness.tolist() == [7.125, 2.5, 9.0]
    assert images.intelligence.tolist() == [6.0, 5.75, 4.25]
    assert images[["age", "gender"]].isna().all(axis=None)
    assert rating_targets(images, "happiness")[2, 0] == 1.0
    assert load_images(images, 24).shape == (3, 24, 24, 3)


def test_gender_is_read_where_there_are_labels(tmp_path):
    write_us_adult_faces(tmp_path, genders=(0, 1, None))
    images = load_us_adult_faces(tmp_path)
    assert images.gender.tolist()[:2] == ["female", "male"]
    assert pd.isna(images.gender[2])
    assert images.age.isna().all()  # the labels have age groups, no years


def test_landmarks_are_found_beside_their_photograph(tmp_path):
    write_us_adult_faces(tmp_path)
    (tmp_path / ANNOTATED / "2_landmarks.txt").unlink()
    images = load_us_adult_faces(tmp_path)
    assert pd.isna(images.landmarks[1])
    points = read_us_adult_landmarks(images.landmarks[2])
    assert points.shape == (77, 2)
    np.testing.assert_allclose(points[:2], [[3, 3.25], [3.5, 3.75]])


def test_photographs_may_have_their_own_names(tmp_path):
    # As in the part of the database whose faces may be shown, where a file
    # that is called by a number is another image.
    write_us_adult_faces(tmp_path)
    for path in (tmp_path / ANNOTATED).iterdir():
        path.unlink()
    names = [row[0] for row in SCORE_ROWS]
    for name in names:
        write_picture(tmp_path / "49 Face Images" / name)
    write_picture(tmp_path / "49 Face Images" / "1.jpg")
    images = load_us_adult_faces(tmp_path)
    assert [path.split("/")[-1] for path in images.path] == names


@pytest.mark.parametrize("separator", ["\t", ",", ";"])
def test_a_text_table_replaces_the_workbook(tmp_path, separator):
    write_us_adult_faces(tmp_path)
    (tmp_path / SCORES / "psychology-attributes.xlsx").unlink()
    write_text(tmp_path, SCORE_ROWS, separator)
    images = load_us_adult_faces(tmp_path)
    assert images.happiness.tolist() == [7.125, 2.5, 9.0]


def test_single_raters_of_a_text_table_are_averaged(tmp_path):
    write_us_adult_faces(tmp_path)
    (tmp_path / SCORES / "psychology-attributes.xlsx").unlink()
    name, number, *_ = SCORE_ROWS[0]
    rows = [(name, number, 1, 2, 3, 4, 5), (name, number, 2, 4, "NaN", 8, 5)]
    write_text(tmp_path, [*rows, SCORE_ROWS[1]])
    images = load_us_adult_faces(tmp_path)
    assert images.image_id.tolist() == ["1", "2"]
    assert images.attractiveness.tolist() == [1.5, 3.0]
    assert images.happiness.tolist() == [3.0, 2.5]


@pytest.mark.parametrize(
    ("number", "rating", "message"),
    [
        (1, "often", r"line 3, column `happy`: .*'often'"),
        (None, 4, r"column `Image #`.*nan"),
    ],
)
def test_a_single_rater_is_not_left_out(tmp_path, number, rating, message):
    write_us_adult_faces(tmp_path)
    (tmp_path / SCORES / "psychology-attributes.xlsx").unlink()
    name, first, *_ = SCORE_ROWS[0]
    rater = (name, number, 2, 4, rating, 8, 5)
    again = (name, first, 1, 2, 3, 4, 5)
    path = write_text(tmp_path, [SCORE_ROWS[0], rater, again])
    with pytest.raises(ValueError, match=message) as error:
        load_us_adult_faces(tmp_path)
    assert str(path) in str(error.value)


def test_a_missing_photograph_is_named(tmp_path):
    write_us_adult_faces(tmp_path)
    (tmp_path / ANNOTATED / "2.jpg").unlink()
    with pytest.raises(
        ValueError, match=r"attributes\.xlsx, line 3, column `path`.*2\.jpg"
    ):
        load_us_adult_faces(tmp_path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("a.jpg", 3, 0.5, 5, 5, 5, 5),
         r"line 4, column `attractiveness`.*0\.5"),
        (("a.jpg", 3, 5, "x", 5, 5, 5), r"line 4, column `confidence`.*'x'"),
        (("a.jpg", 2, 5, 5, 5, 5, 5),
         r"line 4, column `image_id`.*'2' \(first in line 3\)"),
        (("a.jpg", 2.5, 5, 5, 5, 5, 5), r"line 4, column `Image #`.*2\.5"),
        (("a.jpg", None, 5, 5, 5, 5, 5), r"line 4, column `Image #`.*nan"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named(tmp_path, row, message):
    write_us_adult_faces(tmp_path)
    path = write_workbook(
        tmp_path / SCORES / "psychology-attributes.xlsx",
        {
            "All Data": [COLUMNS],
            "Final Values": [COLUMNS, *SCORE_ROWS[:2], row],
        },
    )
    with pytest.raises(ValueError, match=message) as error:
        load_us_adult_faces(tmp_path)
    assert str(path) in str(error.value)


def test_other_workbooks_are_refused(tmp_path):
    path = tmp_path / SCORES / "psychology-attributes.xlsx"
    write_workbook(path, {"Scores": [COLUMNS]})
    with pytest.raises(ValueError, match=r"'Final Values'.*\['Scores'\]"):
        load_us_adult_faces(tmp_path)
    write_workbook(path, {"Final Values": [COLUMNS[:3]]})
    with pytest.raises(ValueError, match=r"Missing: happy, confident, intell"):
        load_us_adult_faces(tmp_path)
    write_workbook(path, {"Final Values": [COLUMNS]})
    with pytest.raises(
        ValueError, match=r"attributes\.xlsx: expected at least"
    ):
        load_us_adult_faces(tmp_path)
    path.write_bytes(b"no workbook")
    with pytest.raises(ValueError, match=r"attributes\.xlsx cannot be read"):
        load_us_adult_faces(tmp_path)
    path.unlink()
    text = write_text(tmp_path, [])
    text.write_bytes(b"")
    with pytest.raises(ValueError, match=r"attributes\.txt cannot be read"):
        load_us_adult_faces(tmp_path)


def test_labels_without_gender_are_refused(tmp_path):
    write_us_adult_faces(tmp_path, genders=(0, 1, 1))
    (path,) = tmp_path.rglob("demographic-others-labels.xlsx")
    write_workbook(path, {"Final Values": [("Image #", "Age"), (1, 3)]})
    with pytest.raises(ValueError, match=r"labels\.xlsx: expected the columns"):
        load_us_adult_faces(tmp_path)


def test_folders_without_the_database_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"data_dir=.*nowhere"):
        load_us_adult_faces(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"psychology-attributes\.xlsx"):
        load_us_adult_faces(tmp_path)
    write_us_adult_faces(tmp_path / "a")
    write_us_adult_faces(tmp_path / "b")
    with pytest.raises(ValueError, match=r"Expected one psychology.*b/Full"):
        load_us_adult_faces(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1 2\n" * 76, r"77 lines.*shape=\(76, 2\)"),
        ("1 2 3\n" * 77, r"77 lines.*shape=\(77, 3\)"),
        ("1 2\n" * 76 + "nan 1\n", "finite"),
        ("1 2\n" * 76 + "1 x\n", "expected lines 'x y'"),
    ],
)
def test_bad_landmarks_are_refused(tmp_path, content, message):
    path = tmp_path / "1_landmarks.txt"
    path.write_text(content)
    with pytest.raises(ValueError, match=message) as error:
        read_us_adult_landmarks(path)
    assert str(path) in str(error.value)


def test_missing_landmarks_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"landmarks.*path=.*1\.txt"):
        read_us_adult_landmarks(tmp_path / "1.txt")
