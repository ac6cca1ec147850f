"""Blocks of an image: which of them a place is in."""

import numpy as np


def block_numbers(length, blocks):
    """The block that each row (or column) of an image is in.

    Args:
        length: Rows of the image.
        blocks: Rows of blocks, at most `length`.

    Returns:
        `(length,)`, int64: `floor(row * blocks / length)`, so that the blocks
        are as high as each other, or differ by one row.

    Example:

    >>> block_numbers(7, 3).tolist()
    [0, 0, 0, 1, 1, 2, 2]
    """
    return np.arange(length) * blocks // length


def block_map(shape, blocks):
    """The block that each place of an image is in.

    Row `y` of `n` is in row `floor(y * blocks[0] / n)` of the blocks, and
    columns alike; blocks are numbered row by row.

    Args:
        shape: `(height, width)` of the image.
        blocks: `(rows, columns)` of blocks, no more than places.

    Returns:
        `(height, width)`, int64.

    Example:

    >>> block_map((2, 4), blocks=(2, 2)).tolist()
    [[0, 0, 1, 1], [2, 2, 3, 3]]
    """
    rows, columns = map(block_numbers, shape, blocks)
    return rows[:, None] * blocks[1] + columns
