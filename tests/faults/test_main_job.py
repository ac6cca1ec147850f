"""Faults of the main job, one after the other: nothing is lost or wrong.

One folder meets all faults in the order of its stages, each in a process of
its own that the same command continues; at the end its result is that of an
undisturbed run, bit by bit.
"""

import os

import pandas as pd
import pytest

from fdin_tf.data.locks import hold
from tests.faults.results import differences
from tests.faults.results import leftovers
from tests.faults.results import read_results

_CLOCK = 3600.0  # seconds that the clock goes back at every look


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """The folder that meets one fault after the other."""
    return tmp_path_factory.mktemp("job")


def fill(recipes, job, at, room):
    """Lets the disk be full from a point on; returns the error's line."""
    line = recipes.run(job, at=at, do="fill", room=room).error
    assert not list(job.glob("cache/features/**/*.tmp"))
    assert not list(job.glob("cache/runs/**/*.tmp"))
    assert not list(job.glob("saved_models/**/.*"))
    assert not list(job.glob("cache/runs/*.lock"))
    return line


@pytest.mark.parametrize("option", ["cache-dir", "output-dir"])
def test_a_folder_that_cannot_be_written_to_is_said_before_any_work(
    recipes, job, option
):
    (job / "file").touch()
    nowhere = job / "file" / "below"
    line = recipes.run(job, f"--{option}", nowhere).error
    assert "Expected a folder that can be written to" in line
    assert str(nowhere) in line
    assert not list(job.glob("cache/embedded"))


def test_a_store_that_cannot_be_written_to_is_said_before_any_work(
    recipes, job
):
    (job / "file").touch()
    store = f"sqlite:///{job}/file/below/mlflow.db"
    line = recipes.run(job, store=store).error
    assert f"{job}/file/below" in line
    assert not list(job.glob("cache/embedded"))


def test_a_full_disk_while_clips_are_drawn(recipes, job):
    line = fill(recipes, job, "os.rename cache/embedded/.*/truth/", 9_000)
    assert f"{job}/cache/embedded/tiny-1/" in line
    assert not list(job.glob("cache/embedded/tiny-1/synthetic.json"))


def test_a_full_disk_while_features_are_written(recipes, job):
    line = fill(recipes, job, "open cache/features/", 9_000)
    assert "File too large" in line
    assert f"{job}/cache/" in line
    assert not list(job.glob("cache/features/*/*.npz"))


def test_a_full_disk_while_the_store_is_written(recipes, job):
    line = fill(recipes, job, "os.mkdir cache/runs/age_cv-.*", 9_000)
    assert "MLflow cannot use its store" in line
    assert "mlflow.db" in line


def test_ctrl_c_in_training(recipes, job):
    point = "os.rename cache/runs/.*/fold_00/checkpoints/epoch_00001"
    ended = recipes.run(job, at=point, do="interrupt")
    assert ended.code == 130
    assert "Traceback" not in ended.log
    assert "Interrupted; the same command goes on from here." in ended.log


def test_a_full_disk_while_a_checkpoint_is_written(recipes, job):
    line = fill(recipes, job, "os.mkdir .*/fold_00/checkpoints$", 0)
    assert "No space left on device" in line
    assert "checkpoints/epoch_0000" in line


def test_a_damaged_file_in_the_cache_is_made_anew_and_reported(recipes, job):
    path = sorted(job.glob("cache/features/*/*.npz"))[5]
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    ended = recipes.run(job, at="commit mlflow.db", do="terminate")
    assert ended.code == 143
    assert "1 damaged files in the cache were made anew" in ended.log
    assert str(path) in ended.log
    assert path.read_bytes() == whole


def test_a_loss_that_is_not_finite_stops_at_the_last_good_epoch(recipes, job):
    line = recipes.run(job, overshoot=1).error
    assert "Fold 0: The loss is not finite any more in epoch 2" in line
    (checkpoint,) = job.glob("cache/runs/*/fold_00/checkpoints/*")
    assert checkpoint.name == "epoch_00001"


def test_features_that_are_removed_while_folds_are_trained(recipes, job):
    ended = recipes.run(
        job, at="os.rename .*/fold_00/result", do="remove",
        path="cache/features",
    )  # fmt: skip
    assert "gone or damaged; run the same command again" in ended.error
    assert f"{job}/cache/features/" in ended.error


def test_sigterm_while_the_result_of_a_fold_is_written(recipes, job):
    point = "os.rename cache/runs/.*/fold_01/result"
    ended = recipes.run(job, at=point, do="terminate")
    assert ended.code == 143
    assert "Terminated; the same command goes on from here." in ended.log
    assert not list(job.glob("cache/runs/*/fold_01/.*"))


def test_a_full_disk_while_the_report_is_written(recipes, job):
    line = fill(recipes, job, "os.mkdir cache/runs/.*/figures", 9_000)
    assert "File too large" in line
    assert f"{job}/cache/runs/" in line
    assert "/figures/" in line


def test_a_full_disk_while_the_model_is_exported(recipes, job):
    line = fill(recipes, job, "os.mkdir saved_models/smoke_age$", 9_000)
    assert f"{job}/saved_models/smoke_age/" in line
    assert not list(job.glob("saved_models/smoke_age/*"))


def test_a_second_process_is_kept_out_of_a_run(recipes, job):
    (run,) = (job / "cache" / "runs").glob("age_cv-*")
    with hold(run):
        line = recipes.run(job).error
    assert f"{run} is being worked on by process {os.getpid()}" in line


def test_at_the_end_the_result_is_the_undisturbed_one(recipes, job, expected):
    assert recipes.run(job).code == 0
    assert not differences(read_results(job), expected)
    assert not leftovers(job)
    again = recipes.run(job)
    assert again.code == 0
    assert "This run is finished; its result:" in again.log


def test_two_processes_share_one_cache_and_one_has_a_clock_that_goes_back(
    recipes, tmp_path, expected
):
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    cache = folders[0] / "cache"
    processes = [
        recipes.start(folders[0], cache=cache),
        recipes.start(folders[1], "--fit.epochs", 1, cache=cache, clock=_CLOCK),
    ]
    for process in processes:
        ended = recipes.wait(*process)
        assert ended.code == 0, ended.log
    # Another run of the second process is beside the first one's.
    short, long = sorted(
        (pd.read_csv(x) for x in cache.glob("runs/age_cv-*/history.csv")),
        key=len,
    )
    pd.testing.assert_frame_equal(
        short, long[long.epoch == 1].reset_index(drop=True), check_exact=True
    )
    assert long.to_csv() == expected["history.csv"]
    assert not leftovers(folders[0])
