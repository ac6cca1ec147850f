"""What descriptors make sure of before they compute."""

import numpy as np


def check_whole(name, value, length=None, most=None, least=1):
    """Makes sure that an argument is one or several whole numbers.

    Args:
        name: Name of the argument.
        value: Its value.
        length: Of how many numbers; None: of a single one.
        most: Largest number allowed; None: any.
        least: Smallest number allowed.

    Raises:
        ValueError: If it is not.
    """
    numbers = [value] if length is None else value
    expected = "a whole number" if length is None else f"{length} whole numbers"
    if (
        np.shape(numbers) != (length or 1,)
        or np.asarray(numbers).dtype.kind not in "iu"
        or min(numbers) < least
        or (most is not None and max(numbers) > most)
    ):
        limit = (
            f"at least {least}" if most is None else f"from {least} to {most}"
        )
        raise ValueError(
            f"Expected `{name}` to be {expected}, {limit}. "
            f"Received: {name}={value!r}"
        )


def check_grey_image(image, smallest):
    """Makes sure that a descriptor can be computed from an image.

    Args:
        image: `(height, width)`, uint8.
        smallest: Height and width that the descriptor needs, pixels.

    Raises:
        ValueError: If it is no array of that kind, or smaller.
    """
    image = np.asarray(image)
    if (
        image.dtype != np.uint8
        or image.ndim != 2
        or image.shape[0] < smallest[0]
        or image.shape[1] < smallest[1]
    ):
        raise ValueError(
            "A descriptor of a face needs a grey image, (height, width) of "
            f"uint8, of at least {smallest[0]} x {smallest[1]} pixels. "
            f"Received: shape={image.shape}, dtype={image.dtype}"
        )
