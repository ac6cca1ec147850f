"""recipes.age_cv: from videos to tables, runs in MLflow and a SavedModel."""

import json

import mlflow
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from fdin_tf.data.uva_nemo import load_uva_nemo

SMALL = (
    "--fit.epochs", "1", "--dense-units", "8", "--lstm-units", "8",
    "--relation-units", "8", "--head-units", "8",
)  # fmt: skip


def test_smoke_gives_tables_runs_and_a_model(age_cv, in_folder, capsys):
    errors = age_cv("smoke")
    overall = errors[errors.grouped_by == "all"].iloc[0]
    assert overall.clips == 16
    assert overall.subjects == 8
    out, progress = capsys.readouterr()
    assert f"{overall.mae_years:.2f}" in out
    assert "Encoder: contrast and pca, fitted in each fold" in progress

    runs = mlflow.search_runs(experiment_names=["age_cv"])
    parent = runs[runs["tags.mlflow.parentRunId"].isna()].iloc[0]
    children = runs[runs["tags.mlflow.parentRunId"] == parent.run_id]
    assert set(children["tags.mlflow.runName"]) == {
        "fold 0", "fold 1", "final model",
    }  # fmt: skip
    assert (runs.status == "FINISHED").all()
    assert parent["metrics.test_mae_years"] == pytest.approx(overall.mae_years)
    assert parent["params.fit.batch_size"] == "4"
    assert parent["params.seed"] == "0"
    assert parent["tags.data_fingerprint"]
    assert parent["tags.keras"]
    client = mlflow.MlflowClient()
    epochs = client.get_metric_history(
        children.run_id.iloc[0], "valid_mae_years"
    )
    assert [metric.step for metric in epochs] == [1, 2]
    artifacts = {
        f"{folder}/{file.path.split('/')[-1]}"
        for folder in ("tables", "figures")
        for file in client.list_artifacts(parent.run_id, folder)
    }
    assert artifacts >= {
        "tables/errors.csv", "tables/predictions.csv", "tables/folds.csv",
        "figures/learning_curves.png", "figures/predicted_against_true.png",
        "tables/importance.csv", "figures/importance_groups.svg",
    }  # fmt: skip
    (logged,) = client.search_logged_models(
        [parent.experiment_id], filter_string="name = 'smoke_age'"
    )
    signature = mlflow.models.get_model_info(logged.model_uri).signature
    assert {spec.name for spec in signature.inputs} == {"frames", "mask"}

    version = in_folder / "saved_models" / "smoke_age" / "1"
    signatures = tf.saved_model.load(str(version)).signatures
    answer = signatures["serving_default"](
        frames=tf.zeros((1, 5, 96, 96, 3), tf.uint8),
        mask=tf.ones((1, 5), tf.bool),
    )
    assert np.isfinite(answer["age"]).all()


def test_a_finished_run_prints_its_result_again(age_cv, in_folder, capsys):
    first = age_cv("smoke", "--seed", 3, *SMALL)
    capsys.readouterr()
    again = age_cv("smoke", "--seed", 3, *SMALL)
    pd.testing.assert_frame_equal(again, first)
    assert f"{first.mae_years[0]:.2f}" in capsys.readouterr().out
    folder = in_folder / "saved_models" / "smoke_age"
    assert [path.name for path in folder.iterdir()] == ["1"]
    # Wanted elsewhere it is exported there, without training again.
    elsewhere = in_folder / "elsewhere"
    age_cv("smoke", "--seed", 3, "--output-dir", elsewhere, *SMALL)
    assert (elsewhere / "smoke_age" / "1" / "saved_model.pb").is_file()
    age_cv("smoke", "--seed", 3, *SMALL)
    repeated = age_cv("smoke", "--seed", 3, "--restart", *SMALL)
    pd.testing.assert_frame_equal(repeated, first, rtol=1e-3)
    assert len(list(folder.iterdir())) > 1


