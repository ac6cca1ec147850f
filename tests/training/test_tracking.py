"""Tracking: nested runs that are found again, and whole histories."""

import mlflow
import pandas as pd
import pytest
from matplotlib.figure import Figure

from fdin_tf.training.tracking import Tracker

HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2, 3],
        "train_loss": [3.0, 2.0, 1.0],
        "valid_loss": [3.5, 2.5, None],
    }
)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"


@pytest.fixture
def make_tracker(store, tmp_path, monkeypatch):
    """A tracker as a new process would make it."""
    monkeypatch.chdir(tmp_path)
    return lambda: Tracker("test", tmp_path, {"seed": 0}, uri=store)


def values(run_id, metric):
    client = mlflow.MlflowClient()
    history = client.get_metric_history(run_id, metric)
    return [(point.step, point.value) for point in history]


def test_runs_of_one_name_in_two_networks_are_two(make_tracker):
    found = {}
    for process in range(2):
        tracker = make_tracker()
        with tracker.run("parent") as parent:
            for network in ("fdin", "regional"):
                with tracker.child(network), tracker.child("fold 0") as fold:
                    found[process, network] = fold
        assert mlflow.get_run(parent).info.status == "FINISHED"
    # Found again by the second process, and not mixed up.
    assert found[0, "fdin"] == found[1, "fdin"]
    assert found[0, "regional"] == found[1, "regional"]
    assert found[0, "fdin"] != found[0, "regional"]


def test_a_run_goes_on_where_its_results_lie_elsewhere(make_tracker):
    """MLflow keeps a parameter as it was logged first."""
    runs = []
    for folder in ("here", "there"):
        tracker = make_tracker()
        tracker.params = {"seed": 0, "output_dir": folder, folder: 1}
        with tracker.run("moved") as run, tracker.child("fold 0", {"seed": 0}):
            runs.append(run)
    assert runs[0] == runs[1]
    params = mlflow.get_run(runs[0]).data.params
    assert params["output_dir"] == "here"
    assert params["there"] == "1"


def test_a_history_is_completed_and_no_epoch_logged_twice(make_tracker):
    tracker = make_tracker()
    with tracker.run("parent") as run_id:
        tracker.log_metrics({"train_loss": 3.0, "valid_loss": 3.5}, step=1)
        tracker.log_history(HISTORY)
        tracker.log_history(HISTORY)
    assert values(run_id, "train_loss") == [(1, 3.0), (2, 2.0), (3, 1.0)]
    assert values(run_id, "valid_loss") == [(1, 3.5), (2, 2.5)]


def test_forgetting_begins_new_runs(make_tracker):
    tracker = make_tracker()
    with tracker.run("parent") as first:
        pass
    tracker.forget()
    with tracker.run("parent") as second:
        assert first != second


def test_pictures_are_kept_as_png_and_svg(make_tracker):
    tracker = make_tracker()
    with tracker.run("parent") as run_id:
        tracker.log_figure(Figure(), "errors")
    files = mlflow.MlflowClient().list_artifacts(run_id, "figures")
    assert {file.path for file in files} == {
        "figures/errors.png", "figures/errors.svg",
    }  # fmt: skip
