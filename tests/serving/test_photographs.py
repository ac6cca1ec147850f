"""PhotographPredictor: which face, which crops, whose answer, what files."""

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from fdin_tf.data.image_files import read_image
from fdin_tf.faces.crops import CROP_SCHEMES
from fdin_tf.faces.crops import crop_face
from fdin_tf.faces.detect import Face
from fdin_tf.models import single_networks
from fdin_tf.serving import PhotographPredictor
from fdin_tf.serving import Predictor
from fdin_tf.serving.export import CARD
from fdin_tf.serving.export import KERAS_MODEL
from recipes.predict import DEMO_MODEL
from tests.recipes.gnet_export import SIZE
from tests.recipes.gnet_export import draw_face
from tests.recipes.gnet_export import export_small
from tests.recipes.gnet_export import save_png
from tests.recipes.gnet_export import write_unusable

EXIF_ORIENTATION = 0x0112


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def gnet(folder):
    return PhotographPredictor(export_small(folder / "gnet", "gender"))


@pytest.fixture(scope="module")
def snet(folder):
    return PhotographPredictor(export_small(folder / "snet", "smile"))


@pytest.fixture(scope="module")
def face():
    return draw_face()


@pytest.fixture
def photograph(face, tmp_path):
    return save_png(tmp_path / "face.png", face[0])


def test_real_detection_leads_to_crops_and_to_the_answer_of_keras(
    gnet, photograph, face
):
    image, points = face
    found = gnet.predict(photograph)
    assert (found.path, found.target) == (photograph, "gender")
    assert found.classes == ("female", "male")
    eyes = np.linalg.norm(points[0] - points[1])
    assert np.abs(found.points - points).max() < 0.15 * eyes
    assert 0.8 <= found.confidence <= 1
    assert (found.face_number, found.num_faces) == (1, 1)
    x1, y1, x2, y2 = found.box
    assert x1 < found.points[:, 0].min() < found.points[:, 0].max() < x2
    assert y1 < found.points[:, 1].min() < found.points[:, 1].max() < y2
    crop = crop_face(image, found.points, CROP_SCHEMES[3], SIZE)
    np.testing.assert_array_equal(found.crops, crop[None])
    network = keras.saving.load_model(gnet.path / KERAS_MODEL)
    (expected,) = network({"images": crop[None]})["gender"]
    np.testing.assert_allclose(found.probabilities, expected, rtol=1e-4)
    assert found.best == np.argmax(expected)
    assert (found.accuracy, found.tested_on) == (91.2, "validation images")


def test_the_mean_of_two_networks_sees_a_crop_each(snet, photograph, face):
    image, _ = face
    found = snet.predict(photograph)
    expected = [
        crop_face(image, found.points, CROP_SCHEMES[n], SIZE) for n in (1, 5)
    ]
    np.testing.assert_array_equal(found.crops, expected)
    model = keras.saving.load_model(snet.path / KERAS_MODEL)
    singles = [
        np.array(network({"images": crop[None]})["smile"][0])
        for network, crop in zip(single_networks(model), expected, strict=True)
    ]
    assert np.abs(singles[0] - singles[1]).max() > 1e-3
    np.testing.assert_allclose(
        found.probabilities, np.mean(singles, axis=0), rtol=1e-4
    )


def test_of_several_faces_the_one_nearest_the_middle_is_taken(gnet, tmp_path):
    left, middle, right = (draw_face(index)[0] for index in (0, 1, 4))
    wide = np.concatenate([left, middle, right], axis=1)
    found = gnet.predict(save_png(tmp_path / "wide.png", wide))
    assert (found.face_number, found.num_faces) == (2, 3)
    assert 128 < found.points[:, 0].min() < found.points[:, 0].max() < 256
    pair = gnet.predict(np.concatenate([left[:, 28:], middle], axis=1))
    assert (pair.face_number, pair.num_faces) == (2, 2)
    assert pair.path is None


def test_given_points_take_the_place_of_detection(folder, gnet, face):
    def refuse(image):
        raise AssertionError("no detection was needed")

    image, points = face
    found = PhotographPredictor(folder / "gnet" / "1", refuse).predict(
        image, points
    )
    np.testing.assert_array_equal(
        found.crops, crop_face(image, points, CROP_SCHEMES[3], SIZE)[None]
    )
    np.testing.assert_allclose(found.points, points)
    assert found.box is found.confidence is None
    assert found.face_number is found.num_faces is None


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_photograph_that_exif_rotates_is_answered_like_the_upright_one(
    gnet, photograph, face, tmp_path, orientation
):
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    turns = {3: 2, 6: 1, 8: -1}[orientation]  # as the camera held it
    stored = np.ascontiguousarray(np.rot90(face[0], turns))
    path = save_png(tmp_path / "turned.png", stored, exif=exif)
    assert not np.array_equal(np.array(Image.open(path)), face[0])
    turned, upright = gnet.predict(path), gnet.predict(photograph)
    np.testing.assert_array_equal(turned.crops, upright.crops)
    np.testing.assert_array_equal(turned.probabilities, upright.probabilities)
    np.testing.assert_array_equal(turned.box, upright.box)


