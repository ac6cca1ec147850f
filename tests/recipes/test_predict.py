"""recipes.predict: from a real photograph's clip to number, table, picture."""

import csv
import json
import shutil

import cv2
import numpy as np
import pytest
import tyro

from recipes.cli import run_recipe
from recipes.predict import DEMO_MODEL
from recipes.predict import Config
from recipes.predict import run
from tests.faces.photo_clip import make_photo_clip


@pytest.fixture(scope="module")
def photo_clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("photo") / "astronaut.mp4"
    make_photo_clip(path)
    return path


@pytest.fixture
def predict(tmp_path):
    def predict(*words):
        words = [*map(str, words), "--output-dir", str(tmp_path / "out")]
        return run_recipe(run, tyro.cli(Config, args=words))

    predict.folder = tmp_path / "out"
    return predict


def test_a_photographs_clip_is_estimated_through_real_detection(
    predict, photo_clip, capsys
):
    (row,) = predict(photo_clip)
    assert row["num_frames"] >= 18  # 40 at 25 per second, read at 12.5
    assert 0 < row["estimate"] < 120
    assert row["error_years"] > 0
    line = capsys.readouterr().out.strip()
    assert line.startswith(f"{photo_clip}: age {row['estimate']:.1f} years")
    assert f"{row['error_years']:.1f} years" in line
    assert row["face_without_face"] == 0

    with open(predict.folder / "predictions.csv", newline="") as file:
        (written,) = csv.DictReader(file)
    shares = [float(v) for k, v in written.items() if "importance" in k]
    assert len(shares) == 36
    assert sum(shares) == pytest.approx(1, abs=1e-5)
    assert float(written["estimate"]) == pytest.approx(row["estimate"])
    about = json.loads((predict.folder / "predictions.json").read_text())
    assert about["clips"][0]["video"] == str(photo_clip)
    assert "Synthetic" in about["trained_on"]["databases"][0]
    picture = cv2.imread(str(predict.folder / "astronaut.png"))
    assert picture.shape[0] > 300
    assert picture.std() > 20


def test_videos_of_one_name_have_a_picture_each(predict, photo_clip, tmp_path):
    (tmp_path / "b").mkdir()
    copy = shutil.copy(photo_clip, tmp_path / "b" / photo_clip.name)
    predict(photo_clip, copy)
    names = {path.name for path in predict.folder.glob("*.png")}
    assert names == {"astronaut.png", "astronaut-2.png"}


def test_no_picture_is_written_over_a_given_file(predict, photo_clip):
    predict.folder.mkdir()
    given = predict.folder / "astronaut.png"
    given.write_bytes(b"a photograph of mine")
    predict(photo_clip, given)
    assert given.read_bytes() == b"a photograph of mine"
    assert (predict.folder / "astronaut-2.png").is_file()


def test_a_broken_video_among_good_ones_is_reported(
    predict, photo_clip, tmp_path, capsys
):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"")
    rows = predict(broken, photo_clip)
    assert str(broken) in rows[0]["error"]
    assert "estimate" in rows[1]
    assert str(broken) in capsys.readouterr().err.replace("\n", "")


def test_names_are_printed_as_they_are_and_command_nothing(
    predict, photo_clip, tmp_path, capsys
):
    good, bad = (tmp_path / f"{x}\x1b]0;title\x07.mp4" for x in "ab")
    shutil.copy(photo_clip, good)
    bad.write_bytes(b"")
    predict(good, bad)
    written = capsys.readouterr()
    assert "a\\x1b]0;title\\x07.mp4: age" in written.out
    assert "b\\x1b]0;title\\x07.mp4" in written.err.replace("\n", "")
    assert "\x07" not in written.out + written.err


def blank_video(path):
    """Grey frames: nobody there."""
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25, (128, 128)
    )
    for _ in range(20):
        writer.write(np.full((128, 128, 3), 127, np.uint8))
    writer.release()


def test_mistakes_are_one_line_and_code_2(
    predict, photo_clip, tmp_path, capsys
):
    blank = tmp_path / "blank.mp4"
    blank_video(blank)
    (tmp_path / "empty_model").mkdir()
    mistakes = {
        str(blank): [blank],
        str(tmp_path / "gone.mp4"): [tmp_path / "gone.mp4"],
        str(tmp_path / "empty_model"): [
            photo_clip, "--model", tmp_path / "empty_model",
        ],
        "astronaut.csv": [photo_clip, "--landmarks-dir", tmp_path],
        "at least one video": [],
    }  # fmt: skip
    for expected, words in mistakes.items():
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            predict(*words)
        assert end.value.code == 2
        line = capsys.readouterr().err.splitlines()[-1]
        assert line.startswith("error: ")
        assert expected in line


def test_the_demo_model_knows_its_limits():
    card = json.loads((DEMO_MODEL / "1/assets.extra/card.json").read_text())
    assert "synthetic" in card["limits"]
    assert card["facts"]["data"] == "embedded clips (natural)"
    overall = card["errors"][0]
    assert overall["mae_years"] < overall["baseline_mae_years"] / 2
