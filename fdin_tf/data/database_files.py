"""What lies in the folder of a database, found by name, and what is missing."""

import os
import warnings
from pathlib import Path

_NUM_NAMED = 5


def list_folders(root, database):
    """All folders of a database, and the names of the files in each.

    Args:
        root: The folder of the database, or one above it. Links to folders
            are followed.
        database: What a message calls the database.

    Returns:
        Dict from the absolute path of a folder to the sorted names of its
        files; the root first, then the folders below, sorted by name.

    Raises:
        FileNotFoundError: If there is no such folder.

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as root:
    ...     _ = (Path(root) / "a.txt").write_text("")
    ...     list(list_folders(root, "my database").values())
    [['a.txt']]
    """
    if not Path(root).is_dir():
        raise FileNotFoundError(
            f"Expected a folder of {database}. Received: data_dir={root}"
        )
    found = {}
    absolute = os.path.abspath(root)
    for folder, folders, names in os.walk(absolute, followlinks=True):
        folders.sort()
        found[Path(folder)] = sorted(names)
    return found


def find_file(folders, name, required=True):
    """Path of the only file of a name.

    Args:
        folders: Result of `list_folders`.
        name: The name.
        required: Whether none is an error.

    Returns:
        The path; None if there is none and none is required.

    Raises:
        FileNotFoundError: If there is none, but one is required.
        ValueError: If there are several.
    """
    root = next(iter(folders))
    found = [
        folder / name for folder, names in folders.items() if name in names
    ]
    if len(found) > 1:
        raise ValueError(
            f"Expected one {name} in {root}. Received: "
            + ", ".join(str(path.relative_to(root)) for path in found)
        )
    if not found and required:
        raise FileNotFoundError(
            f"Expected a file {name} in {root} or below, found none."
        )
    return found[0] if found else None


def leave_out_missing(images, source):
    """Rows of the images that are there; the others are counted and named.

    Args:
        images: DataFrame with a column `path`.
        source: What a message calls that which lists the images.

    Returns:
        The rows whose file is there, indexed from 0.

    Raises:
        ValueError: If none is there.

    Warns:
        UserWarning: If some are not there.
    """
    is_there = images.path.map(os.path.isfile)
    missing = [Path(path).name for path in images.path[~is_there]]
    if not is_there.any():
        raise ValueError(
            f"{source}: none of the {len(images)} images that are listed is "
            f"there. Expected, for instance: path={images.path.iloc[0]}"
        )
    if missing:
        warnings.warn(
            f"{source}: {len(missing)} of {len(images)} images that are listed"
            f" are not there and are left out: {name_some(missing)}",
            stacklevel=3,
        )
    return images[is_there].reset_index(drop=True)


def name_some(names):
    """The first names, and whether there are more.

    Example:

    >>> name_some(list("abcdefg"))
    'a, b, c, d, e, ...'
    """
    more = ", ..." if len(names) > _NUM_NAMED else ""
    return ", ".join(map(str, names[:_NUM_NAMED])) + more
