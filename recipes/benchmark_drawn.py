"""Drawn videos of any height and length, to time what reads them."""

import contextlib
import dataclasses
import itertools
import tempfile
from pathlib import Path

import cv2
import numpy as np

from fdin_tf.data.synthetic import SyntheticConfig
from fdin_tf.data.synthetic import make_synthetic
from fdin_tf.faces import read_frames

_DRAWN_FRAMES = 48


@dataclasses.dataclass(frozen=True)
class VideoSize:
    """Drawn videos that are timed.

    Attributes:
        heights: Of a frame, pixels; up to 576 it is 4:3, above 16:9.
        seconds: Lengths of the clips: of the shortest, speed is told at every
            height; of all, memory at the first one.
        frames_per_second: Their rate.
    """

    heights: tuple[int, ...] = (480, 1080)
    seconds: tuple[float, ...] = (10.0, 180.0)
    frames_per_second: float = 50.0


@contextlib.contextmanager
def drawn_videos(size, lengths):
    """Draws videos, and removes them in the end.

    Args:
        size: `VideoSize`.
        lengths: Seconds; at heights but the first, of the shortest alone.

    Yields:
        Dict from `(height, seconds)` to the path of an .mp4 file (MPEG-4,
        part 2) that shows one drawn smile to and fro, behind the noise of a
        camera.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        videos = {}
        for height in size.heights:
            frames = _drawn_frames(root / f"drawn-{height}", height)
            first = height == size.heights[0]
            for seconds in lengths if first else [min(lengths)]:
                path = root / f"{height}-{seconds:g}s.mp4"
                number = round(seconds * size.frames_per_second)
                write_video(path, frames, number, size.frames_per_second)
                videos[height, seconds] = path
        yield videos


def _drawn_frames(folder, height):
    """A drawn smile on a wide canvas with the noise of a camera, BGR."""
    config = SyntheticConfig(
        num_subjects=1,
        clips_per_subject=1,
        num_frames=_DRAWN_FRAMES,
        size=height,
    )
    (video,) = (make_synthetic(folder, config) / "videos").glob("*.mp4")
    width = 2 * round(height * (2 / 3 if height <= 576 else 8 / 9))
    side = (width - height) // 2
    rng = np.random.default_rng(0)
    frames = []
    for _, frame in read_frames(video):
        wide = cv2.copyMakeBorder(
            cv2.cvtColor(frame, cv2.COLOR_RGB2BGR),
            *(0, 0, side, width - height - side),
            cv2.BORDER_REPLICATE,
        )
        noise = rng.integers(-4, 5, wide.shape, "int16")
        frames.append(np.uint8(np.clip(wide + noise, 0, 255)))
    return frames


def write_video(path, frames, number, rate):
    """Writes frames to and fro, so that a long clip has no cuts.

    Args:
        path: Path of the .mp4 file.
        frames: BGR images `(height, width, 3)`, uint8.
        number: Frames of the video.
        rate: Frames per second.

    Raises:
        OSError: If OpenCV cannot write it.
    """
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter_fourcc(*"mp4v"), rate, (width, height)
    )
    if not writer.isOpened():
        raise OSError(f"OpenCV cannot write MPEG-4 video. Received: {path=}")
    turn = [*frames, *frames[-2:0:-1]]
    try:
        for frame in itertools.islice(itertools.cycle(turn), number):
            writer.write(frame)
    finally:
        writer.release()
