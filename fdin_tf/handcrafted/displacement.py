"""How far parts of the face have moved: lids, cheeks, lips, and distances.

Signals of the 68 landmarks in coordinates in which the head neither moves nor
turns in the image: the eyes of every frame are at the same two places. (The
authors of the descriptors normalise the pose in three dimensions, which 2-D
landmarks do not allow: a head that turns to the side or nods still moves.)
"""

import numpy as np

from fdin_tf.faces.align import eye_similarity
from fdin_tf.faces.landmarks import LEFT_EYE_CORNERS
from fdin_tf.faces.landmarks import RIGHT_EYE_CORNERS
from fdin_tf.faces.landmarks import check_landmarks
from fdin_tf.faces.landmarks import eyes_of
from fdin_tf.faces.phases import LIP_CORNERS

UPPER_LIDS = ((37, 38), (43, 44))
# The 68 points have none on the cheek. Its centre is the mean of what borders
# it: lower lid, wing of the nose, corner of the mouth, jaw.
CHEEK_BORDERS = (((40, 41), 31, 48, 2), ((46, 47), 35, 54, 14))
#: Distances between two places of the left and of the right half of the face,
#: a place being a point or the mean of several. Across the middle of the face
#: both are the same distance.
GENDER_SIGNALS = {
    "mouth_width": ((48, 54), (48, 54)),
    "mouth_opening": ((62, 66), (62, 66)),
    "lip_corner_to_nose": ((48, 31), (54, 35)),
    "lip_corner_to_eye": ((48, 36), (54, 45)),
    "lip_corner_to_chin": ((48, 8), (54, 8)),
    "eye_opening": (((37, 38), (40, 41)), ((43, 44), (46, 47))),
    "brow_to_eye": (((19, 20), (36, 39)), ((23, 24), (42, 45))),
    "brow_to_brow": ((21, 22), (21, 22)),
    "nose_width": ((31, 35), (31, 35)),
}


def upright_landmarks(landmarks):
    """Landmarks with the left eye at (0, 0) and the right one at (1, 0).

    Args:
        landmarks: `(frames, 68, 2)`, iBUG order, pixels, a face in each.

    Returns:
        `(frames, 68, 2)`, float64, in eye distances of the same frame, x to
        the right and y downwards.

    Raises:
        ValueError: If the landmarks are none (see `check_landmarks`) or a
            frame has no face.
    """
    points = check_landmarks(landmarks, num_points=68)
    for frame in np.flatnonzero(np.isnan(points).any(axis=(1, 2))):
        raise ValueError(
            "Dynamics are those of frames that show a face. "
            f"Received: no landmarks in frame {frame}"
        )
    matrices = eye_similarity(eyes_of(points), size=1, left_eye=(0, 0))
    return points @ matrices[:, :, :2].mT + matrices[:, None, :, 2]


