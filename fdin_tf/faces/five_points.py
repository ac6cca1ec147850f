"""The five points of a face, and whether they can be those of one."""

import numpy as np

#: What the five points of a face are, in MTCNN's order; left in the image.
POINTS = (
    "left eye",
    "right eye",
    "nose",
    "left mouth corner",
    "right mouth corner",
)
_LEAST_DISTANCE = 1e-3  # of two points, as a share of the largest
_PAIRS = np.triu_indices(len(POINTS), 1)


def check_points(points):
    """Checks that five points can be those of one face.

    They are held against each other, not against the axes of the image, so
    that a face may lie or stand on its head: seen from the eyes towards the
    mouth, left and right must be the same for both.

    Args:
        points: `(5, 2)`, pixels, x to the right and y down, in MTCNN's order:
            left eye, right eye, nose, left and right mouth corner. Left means
            left in the image, where the face is upright.

    Returns:
        The points as float64.

    Raises:
        ValueError: If the shape is another one, a coordinate is not finite,
            two points coincide (within a thousandth of the largest distance),
            the eyes, the mouth corners or both are exchanged, or the eyes are
            below the mouth.

    Example:

    >>> check_points([[0, 0], [2, 0], [1, 1], [0, 2], [2, 2]]).dtype
    dtype('float64')
    """
    points = np.asarray(points, "float64")
    if points.shape != (5, 2):
        raise ValueError(
            "Expected the five points of a face (5, 2), x and y. Received: "
            f"points.shape={points.shape}"
        )
    if not np.isfinite(points).all():
        number = np.flatnonzero(~np.isfinite(points).all(axis=1))[0]
        raise ValueError(
            "Expected five points with finite coordinates. Received: "
            f"{POINTS[number]}={tuple(points[number].tolist())}"
        )
    _check_distances(points)
    left, right, _, *corners = points @ [1, 1j]
    down = sum(corners) / 2 - (left + right) / 2
    _check_sides(points, right - left, corners[1] - corners[0], down)
    return points


def _check_distances(points):
    place = points @ [1, 1j]
    first, second = _PAIRS
    distances = np.abs(place[second] - place[first])
    least = distances.argmin()
    if distances[least] <= _LEAST_DISTANCE * distances.max():
        raise ValueError(
            "Expected five points of a face at different places. Received: "
            f"{POINTS[first[least]]} and {POINTS[second[least]]} both at "
            f"{tuple(points[first[least]].tolist())}"
        )


def _check_sides(points, eyes, mouth, down):
    """Left, right and down must go round as the axes of the image do."""
    wrong = [
        name
        for name, across in (("eyes", eyes), ("mouth corners", mouth))
        if not (across.conjugate() * down).imag > 0
    ]
    if wrong:
        what = (
            "left and right exchanged (a mirrored face), or the eyes below "
            "the mouth"
            if len(wrong) == 2
            else f"left and right exchanged between the {wrong[0]}"
        )
        raise ValueError(
            "Expected the points of a face: left eye, right eye, nose, left "
            "mouth corner, right mouth corner, left as in the image. "
            f"Received: {what}, points={points.tolist()}"
        )
