"""Running a recipe as its user does, in this process."""

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
def age_cv(in_folder, tiny_set, cache_dir):
    """Runs `recipes.age_cv` with these words behind its name."""
    from recipes.age_cv import PRESETS
    from recipes.age_cv import run

    def age_cv(*words, cache_dir=cache_dir):
        words = [*map(str, words), "--cache-dir", str(cache_dir)]
        return run_recipe(run, config_from_presets(PRESETS, "demo", words))

    return age_cv
