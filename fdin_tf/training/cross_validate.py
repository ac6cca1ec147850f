"""Cross-validation over unseen subjects, resumable at fold and epoch."""

import contextlib
import dataclasses
import functools
import itertools
import shutil
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from fdin_tf.data.cache import atomic_path
from fdin_tf.data.clips import TARGET_CLASSES
from fdin_tf.data.locks import hold
from fdin_tf.data.pipeline import target_values
from fdin_tf.explain.explained import explained
from fdin_tf.explain.importance import importance_table
from fdin_tf.explain.importance import over_clips
from fdin_tf.progress import progress_bar
from fdin_tf.regions import REGIONS
from fdin_tf.training.trainer import NetworkTrainer
from layers import RelationalImportance

__all__ = [
    "CrossValidation",
    "NetworkTrainer",
    "cross_validate",
    "fold_dir",
    "predict_clips",
    "read_cross_validation",
    "train_elsewhere",
]

_LABELS = ["clip_id", "subject", "age", "gender", "spontaneity"]


@dataclasses.dataclass(frozen=True)
class CrossValidation:
    """What a cross-validation found.

    Attributes:
        predictions: One row per tested clip: its labels, `fold`, `estimate`
            (years, or the probability of the target's second class) and
            `baseline` (mean of the fold's training clips).
        history: One row per fold and epoch, see `fit`.
        importance: Relational importance of every tested clip by the network
            that was not trained on it, see `importance_table`; None for
            networks without.
        regional_importance: The same of the nine regions, one column each,
            for networks that weigh regions.
    """

    predictions: pd.DataFrame
    history: pd.DataFrame
    importance: pd.DataFrame | None = None
    regional_importance: pd.DataFrame | None = None


def cross_validate(trainer, folds, run_dir, seed=0, executor=None):
    """Trains and tests one network per fold.

    A fold that is finished is read from `run_dir`; the one that was
    interrupted goes on at its last epoch. Anything that is fitted to data is
    fitted to the training clips of the fold; the epoch is chosen on the
    validation clips; the test clips are read once, for estimates and
    importance. The network of a fold stays in `run_dir`: see `fold_dir`.

    Args:
        trainer: `NetworkTrainer`.
        folds: List of `Fold`.
        run_dir: Folder for the state of this cross-validation.
        seed: Seed of the run; fold k uses `seed + k`.
        executor: `RayExecutor` that spreads the folds; `run_dir` and the
            clips have to be on a disk, or to have a store, that all share.
            None: one fold after the other, in this process.

    Returns:
        `CrossValidation`.

    Raises:
        FloatingPointError: If the loss of a fold is not finite any more; the
            checkpoint of its last good epoch stays.
        FolderInUseError: If another process works in `run_dir`.
    """
    title = trainer.title or "Folds"
    with hold(run_dir), progress_bar() as bar:
        overall = bar.add_task(title, total=len(folds), note="")
        known = [f for f in folds if _is_known(trainer, run_dir, f)]
        new = [f for f in folds if f not in known]
        if executor is None:
            done = (
                _run_fold(trainer, run_dir, seed, fold, bar) for fold in new
            )
        else:
            done = _elsewhere(trainer, run_dir, seed, new, executor)
        for fold in itertools.chain(known, done):
            result = _result(run_dir, fold)
            if not _is_known(trainer, run_dir, fold):
                raise OSError(
                    "Expected the result of a fold from the machine that "
                    f"trained it; run the same command again. Received: "
                    f"path={result}, which is not there"
                )
            shutil.rmtree(fold_dir(run_dir, fold) / "checkpoints", True)
            if fold in known or executor is not None:
                _log_finished(trainer, fold, result, seed + fold.number)
            summary = _summary(_read(result, "predictions"), trainer.target)
            bar.print(f"{_named(trainer, fold)}: {summary}")
            bar.advance(overall)
    return read_cross_validation(folds, run_dir)


def _run_fold(trainer, run_dir, seed, fold, bar=None):
    """Trains and tests the network of one fold; returns the fold."""
    run_dir = trainer.shared_networks.local(run_dir)
    folder, result = fold_dir(run_dir, fold), _result(run_dir, fold)
    if _is_known(trainer, run_dir, fold):
        return fold  # by a process that was lost before it could tell
    with naming(_named(trainer, fold)):
        model, fitted, history = trainer.train(
            fold, folder, seed + fold.number, bar
        )
    tables = _test(trainer, model, fitted, fold)
    with atomic_path(result) as new:
        new.mkdir()
        history.to_csv(new / "history.csv", index=False)
        for name, table in tables.items():
            table.to_csv(new / f"{name}.csv", index=False)
        _without_optimizer(model).save(new / "model.keras")
    trainer.shared_networks.finish(folder)
    return fold


def _is_known(trainer, run_dir, fold):
    """Whether the fold is finished, here or on another machine."""
    folder, result = fold_dir(run_dir, fold), _result(run_dir, fold)
    trainer.shared_networks.fetch(result)
    if not result.is_dir():
        return False
    trainer.fetch_fitted(folder)
    trainer.shared_networks.finish(folder)
    return True


def _elsewhere(trainer, run_dir, seed, folds, executor):
    """`_run_fold` in other processes; yields folds as they are finished."""
    work = functools.partial(_run_fold, _untracked(trainer), run_dir, seed)
    for _, fold in executor.map(work, [(fold,) for fold in folds]):
        yield fold


