"""A local folder whose finished things a store has, too."""

import dataclasses
import os
from pathlib import Path

from fdin_tf.data.cache import CACHE_DIR_VARIABLE
from fdin_tf.data.shared_store import SharedStore


@dataclasses.dataclass(frozen=True)
class SharedFolder:
    """A local folder whose things a store has under the same names.

    Processes of one command on several machines may have different such
    folders: in another process than the one that made it, `root` becomes the
    folder that `FDIN_TF_CACHE_DIR` in the environment of that machine names,
    where it names one.

    Attributes:
        store: `SharedStore`.
        root: The folder.
        here: The same folder, for this process.
    """

    store: SharedStore
    root: Path
    here: Path = None

    def __post_init__(self):
        object.__setattr__(self, "root", Path(self.root).absolute())
        here = Path(self.here or self.root).absolute()
        object.__setattr__(self, "here", here)

    def __reduce__(self):
        return _arrived, (self.store, self.root)

    def local(self, path):
        """Where a path of the process that began is in this one.

        All other methods take paths in `here`.
        """
        return self.here / Path(path).absolute().relative_to(self.root)

    def name(self, path):
        """What a path in the folder is called in the store."""
        return Path(path).absolute().relative_to(self.here).as_posix()

    def has(self, path):
        """See `SharedStore.has`."""
        return self.store.has(self.name(path))

    def fetch(self, path, damaged=None):
        """See `SharedStore.fetch`."""
        return self.store.fetch(self.name(path), path, damaged)

    def publish(self, path):
        """See `SharedStore.publish`."""
        self.store.publish(path, self.name(path))

    def remove(self, path):
        """See `SharedStore.remove`."""
        self.store.remove(self.name(path))


def _arrived(store, root):
    """A `SharedFolder` in another process."""
    return SharedFolder(store, root, os.environ.get(CACHE_DIR_VARIABLE))


def shared_folder(url, root):
    """The `SharedFolder` of a URL and a local folder; None without a URL.

    Args:
        url: See `SharedStore`; or None.
        root: The local folder.

    Raises:
        ImportError, OSError, ValueError: As `SharedStore`.
    """
    return url and SharedFolder(SharedStore(url), root)
