"""A video of relevance over a clip, beside the clip."""

import shutil
import tempfile
from pathlib import Path

import cv2
import numpy as np

from fdin_tf.data.cache import atomic_path
from fdin_tf.explain.relevance_colours import grey_of
from fdin_tf.explain.relevance_colours import overlay
from fdin_tf.explain.relevance_colours import relevance_limits

# Coders that OpenCV's wheels carry on every platform.
_CODERS = {".mp4": "mp4v", ".webm": "VP80"}


def write_relevance_video(
    path,
    frames,
    heatmaps,
    frames_per_second,
    percentile=100.0,
    magnification=1,
):
    """Writes a clip, and beside it its relevance over the grey frames.

    All frames share one scale: its ends are the largest `|R|` of the clip, so
    that relevance can be followed in time.

    Args:
        path: File to write: `.mp4` (MPEG-4) or `.webm` (VP8); it appears at
            once or not at all. Show people only where they agreed to it.
        frames: `(t, h, w, 3)` RGB, or `(t, h, w)` or `(t, h, w, 1)` grey,
            0..255.
        heatmaps: `R`, `(t, h, w)`.
        frames_per_second: Of the video.
        percentile: See `relevance_limits`; the largest over the frames.
        magnification: Whole number by which pixels are enlarged.

    Returns:
        `path`. The video is twice as wide as the frames, the frame on the
        left; an odd size has its last row or column twice.

    Raises:
        ValueError: If the ending is another one, frames and heatmaps do not
            fit, there is no frame, or a number is not positive; as
            `relevance_limits`.
        OSError: If OpenCV cannot write such a video.

    Example:

    >>> from fdin_tf.faces.video import probe_video
    >>> folder = tempfile.mkdtemp()
    >>> path = write_relevance_video(
    ...     Path(folder) / "clip.mp4", np.zeros((5, 32, 32)),
    ...     np.ones((5, 32, 32)), frames_per_second=25,
    ... )
    >>> info = probe_video(path)
    >>> info.width, info.height, info.num_frames
    (64, 32, 5)
    """
    path = Path(path)
    if path.suffix.lower() not in _CODERS:
        raise ValueError(
            f"{path}: a video of relevance ends in {' or '.join(_CODERS)}. "
            f"Received: {path.suffix!r}"
        )
    frames, heatmaps = np.asarray(frames), np.asarray(heatmaps, np.float64)
    frames = frames[..., None] if frames.ndim == 3 else frames
    if (
        frames.shape[:-1] != heatmaps.shape
        or heatmaps.ndim != 3
        or frames.shape[-1] not in (1, 3)
        or not heatmaps.size
    ):
        raise ValueError(
            "Expected frames (t, h, w, 3) or (t, h, w) and heatmaps (t, h, w), "
            f"of at least one frame. Received: frames of shape {frames.shape}, "
            f"heatmaps of shape {heatmaps.shape}"
        )
    numbers = {
        "frames_per_second": frames_per_second,
        "magnification": magnification,
    }
    for name, value in numbers.items():
        if not value > 0 or (name == "magnification" and value != int(value)):
            raise ValueError(
                f"`{name}` must be positive, and whole if a magnification. "
                f"Received: {name}={value}"
            )
    limit = _largest(heatmaps, percentile)
    pictures = (
        _beside(frame, overlay(frame, heatmap, limit), int(magnification))
        for frame, heatmap in zip(frames, heatmaps)
    )
    with tempfile.TemporaryDirectory() as folder:
        # OpenCV tells the kind of file from its ending.
        written = Path(folder) / f"video{path.suffix.lower()}"
        _write(written, pictures, frames_per_second)
        with atomic_path(path) as temporary:
            shutil.copyfile(written, temporary)
    return path


def _largest(heatmaps, percentile):
    """The largest limit of frames that have relevance; 1 if none has."""
    limits = relevance_limits(heatmaps, percentile)
    has_any = np.abs(heatmaps).max(axis=(1, 2)) > 0
    return limits[has_any].max() if has_any.any() else 1.0


def _beside(frame, covered, magnification):
    """Frame and overlay in a row, blue, green, red, of even size."""
    if frame.shape[-1] == 1:
        frame = np.repeat(grey_of(frame), 3, axis=-1)
    both = np.concatenate([np.clip(frame, 0, 255), covered], axis=1)
    both = both.astype(np.uint8)[..., ::-1]
    both = both.repeat(magnification, axis=0).repeat(magnification, axis=1)
    height, width = both.shape[:2]
    return np.pad(both, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _write(path, pictures, frames_per_second):
    first = next(pictures)
    writer = cv2.VideoWriter(
        str(path),
        cv2.VideoWriter_fourcc(*_CODERS[path.suffix]),
        float(frames_per_second),
        first.shape[1::-1],
    )
    if not writer.isOpened():
        raise OSError(
            f"OpenCV cannot write a {path.suffix} video of {first.shape[1]} x "
            f"{first.shape[0]} pixels. "
            f"Received: frames_per_second={frames_per_second}"
        )
    try:
        writer.write(first)
        for picture in pictures:
            writer.write(picture)
    finally:
        writer.release()
