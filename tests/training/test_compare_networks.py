"""Comparisons: what is removed, what is shared, whose folder is whose."""

import dataclasses

import numpy as np
import pytest

from fdin_tf.training.compare_networks import run_comparison
from fdin_tf.training.handcrafted_comparison import Handcrafted
from recipes.networks import SMOKE
from recipes.networks import NetworkConfig
from recipes.networks import builders
from recipes.networks import frontend_of


@pytest.fixture
def config(tiny_set, cache_dir, tmp_path, monkeypatch):
    """Tiny networks, tracked in a folder of the test."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    return NetworkConfig(
        cache_dir=cache_dir, output_dir=tmp_path / "results", **SMOKE
    )


def compared(config, handcrafted=None):
    """A comparison of FDIN with rows of age."""
    return run_comparison(
        config,
        "compare",
        "age",
        builders(["fdin"], "age", config),
        frontend_of(config),
        handcrafted=handcrafted,
    )


@pytest.fixture
def five_points(tiny_clips, tmp_path):
    """A folder of landmark files, none of which handcrafted rows can use."""
    folder = tmp_path / "five"
    folder.mkdir()
    for clip_id in tiny_clips.clip_id:
        points = [[30, 40], [66, 40], [48, 60], [35, 75], [61, 75]]
        landmarks = np.tile(points, (200, 1, 1)).astype(float)
        np.savez(folder / f"{clip_id}.npz", landmarks=landmarks)
    return folder


def test_restart_removes_nothing_before_all_rows_are_valid(
    config, five_points, tmp_path
):
    before = compared(config)
    (folder,) = before.prepared.network_dirs.values()
    written = {p: p.stat().st_mtime_ns for p in folder.rglob("*.keras")}
    assert written
    again = dataclasses.replace(config, restart=True)
    (tmp_path / "empty").mkdir()
    for rows, landmarks_dir, message in (
        (["vlbp"], None, r"of 16 clips in landmarks_dir=None"),
        (["vlbp"], tmp_path / "empty", r"no such file for any of 16 clips"),
        (["vlbp"], five_points, r"None of the 16 clips is usable"),
        (["no_row"], five_points, r"Expected handcrafted rows .*'no_row'"),
    ):
        with pytest.raises(ValueError, match=message):
            compared(again, Handcrafted(rows, landmarks_dir))
    missing = Handcrafted(["vlbp"], tmp_path / "missing")
    with pytest.raises(FileNotFoundError, match="folder of landmark files"):
        compared(again, missing)
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*.keras")} == written
    assert (before.run_dir / "tracking.json").is_file()


def test_rows_without_landmarks_are_refused_before_clips_are_encoded(
    config, tmp_path
):
    new = tmp_path / "cache"
    new.mkdir()
    (new / "embedded").symlink_to(config.cache_dir / "embedded")
    config = dataclasses.replace(config, cache_dir=new)
    with pytest.raises(ValueError, match="Handcrafted rows need 68 landmarks"):
        compared(config, Handcrafted(["lbp"]))
    assert not (new / "tracks").exists()
    assert not (new / "features").exists()


def test_what_decides_its_rows_names_the_folder_of_a_comparison(
    config, tiny_set, tiny_clips, tmp_path
):
    fewer = tmp_path / "fewer"
    fewer.mkdir()
    for clip_id in tiny_clips.clip_id[1:]:
        name = f"{clip_id}.npz"
        (fewer / name).symlink_to(tiny_set / "truth" / name)
    first, other = (
        compared(config, Handcrafted(["displacement"], landmarks_dir))
        for landmarks_dir in (tiny_set / "truth", fewer)
    )
    assert first.run_dir != other.run_dir
    assert first.prepared.network_dirs == other.prepared.network_dirs
    assert other.table.clips.tolist() == first.table.clips.tolist() == [16, 16]
