"""What descriptors refuse: other than whole numbers, in words."""

import numpy as np
import pytest

from fdin_tf.handcrafted.checks import check_whole


@pytest.mark.parametrize("value", [0, -1, 1.0, 2.5, True, "2", None, (1,)])
def test_other_than_a_whole_number_is_an_error(value):
    with pytest.raises(
        ValueError,
        match=r"`interval` to be a whole number, at least 1. Received: inter",
    ):
        check_whole("interval", value)


@pytest.mark.parametrize(
    "value", [8, (8, 8), (8, 8, 17), (8, 0, 8), (8, 8, 8.0)]
)
def test_other_than_three_whole_numbers_is_an_error(value):
    with pytest.raises(
        ValueError,
        match=r"`points` to be 3 whole numbers, from 1 to 16. Received: poi",
    ):
        check_whole("points", value, length=3, most=16)


def test_whole_numbers_of_numpy_are_whole_numbers():
    check_whole("interval", np.int64(3))
    check_whole("points", np.array([4, 8, 16]), length=3, most=16)


@pytest.mark.parametrize("value", [2, 25])
def test_limits_are_told(value):
    message = (
        f"`points` to be a whole number, from 3 to 24. Received: points={value}"
    )
    with pytest.raises(ValueError, match=message):
        check_whole("points", value, least=3, most=24)
    check_whole("points", 3, least=3, most=24)
    check_whole("points", 24, least=3, most=24)
