"""Crops: landmarks at the promised places, borders, errors, the nearest face.

The promise, written literally: in the frame of the face a point is so many
units |M - E| below E and to the right of the line through E and M; the crop
shows the units from `top` to `bottom`, so many pixels for each.
"""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from skimage import data
from skimage.transform import SimilarityTransform
from skimage.transform import rotate

from fdin_tf.data.synthetic.photographs import PhotographsConfig
from fdin_tf.data.synthetic.photographs import draw_photograph
from fdin_tf.data.synthetic.photographs import photograph_truth
from fdin_tf.faces import CROP_SCHEMES
from fdin_tf.faces import CropScheme
from fdin_tf.faces import Face
from fdin_tf.faces import crop_face
from fdin_tf.faces import crop_matrix
from fdin_tf.faces import nearest_face
from tests.faces.solid_face import turned

DOCS = Path(__file__).parents[2] / "docs" / "crops.md"
SCHEMES = list(CROP_SCHEMES.values())


def promised(points, scheme, size):
    """Where the five points must come to, one at a time."""
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    unit = np.linalg.norm(mouth - eyes)
    pixels = size / (scheme.bottom - scheme.top)
    down = (mouth - eyes) / unit if scheme.aligned else np.array([0.0, 1.0])
    right = np.array([down[1], -down[0]])
    middle = (eyes + mouth) / 2
    places = []
    for point in points:
        x = right @ (point - middle) / unit
        y = 0.5 + down @ (point - middle) / unit
        # The crop's edges are half a pixel from its outer pixels' centres.
        places.append(
            [size / 2 - 0.5 + pixels * x, pixels * (y - scheme.top) - 0.5]
        )
    return np.array(places)


def moved(matrix, points):
    return points @ matrix[:, :2].T + matrix[:, 2]


schemes = st.sampled_from(SCHEMES) | st.builds(
    lambda aligned, top, height: CropScheme(
        6, "own", aligned, top, top + height
    ),
    st.booleans(),
    st.floats(-3, 1),
    st.floats(0.5, 6),
)
poses = st.fixed_dictionaries(
    {
        "yaw": st.floats(-75, 75),
        "pitch": st.floats(-35, 35),
        "roll": st.floats(-180, 180),
    }
)


@settings(max_examples=200, deadline=None)
@given(
    pose=poses,
    size=st.floats(4, 2000),
    place=st.tuples(st.floats(-3000, 3000), st.floats(-3000, 3000)),
    scheme=schemes,
    side=st.integers(1, 600),
)
def test_points_come_to_their_places_whatever_the_pose(
    pose, size, place, scheme, side
):
    points = turned(**pose, size=size, place=place)
    matrix = crop_matrix(points, scheme, side)
    assert (matrix.shape, matrix.dtype) == ((2, 3), np.float64)
    np.testing.assert_allclose(
        moved(matrix, points), promised(points, scheme, side), atol=1e-6
    )


@settings(max_examples=50, deadline=None)
@given(pose=poses, scheme=schemes, side=st.integers(1, 600))
def test_eyes_and_mouth_of_an_aligned_crop_do_not_depend_on_the_pose(
    pose, scheme, side
):
    points = turned(**pose)
    found = moved(crop_matrix(points, scheme, side), points)
    eyes, mouth = found[:2].mean(axis=0), found[3:].mean(axis=0)
    places = scheme.places(side)
    if scheme.aligned:
        np.testing.assert_allclose([eyes, mouth], places, atol=1e-6)
    np.testing.assert_allclose(
        (eyes + mouth) / 2, places.mean(axis=0), atol=1e-6
    )
    assert np.hypot(*(mouth - eyes)) == pytest.approx(scheme.unit(side))


