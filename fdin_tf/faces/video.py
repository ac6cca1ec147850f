"""Frames of a video file, one after the other, with their time stamps."""

import dataclasses
import math
import os
from pathlib import Path

# FFmpeg reads its log level once; a broken file is reported by an exception.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2
import numpy as np

from fdin_tf.faces.containers import CONTAINERS
from fdin_tf.faces.containers import is_container
from fdin_tf.faces.containers import shown_seconds
from fdin_tf.faces.containers import stores_frame_count

if "OPENCV_LOG_LEVEL" not in os.environ:
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)

MAX_SIDE = 16384  # pixels
MAX_PIXELS = 2**25  # of one frame; 7680 x 4320 are fewer
MAX_FRAMES_PER_SECOND = 1000.0
MAX_SECONDS = 1800.0
MAX_FRAMES = 108_000  # half an hour at 60 frames per second
# Containers round time stamps, often to a millisecond.
TIME_TOLERANCE = 1e-3  # seconds


class ClipError(ValueError):
    """A file that cannot be used; one line with the file and why."""

    def __init__(self, path, reason):
        super().__init__(f"{path}: {reason}")
        self.path = str(path)
        self.reason = reason

    def __reduce__(self):  # survives the way back from a worker process
        return type(self), (self.path, self.reason)


class VideoError(ClipError):
    """A file that is no readable video."""


@dataclasses.dataclass(frozen=True)
class VideoInfo:
    """What the header of a video announces; nothing of it is decoded.

    Attributes:
        path: The file.
        width: Of a frame as it is shown (rotation applied), pixels.
        height: Of a frame as it is shown (rotation applied), pixels.
        num_frames: Announced number of frames; an estimate in containers
            that do not store it (Matroska, WebM).
        frames_per_second: Announced mean rate.
        duration: Seconds, `num_frames / frames_per_second`.
    """

    path: str
    width: int
    height: int
    num_frames: int
    frames_per_second: float
    duration: float


def probe_video(path):
    """Reads the header of a video.

    Args:
        path: A video file: MP4, MOV, AVI, Matroska, WebM, MPEG, ASF, FLV or
            Ogg, whatever its name.

    Returns:
        A `VideoInfo`.

    Raises:
        FileNotFoundError: If there is no such file.
        VideoError: If the file is a folder, empty, no video, without frames,
            cut off before its index, or if its header announces a size that
            no camera has (more than `MAX_SIDE` pixels a side or `MAX_PIXELS`
            in all), or more than `MAX_SECONDS` or `MAX_FRAMES`. A list of
            further files, which FFmpeg would open, is no video.
    """
    capture, info = _open(path)
    capture.release()
    return info


def read_frames(path, frames_per_second=None):
    """Decodes a video frame by frame; only one frame is held in memory.

    The time of a frame is its time stamp less that of the first frame. Where
    a stamp is missing or does not grow, the frame counts as one announced
    frame period later than the one before. Rotation that the file asks for is
    applied.

    Args:
        path: A video file.
        frames_per_second: None: the frames as they are stored. A number:
            frames at the times 0, 1/r, 2/r, ...; each is the latest stored
            frame that is not later, so frames are repeated or left out.

    Yields:
        `(time, frame)`: seconds since the first frame, and an RGB image
        `(height, width, 3)`, uint8, contiguous.

    Raises:
        FileNotFoundError: If there is no such file.
        VideoError: As `probe_video`; also, after the last good frame, if the
            file ends earlier than its header says (it was cut off), or goes
            on beyond `MAX_FRAMES`.
        ValueError: If `frames_per_second` is not positive.
    """
    stored = _decode(*_open(path), pixels=True)
    return resample(stored, frames_per_second)


def frame_times(path, frames_per_second=None):
    """Times of the frames that `read_frames` yields, without their pixels.

    Args:
        path: A video file.
        frames_per_second: As for `read_frames`.

    Returns:
        `(times, indices)`: seconds, float64, and the index of the stored
        frame behind each of them, int64, both `(frames,)`.

    Raises:
        FileNotFoundError: As `read_frames`.
        VideoError: As `read_frames`.
        ValueError: As `read_frames`.
    """
    stored = _decode(*_open(path), pixels=False)
    indexed = ((time, index) for index, (time, _) in enumerate(stored))
    rows = list(resample(indexed, frames_per_second))
    return (
        np.array([time for time, _ in rows], "float64"),
        np.array([index for _, index in rows], "int64"),
    )


