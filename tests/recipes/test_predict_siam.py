"""recipes.predict with SIAM: landmarks, where and when it looked."""

import csv
import json

import cv2
import numpy as np
import pytest
import tyro

from fdin_tf.explain import ClipAttention
from fdin_tf.faces import FaceWarp
from fdin_tf.serving import Prediction
from recipes.cli import run_recipe
from recipes.predict import Config
from recipes.predict import run
from recipes.predict_words import row_of
from recipes.predict_words import why
from tests.recipes.siam_export import export_siam

CLIP = "001_deliberate_smile_1"


@pytest.fixture(scope="module")
def model(tmp_path_factory, cropped):
    return export_siam(tmp_path_factory.mktemp("models") / "siam_age", cropped)


@pytest.fixture
def predict(tmp_path, model, tiny_set):
    def predict(*words, names=(CLIP,)):
        videos = [tiny_set / "videos" / f"{name}.mp4" for name in names]
        words = [*videos, "--model", model, *words, "--output-dir",
                 tmp_path / "out"]  # fmt: skip
        return run_recipe(run, tyro.cli(Config, args=[*map(str, words)]))

    predict.folder = tmp_path / "out"
    return predict


def test_a_video_with_landmarks_gives_estimate_places_and_frames(
    predict, tiny_set, capsys
):
    (row,) = predict("--landmarks-dir", tiny_set / "truth")
    line = capsys.readouterr().out.strip()
    assert f"{CLIP}.mp4: age {row['estimate']:.1f} years" in line
    assert f"{row['error_years']:.1f} years; frames: half of the" in line
    assert f"most at {row['largest_weight_seconds']:.2f} s" in line
    assert "; places: attention " in line
    assert "relations" not in line
    with open(predict.folder / "predictions.csv", newline="") as file:
        (written,) = csv.DictReader(file)
    assert 0 < float(written["attention_mouth"]) < 1
    assert float(written["largest_weight"]) >= 1
    assert not any("importance" in name for name in written)
    about = json.loads((predict.folder / "predictions.json").read_text())
    assert about["clips"][0]["largest_weight"] == row["largest_weight"]
    names = {path.name for path in predict.folder.glob("*.png")}
    assert names == {f"{CLIP}_frames.png", f"{CLIP}_places.png"}
    for name in names:
        assert cv2.imread(str(predict.folder / name)).std() > 20


def test_planted_attention_is_told_in_words():
    rng = np.random.default_rng(0)
    warp = FaceWarp(rng.uniform(-1, 1, (68, 2)), size=24)
    weights = np.full(20, 0.02)
    weights[8:11] = (0.2, 0.3, 0.16)
    spatial = np.zeros((20, 24, 24))
    spatial[:, ~warp.mask] = 1.0
    prediction = Prediction(
        path="clip.mp4", target="gender", estimate=np.array([0.2, 0.8]),
        error_years=None, importance=None,
        frames=np.zeros((20, 24, 24, 1), "uint8"), shown=np.arange(20),
        seconds=np.arange(20) / 10, counts={},
        attention=ClipAttention(spatial, weights),
    )  # fmt: skip
    row = row_of(prediction, warp)
    assert row["estimate"] == "male"
    assert row["attention_background"] > 0.9
    words = why(prediction, row)
    assert "half of the weight from 0.80 to 0.90 s of 1.90 s" in words
    assert "most at 0.90 s (6.00 times the uniform)" in words
    assert "places: attention background" in words


def test_the_mesh_finds_landmarks_where_there_is_no_file(
    predict, tiny_set, tmp_path
):
    pytest.importorskip("ai_edge_litert")
    (by_file,) = predict("--landmarks-dir", tiny_set / "truth")
    (tmp_path / "none").mkdir()
    (by_mesh,) = predict("--mesh", "--landmarks-dir", tmp_path / "none")
    assert by_mesh["num_frames"] >= 8
    assert by_mesh["estimate"] != by_file["estimate"]


def test_without_landmarks_there_is_one_line_and_code_2(
    predict, tmp_path, fails
):
    line = fails(predict)
    assert "68 landmarks" in line
    assert "give --landmarks-dir or --mesh" in line
    line = fails(predict, "--landmarks-dir", tmp_path)
    assert f"Expected {CLIP}.csv or {CLIP}.npz" in line
    assert not list(predict.folder.glob("*.png"))
