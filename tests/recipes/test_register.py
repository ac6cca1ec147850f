"""recipes.register: a folder becomes a model that MLflow serves."""

import subprocess
import sys

import mlflow
import pytest

from recipes.cli import run_recipe
from recipes.predict import DEMO_MODEL
from recipes.register import Config
from recipes.register import run


def test_it_prints_how_to_serve_the_model(in_folder, capsys):
    mlflow.set_tracking_uri(f"sqlite:///{in_folder}/mlflow.db")
    found = run(Config(DEMO_MODEL, "age"))
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "age, version 1, is the champion: no version was.",
        "Serve it: mlflow models serve -m models:/age@champion "
        "--env-manager local",
    ]
    assert mlflow.pyfunc.load_model(found.uri).metadata.signature.params


def test_a_folder_without_a_model_is_one_line(in_folder, capsys):
    with pytest.raises(SystemExit) as ended:
        run_recipe(run, Config(in_folder / "nothing", "age"))
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert line.startswith("error: Expected a folder with numbered versions")


def test_it_tells_its_options():
    done = subprocess.run(
        [sys.executable, "-m", "recipes.register", "--help"],
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    assert "--force" in done.stdout
    assert "mlflow models serve -m models:/age@champion" in done.stdout


def test_an_experiment_registers_its_model_once(age_cv, in_folder, capsys):
    mlflow.set_tracking_uri(f"sqlite:///{in_folder}/mlflow.db")
    small = (
        "--fit.epochs", "1", "--dense-units", "8", "--lstm-units", "8",
        "--relation-units", "8", "--head-units", "8", "--seed", 5,
    )  # fmt: skip
    age_cv("smoke", *small)
    client = mlflow.MlflowClient()
    assert not client.search_registered_models()
    # A finished run is registered as it is; asked again, it is no new version.
    for _ in range(2):
        age_cv("smoke", *small, "--register", "age")
        said = " ".join(capsys.readouterr().err.split())
        assert "Registered: age, version 1, is the champion" in said
    (version,) = client.search_model_versions("name='age'")
    runs = mlflow.search_runs(experiment_names=["age_cv"])
    parent = runs[runs["tags.mlflow.parentRunId"].isna()].iloc[0]
    assert version.run_id == parent.run_id
    facts = mlflow.models.get_model_info("models:/age@champion").metadata
    assert facts["error"] == pytest.approx(
        parent["metrics.test_mae_years"], abs=1e-3
    )