def resample(timed, frames_per_second):
    """Takes items to a constant rate by the latest item that is not later.

    An item lasts until the next one begins; the last item lasts as long as
    the one before it.

    Args:
        timed: Iterable of `(time, item)`, times in seconds, growing from 0.
        frames_per_second: The rate, or None to pass everything through.

    Returns:
        Iterator of `(time, item)`.

    Raises:
        ValueError: If the rate is no positive number.

    Example:

    >>> list(resample([(0.0, "a"), (0.5, "b"), (1.5, "c")], 1))
    [(0.0, 'a'), (1.0, 'b'), (2.0, 'c')]
    """
    if frames_per_second is None:
        return iter(timed)
    if not (0 < frames_per_second <= MAX_FRAMES_PER_SECOND):
        raise ValueError(
            "`frames_per_second` must be a number above 0 and at most "
            f"{MAX_FRAMES_PER_SECOND:g}, or None for the video's own. "
            f"Received: {frames_per_second=}"
        )
    return _resampled(timed, frames_per_second)


def _resampled(timed, rate):
    due, lasts, last = 0, 1 / rate, None
    for time, item in timed:
        if last is not None:
            lasts = time - last[0]
            while due / rate < time - TIME_TOLERANCE:
                yield due / rate, last[1]
                due += 1
        last = (time, item)
    while last is not None and due / rate < last[0] + lasts - TIME_TOLERANCE:
        yield due / rate, last[1]
        due += 1


def _decode(capture, info, pixels):
    """Yields `(time, frame)` of every stored frame, without `pixels` None."""
    period = 1 / info.frames_per_second
    first, time, count = None, 0.0, 0
    try:
        while capture.grab():
            if count == MAX_FRAMES:
                raise VideoError(
                    info.path, f"holds more than {MAX_FRAMES:,} frames"
                )
            stamp = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            first = stamp if first is None else first
            unstamped = count and not stamp - first > time
            time = time + period if unstamped else stamp - first
            frame = None
            if pixels:
                ok, frame = capture.retrieve()
                if not ok or frame.ndim != 3:
                    raise VideoError(
                        info.path, f"frame {count} cannot be decoded"
                    )
                frame = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            count += 1
            yield time, frame
    finally:
        capture.release()
    _check_end(info, count, time)


def _check_end(info, count, time):
    """Refuses a file that ends earlier than its header says."""
    if not count:
        raise VideoError(info.path, "holds no frame that can be decoded")
    cut = count < info.num_frames
    shown = shown_seconds(info.path)
    if shown is None and not stores_frame_count(info.path):
        shown = info.duration
    if shown is not None:  # the number of frames is no promise here
        cut = cut and time + 1.5 / info.frames_per_second < shown
    if cut:
        raise VideoError(
            info.path,
            f"is cut off or damaged: {count} of the announced "
            f"{info.num_frames} frames can be read",
        )


def _open(path):
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such video file")
    if path.is_dir():
        raise VideoError(path, "is a folder, expected a video file")
    size = path.stat().st_size
    if not size:
        raise VideoError(path, "is empty (0 bytes)")
    if not is_container(path):
        raise VideoError(
            path,
            "holds no video that can be read: it begins as none of "
            f"{CONTAINERS}",
        )
    try:
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    except cv2.error as error:
        raise VideoError(path, f"cannot be opened ({error.err})") from None
    try:
        if not capture.isOpened():
            raise VideoError(
                path,
                "holds no video that can be read: it is none, has no frame, "
                "or was cut off before its index",
            )
        return capture, _checked_info(path, size, capture)
    except VideoError:
        capture.release()
        raise


def _checked_info(path, size, capture):
    width = capture.get(cv2.CAP_PROP_FRAME_WIDTH)
    height = capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
    rate = capture.get(cv2.CAP_PROP_FPS)
    count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE) or (
        width * height > MAX_PIXELS
    ):
        raise VideoError(
            path,
            f"announces frames of {width:.0f} x {height:.0f} pixels, "
            f"expected 1 to {MAX_SIDE} a side and {MAX_PIXELS} in all",
        )
    if not (math.isfinite(rate) and 0 < rate <= MAX_FRAMES_PER_SECOND):
        raise VideoError(
            path,
            f"announces {rate:g} frames per second, expected more than 0 "
            f"and at most {MAX_FRAMES_PER_SECOND:g}",
        )
    if count > MAX_FRAMES or count > rate * MAX_SECONDS:
        raise VideoError(
            path,
            f"announces {count:.0f} frames in {count / rate:.0f} seconds, "
            f"expected at most {MAX_FRAMES} and {MAX_SECONDS:.0f}",
        )
    if count > size:  # a frame takes a byte at the very least
        raise VideoError(path, f"announces {count:.0f} frames in {size} bytes")
    count = max(0, int(count))
    return VideoInfo(
        path=str(path),
        width=int(width),
        height=int(height),
        num_frames=count,
        frames_per_second=float(rate),
        duration=count / rate,
    )
