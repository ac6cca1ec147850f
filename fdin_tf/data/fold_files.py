"""Test folds as others wrote them down: CSV tables, public JSON lists."""

from pathlib import Path

import numpy as np

from fdin_tf.data.tables import read_csv_text
from fdin_tf.file_limits import parse_json
from fdin_tf.plain_text import quoted

#: Largest list of clips, bytes.
MAX_LIST_BYTES = 2**26
_MAX_DIGITS = 9  # of the number of a fold


def read_test_folds(clips, source):
    """Reads which fold every clip is tested in.

    Args:
        clips: Clip table.
        source: A CSV file with the columns `clip_id` (or `video`) and `fold`;
            or a folder `1..K/{train,test}.json`, each a dict from clip id to
            smile type (0 posed, 1 spontaneous). Clips that the table lacks
            are passed over.

    Returns:
        The pair (number of the test fold of every clip, integers `(n,)`; what
        kind of source it is, in words). Folders are numbered from 0.

    Raises:
        FileNotFoundError: If `source` does not exist.
        ValueError: If the source cannot be read, is larger than
            `MAX_LIST_BYTES`, contradicts itself or the clip table, or lacks a
            clip.

    Example:

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "folds.csv"
    >>> import pandas as pd
    >>> clips = pd.DataFrame({"clip_id": ["a", "b"]})
    >>> clips.assign(fold=[1, 0]).to_csv(path, index=False)
    >>> tested_in, kind = read_test_folds(clips, path)
    >>> tested_in.tolist(), kind
    ([1, 0], 'CSV file')
    """
    source = Path(source)
    if source.is_dir():
        test_fold, kind = _read_json(clips, source), "JSON lists"
    elif source.is_file():
        test_fold, kind = _read_csv(clips, source), "CSV file"
    else:
        raise FileNotFoundError(
            "Expected a CSV file or a folder of JSON lists with the folds. "
            f"Received: folds={source}"
        )
    missing = [c for c in clips.clip_id if c not in test_fold]
    if missing:
        raise ValueError(
            f"{source}: expected a fold for every clip; {len(missing)} have "
            f"none. Received: clip_id={missing[0]!r}"
        )
    tested_in = [int(test_fold[clip_id]) for clip_id in clips.clip_id]
    return np.array(tested_in), kind


def _read_csv(clips, path):
    """A table of clips and folds."""
    table = read_csv_text(path, "the folds")
    table = table.rename(columns={"video": "clip_id"})
    columns = list(table)
    if columns.count("clip_id") != 1 or columns.count("fold") != 1:
        raise ValueError(
            f"{path}: expected the columns clip_id (or video) and fold, each "
            f"once. Received: columns={quoted(columns)}"
        )
    known = set(clips.clip_id)
    test_fold = {}
    for line, (name, fold) in enumerate(zip(table.clip_id, table.fold), 2):
        clip_id = str(name).strip().removesuffix(".mp4")
        if clip_id not in known:
            continue
        fold = str(fold).strip()
        if not fold.isdecimal() or len(fold) > _MAX_DIGITS:
            raise ValueError(
                f"{path}, line {line}, column `fold`: expected a whole number. "
                f"Received: {quoted(fold)}"
            )
        if test_fold.setdefault(clip_id, fold) != fold:
            raise ValueError(
                f"{path}, line {line}: expected one fold per clip. Received: "
                f"{clip_id!r} in {test_fold[clip_id]} and {fold}"
            )
    return test_fold


def _read_json(clips, folder):
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
    return test_fold


def _read_labels(path):
    labels = parse_json(path, MAX_LIST_BYTES)
    if not isinstance(labels, dict) or not all(
        type(code) is int and code in (0, 1) for code in labels.values()
    ):
        raise ValueError(
            f"{path}: expected a dict from clip id to 0 (posed) or 1 "
            "(spontaneous)."
        )
    return labels
