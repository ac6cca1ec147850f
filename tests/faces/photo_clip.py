"""A video whose frames are warped from one real photograph.

The portrait of the astronaut Eileen Collins (NASA, public domain) comes with
scikit-image. Its smile grows and fades (the lip corners and cheeks move by
Gaussian warps) while the head sways, turns and comes nearer a little, so the
eyes' places are known in every frame.
"""

import cv2
import numpy as np
from skimage import data

# Read off the photograph, pixels: pupils, lip corners, cheeks.
EYES = np.array([[202.8, 100.3], [245.8, 103.2]])
EYE_DISTANCE = np.hypot(*(EYES[1] - EYES[0]))
# Centre (pixels), displacement and width (in eye distances) at full smile.
SMILE = (
    ((203.7, 140.7), (-0.13, -0.10), 0.20),
    ((245.3, 139.2), (0.13, -0.10), 0.20),
    ((197.8, 126.2), (-0.02, -0.09), 0.22),
    ((249.5, 127.8), (0.02, -0.09), 0.22),
)


def make_photo_clip(path, num_frames=40, frames_per_second=25, size=256):
    """Writes the clip as an .mp4 (mp4v).

    Args:
        path: The file to write.
        num_frames: Its length, frames.
        frames_per_second: Its rate.
        size: Side of its square frames, pixels; the eye distance is 0.235 of
            it on average.

    Returns:
        Dict with `eyes`, `(frames, 2, 2)`, the places of the pupils in
        pixels, and `smile`, `(frames,)`, 0 as on the photograph, 1 at most.
    """
    frames, truth = photo_frames(num_frames, size)
    write_video(path, frames, frames_per_second)
    return truth


def photo_frames(num_frames=40, size=256, middle=(0.5, 0.44), scale=1.0):
    """The frames of the clip, and its truth.

    Args:
        num_frames: Number of frames.
        size: Side of a frame, pixels.
        middle: Mean place between the eyes, in shares of the side.
        scale: Mean size of the head; 1 gives an eye distance of 0.235.

    Returns:
        `(frames, truth)`: `(num_frames, size, size, 3)` uint8 RGB, and the
        dict of `make_photo_clip`.
    """
    photo = data.astronaut()
    phase = np.linspace(0, 1, num_frames)
    smile = np.sin(np.pi * phase) ** 2
    sway = 2 * np.pi * phase
    turn = np.deg2rad(3) * np.sin(sway)
    zoom = scale * 0.235 * size / EYE_DISTANCE * (1 + 0.03 * np.sin(sway / 2))
    moves = size * np.stack(
        [
            middle[0] + 0.012 * np.sin(sway + 1),
            middle[1] + 0.010 * np.sin(1.3 * sway),
        ],
        axis=-1,
    )
    x, y = np.meshgrid(np.arange(size), np.arange(size))
    grid = np.stack([x, y], axis=-1).astype("float64")
    frames, eyes = [], []
    for t in range(num_frames):
        rotation = zoom[t] * np.array(
            [
                [np.cos(turn[t]), -np.sin(turn[t])],
                [np.sin(turn[t]), np.cos(turn[t])],
            ]
        )
        places = (grid - moves[t]) @ np.linalg.inv(rotation).T
        places += EYES.mean(axis=0)
        source = places - smile[t] * _displacement(places)
        frames.append(
            cv2.remap(
                photo,
                np.float32(source[..., 0]),
                np.float32(source[..., 1]),
                cv2.INTER_CUBIC,
                borderMode=cv2.BORDER_REPLICATE,
            )
        )
        moved = EYES + smile[t] * _displacement(EYES) - EYES.mean(axis=0)
        eyes.append(moved @ rotation.T + moves[t])
    return np.stack(frames), {"eyes": np.stack(eyes), "smile": smile}


def write_video(path, frames, frames_per_second=25, codec="mp4v"):
    """Writes RGB frames with OpenCV."""
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(
        str(path),
        cv2.VideoWriter_fourcc(*codec),
        frames_per_second,
        (width, height),
    )
    assert writer.isOpened(), f"{path}: no writer for {codec}"
    for frame in frames:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()


def _displacement(places):
    """Displacement of the full smile at places of the photograph, pixels."""
    total = np.zeros_like(places)
    for centre, move, width in SMILE:
        squared = ((places - centre) ** 2).sum(axis=-1, keepdims=True)
        weight = np.exp(-squared / 2 / (width * EYE_DISTANCE) ** 2)
        total += weight * np.array(move) * EYE_DISTANCE
    return total