def train_elsewhere(trainer, fold, folder, seed, executor):
    """Trains the network of one fold in a process of an executor.

    What it learns stays in `folder`: `trainer.train` with the same arguments
    takes it from there.

    Args:
        trainer: `NetworkTrainer`.
        fold: `Fold`.
        folder: Folder for the state of this network's training, on a disk
            that all share.
        seed: Seed of weights, order and dropout.
        executor: `RayExecutor`.

    Raises:
        FloatingPointError: If the loss is not finite any more.
    """
    work = functools.partial(_train, _untracked(trainer))
    for _ in executor.map(work, [(fold, folder, seed)]):
        pass


def _train(trainer, fold, folder, seed):
    trainer.train(fold, trainer.shared_networks.local(folder), seed)


def _untracked(trainer):
    """The same trainer for other processes, which write no run to MLflow."""
    return NetworkTrainer(
        trainer.build_model,
        trainer.stored,
        trainer.target,
        trainer.config,
        trainer.frontend,
        title=trainer.title,
        shared=trainer.shared_networks.shared,
    )


@contextlib.contextmanager
def naming(network):
    """Says in which network a loss was not finite any more."""
    try:
        yield
    except FloatingPointError as error:
        raise FloatingPointError(f"{network}: {error}") from error


def read_cross_validation(folds, run_dir):
    """What `cross_validate` left in a folder.

    Args:
        folds: List of `Fold`.
        run_dir: Folder of the cross-validation.

    Returns:
        `CrossValidation`; None where a fold is not finished.
    """
    results = [_result(run_dir, fold) for fold in folds]
    if not all(result.is_dir() for result in results):
        return None
    histories = [
        _read(result, "history").assign(fold=fold.number)
        for fold, result in zip(folds, results)
    ]
    found = {
        name: pd.concat(
            [_read(result, name) for result in results], ignore_index=True
        )
        for name in ("predictions", "importance", "regional_importance")
        if (results[0] / f"{name}.csv").is_file()
    }
    for name in found.keys() - {"predictions"}:
        found[name] = found[name].set_index("clip_id")
    return CrossValidation(
        history=pd.concat(histories, ignore_index=True), **found
    )


def fold_dir(run_dir, fold):
    """Folder of a fold's network.

    Args:
        run_dir: Folder of the cross-validation.
        fold: `Fold`.

    Returns:
        Path of a folder. Of a finished fold it holds `result/model.keras`,
        the tables in `result/*.csv` and, where something was fitted before
        the network, the file of its frontend.
    """
    return Path(run_dir) / f"fold_{fold.number:02d}"


def _result(run_dir, fold):
    """Folder that is there when the fold is finished."""
    return fold_dir(run_dir, fold) / "result"


def predict_clips(model, data, clip_ids, target, batch_size=16):
    """Estimates of clips, in their order.

    Returns:
        Float array: years, or the probability of the target's second class.
    """
    answers = over_clips(
        lambda inputs: model(inputs, training=False)[target],
        data,
        clip_ids,
        batch_size,
    )
    return answers[:, -1].astype(float)


def _test(trainer, model, fitted, fold):
    """Tables about the test clips, by name."""
    clips = trainer.stored.clips.set_index("clip_id", drop=False)
    labels = dict.fromkeys([*_LABELS, trainer.target])
    tested = clips.loc[list(fold.test), list(labels)].reset_index(drop=True)
    trained_on = target_values(clips.loc[list(fold.train)], trainer.target)
    data = trainer.data(fitted, fold.test)
    predictions = tested.assign(
        fold=fold.number,
        estimate=predict_clips(model, data, fold.test, trainer.target),
        baseline=float(np.mean(trained_on)),
    )
    return {"predictions": predictions, **_importance(model, data, fold.test)}


def _importance(model, data, clip_ids, batch_size=16):
    """The table of importance under its name; nothing where there is none."""
    if not any(isinstance(x, RelationalImportance) for x in model.layers):
        return {}
    network = explained(model)
    importance = over_clips(
        lambda inputs: network(inputs, training=False)["importance"],
        data,
        clip_ids,
        batch_size,
    )
    if importance.shape[1] == len(REGIONS):
        table = pd.DataFrame(importance, columns=REGIONS)
        table.insert(0, "clip_id", list(clip_ids))
        return {"regional_importance": table}
    table = importance_table(importance, clip_ids)
    return {"importance": table.reset_index()}


def _without_optimizer(model):
    """The same network, a third of the size on disk."""
    return keras.Model(model.input, model.output, name=model.name)


def _read(result, name):
    return pd.read_csv(
        result / f"{name}.csv",
        dtype={"clip_id": str, "subject": str},
        keep_default_na=False,  # a subject may be called "NA"
        na_values=[""],
    )


def _log_finished(trainer, fold, result, seed):
    """Completes the run in MLflow, which may not be that of the training."""
    if trainer.tracker:
        with trainer.tracker.child(f"fold {fold.number}", {"seed": seed}):
            trainer.tracker.log_history(_read(result, "history"))


def _named(trainer, fold):
    if trainer.title is None:
        return f"Fold {fold.number}"
    return f"{trainer.title}, fold {fold.number}"


def _summary(tested, target):
    truth = target_values(tested, target)
    if target in TARGET_CLASSES:
        right = ((tested.estimate > 0.5) == truth).mean()
        return f"accuracy {100 * right:.1f} % over {len(tested)} clips"
    error = np.abs(tested.estimate - truth).mean()
    unit = " years" if target == "age" else ""
    return f"error {error:.2f}{unit} over {len(tested)} clips"
