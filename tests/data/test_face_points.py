"""Points found in real files: the right face, once; what is no use, counted."""

import dataclasses
import os
import struct
import zlib

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from skimage import data

from fdin_tf.data import face_points as faces_of_files
from fdin_tf.data.face_images import BOX_COLUMNS
from fdin_tf.data.face_images import POINT_COLUMNS
from fdin_tf.data.face_images import face_points
from fdin_tf.data.face_points import find_face_points
from fdin_tf.faces import Face
from fdin_tf.faces import MTCNNDetector

EYES = np.array([[202.8, 100.3], [245.8, 103.2]])  # of the astronaut, pixels
LEFT, TOP = 110, 0  # of the part of the photograph that shows her face
#: Five points of a face about its nose, pixels.
FACE = np.array([[-5, -5], [5, -5], [0, 0], [-4, 6], [4, 6]])
ORIENTATION = 0x0112
SIDE = 240


@pytest.fixture(scope="module")
def photo():
    """The middle of the astronaut's photograph, `(240, 240, 3)`."""
    return data.astronaut()[TOP : TOP + SIDE, LEFT : LEFT + SIDE]


def image_table(paths, **columns):
    names = [os.path.basename(path) for path in paths]
    return pd.DataFrame(
        {"image_id": names, "path": [str(p) for p in paths], **columns}
    )


def with_box(table, *boxes):
    table[list(BOX_COLUMNS)] = np.array(boxes, float)
    return table


@dataclasses.dataclass
class Planted:
    """A detector that finds one face at the brightest place, and counts."""

    swapped: bool = False
    num_calls = 0  # no setting: of the class, not of the object

    def __call__(self, image):
        type(self).num_calls += 1
        y, x = np.unravel_index(image[..., 0].argmax(), image.shape[:2])
        points = np.add(FACE, (x, y))
        if self.swapped:
            points = points[[1, 0, 2, 3, 4]]
        box = np.float32([x - 9, y - 9, x + 9, y + 9])
        return [Face(box, np.float32(points), 0.9)]


@pytest.fixture
def planted():
    Planted.num_calls = 0
    return Planted()


def bright(path, x=20, y=25, size=(60, 50)):
    """A dark picture with one bright pixel; `size` is width, height."""
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    picture[y, x] = 255
    assert cv2.imwrite(str(path), picture)
    return path


