"""Where a drawn face's regions are seen in an image."""

import numpy as np

from fdin_tf.data.synthetic import template

# Where 98 of 100 parts of a region's change are seen, along each axis: left,
# top, right and bottom in face units. Those of the mouth move with it.
_BOXES = {
    "left_eye": (-0.95, -0.18, -0.18, 0.32),
    "forehead": (-0.60, -0.92, 0.60, 0.10),
    "right_eye": (0.18, -0.18, 0.95, 0.32),
    "left_cheek": (-1.08, 0.10, -0.22, 0.92),
    "nose": (-0.50, 0.10, 0.50, 1.05),
    "right_cheek": (0.22, 0.10, 1.08, 0.92),
    "left_mouth": (-0.97, 0.79, 0.06, 1.54),
    "mouth": (-0.54, 1.00, 0.54, 1.95),
    "right_mouth": (-0.06, 0.79, 0.97, 1.54),
}


def moved(points, head):
    """Points of the canvas where an image shows them.

    Args:
        points: Array of shape `(..., 2)`, pixels of the canvas.
        head: Similarity from canvas to image, `(2, 3)`.

    >>> moved(np.array([[1.0, 2.0]]), np.array([[2, 0, 5], [0, 2, 0]])).tolist()
    [[7.0, 4.0]]
    """
    return points @ head[:, :2].T + head[:, 2]


def region_boxes(identity, canvas, head):
    """Upright rectangles in which the regions of a face move.

    Args:
        identity: `Identity` of the face.
        canvas: `Canvas` that it is painted on.
        head: Similarity from canvas to image, `(2, 3)`.

    Returns:
        Float64 array `(regions, 4)`: left, top, right and bottom, pixels of
        the image, whatever the amplitudes are.
    """
    boxes = np.array([_BOXES[region] for region in template.REGIONS])
    is_mouth = ["mouth" in region for region in template.REGIONS]
    boxes[is_mouth, 1::2] += identity.mouth_y - template.MOUTH_Y
    corners = boxes[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]
    corners = moved(canvas.pixels(corners), head)
    return np.concatenate([corners.min(1), corners.max(1)], axis=1)
