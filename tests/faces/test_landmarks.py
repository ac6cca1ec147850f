"""Landmark files: OpenFace, py-feat and .npz, and what is wrong with them."""

import numpy as np
import pandas as pd
import pytest

from fdin_tf.faces import load_landmarks
from fdin_tf.faces.landmarks import check_landmarks
from fdin_tf.faces.landmarks import eyes_of


@pytest.fixture(params=[5, 68])
def landmarks(request):
    """Six frames of a face whose left eye is left."""
    rng = np.random.default_rng(seed=0)
    points = rng.uniform(100, 200, (6, request.param, 2)).round(1)
    left, right = ([0], [1]) if request.param == 5 else ([36, 39], [42, 45])
    points[:, left, 0] -= 100
    points[:, right, 0] += 100
    return points


def table_of(points, **columns):
    """A table with the columns of OpenFace."""
    places = {
        f"{letter}_{k}": points[:, k, axis]
        for axis, letter in enumerate("xy")
        for k in range(points.shape[1])
    }
    return pd.DataFrame({**columns, **places}, index=range(len(points)))


def write_openface(path, table):
    """OpenFace puts a blank after every comma."""
    text = table.to_csv(index=False).replace(",", ", ")
    path.write_text(text)
    return path


def test_an_openface_table_is_read(landmarks, tmp_path):
    success = [1, 1, 0, 1, 1, 0]
    table = table_of(
        landmarks,
        frame=range(1, 7),
        face_id=0,
        confidence=0.9,
        success=success,
    )
    points = load_landmarks(write_openface(tmp_path / "a.csv", table))
    seen = np.array(success) == 1
    np.testing.assert_array_equal(points[seen], landmarks[seen])
    assert np.isnan(points[~seen]).all()


def test_a_py_feat_table_is_read(landmarks, tmp_path):
    # py-feat counts from 0 and leaves frames without a face empty.
    landmarks[2] = np.nan
    table = table_of(landmarks, frame=range(6), FaceRectX=3.0)
    table.to_csv(tmp_path / "a.csv", index=False)
    np.testing.assert_array_equal(load_landmarks(tmp_path / "a.csv"), landmarks)


def test_confidence_stands_in_for_success(landmarks, tmp_path):
    table = table_of(landmarks, confidence=[0.9, 0.4, 0.5, 0.9, 0.0, 1.0])
    table.to_csv(tmp_path / "a.csv", index=False)
    points = load_landmarks(tmp_path / "a.csv")
    assert np.isnan(points).all(axis=(1, 2)).tolist() == [0, 1, 0, 0, 1, 0]


def test_frames_are_ordered_and_skipped_ones_have_no_face(landmarks, tmp_path):
    order = [4, 1, 7, 2, 8, 3]
    table_of(landmarks, frame=order).to_csv(tmp_path / "a.csv", index=False)
    points = load_landmarks(tmp_path / "a.csv")
    assert len(points) == 8
    for row, frame in enumerate(order):
        np.testing.assert_array_equal(points[frame - 1], landmarks[row])
    assert np.isnan(points[[4, 5]]).all()


def test_an_npz_is_read(landmarks, tmp_path):
    np.savez(tmp_path / "a.npz", landmarks=landmarks, other=np.zeros(3))
    np.testing.assert_array_equal(load_landmarks(tmp_path / "a.npz"), landmarks)


def test_the_eyes_are_the_middles_of_their_corners(landmarks):
    eyes = eyes_of(landmarks)
    for frame, points in enumerate(landmarks):
        left, right = points[0], points[1]
        if len(points) == 68:
            left = (points[36] + points[39]) / 2
            right = (points[42] + points[45]) / 2
        np.testing.assert_array_equal(eyes[frame], [left, right])


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.csv: there is no"):
        load_landmarks(tmp_path / "gone.csv")


def test_another_kind_of_file_is_an_error(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(ValueError, match=r"a\.txt: .*Received: .*'\.txt'"):
        load_landmarks(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no table"),
        (b"x_0,y_0\n1,2,3\n4,5,6,7,8\n", "is no table"),
        (b"\xff\xfe\x00\x81" * 50, "is no table"),
        (b"x_0,y_0\n", "no row"),
        (b"x_0,y_0\n1,2\n", "no column x_1"),
        (b"a,b\n1,2\n", "no column x_0"),
    ],
)
def test_what_is_no_table_of_landmarks_is_an_error(tmp_path, content, reason):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(ValueError, match=rf"a\.csv: .*{reason}") as error:
        load_landmarks(tmp_path / "a.csv")
    assert "\n" not in str(error.value)


def broken(column, row, value):
    """Breaks one cell of a table."""

    def apply(table):
        table = table.astype(object)
        table.loc[row, column] = value
        return table

    return apply


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (broken("x_3", 2, "left"), r"line 4: .*column x_3. Received: 'left'"),
        (broken("y_4", 1, None), r"line 3: .*in full or.*no value for y_4"),
        (broken("y_4", 1, "inf"), r"line 3: .*finite. Received: y_4=inf"),
        (broken("frame", 3, None), r"line 5: .*number of a frame.*nan"),
        (broken("frame", 3, 2.5), r"line 5: .*number of a frame.*2\.5"),
        (broken("frame", 3, -1), r"line 5: .*number of a frame.*-1"),
        (broken("frame", 3, 1), r"line 5: one|line 5: expected one.*frame 1"),
        (broken("frame", 3, 10**9), r"in sequence.*frame 1000000000"),
        (lambda table: table.drop(columns="y_3"), r"no column y_3"),
        (
            lambda table: table.assign(frame=table["frame"] + 7),
            r"counted from 0 or 1.*Received: 8",
        ),
    ],
)
def test_a_broken_cell_is_named(landmarks, tmp_path, damage, reason):
    table = damage(table_of(landmarks, frame=range(1, 7)))
    table.to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(ValueError, match=rf"a\.csv.*{reason}"):
        load_landmarks(tmp_path / "a.csv")


def test_exchanged_eyes_are_an_error(landmarks, tmp_path):
    landmarks[4, :, 0] *= -1
    table_of(landmarks).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(ValueError, match=r"line 6: the left eye must be left"):
        load_landmarks(tmp_path / "a.csv")


@pytest.mark.parametrize("shape", [(6, 67, 2), (6, 68, 3), (68, 2), (0, 5, 2)])
def test_another_shape_is_an_error(shape):
    with pytest.raises(ValueError, match=r"mine: expected landmarks"):
        check_landmarks(np.zeros(shape), "mine")


def test_an_array_names_its_frame(landmarks):
    landmarks[3, 2, 1] = np.nan
    with pytest.raises(ValueError, match=r"landmarks, frame 3: .*y_2"):
        check_landmarks(landmarks)


def test_an_npz_without_landmarks_is_an_error(tmp_path):
    np.savez(tmp_path / "a.npz", points=np.zeros((2, 5, 2)))
    with pytest.raises(
        ValueError, match=r"`landmarks`. Received: \['points'\]"
    ):
        load_landmarks(tmp_path / "a.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"text"])
def test_a_broken_npz_is_an_error(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.npz: is no readable .npz file"):
        load_landmarks(tmp_path / "a.npz")


def test_an_npz_of_words_is_an_error(tmp_path):
    np.savez(tmp_path / "a.npz", landmarks=np.array([["left", "right"]]))
    with pytest.raises(ValueError, match=r"a\.npz: is no readable .npz file"):
        load_landmarks(tmp_path / "a.npz")
