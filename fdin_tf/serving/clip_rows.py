"""Clips as they are sent to a server: files, or frames, within limits.

A row is a dict of plain values, of which exactly one tells what the clip is:
`video`, `video_bytes`, `frames` or `frames_jpeg`. All that is wrong with a row
is a `ValueError` that says what; nothing is decoded beyond the limits of the
`ServerConfig`.
"""

import base64
import binascii
import contextlib
import io
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from fdin_tf.faces import probe_video

#: What a clip may be given as, and what may stand beside it.
SOURCES = {
    "video": ("landmarks",),
    "video_bytes": ("landmarks_csv",),
    "frames": ("mask",),
    "frames_jpeg": ("mask",),
}
_MAGIC_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")


def given(row):
    """The values of a row that are there; a table has NaN for the others.

    Example:

    >>> given({"video": "a.mp4", "mask": None, "frames": float("nan")})
    {'video': 'a.mp4'}
    """
    return {
        name: value
        for name, value in row.items()
        if value is not None
        and not (isinstance(value, float) and value != value)
    }


def source_of(row):
    """Which of `SOURCES` tells what the clip of a row is.

    Args:
        row: Dict as of `given`.

    Raises:
        ValueError: If it is none or several, or if something stands beside it
            that does not belong to it.
    """
    sources = [name for name in SOURCES if name in row]
    if len(sources) != 1:
        raise ValueError(
            f"expected exactly one of {', '.join(SOURCES)}. Received: "
            f"{', '.join(sources) or 'none of them'}"
        )
    (source,) = sources
    for name in row:
        if name != source and name not in SOURCES[source]:
            raise ValueError(
                f"expected nothing but {' and '.join(SOURCES[source])} beside "
                f"{source}. Received: {name}"
            )
    return source


@contextlib.contextmanager
def video_of(row, config):
    """The video of a row as a file, as long as the block lasts.

    Args:
        row: Dict as of `given`, with `video` and perhaps `landmarks`, paths
            below `config.video_roots`; or with `video_bytes`, a video in
            base64, and perhaps `landmarks_csv`, the text of a landmark file.
        config: `ServerConfig`.

    Yields:
        Path of the video, and path of the landmarks or None.

    Raises:
        ValueError: If a file is not one that may be read, or if the bytes are
            no video or too many.
    """
    if "video" in row:
        video = _allowed(row, "video", config)
        landmarks = None
        if "landmarks" in row:
            landmarks = _allowed(row, "landmarks", config)
        yield video, landmarks
        return
    text = _text(row, "video_bytes")
    if len(text) > _most_characters(config.max_bytes):
        raise _too_large("video_bytes", config.max_bytes)
    data = _decoded(text, "video_bytes")
    if not _is_container(data[:12]):
        raise ValueError(
            "`video_bytes` holds no MP4, QuickTime, Matroska, WebM or AVI "
            f"file. Received: {len(data)} bytes"
        )
    with tempfile.TemporaryDirectory(prefix="fdin-tf-") as folder:
        video, landmarks = Path(folder) / "video_bytes", None
        video.write_bytes(data)
        del data
        if "landmarks_csv" in row:
            landmarks = Path(folder) / "landmarks.csv"
            text = _text(row, "landmarks_csv")
            if len(text) > config.max_bytes:
                raise _too_large("landmarks_csv", config.max_bytes)
            landmarks.write_text(text, encoding="utf-8")
        yield video, landmarks


def check_video(path, name, config):
    """Refuses a video beyond the limits, by its size and its header.

    Args:
        path: The video.
        name: What it is called in messages.
        config: `ServerConfig`.

    Raises:
        ValueError: If it is too large or too long, or no video.
    """
    if path.stat().st_size > config.max_bytes:
        raise _too_large(name, config.max_bytes)
    seconds = probe_video(path).duration
    if seconds > config.max_seconds:
        raise ValueError(
            f"`{name}` may last {config.max_seconds} seconds. Received: "
            f"{seconds:.1f}"
        )


def frames_of(row, shape, config):
    """The aligned frames of a row, and which of them are real.

    Args:
        row: Dict as of `given`, with `frames`, nested lists of whole numbers
            from 0 to 255, or with `frames_jpeg`, a list of JPEG or PNG images
            in base64; and perhaps `mask`, a list of booleans.
        shape: `(height, width, channels)` of a frame of the model.
        config: `ServerConfig`.

    Returns:
        Frames `(t, height, width, channels)`, uint8, and mask `(t,)`, bool.

    Raises:
        ValueError: If they are not of this shape, no such numbers or images,
            too many, or none of them is real.
    """
    name = "frames" if "frames" in row else "frames_jpeg"
    values = row[name]
    if not isinstance(values, (list, tuple, np.ndarray)) or not len(values):
        raise ValueError(
            f"`{name}` must be a list of at least one frame. Received: "
            f"{_short(values)}"
        )
    if len(values) > config.max_frames:
        raise ValueError(
            f"`{name}` may hold {config.max_frames} frames. Received: "
            f"{len(values)}"
        )
    read = _numbers if name == "frames" else _images
    frames = read(values, shape, config)
    return frames, _mask(row.get("mask"), len(frames))


