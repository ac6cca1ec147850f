"""Blocks of an image: of one size, in order, row by row."""

import numpy as np
import pytest

from fdin_tf.handcrafted.blocks import block_map
from fdin_tf.handcrafted.blocks import block_numbers


@pytest.mark.parametrize(("length", "blocks"), [(110, 7), (7, 7), (50, 4)])
def test_blocks_are_in_order_and_of_one_size_but_for_a_row(length, blocks):
    numbers = block_numbers(length, blocks)
    assert (np.diff(numbers) >= 0).all()
    sizes = np.bincount(numbers, minlength=blocks)
    assert len(sizes) == blocks
    assert sizes.max() - sizes.min() <= 1


def test_blocks_are_numbered_row_by_row():
    numbers = block_map((5, 7), blocks=(2, 3))
    for y in range(5):
        for x in range(7):
            assert numbers[y, x] == y * 2 // 5 * 3 + x * 3 // 7
