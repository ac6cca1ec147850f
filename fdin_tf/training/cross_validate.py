"""Cross-validation over unseen subjects, resumable at fold and epoch."""

import contextlib
import dataclasses
import shutil
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from fdin_tf.data.cache import atomic_path
from fdin_tf.data.encode import FoldClips
from fdin_tf.data.pipeline import make_dataset
from fdin_tf.data.pipeline import target_values
from fdin_tf.progress import progress_bar
from fdin_tf.training.fit import FitConfig
from fdin_tf.training.fit import compile_model
from fdin_tf.training.fit import fit
from fdin_tf.training.precision import precision_policy

_LABELS = ["clip_id", "subject", "age", "gender", "spontaneity"]


@dataclasses.dataclass(frozen=True)
class CrossValidation:
    """What a cross-validation found.

    Attributes:
        predictions: One row per tested clip: its labels, `fold`, `estimate`
            (years, or the probability of the target's second class) and
            `baseline` (mean of the fold's training clips).
        history: One row per fold and epoch, see `fit`.
    """

    predictions: pd.DataFrame
    history: pd.DataFrame


class NetworkTrainer:
    """Trains networks of one kind, one after the other.

    All share one graph, traced once: each begins with weights of its own
    seed and an optimizer without memory.

    Args:
        build_model: Function from the shape of one encoded frame `(h, w, c)`
            to an untrained model on features.
        encoded: `EncodedClips`.
        target: `age`, `gender` or `spontaneity`.
        config: `FitConfig`.
        fit_encoder: Function from the list of the training clips' encoded
            frames, `(t, h, w, c)` each, to a further Keras model of such
            frames, which the fold's network then stands behind; None where
            nothing is fitted.
        tracker: `Tracker`, inside its `run`; None tracks nothing.
    """

    def __init__(
        self,
        build_model,
        encoded,
        target,
        config=FitConfig(),
        fit_encoder=None,
        tracker=None,
    ):
        self.build_model = build_model
        self.encoded = encoded
        self.target = target
        self.config = config
        self.fit_encoder = fit_encoder
        self.tracker = tracker
        self._model = None
        self._first_optimizer_state = None

    def train(self, fold, folder, seed=0, bar=None, name=None):
        """Trains the network of one fold; test clips are not touched.

        Args:
            fold: `Fold`.
            folder: Folder for the state of this network's training.
            seed: Seed of weights, order and dropout.
            bar: A `progress_bar`, or None.
            name: What this network is called; None for the fold's number.

        Returns:
            The trained model on features, valid until the next call; what
            was fitted before it, or None; and the table of epochs.
        """
        name = name or f"fold {fold.number}"
        fitted = self._fitted_encoder(fold, Path(folder))
        data = self.data(fitted, [*fold.train, *fold.valid])
        model = self._fresh_model(data.shape, seed)
        with self._watched(name, seed, bar) as on_epoch:
            history = fit(
                model,
                data,
                fold.train,
                fold.valid,
                self.target,
                self.config,
                Path(folder) / "checkpoints",
                seed,
                on_epoch,
            )
        return model, fitted, history

    def data(self, fitted, clip_ids):
        """The clips as the network takes them."""
        if fitted is None:
            return self.encoded
        return FoldClips.encode(self.encoded, fitted, clip_ids)

    def _fresh_model(self, shape, seed):
        keras.utils.set_random_seed(seed)
        with precision_policy(self.config.precision):
            fresh = self.build_model(shape)
        if self._model is None:
            compile_model(fresh, self.target)
            state = [
                keras.ops.convert_to_numpy(v) for v in fresh.optimizer.variables
            ]
            self._model, self._first_optimizer_state = fresh, state
            return fresh
        self._model.set_weights(fresh.get_weights())
        optimizer = self._model.optimizer
        for variable, value in zip(
            optimizer.variables, self._first_optimizer_state
        ):
            variable.assign(value)
        return self._model

    def _fitted_encoder(self, fold, folder):
        """What is fitted to frames of the fold's training clips, once."""
        if self.fit_encoder is None:
            return None
        path = folder / "encoder.keras"
        if not path.is_file():
            clips = [self.encoded.load(clip_id) for clip_id in fold.train]
            fitted = self.fit_encoder(clips)
            path.parent.mkdir(parents=True, exist_ok=True)
            whole = path.with_name("encoder.tmp.keras")
            fitted.save(whole)
            whole.replace(path)
        return keras.saving.load_model(path)

    @contextlib.contextmanager
    def _watched(self, name, seed, bar):
        """Shows and tracks a training; yields what is told each epoch."""
        with contextlib.ExitStack() as stack:
            task = None
            if self.tracker:
                stack.enter_context(self.tracker.child(name, {"seed": seed}))
            if bar is not None:
                task = bar.add_task(
                    f"  {name.capitalize()}", total=self.config.epochs, note=""
                )
                stack.callback(bar.remove_task, task)

            def on_epoch(epoch, metrics):
                if task is not None:
                    note = _validation(metrics)
                    bar.update(task, completed=epoch, note=note)
                if self.tracker:
                    self.tracker.log_metrics(metrics, step=epoch)

            yield on_epoch


