"""Files that `recipes.predict` is given, and those that it writes."""

import csv
import json
import mimetypes

from PIL import Image

from fdin_tf.data.cache import atomic_path


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


def unused(stem, taken):
    """The name, or with a number behind it where another file has it.

    Args:
        stem: Wanted name.
        taken: Set of the names given so far; this one is added.

    Example:

    >>> taken = set()
    >>> [unused(stem, taken) for stem in ("a", "a", "a-2")]
    ['a', 'a-2', 'a-2-2']
    """
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name)
    return name


def write_figure(figure, path):
    """Writes a picture at once or not at all; `path` has no ending."""
    with atomic_path(path.with_name(f"{path.name}.png")) as new:
        figure.savefig(new, dpi=150, format="png")


def write_tables(rows, folder, name, about):
    """Writes `predictions.csv` and `predictions.json`.

    Args:
        rows: Dicts of plain values, one for each file that was given.
        folder: Folder that they are written to.
        name: What the JSON file calls the rows, such as `"clips"`.
        about: Dict of what the JSON file says beside them.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with (
        atomic_path(folder / "predictions.csv") as path,
        open(path, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    with atomic_path(folder / "predictions.json") as path:
        path.write_text(json.dumps({**about, name: rows}, indent=1))
