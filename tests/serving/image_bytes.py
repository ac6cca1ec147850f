"""Files written by another library than the one that reads them."""

import io

from PIL import Image


def file_of(pixels, kind="PNG"):
    """The bytes of an image file.

    Args:
        pixels: `(height, width, 3)` RGB or `(height, width, 1)` grey, uint8.
        kind: Format, as Pillow names it.
    """
    data = io.BytesIO()
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    image.save(data, kind, quality=95)
    return data.getvalue()
