"""recipes.predict with GNet and SNet: from files to lines, tables, pictures."""

import csv
import json

import cv2
import keras
import numpy as np
import pytest
import tyro
from PIL import Image

from fdin_tf.data.face_images import BOX_COLUMNS
from fdin_tf.data.face_images import POINT_COLUMNS
from fdin_tf.explain.relevance_colours import RELEVANCE_MAP
from fdin_tf.models import single_networks
from fdin_tf.serving import PhotographPredictor
from fdin_tf.serving.export import KERAS_MODEL
from recipes.cli import run_recipe
from recipes.predict import DEMO_MODEL
from recipes.predict import Config
from recipes.predict import run
from recipes.predict_files import kind_of
from recipes.predict_photographs import heatmaps_of
from recipes.predict_pictures import plot_photograph
from tests.recipes.gnet_export import draw_face
from tests.recipes.gnet_export import export_small
from tests.recipes.gnet_export import save_png
from tests.recipes.gnet_export import write_unusable

EXIF_ORIENTATION = 0x0112


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return {
        "gnet": export_small(root / "gnet", "gender"),
        "snet": export_small(root / "snet", "smile"),
    }


@pytest.fixture(scope="module")
def image():
    return draw_face()[0]


@pytest.fixture
def photograph(image, tmp_path):
    return save_png(tmp_path / "photo.png", image)


@pytest.fixture
def predict(tmp_path, models):
    def predict(*files, model="gnet", more=()):
        words = [*files, "--model", models.get(model, model), *more,
                 "--output-dir", tmp_path / "out"]  # fmt: skip
        return run_recipe(run, tyro.cli(Config, args=[*map(str, words)]))

    predict.folder = tmp_path / "out"
    return predict


def test_a_photograph_gives_a_line_a_row_and_a_picture(
    predict, photograph, models, capsys
):
    (row,) = predict(photograph)
    assert row["estimate"] in ("female", "male")
    assert row["probability"] == max(
        row["probability_female"], row["probability_male"]
    )
    assert row["probability_female"] + row["probability_male"] == (
        pytest.approx(1, abs=1e-6)
    )
    printed = capsys.readouterr()
    assert printed.out == (
        f"{photograph}: gender {row['estimate']}, probability "
        f"{row['probability']:.2f}, accuracy on the validation images 91.2 %; "
        "face 1 of 1, nearest the middle\n"
    )
    assert "mean nothing for people" in printed.err.replace("\n", " ")
    assert "Left out" not in printed.err

    expected = PhotographPredictor(models["gnet"]).predict(photograph)
    with open(predict.folder / "predictions.csv", newline="") as file:
        (written,) = csv.DictReader(file)
    assert float(written["probability_male"]) == (
        pytest.approx(expected.probabilities[1], abs=1e-6)
    )
    points = [float(written[name]) for name in POINT_COLUMNS]
    np.testing.assert_allclose(points, expected.points.ravel(), atol=1e-3)
    x, y, width, height = (float(written[name]) for name in BOX_COLUMNS)
    np.testing.assert_allclose(
        [x, y, x + width, y + height], expected.box, atol=1e-3
    )
    about = json.loads((predict.folder / "predictions.json").read_text())
    assert about["photographs"] == [row]
    assert about["tested"]["standard_error"] == 2.53
    assert "Not for decisions about persons" in about["limits"]
    picture = cv2.imread(str(predict.folder / "photo_why.png"))
    assert picture.shape[0] > 300
    assert picture.std() > 20


def test_the_mean_of_two_networks_says_smile_and_shows_both_crops(
    predict, photograph, models, capsys
):
    (row,) = predict(photograph, model="snet")
    words = {"smile": "smile, ", "no_smile": "no smile, "}[row["estimate"]]
    line = capsys.readouterr().out
    assert f"photo.png: {words}probability {row['probability']:.2f}, " in line
    single = cv2.imread(str(predict.folder / "photo_why.png")).shape[0]
    predict(photograph, model="gnet")
    assert single > cv2.imread(str(predict.folder / "photo_why.png")).shape[0]


