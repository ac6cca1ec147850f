"""The clip table: one row per video of one expression of one subject."""

from pathlib import Path

import pandera.pandas as pa

from fdin_tf.data.tables import check_table
from fdin_tf.data.tables import read_csv_text
from fdin_tf.plain_text import is_plain_name

TARGET_CLASSES = {
    "gender": ("female", "male"),
    "spontaneity": ("posed", "spontaneous"),
}

#: Unit of the targets that are numbers (a planted one is in its own).
TARGET_UNITS = {"age": "years", "planted": ""}

CLIP_SCHEMA = pa.DataFrameSchema(
    {
        "clip_id": pa.Column(
            str, pa.Check(is_plain_name, element_wise=True), unique=True
        ),
        "path": pa.Column(str, pa.Check.str_length(min_value=1)),
        "subject": pa.Column(str, pa.Check.str_length(min_value=1)),
        "age": pa.Column(float, pa.Check.in_range(0, 120), nullable=True),
        "gender": pa.Column(
            str, pa.Check.isin(TARGET_CLASSES["gender"]), nullable=True
        ),
        "spontaneity": pa.Column(
            str, pa.Check.isin(TARGET_CLASSES["spontaneity"]), nullable=True
        ),
        "database": pa.Column(str, pa.Check.str_length(min_value=1)),
        "fold": pa.Column(int, pa.Check.ge(0), required=False),
    }
)

_EXPECTED = {
    "clip_id": "a clip id that no other row has and that can name a file",
    "path": "the path of a video",
    "subject": "a subject code",
    "age": "years from 0 to 120, or nothing",
    "gender": "female, male, or nothing",
    "spontaneity": "posed, spontaneous, or nothing",
    "database": "the name of a database",
    "fold": "the number of the test fold, from 0",
}


def read_clip_table(path):
    """Reads a clip table from a CSV file.

    Args:
        path: CSV file with the columns `clip_id`, `path` (of the video,
            relative to the CSV file or absolute), `subject`, `age` (years),
            `gender` (`female`, `male`), `spontaneity` (`posed`,
            `spontaneous`), `database` and, optionally, `fold` (the integer of
            the test fold). Age, gender and spontaneity may be left empty.
            Further columns are kept.

    Returns:
        A checked DataFrame, one row per clip, with absolute video paths.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no table or a cell is not valid; the
            message names the file, the line and the column.
    """
    path = Path(path)
    table = read_csv_text(path, "the clip table")
    table = check_clips(table, source=str(path), first_line=2)
    table["path"] = [
        str((path.parent / video).resolve()) for video in table["path"]
    ]
    return table


def check_clips(table, source="the clip table", first_line=None):
    """Checks and completes a clip table.

    Args:
        table: DataFrame with the columns of `read_clip_table`.
        source: What a message calls the table.
        first_line: Line number of the first row in its file; messages then
            count lines, otherwise rows from 0.

    Returns:
        A copy with strings stripped, `age` as float (years) and `fold` as
        integer, indexed from 0.

    Raises:
        ValueError: If a column is missing, the table is empty or a cell is
            not valid: the first bad cell is named by line and column.

    Example:

    >>> import pandas as pd
    >>> check_clips(pd.DataFrame({
    ...     "clip_id": ["a"], "path": ["a.mp4"], "subject": ["1"],
    ...     "age": ["31"], "gender": ["female"], "spontaneity": ["posed"],
    ...     "database": ["mine"]})).age.item()
    31.0
    """
    return check_table(
        table, CLIP_SCHEMA, _EXPECTED, source, first_line, of="clip"
    )


def select_clips(clips, database=None, spontaneity=None):
    """The clips of one database, or of one type of expression.

    Args:
        clips: Clip table.
        database: Name of a database; None: all.
        spontaneity: `posed` or `spontaneous`; None: both, and clips of
            unknown type.

    Returns:
        Rows of the clip table, indexed from 0.

    Raises:
        ValueError: If there are no such clips.

    Example:

    >>> import pandas as pd
    >>> clips = pd.DataFrame({"clip_id": ["a", "b"], "database": ["x", "y"]})
    >>> select_clips(clips, database="y").clip_id.tolist()
    ['b']
    """
    for name, wanted in (("database", database), ("spontaneity", spontaneity)):
        if wanted is None:
            continue
        there = sorted(clips[name].dropna().unique())
        if wanted not in there:
            known = f"one of {', '.join(map(repr, there))}"
            raise ValueError(
                f"Expected clips whose `{name}` is "
                f"{known if there else 'known; none is'}. Received: "
                f"{name}={wanted!r}"
            )
        clips = clips[clips[name] == wanted]
    return clips.reset_index(drop=True)


def require_target(clips, target, source="the clip table"):
    """Checks that every clip has a label for what is to be estimated.

    Raises:
        ValueError: If a clip has no label, or if a class target has only
            one class.
    """
    unlabelled = clips[clips[target].isna()]
    if len(unlabelled):
        raise ValueError(
            f"{source}: expected `{target}` for every clip; {len(unlabelled)} "
            f"have none. Received: clip_id={unlabelled.clip_id.iloc[0]!r}"
        )
    if target in TARGET_CLASSES and clips[target].nunique() < 2:
        raise ValueError(
            f"{source}: expected clips of both classes of `{target}`. "
            f"Received: only {clips[target].iloc[0]!r}"
        )