@settings(max_examples=30, deadline=None)
@given(
    pose=st.fixed_dictionaries(
        {
            "yaw": st.floats(-45, 45),
            "pitch": st.floats(-30, 30),
            "roll": st.floats(-80, 80),
        }
    ),
    size=st.floats(30, 70),
    shift=st.tuples(st.floats(-20, 20), st.floats(-20, 20)),
    scheme=st.sampled_from(SCHEMES),
)
@example({"yaw": 0, "pitch": 0, "roll": 0}, 30, (0, 0), CROP_SCHEMES[1])
def test_discs_in_an_image_come_to_their_places(pose, size, shift, scheme):
    points = turned(**pose, size=size, place=np.add((150, 120), shift))
    places = promised(points, scheme, 224)
    matrix = crop_matrix(points, scheme, 224)
    scale = np.hypot(*matrix[:, 0])
    radius = 0.1 * size
    reach = scale * (radius + 2) + 2
    seen = 0
    for point, place in zip(points, places):
        if (np.abs(place - 111.5) > 112 - reach).any():
            continue  # in part beyond the edge of the crop
        crop = crop_face(disc(point, radius), points, scheme)
        weights = crop.mean(axis=2)
        centroid = [
            (weights.sum(axis=axis) @ np.arange(224)) / weights.sum()
            for axis in (0, 1)
        ]
        assert np.abs(centroid - place).max() < 0.5
        seen += 1
    assert seen >= 1  # at least the nose


def disc(point, radius, shape=(280, 300)):
    """A white disc on black; edges as bright as the share they cover."""
    rows, columns = np.indices(shape)
    away = np.hypot(columns - point[0], rows - point[1])
    grey = np.uint8(np.rint(255 * np.clip(radius + 0.5 - away, 0, 1)))
    return np.repeat(grey[..., None], 3, axis=2)


def test_edges_of_the_crop_are_the_edges_of_the_scheme():
    points = turned(roll=30, size=40, place=(200, 100))
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    top, bottom = eyes - 1.6 * (mouth - eyes), eyes + 2.4 * (mouth - eyes)
    matrix = crop_matrix(points, CROP_SCHEMES[1], 100)
    np.testing.assert_allclose(
        moved(matrix, np.array([top, bottom])), [[49.5, -0.5], [49.5, 99.5]]
    )


@pytest.mark.parametrize("side", [64, 224])
def test_equals_the_similarity_of_scikit_image(side):
    points = turned(yaw=30, roll=50, size=80, place=(400, 300))
    for scheme in (CROP_SCHEMES[1], CROP_SCHEMES[5]):
        expected = SimilarityTransform.from_estimate(
            points[[0, 1, 3, 4]].reshape(2, 2, 2).mean(axis=1),
            scheme.places(side),
        )
        np.testing.assert_allclose(
            crop_matrix(points, scheme, side), expected.params[:2], atol=1e-9
        )


@pytest.mark.parametrize("number", [2, 3, 4])
def test_crops_that_are_not_aligned_keep_the_axes_of_the_image(number):
    points = turned(yaw=20, roll=40, size=60, place=(300, 200))
    matrix = crop_matrix(points, CROP_SCHEMES[number])
    np.testing.assert_array_equal(matrix[0, 0] * np.eye(2), matrix[:, :2])


def test_an_upright_face_looks_the_same_aligned_or_not():
    points = turned(size=60, place=(300, 200))
    np.testing.assert_allclose(
        crop_matrix(points, CROP_SCHEMES[1]),
        crop_matrix(points, CROP_SCHEMES[2]),
        atol=1e-9,
    )


def test_a_face_that_turns_away_keeps_its_size_and_one_that_nods_grows():
    def scale(**pose):
        return np.hypot(*crop_matrix(turned(**pose), CROP_SCHEMES[3])[:, 0])

    eyes = [np.hypot(*np.diff(turned(yaw=a)[:2], axis=0)[0]) for a in (0, 70)]
    assert eyes[1] < 0.35 * eyes[0]
    assert scale(yaw=70) == pytest.approx(scale(), rel=0.001)
    for pitch, shorter in ((20, 0.06), (30, 0.13)):
        grows = [scale(pitch=p) / scale() for p in (-pitch, pitch)]
        assert np.mean(grows) == pytest.approx(1 / (1 - shorter), abs=0.01)


