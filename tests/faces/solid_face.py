"""Five points of a solid face that is turned before the camera."""

import numpy as np

#: Eye distances: x to the image's right, y down, z away from the camera.
SOLID = np.array(
    [
        [-0.5, 0.0, 0.0],
        [0.5, 0.0, 0.0],
        [0.0, 0.62, -0.4],
        [-0.41, 1.1, -0.03],
        [0.41, 1.1, -0.03],
    ]
)


def turned(yaw=0.0, pitch=0.0, roll=0.0, size=100.0, place=(0, 0)):
    """Five points of a solid face, seen from afar; degrees and pixels."""
    a, b, c = np.deg2rad([yaw, pitch, roll])
    about_y = [[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]]
    about_x = [[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]]
    in_plane = [[np.cos(c), -np.sin(c)], [np.sin(c), np.cos(c)]]
    seen = SOLID @ np.transpose(np.array(about_x) @ about_y)
    return size * seen[:, :2] @ np.transpose(in_plane) + place
