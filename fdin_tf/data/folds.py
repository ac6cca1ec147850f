"""Subject-disjoint folds: seeded, from a table, or from public JSON lists."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

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
    tested_in = np.empty(len(clips), int)
    for number, (_, test) in enumerate(_split(clips, num_folds, seed)):
        tested_in[test] = number
    return _with_validation(clips, tested_in, seed)


def load_folds(clips, source=None, num_folds=10, seed=0):
    """Folds by the first of: a file, the clip table's column, a seed.

    Args:
        clips: Clip table.
        source: None; or a CSV file with the columns `clip_id` (or `video`)
            and `fold`; or a folder `1..K/{train,test}.json`, each a dict from
            clip id to smile type (0 posed, 1 spontaneous).
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
        if source.is_dir():
            folds, origin = _from_json(clips, source, seed), "JSON lists"
        elif source.is_file():
            folds, origin = _from_csv(clips, source, seed), "CSV file"
        else:
            raise FileNotFoundError(
                "Expected a CSV file or a folder of JSON lists with the folds."
                f" Received: folds={source}"
            )
        return folds, f"{origin} {source}"
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


def _from_csv(clips, path, seed):
    try:
        table = pd.read_csv(path, dtype=str, skipinitialspace=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeError) as e:
        raise ValueError(f"{path} cannot be read as a CSV table: {e}") from e
    table = table.rename(columns={"video": "clip_id"})
    missing = {"clip_id", "fold"} - set(table)
    if missing:
        raise ValueError(
            f"{path}: expected the columns clip_id (or video) and fold. "
            f"Received: columns={list(table)}"
        )
    known = set(clips.clip_id)
    test_fold = {}
    for line, (name, fold) in enumerate(zip(table.clip_id, table.fold), 2):
        clip_id = str(name).strip().removesuffix(".mp4")
        if clip_id not in known:
            continue
        fold = str(fold).strip()
        if not fold.isdecimal():
            raise ValueError(
                f"{path}, line {line}, column `fold`: expected a whole number. "
                f"Received: {fold!r}"
            )
        if test_fold.setdefault(clip_id, fold) != fold:
            raise ValueError(
                f"{path}, line {line}: expected one fold per clip. Received: "
                f"{clip_id!r} in {test_fold[clip_id]} and {fold}"
            )
    return _from_assignment(clips, test_fold, path, seed)


def _from_json(clips, folder, seed):
    """Folders 1..K with `train.json` and `test.json`, stem -> smile type."""
    numbered = sorted(
        (path for path in folder.iterdir() if path.name.isdecimal()),
        key=lambda path: int(path.name),
    )
    if not numbered:
        raise ValueError(
            f"Expected folders 1, 2, ... with test.json in {folder}."
        )
    smile_type = dict(zip(clips.clip_id, clips.spontaneity))
    test_fold, trained = {}, {}
    for number, path in enumerate(numbered):
        for clip_id, code in _read_labels(path / "test.json").items():
            expected = ("posed", "spontaneous")[code]
            if smile_type.get(clip_id, expected) != expected:
                raise ValueError(
                    f"{path / 'test.json'}: expected the smile type of the "
                    f"clip table. Received: {clip_id!r} as {expected}"
                )
            if clip_id in test_fold:
                raise ValueError(
                    f"{path / 'test.json'}: expected every clip in one test "
                    f"list. Received: {clip_id!r} again"
                )
            test_fold[clip_id] = number
        trained[number] = set(_read_labels(path / "train.json"))
    for clip_id, number in test_fold.items():
        if clip_id in trained[number]:
            raise ValueError(
                f"{numbered[number]}: expected no clip in both lists. "
                f"Received: {clip_id!r}"
            )
    return _from_assignment(clips, test_fold, folder, seed)


def _read_labels(path):
    try:
        labels = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(labels, dict) or not all(
        type(code) is int and code in (0, 1) for code in labels.values()
    ):
        raise ValueError(
            f"{path}: expected a dict from clip id to 0 (posed) or 1 "
            "(spontaneous)."
        )
    return labels


def _from_assignment(clips, test_fold, source, seed):
    missing = [c for c in clips.clip_id if c not in test_fold]
    if missing:
        raise ValueError(
            f"{source}: expected a fold for every clip; {len(missing)} have "
            f"none. Received: clip_id={missing[0]!r}"
        )
    tested_in = [int(test_fold[clip_id]) for clip_id in clips.clip_id]
    return _from(source, clips, np.array(tested_in), seed)


def _from(source, clips, tested_in, seed):
    """The user's own assignment; what is wrong with it names the source."""
    try:
        return _with_validation(clips, tested_in, seed)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
