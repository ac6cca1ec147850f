"""recipes.gender_cv: from videos to cells and a model that answers."""

import json

import mlflow
import pandas as pd
import pytest
import tyro

from fdin_tf.data.uva_nemo import load_uva_nemo
from fdin_tf.training.class_metrics import class_cells
from recipes.predict import Config as PredictConfig
from recipes.predict import run as predict

SMALL = ("smoke", "--fit.epochs", "1")


@pytest.fixture
def gender_cv(recipe):
    return recipe("gender_cv")


def test_smoke_gives_cells_pictures_and_a_model_that_answers(
    gender_cv, in_folder, tiny_set, capsys
):
    errors = gender_cv(*SMALL, "--edges", 20, 50, "--per", "subject")
    overall = errors.iloc[0]
    assert (overall.clips, overall.subjects) == (16, 8)
    out, progress = capsys.readouterr()
    assert f"{overall.balanced_accuracy:.1f}" in out
    assert "posed 21-50" in out
    assert "truly female" in out
    assert "Folds: 4 folds by seed 89" in progress

    (run,) = mlflow.search_runs(
        experiment_names=["gender_cv"],
        filter_string="run_name = 'smoke_gender'",
        output_format="list",
    )
    assert run.data.metrics["test_accuracy"] == pytest.approx(overall.accuracy)
    client = mlflow.MlflowClient()
    logged = {
        file.path
        for folder in ("tables", "figures")
        for file in client.list_artifacts(run.info.run_id, folder)
    }
    assert logged >= {
        "tables/cells.csv", "tables/confusion.csv", "tables/importance.csv",
        "tables/importance_groups.csv", "tables/symmetry.csv",
        "figures/confusion.png", "figures/confusion.svg",
        "figures/learning_curves.png", "figures/importance_matrix.svg",
        "figures/importance_groups.png",
    }  # fmt: skip

    def table(name):
        path = client.download_artifacts(run.info.run_id, f"tables/{name}.csv")
        return pd.read_csv(path, dtype={"subject": str})

    confusion = table("confusion").set_index("true")
    right = confusion.loc["female", "female"] + confusion.loc["male", "male"]
    assert 100 * right / 16 == pytest.approx(overall.accuracy)
    groups = table("importance_groups")
    assert set(groups.group) == {"female", "male"}
    assert set(groups.num_regions) == {2, 3}
    assert list(table("symmetry").fold) == ["0", "1", "2", "3", "all"]
    predictions = table("predictions")
    pd.testing.assert_frame_equal(
        table("cells"),
        class_cells(predictions, "gender", (20, 50), "subject"),
        check_dtype=False,
    )

    folder = in_folder / "saved_models" / "smoke_gender"
    card = json.loads((folder / "1/assets.extra/card.json").read_text())
    assert card["target"] == "gender"
    assert card["classes"] == ["female", "male"]
    expected = round(overall.accuracy, 3)
    assert card["cross_validation"]["accuracy"] == expected
    video = sorted((tiny_set / "videos").iterdir())[0]
    words = [str(video), "--model", str(folder)]
    (row,) = predict(tyro.cli(PredictConfig, args=words))
    assert row["estimate"] in ("female", "male")
    assert 0.5 <= row["probability"] <= 1
    line = capsys.readouterr().out
    assert f"gender {row['estimate']}, probability" in line
    assert f"accuracy in cross-validation {overall.accuracy:.1f} %;" in line


def test_mistakes_are_one_line_and_code_2(gender_cv, uva_nemo, tmp_path, fails):
    line = fails(gender_cv, *SMALL, "--num-folds", 2)
    assert "Expected both classes of `gender` in every part of a fold" in line
    assert "in the valid part of fold 0" in line
    assert "edges=(19, 12)" in fails(gender_cv, *SMALL, "--edges", 19, 12)
    clips = load_uva_nemo(uva_nemo)
    clips.loc[3, "gender"] = None
    clips.to_csv(tmp_path / "clips.csv", index=False)
    line = fails(gender_cv, *SMALL, "--data-dir", tmp_path / "clips.csv")
    assert "expected `gender` for every clip; 1 have none" in line
    assert clips.clip_id[3] in line
    clips["gender"] = "male"
    clips.to_csv(tmp_path / "clips.csv", index=False)
    line = fails(gender_cv, *SMALL, "--data-dir", tmp_path / "clips.csv")
    assert "both classes of `gender`. Received: only 'male'" in line
