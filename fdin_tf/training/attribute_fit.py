"""Training on photographs in memory: resumable and reproducible."""

import dataclasses
import functools
import json
import math
import shutil
from pathlib import Path
from typing import Literal

import cv2
import keras
import numpy as np
import pandas as pd

from fdin_tf.data.cache import atomic_path
from fdin_tf.data.cache import sweep
from fdin_tf.data.cache import write_json
from fdin_tf.models.levi_hassner import CLASSES
from fdin_tf.training.epoch_seeds import seed_dropout
from fdin_tf.training.optimizers import FusedAdam

OPTIMIZERS = {
    "nesterov": functools.partial(
        keras.optimizers.SGD, momentum=0.9, nesterov=True
    ),
    "adam": FusedAdam,
}
_WEIGHTS = "weights.weights.h5"
_HISTORY = "history.json"


@dataclasses.dataclass(frozen=True)
class ImageFit:
    """How a network of photographs is trained.

    Stochastic gradient descent with Nesterov momentum on the squared error of
    ratings, or the cross-entropy of classes (Arbabzadah et al., GCPR 2016,
    section 3.1). A fixed number of epochs is trained and the last weights are
    taken, so that nothing is chosen.

    Attributes:
        epochs: Number of epochs.
        batch_size: Photographs per batch.
        learning_rate: Learning rate of the first epoch.
        schedule: `constant`, or `cosine`: the learning rate falls from epoch
            to epoch towards zero along half a cosine.
        optimizer: `nesterov`: gradient descent with Nesterov momentum of 0.9;
            or `adam`.
        weight_decay: Share of the learning rate by which weights shrink at
            every step.
        copies: Copies of the photographs, see `altered_copy`; epoch `e`, from
            0, shows copy `e mod copies`.
        flip: Whether copies are mirrored at random.
        shift: Largest shift of a copy along each axis, a share of the side.
        light: Largest change of a copy's brightness, a share.
        precision: See `choose_precision`.

    Raises:
        ValueError: If a number is out of its range.
    """

    epochs: int = 30
    batch_size: int = 50
    learning_rate: float = 1e-3
    schedule: Literal["constant", "cosine"] = "constant"
    optimizer: Literal["nesterov", "adam"] = "nesterov"
    weight_decay: float = 0.0
    copies: int = 1
    flip: bool = False
    shift: float = 0.0
    light: float = 0.0
    precision: str = "auto"

    def __post_init__(self):
        checks = {
            **{
                name: (getattr(self, name) >= 1, "at least 1")
                for name in ("epochs", "batch_size", "copies")
            },
            "learning_rate": (0 < self.learning_rate < math.inf, "above 0"),
            "weight_decay": (0 <= self.weight_decay < math.inf, "0 or more"),
            "schedule": (
                self.schedule in ("constant", "cosine"),
                "constant or cosine",
            ),
            "optimizer": (
                self.optimizer in OPTIMIZERS,
                " or ".join(OPTIMIZERS),
            ),
            **{
                name: (0 <= getattr(self, name) < 1, "in [0, 1)")
                for name in ("shift", "light")
            },
        }
        for name, (holds, expected) in checks.items():
            if not holds:
                raise ValueError(
                    f"Expected `{name}` of the training to be {expected}. "
                    f"Received: {name}={getattr(self, name)!r}"
                )

    def rate(self, epoch):
        """Learning rate of an epoch, from 0.

        Example:

        >>> ImageFit(epochs=4, schedule="cosine").rate(2)
        0.0005
        """
        if self.schedule == "constant":
            return self.learning_rate
        turn = math.pi * epoch / self.epochs
        return self.learning_rate * 0.5 * (1 + math.cos(turn))


def altered_copy(pixels, copy, config, seed=0):
    """A copy of photographs, mirrored, shifted and brightened at random.

    Which way depends on the seed, the copy's number and the place of a
    photograph among the others alone. Copy 0 is the photographs as they are.

    Args:
        pixels: Uint8 array `(n, size, size, 3)`.
        copy: Number of the copy, from 0.
        config: `ImageFit`.
        seed: Seed.

    Returns:
        Uint8 array of the same shape. What a shift uncovers has the colour of
        the nearest border.

    Example:

    >>> row = np.arange(3, dtype=np.uint8)[None, None, :, None]
    >>> row = np.tile(row, (1, 3, 1, 3))
    >>> altered_copy(row, 1, ImageFit(flip=True), seed=1)[0, 0, :, 0].tolist()
    [2, 1, 0]
    """
    if copy == 0:
        return pixels
    rng = np.random.default_rng([seed, copy])
    count, size = pixels.shape[:2]
    flipped = rng.random(count) < 0.5 * config.flip
    shifts = config.shift * size * rng.uniform(-1, 1, (count, 2))
    lights = 1 + config.light * rng.uniform(-1, 1, count)
    altered = np.empty_like(pixels)
    for row in range(count):
        turn, start = (-1, size - 1) if flipped[row] else (1, 0)
        across, down = shifts[row]
        place = np.array([[turn, 0, start + across], [0, 1, down]], float)
        moved = cv2.warpAffine(
            pixels[row], place, (size, size), borderMode=cv2.BORDER_REPLICATE
        )
        altered[row] = cv2.convertScaleAbs(moved, alpha=lights[row])
    return altered


