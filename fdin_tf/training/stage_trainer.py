"""Trains the networks of the fine-tuning's steps, and keeps them."""

import dataclasses
import json
import shutil
import zipfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from fdin_tf.data.cache import atomic_path
from fdin_tf.data.cache import settings_digest
from fdin_tf.data.cache import sweep
from fdin_tf.data.image_batches import CropSource
from fdin_tf.models.gnet_snet import head_of
from fdin_tf.models.gnet_snet import replace_head
from fdin_tf.training.attribute_networks import array_digest
from fdin_tf.training.attribute_networks import model_digest
from fdin_tf.training.stage_fit import HISTORY
from fdin_tf.training.stage_fit import StageFit

_MODEL, _HISTORY = "model.keras", "history.csv"
_PREDICT_BATCH = 64


@dataclasses.dataclass(frozen=True)
class Lesson:
    """What a network learns from: crops and their labels.

    Attributes:
        source: `CropSource`.
        labels: Numbers of persons or classes `(n,)`, or labels of attributes
            `(n, attributes)`: 1, 0, and -1 where unknown.
        head: See `build_face_network`.
        classes: Number of persons, attributes or classes.
        fingerprint: Digest of photographs, crops and where they come from.
    """

    source: CropSource
    labels: np.ndarray
    head: str
    classes: int
    fingerprint: str

    @property
    def digest(self):
        """Digest of all that a network learns."""
        return settings_digest(
            self.fingerprint, array_digest(self.labels), self.head, self.classes
        )


@dataclasses.dataclass(frozen=True)
class TrainedStage:
    """A network that was trained, on disk.

    Attributes:
        folder: Its folder.
        digest: Digest of all that decided it, the steps before included.
        head: See `build_face_network`.
        classes: Number of its classes.
    """

    folder: Path
    digest: str
    head: str
    classes: int

    @property
    def path(self):
        """The file that Keras reads."""
        return self.folder / _MODEL

    def load(self):
        """The network, not compiled."""
        return keras.models.load_model(self.path, compile=False)

    def read_history(self):
        """Table of `iteration`, `learning_rate`, `loss` and `accuracy`.

        See `StageFit.run`.
        """
        return pd.read_csv(self.folder / _HISTORY)


class StageTrainer:
    """Trains networks, one after the other, each from the one before.

    Every network has a folder named by a digest of all that decides it:
    layers, first weights, photographs, labels, training, seed, versions and
    the steps before. One that is there is read; one that was interrupted goes
    on. Networks trained alike share one compiled graph.

    Args:
        runs_dir: Folder of the networks' folders.
        versions: Dict of what else decides a network, such as the versions of
            the packages.
        restart: Whether networks that are there are trained once more.
    """

    def __init__(self, runs_dir, versions=None, restart=False):
        self.runs_dir = Path(runs_dir)
        self.versions = versions
        self.restart = restart
        self._fits = {}  # by what networks compute, and their stage
        self._askable = {}  # networks by what they compute
        self._trained_here = set()

    def begin(self, model):
        """A network that no step has trained yet.

        Args:
            model: Model of `build_face_network`, untrained or with published
                weights.

        Returns:
            `TrainedStage`.
        """
        digest = settings_digest(model_digest(model), self.versions)
        (output,) = model.output.values()
        stage = self._stage(digest, head_of(model), output.shape[-1])
        sweep(stage.folder)
        if not stage.path.is_file():
            _write(stage, model, [])
        return stage

    def train(self, before, stage, lesson, seed=0, on_report=None):
        """Trains a network further.

        Args:
            before: `TrainedStage` to begin with. It keeps its last layer if
                that is for the same task.
            stage: `Stage`.
            lesson: `Lesson`.
            seed: Seed of a new last layer, order, alterations and dropout.
            on_report: Called as `on_report(iteration, row)` several times;
                `row` is one of the history's.

        Returns:
            `TrainedStage`.

        Raises:
            FloatingPointError: If the loss is not finite any more.
        """
        digest = settings_digest(
            before.digest, dataclasses.asdict(stage), lesson.digest, seed
        )
        trained = self._stage(digest, lesson.head, lesson.classes)
        if self.restart and digest not in self._trained_here:
            shutil.rmtree(trained.folder, ignore_errors=True)
        self._trained_here.add(digest)
        sweep(trained.folder)
        if not trained.path.is_file():
            checkpoints = trained.folder / "checkpoints"
            fit = self._ready(before, stage, lesson, seed)
            history = fit.run(lesson, checkpoints, seed, on_report)
            _write(trained, fit.model, history)
            shutil.rmtree(checkpoints, ignore_errors=True)
        return trained

    def answers(self, trained, source):
        """What a trained network says of crops.

        Args:
            trained: `TrainedStage`.
            source: `CropSource`.

        Returns:
            Float array `(n, classes)`: probabilities.
        """
        key = settings_digest(_settings(_read_config(trained.path)))
        if key not in self._askable:
            self._askable[key] = trained.load()
        model = self._askable[key]
        model.load_weights(trained.path)
        parts = []
        for start in range(0, len(source), 4 * _PREDICT_BATCH):
            rows = np.arange(
                start, min(start + 4 * _PREDICT_BATCH, len(source))
            )
            (answers,) = model.predict(
                {"images": source.crops(rows)}, _PREDICT_BATCH, verbose=0
            ).values()
            parts.append(answers)
        return np.concatenate(parts)

    def _stage(self, digest, head, classes):
        folder = self.runs_dir / f"stage-{digest[:12]}"
        return TrainedStage(folder, digest, head, classes)

    def _ready(self, before, stage, lesson, seed):
        """What trains on from the weights of `before`."""
        model = before.load()
        if (before.head, before.classes) != (lesson.head, lesson.classes):
            model = replace_head(model, lesson.head, lesson.classes, seed=seed)
        key = settings_digest(
            dataclasses.asdict(stage), _settings(model.get_config())
        )
        if key not in self._fits:
            self._fits[key] = StageFit(model, stage, lesson.head)
        else:
            self._fits[key].begin(model)
        return self._fits[key]


def _settings(config):
    """What a network computes, by its Keras config; not how it began."""
    return [
        {
            name: value
            for name, value in layer["config"].items()
            if not name.endswith("_initializer")
        }
        for layer in config["layers"]
    ]


def _read_config(path):
    """The Keras config of a network on disk, without its weights."""
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))["config"]


def _write(stage, model, history):
    """Writes a network and its history, at once or not at all."""
    new = atomic_path(stage.path).temporary  # a name that `sweep` knows
    new.mkdir(parents=True)
    try:
        table = pd.DataFrame(history, columns=HISTORY)
        table.to_csv(new / _HISTORY, index=False)
        # Without the optimizer: half the size on disk.
        plain = keras.Model(model.input, model.output, name=model.name)
        plain.save(new / _MODEL)
        for name in (_HISTORY, _MODEL):  # the model last: marks it complete
            (new / name).replace(stage.folder / name)
    finally:
        shutil.rmtree(new, ignore_errors=True)
