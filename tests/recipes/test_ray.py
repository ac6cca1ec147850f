"""Ray: two machines find what one process finds, also when one is lost."""

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import socket
import threading
import time
from pathlib import Path

import keras
import mlflow
import numpy as np
import pandas as pd
import pytest

from fdin_tf import build_fdin
from fdin_tf import spread
from fdin_tf.data.cache import ArrayCache
from fdin_tf.data.encode import EncodedClips
from fdin_tf.data.folds import make_folds
from fdin_tf.spread import RayExecutor
from fdin_tf.training import FitConfig
from fdin_tf.training import NetworkTrainer
from fdin_tf.training import cross_validate
from fdin_tf.training.cross_validate import fold_dir

ray = pytest.importorskip("ray")
cluster_utils = pytest.importorskip("ray.cluster_utils")

EPOCHS = 25
CONFIG = FitConfig(
    epochs=EPOCHS, batch_size=4, learning_rate=0.01, patience=EPOCHS,
    precision="float32",
)  # fmt: skip
SHAPE = (3, 3, 4)
A_NODE = {"num_cpus": 1, "object_store_memory": 80 << 20}


def add_machine(cluster, attempts=4):
    """Ray gives a machine half a minute to start, busy as it may be."""
    for attempt in range(attempts):
        try:
            return cluster.add_node(**A_NODE)
        except Exception:
            if attempt + 1 == attempts:
                raise


def on_sigterm(*_):
    """A program's own way to end, which Ray leaves to it."""


