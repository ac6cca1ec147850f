"""CropMemory: first come first served, never above the budget, exact."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from fdin_tf.data.crop_memory import CropMemory


def test_what_fits_is_granted_and_what_came_back_is_granted_again():
    memory = CropMemory(10)
    assert [memory.take(n) for n in (6, 5, 4, 1)] == [True, False, True, False]
    assert memory.num_left == 0
    memory.give_back(6)
    assert memory.num_left == 6
    assert not memory.take(7)
    assert memory.take(6)


def test_without_a_budget_nothing_is_granted():
    memory = CropMemory(0)
    assert not memory.take(1)
    assert memory.num_left == 0


def test_many_threads_never_take_more_than_there_is():
    memory = CropMemory(700)
    with ThreadPoolExecutor(8) as pool:
        granted = list(pool.map(memory.take, [3] * 4000))
    assert sum(granted) == 233
    assert memory.num_left == 1


def test_a_negative_budget_is_an_error():
    with pytest.raises(ValueError, match=r"0 bytes or more.*num_bytes=-1"):
        CropMemory(-1)
