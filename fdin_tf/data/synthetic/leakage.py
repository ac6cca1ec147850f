"""How much of each region's motion is seen outside its own grid cell."""

import cv2
import numpy as np

from fdin_tf.data.synthetic import template

#: Side of the aligned face and places of its eye centres, pixels.
ALIGNED_SIZE = 96
_EYES = 25 + 24j, 71 + 24j
_GRID = 3


def eye_alignment(landmarks):
    """Similarity that puts the eye centres at (25, 24) and (71, 24) of 96.

    An eye's centre is the middle of its two corners, which no lid moves.

    Args:
        landmarks: Shape `(68, 2)`, pixels.

    Returns:
        Array of shape `(2, 3)`, from pixels of the frame to aligned pixels.
    """
    points = np.asarray(landmarks, float) @ (1, 1j)
    left, right = points[[36, 39]].mean(), points[[42, 45]].mean()
    turn = (_EYES[1] - _EYES[0]) / (right - left)
    move = _EYES[0] - turn * left
    return np.array(
        [
            [turn.real, -turn.imag, move.real],
            [turn.imag, turn.real, move.imag],
        ]
    )


def aligned(frame, landmarks):
    """The aligned face, float32, `(96, 96, channels)`."""
    return cv2.warpAffine(
        np.float32(frame),
        eye_alignment(landmarks),
        (ALIGNED_SIZE, ALIGNED_SIZE),
        borderMode=cv2.BORDER_REPLICATE,
    )


def motion_shares(face):
    """Where each region's motion is seen in the aligned 3x3 grid.

    Entry (r, c) is the share of the absolute difference between the frames at
    rest and with region r at amplitude 1 that falls in cell c.

    Args:
        face: `Face`.

    Returns:
        Array of shape `(regions, cells)`; each row sums to 1.
    """
    num_regions = len(template.REGIONS)
    amplitudes = np.concatenate([np.zeros((1, num_regions)), np.eye(9)])
    rest, *moved = [
        aligned(face.render(a), points)
        for a, points in zip(amplitudes, face.landmarks(amplitudes))
    ]
    difference = np.abs(np.stack(moved) - rest).sum(axis=-1, dtype=float)
    side = ALIGNED_SIZE // _GRID
    cells = difference.reshape(num_regions, _GRID, side, _GRID, side)
    cells = cells.sum(axis=(2, 4)).reshape(num_regions, -1)
    return cells / cells.sum(axis=1, keepdims=True)


def leakage_table(faces):
    """Mean of `motion_shares` over faces, as comma-separated text.

    Rows are the regions that move, columns the cells that see it.
    """
    shares = np.mean([motion_shares(face) for face in faces], axis=0)
    lines = [",".join(("moves", *template.REGIONS))]
    for region, row in zip(template.REGIONS, shares):
        lines.append(",".join((region, *(f"{share:.4f}" for share in row))))
    return "\n".join(lines) + "\n"