@pytest.fixture(scope="module")
def cluster():
    """Two machines of one core each, as far as Ray can tell."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("OPENBLAS_VERBOSE", "0")
        cluster = cluster_utils.Cluster()
        for _ in range(2):
            add_machine(cluster)
        handler = signal.signal(signal.SIGTERM, on_sigterm)
        try:
            assert dict(RayExecutor(cluster.address).map(abs, [(-1,)]))
            assert signal.getsignal(signal.SIGTERM) is on_sigterm
        finally:
            signal.signal(signal.SIGTERM, handler)
        yield cluster
        ray.shutdown()
        cluster.shutdown()


@pytest.fixture
def executor(cluster):
    return RayExecutor()


# Calls


def where(number):
    """What a call finds out about its process."""
    if number == 4:
        raise KeyError("no such number")
    if number == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    names = ("TF_NUM_INTRAOP_THREADS", "OPENBLAS_VERBOSE")
    return number**2, os.getcwd(), *map(os.environ.get, names)


def test_calls_are_made_in_the_same_folder_and_as_many_threads(
    executor, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    cores = str(len(os.sched_getaffinity(0)))
    threads = os.environ.get("TF_NUM_INTRAOP_THREADS", cores)
    found = dict(executor.map(where, ((n,) for n in range(4))))
    assert found == {
        (n,): (n**2, str(tmp_path), threads, "0") for n in range(4)
    }
    assert list(executor.map(where, [])) == []
    with pytest.raises(KeyError, match=r"^'no such number'$"):
        list(executor.map(where, [(4,)]))
    # What is not there on every machine is told, not made.
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.setattr(os, "getcwd", lambda: str(gone))
    with pytest.raises(FileNotFoundError, match=f"every machine.*{gone}"):
        list(executor.map(lambda: None, [()]))


def test_a_process_that_is_lost_again_and_again_is_told(executor, monkeypatch):
    monkeypatch.setattr(spread, "_RETRIES", 0)
    with pytest.raises(ChildProcessError, match=r"0 further ones.*Received: "):
        list(executor.map(where, [(5,)]))


def test_no_room_for_a_worker_is_told(cluster):
    with pytest.raises(ValueError, match=r"Expected room.*gpus=1000"):
        list(RayExecutor(gpus=1000).map(where, [(1,)]))


# Folds


class Arrays:
    """Stands where the cache stands: arrays by key."""

    def __init__(self, arrays):
        self.arrays = arrays

    def get(self, key):
        return {"features": self.arrays[key]}


class Noting:
    """A frontend that changes nothing, and notes where trainings begin.

    Notes are lines of JSON: fold, machine, process, and the epochs in the
    checkpoint that the training goes on from.
    """

    is_fitted = True

    def __init__(self, notes):
        self.notes = notes

    def load(self, folder):
        epochs = [
            int(path.name.removeprefix("epoch_"))
            for path in folder.glob("checkpoints/epoch_*")
        ]
        note = {
            "fold": folder.name,
            "node": ray.get_runtime_context().get_node_id(),
            "process": os.getpid(),
            "epochs": max(epochs, default=0),
        }
        with open(self.notes, "a") as file:
            file.write(json.dumps(note) + "\n")
        return "nothing was fitted"

    def apply(self, stored, fitted, clip_ids):
        return stored

    def read(self):
        if not self.notes.is_file():
            return []
        return [json.loads(x) for x in self.notes.read_text().splitlines()]


def build(shape):
    return build_fdin(
        "age", dense_units=4, lstm_units=(4,), relation_units=(4,),
        head_units=(4,), feature_shape=shape,
    )  # fmt: skip


@pytest.fixture(scope="module")
def encoded():
    """12 clips of 6 subjects."""
    rng = np.random.default_rng(0)
    ids = [f"c{i}" for i in range(12)]
    arrays = {
        c: rng.normal(i % 6, 1, (4 + i % 3, *SHAPE)).astype(np.float16)
        for i, c in enumerate(ids)
    }
    clips = pd.DataFrame(
        {
            "clip_id": ids,
            "path": ids,
            "subject": [f"{i % 6:03d}" for i in range(12)],
            "age": [20.0 + 5 * (i % 6) for i in range(12)],
            "gender": ["female", "male"] * 6,
            "spontaneity": ["posed"] * 6 + ["spontaneous"] * 6,
            "num_frames": [4 + i % 3 for i in range(12)],
        }
    )
    keys = dict(zip(ids, ids))
    return EncodedClips(
        clips, pd.DataFrame(), keys, Arrays(arrays), "none", SHAPE
    )


@pytest.fixture(scope="module")
def folds(encoded):
    return make_folds(encoded.clips, 3)


def in_one_process(encoded, folds, run_dir, config=CONFIG):
    trainer = NetworkTrainer(build, encoded, "age", config)
    return cross_validate(trainer, folds, run_dir, seed=5)


@pytest.fixture(scope="module")
def local(encoded, folds, tmp_path_factory):
    """What one process finds, and in which folder."""
    run_dir = tmp_path_factory.mktemp("local")
    return run_dir, in_one_process(encoded, folds, run_dir)


def weights(run_dir, fold):
    path = fold_dir(run_dir, fold) / "result" / "model.keras"
    return keras.saving.load_model(path).get_weights()


def meet(number, folder):
    """Waits until two processes are here at a time; on which machine it is."""
    (folder / str(number)).touch()
    deadline = time.monotonic() + 300
    while len(list(folder.iterdir())) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return ray.get_runtime_context().get_node_id()


@contextlib.contextmanager
def as_soon_as(has_come, act):
    """Acts in a thread of its own when something has come."""
    deadline, acted = time.monotonic() + 300, threading.Event()

    def wait():
        while not has_come():
            if time.monotonic() > deadline or acted.is_set():
                return
            time.sleep(0.01)
        act()
        acted.set()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
        assert acted.is_set()
    finally:
        acted.set()
        thread.join()


@pytest.mark.parametrize("lost", ["nothing", "process", "machine"])
def test_folds_are_those_of_one_process_whatever_is_lost(
    lost, cluster, executor, encoded, folds, local, tmp_path
):
    noting = Noting(tmp_path / "notes.jsonl")
    run_dir = tmp_path / "run"
    (other,) = cluster.worker_nodes
    victims = []
    # Both have a process that has started: none does the work of both.
    (tmp_path / "here").mkdir()
    here = executor.map(meet, [(n, tmp_path / "here") for n in range(2)])
    assert len({node for _, node in here}) == 2

    def has_come():
        """A fold is in its fourth epoch or later on the other machine."""
        for note in noting.read():
            done = run_dir.glob(f"{note['fold']}/checkpoints/epoch_*[3-9]")
            if note["node"] == other.node_id and any(done):
                victims.append(note)
                return True
        return False

    def lose():
        if lost == "process":
            os.kill(victims[0]["process"], signal.SIGKILL)
        else:
            cluster.remove_node(other, allow_graceful=False)

    trainer = NetworkTrainer(build, encoded, "age", CONFIG, noting)
    with contextlib.ExitStack() as stack:
        if lost != "nothing":
            stack.enter_context(as_soon_as(has_come, lose))
        found = cross_validate(trainer, folds, run_dir, 5, executor)
    if lost == "machine":
        add_machine(cluster)

    # The same to the last digit: tables, epochs, networks.
    local_dir, expected = local
    for name in ("predictions", "history", "importance"):
        pd.testing.assert_frame_equal(
            getattr(found, name), getattr(expected, name), check_exact=True
        )
    for fold in folds:
        for a, b in zip(weights(run_dir, fold), weights(local_dir, fold)):
            np.testing.assert_array_equal(a, b)
    assert not list(run_dir.glob("**/*.tmp"))
    assert not list(run_dir.glob("fold_*/checkpoints"))

    # What was lost, and that alone, began again: at its checkpoint.
    began = {fold_dir(run_dir, fold).name: [] for fold in folds}
    for note in noting.read():
        began[note["fold"]].append(note)
    if lost == "nothing":
        assert len({note["node"] for (note,) in began.values()}) == 2
        return
    first, second = began.pop(victims[0]["fold"])
    assert (first["epochs"], first["process"]) == (0, victims[0]["process"])
    assert 3 <= second["epochs"] < EPOCHS
    assert second["process"] != first["process"]
    if lost == "machine":
        assert second["node"] != first["node"]
    assert [[note["epochs"] for note in notes] for notes in began.values()] == [
        [0], [0],
    ]  # fmt: skip


def test_a_loss_that_is_not_finite_is_told_as_locally(
    executor, encoded, folds, tmp_path
):
    config = dataclasses.replace(CONFIG, learning_rate=1e38)
    trainer = NetworkTrainer(build, encoded, "age", config)
    with pytest.raises(FloatingPointError, match="not finite any more") as here:
        in_one_process(encoded, folds[:1], tmp_path / "here", config)
    with pytest.raises(FloatingPointError) as there:
        cross_validate(trainer, folds[:1], tmp_path / "there", 5, executor)
    assert str(there.value) == str(here.value)


# Whole recipes


def results(cache_dir, recipe):
    """The tables of the one run of a recipe in a cache, by name."""
    (folder,) = cache_dir.glob(f"runs/{recipe}-*")
    return {path.name: path.read_bytes() for path in folder.glob("*.csv")}


def stored(cache_dir):
    """All arrays of faces and features in a cache, by room and key."""
    return {
        (room, path.stem): ArrayCache(cache_dir / room).get(path.stem)
        for room in ("tracks", "features")
        for path in (cache_dir / room).rglob("*.npz")
    }


def own_cache(folder, tiny_set):
    """A cache that holds the embedded clips and nothing else."""
    place = folder / "embedded" / tiny_set.name
    shutil.copytree(tiny_set, place)
    return folder


def runs_of(experiment):
    """Names, states and curves of a recipe's runs, by name."""
    client = mlflow.MlflowClient()
    runs = mlflow.search_runs(
        experiment_names=[experiment], output_format="list"
    )
    return {
        run.info.run_name: (
            run.info.status,
            [
                (metric.step, metric.value)
                for metric in client.get_metric_history(
                    run.info.run_id, "valid_mae_years"
                )
            ],
        )
        for run in runs
    }


