"""Photographs from files to arrays of one size."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from PIL import ImageOps

from fdin_tf.file_limits import check_size
from fdin_tf.plain_text import reason_of

#: Shortest side of a photograph that can show a face, pixels.
LEAST_SIDE = 16
#: Most pixels of a photograph; more is a mistake or an attack.
MOST_PIXELS = 80_000_000
#: Largest file, bytes: so many pixels of three bytes as they are.
MOST_BYTES = 2**28
#: Formats that are read. Others that Pillow knows start programs (EPS), or
#: have no place among photographs.
FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")

_WHITE = 255


def read_image(path):
    """Reads a photograph as it is meant to be seen.

    The rotation that EXIF notes is applied, transparent pixels lie on white,
    grey is repeated in all channels, and channels of 16 bits are scaled to 8.
    Of several pictures in a file the first is read.

    Args:
        path: Image file of 8 or 16 bits, in one of `FORMATS`.

    Returns:
        Uint8 array `(height, width, 3)`: red, green, blue, 0..255.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no image, is truncated, or has a side below
            `LEAST_SIDE`, more than `MOST_PIXELS` pixels or `MOST_BYTES`, or
            numbers that are not of 8 or 16 bits.

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "grey.png"
    ...     Image.new("L", (32, 24), 77).save(path)
    ...     image = read_image(path)
    >>> image.shape, image[0, 0].tolist()
    ((24, 32, 3), [77, 77, 77])
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"Expected an image file. Received: path={path}"
        )
    check_size(path, MOST_BYTES)
    try:
        with Image.open(path, formats=FORMATS) as image:
            _check_size(image, path)
            return _as_rgb(ImageOps.exif_transpose(image), path)
    except Image.DecompressionBombError:
        raise _too_large(path, "many more") from None
    except _Refused:
        raise
    except Exception as error:  # Pillow reports damage in many ways
        raise ValueError(
            f"Expected a whole image that can be read: {reason_of(error)}. "
            f"Received: path={path}"
        ) from error


def load_images(images, size, crop_from=None, keep_aspect=False, workers=None):
    """Loads the photographs of an image table at one size.

    A side that shrinks is averaged over areas, a side that grows is
    interpolated linearly.

    Args:
        images: Image table.
        size: Side of the square result, pixels.
        crop_from: None: the whole photograph is resized to `size`
            (Arbabzadah et al., GCPR 2016: 227). Otherwise it is resized to
            this side, of which the middle is cut out (Levi and Hassner, CVPRW
            2015: 227 of 256).
        keep_aspect: False: the whole photograph fills the square, whatever
            its shape. True: it keeps its shape, in the middle of a white
            square.
        workers: Number of files that are read at a time. None: the number of
            processors.

    Returns:
        Uint8 array `(images, size, size, 3)`: red, green, blue, 0..255.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: If a file is not valid (see `read_image`), or a size is
            not positive or larger than what it is cut from.
    """
    side = size if crop_from is None else crop_from
    if not 1 <= size <= side:
        raise ValueError(
            "Expected a positive size, and none larger than what it is cut "
            f"from. Received: size={size}, crop_from={crop_from}"
        )
    loaded = np.empty((len(images), size, size, 3), np.uint8)
    start = (side - size) // 2
    middle = slice(start, start + size)

    def load(row, path):
        image = read_image(path)
        image = (_fitted if keep_aspect else _stretched)(image, side)
        loaded[row] = image[middle, middle]

    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        # As a list, so that the first error is raised.
        list(pool.map(load, range(len(images)), images.path))
    return loaded


class _Refused(ValueError):
    """A whole image that is not of the kind that is read."""


def _check_size(image, path):
    width, height = image.size
    if min(width, height) < LEAST_SIDE:
        raise _Refused(
            f"Expected an image of at least {LEAST_SIDE} pixels a side. "
            f"Received: {width} x {height}, path={path}"
        )
    if width * height > MOST_PIXELS:
        raise _too_large(path, f"{width} x {height}")


def _too_large(path, received):
    return _Refused(
        f"Expected an image of at most {MOST_PIXELS:,} pixels. Received: "
        f"{received}, path={path}"
    )


def _as_rgb(image, path):
    if image.mode.startswith("I;16"):
        grey = np.asarray(image).astype(np.float32) * (255 / 65535)
        return np.repeat(np.uint8(np.rint(grey))[..., None], 3, axis=2)
    if image.mode in ("I", "F"):
        raise _Refused(
            "Expected an image with 8 or 16 bits per channel. Received: 32 "
            f"bits, path={path}"
        )
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (_WHITE,) * 4)
        white.alpha_composite(image)
        image = white
    return np.array(image.convert("RGB"))


def _stretched(image, width, height=None):
    """The picture at another size, whatever its shape."""
    height = width if height is None else height
    smaller = min(width, image.shape[1]), min(height, image.shape[0])
    image = cv2.resize(image, smaller, interpolation=cv2.INTER_AREA)
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)


def _fitted(image, side):
    """The picture in its shape, in the middle of a white square."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    height = max(round(scale * height), 1)
    width = max(round(scale * width), 1)
    square = np.full((side, side, 3), _WHITE, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = _stretched(
        image, width, height
    )
    return square
