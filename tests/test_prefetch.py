"""prefetched: order, bounds, errors, and threads that end."""

import threading
import time

import pytest

from fdin_tf.prefetch import prefetched


def wait_for(holds):
    """Waits until it holds, 10 seconds at most."""
    end = time.monotonic() + 10
    while not holds() and time.monotonic() < end:
        time.sleep(0.01)
    assert holds()


def is_working():
    return any(thread.name == "prefetch" for thread in threading.enumerate())


@pytest.mark.parametrize("ahead", [1, 3])
def test_items_come_in_order_from_another_thread(ahead):
    def items():
        for number in range(20):
            yield number, threading.get_ident()

    found = list(prefetched(items(), ahead))
    assert [number for number, _ in found] == list(range(20))
    assert threading.get_ident() not in {thread for _, thread in found}
    assert not is_working()


def test_it_works_ahead_but_not_further():
    made = []

    def items():
        for number in range(20):
            made.append(number)
            yield number

    taken = prefetched(items(), ahead=2)
    next(taken)
    wait_for(lambda: len(made) == 4)  # one taken, two waiting, one in hand
    time.sleep(0.3)
    assert len(made) == 4
    taken.close()


def test_an_early_end_closes_the_source_and_ends_the_thread():
    closed = []

    def items():
        try:
            while True:
                yield 0
        finally:
            closed.append(True)

    taken = prefetched(items())
    next(taken)
    taken.close()
    assert closed == [True]
    assert not is_working()


def test_an_error_comes_where_its_item_would_have_been():
    def items():
        yield 1
        yield 2
        raise OSError("cut off")

    taken = prefetched(items())
    assert [next(taken), next(taken)] == [1, 2]
    with pytest.raises(OSError, match="cut off"):
        next(taken)
    assert not is_working()


def test_it_must_be_allowed_to_work_ahead():
    with pytest.raises(ValueError, match=r"at least 1.*ahead=0"):
        prefetched([], ahead=0)
