"""Arrays on disk under content keys; one atomic, checksummed file each."""

import hashlib
import json
import os
import shutil
import threading
import zipfile
from pathlib import Path

import numpy as np
import platformdirs

_BLOCK = 1 << 20


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
    that a later one could trust. Reading checks the CRC-32 that the format
    keeps of every array: a damaged file counts as absent and is removed.

    Args:
        root: The folder; it is made when first written to.

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

    def path(self, key):
        """Where the arrays of a key are, or will be."""
        return self.root / key[:2] / f"{key}.npz"

    def has(self, key):
        """Whether there is a file of the key that is not truncated."""
        path = self.path(key)
        return path.is_file() and zipfile.is_zipfile(path)

    def get(self, key):
        """The arrays of a key as a dict, or None if there is no whole file."""
        path = self.path(key)
        try:
            with _PARSING, np.load(path, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except FileNotFoundError:
            return None
        except (zipfile.BadZipFile, ValueError, EOFError):
            path.unlink(missing_ok=True)
            return None

    def put(self, key, arrays):
        """Writes the arrays of a key, at once or not at all."""
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)


class atomic_path:
    """Context manager: a temporary name that becomes `path` on success.

    On an error nothing is left behind.

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
            f".{self.path.name}.{os.getpid()}-{os.urandom(3).hex()}.tmp"
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


def sweep(folder):
    """Removes what killed processes left half-written in a folder."""
    for path in Path(folder).rglob(".*.tmp"):
        owner = path.name.rsplit(".", 2)[-2].partition("-")[0]
        if owner.isdecimal() and not _is_alive(int(owner)):
            _remove(path)


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
    """Reads JSON; `default` where there is no such file."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return default
