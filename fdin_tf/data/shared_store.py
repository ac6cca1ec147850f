"""Finished files and folders in a store that machines share, by fsspec."""

import contextlib
import json
import os
import re
from pathlib import Path
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import fsspec

from fdin_tf.data.cache import atomic_path
from fdin_tf.data.cache import content_digest
from fdin_tf.plain_text import reason_of

_FORMAT = 1
_MAX_MANIFEST = 2**24  # bytes
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PART = re.compile(r"(?!\.{1,2}$)[^/\\:\x00-\x1f]+")
_ATTEMPTS = 3  # at something that is being replaced


class SharedStore:
    """Files and folders under names, each there as a whole or not at all.

    A thing `<name>` is a manifest `<name>.json`, which lists its files with
    their sizes and SHA-256, and these files in `<name>.d`, called by their
    SHA-256. The manifest is written when all files are there, and nothing is
    trusted that it does not name: half an upload is nothing, and the next one
    completes it. No rename is asked of the store, so that object stores will
    do. What fails its SHA-256 counts as absent, and loses its manifest, so
    that it is sent again.

    Args:
        url: Folder as fsspec names it, such as `s3://bucket/folder`,
            `gs://bucket/folder` or `file:///mnt/folder`. Whatever a store
            needs to let this process in comes from its own configuration.

    Raises:
        ImportError: If the package for such a store is not installed.
        OSError: If the store does not answer.
        ValueError: If fsspec knows no such store, or the URL holds a
            password, which would be written down with it.

    Example:

    >>> import tempfile
    >>> here = Path(tempfile.mkdtemp())
    >>> _ = (here / "note.txt").write_text("whole")
    >>> store = SharedStore("memory://example")
    >>> store.publish(here / "note.txt", "notes/first")
    >>> store.fetch("notes/first", here / "copy.txt")
    True
    >>> (here / "copy.txt").read_text()
    'whole'
    >>> store.fetch("notes/second", here / "copy.txt")
    False
    """

    def __init__(self, url):
        self.url = str(url).rstrip("/")
        self._fs, self._root = _open(self.url)

    def has(self, name):
        """Whether there is such a thing; its files are not read.

        Raises:
            OSError: If the store does not answer.
            ValueError: If the name is not one.
        """
        return self._manifest(name) is not None

    def files(self, name):
        """Names of the files in a folder; none where it is not there.

        Raises:
            OSError, ValueError: As `has`.
        """
        manifest = self._manifest(name)
        return [file["name"] for file in manifest["files"]] if manifest else []

    def names(self, folder):
        """Names of the things right in a folder of the store, sorted.

        Raises:
            OSError, ValueError: As `has`.
        """
        with self._at_work():
            self._fs.invalidate_cache()
            try:
                paths = self._fs.ls(self._path(folder), detail=False)
            except FileNotFoundError:
                return []
        names = [PurePosixPath(path).name for path in paths]
        return sorted(
            f"{folder}/{name.removesuffix('.json')}"
            for name in names
            if name.endswith(".json")
        )

    def holds(self, path, name):
        """Whether a thing of that name is this local file or folder.

        Raises:
            OSError: If the store does not answer, or `path` cannot be read.
            ValueError: If the name is not one.
        """
        before = self._manifest(name)
        return before is not None and before == _manifest_of(Path(path))[0]

    def fetch(self, name, path, damaged=None):
        """Makes a thing of the store a local file or folder, whole or not.

        Args:
            name: Its name.
            path: Where it appears. A file that is there is replaced; a folder
                must have a new name.
            damaged: List that its URL is added to if it is damaged.

        Returns:
            Whether it was there.

        Raises:
            OSError: If the store does not answer, or `path` cannot be written.
            ValueError: If the name is not one.
        """
        for _ in range(_ATTEMPTS):
            manifest = self._manifest(name)
            if manifest is None:
                return False
            try:
                size = sum(file["bytes"] for file in manifest["files"])
                with atomic_path(path, room=size) as temporary:
                    self._download(name, manifest, temporary)
                return True
            except _Damaged:
                if self._manifest(name) == manifest:
                    break  # not because it was replaced meanwhile
        else:
            return False
        if damaged is not None:
            damaged.append(f"{self.url}/{name}")
        self._remove(self._path(name) + ".json")
        return False

    def publish(self, path, name):
        """Sends a local file or folder; does nothing if it is there already.

        Another thing of that name is replaced. Hidden files stay here.

        Args:
            path: The file or folder.
            name: Its name in the store: parts without `..`, with `/` between.

        Raises:
            OSError: If the store does not answer, or `path` cannot be read.
            ValueError: If the name is not one.
        """
        manifest, sources = _manifest_of(Path(path))
        before = self._manifest(name)
        if before == manifest:
            return
        old = {file["sha256"] for file in before["files"]} if before else set()
        data = self._path(name) + ".d"
        with self._at_work():
            self._make_folder(data)
            for digest in sources.keys() - old:
                self._fs.put_file(str(sources[digest]), f"{data}/{digest}")
            self._fs.pipe_file(
                self._path(name) + ".json", json.dumps(manifest).encode()
            )
        for digest in old - sources.keys():
            self._remove(f"{data}/{digest}")

    def remove(self, name):
        """Removes a thing, and all that is in a folder of that name."""
        path = self._path(name)
        self._remove(path + ".json")
        for folder in (path + ".d", path):
            self._remove(folder, recursive=True)

    def check(self):
        """Writes, reads and removes a file.

        Raises:
            OSError: If that is not possible.
        """
        path = self._path(f"probe-{os.urandom(6).hex()}")
        with self._at_work():
            self._make_folder(self._root)
            self._fs.pipe_file(path, b"probe")
            self._fs.cat_file(path)
            self._fs.rm_file(path)

    def _path(self, name):
        if not all(map(_PART.fullmatch, name.split("/"))):
            raise ValueError(
                "Expected a name of parts with `/` between them, none of them "
                f"`..`. Received: name={name!r}"
            )
        return f"{self._root}/{name}"

    def _manifest(self, name):
        """What a thing consists of; None without a whole manifest."""
        path = self._path(name) + ".json"
        with self._at_work():
            try:
                text = self._fs.cat_file(path, start=0, end=_MAX_MANIFEST)
            except FileNotFoundError:
                return None
        try:
            manifest = json.loads(text)
            return manifest if _is_manifest(manifest) else None
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def _download(self, name, manifest, target):
        if manifest["is_folder"]:
            target.mkdir()
        for file in manifest["files"]:
            path = target / file["name"] if manifest["is_folder"] else target
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._at_work():
                try:
                    self._fs.get_file(
                        f"{self._path(name)}.d/{file['sha256']}", str(path)
                    )
                except FileNotFoundError:
                    raise _Damaged from None
            if content_digest(path) != file["sha256"]:
                raise _Damaged

    def _make_folder(self, path):
        """Where folders are more than parts of names."""
        if not self._fs.async_impl:
            self._fs.makedirs(path, exist_ok=True)

    def _remove(self, path, recursive=False):
        with self._at_work(), contextlib.suppress(FileNotFoundError):
            self._fs.invalidate_cache()
            if recursive:
                self._fs.rm(path, recursive=True)
            else:
                self._fs.rm_file(path)

    @contextlib.contextmanager
    def _at_work(self):
        try:
            yield
        except (MemoryError, _Damaged):
            raise
        except Exception as error:
            raise _told(self.url, error) from error


