"""Handcrafted rows, cross-validated on the folds of networks, resumable."""

import dataclasses
import json
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from fdin_tf.data.cache import atomic_path
from fdin_tf.data.cache import settings_digest
from fdin_tf.data.pipeline import target_values
from fdin_tf.handcrafted.dynamics import KINDS
from fdin_tf.handcrafted.learners import choose
from fdin_tf.handcrafted.learners import make_learner
from fdin_tf.progress import progress_bar
from fdin_tf.training.cross_validate import fold_dir
from fdin_tf.training.handcrafted_faces import VIEW_FORMAT
from fdin_tf.training.handcrafted_features import DescribedClips
from fdin_tf.training.handcrafted_features import descriptor_settings
from fdin_tf.training.handcrafted_rows import ROW_TITLES
from fdin_tf.training.handcrafted_rows import ROWS
from fdin_tf.version import __version__

# Raised when finished folds would no longer mean the same.
_ROW_FORMAT = 2
_LABELS = ["clip_id", "subject", "age", "gender", "spontaneity"]
# Weights of the first of two parts.
_WEIGHTS = (0.5, 0.75, 0.25)
_RESULTS = ("predictions", "choices")


@dataclasses.dataclass(frozen=True)
class RowFolds:
    """What the cross-validation of a row found.

    Attributes:
        predictions: As of `CrossValidation`: one row per tested clip, its
            labels, `fold`, `estimate` and `baseline`; and `condition`, what
            the clip lacks (names of `CONDITIONS`, or empty).
        choices: One row per fold and part of the row: `fold`, `part`, the
            `descriptors`, the `learner`, the `settings` that were chosen (as
            JSON), their `valid_error` (years, or the share of wrong classes)
            and the `weight` of the part's answers.
    """

    predictions: pd.DataFrame
    choices: pd.DataFrame


@dataclasses.dataclass(frozen=True)
class RowTrainer:
    """Trains the learners of a row.

    Attributes:
        name: Name of the row, of `ROWS`.
        described: `DescribedClips` with the descriptors of the row.
        clips: Clip table of these clips.
    """

    name: str
    described: DescribedClips
    clips: pd.DataFrame

    @property
    def target(self):
        """What is estimated."""
        return ROWS[self.name].target

    def fingerprint(self):
        """Digest of what decides the answers, but for folds and seed."""
        row = ROWS[self.name]
        parts = [
            (
                part.inputs,
                [descriptor_settings(name) for name in part.descriptors],
                str(make_learner(part.learner, num_dynamics=1)),
            )
            for part in row.parts
        ]
        labels = self.clips[_LABELS].sort_values("clip_id")
        keys = [self.described.faces.key(c) for c in labels.clip_id]
        packages = ("scikit-learn", "scikit-image", "numpy", "scipy")
        return settings_digest(
            [_ROW_FORMAT, VIEW_FORMAT],
            row.target,
            parts,
            row.is_weighted,
            keys,
            labels.to_json(orient="split"),
            [__version__, cv2.__version__, *map(version, packages)],
        )

    def test(self, fold, seed):
        """Learns on a fold's training clips, chooses, tests once.

        Args:
            fold: `Fold`.
            seed: Seed of what is random.

        Returns:
            Dict of the tables `predictions` and `choices` of the fold.
        """
        row, truth = ROWS[self.name], self._values(fold.valid)
        answers, choices = [], []
        for number, part in enumerate(row.parts):
            train, valid, test, counts = self._features(part, fold, seed)
            is_dynamics = [name in KINDS for name in part.descriptors]
            num_dynamics = sum(np.compress(is_dynamics, counts).tolist())
            learner = make_learner(
                part.learner, None if all(is_dynamics) else num_dynamics, seed
            )
            chosen = choose(
                learner, (train, self._values(fold.train)), (valid, truth)
            )
            answers.append((chosen.estimate(valid), chosen.estimate(test)))
            choices.append(
                {
                    "fold": fold.number,
                    "part": number,
                    "descriptors": " + ".join(part.descriptors),
                    "learner": part.learner,
                    "settings": json.dumps(chosen.settings),
                    "valid_error": chosen.trials.valid_error.min(),
                }
            )
        valid_answers, test_answers = map(np.array, zip(*answers))
        weights = np.full(len(answers), 1 / len(answers))
        if row.is_weighted:
            weights = chosen_weights(valid_answers, truth)
        choices = pd.DataFrame(choices).assign(weight=weights)
        tested = self._rows(fold.test)[_LABELS]
        conditions = self.described.conditions
        predictions = tested.assign(
            fold=fold.number,
            estimate=weights @ test_answers,
            baseline=float(np.mean(self._values(fold.train))),
            condition=[conditions[c] for c in tested.clip_id],
        )
        return {"predictions": predictions, "choices": choices}

    def _features(self, part, fold, seed):
        """Features of train, valid and test, and how many each input has."""
        blocks = [[], [], []]
        for name, place in part.inputs:
            if name == "ief":
                encoded = self.described.encoded(place, fold, seed)
            for block, ids in zip(blocks, (fold.train, fold.valid, fold.test)):
                if name == "ief":
                    block.append(np.stack([encoded[c] for c in ids]))
                else:
                    block.append(self.described.values(name, place, ids))
        counts = [values.shape[1] for values in blocks[0]]
        return *(np.concatenate(block, axis=1) for block in blocks), counts

    def _rows(self, clip_ids):
        rows = self.clips.set_index("clip_id", drop=False)
        return rows.loc[list(clip_ids)].reset_index(drop=True)

    def _values(self, clip_ids):
        return target_values(self._rows(clip_ids), self.target).astype(float)


