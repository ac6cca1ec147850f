"""What machines tell each other of networks, by a store that they share."""

import dataclasses
import shutil
from pathlib import Path

from fdin_tf.data.shared_folder import SharedFolder

_RESULT, _CHECKPOINTS = "result", "checkpoints"


@dataclasses.dataclass(frozen=True)
class SharedNetworks:
    """Results and checkpoints of networks, in their folders and in a store.

    Attributes:
        shared: `SharedFolder` that the folders are in; None: nothing is
            shared, and nothing here does anything.
    """

    shared: SharedFolder | None = None

    def local(self, path):
        """Where a path of the process that began is in this one."""
        return path if self.shared is None else self.shared.local(path)

    def fetch(self, path):
        """Takes a finished file or folder from the store, if it is there."""
        if self.shared is not None and not Path(path).exists():
            self.shared.fetch(path)

    def publish(self, path):
        """Sends a finished file or folder, unless the store has one."""
        if self.shared is not None and not self.shared.has(path):
            self.shared.publish(path)

    def fetch_checkpoint(self, folder):
        """Takes the checkpoint of a network that is further than the local.

        Args:
            folder: Folder of the network's state.
        """
        if self.shared is None:
            return
        checkpoints = Path(folder) / _CHECKPOINTS
        store, name = self.shared.store, self.shared.name(checkpoints)
        epochs = {file.split("/")[0] for file in store.files(name)}
        here = {path.name for path in checkpoints.glob("epoch_*")}
        newer = checkpoints.with_name(f"{_CHECKPOINTS}_of_the_store")
        shutil.rmtree(newer, ignore_errors=True)
        is_newer = max(epochs, default="") > max(here, default="")
        if is_newer and store.fetch(name, newer):
            shutil.rmtree(checkpoints, ignore_errors=True)
            newer.rename(checkpoints)

    def publish_checkpoint(self, folder):
        """Sends the checkpoint of a network, in the place of the last."""
        if self.shared is not None:
            self.shared.publish(Path(folder) / _CHECKPOINTS)

    def finish(self, folder):
        """Sends the result of a network and removes its checkpoint."""
        self.publish(Path(folder) / _RESULT)
        self.remove(Path(folder) / _CHECKPOINTS)

    def remove(self, path):
        """Removes a file, or all that is in a folder, from the store."""
        if self.shared is not None:
            self.shared.remove(path)