def cross_validate(trainer, folds, run_dir, seed=0):
    """Trains and tests one network per fold.

    A fold that is finished is read from `run_dir`; the one that was
    interrupted goes on at its last epoch. Anything that is fitted to data is
    fitted to the training clips of the fold; the epoch is chosen on the
    validation clips; the test clips are read once.

    Args:
        trainer: `NetworkTrainer`.
        folds: List of `Fold`.
        run_dir: Folder for the state of this cross-validation.
        seed: Seed of the run; fold k uses `seed + k`.

    Returns:
        `CrossValidation`.
    """
    predictions, histories = [], []
    with progress_bar() as bar:
        overall = bar.add_task("Folds", total=len(folds), note="")
        for fold in folds:
            folder = Path(run_dir) / f"fold_{fold.number:02d}"
            result = folder / "result"
            if not result.is_dir():
                model, fitted, history = trainer.train(
                    fold, folder, seed + fold.number, bar
                )
                tested = _test(trainer, model, fitted, fold)
                with atomic_path(result) as new:
                    new.mkdir()
                    history.to_csv(new / "history.csv", index=False)
                    tested.to_csv(new / "predictions.csv", index=False)
                shutil.rmtree(folder / "checkpoints")
            tested = pd.read_csv(
                result / "predictions.csv",
                dtype={"clip_id": str, "subject": str},
                keep_default_na=False,  # a subject may be called "NA"
                na_values=[""],
            )
            history = pd.read_csv(result / "history.csv")
            predictions.append(tested)
            histories.append(history.assign(fold=fold.number))
            summary = _summary(tested, trainer.target)
            bar.print(f"Fold {fold.number}: {summary}")
            bar.advance(overall)
    return CrossValidation(
        pd.concat(predictions, ignore_index=True),
        pd.concat(histories, ignore_index=True),
    )


def predict_clips(model, data, clip_ids, target, batch_size=16):
    """Estimates of clips, in their order.

    Returns:
        Float array: years, or the probability of the target's second class.
    """
    # Bucketing changes the order: every clip brings its number along.
    numbers = np.arange(len(clip_ids), dtype=np.int64)
    dataset = make_dataset(data, clip_ids, batch_size, ("number", numbers))
    estimates = np.empty(len(clip_ids))
    for inputs, number in dataset:
        answer = np.asarray(model(inputs, training=False)[target])
        estimates[np.ravel(number["number"])] = answer[:, -1]
    return estimates


def _test(trainer, model, fitted, fold):
    clips = trainer.encoded.clips.set_index("clip_id", drop=False)
    tested = clips.loc[list(fold.test), _LABELS].reset_index(drop=True)
    trained_on = target_values(clips.loc[list(fold.train)], trainer.target)
    data = trainer.data(fitted, fold.test)
    return tested.assign(
        fold=fold.number,
        estimate=predict_clips(model, data, fold.test, trainer.target),
        baseline=float(np.mean(trained_on)),
    )


def _validation(metrics):
    if "valid_mae_years" in metrics:
        return f"validation {metrics['valid_mae_years']:.2f} years"
    return f"validation loss {metrics['valid_loss']:.3f}"


def _summary(tested, target):
    truth = target_values(tested, target)
    if target == "age":
        error = np.abs(tested.estimate - truth).mean()
        return f"error {error:.2f} years over {len(tested)} clips"
    right = ((tested.estimate > 0.5) == truth).mean()
    return f"accuracy {100 * right:.1f} % over {len(tested)} clips"