def test_nobody_is_trained_and_tested_in_one_fold(age_cv, cache_dir):
    age_cv("smoke", *SMALL)
    for path in (cache_dir / "runs").glob("*/folds.csv"):
        table = pd.read_csv(path)
        subject = table.clip_id.str[:3]
        parts = table.groupby([table.fold, subject]).part.nunique()
        assert (parts == 1).all()


def test_paper_runs_its_protocol_on_a_folder_like_uva_nemo(
    age_cv, in_folder, uva_nemo
):
    errors = age_cv(
        "paper", "--data-dir", uva_nemo, "--num-folds", 2, "--fit.precision",
        "float32", "--encoder", "pca", "--components", 4, *SMALL,
    )  # fmt: skip
    assert errors.clips[0] == 16
    assert set(errors.group) >= {"posed", "spontaneous"}
    card = json.loads(
        (in_folder / "saved_models/fdin_age/1/assets.extra/card.json")
        .read_text()
    )  # fmt: skip
    assert card["trained_on"]["databases"] == ["UvA-NEMO_Smile_Database"]


def test_paper_needs_data(age_cv, capsys):
    with pytest.raises(SystemExit) as end:
        age_cv("paper")
    assert end.value.code == 2
    assert "data-dir" in "".join(capsys.readouterr())


def test_a_broken_clip_among_good_ones_is_reported_and_the_run_goes_on(
    age_cv, uva_nemo, capsys
):
    broken = sorted((uva_nemo / "videos").iterdir())[0]
    broken.write_bytes(broken.read_bytes()[:3000])
    errors = age_cv("smoke", "--data-dir", uva_nemo, *SMALL)
    assert errors.clips[0] == 15
    report = capsys.readouterr().err
    assert "Left out: 1 of the clips" in report
    assert broken.name in report.replace("\n", "")


def test_mistakes_are_one_line_and_code_2(age_cv, uva_nemo, tmp_path, fails):
    nowhere = tmp_path / "nowhere"
    details = uva_nemo / "UvA-NEMO_Smile_Database_File_Details.txt"
    good = details.read_bytes()

    def with_details(text):
        details.write_bytes(text)
        return fails(age_cv, "smoke", "--data-dir", uva_nemo)

    assert "'demmo'" in fails(age_cv, "demmo")
    line = fails(age_cv, "smoke", "--data-dir", nowhere)
    assert str(nowhere) in line
    line = with_details(good.replace(b"\t51\t", b"\tfifty\t", 1))
    assert str(details) in line
    assert "line 6, age" in line
    assert "'fifty'" in line
    twice = good + good.strip().split(b"\r\n")[-1] + b"\r\n"
    assert "clip_id" in with_details(twice)
    assert "found none" in with_details(b"")
    details.write_bytes(good)

    folds = load_uva_nemo(uva_nemo)[["clip_id"]].assign(fold=[0, 1] * 8)
    folds.to_csv(tmp_path / "folds.csv", index=False)
    line = fails(age_cv, "smoke", "--folds", tmp_path / "folds.csv")
    assert "every subject in one part" in line
    line = fails(age_cv, "smoke", "--num-folds", 99)
    assert "num_folds=99" in line
    line = fails(age_cv, "smoke", "--encoder", "vggface")
    assert "--encoder-weights" in line
    line = fails(age_cv, "smoke", "--encoder-weights", nowhere)
    assert "`pca` is fitted" in line
    line = fails(age_cv, "smoke", "--dropout", "2")
    assert "dropout=2" in line
    line = fails(age_cv, "smoke", "--encoder", "vggface",
                 "--encoder-weights", nowhere)  # fmt: skip
    assert str(nowhere) in line
    for path in (uva_nemo / "videos").iterdir():
        path.write_bytes(b"")
    line = fails(age_cv, "smoke", "--data-dir", uva_nemo)
    assert "None of the 16 clips is usable" in line
