"""What an image is, for detectors and crops."""

import numpy as np


def check_rgb_image(image):
    """Checks that an image is an RGB image of 8 bits.

    Args:
        image: NumPy array `(height, width, 3)`, uint8, of a pixel or more.

    Raises:
        ValueError: If it is anything else.

    Example:

    >>> check_rgb_image(np.zeros((120, 160, 3), "uint8"))
    """
    if (
        not isinstance(image, np.ndarray)
        or image.dtype != np.uint8
        or image.ndim != 3
        or image.shape[2] != 3
        or 0 in image.shape
    ):
        raise ValueError(
            "Expected an RGB image (height, width, 3) in uint8. Received: "
            f"shape={np.shape(image)}, "
            f"dtype={getattr(image, 'dtype', type(image).__name__)}"
        )
