"""How far the surface of the face is stretched: areas of patches of skin."""

import numpy as np

from fdin_tf.handcrafted.displacement import upright_landmarks

#: Outlines of the patches of the left and of the right half of the face,
#: clockwise in the image: from the brow to the upper lid; from the lower lid
#: to the corner of the mouth, between nose and jaw; half of the mouth.
PATCHES = {
    "eyelids": (
        (17, 18, 19, 20, 21, 39, 38, 37, 36),
        (22, 23, 24, 25, 26, 45, 44, 43, 42),
    ),
    "cheeks": (
        (36, 41, 40, 39, 31, 48, 4, 3, 2, 1),
        (15, 14, 13, 12, 54, 35, 42, 47, 46, 45),
    ),
    "lips": (
        (48, 49, 50, 51, 57, 58, 59),
        (51, 52, 53, 54, 55, 56, 57),
    ),
}


def deformation_signals(landmarks):
    """Areas of eyelids, cheeks and mouth relative to the first frame.

    With A_l(t) and A_r(t) the areas of the left and the right patch of a
    region in upright coordinates, and a the mean of both in the first frame,

        D(t) = (A_l(t) + A_r(t)) / (2 a)

    so D(1) = 1; left and right alone are D_l = A_l / a and D_r = A_r / a. A
    patch that a turned head folds over has a negative area.

    The patches are polygons of the 2-D landmarks: they see how far skin is
    stretched or compressed in the image, not how far it bulges towards the
    camera, and a head that turns changes them. Which patches the authors
    take, and whether of a three-dimensional mesh, is not verified: these are
    our reading.

    Args:
        landmarks: `(frames, 68, 2)`, iBUG order, pixels, a face in each.

    Returns:
        Dict of `eyelids`, `cheeks` and `lips`, each `(frames, 2)`, float64,
        left and right, in mean areas of both in the first frame.

    Raises:
        ValueError: As `upright_landmarks`, or if the two patches of a region
            together have no area in the first frame.

    Example:

    >>> from fdin_tf.data.synthetic.template import average_face
    >>> faces = np.repeat(100 * average_face()[None], 2, axis=0)
    >>> middle = faces[0, 48:60].mean(axis=0)
    >>> faces[1, 48:60] += faces[1, 48:60] - middle  # twice as large
    >>> deformation_signals(faces)["lips"].mean(axis=1).round(6).tolist()
    [1.0, 4.0]

    Reference:
    - Dibeklioglu, Alnajar, Salah and Gevers, Combining facial dynamics with
      appearance for age estimation, IEEE Transactions on Image Processing
      24(6), 2015.
    """
    points = upright_landmarks(landmarks)
    signals = {}
    for name, sides in PATCHES.items():
        areas = np.stack([_area(points[:, side]) for side in sides], axis=1)
        rest = areas[0].mean()
        if not rest > 0:
            raise ValueError(
                f"The {name} must have an area in the first frame. Received: "
                f"{2 * rest:.2g} squared eye distances, left and right"
            )
        signals[name] = areas / rest
    return signals


def _area(corners):
    """Areas of polygons `(..., corners, 2)`, clockwise with y downwards."""
    x, y = np.moveaxis(corners, -1, 0)
    after_x, after_y = np.roll(x, -1, axis=-1), np.roll(y, -1, axis=-1)
    return (x * after_y - after_x * y).sum(axis=-1) / 2