def _text(row, name):
    if not isinstance(row[name], str):
        raise ValueError(
            f"`{name}` must be text. Received: {_short(row[name])}"
        )
    return row[name]


def _short(value):
    """A value in few words, for a message."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."


def _allowed(row, name, config):
    """A file that may be read, with links followed."""
    text = _text(row, name)
    if not config.video_roots:
        raise ValueError(
            f"`{name}`: this server reads no files; FDIN_TF_VIDEO_ROOTS names "
            "the folders that it may read. Send the bytes of the video instead"
        )
    with contextlib.suppress(OSError, ValueError):  # NUL, or a name too long
        for root in config.video_roots:
            path = (root / text).resolve()
            if path.is_relative_to(root) and path.is_file():
                return path
    # Whether there is a file outside is nobody's business.
    raise ValueError(
        f"`{name}` must be a file below a folder of FDIN_TF_VIDEO_ROOTS. "
        f"Received: {_short(text)}"
    )


def _too_large(name, max_bytes):
    return ValueError(f"`{name}` may hold {max_bytes} bytes. Received: more")


def _is_container(head):
    """Whether a file begins as one of the containers that hold a video.

    FFmpeg also reads lists of other files, which no request may give it.
    """
    return (
        head[4:8] in _MAGIC_BOXES
        or head[:4] == b"\x1a\x45\xdf\xa3"
        or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")
    )


def _most_characters(max_bytes):
    """Length of so many bytes in base64."""
    return 4 * (max_bytes // 3 + 1)


def _decoded(text, name):
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"`{name}` is no base64: {error}") from None


def _numbers(values, shape, config):
    """Frames from nested lists."""
    try:
        frames = np.asarray(values)
    except ValueError:  # ragged
        frames = np.asarray(None)
    if frames.dtype.kind not in "iu" or frames.shape[1:] != shape:
        what = "lists of other lengths or types"
        if frames.dtype.kind in "iufb":
            what = f"{frames.dtype} of shape {frames.shape}"
        raise ValueError(
            "`frames` must be whole numbers from 0 to 255 of shape (frames, "
            f"{', '.join(map(str, shape))}). Received: {what}"
        )
    low, high = frames.min(), frames.max()
    if low < 0 or high > 255:
        raise ValueError(
            "`frames` must be whole numbers from 0 to 255. Received: numbers "
            f"from {low} to {high}"
        )
    return frames.astype(np.uint8)


def _images(values, shape, config):
    """Frames from JPEG and PNG images."""
    for index, value in enumerate(values):
        if not isinstance(value, str):
            raise ValueError(
                f"`frames_jpeg[{index}]` must be text. Received: "
                f"{_short(value)}"
            )
    if sum(map(len, values)) > _most_characters(config.max_bytes):
        raise _too_large("frames_jpeg", config.max_bytes)
    frames = np.empty((len(values), *shape), np.uint8)
    for index, value in enumerate(values):
        name = f"frames_jpeg[{index}]"
        frames[index] = _image(_decoded(value, name), name, shape)
    return frames


def _image(data, name, shape):
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            width, height = image.size  # of the header; nothing is decoded
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise ValueError(f"`{name}` is no JPEG or PNG image") from None
    if (height, width) != shape[:2]:
        raise ValueError(
            f"`{name}` must be {shape[1]} x {shape[0]} pixels. Received: "
            f"{width} x {height}"
        )
    try:
        return tf.io.decode_image(
            data, channels=shape[2], expand_animations=False
        ).numpy()
    except tf.errors.InvalidArgumentError:
        raise ValueError(f"`{name}` is a damaged image") from None


def _mask(mask, num_frames):
    if mask is None:
        return np.ones(num_frames, bool)
    is_list = isinstance(mask, (list, tuple, np.ndarray))
    if (
        not is_list
        or len(mask) != num_frames
        or not all(isinstance(real, (bool, np.bool_)) for real in mask)
        or not any(mask)
    ):
        raise ValueError(
            f"`mask` must be a list of {num_frames} booleans, one per frame, "
            f"at least one of them true. Received: {_short(mask)}"
        )
    return np.array(mask, bool)