def displacement_signals(landmarks):
    """Amplitude of eyelids, cheeks and lip corners in every frame.

    In upright coordinates, with l and r the left and the right one of two
    lip corners (or cheek centres), c their middle in the first frame and
    w = |r(1) - l(1)|,

        D(t) = (|l(t) - c| + |r(t) - c|) / (2 w)

    With m the middle of the corners of an eye, u the middle of its upper lid,
    k = 1 where u is above m and -1 where it is below, and w the mean width of
    both eyes in the first frame,

        D(t) = (k_l |m_l(t) - u_l(t)| + k_r |m_r(t) - u_r(t)|) / (2 w)

    Left and right alone are D_l = |l - c| / w and D_r = |r - c| / w, of the
    lids D_l = k_l |m_l - u_l| / w and D_r = k_r |m_r - u_r| / w, so that D is
    their mean. (The published equation divides both eyes by the width of one
    of them.)

    Args:
        landmarks: `(frames, 68, 2)`, iBUG order, pixels, a face in each.

    Returns:
        Dict of `eyelids`, `cheeks` and `lips`, each `(frames, 2)`, float64,
        left and right: in widths of an eye, in distances between the cheek
        centres and in widths of the mouth, all of the first frame.

    Raises:
        ValueError: As `upright_landmarks`, or if the first frame has a mouth
            or eyes without width.

    Example:

    >>> from fdin_tf.data.synthetic.template import average_face
    >>> faces = np.repeat(100 * average_face()[None], 2, axis=0)
    >>> faces[1, 54, 0] += (faces[0, 54, 0] - faces[0, 48, 0]) / 4
    >>> displacement_signals(faces)["lips"].round(6).tolist()
    [[0.5, 0.5], [0.5, 0.75]]

    Reference:
    - Dibeklioglu, Salah and Gevers, ECCV 2012: the amplitudes of eyelids,
      cheeks and lip corners.
    - Dibeklioglu, Gevers, Salah and Valenti, ACM Multimedia 2012: the same
      for age.
    """
    points = upright_landmarks(landmarks)
    return {
        "eyelids": _lid_heights(points),
        "cheeks": _distances_from_middle(
            *(_mean_place(points, border) for border in CHEEK_BORDERS),
            name="cheeks",
        ),
        "lips": _distances_from_middle(
            *(points[:, corner] for corner in LIP_CORNERS), name="lip corners"
        ),
    }


def gender_signals(landmarks):
    """How far the distances of `GENDER_SIGNALS` have changed.

    In upright coordinates, with a and b the two places of a distance,

        D(t) = |a(t) - b(t)| - |a(1) - b(1)|

    on the left and on the right; without what the face is at rest, only its
    motion is described. That the dynamics of distances between landmarks,
    described by the measures of smile dynamics, tell the gender is Dantcheva
    and Bremond's; which distances are taken here, and their unit, is not.

    Args:
        landmarks: `(frames, 68, 2)`, iBUG order, pixels, a face in each.

    Returns:
        Dict from the names in `GENDER_SIGNALS` to `(frames, 2)`, float64,
        left and right, in eye distances of the same frame.

    Raises:
        ValueError: As `upright_landmarks`.

    Reference:
    - Dantcheva and Bremond, Gender estimation based on smile-dynamics, IEEE
      Transactions on Information Forensics and Security 12(3), 2017.
    """
    points = upright_landmarks(landmarks)
    signals = {}
    for name, sides in GENDER_SIGNALS.items():
        ends = [[_mean_place(points, [end]) for end in side] for side in sides]
        lengths = np.stack([_length(a - b) for a, b in ends], axis=1)
        signals[name] = lengths - lengths[0]
    return signals


def _lid_heights(points):
    """`(frames, 2)`: upper lids above the middles of the eye corners."""
    corners = points[:, [LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS]]
    middles = corners.mean(axis=2)
    lids = points[:, UPPER_LIDS].mean(axis=2)
    width = _length(corners[0, :, 1] - corners[0, :, 0]).mean()
    _check_width(width, "corners of the eyes")
    above = np.where(lids[..., 1] > middles[..., 1], -1, 1)
    return above * _length(middles - lids) / width


def _distances_from_middle(left, right, name):
    """`(frames, 2)`: of two places from their middle in the first frame."""
    width = _length(right[0] - left[0])
    _check_width(width, name)
    middle = (left[0] + right[0]) / 2
    return _length(np.stack([left, right], axis=1) - middle) / width


def _mean_place(points, parts):
    """`(frames, 2)`: mean of parts, each a point or the mean of several."""
    places = [points[:, np.atleast_1d(part)].mean(axis=1) for part in parts]
    return np.mean(places, axis=0)


def _length(vectors):
    return np.linalg.norm(vectors, axis=-1)


def _check_width(width, name):
    if not width:
        raise ValueError(
            f"The {name} must be at two different places. "
            "Received: both at the same in frame 0"
        )