@pytest.mark.parametrize("model", ["gnet", "snet"])
def test_heatmaps_share_the_log_odds_of_each_network(photograph, models, model):
    predictor = PhotographPredictor(models[model])
    prediction = predictor.predict(photograph)
    networks = single_networks(
        keras.saving.load_model(predictor.path / KERAS_MODEL)
    )
    heatmaps = heatmaps_of(networks, prediction)
    assert heatmaps.shape == prediction.crops.shape[:3]
    best = prediction.best
    for network, crop, heatmap in zip(networks, prediction.crops, heatmaps):
        (answer,) = network({"images": crop[None]}).values()
        answer = np.array(answer, np.float64)[0]
        log_odds = np.log(answer[best] / answer[1 - best])
        assert abs(log_odds) > 0.01
        # The biases of a network that was not trained are 0: nothing is lost.
        assert heatmap.sum() == pytest.approx(log_odds, rel=1e-3)
    assert len({heatmap.sum() for heatmap in heatmaps}) == len(networks)


def test_the_picture_shows_face_crops_and_heatmaps(photograph, models, image):
    predictor = PhotographPredictor(models["snet"])
    prediction = predictor.predict(photograph)
    size = predictor.size
    heatmaps = np.zeros((2, size, size))
    heatmaps[0, 3, 5] = 2.0  # speaks for the answer
    heatmaps[1, 4, 6] = -3.0  # speaks against it
    figure = plot_photograph(
        image, prediction, predictor.schemes, heatmaps, "a title"
    )
    whole, *panels = figure.axes[:5]
    np.testing.assert_allclose(
        np.transpose(whole.lines[0].get_data()), prediction.points
    )
    (box,) = whole.patches
    np.testing.assert_allclose(
        [*box.get_xy(), box.get_width(), box.get_height()],
        [*prediction.box[:2], *(prediction.box[2:] - prediction.box[:2])],
    )
    images = [np.asarray(axes.images[0].get_array()) for axes in panels]
    np.testing.assert_array_equal(images[0], prediction.crops[0])
    np.testing.assert_array_equal(images[2], prediction.crops[1])
    names = [panels[k].get_ylabel() for k in (0, 2)]
    assert names == ["1: aligned face", "5: cheeks and mouth"]
    for found, place, end in ((images[1], (3, 5), 1.0), (images[3], (4, 6), 0)):
        colour = 255 * np.array(RELEVANCE_MAP(end))[:3]
        assert np.abs(found[place] - colour).max() < 30
        grey = np.delete(found.reshape(-1, 3), place[0] * size + place[1], 0)
        assert np.ptp(grey.astype(int), axis=1).max() <= 1
    assert "two" not in figure.get_label()
    assert figure.get_label().startswith("a title: the photograph with its")


def test_a_wide_photograph_says_which_face(predict, tmp_path, capsys):
    wide = np.concatenate([draw_face(k)[0] for k in (0, 1, 4)], axis=1)
    (row,) = predict(save_png(tmp_path / "wide.png", wide))
    assert (row["face_number"], row["num_faces"]) == (2, 3)
    assert "; face 2 of 3, nearest the middle\n" in capsys.readouterr().out


def test_how_a_photograph_is_stored_changes_no_answer(
    predict, photograph, image, tmp_path
):
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    stored = np.ascontiguousarray(np.rot90(image))
    turned = save_png(tmp_path / "b" / "photo.png", stored, exif=exif)
    alpha = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    alpha = save_png(tmp_path / "alpha.png", alpha)
    grey = tmp_path / "grey16.png"
    assert cv2.imwrite(str(grey), np.uint16(257 * image.mean(axis=2)))
    upright, *same, sixteen = predict(photograph, turned, alpha, grey)
    for row in same:
        assert {**row, "photograph": str(photograph)} == upright
    assert sixteen["num_faces"] == 1
    for name in POINT_COLUMNS:
        assert sixteen[name] == pytest.approx(upright[name], abs=2)
    names = {path.name for path in predict.folder.glob("*.png")}
    assert names == {
        f"{name}_why.png" for name in ("photo", "photo-2", "alpha", "grey16")
    }