def test_alpha_and_sixteen_bits_are_read_as_they_are_meant(
    gnet, photograph, face, tmp_path
):
    image, _ = face
    upright = gnet.predict(photograph)
    opaque = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    alpha = gnet.predict(save_png(tmp_path / "alpha.png", opaque))
    np.testing.assert_array_equal(alpha.crops, upright.crops)
    np.testing.assert_array_equal(alpha.probabilities, upright.probabilities)

    grey = np.uint16(np.rint(257 * image.mean(axis=2)))
    path = tmp_path / "grey16.png"
    assert cv2.imwrite(str(path), grey)
    found = gnet.predict(path)
    expected = np.repeat(np.uint8(np.rint(grey / 257))[..., None], 3, axis=2)
    np.testing.assert_allclose(found.points, upright.points, atol=2)
    np.testing.assert_array_equal(
        found.crops,
        crop_face(expected, found.points, CROP_SCHEMES[3], SIZE)[None],
    )

    clear = opaque.copy()
    clear[..., 3] = 0  # all of it lies on white
    path = save_png(tmp_path / "clear.png", clear)
    assert (read_image(path) == 255).all()
    with pytest.raises(ValueError, match=r"clear\.png: Expected a face"):
        gnet.predict(path)


def test_one_photograph_gives_the_same_however_it_is_given(gnet, photograph):
    by_path = gnet.predict(photograph)
    by_name = gnet.predict(str(photograph))
    by_pixels = gnet.predict(read_image(photograph))
    assert by_name.path == photograph
    for found in (by_name, by_pixels):
        np.testing.assert_array_equal(
            found.probabilities, by_path.probabilities
        )


UNUSABLE = {
    "grey.png": r"grey\.png: Expected a face in the photograph\. Received:",
    "half.png": r"Expected a whole image that can be read.*half\.png",
    "line.png": r"at least 16 pixels a side\. Received: 1 x 128.*line\.png",
    "words.jpg": r"Expected a whole image that can be read.*words\.jpg",
    "folder.jpg": r"Expected an image file\. Received: path=.*folder\.jpg",
    "gone.jpg": r"Expected an image file\. Received: path=.*gone\.jpg",
}


def test_many_go_on_and_say_why_some_are_left_out(
    gnet, photograph, face, tmp_path
):
    write_unusable(tmp_path / "bad", face[0])
    paths = [tmp_path / "bad" / name for name in UNUSABLE]
    paths.insert(2, photograph)
    found = list(gnet.predict_many(paths))
    assert [path for path, _, _ in found] == paths
    used = [path for path, prediction, _ in found if prediction is not None]
    assert used == [photograph]
    for path, prediction, reason in found:
        assert (prediction is None) == (reason is not None)
        if reason is not None:
            assert "\n" not in reason
            with pytest.raises(
                (ValueError, OSError), match=UNUSABLE[path.name]
            ):
                gnet.predict(path)
            assert str(path) in reason


def test_points_of_no_face_are_refused(folder, photograph, face):
    image, points = face
    exchanged = points[[1, 0, 2, 3, 4]]

    def finds_exchanged(image):
        box = np.float32([0, 0, 128, 128])
        return [Face(box, np.float32(exchanged), 0.99)]

    predictor = PhotographPredictor(folder / "gnet", finds_exchanged)
    with pytest.raises(ValueError, match=r"face\.png: .*exchanged.*eyes"):
        predictor.predict(photograph)
    with pytest.raises(ValueError, match=r"an array: .*exchanged.*eyes"):
        predictor.predict(image, exchanged)
    with pytest.raises(ValueError, match=r"an array: .*points\.shape=\(4, 2\)"):
        predictor.predict(image, points[:4])
    with pytest.raises(ValueError, match=r"an array: .*dtype=float64"):
        predictor.predict(image / 255, points)


def test_an_answer_that_is_no_number_is_refused(gnet, photograph, monkeypatch):
    answer = gnet._answer

    class Broken:
        inputs = answer.inputs

        def __call__(self, images):
            return {"gender": tf.constant([[np.nan, 0.5]])}

    monkeypatch.setattr(gnet, "_answer", Broken())
    with pytest.raises(ValueError, match=r"no number\. Received: gender=\[nan"):
        gnet.predict(photograph)


def test_models_of_clips_and_of_photographs_are_told_apart(folder, gnet):
    with pytest.raises(ValueError, match=r"of photographs, .* `crops`\. Rec"):
        PhotographPredictor(DEMO_MODEL)
    with pytest.raises(ValueError, match=r"of clips, .* `face`\. Received: "):
        Predictor(folder / "gnet")
    assert (gnet.path / CARD).is_file()
