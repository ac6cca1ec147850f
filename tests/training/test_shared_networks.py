"""Machines that share a store: one does what the other left, bit by bit."""

import contextlib
import shutil

import keras
import numpy as np
import pandas as pd
import pytest

from fdin_tf import build_fdin
from fdin_tf.data.cache import ArrayCache
from fdin_tf.data.encode import EncodedClips
from fdin_tf.data.folds import make_folds
from fdin_tf.data.shared_folder import shared_folder
from fdin_tf.models import fit_pca
from fdin_tf.training import FitConfig
from fdin_tf.training import NetworkTrainer
from fdin_tf.training import cross_validate
from fdin_tf.training.cross_validate import fold_dir
from fdin_tf.training.encoder_frontend import EncoderFrontend
from fdin_tf.training.shared_exports import SharedExport
from fdin_tf.training.shared_networks import SharedNetworks

EPOCHS = 3
CONFIG = FitConfig(
    epochs=EPOCHS, batch_size=4, learning_rate=0.01, patience=EPOCHS,
    precision="float32",
)  # fmt: skip
SHAPE = (3, 3, 4)
IDS = [f"c{i}" for i in range(12)]


def build(shape):
    return build_fdin(
        "age", dense_units=4, lstm_units=(4,), relation_units=(4,),
        head_units=(4,), feature_shape=shape,
    )  # fmt: skip


class Machine:
    """A machine: its own cache folder, and a store that others share."""

    def __init__(self, folder, store=None):
        self.cache_dir = folder
        self.run_dir = folder / "runs/age-fdin"
        self.shared = shared_folder(store, folder)
        self.cache = ArrayCache(folder / "features", self.shared)

    def encoded(self):
        """12 clips of 6 subjects, as far as they are found here."""
        clips = pd.DataFrame(
            {
                "clip_id": IDS,
                "path": IDS,
                "subject": [f"{i % 6:03d}" for i in range(12)],
                "age": [20.0 + 5 * (i % 6) for i in range(12)],
                "gender": ["female", "male"] * 6,
                "spontaneity": ["posed"] * 6 + ["spontaneous"] * 6,
                "num_frames": [4 + i % 3 for i in range(12)],
            }
        )
        keys = {c: f"ab{c}" for c in IDS}
        return EncodedClips(
            clips, pd.DataFrame(), keys, self.cache, "none", SHAPE
        )

    def encode(self):
        rng = np.random.default_rng(0)
        for i, c in enumerate(IDS):
            frames = rng.normal(i % 6, 1, (4 + i % 3, *SHAPE))
            self.cache.put(f"ab{c}", {"features": frames.astype(np.float16)})

    def folds(self):
        return make_folds(self.encoded().clips, 3)

    def trainer(self, build_model=build, frontend=None):
        return Noting(
            build_model, self.encoded(), "age", CONFIG, frontend,
            shared=self.shared,
        )  # fmt: skip

    def run(self, trainer=None):
        trainer = trainer or self.trainer()
        return cross_validate(trainer, self.folds(), self.run_dir, seed=5)

    def weights(self):
        """Those of the networks of all folds."""
        return [
            weight
            for fold in self.folds()
            for weight in keras.saving.load_model(
                fold_dir(self.run_dir, fold) / "result/model.keras"
            ).get_weights()
        ]


class Killed(Exception):
    """Stands for the end of a process, in the middle of a training."""


class Noting(NetworkTrainer):
    """Notes which epochs it trains; is killed after the one that is told."""

    killed_after = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.trained = []

    @contextlib.contextmanager
    def _watched(self, name, *args):
        with super()._watched(name, *args) as told:

            def on_epoch(epoch, metrics):
                told(epoch, metrics)
                self.trained.append((name, epoch))
                if self.trained[-1] == self.killed_after:
                    raise Killed

            yield on_epoch


def assert_the_same(found, expected):
    for name in ("predictions", "history", "importance"):
        pd.testing.assert_frame_equal(
            getattr(found, name), getattr(expected, name), check_exact=True
        )


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
    assert trainer.trained == [
        ("fold 1", 3), *all_epochs([2]),
    ]  # fmt: skip
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


def test_a_damaged_checkpoint_is_not_taken(alone, tmp_path):
    url = f"file://{tmp_path}/store"
    first = Machine(tmp_path / "first", url)
    first.encode()
    trainer = first.trainer()
    trainer.killed_after = ("fold 0", 2)
    with pytest.raises(Killed):
        first.run(trainer)
    flip_largest(tmp_path / "store/runs/age-fdin/fold_00/checkpoints.d")
    second = Machine(tmp_path / "second", url)
    trainer = second.trainer()
    assert_the_same(second.run(trainer), alone[1])
    assert trainer.trained == all_epochs([0, 1, 2])


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
        assert len(fits) == 3
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
