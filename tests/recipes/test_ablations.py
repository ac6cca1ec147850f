"""recipes.ablations: the paper's tables 1 and 2 from networks of folds."""

import mlflow
import numpy as np
import pandas as pd
import pytest

NETWORKS = ("fdin_no_importance", "fdin")
SMALL = ("smoke", "--fit.epochs", "1", "--targets", "age",
         "--networks", *NETWORKS)  # fmt: skip


@pytest.fixture
def ablations(recipe):
    return recipe("ablations")


def written(cache_dir):
    """When the networks of all folds were written."""
    paths = (cache_dir / "runs").glob("*/fold_*/result/model.keras")
    return {path: path.stat().st_mtime_ns for path in paths}


def children(run):
    """Child runs of a run, by name."""
    found = mlflow.search_runs(
        experiment_names=["ablations"],
        filter_string=f"tags.mlflow.parentRunId = '{run.info.run_id}'",
        output_format="list",
    )
    return {child.info.run_name: child for child in found}


def parent_run():
    (run,) = mlflow.search_runs(
        experiment_names=["ablations"],
        filter_string="run_name = 'smoke age'",
        output_format="list",
    )
    return run


def predictions_of(network):
    """What was logged of a network, by clip."""
    run = children(parent_run())[network]
    path = mlflow.MlflowClient().download_artifacts(
        run.info.run_id, "tables/predictions.csv"
    )
    return pd.read_csv(path).set_index("clip_id")


def test_smoke_gives_the_tables_and_keeps_the_networks(
    ablations, cache_dir, in_folder, capsys
):
    tables = ablations(*SMALL)
    out = capsys.readouterr().out
    folder = in_folder / "results" / "ablations"
    for name, table in tables.items():
        pd.testing.assert_frame_equal(
            pd.read_csv(folder / f"{name}.csv"), table, check_dtype=False
        )

    # Table 2 is about the folds' own predictions, and beside the paper's.
    age = tables["table_2"].set_index("network")
    assert list(age.index) == list(NETWORKS)
    for network in NETWORKS:
        found = predictions_of(network)
        assert len(found) == 16
        error = (found.estimate - found.age).abs().mean()
        assert age.mae_years[network] == pytest.approx(error)
        assert f"{error:.2f}" in out
    assert age.paper_mae_years["fdin"] == 3.87
    assert "(3.87)" in out

    # Table 1 is about clips of these ages, out of fold.
    perturbed = tables["perturbed"]
    assert set(perturbed.network) == {"fdin", "fdin_no_importance"}
    for network, of in perturbed.groupby("network"):
        found = predictions_of(network)
        expected = found[found.age.between(37, 66)]
        assert set(of.clip_id) == set(expected.index)
        np.testing.assert_allclose(
            of["not contaminated"], expected.estimate[of.clip_id], rtol=1e-5
        )
    errors = tables["table_1"].set_index(["network", "perturbation"]).error
    of = perturbed[perturbed.network == "fdin"].set_index("clip_id")
    error = (of["important part"] - expected.age[of.index]).abs().mean()
    assert errors["fdin", "important part"] == pytest.approx(error)
    assert f"{error:.2f}" in out
    assert "5.05 ± 0.28" in out
    assert (folder / "table_1_fdin.svg").is_file()

    # The runs: parent, networks, folds, with the whole history.
    parent = parent_run()
    assert parent.data.metrics["fdin_mae_years"] == pytest.approx(
        age.mae_years["fdin"]
    )
    networks = children(parent)
    assert set(networks) == set(NETWORKS)
    folds = children(networks["fdin_no_importance"])
    assert set(folds) == {f"fold {number}" for number in range(4)}
    assert "valid_mae_years" in folds["fold 3"].data.metrics

    # Again: the same tables, from networks that were not touched.
    before = written(cache_dir)
    again = ablations(*SMALL)
    assert written(cache_dir) == before
    for name, table in tables.items():
        pd.testing.assert_frame_equal(again[name], table)


def test_paper_runs_its_protocol_on_a_folder_like_uva_nemo(
    ablations, uva_nemo, capsys
):
    tables = ablations(
        "paper", "--data-dir", uva_nemo, "--encoder", "pca", "--components", 2,
        "--num-folds", 2, "--fit.epochs", 1, "--fit.precision", "float32",
        "--dense-units", 8, "--lstm-units", 8, "--relation-units", 8,
        "--head-units", 8, "--networks", "fdin", "--targets", "age",
        "--perturb-ages", 10, 20,
    )  # fmt: skip
    assert set(tables) == {"table_1", "table_2", "perturbed"}
    assert tables["table_1"].clips.tolist() == [2, 2, 2]
    assert "subjects of 10 to 20" in " ".join(capsys.readouterr().out.split())


def test_mistakes_are_one_line_and_code_2(ablations, fails):
    line = fails(ablations, "smoke", "--networks", "fdin", "siam")
    assert "Expected networks of fdin, " in line
    assert "network='siam'" in line
    line = fails(ablations, "smoke", "--networks", "regional")
    assert "reference='fdin', networks=regional" in line
    line = fails(ablations, "smoke", "--perturb-ages", 100, 110)
    assert "perturb_ages=100 110" in line
    line = fails(ablations, "smoke", "--targets", "gender", "--num-folds", 2)
    assert "Expected both classes of `gender`" in line
