"""Subject-disjoint folds: seeded, from a table, or from a file."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from fdin_tf.data.fold_files import read_test_folds

PARTS = ("train", "valid", "test")


@dataclasses.dataclass(frozen=True)
class Fold:
    """Clip ids of one fold; no subject is in two of its parts.

    Attributes:
        number: Number of the test fold, from 0.
        train: Clip ids that weights (and encoders) are fitted to.
        valid: Clip ids that choices are made on, such as when to stop.
        test: Clip ids that are read once, for the result.
    """

    number: int
    train: tuple[str, ...]
    valid: tuple[str, ...]
    test: tuple[str, ...]


def make_folds(clips, num_folds=10, seed=0):
    """Seeded folds, disjoint by subject and stratified by age.

    Every clip is tested exactly once. Of the subjects that a fold does not
    test, about one in nine (with ten folds) is put aside for validation.

    Args:
        clips: Clip table.
        num_folds: Number of test folds, at least 2.
        seed: Seed of the assignment.

    Returns:
        A list of `Fold`.

    Raises:
        ValueError: If there are fewer subjects than folds need.

    Example:

    >>> clips = pd.DataFrame({
    ...     "clip_id": [f"{s}_{k}" for s in range(9) for k in range(2)],
    ...     "subject": [str(s) for s in range(9) for _ in range(2)],
    ...     "age": [10.0 + 5 * s for s in range(9) for _ in range(2)]})
    >>> [len(fold.test) for fold in make_folds(clips, num_folds=3)]
    [6, 6, 6]
    """
    subjects = clips.subject.nunique()
    if not 2 <= num_folds <= subjects - 1:
        raise ValueError(
            "Expected a number of folds from 2 to one less than the number of "
            f"subjects ({subjects}); see --num-folds. Received: num_folds="
            f"{num_folds}"
        )
    tested_in = _test_folds(clips, num_folds, seed)
    largest = clips.subject.groupby(tested_in).nunique().max()
    if subjects - largest < 2:
        # Folds are made even by clips: a subject with many may leave nearly
        # all others to one fold. Then they are made even by subjects.
        first = clips.drop_duplicates("subject")
        number = _test_folds(first, num_folds, seed)
        of = dict(zip(first.subject, number))
        tested_in = clips.subject.map(of).to_numpy()
    return _with_validation(clips, tested_in, seed)


def load_folds(clips, source=None, num_folds=10, seed=0):
    """Folds by the first of: a file, the clip table's column, a seed.

    Args:
        clips: Clip table.
        source: None; or a file or folder, see `read_test_folds`.
        num_folds: Number of folds where neither decides it.
        seed: Seed of the assignment and of the validation subjects.

    Returns:
        The pair (list of `Fold`, what they were made from, in words).

    Raises:
        FileNotFoundError: If `source` does not exist.
        ValueError: If the source does not fit the clips, or if a subject
            would be in two parts of a fold.
    """
    if source is not None:
        source = Path(source)
        tested_in, kind = read_test_folds(clips, source)
        return _from(source, clips, tested_in, seed), f"{kind} {source}"
    if "fold" in clips:
        origin = "column `fold` of the clip table"
        return _from(origin, clips, clips.fold.to_numpy(), seed), origin
    folds = make_folds(clips, num_folds, seed)
    return folds, f"{num_folds} folds by seed {seed}, stratified by age"


def restrict_folds(folds, clips):
    """The same folds with some of their clips alone.

    A subject keeps its part of every fold: so folds of two databases that
    share subjects, each restricted to one, keep them apart across both.

    Args:
        folds: List of `Fold`.
        clips: Clip table of the clips to keep.

    Returns:
        A list of `Fold`.

    Raises:
        ValueError: If a part of a fold is left without clips.
    """
    kept = set(clips.clip_id)
    folds = [
        Fold(
            fold.number,
            *(tuple(c for c in getattr(fold, p) if c in kept) for p in PARTS),
        )
        for fold in folds
    ]
    check_folds(folds, clips)
    return folds


def check_folds(folds, clips):
    """Refuses folds in which anything that is tested was seen before.

    Raises:
        ValueError: If a subject is in two parts of a fold, a part is empty,
            a clip is unknown, or a clip is tested twice or never.
    """
    subject_of = dict(zip(clips.clip_id, clips.subject))
    tested = pd.Series([c for fold in folds for c in fold.test], dtype=object)
    for fold in folds:
        seen = {}
        for part in PARTS:
            ids = getattr(fold, part)
            if not ids:
                raise ValueError(
                    f"Expected clips in every part of a fold. Received: no "
                    f"{part} clip in fold {fold.number}"
                )
            for clip_id in ids:
                if clip_id not in subject_of:
                    raise ValueError(
                        f"Fold {fold.number} ({part}) names a clip that the "
                        f"clip table lacks. Received: clip_id={clip_id!r}"
                    )
                subject = subject_of[clip_id]
                other, first = seen.setdefault(subject, (part, clip_id))
                if other != part:
                    raise ValueError(
                        "Expected every subject in one part of a fold. "
                        f"Received: subject={subject!r} in {other} "
                        f"({first}) and {part} ({clip_id}) of fold "
                        f"{fold.number}"
                    )
    twice = tested[tested.duplicated()]
    never = set(subject_of) - set(tested)
    if len(twice) or never:
        raise ValueError(
            "Expected every clip to be tested exactly once. Received: "
            + (f"{twice.iloc[0]!r} twice" if len(twice)
               else f"{min(never)!r} never")
        )  # fmt: skip


def fold_table(folds):
    """The assignment as a table: clip_id, fold, part."""
    return pd.DataFrame(
        [
            (clip_id, fold.number, part)
            for fold in folds
            for part in PARTS
            for clip_id in getattr(fold, part)
        ],
        columns=["clip_id", "fold", "part"],
    )


def _test_folds(clips, num_folds, seed):
    """Number of the fold that tests each clip, `(clips,)`."""
    tested_in = np.empty(len(clips), int)
    for number, (_, test) in enumerate(_split(clips, num_folds, seed)):
        tested_in[test] = number
    return tested_in


def _split(clips, num_splits, seed):
    splitter = StratifiedGroupKFold(num_splits, shuffle=True, random_state=seed)
    return splitter.split(clips, _age_groups(clips, num_splits), clips.subject)


def _age_groups(clips, num_splits):
    """Quantiles of age with enough subjects for one per split."""
    age = clips.age.fillna(clips.age.median()).fillna(0.0)
    groups = np.clip(clips.subject.nunique() // num_splits, 1, 8)
    codes = pd.qcut(age.rank(method="first"), groups, labels=False)
    # All clips of a subject in one group: the one of the subject's first clip.
    return codes.groupby(clips.subject).transform("first")


def _with_validation(clips, tested_in, seed):
    """Adds validation subjects to an assignment of test folds."""
    clips = clips.reset_index(drop=True)
    folds = []
    for number in np.unique(tested_in):
        rest = clips[tested_in != number]
        subjects = rest.subject.nunique()
        if subjects < 2:
            raise ValueError(
                "Expected at least two subjects beside those tested, for "
                f"training and validation. Received: {subjects} in fold "
                f"{number}"
            )
        # As large as a test fold where there are enough subjects.
        parts = np.clip(len(np.unique(tested_in)) - 1, 5, 9)
        splits = _split(rest, min(parts, subjects), seed + 1 + int(number))
        train, valid = next(iter(splits))
        folds.append(
            Fold(
                int(number),
                train=tuple(rest.clip_id.iloc[train]),
                valid=tuple(rest.clip_id.iloc[valid]),
                test=tuple(clips.clip_id[tested_in == number]),
            )
        )
    check_folds(folds, clips)
    return folds


def _from(source, clips, tested_in, seed):
    """The user's own assignment; what is wrong with it names the source."""
    try:
        return _with_validation(clips, tested_in, seed)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
