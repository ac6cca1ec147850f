"""Aligned faces: the eyes of every frame at the same two places."""

import cv2
import numpy as np

from fdin_tf.faces.config import FaceConfig
from fdin_tf.faces.video import VideoError
from fdin_tf.faces.video import read_frames


def eye_similarity(eyes, size, left_eye):
    """Similarity that puts the two eyes at fixed places of a square crop.

    With points as complex numbers, `l` and `r` the eyes and `l'` and `r'`
    their places in the crop,

        z' = a z + b,  a = (r' - l') / (r - l),  b = l' - a l

    Args:
        eyes: `(frames, 2, 2)`, pixels, x then y: left and right eye, left
            meaning left in the image.
        size: Side of the crop, pixels.
        left_eye: Place of the left eye in shares of the crop, x then y; the
            right eye is its mirror image, `(1 - x, y)`.

    Returns:
        `(frames, 2, 3)`, float64: matrices from image to crop.

    Raises:
        ValueError: If the shape is another one or two eyes fall together.

    Example:

    >>> eyes = np.array([[[25.0, 24.0], [71.0, 24.0]]])
    >>> eye_similarity(eyes, 96, (25 / 96, 24 / 96)).round(6).tolist()
    [[[1.0, -0.0, 0.0], [0.0, 1.0, 0.0]]]
    """
    eyes = np.asarray(eyes, "float64")
    if eyes.ndim != 3 or eyes.shape[1:] != (2, 2):
        raise ValueError(
            "`eyes` must have the shape (frames, 2, 2): two eyes, x and y. "
            f"Received: eyes.shape={eyes.shape}"
        )
    left, right = (eyes @ [1, 1j]).T
    if (left == right).any():
        raise ValueError(
            "The eyes of a face must be at two different places. Received: "
            f"both at the same in frame {np.flatnonzero(left == right)[0]}"
        )
    x, y = left_eye
    to_left, to_right = size * complex(x, y), size * complex(1 - x, y)
    a = (to_right - to_left) / (right - left)
    b = to_left - a * left
    return np.stack(
        [
            np.stack([a.real, -a.imag, b.real], axis=-1),
            np.stack([a.imag, a.real, b.imag], axis=-1),
        ],
        axis=1,
    )


def align_frame(frame, matrix, size):
    """Warps the face of one frame into a square crop.

    A crop smaller than the face is filtered before it is sampled (Gaussian,
    on the full grid of the frame, so that the filter does not depend on where
    the face lies between two pixels). Beyond the border of the frame its last
    pixels are repeated.

    Args:
        frame: `(height, width)` or `(height, width, 3)`, uint8.
        matrix: `(2, 3)`, similarity from frame to crop, pixels.
        size: Side of the crop, pixels.

    Returns:
        `(size, size)` or `(size, size, 3)`, uint8, contiguous.
    """
    matrix = np.asarray(matrix, "float64")
    scale = np.hypot(*matrix[:, 0])
    back = cv2.invertAffineTransform(matrix)
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]])
    corners = corners @ back[:, :2].T + back[:, 2]
    blur = 0.5 * np.sqrt(max(0.0, scale**-2 - 1))  # frame pixels

    margin = 2 + 4 * blur
    height, width = frame.shape[:2]
    limit = [width, height]
    low = np.clip(np.floor(corners.min(0) - margin), 0, np.subtract(limit, 1))
    high = np.clip(np.ceil(corners.max(0) + margin), low + 1, limit)
    (x1, y1), (x2, y2) = low.astype(int), high.astype(int)
    patch = frame[y1:y2, x1:x2]
    if blur > 0.3:  # less does not reach the neighbouring pixel
        patch = cv2.GaussianBlur(
            patch, (0, 0), blur, borderType=cv2.BORDER_REPLICATE
        )
    shifted = matrix.copy()
    shifted[:, 2] += matrix[:, :2] @ (x1, y1)
    return cv2.warpAffine(
        patch,
        shifted,
        (size, size),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )


def aligned_chunks(path, track, config=FaceConfig(), chunk_size=64):
    """Decodes a video again and yields the aligned faces of a track.

    Args:
        path: The video file that the track was made from.
        track: Its `FaceTrack`.
        config: The `FaceConfig` that the track was made with.
        chunk_size: Most frames of one chunk; memory is bounded by it.

    Yields:
        `(n, size, size, 3)`, uint8 RGB, `n <= chunk_size`: the usable frames
        of the track, in order.

    Raises:
        VideoError: If the video cannot be read to its end or has not the
            frames of the track.
        ValueError: If `chunk_size` is below 1.
    """
    if chunk_size < 1:
        raise ValueError(
            f"`chunk_size` must be at least 1. Received: {chunk_size=}"
        )
    return _aligned_chunks(path, track, config, chunk_size)


def _aligned_chunks(path, track, config, chunk_size):
    where = np.flatnonzero(track.usable)
    matrices = np.full((len(track.usable), 2, 3), np.nan)
    matrices[where] = eye_similarity(
        track.eyes[where], config.size, config.left_eye
    )
    chunk, count = [], 0
    for _, frame in read_frames(path, config.frames_per_second):
        if count < len(matrices) and track.usable[count]:
            chunk.append(align_frame(frame, matrices[count], config.size))
        count += 1
        if len(chunk) == chunk_size:
            yield np.stack(chunk)
            chunk = []
    if count != len(matrices):
        raise VideoError(
            path,
            f"has {count} frames, but its face track has {len(matrices)}; "
            "was the track made from another file or at another rate?",
        )
    if chunk:
        yield np.stack(chunk)
