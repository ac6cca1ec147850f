"""recipes.handcrafted: SIAM's tables with the rows of handcrafted methods."""

from importlib.metadata import version

import mlflow
import numpy as np
import pandas as pd
import pytest

SMALL = ("smoke", "--fit.epochs", "1", "--rows", "vlbp", "lbp_dynamics")


@pytest.fixture
def handcrafted(recipe):
    return recipe("handcrafted")


def test_rows_and_siam_share_clips_folds_and_tables(
    handcrafted, recipe, in_folder, cache_dir, capsys
):
    tables = handcrafted(*SMALL)
    comparison = tables["comparison"].set_index("network")
    assert list(comparison.index) == ["vlbp", "lbp_dynamics", "siam"]
    assert comparison.clips.tolist() == [16, 16, 16]
    assert comparison.p_value[["vlbp", "lbp_dynamics"]].notna().all()
    assert comparison.paper_mae_years["lbp_dynamics"] == 5.29
    out, progress = capsys.readouterr()
    assert "re-implemented" in progress
    text = " ".join(out.split())
    assert "Table III" in text
    assert "Here: embedded clips (tiny), all expressions" in text
    assert "(15.70)" in text

    lines = tables["table_3"]
    at = lines.method.tolist().index("LBP + dynamics")
    ours = lines["all"][at + 1]
    assert ours == pytest.approx(comparison.mae_years["lbp_dynamics"])
    written = pd.read_csv(in_folder / "results" / "handcrafted" / "table_3.csv")
    np.testing.assert_allclose(written["all"], lines["all"])

    # SIAM is that of the recipe for it; both are tracked, fold by fold.
    errors = recipe("siam_age_cv")("smoke", "--fit.epochs", "1")
    assert errors.mae_years[0] == comparison.mae_years["siam"]
    runs = mlflow.search_runs(experiment_names=["handcrafted"])
    names = runs["tags.mlflow.runName"].tolist()
    assert set(runs["tags.scikit-image"].dropna()) == {version("scikit-image")}
    assert names.count("fold 0") == names.count("fold 1") == 3
    row = runs[runs["tags.mlflow.runName"] == "lbp_dynamics"].iloc[0]
    assert row["metrics.test_mae_years"] == pytest.approx(ours)
    folds = runs[runs["tags.mlflow.parentRunId"] == row.run_id]
    assert folds["params.part_0.learner"].tolist() == ["adaptive_groups"] * 2
    assert folds["metrics.part_0_valid_error"].notna().all()
    logged = {
        item.path.split("/")[-1]
        for item in mlflow.MlflowClient().list_artifacts(row.run_id, "tables")
    }
    assert logged >= {"predictions.csv", "choices.csv", "conditions.csv"}

    finished = list((cache_dir / "runs").glob("age-vlbp-*/fold_*/result/*.csv"))
    before = {path: path.stat().st_mtime_ns for path in finished}
    assert len(before) == 4
    again = handcrafted(*SMALL)
    assert {path: path.stat().st_mtime_ns for path in finished} == before
    pd.testing.assert_frame_equal(again["comparison"], tables["comparison"])
    assert "This comparison is finished" in capsys.readouterr().err


def test_posed_smiles_stand_beside_table_4(handcrafted, capsys):
    tables = handcrafted(
        "smoke", "--fit.epochs", 1, "--rows", "lbp_dynamics",
        "--spontaneity", "posed",
    )  # fmt: skip
    block = tables["table_4"]
    assert block.method.tolist() == [
        "IEF + dynamics", "LBP + dynamics", "  here", "SIAM", "  here",
    ]  # fmt: skip
    assert block.mae_years[1] == 5.16
    assert tables["comparison"].paper_mae_years.tolist() == [5.16, 6.41]
    assert "Table IV, posed smile" in capsys.readouterr().out


def test_mistakes_are_one_line_and_code_2(handcrafted, fails, tmp_path):
    line = fails(handcrafted, "smoke", "--landmarks-dir", tmp_path / "no")
    assert "Expected a folder of landmark files." in line