def test_the_schemes_show_the_parts_of_drawn_faces_that_they_name():
    config = PhotographsConfig(num_images=60, size=512, frame="none")
    chin, brows, eyes, mouth = 8, np.r_[17:27], np.r_[36:48], np.r_[48:68]
    cut_chins = 0
    for index in range(60):
        photograph = draw_photograph(config, index)
        truth = photograph_truth(config, photograph)
        landmarks = np.float64(truth["landmarks"])
        inside, below_chin = {}, {}
        for number, scheme in CROP_SCHEMES.items():
            matrix = crop_matrix(five_of(landmarks), scheme)
            places = moved(matrix, landmarks)
            inside[number] = (np.abs(places - 111.5) <= 112).all(axis=1)
            below_chin[number] = (223.5 - places[chin, 1]) / scheme.unit(224)
        assert inside[1].all()
        assert inside[2].all()
        assert inside[3].all()
        assert min(below_chin[1], below_chin[2]) > 0.5  # the neck
        assert below_chin[3] < 0.4
        assert inside[4][np.r_[brows, eyes, mouth]].all()
        assert below_chin[4] < 0.3
        cut_chins += not inside[4][chin]
        assert inside[5][np.r_[chin, mouth]].all()
        assert not inside[5][eyes].any()
    assert cut_chins <= 3


def five_of(landmarks):
    """Five points of 68: middles of the eye corners, nose, mouth corners."""
    eyes = landmarks[[36, 39, 42, 45]].reshape(2, 2, 2).mean(axis=1)
    return np.concatenate([eyes, landmarks[[30, 48, 54]]])


def test_schemes_are_numbered_as_published():
    assert list(CROP_SCHEMES) == [s.number for s in SCHEMES] == [1, 2, 3, 4, 5]
    assert [s.number for s in SCHEMES if s.aligned] == [1, 5]
    one, two = CROP_SCHEMES[1], CROP_SCHEMES[2]
    assert (one.top, one.bottom) == (two.top, two.bottom)
    assert len({scheme.name for scheme in SCHEMES}) == 5


def test_an_aligned_crop_of_a_photograph_is_the_same_whatever_its_roll(
    detector,
):
    photo = data.astronaut()[:400, :400]
    (face,) = detector(photo)
    level = crop_face(photo, face.points, CROP_SCHEMES[5])
    # scikit-image turns counter-clockwise, about the middle of the image.
    rolled = np.uint8(255 * rotate(photo, 40))
    points = face_rolled(np.float64(face.points), 40)
    differs = {
        number: np.abs(
            crop_face(rolled, points, CROP_SCHEMES[number]).astype(float)
            - crop_face(photo, face.points, CROP_SCHEMES[number])
        ).mean()
        for number in (4, 5)
    }
    assert level.std() > 20
    assert differs[5] < 3
    assert differs[4] > 20


def face_rolled(points, degrees, middle=199.5):
    angle = np.deg2rad(-degrees)
    turn = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return (points - middle) @ np.transpose(turn) + middle


def test_a_detected_face_shows_its_pupils_on_the_line_of_the_eyes(detector):
    photo = data.astronaut()
    face = nearest_face(detector(photo), (224, 116))
    pupils = np.array([[202.8, 100.3], [245.8, 103.2]])  # read off
    for number, scheme in CROP_SCHEMES.items():
        found = moved(crop_matrix(face.points, scheme), pupils).mean(axis=0)
        away = found - scheme.places(224)[0]
        # Not aligned: the head leans by three degrees.
        assert np.abs(away).max() < 0.06 * scheme.unit(224), number