def chosen_weights(answers, truth):
    """Weights of two answers about a class, by the errors of their mean.

    Args:
        answers: `(2, clips)`, shares of the second class.
        truth: `(clips,)`, 0 and 1.

    Returns:
        `(2,)`: the first of 1/2, 3/4 and 1/4, and the rest to 1, that errs
        least.

    Example:

    >>> chosen_weights(np.array([[0.7, 0.3], [0.2, 0.1]]), np.array([1, 0]))
    array([0.75, 0.25])
    """
    trials = np.array([[w, 1 - w] for w in _WEIGHTS])
    errors = ((trials @ answers > 0.5) != truth).mean(axis=1)
    return trials[np.argmin(errors)]


def cross_validate_row(trainer, folds, run_dir, seed=0, tracker=None):
    """Tests a row on the folds of networks.

    Descriptors that are fitted, scaling, selection and learners are fitted to
    the training clips of the fold; settings are chosen on its validation
    clips; its test clips are read once. A finished fold is read from
    `run_dir`.

    Args:
        trainer: `RowTrainer`.
        folds: List of `Fold`.
        run_dir: Folder for the state of this cross-validation.
        seed: Seed of the run; fold k uses `seed + k`.
        tracker: `Tracker`, inside a run; a run per fold is made in it. None
            tracks nothing.

    Returns:
        `RowFolds`.
    """
    title = f"{ROW_TITLES[trainer.name]}, {trainer.target}"
    with progress_bar() as bar:
        task = bar.add_task(title, total=len(folds), note="")
        for fold in folds:
            result = fold_dir(run_dir, fold) / "result"
            fold_seed = seed + fold.number
            if not result.is_dir():
                tables = trainer.test(fold, fold_seed)
                with atomic_path(result) as new:
                    new.mkdir()
                    for name, table in tables.items():
                        table.to_csv(new / f"{name}.csv", index=False)
            if tracker:
                _track(tracker, fold, result, fold_seed)
            bar.advance(task)
    return read_row(folds, run_dir)


def read_row(folds, run_dir):
    """What `cross_validate_row` left in a folder.

    Args:
        folds: List of `Fold`.
        run_dir: Folder of the cross-validation.

    Returns:
        `RowFolds`; None where a fold is not finished.
    """
    results = [fold_dir(run_dir, fold) / "result" for fold in folds]
    if not all(result.is_dir() for result in results):
        return None
    return RowFolds(
        **{
            name: pd.concat(
                [_read(result, name) for result in results], ignore_index=True
            )
            for name in _RESULTS
        }
    )


def _track(tracker, fold, result, seed):
    """A run in MLflow: what was chosen in a fold, and its errors."""
    params, metrics = {"seed": seed}, {}
    for row in _read(result, "choices").itertuples():
        part = f"part_{row.part}"
        params[part] = {
            "learner": row.learner,
            "weight": row.weight,
            **json.loads(row.settings),
        }
        metrics[f"{part}_valid_error"] = row.valid_error
    with tracker.child(f"fold {fold.number}", params):
        tracker.log_metrics(metrics)


def _read(result, name):
    table = pd.read_csv(
        Path(result) / f"{name}.csv",
        dtype={"clip_id": str, "subject": str, "condition": str},
        keep_default_na=False,  # a subject may be called "NA"
        na_values=[""],
    )
    if "condition" in table:
        table["condition"] = table.condition.fillna("")
    return table