def fit_images(
    model,
    inputs_of,
    values,
    config=ImageFit(),
    checkpoint_dir=None,
    seed=0,
    on_epoch=None,
):
    """Trains a model; leaves it with the weights of the last epoch.

    The order of the photographs and the dropout of an epoch depend on the
    seed and the epoch's number alone, and after every epoch weights, momenta
    and history go to `checkpoint_dir`: an interrupted call, repeated, ends as
    an undisturbed one.

    Args:
        model: Functional model of one input and one target, such as a network
            or its `dense_part`. What of it is trained is what is trainable.
        inputs_of: Function from the number of a copy to the inputs, one row
            per photograph.
        values: What is to be learnt: ratings in [0, 1] `(n, 1)`, or numbers
            of classes `(n,)` for a target of `CLASSES`.
        config: `ImageFit`.
        checkpoint_dir: Folder for the state; None keeps none.
        seed: Seed of order and dropout.
        on_epoch: Called as `on_epoch(epoch, metrics)` after each epoch, from
            1; `metrics` is a dict of floats.

    Returns:
        Table with one row per epoch: `epoch`, `learning_rate`, `train_loss`
        and `train_mae`, or `train_accuracy` of classes; means over the epoch,
        with dropout.

    Raises:
        FloatingPointError: If the loss is not finite any more.
    """
    (name,) = model.input
    (target,) = model.output
    _compile(model, target, config)
    history = _restore(model, checkpoint_dir)
    for epoch in range(len(history), config.epochs):
        rng = np.random.default_rng([seed, epoch])
        order = rng.permutation(len(values))
        seed_dropout(model, rng)
        model.optimizer.learning_rate = config.rate(epoch)
        metrics = model.fit(
            {name: inputs_of(epoch % config.copies)[order]},
            {target: values[order]},
            batch_size=config.batch_size,
            shuffle=False,
            verbose=0,
        ).history
        metrics = {f"train_{k}": float(v) for k, (v,) in metrics.items()}
        if not math.isfinite(metrics["train_loss"]):
            raise FloatingPointError(
                f"The loss is not finite any more in epoch {epoch + 1}; lower "
                f"the learning rate. Received: loss={metrics['train_loss']}, "
                f"learning_rate={config.learning_rate}"
            )
        row = {"epoch": epoch + 1, "learning_rate": config.rate(epoch)}
        history.append(row | metrics)
        _save(model, history, checkpoint_dir)
        if on_epoch is not None:
            on_epoch(epoch + 1, metrics)
    return pd.DataFrame(history)


def _compile(model, target, config):
    is_class = target in CLASSES
    optimizer = OPTIMIZERS[config.optimizer](
        config.learning_rate, weight_decay=config.weight_decay or None
    )
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    model.compile(
        optimizer,
        loss="sparse_categorical_crossentropy" if is_class else "mse",
        metrics=["accuracy" if is_class else "mae"],
    )
    optimizer.build(model.trainable_variables)


def _checkpoints(folder):
    """Folders of epochs, the last one last."""
    return sorted(Path(folder).glob("epoch_*"))


def _restore(model, folder):
    """Takes up the last checkpoint, if any; returns the epochs so far."""
    if folder is None:
        return []
    sweep(folder)
    found = _checkpoints(folder)
    if not found:
        return []
    model.load_weights(found[-1] / _WEIGHTS)
    return json.loads((found[-1] / _HISTORY).read_text(encoding="utf-8"))


def _save(model, history, folder):
    if folder is None:
        return
    before = _checkpoints(folder)
    with atomic_path(Path(folder) / f"epoch_{len(history):05d}") as new:
        new.mkdir()
        model.save_weights(new / _WEIGHTS)
        write_json(new / _HISTORY, history)
    for path in before:
        shutil.rmtree(path)
