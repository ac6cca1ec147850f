"""Adapter of the UvA-NEMO Smile database, and of sets in its layout."""

import re
from pathlib import Path

import pandas as pd

from fdin_tf.data.clips import check_clips
from fdin_tf.file_limits import check_text
from fdin_tf.plain_text import quoted

#: Largest details file, bytes: some hundred thousand videos.
MAX_DETAILS_BYTES = 2**25
FILE_NAME = re.compile(
    r"(\d{3})_(deliberate|spontaneous)_smile_(\d{1,9})\.mp4", re.ASCII
)
AGE = re.compile(r"\d{1,3}", re.ASCII)
SMILE_TYPES = {"deliberate": "posed", "spontaneous": "spontaneous"}

# Dibeklioglu, Salah and Gevers, "Recognition of Genuine Smiles", IEEE TMM
# 2015, and uva-nemo.org; decades counted from the details file and equal to
# Table III of Pei et al.
WHOLE_DATABASE = {
    "clips": 1240,
    "posed clips": 643,
    "spontaneous clips": 597,
    "subjects": 400,
    "female subjects": 185,
    "male subjects": 215,
    "youngest": 8,
    "oldest": 76,
    "clips per decade": (158, 333, 215, 171, 250, 66, 30, 17),
}


def load_uva_nemo(root):
    """Clip table of a folder in the layout of the UvA-NEMO Smile database.

    The folder holds `*_File_Details.txt` (some header lines, then one line
    per video: file name, subject code, gender, age and smile type, separated
    by tabs) and the videos, `NNN_deliberate_smile_K.mp4` and
    `NNN_spontaneous_smile_K.mp4`, in any folder below.

    Args:
        root: The folder, or one above it.

    Returns:
        The clip table. `clip_id` is the file name without its ending,
        `subject` the three-digit code, `deliberate` is called `posed`, and
        `database` is what stands before `_File_Details.txt`. A video that the
        details name but that is not there keeps its expected path: reading
        it reports it.

    Raises:
        FileNotFoundError: If there is no such folder or no details file.
        ValueError: If a line of the details file is not valid (the message
            names file, line and field), if there are several details files,
            or if the whole UvA-NEMO Smile database is there (1,240 clips)
            and its published counts are not met.
    """
    details = _find_details(Path(root))
    videos = {
        path.name: path
        for path in sorted(details.parent.rglob("*.mp4"))
        if FILE_NAME.fullmatch(path.name)
    }
    folder = details.parent / "videos"
    rows = []
    for line, fields in _data_lines(details):
        row = _parse(fields, f"{details}, line {line}")
        name = row["clip_id"] + ".mp4"
        rows.append({**row, "path": str(videos.get(name, folder / name))})
    if not rows:
        raise ValueError(
            f"{details}: expected lines such as '001_deliberate_smile_2.mp4 "
            "<tab> 001 <tab> male <tab> 31 <tab> deliberate', found none."
        )
    clips = pd.DataFrame(rows)
    clips["database"] = details.name.removesuffix("_File_Details.txt")
    clips = check_clips(clips, source=str(details))
    _check_subjects(clips, details)
    if clips.database[0].startswith("UvA-NEMO_Smile"):
        _check_whole_database(clips, details)
    return clips


def _find_details(root):
    if not root.is_dir():
        raise FileNotFoundError(
            "Expected a folder in the layout of the UvA-NEMO Smile database. "
            f"Received: data_dir={root}"
        )
    found = sorted(root.rglob("*_File_Details.txt"))
    if not found:
        raise FileNotFoundError(
            f"Expected a file *_File_Details.txt in {root} or below, found "
            "none."
        )
    if len(found) > 1:
        raise ValueError(
            f"Expected one *_File_Details.txt in {root}. Received: "
            + ", ".join(str(path.relative_to(root)) for path in found)
        )
    return found[0]


def _data_lines(details):
    """Numbered lines after the header, whose length is not documented."""
    check_text(details, MAX_DETAILS_BYTES)
    try:
        lines = details.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{details} is no text file: {error}") from error
    started = False
    for number, line in enumerate(lines, start=1):
        fields = [field.strip() for field in line.split("\t")]
        started = started or bool(FILE_NAME.fullmatch(fields[0]))
        if started and line.strip():
            yield number, fields


def _parse(fields, place):
    if len(fields) != 5:
        raise ValueError(
            f"{place}: expected 5 fields separated by tabs (file, subject, "
            f"gender, age, smile type). Received: {len(fields)} fields"
        )
    name, subject, gender, age, smile = fields
    parts = FILE_NAME.fullmatch(name)
    checks = (
        ("file name", name, parts, "NNN_deliberate|spontaneous_smile_K.mp4"),
        ("subject", subject, parts and parts[1] == subject, "the code in the "
         "file name"),
        ("gender", gender, gender in ("female", "male"), "female or male"),
        ("age", age, AGE.fullmatch(age) and int(age) <= 120, "whole years"),
        ("smile type", smile, parts and parts[2] == smile, "the smile type in "
         "the file name"),
    )  # fmt: skip
    for field, value, is_valid, expected in checks:
        if not is_valid:
            raise ValueError(
                f"{place}, {field}: expected {expected}. Received: "
                f"{quoted(value)}"
            )
    return {
        "clip_id": Path(name).stem,
        "subject": subject,
        "age": float(age),
        "gender": gender,
        "spontaneity": SMILE_TYPES[smile],
    }


def _check_subjects(clips, details):
    """Age and gender belong to the subject."""
    for field in ("age", "gender"):
        different = clips.groupby("subject")[field].nunique()
        if (different > 1).any():
            subject = different.idxmax()
            values = clips[clips.subject == subject][field].unique()
            raise ValueError(
                f"{details}: expected one {field} per subject. Received: "
                f"subject={subject!r} with {list(values)}"
            )


def _check_whole_database(clips, details):
    if len(clips) != WHOLE_DATABASE["clips"]:
        return  # a part of the database has no published counts
    subjects = clips.drop_duplicates("subject")
    decades = clips.groupby(clips.age // 10).size()
    found = {
        "clips": len(clips),
        "posed clips": int((clips.spontaneity == "posed").sum()),
        "spontaneous clips": int((clips.spontaneity == "spontaneous").sum()),
        "subjects": len(subjects),
        "female subjects": int((subjects.gender == "female").sum()),
        "male subjects": int((subjects.gender == "male").sum()),
        "youngest": int(clips.age.min()),
        "oldest": int(clips.age.max()),
        "clips per decade": tuple(
            int(decades.get(decade, 0)) for decade in range(8)
        ),
    }
    for what, expected in WHOLE_DATABASE.items():
        if found[what] != expected:
            raise ValueError(
                f"{details}: the UvA-NEMO Smile database has {expected} "
                f"{what}. Received: {found[what]}"
            )
