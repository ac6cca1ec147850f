"""Landmark files: OpenFace, py-feat and .npz, and what is wrong with them."""

import numpy as np
import pandas as pd
import pytest

from fdin_tf.data.synthetic.deformation import landmarks as moved_landmarks
from fdin_tf.data.synthetic.identity import draw_identity
from fdin_tf.data.synthetic.template import average_face
from fdin_tf.faces import load_landmarks
from fdin_tf.faces.ibug import TOLERANCE
from fdin_tf.faces.landmarks import check_landmarks
from fdin_tf.faces.landmarks import eyes_of


@pytest.fixture(params=[5, 68])
def landmarks(request):
    """Six frames of a face, 5 or 68 points, with a pixel of jitter."""
    face = average_face()
    if request.param == 5:
        left, right = face[36:42].mean(axis=0), face[42:48].mean(axis=0)
        face = np.stack([left, right, *face[[30, 48, 54]]])
    jitter = np.random.default_rng(seed=0).normal(0, 1, (6, len(face), 2))
    return (100 * face + (200, 150) + jitter).round(1)


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
        (b"", "be read as a CSV table"),
        (b"x_0,y_0\n1,2,3\n4,5,6,7,8\n", "3 in the first row"),
        (b"\xff\xfe\x00\x81" * 50, "be read as a CSV table"),
        (b"x_0,y_0\n", "no row"),
        (b"x_0,y_0\n1,2\n", "no column x_1"),
        (b"a,b\n1,2\n", "no column x_0"),
    ],
)
def test_what_is_no_table_of_landmarks_is_an_error(tmp_path, content, reason):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(ValueError, match=rf"a\.csv:? .*{reason}") as error:
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


@pytest.mark.parametrize("num_points", [5, 68])
def test_another_number_of_points_than_required_is_an_error(
    landmarks, num_points
):
    if landmarks.shape[1] == num_points:
        np.testing.assert_array_equal(
            check_landmarks(landmarks, num_points=num_points), landmarks
        )
        return
    with pytest.raises(
        ValueError,
        match=rf"mine: expected landmarks \(frames, {num_points}, 2\)\. "
        rf"Received: shape=\(6, {landmarks.shape[1]}, 2\)",
    ):
        check_landmarks(landmarks, "mine", num_points=num_points)


@pytest.mark.parametrize("gender", ["female", "male"])
@pytest.mark.parametrize("age", [8, 30, 76])
def test_moving_faces_are_in_order(age, gender):
    # Every region alone and all together, eyes open and closed.
    rng = np.random.default_rng(seed=age)
    rest = draw_identity(rng, age, gender).landmarks
    amplitudes = np.repeat([*1.2 * np.eye(9), np.ones(9)], 2, axis=0)
    faces = moved_landmarks(rest, amplitudes, blink=np.tile([0.0, 1.0], 10))
    faces += rng.normal(0, 0.01, faces.shape)
    check_landmarks(100 * faces)


def solid_face():
    """The average face with a rough depth: a head of an egg, and a nose."""
    x, y = (average_face() - (0, 0.6)).T
    depth = np.sqrt(np.maximum(1 - (x / 1.2) ** 2, 0)) - 0.05 * y**2
    depth[27:36] += [0, 0.1, 0.2, 0.35, 0.12, 0.15, 0.18, 0.15, 0.12]
    return np.stack([x, y, depth], axis=-1)


def rotation(degrees, axes):
    """Rotation in the plane of two of the three axes."""
    angle = np.deg2rad(degrees)
    matrix = np.eye(3)
    matrix[np.ix_(axes, axes)] = [
        [np.cos(angle), -np.sin(angle)],
        [np.sin(angle), np.cos(angle)],
    ]
    return matrix


@pytest.mark.parametrize("roll", [-40, 0, 40])
def test_turned_heads_are_in_order(roll):
    views = [
        rotation(roll, [0, 1]) @ rotation(nod, [1, 2]) @ rotation(turn, [0, 2])
        for nod in (-30, -15, 0, 15, 30)
        for turn in range(-50, 51, 10)
    ]
    check_landmarks((solid_face() @ np.array(views).mT)[..., :2])


def exchanged(first, second):
    """Order of the points in which two of them have changed places."""
    order = np.arange(68)
    order[[first, second]] = second, first
    return order


WRONG_ORDER = r"iBUG order, .*eye distances|left eye must be left"


@pytest.mark.parametrize(
    "order",
    [
        np.arange(68)[::-1],
        *(np.roll(np.arange(68), step) for step in (-17, -2, -1, 1, 2, 17)),
        *(np.random.default_rng(seed).permutation(68) for seed in range(20)),
        *(exchanged(*pair) for pair in ((0, 16), (17, 26), (48, 54), (8, 57))),
        *(exchanged(*pair) for pair in ((30, 8), (36, 39), (27, 29), (19, 50))),
    ],
)
def test_another_order_is_an_error(order):
    check_landmarks(average_face()[None])
    with pytest.raises(ValueError, match=WRONG_ORDER):
        check_landmarks(average_face()[order][None])


@pytest.mark.parametrize(
    "change",
    [
        np.diag([-1, 1]),
        np.diag([1, -1]),
        np.diag([-1, -1]),
        np.array([[0, 1], [1, 0]]),
    ],
)
def test_a_mirrored_or_upturned_face_is_an_error(change):
    with pytest.raises(ValueError, match=WRONG_ORDER):
        check_landmarks((average_face() @ change)[None])


@pytest.mark.parametrize(
    ("squeeze", "height"),
    [
        (np.diag([1, 0]), "0 eye"),
        (np.array([[1, 0.5], [0, 0]]), "0 eye"),
        (np.diag([1, 0.1]), "0.22 eye"),
    ],
)
def test_points_on_one_line_are_an_error(squeeze, height):
    faces = np.stack([average_face()] * 3)
    faces[1] = faces[1] @ squeeze
    with pytest.raises(
        ValueError,
        match=rf"^mine, frame 1: expected 68 points of a face, at least 0\.5 "
        rf"eye distances high\. Received: {height} distances$",
    ):
        check_landmarks(100 * faces, "mine")


def test_the_tolerance_is_in_eye_distances():
    face = 50 * average_face()[None]  # the eyes are 50 apart
    face[0, 55:60, 1] = 60
    face[0, 49:54, 1] = 60 + 49 * TOLERANCE
    check_landmarks(face)
    face[0, 49:54, 1] = 60 + 52 * TOLERANCE
    with pytest.raises(
        ValueError,
        match=r"iBUG order, the upper lip above the lower lip\. Received: "
        r"the upper lip 0\.1 eye distances below the lower lip",
    ):
        check_landmarks(face)


def test_jitter_does_not_change_the_order():
    # Closed eyes, tracked to 3 hundredths of the eye distance.
    rng = np.random.default_rng(seed=0)
    closed = moved_landmarks(average_face(), np.zeros((200, 9)), np.ones(200))
    check_landmarks(100 * closed + rng.normal(0, 3, closed.shape))


def test_a_wrong_order_is_named_with_file_and_line(tmp_path):
    faces = np.repeat(average_face()[None], 5, axis=0)
    faces[1] = np.nan
    faces[3, [0, 16]] = faces[3, [16, 0]]
    table_of(faces).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(ValueError) as error:  # noqa: PT011
        load_landmarks(tmp_path / "a.csv")
    assert str(error.value) == (
        f"{tmp_path / 'a.csv'}, line 5: expected 68 points in iBUG order, "
        "point 0 left of point 16. Received: point 0 2.2 eye distances right "
        "of point 16"
    )


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