# Near the border, half beyond it, beyond it by far; at all four borders.
PLACES = [
    (30, 30), (2, 2), (78, 58), (40, -60), (40, 130), (-300, 20), (500, 400),
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("number", CROP_SCHEMES)
@pytest.mark.parametrize("size", [10, 60])  # enlarged; filtered and shrunk
def test_beyond_the_border_the_last_pixels_are_repeated(place, number, size):
    noise = np.random.default_rng(0).integers(0, 256, (36, 56, 3), np.uint8)
    # Even near its border, so that no filter reaches from there to the rest.
    image, wide = (
        np.pad(noise, ((width, width), (width, width), (0, 0)), mode="edge")
        for width in (12, 712)
    )
    points = turned(roll=20, size=size, place=place)
    crop = crop_face(image, points, CROP_SCHEMES[number], 64)
    expected = crop_face(wide, points + 700, CROP_SCHEMES[number], 64)
    assert np.abs(crop.astype(int) - expected).max() <= 1
    assert (crop.shape, crop.dtype) == ((64, 64, 3), np.uint8)


def test_a_face_entirely_beyond_a_border_shows_the_border():
    image = np.zeros((60, 80, 3), np.uint8)
    image[:, -1] = 10, 20, 30
    points = turned(size=20, place=(400, 30))
    crop = crop_face(image, points, CROP_SCHEMES[1], 32)
    np.testing.assert_array_equal(
        crop, np.broadcast_to((10, 20, 30), crop.shape)
    )


def test_wrong_points_are_found_before_anything_is_cropped():
    image = np.zeros((60, 80, 3), np.uint8)
    points = np.full((5, 2), np.nan)
    for crop in (
        lambda: crop_matrix(points, CROP_SCHEMES[1]),
        lambda: crop_face(image, points, CROP_SCHEMES[1]),
    ):
        with pytest.raises(ValueError, match=r"left eye=\(nan, nan\)"):
            crop()


@pytest.mark.parametrize("size", [0, -3, 22.5, None])
def test_a_size_that_is_no_number_of_pixels_is_an_error(size):
    with pytest.raises(ValueError, match=f"1 or more. Received: size={size}"):
        crop_matrix(turned(), CROP_SCHEMES[1], size)


def test_what_is_no_rgb_image_is_an_error():
    with pytest.raises(ValueError, match=r"RGB image .*Received: shape=\(9, 9"):
        crop_face(np.zeros((9, 9), np.uint8), turned(), CROP_SCHEMES[1])


@pytest.mark.parametrize(
    ("top", "bottom"),
    [(1.0, 1.0), (2.0, 1.0), (-np.inf, 1.0), (0.0, np.inf), (np.nan, 1.0)],
)
def test_edges_that_are_none_are_an_error(top, bottom):
    message = f"`bottom` below `top`.* top={top}, bottom={bottom}"
    with pytest.raises(ValueError, match=message):
        CropScheme(6, "own", True, top, bottom)


def make_face(x, y, confidence=0.9, half=10):
    box = np.float32([x - half, y - half, x + half, y + half])
    return Face(box, np.float32(turned(size=8, place=(x, y))), confidence)


def test_the_nearest_face_is_that_whose_box_has_the_nearest_centre():
    faces = [
        make_face(100, 100, 0.99),
        make_face(160, 40, 0.8, half=35),
        make_face(10, 10, 0.95),
    ]
    for face in faces:
        x1, y1, x2, y2 = face.box
        middle = (x1 + x2) / 2 + 5, (y1 + y2) / 2 - 5
        assert nearest_face(faces, middle) is face
    assert nearest_face(iter(faces), (128, 72)) is faces[0]


def test_of_equally_near_faces_the_most_confident_is_taken():
    faces = [make_face(40, 50, 0.81), make_face(60, 50, 0.97)]
    assert nearest_face(faces, (50, 80)) is faces[1]
    assert nearest_face(faces[::-1], (50, 80)) is faces[1]


def test_no_face_is_an_error():
    with pytest.raises(ValueError, match=r"at least one face\. Received: none"):
        nearest_face([], (0, 0))


@pytest.mark.parametrize("point", [(0.0, np.nan), (np.inf, 0.0), (1.0,), 3.0])
def test_a_point_that_is_none_is_an_error(point):
    with pytest.raises(ValueError, match=r"finite x and y. Received: point="):
        nearest_face([make_face(0, 0)], point)


def test_the_documented_table_is_that_of_the_schemes():
    rows = re.findall(
        r"^\| (\d) \| `(\w+)` \| (\w) \| (yes|no) \| (\S+) to (\S+) \|",
        DOCS.read_text("utf-8"),
        flags=re.MULTILINE,
    )
    assert [
        CropScheme(int(n), name, aligned == "yes", float(top), float(bottom))
        for n, name, _, aligned, top, bottom in rows
    ] == SCHEMES
    assert [row[2] for row in rows] == list("bcdef")


def test_the_documented_example_runs():
    (example,) = re.findall(
        r"```python\n(.*?)```", DOCS.read_text("utf-8"), flags=re.DOTALL
    )
    image = np.zeros((120, 160, 3), np.uint8)
    points = turned(size=25, place=(80, 50))
    names = {"image": image, "points": points}
    exec(example, names)
    assert names["crop"].shape == (224, 224, 3)
    assert len(names["figure"].axes) == 7
