"""Arrays on disk under content keys; one atomic, checksummed file each."""

import contextlib
import errno
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

from fdin_tf.file_limits import parse_json

#: Largest JSON file, bytes: the card of a model tested on millions of clips.
MAX_JSON_BYTES = 2**28
#: Variable of a machine's environment: its cache folder.
CACHE_DIR_VARIABLE = "FDIN_TF_CACHE_DIR"
_BLOCK = 1 << 20
_A_DAY = 24 * 3600.0  # seconds
_ROOM = 1 << 20  # bytes
# What ends the name of a file in the making: process and machine.
_OWNER = re.compile(r"\.(\d+)-[0-9a-f]+(?:@(.+))?\.tmp$")


def default_cache_dir():
    """The cache folder of this machine: `FDIN_TF_CACHE_DIR`, or the user's."""
    given = os.environ.get(CACHE_DIR_VARIABLE)
    return Path(
        given or platformdirs.user_cache_dir("fdin-tf", appauthor=False)
    )


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

    With a store, other machines find what is put here, and what is not here,
    or damaged, is taken from there.

    Args:
        root: The folder; it is made when first written to.
        store: `SharedFolder` that `root` is in; None: nothing is shared.

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

    def __init__(self, root, store=None):
        self.root = Path(root)
        self.store = store
        self.damaged = []

    def path(self, key):
        """Where the arrays of a key are, or will be."""
        root = self.root if self.store is None else self.store.local(self.root)
        return root / key[:2] / f"{key}.npz"

    def has(self, key):
        """Whether there is a whole file of the key; all of it is read.

        Raises:
            OSError: If there is a file, but reading it fails; or the store.
        """
        return self._found(key, _check_arrays) is not None

    def get(self, key):
        """The arrays of a key as a dict, or None if there is no whole file.

        Raises:
            OSError: As `has`.
        """
        return self._found(key, _arrays_of)

    def share(self, key):
        """Sends the file of a key to the store, unless it has one.

        Raises:
            OSError: If that fails.
        """
        if self.store is not None and not self.store.has(self.path(key)):
            self.store.publish(self.path(key))

    def _found(self, key, read):
        """What `read` makes of the file of a key, here or in the store."""
        found = self._read(key, read)
        if found is not None or self.store is None:
            return found
        is_fetched = self.store.fetch(self.path(key), self.damaged)
        return self._read(key, read) if is_fetched else None

    def _read(self, key, read):
        """What `read` makes of the file of a key; None without a whole one."""
        path = self.path(key)
        try:
            with open(path, "rb") as file:
                return read(file)
        except FileNotFoundError:
            return None
        except MemoryError:
            raise
        except Exception as error:  # whatever damage makes of lengths and names
            is_damage = getattr(error, "errno", None) in (None, errno.EINVAL)
            if isinstance(error, OSError) and not is_damage:
                raise
            self.damaged.append(path)
            return None

    def put(self, key, arrays):
        """Writes the arrays of a key, at once or not at all."""
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)
        self._publish(key)

    def put_rows(self, key, rows):
        """Writes arrays that are too large for memory, as `put` would.

        Args:
            key: The key.
            rows: Dict of `SpooledRows`, as `spooled_arrays` gives it.
        """
        with (
            atomic_path(self.path(key)) as temporary,
            zipfile.ZipFile(temporary, "w") as archive,
        ):
            for name, array in rows.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                    array.write_npy(file)
        self._publish(key)

    def _publish(self, key):
        if self.store is not None:
            self.store.publish(self.path(key))


def _arrays_of(file):
    """The arrays in an `.npz` file, each checked as a whole.

    `numpy.load` reads as many bytes as the header of an array tells, and so
    would miss the checksum behind them where that header is damaged.
    """
    with _archive(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with _PARSING:
        return {
            name.removesuffix(".npy"): np.lib.format.read_array(
                io.BytesIO(member), allow_pickle=False
            )
            for name, member in members.items()
        }


def _check_arrays(file):
    """Reads an `.npz` file block by block; True if all checksums hold."""
    with _archive(file) as archive:
        for name in archive.namelist():
            with archive.open(name) as member:
                while member.read(_BLOCK):
                    pass
    return True


def _archive(file):
    """An open zip file, its list of contents whole.

    A damaged length in that list can hide the arrays that follow: the record
    that ends the file tells how many there are.
    """
    archive = zipfile.ZipFile(file)
    file.seek(-12, os.SEEK_END)
    number = int.from_bytes(file.read(2), "little")
    if len(set(archive.namelist())) != number:
        raise zipfile.BadZipFile("Arrays are missing.")
    return archive


class atomic_path:
    """Context manager: a temporary name that becomes `path` on success.

    On an error nothing is left behind. An OSError of the system that names no
    file, as that of a full disk, names `path` then.

    Args:
        path: The name that appears when the block ends without an error. A
            file that has it is replaced; a folder must have a new name.
        room: Bytes that have to be free before the block begins. HDF5 may end
            the process where a disk becomes full while it writes.

    Raises:
        OSError: If the disk has not so much room.

    Example:

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "note.txt"
    >>> with atomic_path(target) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> target.read_text()
    'whole'
    """

    def __init__(self, path, room=_ROOM):
        self.path = Path(path)
        self.room = room
        self.temporary = self.path.with_name(
            f".{self.path.name}.{os.getpid()}-{os.urandom(3).hex()}"
            f"@{platform.node()}.tmp"
        )

    def __enter__(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self.path.parent).free < self.room:
            raise OSError(
                errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path)
            )
        return self.temporary

    def __exit__(self, kind, error, traceback):
        try:
            if kind is None:
                os.replace(self.temporary, self.path)
        finally:
            _remove(self.temporary)
        if isinstance(error, OSError):
            with naming(self.path):
                raise error


@contextlib.contextmanager
def naming(path):
    """Lets an OSError of the system that names no file name this one."""
    try:
        yield
    except OSError as error:
        if not error.errno or error.filename:
            raise
        raise OSError(
            error.errno, os.strerror(error.errno), str(path)
        ) from error


def check_writable(folder):
    """Makes a file in a folder for a moment, and the folder if it is missing.

    Raises:
        OSError: If that is not possible; it names the folder.
    """
    probe = atomic_path(Path(folder) / "writable").temporary
    missing = [path for path in probe.parents if not path.exists()]
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
    finally:
        for path in missing:
            with contextlib.suppress(OSError):
                path.rmdir()


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
