"""Machines that share a store: one does what the other left, bit by bit."""

import shutil

import keras
import numpy as np
import pytest

from fdin_tf.models import fit_pca
from fdin_tf.training.cross_validate import fold_dir
from fdin_tf.training.encoder_frontend import EncoderFrontend
from fdin_tf.training.shared_exports import SharedExport
from fdin_tf.training.shared_networks import SharedNetworks
from tests.training.shared_machines import EPOCHS
from tests.training.shared_machines import SHAPE
from tests.training.shared_machines import Killed
from tests.training.shared_machines import Machine
from tests.training.shared_machines import assert_the_same


def all_epochs(folds):
    return [
        (f"fold {fold}", epoch)
        for fold in folds
        for epoch in range(1, EPOCHS + 1)
    ]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """One machine without a store, undisturbed, and what it found."""
    machine = Machine(tmp_path_factory.mktemp("alone"))
    machine.encode()
    return machine, machine.run()


def test_a_fold_goes_on_elsewhere_from_its_checkpoint(alone, tmp_path):
    url = f"file://{tmp_path}/store"
    first = Machine(tmp_path / "first", url)
    first.encode()
    trainer = first.trainer()
    trainer.killed_after = ("fold 1", 2)
    with pytest.raises(Killed):
        first.run(trainer)

    # The other has a folder of its own, and no features.
    second = Machine(tmp_path / "second", url)
    trainer = second.trainer()
    found = second.run(trainer)
    assert trainer.trained == [("fold 1", 3)]
    undisturbed, expected = alone
    assert_the_same(found, expected)
    for a, b in zip(second.weights(), undisturbed.weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not list(tmp_path.glob("**/*.tmp"))
    assert not list(tmp_path.glob("second/**/checkpoints*"))

    # Where all is done, the first finds it, although it was further behind.
    trainer = first.trainer()
    assert_the_same(first.run(trainer), expected)
    assert trainer.trained == []
    assert not list(tmp_path.glob("store/**/checkpoints*/*"))


def test_damage_in_the_store_is_done_again(alone, tmp_path):
    url = f"file://{tmp_path}/store"
    first = Machine(tmp_path / "first", url)
    first.encode()
    first.run()
    flip_largest(tmp_path / "store/runs/age-fdin/fold_01/result.d")
    second = Machine(tmp_path / "second", url)
    trainer = second.trainer()
    assert_the_same(second.run(trainer), alone[1])
    assert trainer.trained == all_epochs([1])
    third = Machine(tmp_path / "third", url)
    trainer = third.trainer()
    assert_the_same(third.run(trainer), alone[1])
    assert trainer.trained == []


def flip_largest(folder):
    path = max(folder.iterdir(), key=lambda path: path.stat().st_size)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_local_checkpoint_that_is_further_is_kept(tmp_path):
    machine = Machine(tmp_path / "here", f"file://{tmp_path}/store")
    folder = machine.run_dir / "fold_00"
    networks = SharedNetworks(machine.shared)
    for epoch in (2, 3):
        path = folder / f"checkpoints/epoch_{epoch:05d}"
        path.mkdir(parents=True)
        (path / "state.json").write_text(str(epoch))
        if epoch == 2:
            networks.publish_checkpoint(folder)
    networks.fetch_checkpoint(folder)
    assert (folder / "checkpoints/epoch_00003").is_dir()
    shutil.rmtree(folder / "checkpoints/epoch_00003")
    shutil.rmtree(folder / "checkpoints/epoch_00002")
    networks.fetch_checkpoint(folder)
    assert (folder / "checkpoints/epoch_00002/state.json").read_text() == "2"
    assert [path.name for path in folder.iterdir()] == ["checkpoints"]


def test_a_damaged_checkpoint_is_not_taken(tmp_path):
    machine = Machine(tmp_path / "here", f"file://{tmp_path}/store")
    folder = machine.run_dir / "fold_00"
    networks = SharedNetworks(machine.shared)
    for epoch in (1, 2):
        path = folder / f"checkpoints/epoch_{epoch:05d}"
        path.mkdir(parents=True)
        (path / "state.json").write_text(f"epoch {epoch}")
    networks.publish_checkpoint(folder)
    shutil.rmtree(folder / "checkpoints/epoch_00002")
    flip_largest(tmp_path / "store/runs/age-fdin/fold_00/checkpoints.d")
    networks.fetch_checkpoint(folder)
    (left,) = (folder / "checkpoints").iterdir()
    assert left.name == "epoch_00001"
    assert not machine.shared.has(folder / "checkpoints")


def test_what_is_fitted_before_a_network_is_taken_too(tmp_path):
    url = f"file://{tmp_path}/store"
    frames = keras.Input(SHAPE)
    encoder = keras.Model(frames, keras.layers.Identity()(frames), name="same")
    fits = []

    def fit(features):
        fits.append(len(features))
        return fit_pca(np.concatenate(features), 2)

    found = []
    for name in ("first", "second"):
        machine = Machine(tmp_path / name, url)
        if name == "first":
            machine.encode()
        frontend = EncoderFrontend(encoder, fit)
        found.append(machine.run(machine.trainer(frontend=frontend)))
        assert len(fits) == 2
        for fold in machine.folds():
            folder = fold_dir(machine.run_dir, fold)
            assert frontend.load(folder) is not None
    assert_the_same(*found)


# Exported models


def export(machine, version, text, run="call"):
    """A machine exports a model; `SharedExport` and where the model is."""
    folder = machine.cache_dir / "out/age"
    path = folder / str(version)
    path.mkdir(parents=True)
    (path / "saved_model.pb").write_text(text)
    shared = SharedExport(machine.shared, machine.cache_dir / run, folder)
    return shared, shared.publish(path)


def test_an_exported_model_is_found_by_the_same_call_elsewhere(tmp_path):
    url = f"file://{tmp_path}/store"
    first = Machine(tmp_path / "first", url)
    _, path = export(first, 1, "by the first")
    assert path == tmp_path / "first/out/age/1"
    second = Machine(tmp_path / "second", url)
    folder = tmp_path / "second/out/age"
    there = SharedExport(second.shared, tmp_path / "second/call", folder)
    assert there.fetch() == folder / "1"
    assert (folder / "1/saved_model.pb").read_text() == "by the first"
    assert there.fetch() == folder / "1"  # as it is there now
    (folder / "1/saved_model.pb").write_text("another model")
    assert there.fetch() is None
    other = SharedExport(second.shared, tmp_path / "second/other", folder)
    assert other.fetch() is None


def test_a_version_in_the_store_is_never_replaced(tmp_path):
    url = f"file://{tmp_path}/store"
    first, second = (Machine(tmp_path / x, url) for x in ("first", "second"))
    export(first, 1, "by the first")
    _, path = export(second, 1, "by the second", run="other")
    assert path == tmp_path / "second/out/age/2"
    assert not path.with_name("1").exists()
    assert first.shared.store.names("saved_models/age") == [
        "saved_models/age/1", "saved_models/age/2",
    ]  # fmt: skip


def test_without_a_store_models_stay_where_they_are(tmp_path):
    export = SharedExport(None, tmp_path, tmp_path)
    assert export.fetch() is None
    assert export.publish(tmp_path / "1") == tmp_path / "1"
