"""A drawing surface in face units: masks of polygons, strokes and blobs."""

import cv2
import numpy as np

_SUBPIXEL_BITS = 4
_FINER = 4  # shapes are drawn this many times finer, then averaged
_REFERENCE = 256  # widths and blurs are pixels of a canvas of this size


class Canvas:
    """A rectangle of pixels that is addressed in face units.

    One face unit is 0.232 of the picture's side and the origin of the face
    lies at (0.5, 0.44) of it. Widths and blurs of drawing calls are given in
    pixels of a picture of side 256 and scale with the picture.

    Args:
        size: Side of the square picture, pixels.
        box: `(left, top, right, bottom)` of the part that is drawn on, pixels.
            None: the whole picture.

    Attributes:
        size: As given.
        box: As given, or the whole picture.
        unit: Pixels for each face unit.
        x: Abscissa of every column, shape `(width,)`, face units.
        y: Ordinate of every row, shape `(height, 1)`, face units.

    >>> Canvas(256).polygon([(-1, -1), (1, -1), (1, 1), (-1, 1)]).shape
    (256, 256)
    """

    def __init__(self, size, box=None):
        self.size = size
        self.box = box or (0, 0, size, size)
        self.unit = 0.232 * size
        self._scale = size / _REFERENCE
        left, top, right, bottom = self.box
        self._shape = (bottom - top, right - left)
        self._origin = np.array([0.5 * size, 0.44 * size])
        columns, rows = np.arange(left, right), np.arange(top, bottom)
        self.x = np.float32((columns - self._origin[0]) / self.unit)
        self.y = np.float32((rows - self._origin[1]) / self.unit)[:, None]

    def pixels(self, points):
        """Points in pixels of the whole picture; integers are centres."""
        return np.asarray(points) * self.unit + self._origin

    def box_around(self, low, high, margin=0.0):
        """Pixel box of a rectangle in face units, with a margin in pixels."""
        margin = margin * self._scale
        low = np.floor(self.pixels(low) - margin).astype(int)
        high = np.ceil(self.pixels(high) + margin).astype(int) + 1
        left, top = np.clip(low, 0, self.size).tolist()
        right, bottom = np.clip(high, 0, self.size).tolist()
        return left, top, right, bottom

    def window(self, points, margin):
        """A canvas on the part of the picture around the points."""
        box = self.box_around(points.min(0), points.max(0), margin)
        return Canvas(self.size, box)

    def slices(self, within=None):
        """Rows and columns of this canvas in the box of another one."""
        left, top, right, bottom = self.box
        x, y = within.box[:2] if within else (0, 0)
        return slice(top - y, bottom - y), slice(left - x, right - x)

    def polygon(self, points, blur=0.0):
        """Mask of a filled polygon, float32, 0..1, `(height, width)`."""
        fine = self._fine()
        cv2.fillPoly(
            fine, [self._fixed(points)], 255, cv2.LINE_8, _SUBPIXEL_BITS
        )
        return self.blurred(self._averaged(fine), blur)

    def strokes(self, lines, width, blur):
        """Mask of open lines, float32, 0..1, `(height, width)`."""
        fine = self._fine()
        thickness = max(1, round(width * self._scale * _FINER))
        lines = [self._fixed(line) for line in lines]
        cv2.polylines(
            fine, lines, False, 255, thickness, cv2.LINE_8, _SUBPIXEL_BITS
        )
        return self.blurred(self._averaged(fine), blur)

    def blob(self, x, y, width, height):
        """Gaussian with its top value 1 at (x, y), `(height, width)`."""
        # Python's floats keep the canvas' float32, NumPy's would widen it.
        x, y, width, height = map(float, (x, y, width, height))
        columns = np.exp(-(((self.x - x) / width) ** 2) / 2)
        rows = np.exp(-(((self.y - y) / height) ** 2) / 2)
        return rows * columns

    def noise(self, rng, blur, blur_y=None):
        """Gaussian noise of unit variance, smoothed, `(height, width)`."""
        grain = rng.standard_normal(self._shape, np.float32)
        grain = self.blurred(grain, blur, blur_y)
        return grain / grain.std()

    def blurred(self, mask, blur, blur_y=None):
        """The mask after a Gaussian blur."""
        if not blur:
            return mask
        blur_y = blur if blur_y is None else blur_y
        return cv2.GaussianBlur(
            mask,
            (0, 0),
            sigmaX=blur * self._scale,
            sigmaY=blur_y * self._scale,
            borderType=cv2.BORDER_REPLICATE,
        )

    def _fine(self):
        """An empty drawing of this canvas, `_FINER` times finer."""
        height, width = self._shape
        return np.zeros((height * _FINER, width * _FINER), np.uint8)

    def _averaged(self, fine):
        """The drawing at the canvas' own size, float32, 0..1."""
        height, width = self._shape
        mask = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
        return mask * np.float32(1 / 255)

    def _fixed(self, points):
        """Points in pixels of the fine drawing, fixed point for OpenCV."""
        pixels = self.pixels(points) - self.box[:2]
        fine = (pixels + 0.5) * _FINER - 0.5
        return np.round(fine * 2**_SUBPIXEL_BITS).astype(np.int32)


def blend(image, mask, colour):
    """Covers the image, in place, by a colour or picture where the mask is.

    Args:
        image: Float32 array `(height, width, 3)`, changed in place.
        mask: Float32 array `(height, width)`, 0 (keep) to 1 (cover).
        colour: Three numbers, or an array of the image's shape.
    """
    colour = np.asarray(colour, np.float32)
    image += mask[..., None] * (colour - image)


def darken(image, mask):
    """Multiplies the image, in place, by 1 - mask."""
    image *= (1 - mask)[..., None]
