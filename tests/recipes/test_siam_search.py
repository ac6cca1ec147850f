"""recipes.siam_search: validation clips alone, killed, and its command line."""

import dataclasses
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from fdin_tf.data.crops import CroppedClips
from recipes import siam_age_cv
from recipes import siam_search
from recipes.cli import config_from_presets

ROOT = Path(__file__).parents[2]


@pytest.fixture
def search(recipe):
    return recipe("siam_search")


def parsed(command):
    """The config that `recipes.siam_age_cv` makes of a command line."""
    *start, module, preset = (words := shlex.split(command))[:4]
    assert [*start, module] == ["python", "-m", "recipes.siam_age_cv"]
    return config_from_presets(
        siam_age_cv.PRESETS, "demo", [preset, *words[4:]]
    )


def children(run):
    found = mlflow.search_runs(
        experiment_names=["siam_search"],
        filter_string=f"tags.mlflow.parentRunId = '{run.info.run_id}'",
        output_format="list",
    )
    return {child.info.run_name: child for child in found}


def same(table, other):
    """Equal but for the time that it took."""
    pd.testing.assert_frame_equal(
        table.drop(columns="seconds"), other.drop(columns="seconds"), rtol=1e-3
    )


def test_smoke_searches_on_train_and_valid_and_names_the_best(
    search, recipe, in_folder, cache_dir, capsys, monkeypatch
):
    read = set()
    load = CroppedClips.load
    monkeypatch.setattr(
        CroppedClips,
        "load",
        lambda self, clip_id: read.add(clip_id) or load(self, clip_id),
    )
    # Other files of tests search in this cache as well.
    table = search("smoke", "--restart")
    out = capsys.readouterr().out
    assert table.rnn_units.tolist() in ([4, 6], [6, 4])
    assert table.epochs.tolist() == [2, 1]
    folder = in_folder / "results" / "siam_search"
    assert {path.name for path in folder.iterdir()} == {
        "configurations.csv", "search.png", "search.svg", "best_command.txt",
    }  # fmt: skip
    same(pd.read_csv(folder / "configurations.csv"), table)
    command = (folder / "best_command.txt").read_text().strip()
    assert command in out
    best = table.iloc[0]
    assert f"{best.valid_error:.2f}" in out

    # Tracked: a run per network, with its values and validation curve.
    (parent,) = mlflow.search_runs(
        experiment_names=["siam_search"],
        filter_string="run_name = 'smoke_siam_search'",
        output_format="list",
    )
    assert parent.data.metrics["best_valid_error"] == best.valid_error
    client = mlflow.MlflowClient()
    files = client.list_artifacts(parent.info.run_id, "figures")
    assert {"figures/search.png", "figures/search.svg"} == {
        file.path for file in files
    }
    runs = children(parent)
    assert len(runs) == 2
    (run,) = (
        run
        for run in runs.values()
        if run.data.params["rnn_units"] == str(table.rnn_units[0])
    )
    assert run.data.params["rnn_dropout"] == "0.2"
    curve = client.get_metric_history(run.info.run_id, "valid_mae_years")
    assert [point.step for point in curve] == [1, 2]
    assert min(point.value for point in curve) == best.valid_error

    # Again: printed from what is kept, without a clip.
    searched = set(read)
    read.clear()
    same(search("smoke"), table)
    assert command in capsys.readouterr().out
    assert not read

    # The command trains the same network, and more, on the same clips.
    of_runs = "runs/siam_age_cv-*/history.csv"  # other tests leave some too
    known = set(cache_dir.glob(of_runs))
    recipe("siam_age_cv")(*shlex.split(command)[3:])
    (path,) = set(cache_dir.glob(of_runs)) - known
    history = pd.read_csv(path)
    errors = history[history.fold == 0].valid_mae_years
    assert errors.min() == pytest.approx(best.valid_error, rel=1e-3)
    predictions = pd.read_csv(path.with_name("predictions.csv"))
    tested = set(predictions.clip_id[predictions.fold == 0])
    assert tested
    assert searched == set(predictions.clip_id) - tested


