"""Files that `recipes.predict` is given, and those that it writes."""

import csv
import json
import mimetypes

from PIL import Image

from fdin_tf.data.cache import atomic_path

#: Tables that are written for every call.
TABLES = ("predictions.csv", "predictions.json")


def kind_of(path):
    """What a file seems to be.

    Args:
        path: Path of the file.

    Returns:
        `"photograph"` if it is an image of one picture, `"video"` if it is
        none and is named as a video, `"file"` otherwise.

    Example:

    >>> kind_of("smile.mp4"), kind_of("notes.txt")
    ('video', 'file')
    """
    try:
        with Image.open(path) as image:
            is_moving = getattr(image, "is_animated", False)
        return "file" if is_moving else "photograph"
    except (OSError, SyntaxError, Image.DecompressionBombError):
        kind = mimetypes.guess_type(str(path))[0] or ""
        return "video" if kind.startswith("video/") else "file"


def names_taken(files, folder):
    """Names of pictures that were given, so that none is written over.

    Args:
        files: Paths of the files that were given.
        folder: Folder that pictures are written to.

    Returns:
        Set of the names in this folder, without their ending `.png` and in
        small letters, for `unused`.

    Example:

    >>> from pathlib import Path
    >>> sorted(names_taken([Path("a/B.png"), Path("a/c.jpg")], Path("a")))
    ['b']
    """
    return {
        place.stem.casefold()
        for place in _places(files)
        if place.suffix.lower() == ".png" and place.parent == folder.resolve()
    }


def unused(stem, taken, endings=("",)):
    """The name, or with a number behind it where another file has it.

    Args:
        stem: Wanted name.
        taken: Set of the names given so far, in small letters; those of this
            one are added.
        endings: What follows the name in the names of the files.

    Example:

    >>> taken = set()
    >>> [unused(stem, taken) for stem in ("a", "a", "A-2")]
    ['a', 'a-2', 'A-2-2']
    """

    def files(name):
        return {f"{name}{ending}".casefold() for ending in endings}

    name, number = stem, 1
    while not taken.isdisjoint(files(name)):
        number += 1
        name = f"{stem}-{number}"
    taken |= files(name)
    return name


def check_tables(files, folder):
    """Refuses files that the tables would be written over.

    Args:
        files: Paths of the files that were given.
        folder: Folder that tables are written to.

    Raises:
        ValueError: If one of the files is one of `TABLES` in this folder.
    """
    for place in _places(files):
        if place.name.lower() in TABLES and place.parent == folder.resolve():
            raise ValueError(
                f"Expected files other than {' and '.join(TABLES)}, which "
                f"are written to {folder}; give another --output-dir. "
                f"Received: {place}"
            )


def _places(files):
    """Where files lie and where, if they are links, what they show lies."""
    for file in files:
        yield file.parent.resolve() / file.name
        yield file.resolve()


def write_figure(figure, path):
    """Writes a picture at once or not at all; `path` has no ending."""
    with atomic_path(path.with_name(f"{path.name}.png")) as new:
        figure.savefig(new, dpi=150, format="png")


def write_tables(rows, folder, name, about):
    """Writes `TABLES`: the same rows as CSV and as JSON.

    Args:
        rows: Dicts of plain values, one for each file that was given.
        folder: Folder that they are written to.
        name: What the JSON file calls the rows, such as `"clips"`.
        about: Dict of what the JSON file says beside them.
    """
    csv_path, json_path = (folder / table for table in TABLES)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with (
        atomic_path(csv_path) as path,
        open(
            path,
            "w",
            newline="",
            encoding="utf-8",
            errors="backslashreplace",  # names of files may be no text
        ) as file,
    ):
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    with atomic_path(json_path) as path:
        path.write_text(json.dumps({**about, name: rows}, indent=1))
