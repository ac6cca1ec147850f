"""Training of one network: resumable, reproducible, stopped by validation."""

import dataclasses
import math
import shutil
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from fdin_tf.data.cache import atomic_path
from fdin_tf.data.cache import read_json
from fdin_tf.data.cache import write_json
from fdin_tf.data.clips import TARGET_CLASSES
from fdin_tf.data.pipeline import batches_per_epoch
from fdin_tf.data.pipeline import make_dataset
from fdin_tf.data.pipeline import target_values
from fdin_tf.training.epoch_seeds import EpochSeeds
from fdin_tf.training.fit_config import FitConfig
from fdin_tf.training.fit_config import compile_model

_WEIGHTS = "weights.weights.h5"
_BEST = "best.weights.h5"


def fit(
    model,
    data,
    train,
    valid,
    target,
    config=FitConfig(),
    checkpoint_dir=None,
    seed=0,
    on_epoch=None,
    stop_after=None,
):
    """Trains a model; leaves it with the weights of its best epoch.

    Numbers are learnt in units of the training clips' standard deviation
    around their mean; the last layer's weights then turn the answer into the
    target's own unit, so that the network itself stays as published. Loss:
    squared or absolute error for numbers, cross-entropy for classes.

    After every epoch the weights, the optimizer and the state of stopping go
    to `checkpoint_dir`; the order of clips and the dropout of an epoch depend
    on the seed and the epoch's number alone. An interrupted call, repeated,
    therefore ends with the weights of an undisturbed one.

    Args:
        model: An untrained model on features, such as `build_fdin()`. One
            that is compiled already keeps its loss and optimizer.
        data: `EncodedClips`, or another object with `clips` (with
            `num_frames`), `shape`, `name` and `load(clip_id)`.
        train: Clip ids to fit weights to.
        valid: Clip ids to choose the epoch by.
        target: `age`, `gender`, `spontaneity` or `planted`; the column of
            that name in `data.clips`.
        config: `FitConfig`; its `precision` has taken effect when the model
            was built.
        checkpoint_dir: Folder for the state; None keeps none.
        seed: Seed of shuffling and dropout.
        on_epoch: Called as `on_epoch(epoch, metrics)` after each epoch, from
            1; `metrics` is a dict of floats.
        stop_after: Epochs after which this call stops, although the learning
            rate falls as for all of `config.epochs`; None: all. A later call
            goes on from the checkpoint.

    Returns:
        Table with one row per epoch: `epoch`, `learning_rate`, `train_loss`,
        `valid_loss` (in standard units for numbers) and, for age,
        `train_mae_years` and `valid_mae_years`, for a planted number
        `train_mae` and `valid_mae`, for classes `train_accuracy` and
        `valid_accuracy`.

    Raises:
        FloatingPointError: If the loss is not finite any more.
        ValueError: If the model does not estimate the target, or
            `stop_after` is not from 1 to `config.epochs`.
    """
    last_epoch = config.epochs if stop_after is None else stop_after
    if not 1 <= last_epoch <= config.epochs:
        raise ValueError(
            "Expected training to stop after 1 to `epochs` epochs. Received: "
            f"stop_after={stop_after}, epochs={config.epochs}"
        )
    if not model.compiled:
        compile_model(model, target, config)
    clips = data.clips.set_index("clip_id")
    train, valid = list(train), list(valid)
    scale = _TargetScale.of(clips.loc[train], target)
    num_batches = batches_per_epoch(data, train, config.batch_size)
    progress = _Progress(
        checkpoint_dir, target, scale, config.patience, on_epoch
    )
    first_epoch = progress.restore(model)
    if first_epoch < last_epoch and not progress.is_over:

        def dataset(ids, **order):
            values = scale.standardised(target_values(clips.loc[ids], target))
            return make_dataset(
                data, ids, config.batch_size, (target, values), **order
            )

        model.fit(
            dataset(
                train,
                shuffle_seed=seed,
                first_epoch=first_epoch,
                num_epochs=last_epoch,
            ),
            initial_epoch=first_epoch,
            epochs=last_epoch,
            steps_per_epoch=num_batches,
            validation_data=dataset(valid),
            callbacks=[_cosine(config), EpochSeeds(seed), progress],
            verbose=0,
            shuffle=False,  # the dataset is shuffled
        )
    progress.load_best(model)
    scale.put_into(model, target)
    return pd.DataFrame(progress.history)


