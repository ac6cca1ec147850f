"""Crops made for a task: how much of a face a network is shown.

Zhang et al. (CVPR workshops 2016) cut faces out in five ways, by the five
points of MTCNN. They show the crops as pictures only (Figure 3 b-f), so the
extents of `CROP_SCHEMES` are ours, read from what the paper says of them: 1
and 2 hold the overall face with hair and neck and differ in nothing but the
alignment, 3 ends at the chin, 4 holds the inner face from the brows to the
chin, 5 mouth and cheeks from below the eyes to the chin.

With E the middle of the eyes and M the middle of the mouth corners, extents
are counted in v = |M - E|. Turning the head to the side brings the eyes
together, but it leaves v, so that a profile is shown as large as a frontal
face. Nodding by an angle p shortens v to about cos(p) of it (6 % less at 20
degrees, 13 % at 30), and the face is shown larger by as much; faces in
photographs nod less than they turn. A smile raises the corners of the mouth:
the chin lies at about 1.6 to 1.7 v at rest and as low as 2 v in a broad
smile. The lower edges are a compromise between the two.

Places are pixels with integers at the centres of pixels, as in `align_frame`:
an image of n pixels reaches from -0.5 to n - 0.5.
"""

import dataclasses
import math
import numbers

import numpy as np

from fdin_tf.faces.align import align_frame
from fdin_tf.faces.five_points import check_points
from fdin_tf.faces.rgb_image import check_rgb_image


@dataclasses.dataclass(frozen=True)
class CropScheme:
    """How much of a face a square crop shows, and whether it is turned.

    An aligned crop is turned so that the way from E, the middle of the eyes,
    to M, the middle of the mouth corners, points straight down. Otherwise the
    axes of the image are kept: the middle between E and M comes to the same
    place as in the aligned crop, at the same scale, so that both are the same
    where E lies straight above M.

    Attributes:
        number: Number of the scheme, as of Zhang et al., Table 3.
        name: What the crop shows.
        aligned: Whether the crop is turned with the face.
        top: Upper edge of the crop, in units of |M - E| below E: negative
            above the eyes.
        bottom: Its lower edge; the sides are as far apart, half of it on
            either side of the line through E and M.

    Raises:
        ValueError: If an edge is not finite or the lower one is not below the
            upper one.

    Example:

    >>> CropScheme(6, "mouth", aligned=True, top=0.5, bottom=1.5).unit(224)
    224.0
    """

    number: int
    name: str
    aligned: bool
    top: float
    bottom: float

    def __post_init__(self):
        if not -math.inf < self.top < self.bottom < math.inf:
            raise ValueError(
                "Expected finite edges of a crop scheme, `bottom` below `top` "
                f"(the larger number). Received: top={self.top}, "
                f"bottom={self.bottom}"
            )

    def unit(self, size):
        """Length of |M - E| in a crop, pixels."""
        return size / (self.bottom - self.top)

    def places(self, size):
        """Where E and M come to in a crop of an upright face.

        Args:
            size: Side of the crop, pixels.

        Returns:
            `(2, 2)`, float64, pixels of the crop, x then y: the middles of
            the eyes and of the mouth corners. Those of a turned face come
            here in an aligned crop; in the others only their middle does.

        Example:

        >>> CropScheme(6, "face", True, top=-1.5, bottom=2.5).places(8)
        array([[3.5, 2.5],
               [3.5, 4.5]])
        """
        heights = self.unit(size) * (np.array([0.0, 1.0]) - self.top) - 0.5
        return np.stack([np.full(2, (size - 1) / 2), heights], axis=1)


#: The five schemes of Zhang et al., by number.
CROP_SCHEMES = {
    scheme.number: scheme
    for scheme in (
        CropScheme(1, "aligned_face", True, top=-1.6, bottom=2.4),
        CropScheme(2, "face", False, top=-1.6, bottom=2.4),
        CropScheme(3, "face_without_neck", False, top=-1.45, bottom=1.9),
        CropScheme(4, "inner_face", False, top=-0.75, bottom=1.8),
        CropScheme(5, "cheeks_and_mouth", True, top=0.2, bottom=1.9),
    )
}


