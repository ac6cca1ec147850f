"""The order of the 68 landmarks: which point must lie where in a face.

iBUG order, from 0, left meaning left in the image: jaw 0-16 from left to
right, brows 17-21 and 22-26, ridge of the nose 27-30 downwards and its base
31-35, eyes 36-41 and 42-47 clockwise from their left corners, mouth 48-59
outside and 60-67 inside, clockwise from the left corner.
"""

import numpy as np

# How far, in eye distances, a face may contradict its plan: tracking jitters,
# closed lids and lips touch.
TOLERANCE = 0.1
# A face is about two eye distances high; a nod leaves more than this.
LEAST_HEIGHT = 0.5

_PARTS = {
    "left brow": range(17, 22),
    "right brow": range(22, 27),
    "nose base": range(31, 36),
    "left eye": range(36, 42),
    "right eye": range(42, 48),
    "middle of the upper lids": (37, 38, 43, 44),
    "middle of the lower lids": (40, 41, 46, 47),
    "upper lip": range(49, 54),
    "lower lip": range(55, 60),
    "mouth": range(48, 60),
    "middle of points 0 and 16": (0, 16),
    "middle of points 1 and 15": (1, 15),
    "middle of points 2 and 14": (2, 14),
    "middle of points 3 and 13": (3, 13),
    "middle of points 4 and 12": (4, 12),
    "middle of points 5 and 11": (5, 11),
    "middle of points 6 and 10": (6, 10),
    "middle of points 7 and 9": (7, 9),
}
# Mirror images of each other are equally deep in the head, so they keep their
# sides when it turns; so do the corners and lids of one eye.
_LEFT_OF = [
    *((k, 16 - k) for k in range(8)),
    *((17 + k, 26 - k) for k in range(5)),
    *((31, 35), (32, 34)),
    *((36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)),
    *((36, 39), (37, 38), (41, 40), (42, 45), (43, 44), (47, 46)),
    *((17, 21), (22, 26)),
    *((48, 54), (49, 53), (50, 52), (59, 55), (58, 56)),
    *((60, 64), (61, 63), (67, 65)),
]
_JAW = [name for name in _PARTS if name.startswith("middle of points")]
_ABOVE = [
    ("left brow", "left eye"),
    ("right brow", "right eye"),
    ("middle of the upper lids", "middle of the lower lids"),
    *((27, 28), (28, 29), (29, 30)),
    *((k, "nose base") for k in (*range(17, 27), *range(36, 48))),
    *((eye, k) for eye in ("left eye", "right eye") for k in range(30, 36)),
    *((eye, k) for eye in ("left eye", "right eye") for k in range(48, 68)),
    ("nose base", "mouth"),
    ("upper lip", "lower lip"),
    *((k, 8) for k in range(48, 68)),
    *zip(_JAW, [*_JAW[2:], 8, 8]),
]
# Axis, words for what must hold and for the contrary, first and second part.
_RULES = [
    *((0, "left of", "right of", first, second) for first, second in _LEFT_OF),
    *((1, "above", "below", first, second) for first, second in _ABOVE),
]


def order_contradictions(points, eyes):
    """Finds frames whose 68 landmarks cannot be in iBUG order.

    The points are turned and scaled until the eyes lie level and one apart.
    There mirror images must keep their sides and the parts of the face lie
    one above the other, within `TOLERANCE`. Heads may be turned, nod and
    lean; a list that is shuffled, reversed, shifted or mirrored contradicts.

    Args:
        points: `(frames, 68, 2)`, pixels, x to the right and y downwards; NaN
            in frames without a face.
        eyes: `(frames, 2, 2)`: left and right eye, at different places.

    Returns:
        List of `(frame, expected, received)`, one for every frame that
        contradicts, in words.

    Example:

    >>> face = np.zeros((1, 68, 2))
    >>> face[0, 0] = 3, 0
    >>> order_contradictions(face, np.array([[[-1, 0], [1, 0]]]))[0][1]
    'point 0 left of point 16'
    """
    known = np.flatnonzero(~np.isnan(points).any(axis=(1, 2)))
    upright = _upright(points[known], eyes[known])
    excess = np.where(
        [axis == 0 for axis, *_ in _RULES],
        upright.real @ _DIFFERENCES,
        upright.imag @ _DIFFERENCES,
    )
    found = []
    for row in np.flatnonzero((excess > TOLERANCE).any(axis=1)):
        worst = excess[row].argmax()
        _, holds, contrary, first, second = _RULES[worst]
        first, second = _in_words(first), _in_words(second)
        by = f"{excess[row, worst]:.2g} eye distances"
        found.append(
            (
                int(known[row]),
                f"{first} {holds} {second}",
                f"{first} {by} {contrary} {second}",
            )
        )
    return found


def flat_faces(points, eyes):
    """Finds frames whose 68 landmarks lie almost on one line.

    Args:
        points: As of `order_contradictions`.
        eyes: As of `order_contradictions`.

    Returns:
        List of `(frame, height)`, one for every frame in which the points are
        less than `LEAST_HEIGHT` high: from top to bottom, across the line
        through the eyes, in eye distances.

    Example:

    >>> face = np.zeros((1, 68, 2))
    >>> flat_faces(face, np.array([[[-1, 0], [1, 0]]]))
    [(0, 0.0)]
    """
    known = np.flatnonzero(~np.isnan(points).any(axis=(1, 2)))
    height = np.ptp(_upright(points[known], eyes[known]).imag, axis=1)
    flat = height < LEAST_HEIGHT
    return list(zip(known[flat].tolist(), height[flat].tolist()))


def _upright(points, eyes):
    """Points as complex numbers: eyes level, one apart, around the origin."""
    place, eye = points @ [1, 1j], eyes @ [1, 1j]
    return (place - eye.mean(axis=1, keepdims=True)) / np.diff(eye)


def _mean_of(part):
    """Weights of the 68 points whose sum is the place of a part."""
    weights = np.zeros(68)
    members = list(_PARTS.get(part, [part]))
    weights[members] = 1 / len(members)
    return weights


def _in_words(part):
    return f"the {part}" if part in _PARTS else f"point {part}"


# Place of the first part less that of the second, one column per rule.
_DIFFERENCES = np.stack(
    [_mean_of(first) - _mean_of(second) for *_, first, second in _RULES],
    axis=1,
)
