"""check_rgb_image: colours of 8 bits pass, all else is named."""

import numpy as np
import pytest

from fdin_tf.faces.rgb_image import check_rgb_image


@pytest.mark.parametrize("shape", [(1, 1, 3), (4, 700, 3)])
def test_an_image_of_any_size_passes(shape):
    check_rgb_image(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    ("image", "received"),
    [
        (np.zeros((9, 9), np.uint8), r"shape=\(9, 9\), dtype=uint8"),
        (np.zeros((9, 9, 4), np.uint8), r"shape=\(9, 9, 4\), dtype=uint8"),
        (np.zeros((9, 9, 3), np.float32), "dtype=float32"),
        (np.zeros((0, 9, 3), np.uint8), r"shape=\(0, 9, 3\)"),
        ([[[0, 0, 0]]], "dtype=list"),
    ],
)
def test_anything_else_is_an_error(image, received):
    with pytest.raises(ValueError, match=f"RGB image .* in uint8.*{received}"):
        check_rgb_image(image)
