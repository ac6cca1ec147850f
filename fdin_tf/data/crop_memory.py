"""Memory for decoded crops that several sources share."""

import threading


class CropMemory:
    """A budget of memory that several sources of crops share.

    Who comes first is served first, as long as what is asked for fits into
    what is left: all that was granted is never more than the budget. Threads
    may share it.

    Args:
        num_bytes: The budget, bytes; 0 grants nothing.

    Raises:
        ValueError: If the budget is negative.

    Example:

    >>> memory = CropMemory(1000)
    >>> memory.take(700), memory.take(700), memory.num_left
    (True, False, 300)
    """

    def __init__(self, num_bytes=2 << 30):
        if num_bytes < 0:
            raise ValueError(
                "Expected a budget of 0 bytes or more. Received: "
                f"num_bytes={num_bytes}"
            )
        self.num_bytes = num_bytes
        self._num_taken = 0
        self._lock = threading.Lock()

    @property
    def num_left(self):
        """What is left of the budget, bytes."""
        return self.num_bytes - self._num_taken

    def take(self, num_bytes):
        """Whether so many bytes are granted."""
        with self._lock:
            fits = num_bytes <= self.num_left
            self._num_taken += num_bytes if fits else 0
        return fits

    def give_back(self, num_bytes):
        """Returns bytes that were granted."""
        with self._lock:
            self._num_taken -= num_bytes
