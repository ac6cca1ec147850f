"""Exported models that machines share, by a store."""

import dataclasses
from pathlib import Path

from fdin_tf.data.cache import read_json
from fdin_tf.data.cache import write_json
from fdin_tf.data.shared_folder import SharedFolder

_NOTE = "version.json"
_FOLDER = "saved_models"


@dataclasses.dataclass(frozen=True)
class SharedExport:
    """The exported model of one call, which a store has as a version.

    Versions in the store are never replaced: what is exported gets a number
    that no other version has.

    Attributes:
        shared: `SharedFolder` that `run_dir` is in; None: nothing is shared.
        run_dir: Folder of the call, in which its version is noted.
        folder: Local folder of the model's versions.
    """

    shared: SharedFolder | None
    run_dir: Path
    folder: Path

    def fetch(self):
        """The version that the same call exported on another machine.

        Returns:
            Path of the version here; None where the store has none, or its
            number is taken here by another model.
        """
        if self.shared is None:
            return None
        note = Path(self.run_dir) / _NOTE
        self.shared.fetch(note)
        version = read_json(note, {}).get("version")
        if version is None:
            return None
        path, name = self._path(version), self._name(version)
        store = self.shared.store
        if path.exists():
            return path if store.holds(path, name) else None
        return path if store.fetch(name, path) else None

    def publish(self, path):
        """Sends a version to the store; returns where it is here now.

        Where the store has another version of its number, it is given a new
        one first.
        """
        if self.shared is None:
            return path
        store, version = self.shared.store, int(path.name)
        if not store.holds(path, self._name(version)):
            there = store.names(f"{_FOLDER}/{self.folder.name}")
            numbers = [int(name.rsplit("/")[-1]) for name in there]
            if version <= max(numbers, default=0):
                version = max(numbers) + 1
                while self._path(version).exists():
                    version += 1
                path = path.rename(self._path(version))
            store.publish(path, self._name(version))
        note = Path(self.run_dir) / _NOTE
        write_json(note, {"version": version})
        self.shared.publish(note)
        return path

    def _path(self, version):
        return self.folder.resolve() / str(version)

    def _name(self, version):
        return f"{_FOLDER}/{self.folder.name}/{version}"
