"""Running a recipe as its user does, in this process."""

import importlib
import shutil

import pytest

from recipes.cli import config_from_presets
from recipes.cli import run_recipe


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    """An empty working folder: MLflow's store and results go there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    return tmp_path


@pytest.fixture
def recipe(in_folder, tiny_set, cache_dir):
    """Gives a function that runs a recipe with words behind its name."""

    def recipe(name):
        module = importlib.import_module(f"recipes.{name}")

        def run(*words, cache_dir=cache_dir):
            words = [*map(str, words), "--cache-dir", str(cache_dir)]
            config = config_from_presets(module.PRESETS, "demo", words)
            return run_recipe(module.run, config)

        return run

    return recipe


@pytest.fixture
def age_cv(recipe):
    """Runs `recipes.age_cv` with these words behind its name."""
    return recipe("age_cv")


@pytest.fixture
def uva_nemo(tiny_set, tmp_path):
    """A small folder in UvA-NEMO's own layout and names."""
    root = tmp_path / "UvA-NEMO_SMILE_DATABASE"
    shutil.copytree(tiny_set / "videos", root / "videos")
    shutil.copy(
        tiny_set / "Synthetic_Smile_Database_File_Details.txt",
        root / "UvA-NEMO_Smile_Database_File_Details.txt",
    )
    return root


@pytest.fixture
def fails(capsys):
    """Gives a function that returns the one line a mistake ends with."""

    def fails(run, *words):
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            run(*words)
        assert end.value.code == 2
        lines = capsys.readouterr().err.splitlines()
        (line,) = [line for line in lines if line.startswith("error: ")]
        assert lines[-1] == line
        return line

    return fails
