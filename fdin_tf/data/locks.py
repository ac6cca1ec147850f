"""One process at a time in a folder."""

import contextlib
import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: nobody is kept out
    fcntl = None

_HELD = set()  # folders that this process holds


class FolderInUseError(OSError):
    """Another process works in the folder."""


@contextlib.contextmanager
def hold(*folders):
    """Keeps other processes out of folders, as far as they ask in this way.

    The lock is a file beside the folder, `<folder>.lock`, which names the
    process; the system takes the lock back when the process ends in whatever
    way, and the next one takes over the file then. Inside a folder that this
    process holds already, nothing more is done.

    Args:
        *folders: The folders; they need not exist.

    Raises:
        FolderInUseError: If another process holds one of them.

    Example:

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "run"
    >>> with hold(folder):
    ...     [path.name for path in folder.parent.iterdir()]
    ['run.lock']
    >>> list(folder.parent.iterdir())
    []
    """
    with contextlib.ExitStack() as stack:
        for folder in folders:
            stack.enter_context(_hold(Path(folder).resolve()))
        yield


@contextlib.contextmanager
def _hold(folder):
    if fcntl is None or folder in _HELD:
        yield
        return
    path = folder.with_name(f"{folder.name}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path, folder) as file:
        file.write(str(os.getpid()))
        file.flush()
        _HELD.add(folder)
        try:
            yield
        finally:
            _HELD.discard(folder)
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(path, folder):
    """The lock file, empty and ours."""
    while True:
        with open(path, "a+", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise FolderInUseError(
                    f"{folder} is being worked on by process "
                    f"{file.read() or 'unknown'}; wait for it, or end it."
                ) from None
            if not _is_file_of(path, file):
                continue  # its holder removed it when it was done
            file.truncate(0)
            yield file
            return


def _is_file_of(path, file):
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
