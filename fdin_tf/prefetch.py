"""An iterator that works ahead in a thread of its own."""

import contextlib
import queue
import threading

_END = object()
_POLL = 0.1  # seconds after which a waiting thread looks whether to stop


def prefetched(items, ahead=2):
    """Yields what an iterable gives, made in a thread that works ahead.

    What makes the items runs beside what uses them, as far as both let go of
    Python's lock (decoding, networks and array operations do). At most
    `ahead + 1` items wait. An error of the iterable is raised where its item
    would have been. The thread ends with the generator, also where that is
    closed early.

    Args:
        items: Iterable; a generator is closed at the end, in the thread.
        ahead: Number of finished items that may wait.

    Yields:
        The items, in order.

    Raises:
        ValueError: If `ahead` is below 1.

    Example:

    >>> list(prefetched(range(3)))
    [0, 1, 2]
    """
    if ahead < 1:
        raise ValueError(f"`ahead` must be at least 1. Received: {ahead=}")
    return _prefetched(items, ahead)


def _prefetched(items, ahead):
    waiting, stopped = queue.Queue(ahead), threading.Event()

    def put(entry):
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                waiting.put(entry, timeout=_POLL)
                return

    def work():
        source, error = iter(items), None
        try:
            for item in source:
                put((item, None))
                if stopped.is_set():
                    break
        except BaseException as caught:
            error = caught
        finally:
            with contextlib.suppress(AttributeError):
                source.close()
        put((_END, error))

    thread = threading.Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        while True:
            item, error = waiting.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        stopped.set()
        thread.join()
