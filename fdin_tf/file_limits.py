"""Limits on files from elsewhere: what they claim is held against them.

A small file can claim, or unpack to, any amount of data. Sizes are read from
headers and refused before anything of that size is made.
"""

import json
import re
import zipfile
from pathlib import Path

import numpy as np

from fdin_tf.plain_text import reason_of

#: Bytes of a line of a table, which bounds its columns.
MAX_LINE = 2**16
#: Data above this size may not be packed tighter than numbers ever are.
TRUSTED_SIZE = 2**24
#: Times that data above `TRUSTED_SIZE` may be larger than they are stored.
MAX_RATIO = 100


def check_size(path, most):
    """Refuses a file that is larger than anything of its kind.

    Args:
        path: The file.
        most: Largest size, bytes.

    Raises:
        ValueError: If the file is larger.
    """
    size = Path(path).stat().st_size
    if size > most:
        raise ValueError(
            f"{path}: expected a file of at most {most:,} bytes. Received: "
            f"{size:,}"
        )


def check_text(path, most):
    """Refuses a text file that is too large or has a line that is too long.

    Args:
        path: The file.
        most: Largest size, bytes.

    Raises:
        ValueError: If the file is larger, or a line is longer than
            `MAX_LINE` bytes.
    """
    check_size(path, most)
    length = longest = 0
    with open(path, "rb") as file:
        while block := file.read(MAX_LINE):
            first, *others = re.split(rb"[\r\n]", block)
            length += len(first)
            for other in others:
                longest = max(longest, length)
                length = len(other)
    if max(longest, length) > MAX_LINE:
        raise ValueError(
            f"{path}: expected lines of at most {MAX_LINE:,} bytes. Received: "
            f"one of {max(longest, length):,}"
        )


def check_claim(what, claimed, stored, most):
    """Refuses data that claim more than what is stored of them can hold.

    Args:
        what: What a message calls the data.
        claimed: Bytes that they claim to be.
        stored: Bytes that they take in the file.
        most: Largest size, bytes.

    Raises:
        ValueError: If they claim more than `most`, or more than
            `TRUSTED_SIZE` and `MAX_RATIO` times what is stored.

    Example:

    >>> check_claim("kernel", claimed=10**9, stored=10**9, most=2**31)
    """
    packed = claimed > max(TRUSTED_SIZE, MAX_RATIO * stored)
    if claimed > most or packed:
        raise ValueError(
            f"{what} claims {claimed:,} bytes in {stored:,} stored ones, "
            f"expected at most {most:,} in all and {MAX_RATIO} for each"
        )


def check_archive(path, most):
    """Refuses a zip archive that unpacks to more than it may.

    Args:
        path: The archive.
        most: Largest size of all that it holds, bytes.

    Raises:
        BadZipFile: If the file is no zip archive.
        ValueError: See `check_claim`.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    check_claim(
        "the archive",
        sum(member.file_size for member in members),
        sum(member.compress_size for member in members),
        most,
    )


def read_npz(path, most, keys=None):
    """Reads plain arrays of an `.npz` file; nothing in the file is run.

    Args:
        path: The file.
        most: Largest size of all arrays in the file, bytes.
        keys: The arrays to read, if they are there; None: all.

    Returns:
        Dict of arrays by key.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, no such archive, or claims too
            much; the message is the reason alone.
    """
    try:
        check_archive(path, most)
        with np.load(path, allow_pickle=False) as content:
            wanted = content.files if keys is None else keys
            return {key: content[key] for key in content.files if key in wanted}
    except FileNotFoundError:
        raise
    except Exception as error:  # zipfile and NumPy report damage in many ways
        raise ValueError(reason_of(error)) from None


def parse_json(path, most):
    """What a JSON file holds.

    Args:
        path: The file.
        most: Largest size, bytes.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is too large or not valid, which one whose
            lists are nested too deeply also is not; with the file.
    """
    check_size(path, most)
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is not valid JSON: {reason_of(error)}"
        ) from None