def _cosine(config):
    """Learning rate of an epoch: half a cosine from the largest to zero."""

    def rate(epoch, _=None):
        turn = math.pi * epoch / config.epochs
        return config.learning_rate * 0.5 * (1 + math.cos(turn))

    return keras.callbacks.LearningRateScheduler(rate)


@dataclasses.dataclass(frozen=True)
class _TargetScale:
    """Standard units of the target: (value - mean) / deviation."""

    mean: float = 0.0
    deviation: float = 1.0

    @classmethod
    def of(cls, clips, target):
        if target in TARGET_CLASSES:
            return cls()
        values = clips[target]
        return cls(float(values.mean()), float(values.std(ddof=0)) or 1.0)

    def standardised(self, values):
        if self == _TargetScale():
            return values
        return (values - np.float32(self.mean)) / np.float32(self.deviation)

    def put_into(self, model, target):
        """Lets the last layer answer in the target's own unit."""
        if self == _TargetScale():
            return
        kernel, bias = model.get_layer(target).get_weights()
        model.get_layer(target).set_weights(
            [kernel * self.deviation, bias * self.deviation + self.mean]
        )


class _Progress(keras.callbacks.Callback):
    """Early stopping and checkpoints with one state, written together."""

    def __init__(self, folder, target, scale, patience, on_epoch):
        super().__init__()
        self.folder = folder and Path(folder)
        self.monitor = "val_loss" if target in TARGET_CLASSES else "val_mae"
        self.error = "mae_years" if target == "age" else "mae"
        self.scale = scale
        self.patience = patience
        self.on_epoch = on_epoch or (lambda epoch, metrics: None)
        self.state = {"best": math.inf, "wait": 0, "history": []}
        self.best_weights = None

    @property
    def history(self):
        return self.state["history"]

    @property
    def is_over(self):
        return self.state["wait"] >= self.patience

    def restore(self, model):
        """Takes up the last checkpoint; returns the number of epochs done."""
        if self.folder is None or not self.folder.is_dir():
            return 0
        for path in self.folder.glob(".*.tmp"):
            shutil.rmtree(path)  # left by a killed process
        checkpoints = sorted(self.folder.glob("epoch_*"))
        if not checkpoints:
            return 0
        self.state = read_json(checkpoints[-1] / "state.json")
        model.load_weights(checkpoints[-1] / _BEST)
        self.best_weights = model.get_weights()
        model.load_weights(checkpoints[-1] / _WEIGHTS)
        return len(self.history)

    def on_epoch_end(self, epoch, logs=None):
        value = float(logs[self.monitor])
        if not (math.isfinite(value) and math.isfinite(logs["loss"])):
            raise FloatingPointError(
                f"The loss is not finite any more in epoch {epoch + 1}; lower "
                "the learning rate or use --fit.precision float32. Received: "
                f"loss={logs['loss']}, {self.monitor}={value}"
            )
        is_best = value < self.state["best"]
        if is_best:
            self.state["best"] = value
            self.best_weights = self.model.get_weights()
        self.state["wait"] = 0 if is_best else self.state["wait"] + 1
        metrics = self._in_units(dict(logs))
        self.history.append({"epoch": epoch + 1, **metrics})
        self._save(is_best)
        self.on_epoch(epoch + 1, metrics)
        if self.is_over:
            self.model.stop_training = True

    def load_best(self, model):
        if self.best_weights is not None:
            model.set_weights(self.best_weights)

    def _in_units(self, logs):
        """Losses as they are, errors in the unit of the target."""
        metrics = {"learning_rate": float(logs.pop("learning_rate"))}
        for name, value in logs.items():
            part = "valid" if name.startswith("val_") else "train"
            name = name.removeprefix("val_")
            if name == "mae":
                name, value = self.error, value * self.scale.deviation
            metrics[f"{part}_{name}"] = float(value)
        return metrics

    def _save(self, is_best):
        if self.folder is None:
            return
        before = sorted(self.folder.glob("epoch_*"))
        name = f"epoch_{len(self.history):05d}"
        with atomic_path(self.folder / name, _room(self.model)) as new:
            new.mkdir()
            self.model.save_weights(new / _WEIGHTS)
            best = new / _WEIGHTS if is_best else before[-1] / _BEST
            _link(best, new / _BEST)
            write_json(new / "state.json", self.state)
        for path in before:
            shutil.rmtree(path)


def _room(model):
    """Bytes that a checkpoint needs, and as many again."""
    variables = [*model.variables, *model.optimizer.variables]
    return 2**20 + 8 * sum(math.prod(v.shape) for v in variables)


def _link(source, target):
    """The same file under a second name; a copy where there are no links."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)