def test_a_recipe_finds_the_same_to_the_last_digit(
    cluster, recipe, tiny_set, in_folder, monkeypatch
):
    found = {}
    for kind in ("local", "ray"):
        folder = in_folder / kind
        folder.mkdir()
        monkeypatch.chdir(folder)
        store = f"sqlite:///{folder}/mlflow.db"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
        # A relative folder, as a user names it.
        cache = own_cache(Path("cache"), tiny_set)
        errors = recipe("age_cv")("smoke", "--executor", kind, cache_dir=cache)
        exported = folder / "saved_models/smoke_age/1/assets.extra/model.keras"
        found[kind] = (
            errors,
            results(cache, "age_cv"),
            stored(cache),
            runs_of("age_cv"),
            keras.saving.load_model(exported).get_weights(),
        )
    errors, tables, arrays, runs, network = found["local"]
    pd.testing.assert_frame_equal(found["ray"][0], errors, check_exact=True)
    assert "predictions.csv" in tables
    assert found["ray"][1] == tables
    assert found["ray"][2].keys() == arrays.keys()
    assert len(arrays) == 32
    for key, expected in arrays.items():
        assert found["ray"][2][key].keys() == expected.keys()
        for name, values in expected.items():
            np.testing.assert_array_equal(found["ray"][2][key][name], values)
    assert runs.keys() == {"smoke_age", "fold 0", "fold 1", "final model"}
    assert all(runs["fold 0"])
    assert found["ray"][3] == runs
    for a, b in zip(found["ray"][4], network):
        np.testing.assert_array_equal(a, b)


def test_a_search_finds_the_same_to_the_last_digit(
    cluster, recipe, cache_dir, in_folder
):
    search = recipe("siam_search")
    expected = search("smoke", "--restart").drop(columns="seconds")
    found = search("smoke", "--restart", "--executor", "ray")
    found = found.drop(columns="seconds")
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


# Mistakes


def test_mistakes_are_one_line_and_code_2(age_cv, fails):
    line = fails(age_cv, "smoke", "--workers", 2)
    assert "with the executor `ray` alone. Received: executor='local'" in line
    assert "workers=2" in line
    line = fails(age_cv, "smoke", "--executor", "ray", "--workers", 0)
    assert "at least one worker" in line
    assert "Received: workers=0" in line
    line = fails(age_cv, "smoke", "--executor", "ray", "--gpus", -1)
    assert "0 or more. Received: gpus=-1" in line


def test_an_address_where_nobody_answers_is_told_at_once(monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        monkeypatch.setattr(ray, "is_initialized", lambda: False)
        with pytest.raises(
            ConnectionError, match=f"Expected a Ray cluster.*{address}"
        ):
            list(RayExecutor(address).map(where, [(1,)]))
