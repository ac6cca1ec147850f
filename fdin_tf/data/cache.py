"""Arrays on disk under content keys; one atomic, checksummed file each."""

import contextlib
import hashlib
import io
import json
import os
import platform
import re
import shutil
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import platformdirs

from fdin_tf.data.spooled import SpooledRows
from fdin_tf.file_limits import parse_json

#: Largest JSON file, bytes: the card of a model tested on millions of clips.
MAX_JSON_BYTES = 2**28
_BLOCK = 1 << 20
_A_DAY = 24 * 3600.0  # seconds
# What ends the name of a file in the making: process and machine.
_OWNER = re.compile(r"\.(\d+)-[0-9a-f]+(?:@(.+))?\.tmp$")


def default_cache_dir():
    """The user's cache folder of this package (platform's own place)."""
    return Path(platformdirs.user_cache_dir("fdin-tf", appauthor=False))


def content_digest(path):
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def settings_digest(*parts):
    """SHA-256 of settings: anything that JSON can hold, in the given order."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


# NumPy parses headers with `ast`, which several threads at once can break in
# some releases of Python 3.11 (SystemError: recursion depth mismatch).
_PARSING = threading.Lock()


class ArrayCache:
    """A folder of `.npz` files, one per key.

    A file appears under its name when it is complete (it is written beside
    and renamed), so that a killed process leaves nothing half-written behind
    that a later one could trust. Reading checks every array as a whole by the
    CRC-32 that the format keeps of it: a file that is damaged anywhere counts
    as absent, and stays until `put` replaces it.

    Args:
        root: The folder; it is made when first written to.

    Attributes:
        damaged: Paths of the damaged files that were met.

    Example:

    >>> import tempfile
    >>> cache = ArrayCache(tempfile.mkdtemp())
    >>> cache.put("ab12", {"x": np.arange(3)})
    >>> cache.get("ab12")["x"].tolist()
    [0, 1, 2]
    >>> cache.get("cd34") is None
    True
    """

    def __init__(self, root):
        self.root = Path(root)
        self.damaged = []

    def path(self, key):
        """Where the arrays of a key are, or will be."""
        return self.root / key[:2] / f"{key}.npz"

    def has(self, key):
        """Whether there is a whole file of the key; all of it is read."""
        return self.get(key) is not None

    def get(self, key):
        """The arrays of a key as a dict, or None if there is no whole file.

        Raises:
            OSError: If there is a file, but reading it fails.
        """
        path = self.path(key)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return _arrays_of(content)
        except MemoryError:
            raise
        except Exception:  # whatever damage makes of lengths and names
            self.damaged.append(path)
            return None

    def put(self, key, arrays):
        """Writes the arrays of a key, at once or not at all."""
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)

    def put_chunks(self, key, chunks):
        """Writes arrays that come in chunks of rows, as `put` would.

        Memory is bounded by a chunk: rows wait in temporary files.

        Args:
            key: The key.
            chunks: Iterable of dicts of arrays, at least one, all of the same
                names; the rows of a name are joined in order.

        Raises:
            ValueError: If there is no chunk, or chunks differ in their names,
                or in the shape or dtype of a row.
        """
        with contextlib.ExitStack() as stack:
            rows = {}
            for chunk in chunks:
                for name in () if rows else chunk:
                    rows[name] = stack.enter_context(SpooledRows())
                if chunk.keys() != rows.keys():
                    raise ValueError(
                        f"Expected chunks of {', '.join(rows)}. Received: "
                        f"{', '.join(chunk) or 'nothing'}"
                    )
                for name, array in chunk.items():
                    rows[name].append(array)
            if not rows:
                raise ValueError("Expected a chunk of arrays. Received: none")
            path = stack.enter_context(atomic_path(self.path(key)))
            with zipfile.ZipFile(path, "w") as archive:
                for name, array in rows.items():
                    with archive.open(
                        f"{name}.npy", "w", force_zip64=True
                    ) as f:
                        array.write_npy(f)


def _arrays_of(content):
    """The arrays in the bytes of an `.npz` file, each checked as a whole.

    `numpy.load` reads as many bytes as the header of an array tells, and so
    would miss the checksum behind them where that header is damaged. A damaged
    length in the list of contents can hide the arrays that follow: the record
    that ends the file tells how many there are.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    if len(members) != int.from_bytes(content[-12:-10], "little"):
        raise zipfile.BadZipFile("Arrays are missing.")
    with _PARSING:
        return {
            name.removesuffix(".npy"): np.lib.format.read_array(
                io.BytesIO(member), allow_pickle=False
            )
            for name, member in members.items()
        }


class atomic_path:
    """Context manager: a temporary name that becomes `path` on success.

    On an error nothing is left behind. An OSError of the system that names no
    file, as that of a full disk, names `path` then.

    Args:
        path: The name that appears when the block ends without an error. A
            file that has it is replaced; a folder must have a new name.

    Example:

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "note.txt"
    >>> with atomic_path(target) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> target.read_text()
    'whole'
    """

    def __init__(self, path):
        self.path = Path(path)
        self.temporary = self.path.with_name(
            f".{self.path.name}.{os.getpid()}-{os.urandom(3).hex()}"
            f"@{platform.node()}.tmp"
        )

    def __enter__(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return self.temporary

    def __exit__(self, kind, error, traceback):
        try:
            if kind is None:
                os.replace(self.temporary, self.path)
        finally:
            _remove(self.temporary)
        if isinstance(error, OSError) and error.errno and not error.filename:
            raise OSError(
                error.errno, os.strerror(error.errno), str(self.path)
            ) from error


def check_writable(folder):
    """Makes a folder where it is missing, and a file in it for a moment.

    Raises:
        OSError: If that is not possible; it names the folder.
    """
    probe = atomic_path(Path(folder) / "writable").temporary
    try:
        probe.parent.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OSError(
            error.errno,
            f"Expected a folder that can be written to: {error.strerror}",
            str(folder),
        ) from error


def sweep(folder):
    """Removes what killed processes left half-written in a folder.

    Whether a process of another machine, which shares the folder, is alive
    cannot be seen: what it has not touched for a day is removed.
    """
    for path in Path(folder).rglob(".*.tmp"):
        owner = _OWNER.search(path.name)
        if owner and not _may_be_alive(path, *owner.groups()):
            _remove(path)


def _may_be_alive(path, process, machine):
    """Whether the process that writes `path` may still do so."""
    if machine in (None, platform.node()):
        return _is_alive(int(process))
    try:
        return time.time() - path.stat().st_mtime < _A_DAY
    except FileNotFoundError:  # finished meanwhile
        return True


def _is_alive(process):
    if os.name != "posix":
        return True  # cannot be asked safely: leave the file
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _remove(path):
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def write_json(path, value):
    """Writes JSON, at once or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1), encoding="utf-8")


def read_json(path, default=None):
    """Reads JSON; `default` where there is no such file.

    Raises:
        ValueError: If the file is not valid or larger than `MAX_JSON_BYTES`.
    """
    try:
        return parse_json(path, MAX_JSON_BYTES)
    except FileNotFoundError:
        return default