def empty_png(path, width, height):
    """A PNG file that claims a size."""

    def chunk(kind, content):
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IEND", b"")
    )


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_bad_files_are_counted_and_the_others_give_equal_points(
    tmp_path, photo
):
    def path(name):
        return tmp_path / f"{name}.png"

    Image.fromarray(photo).save(path("plain"))
    opaque = np.full((SIDE, SIDE, 1), 255, np.uint8)
    Image.fromarray(np.concatenate([photo, opaque], 2)).save(path("alpha"))
    assert cv2.imwrite(str(path("deep")), photo[..., ::-1].astype("u2") * 257)
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # stored lying on its left side
    Image.fromarray(np.rot90(photo)).save(path("turned"), exif=exif)
    Image.fromarray(photo[:1]).save(path("thin"))
    Image.fromarray(np.full_like(photo, 90)).save(path("nobody"))
    content = path("plain").read_bytes()
    path("half").write_bytes(content[: len(content) // 2])
    path("text").write_text("no image")
    empty_png(path("huge"), 20_000, 20_000)
    good = ["plain", "alpha", "deep", "turned"]
    bad = {
        "nobody": "Expected a face in the image. Received: none",
        "half": "Expected a whole image that can be read: image file is "
        "truncated.",
        "thin": "Expected an image of at least 16 pixels a side. Received: "
        "240 x 1",
        "text": "Expected a whole image that can be read: cannot identify "
        "image file.",
        "huge": "Expected an image of at most 80,000,000 pixels. Received: "
        "many more",
        "gone": "No such file or directory",
    }
    names = ["nobody", "plain", "half", "alpha", *list(bad)[2:], *good[2:]]
    images = image_table([path(name) for name in names], extra=range(10))
    found, failures = find_face_points(
        images, "centre", cache_dir=tmp_path / "cache"
    )

    assert found.image_id.tolist() == [f"{name}.png" for name in good]
    assert found.extra.tolist() == [1, 3, 8, 9]
    assert found.index.tolist() == [0, 1, 2, 3]
    points = face_points(found)
    assert (points == points[0]).all()
    away = np.hypot(*(points[0, :2] + [LEFT, TOP] - EYES).T)
    assert (away < 4).all()
    assert (found.num_faces == 1).all()
    assert (found.face_confidence > 0.9).all()

    assert failures.columns.tolist() == ["image_id", "path", "reason"]
    assert failures.image_id.tolist() == [f"{name}.png" for name in bad]
    assert failures.path.tolist() == [str(path(name)) for name in bad]
    assert failures.reason.tolist() == list(bad.values())


def test_the_face_near_the_box_or_near_the_centre_is_taken(tmp_path, photo):
    small = cv2.resize(photo, (160, 160), interpolation=cv2.INTER_AREA)
    pair = np.full((240, 400, 3), 100, np.uint8)
    pair[40:200, :160] = small  # far from the centre
    pair[40:200, 180:340] = small
    path = tmp_path / "pair.png"
    Image.fromarray(pair).save(path)
    images = image_table([path, path])
    images.image_id = ["a", "b"]
    with_box(images, (20, 60, 80, 80), (200, 60, 80, 80))
    first, second = (
        face_points(find_face_points(images, near, cache_dir=tmp_path)[0])
        for near in ("box", "centre")
    )
    np.testing.assert_allclose(first[1] - first[0], [[180, 0]] * 5, atol=3)
    np.testing.assert_array_equal(second[0], second[1])
    np.testing.assert_array_equal(second[0], first[1])
    found, _ = find_face_points(images, "box", cache_dir=tmp_path)
    assert found.num_faces.tolist() == [2, 2]


def test_a_bystander_is_not_taken_for_a_face_that_is_not_found(tmp_path):
    """Found faces are 18 pixels wide; this one reaches from 11, 16 on."""
    path = bright(tmp_path / "a.png", x=20, y=25)
    boxes = {
        (11, 16, 18, 18): True,  # the same box
        (0, 0, 60, 50): True,  # around it
        (18, 22, 4, 4): True,  # in it
        (20, 16, 18, 18): True,  # half of it
        (25, 16, 18, 18): False,  # 4 of 18 pixels in common
        (24, 25, 18, 18): False,  # 5 of 18 by 9 of 18
        (30, 16, 18, 18): False,  # beside it
        (11, 40, 18, 8): False,  # below it
    }
    images = image_table([path] * len(boxes))
    images.image_id = [str(box) for box in boxes]
    with_box(images, *boxes)
    found, failures = find_face_points(images, "box", Planted(), tmp_path)
    expected = [str(box) for box, is_in in boxes.items() if is_in]
    assert found.image_id.tolist() == expected
    assert set(failures.reason) == {
        "Expected a face in the given box. Received: faces elsewhere only"
    }
    everyone, _ = find_face_points(images, "centre", Planted(), tmp_path)
    assert len(everyone) == len(boxes)


def test_a_face_in_the_box_comes_before_a_nearer_one_beside_it(tmp_path):
    def pair(image):
        """Middles 25 and 21 pixels from that of the box; none of the 2nd in."""
        return [
            Face(np.float32([x, y, x + 20, y + 20]), np.float32(FACE + x), 0.9)
            for x, y in ((70, 30), (45, 51))
        ]

    path = bright(tmp_path / "a.png", size=(100, 100))
    images = with_box(image_table([path]), (20, 30, 70, 20))
    found, _ = find_face_points(images, "box", pair, tmp_path)
    assert face_points(found)[0, 2].tolist() == [70, 70]
    assert found.num_faces.tolist() == [2]


def test_small_faces_of_a_group_are_found(tmp_path, photo):
    group = np.full((600, 800, 3), 100, np.uint8)
    face = cv2.resize(photo, (80, 80), interpolation=cv2.INTER_AREA)
    group[40:120, 600:680] = face  # 38 pixels from forehead to chin
    path = tmp_path / "group.png"
    Image.fromarray(group).save(path)
    images = with_box(image_table([path]), (615, 50, 50, 50))
    found, _ = find_face_points(images, "box", cache_dir=tmp_path)
    expected = 80 / SIDE * (EYES - [LEFT, TOP]) + [600, 40]
    assert np.hypot(*(face_points(found)[0, :2] - expected).T).max() < 3
    assert MTCNNDetector()(group) == []


def test_nothing_is_detected_twice(tmp_path, planted):
    paths = [bright(tmp_path / f"{i}.png", x=20 + i) for i in range(3)]
    images = with_box(image_table(paths), *[(9, 9, 40, 30)] * 3)
    cache = tmp_path / "cache"
    before, _ = find_face_points(images, "box", planted, cache)
    assert planted.num_calls == 3
    images.path = [str(tmp_path / f"moved{i}.png") for i in range(3)]
    for path, moved in zip(paths, images.path):
        path.rename(moved)
    for near in ("box", "centre"):
        again, _ = find_face_points(images, near, Planted(), cache)
        assert planted.num_calls == 3
        np.testing.assert_array_equal(face_points(again), face_points(before))
    bright(tmp_path / "moved1.png", x=40)
    again, _ = find_face_points(images, "box", planted, cache)
    assert planted.num_calls == 4
    np.testing.assert_array_equal(
        face_points(again)[:, 2], [[20, 25], [40, 25], [22, 25]]
    )


def test_another_setting_of_the_detector_detects_anew(tmp_path, planted):
    images = image_table([bright(tmp_path / "a.png")])
    find_face_points(images, "centre", planted, tmp_path)
    find_face_points(images, "centre", planted, tmp_path)
    assert planted.num_calls == 1
    with pytest.raises(ValueError, match="exchanged"):
        find_face_points(images, "centre", Planted(swapped=True), tmp_path)
    assert planted.num_calls == 2


def test_settings_of_mtcnn_are_told_apart(tmp_path, photo):
    path = tmp_path / "a.png"
    Image.fromarray(photo).save(path)
    images = image_table([path])
    found, _ = find_face_points(images, "centre", cache_dir=tmp_path)
    sure = MTCNNDetector(min_confidence=1.0)
    assert found.face_confidence[0] < 1
    with pytest.raises(ValueError, match="Expected a face in the image"):
        find_face_points(images, "centre", sure, tmp_path)


def test_given_points_are_kept_and_their_files_not_opened(tmp_path, planted):
    given = np.array([10, 10, 30, 10, 20, 20, 12, 30, 28, 30], float)
    images = image_table([tmp_path / "gone.png", bright(tmp_path / "b.png")])
    images[list(POINT_COLUMNS)] = [given, [np.nan] * 10]
    calls = []
    found, failures = find_face_points(
        images,
        "centre",
        planted,
        tmp_path / "cache",
        progress=lambda *counts: calls.append(counts),
    )
    assert failures.empty
    np.testing.assert_array_equal(face_points(found)[0], given.reshape(5, 2))
    assert face_points(found)[1, 2].tolist() == [20, 25]
    assert found.num_faces.isna().tolist() == [True, False]
    assert found.face_confidence.isna().tolist() == [True, False]
    assert calls == [(1, 1)]
    assert list(images.columns) == ["image_id", "path", *POINT_COLUMNS]


def test_exchanged_points_are_failures_given_or_found(tmp_path):
    given = np.array([30, 10, 10, 10, 20, 20, 12, 30, 28, 30], float)
    right = np.array([10, 10, 30, 10, 20, 20, 12, 30, 28, 30], float)
    paths = [tmp_path / "a.png", bright(tmp_path / "b.png"), tmp_path / "c.png"]
    images = image_table(paths)
    images[list(POINT_COLUMNS)] = [given, [np.nan] * 10, right]
    found, failures = find_face_points(
        images, "centre", Planted(swapped=True), tmp_path / "cache"
    )
    assert found.image_id.tolist() == ["c.png"]
    assert failures.image_id.tolist() == ["a.png", "b.png"]
    assert failures.reason[0].endswith("exchanged between the eyes")
    assert failures.reason[1] == failures.reason[0]


def test_rows_without_a_box_are_failures_near_the_box(tmp_path, planted):
    paths = [bright(tmp_path / f"{i}.png") for i in range(2)]
    images = with_box(image_table(paths), (9, 9, 30, 30), [np.nan] * 4)
    found, failures = find_face_points(images, "box", planted, tmp_path)
    assert found.image_id.tolist() == ["0.png"]
    assert failures.reason[0].startswith("Expected a box")
    assert planted.num_calls == 1
    images = images.drop(columns=list(BOX_COLUMNS))
    with pytest.raises(ValueError, match=r"None of the 2 .* Expected a box"):
        find_face_points(images, "box", planted, tmp_path)


def test_no_usable_image_is_an_error_with_count_and_first_reason(tmp_path):
    images = image_table([tmp_path / "a.png", tmp_path / "b.png"])
    message = r"None of the 2 .* first: No such file.* \(path=.*a\.png\)"
    with pytest.raises(ValueError, match=message):
        find_face_points(images, "centre", cache_dir=tmp_path)


def test_another_word_than_box_or_centre_is_refused(tmp_path):
    images = image_table([bright(tmp_path / "a.png")])
    with pytest.raises(ValueError, match=r"box, centre\. Received: near='top'"):
        find_face_points(images, "top")


def test_a_mistake_in_a_detector_is_not_counted_as_a_bad_image(tmp_path):
    def broken(image):
        raise TypeError("a mistake")

    images = image_table([bright(tmp_path / f"{i}.png") for i in range(5)])
    with pytest.raises(TypeError, match="a mistake"):
        find_face_points(images, "centre", broken, tmp_path)


@pytest.mark.parametrize("number", [1, 4])
def test_the_order_of_rows_does_not_depend_on_the_number_of_processors(
    tmp_path, planted, monkeypatch, number
):
    monkeypatch.setattr(os, "cpu_count", lambda: number)
    paths = [bright(tmp_path / f"{i}.png", 10 + i, 20) for i in range(12)]
    found, _ = find_face_points(image_table(paths), "centre", planted, tmp_path)
    np.testing.assert_array_equal(
        face_points(found)[:, 2, 0], np.arange(12) + 10
    )


def test_another_version_of_a_package_detects_anew(
    tmp_path, planted, monkeypatch
):
    images = image_table([bright(tmp_path / "a.png")])
    find_face_points(images, "centre", planted, tmp_path)
    for number, name in enumerate(
        ("mtcnn", "opencv-python-headless", "pillow", "tensorflow"), start=2
    ):
        monkeypatch.setattr(
            faces_of_files,
            "version",
            lambda package, name=name: "0.1" if package == name else "9.9",
        )
        find_face_points(images, "centre", planted, tmp_path)
        assert planted.num_calls == number
