"""--shared-dir: a recipe on a second machine takes what the first has made."""

import shutil

import keras
import pandas as pd

from fdin_tf.data import stored
from fdin_tf.training import trainer as trainer_module


def own_cache(folder, tiny_set):
    """A cache that holds the embedded clips and nothing else."""
    shutil.copytree(tiny_set, folder / "embedded" / tiny_set.name)
    return folder


def tables(cache_dir):
    """By name; where the clips are is of each machine."""
    (folder,) = cache_dir.glob("runs/age_cv-*")
    return {
        path.name: path.read_text().replace(str(cache_dir), "")
        for path in folder.glob("*.csv")
    }


def never(*args, **kwargs):
    raise AssertionError("this was done before, on the other machine")


def test_a_second_machine_makes_nothing_anew(
    age_cv, tiny_set, in_folder, monkeypatch
):
    found, models = [], []
    for name in ("first", "second"):
        folder = in_folder / name
        folder.mkdir()
        monkeypatch.chdir(folder)
        monkeypatch.setenv(
            "MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db"
        )
        cache = own_cache(folder / "cache", tiny_set)
        url = f"file://{in_folder}/store"
        errors = age_cv("smoke", "--shared-dir", url, cache_dir=cache)
        found.append((errors, tables(cache)))
        models.append(folder / "saved_models/smoke_age/1")
        monkeypatch.setattr(stored, "track_face", never)
        monkeypatch.setattr(trainer_module, "fit", never)
    pd.testing.assert_frame_equal(found[0][0], found[1][0], check_exact=True)
    assert found[0][1] == found[1][1]
    a, b = (
        keras.saving.load_model(path / "assets.extra/model.keras").get_weights()
        for path in models
    )
    assert all((x == y).all() for x, y in zip(a, b, strict=True))
    # Of one machine's folders, nothing but results stays in the store.
    kinds = {path.name for path in (in_folder / "store").iterdir()}
    assert kinds == {"tracks", "features", "runs", "saved_models"}


def test_a_store_that_is_none_is_one_line_and_code_2(age_cv, fails, tmp_path):
    line = fails(age_cv, "smoke", "--shared-dir", "nowhere://bucket")
    assert "fsspec knows" in line
    assert "Received: url=nowhere://bucket" in line
    (tmp_path / "file").touch()
    url = f"file://{tmp_path}/file"
    line = fails(age_cv, "smoke", "--shared-dir", url)
    assert "Expected a shared store that can be read and written" in line
    assert f"url={url}" in line
