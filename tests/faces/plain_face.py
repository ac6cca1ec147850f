"""68 landmarks of a plain frontal face, drawn from simple curves."""

import numpy as np

#: Ellipses through the points of a face: index of the first point,
#: centre, half axes, and the angles of its points in degrees.
CURVES = (
    (0, (0.0, 0.1), (1.1, 1.7), np.linspace(180, 0, 17)),  # jaw
    (17, (-0.55, -0.3), (0.4, 0.2), np.linspace(190, 350, 5)),
    (22, (0.55, -0.3), (0.4, 0.2), np.linspace(190, 350, 5)),
    (31, (0.0, 0.75), (0.25, 0.1), np.linspace(180, 0, 5)),  # nostrils
    (36, (-0.5, 0.0), (0.25, 0.1), np.array([180, 240, 300, 0, 60, 120])),
    (42, (0.5, 0.0), (0.25, 0.1), np.array([180, 240, 300, 0, 60, 120])),
    (48, (0.0, 1.2), (0.5, 0.22), 180 + 30.0 * np.arange(12)),  # lips
    (60, (0.0, 1.2), (0.35, 0.08), 180 + 45.0 * np.arange(8)),
)


def plain_face():
    """A symmetric face in iBUG order.

    Returns:
        `(68, 2)`, float64, eye distances, x to the right and y down; the
        origin lies between the eyes.
    """
    face = np.zeros((68, 2))
    face[27:31, 1] = [0.05, 0.22, 0.39, 0.56]  # bridge of the nose
    for first, centre, axes, degrees in CURVES:
        angles = np.deg2rad(degrees)
        curve = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
        face[first : first + len(degrees)] = centre + axes * curve
    return face