class _Damaged(Exception):
    """A file of the store is not what its manifest says."""


def _open(url):
    """The file system of a URL and the folder in it."""
    if urlsplit(url).password is not None:
        raise ValueError(
            "Expected the URL of a shared store without a password; configure "
            "fsspec or the environment with it. Received: a password in the "
            f"URL of {urlsplit(url).hostname}"
        )
    try:
        file_system, root = fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise ImportError(
            "Expected the package for this kind of shared store to be "
            f"installed. Received: url={url}, {reason_of(error)}"
        ) from None
    except ValueError as error:
        raise ValueError(
            "Expected the URL of a store that fsspec knows, such as "
            f"s3://bucket/folder. Received: url={url}, {reason_of(error)}"
        ) from None
    except Exception as error:
        raise _told(url, error) from error
    return file_system, root.rstrip("/")


def _told(url, error):
    """Every store has errors of its own."""
    return OSError(
        "Expected a shared store that can be read and written. Received: "
        f"url={url}, {type(error).__name__}: {reason_of(error)}"
    )


def _manifest_of(path):
    """The manifest of a file or folder, and its files by their SHA-256."""
    is_folder = path.is_dir()
    paths = [path]
    if is_folder:
        paths = sorted(
            x
            for x in path.rglob("*")
            if x.is_file() and not _is_hidden(x.relative_to(path))
        )
    files, sources = [], {}
    for source in paths:
        name = source.relative_to(path).as_posix() if is_folder else "file"
        digest = content_digest(source)
        files.append(
            {"name": name, "bytes": source.stat().st_size, "sha256": digest}
        )
        sources[digest] = source
    return {"format": _FORMAT, "is_folder": is_folder, "files": files}, sources


def _is_hidden(path):
    return any(part.startswith(".") for part in path.parts)


def _is_manifest(manifest):
    """Whether JSON is a manifest that can do no harm."""
    return (
        manifest["format"] == _FORMAT
        and isinstance(manifest["is_folder"], bool)
        and all(
            isinstance(file["bytes"], int)
            and _DIGEST.fullmatch(file["sha256"])
            and all(map(_PART.fullmatch, file["name"].split("/")))
            for file in manifest["files"]
        )
    )
