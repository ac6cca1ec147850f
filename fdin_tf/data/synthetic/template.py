"""The plan of a face: 68 landmarks, nine regions and smooth curves.

Face units are used throughout: the origin lies between the eyes, the eye
centres are one unit apart, x grows to the image's right and y downwards.
"Left" means left in the image.
"""

import functools

import numpy as np
from scipy.interpolate import CubicSpline

from fdin_tf.regions import REGIONS as REGIONS

JAW = slice(0, 17)
BROWS = slice(17, 27)
NOSE = slice(27, 36)
LEFT_EYE = slice(36, 42)
RIGHT_EYE = slice(42, 48)
MOUTH = slice(48, 68)

#: Height of the mouth corners of the average face.
MOUTH_Y = 1.18

_HALF_JAW = [
    (-1.12, 0.02),
    (-1.10, 0.33),
    (-1.05, 0.63),
    (-0.97, 0.93),
    (-0.84, 1.20),
    (-0.65, 1.44),
    (-0.43, 1.63),
    (-0.21, 1.76),
]
_CHIN = [(0.0, 1.80)]
_BROW = [
    (-0.93, -0.27),
    (-0.78, -0.40),
    (-0.58, -0.44),
    (-0.38, -0.40),
    (-0.21, -0.33),
]
_NOSE_RIDGE = [(0.0, -0.02), (0.0, 0.20), (0.0, 0.42), (0.0, 0.62)]
_NOSTRILS = [
    (-0.25, 0.75),
    (-0.13, 0.80),
    (0.0, 0.83),
    (0.13, 0.80),
    (0.25, 0.75),
]
_EYE = [
    (-0.73, 0.015),
    (-0.60, -0.085),
    (-0.41, -0.090),
    (-0.27, 0.030),
    (-0.41, 0.085),
    (-0.60, 0.085),
]
_LIPS_OUTSIDE = [
    (-0.42, 1.18),
    (-0.27, 1.10),
    (-0.10, 1.055),
    (0.0, 1.075),
    (0.10, 1.055),
    (0.27, 1.10),
    (0.42, 1.18),
    (0.27, 1.275),
    (0.12, 1.325),
    (0.0, 1.335),
    (-0.12, 1.325),
    (-0.27, 1.275),
]
_LIPS_INSIDE = [
    (-0.36, 1.180),
    (-0.13, 1.172),
    (0.0, 1.178),
    (0.13, 1.172),
    (0.36, 1.180),
    (0.13, 1.186),
    (0.0, 1.190),
    (-0.13, 1.186),
]


def mirrored(points):
    """Points with left and right exchanged, shape `(points, 2)`."""
    return np.asarray(points) * (-1.0, 1.0)


def average_face():
    """The 68 landmarks of the average adult in iBUG order, face units.

    >>> average_face().shape
    (68, 2)
    """
    return np.concatenate(
        [
            _HALF_JAW,
            _CHIN,
            mirrored(_HALF_JAW)[::-1],
            _BROW,
            mirrored(_BROW)[::-1],
            _NOSE_RIDGE,
            _NOSTRILS,
            _EYE,
            mirrored(_EYE)[[3, 2, 1, 0, 5, 4]],
            _LIPS_OUTSIDE,
            _LIPS_INSIDE,
        ]
    )


@functools.cache
def _curve_weights(num_points, steps, closed):
    """Matrix that takes `num_points` points to the points of their curve."""
    unit = np.eye(num_points)
    if closed:
        unit = np.concatenate([unit, unit[:1]])
    spline = CubicSpline(
        np.arange(len(unit)),
        unit,
        bc_type="periodic" if closed else "natural",
    )
    count = (len(unit) - 1) * steps + (not closed)
    return spline(np.arange(count) / steps)


def curve(points, steps=6, closed=False):
    """Cubic spline through the points, `steps` points for each stretch.

    >>> curve([(0, 0), (1, 1), (2, 0)], steps=4).shape
    (9, 2)
    """
    points = np.asarray(points)
    return _curve_weights(len(points), steps, closed) @ points


def outline(upper, lower, steps=6):
    """Closed outline with two sharp corners, of an eye or of the lips.

    Args:
        upper: Points from the left to the right corner, along the top.
        lower: Points from the right to the left corner, along the bottom.
        steps: Points for each stretch.
    """
    return np.concatenate([curve(upper, steps), curve(lower, steps)[1:-1]])