def test_no_photograph_is_written_over(predict, image, tmp_path, fails):
    folder = predict.folder
    photo = save_png(folder / "photo.png", image)
    earlier = save_png(folder / "photo_why.PNG", image)
    linked = folder / "b_why.png"
    linked.symlink_to(save_png(tmp_path / "elsewhere.png", image))
    save_png(folder / "c_why.png", image)
    (tmp_path / "link.png").symlink_to(folder / "c_why.png")
    others = [save_png(tmp_path / f"{name}.png", image) for name in "bc"]
    files = [photo, earlier, linked, tmp_path / "link.png", *others]
    before = [file.read_bytes() for file in files]
    predict(*files)
    assert [file.read_bytes() for file in files] == before
    assert linked.is_symlink()
    given = {"photo.png", "photo_why.PNG", "b_why.png", "c_why.png"}
    written = {path.name for path in folder.glob("*.[pP][nN][gG]")} - given
    names = ("photo-2", "photo_why", "b_why", "link", "b-2", "c-2")
    assert written == {f"{name}_why.png" for name in names}

    table = photo.rename(folder / "predictions.csv")
    line = fails(predict, table)
    assert "other than predictions.csv and predictions.json" in line
    assert line.endswith(f"Received: {table}")
    assert table.read_bytes() == before[0]


UNUSABLE = {
    "half.png": "whole image",
    "line.png": "at least 16 pixels",
    "grey.png": "Expected a face",
    "words.jpg": "whole image",
    "folder.jpg": "Expected an image file",
    "gone.mp4": "Expected an image file",
    "clip.mp4": "is one of photographs. Received: a video",
}


def write_clip(path):
    """A short black video."""
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25, (64, 64)
    )
    for _ in range(4):
        writer.write(np.zeros((64, 64, 3), np.uint8))
    writer.release()


def test_unusable_photographs_are_named_counted_and_left_out(
    predict, photograph, image, tmp_path, capsys
):
    write_unusable(tmp_path / "bad", image)
    write_clip(tmp_path / "bad" / "clip.mp4")
    files = [tmp_path / "bad" / name for name in UNUSABLE]
    rows = predict(*files[:3], photograph, *files[3:])
    assert [row["photograph"] for row in rows] == [
        *map(str, files[:3]), str(photograph), *map(str, files[3:]),
    ]  # fmt: skip
    assert "estimate" in rows.pop(3)
    for row, (name, words) in zip(rows, UNUSABLE.items(), strict=True):
        assert words in row["error"]
        assert name in row["error"]
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 1
    assert "Left out: 7 of 8 photographs" in printed.err
    with open(predict.folder / "predictions.csv", newline="") as file:
        written = list(csv.DictReader(file))
    assert [row["error"] for row in written if row["error"]] == [
        row["error"] for row in rows
    ]
    names = {path.name for path in predict.folder.glob("*.png")}
    assert names == {"photo_why.png"}


def test_a_single_one_left_out_is_told_in_a_line(
    predict, photograph, image, tmp_path, capsys
):
    grey = save_png(tmp_path / "grey.png", np.full_like(image, 127))
    predict(photograph, grey)
    err = capsys.readouterr().err.replace("\n", "")
    assert f"Left out: 1 of 2 photographs: {grey}: Expected a face" in err


def test_without_one_that_can_be_used_there_is_one_line_and_code_2(
    predict, photograph, image, tmp_path, fails
):
    grey = save_png(tmp_path / "grey.png", np.full_like(image, 127))
    line = fails(predict, grey, tmp_path / "gone.jpg")
    assert f"{grey}: Expected a face in the photograph" in line
    assert len(list(predict.folder.glob("*.png"))) == 0
    for option in (("--mesh",), ("--landmarks-dir", tmp_path)):
        line = fails(lambda more: predict(photograph, more=more), option)
        assert "--landmarks-dir are for models of videos" in line
    assert "at least one video or photograph" in fails(predict)


def test_a_photograph_for_a_model_of_videos_is_one_line_and_code_2(
    predict, photograph, fails
):
    line = fails(lambda: predict(photograph, model=DEMO_MODEL))
    assert f"{photograph}: expected a video, for the model" in line
    assert "is one of videos. Received: a photograph" in line


def test_kinds_of_files_are_told_by_content_then_by_name(photograph, tmp_path):
    image = photograph.rename(tmp_path / "named_as.mp4")
    assert kind_of(image) == "photograph"
    assert kind_of(tmp_path / "gone.avi") == "video"
    assert kind_of(tmp_path / "gone.jpg") == "file"
    frames = [Image.new("L", (20, 20), grey) for grey in (0, 255)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert kind_of(tmp_path / "a.gif") == "file"
