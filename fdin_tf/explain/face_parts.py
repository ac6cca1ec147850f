"""Parts of a face in an image, by its landmarks."""

import cv2
import numpy as np
from scipy.ndimage import distance_transform_edt

from fdin_tf.faces.landmarks import check_landmarks
from fdin_tf.faces.landmarks import eyes_of

# Landmarks (iBUG order) of the polygons of a part; each takes the convex hull.
_ORGANS = {
    "mouth": [range(48, 68)],
    "left_eye": [range(36, 42)],
    "right_eye": [range(42, 48)],
    "both_eyes": [range(36, 42), range(42, 48)],
    "brows": [range(17, 22), range(22, 27)],
    "nose": [range(27, 36)],
}
_CHEEKS = [
    (1, 2, 3, 4, 48, 31, 36, 41, 40),
    (15, 14, 13, 12, 54, 35, 45, 46, 47),
]
_BROWS = range(18, 26)  # but for their outer ends, where hair may be
_FOREHEAD_HEIGHT = 0.4  # eye distances above the brows
#: Parts of a face; left means left in the image.
PARTS = (*_ORGANS, "cheeks", "forehead")
_SUBPIXEL_BITS = 4


def face_parts(landmarks, shape, margin=0.15):
    """Masks of the parts of a face.

    Mouth, eyes, brows and nose are the convex hulls of their landmarks,
    widened by the margin. Cheeks are what lies between eye, nose, corner of
    the mouth and jaw, a margin inside of the face's outline; the forehead is
    what lies up to 0.4 eye distances above the brows; both less the others.

    Args:
        landmarks: `(68, 2)`, iBUG order, pixels, x then y; pixel centres are
            at integers.
        shape: Height and width of the image, pixels.
        margin: Eye distances (between the middles of the eye corners) by
            which a hull is widened.

    Returns:
        Dict from the names of `PARTS` to bool `(height, width)`.

    Raises:
        ValueError: As `fdin_tf.faces.landmarks.check_landmarks`, if a
            landmark is missing, or the margin is negative.

    Example:

    >>> from fdin_tf.data.synthetic.identity import draw_identity
    >>> from fdin_tf.data.synthetic.render import Face
    >>> rng = np.random.default_rng(0)
    >>> face = Face(draw_identity(rng, age=40, gender="female"), 96, rng)
    >>> (landmarks,) = face.landmarks(np.zeros((1, 9)))
    >>> parts = face_parts(landmarks, (96, 96))
    >>> column, row = np.rint(landmarks[66]).astype(int)  # of the lower lip
    >>> [name for name, mask in parts.items() if mask[row, column]]
    ['mouth']

    Reference:
    - [Arbabzadah et al., 2016](https://arxiv.org/abs/1606.07285), section
      3.7, covers mouth, right eye and both eyes.
    """
    points, distance, up = _frame_of(landmarks)
    if not margin >= 0:
        raise ValueError(
            f"`margin` must be 0 or more. Received: margin={margin}"
        )
    parts = {
        name: _hulls([points[list(hull)] for hull in hulls], shape)
        for name, hulls in _ORGANS.items()
    }
    parts = {
        name: distance_to(mask) <= margin * distance
        for name, mask in parts.items()
    }
    others = np.any(list(parts.values()), axis=0)
    brows = points[list(_BROWS)]
    above = np.concatenate([brows, brows + _FOREHEAD_HEIGHT * distance * up])
    cheeks = _hulls([points[list(hull)] for hull in _CHEEKS], shape)
    cheeks &= distance_to(~_hulls([points], shape)) > margin * distance
    parts["cheeks"] = cheeks & ~others
    parts["forehead"] = _hulls([above], shape) & ~others
    return parts


def face_skin(landmarks, shape, margin=0.15):
    """Mask of the skin of a face: within all landmarks, less its organs.

    Args:
        landmarks: As for `face_parts`.
        shape: As for `face_parts`.
        margin: As for `face_parts`, about mouth, eyes and brows.

    Returns:
        Bool `(height, width)`. Hair above the brows is not in it, a beard is.

    Raises:
        ValueError: As `face_parts`.
    """
    parts = face_parts(landmarks, shape, margin)
    organs = parts["mouth"] | parts["both_eyes"] | parts["brows"]
    return _hulls([np.asarray(landmarks, float)], shape) & ~organs


def positive_share(heatmap, mask):
    """Share of the positive relevance that lies inside a mask.

        sum_{p in mask} max(R_p, 0) / sum_p max(R_p, 0)

    Args:
        heatmap: `R`, `(h, w)`.
        mask: `(h, w)` bool.

    Returns:
        Float in [0, 1]; NaN where no relevance is positive.

    Example:

    >>> positive_share([[3.0, 1.0, -5.0]], [[True, False, True]])
    0.75
    """
    positive = np.maximum(np.asarray(heatmap, np.float64), 0)
    total = positive.sum()
    inside = positive[np.asarray(mask, bool)].sum()
    return float(inside / total) if total > 0 else float("nan")


def distance_to(mask):
    """Distance of every pixel to the nearest one of a mask.

    Args:
        mask: `(h, w)` bool.

    Returns:
        `(h, w)`, pixels; infinite for an empty mask.

    Example:

    >>> distance_to(np.array([[True, False, False]])).tolist()
    [[0.0, 1.0, 2.0]]
    """
    if not mask.any():
        return np.full(mask.shape, np.inf)
    # Exact, and the same at every call, as OpenCV's is not.
    return distance_transform_edt(~mask)


def _frame_of(landmarks):
    """Checked landmarks, the distance of the eyes, and the way up."""
    (points,) = check_landmarks(np.asarray(landmarks)[None], num_points=68)
    if np.isnan(points).any():
        raise ValueError(
            "Expected the landmarks of a face. Received: landmarks of NaN"
        )
    ((left, right),) = eyes_of(points[None])
    across = right - left
    distance = np.hypot(*across)
    return points, distance, np.array([across[1], -across[0]]) / distance


def _hulls(polygons, shape):
    """Mask of the convex hulls of sets of points, as far as in the image."""
    mask = np.zeros(shape, np.uint8)
    for points in polygons:
        fixed = np.rint(points * 2**_SUBPIXEL_BITS).astype(np.int32)
        cv2.fillConvexPoly(mask, cv2.convexHull(fixed), 1, shift=_SUBPIXEL_BITS)
    return mask.astype(bool)