def test_the_paper_has_336_networks(tmp_path):
    config = config_from_presets(
        siam_search.PRESETS, "demo", ["paper", "--data-dir", str(tmp_path)]
    )
    grid = siam_search.grid(
        **{x: getattr(config, x) for x in siam_search.SEARCHED}
    )
    assert len(grid) == 336
    assert max(grid, key=lambda values: values["l2"])["l2"] == 5e-3


@pytest.mark.parametrize("preset", list(siam_search.PRESETS))
def test_the_command_line_is_the_best_network_with_all_that_was_told(
    preset, tmp_path
):
    words = [
        preset, "--data-dir", tmp_path / "my clips", "--fit.epochs", "7",
        "--mesh", "--face.smoother", "quadratic", "--conv-units", "3", "4", "5",
        "--temporal-units", "9", "--fit.clip-value", "None", "--seed", "3",
        "--executor", "ray", "--workers", "2", "--fold", "1",
    ]  # fmt: skip
    config = config_from_presets(
        siam_search.PRESETS, "demo", list(map(str, words))
    )
    best = {"rnn_units": 64, "cnn_dropout": 0.1, "rnn_dropout": 0.4, "l2": 1e-4}
    table = pd.DataFrame([best, best])
    found = parsed(siam_search.best_command(config, table))
    expected = siam_search.network_config(config, best)
    kept = dict.fromkeys(siam_search.NOT_COMPARED)
    assert dataclasses.asdict(found) | kept == (
        dataclasses.asdict(expected) | kept
    )
    assert found.name == siam_age_cv.PRESETS[preset][1].name


def test_mistakes_are_one_line_and_code_2(search, fails, monkeypatch):
    line = fails(search, "smoke", "--fold", 2)
    assert "one of [0, 1]. Received: fold=2" in line
    line = fails(search, "smoke", "--first-epochs", 3)
    assert "Received: first_epochs=3, epochs=2" in line
    line = fails(search, "smoke", "--eta", 1)
    assert "Received: eta=1" in line
    line = fails(search, "smoke", "--rnn-dropout", 0.1, 1.0)
    assert "`rnn_dropout` must be in [0, 1). Received: rnn_dropout=1.0" in line
    line = fails(search, "smoke", "--rnn-units", 0, 4)
    assert "Received: rnn_units=0" in line
    monkeypatch.setitem(sys.modules, "ray", None)
    line = fails(search, "smoke", "--executor", "ray")
    assert "pip install 'fdin-tf[ray]'" in line


def start(folder, *words):
    """The recipe as a process of its own, working in `folder`."""
    with open(folder / "log.txt", "a") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "recipes.siam_search", "smoke",
             "--cache-dir", folder / "cache", *words],
            cwd=folder, stdout=log, stderr=log,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip


def kill_when(folder, pattern):
    """Kills the recipe as soon as a file of that name has appeared."""
    process = start(folder)
    deadline = time.monotonic() + 300
    while not list(folder.glob(pattern)):
        assert process.poll() is None, (folder / "log.txt").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list(folder.glob("cache/runs/*/configurations.csv"))


def test_killed_in_both_rungs_it_finds_the_same(
    search, tmp_path, cache_dir, monkeypatch
):
    undisturbed = search("smoke")
    folder = tmp_path / "killed"
    folder.mkdir()
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    shutil.copytree(cache_dir / "embedded", folder / "cache" / "embedded")
    trial = "cache/runs/*/fold_00/trial-*"
    kill_when(folder, f"{trial}/epochs_00001.json")
    kill_when(folder, f"{trial}/checkpoints/epoch_00002")
    finished = {
        path: path.stat().st_mtime_ns
        for path in folder.glob(f"{trial}/epochs_00001.json")
    }
    assert len(finished) == 2
    assert start(folder).wait(timeout=300) == 0, (
        folder / "log.txt"
    ).read_text()
    (path,) = folder.glob("cache/runs/*/configurations.csv")
    same(pd.read_csv(path), undisturbed)
    # What had been found was read, not trained again.
    assert finished == {path: path.stat().st_mtime_ns for path in finished}
    assert not list(folder.glob("cache/runs/**/*.tmp"))
    assert not list(folder.glob("cache/runs/**/checkpoints"))