def crop_matrix(points, scheme, size=224):
    """Similarity from an image to the crop of a face.

    With points as complex numbers, e and m the middles of eyes and mouth
    corners and e' and m' their places in the crop (`CropScheme.places`),

        z' = a z + b,  b = (e' + m') / 2 - a (e + m) / 2,
        a = (m' - e') / (m - e)        aligned
        a = |m' - e'| / |m - e|        not aligned

    Args:
        points: `(5, 2)`, pixels of the image, see `check_points`.
        scheme: `CropScheme`, such as those of `CROP_SCHEMES`.
        size: Side of the crop, pixels.

    Returns:
        `(2, 3)`, float64: matrix from places of the image to places of the
        crop, pixels, with integers at the centres of pixels. The edges of the
        crop are at -0.5 and size - 0.5.

    Raises:
        ValueError: As `check_points`; or if the size is no positive integer.

    Example:

    >>> points = [[3, 3], [5, 3], [4, 4], [3, 5], [5, 5]]
    >>> scheme = CropScheme(6, "face", True, top=-1.5, bottom=2.5)
    >>> crop_matrix(points, scheme, size=8).round(6).tolist()
    [[1.0, -0.0, -0.5], [0.0, 1.0, -0.5]]
    """
    if not isinstance(size, numbers.Integral) or size < 1:
        raise ValueError(
            "Expected the side of a crop in pixels, 1 or more. Received: "
            f"size={size!r}"
        )
    left, right, _, *corners = check_points(points) @ [1, 1j]
    eyes, mouth = (left + right) / 2, sum(corners) / 2
    to_eyes, to_mouth = scheme.places(size) @ [1, 1j]
    a = (to_mouth - to_eyes) / (mouth - eyes)
    if not scheme.aligned:
        a = complex(abs(a))
    b = (to_eyes + to_mouth) / 2 - a * (eyes + mouth) / 2
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def crop_face(image, points, scheme, size=224):
    """Cuts a face out of an image.

    Beyond the border of the image its last pixels are repeated, also where
    the whole face lies beyond it.

    Args:
        image: RGB image `(height, width, 3)`, uint8.
        points: `(5, 2)`, pixels of the image, see `check_points`.
        scheme: `CropScheme`, such as those of `CROP_SCHEMES`.
        size: Side of the crop, pixels.

    Returns:
        `(size, size, 3)`, uint8, RGB.

    Raises:
        ValueError: As `crop_matrix`; or if `image` is no RGB image in uint8.

    Example:

    >>> image = np.zeros((120, 160, 3), "uint8")
    >>> points = [[70, 50], [90, 50], [80, 60], [72, 70], [88, 70]]
    >>> crop_face(image, points, CROP_SCHEMES[5]).shape
    (224, 224, 3)

    Reference:
    - Zhang, Tan, Li and Qiao, "Gender and smile classification using deep
      convolutional neural networks", CVPR workshops 2016, section 3.3.
    """
    check_rgb_image(image)
    return align_frame(image, crop_matrix(points, scheme, size), size)


def nearest_face(faces, point):
    """The face whose box has its centre nearest to a point.

    Training takes the face nearest to the centre of the box that a data set
    gives, testing the one nearest to the image's centre (Zhang et al.,
    section 4).

    Args:
        faces: Faces of one image, `Face`s as `MTCNNDetector` finds them.
        point: `(2,)`, pixels of the image, x then y.

    Returns:
        One of the faces; of those equally near, the most confident.

    Raises:
        ValueError: If there is no face, or the point is not finite or has
            not two coordinates.
    """
    faces, point = list(faces), np.asarray(point, "float64")
    if not faces:
        raise ValueError("Expected at least one face. Received: none")
    if point.shape != (2,) or not np.isfinite(point).all():
        raise ValueError(
            "Expected a point with finite x and y. Received: "
            f"point={point.tolist()}"
        )

    def away(face):
        x1, y1, x2, y2 = np.asarray(face.box, "float64")
        middle = (x1 + x2) / 2, (y1 + y2) / 2
        return math.dist(middle, point), -face.confidence

    return min(faces, key=away)
