"""recipes.siam_phases: Table II from the networks of siam_age_cv."""

import mlflow
import numpy as np
import pandas as pd
import pytest

SMALL = ("smoke", "--fit.epochs", "1")


@pytest.fixture
def siam_phases(recipe):
    return recipe("siam_phases")


def networks(cache_dir):
    """When the networks of all folds were written."""
    paths = (cache_dir / "runs").glob("age-siam-*/fold_*/result/model.keras")
    return {path: path.stat().st_mtime_ns for path in paths}


def test_phases_are_shown_to_the_networks_of_siam_age_cv(
    recipe, siam_phases, cache_dir, in_folder, capsys
):
    errors = recipe("siam_age_cv")(*SMALL)
    before = networks(cache_dir)
    tables = siam_phases(*SMALL)
    assert networks(cache_dir) == before

    table = tables["table_2"].set_index("name")
    whole = table.loc["onset + apex + offset"]
    assert whole.clips == 16
    assert whole.mae_years == pytest.approx(errors.mae_years[0], rel=1e-4)
    assert (table.clips + table.left_out == 16).all()
    assert table.clips["apex"] > 8
    assert table.frames["apex"] < whole.frames
    assert table.mae_years["apex"] != pytest.approx(whole.mae_years)
    folder = in_folder / "results" / "siam_phases"
    for name, expected in tables.items():
        written = pd.read_csv(folder / f"{name}.csv", dtype={"subject": str})
        pd.testing.assert_frame_equal(written, expected, check_dtype=False)
    assert (folder / "table_2.svg").is_file()
    out = capsys.readouterr().out
    assert "5.91 ± 7.05" in out
    assert f"{table.mae_years['apex']:.2f}" in out
    assert f"{table.clips['apex']} clips complete" in " ".join(out.split())
    runs = mlflow.search_runs(experiment_names=["siam_phases"])
    logged = runs["metrics.onset_apex_mae_years"].dropna()
    np.testing.assert_allclose(logged, table.mae_years["onset + apex"])

    again = siam_phases(*SMALL)
    for name, expected in tables.items():
        pd.testing.assert_frame_equal(again[name], expected)
    assert "Phases" not in capsys.readouterr().err


def test_mistakes_are_one_line_and_code_2(siam_phases, fails):
    line = fails(siam_phases, *SMALL, "--landmarks-dir", "nowhere")
    assert "landmarks_dir=nowhere" in line
