"""Cross-validation over unseen subjects, resumable at fold and epoch."""

import dataclasses
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


def cross_validate(
    build_model,
    encoded,
    folds,
    target,
    run_dir,
    config=FitConfig(),
    fit_encoder=None,
    tracker=None,
    seed=0,
):
    """Trains and tests one network per fold.

    A fold that is finished is read from `run_dir`; the one that was
    interrupted goes on at its last epoch. Anything that is fitted to data is
    fitted to the training clips of the fold; the epoch is chosen on the
    validation clips; the test clips are read once.

    Args:
        build_model: Function from the shape of one encoded frame `(h, w, c)`
            to an untrained model on features.
        encoded: `EncodedClips`.
        folds: List of `Fold`.
        target: `age`, `gender` or `spontaneity`.
        run_dir: Folder for the state of this cross-validation.
        config: `FitConfig`.
        fit_encoder: Function from frames `(n, size, size, 3)` to a Keras
            encoder, for clips that are encoded as `pixels`; None where they
            are encoded already.
        tracker: `Tracker`, inside its `run`; None tracks nothing.
        seed: Seed of the run; fold k uses `seed + k`.

    Returns:
        `CrossValidation`.
    """
    predictions, histories = [], []
    with progress_bar() as bar:
        overall = bar.add_task("Folds", total=len(folds), note="")
        for fold in folds:
            folder = Path(run_dir) / f"fold_{fold.number:02d}"
            if not (folder / "result" / "predictions.csv").is_file():
                model, encoder, history = train_network(
                    build_model,
                    encoded,
                    fold,
                    target,
                    folder,
                    config,
                    fit_encoder,
                    tracker,
                    seed + fold.number,
                    bar,
                )
                tested = _test(model, encoder, encoded, fold, target)
                with atomic_path(folder / "result") as new:
                    new.mkdir(parents=True)
                    history.to_csv(new / "history.csv", index=False)
                    tested.to_csv(new / "predictions.csv", index=False)
            tested = pd.read_csv(
                folder / "result" / "predictions.csv",
                dtype={"clip_id": str, "subject": str},
            )
            history = pd.read_csv(folder / "result" / "history.csv")
            predictions.append(tested)
            histories.append(history.assign(fold=fold.number))
            bar.print(f"Fold {fold.number}: {_summary(tested, target)}")
            bar.advance(overall)
    return CrossValidation(
        pd.concat(predictions, ignore_index=True),
        pd.concat(histories, ignore_index=True),
    )


def train_network(
    build_model,
    encoded,
    fold,
    target,
    folder,
    config,
    fit_encoder=None,
    tracker=None,
    seed=0,
    bar=None,
):
    """Trains the network of one fold; its test clips are not touched.

    Returns:
        The trained model on features, the encoder that was fitted for it (or
        None) and the table of epochs.
    """
    encoder = _fitted_encoder(fit_encoder, encoded, fold, folder)
    data = encoded
    if encoder is not None:
        data = FoldClips.encode(encoded, encoder, [*fold.train, *fold.valid])
    keras.utils.set_random_seed(seed)
    with precision_policy(config.precision):
        model = build_model(data.shape)
    name = f"fold {fold.number}" if fold.test else "final model"
    task = bar is not None and bar.add_task(
        f"  {name.capitalize()}", total=config.epochs, note=""
    )

    def on_epoch(epoch, metrics):
        if bar is not None:
            unit = " years" if "valid_mae_years" in metrics else ""
            value = metrics.get("valid_mae_years", metrics["valid_loss"])
            note = f"validation {value:.2f}{unit}"
            bar.update(task, completed=epoch, note=note)
        if tracker:
            tracker.log_metrics(metrics, step=epoch)

    def train():
        return fit(
            model,
            data,
            fold.train,
            fold.valid,
            target,
            config,
            folder / "checkpoints",
            seed,
            on_epoch,
        )

    if tracker:
        with tracker.child(name, {"seed": seed}):
            history = train()
    else:
        history = train()
    if bar is not None:
        bar.remove_task(task)
    return model, encoder, history


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


def _fitted_encoder(fit_encoder, encoded, fold, folder):
    """The fold's own encoder, fitted once to frames of its training clips."""
    if fit_encoder is None:
        return None
    path = Path(folder) / "encoder.keras"
    if not path.is_file():
        frames = [_some_frames(encoded.load(c)) for c in fold.train]
        encoder = fit_encoder(np.concatenate(frames))
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = path.with_name("encoder.tmp.keras")
        encoder.save(whole)
        whole.replace(path)
    return keras.saving.load_model(path)


def _some_frames(frames, number=12):
    """Evenly spread frames: all of a clip add little to a few."""
    places = np.linspace(0, len(frames) - 1, min(number, len(frames)))
    return frames[places.round().astype(int)]


def _test(model, encoder, encoded, fold, target):
    data = encoded
    if encoder is not None:
        data = FoldClips.encode(encoded, encoder, fold.test)
    clips = encoded.clips.set_index("clip_id", drop=False)
    tested = clips.loc[list(fold.test), _LABELS].reset_index(drop=True)
    trained_on = target_values(clips.loc[list(fold.train)], target)
    return tested.assign(
        fold=fold.number,
        estimate=predict_clips(model, data, fold.test, target),
        baseline=float(np.mean(trained_on)),
    )


def _summary(tested, target):
    truth = target_values(tested, target)
    if target == "age":
        error = np.abs(tested.estimate - truth).mean()
        return f"error {error:.2f} years over {len(tested)} clips"
    right = ((tested.estimate > 0.5) == truth).mean()
    return f"accuracy {100 * right:.1f} % over {len(tested)} clips"
