"""What a video file is, and when it should end, by its own header."""

import re
import struct
from pathlib import Path

#: Kinds of files that are read as videos, in words.
CONTAINERS = "MP4, MOV, AVI, Matroska, WebM, MPEG, ASF, FLV, Ogg"
_HEADS = re.compile(
    rb"....(?:ftyp|moov|mdat|wide|free|skip)"  # MP4, MOV, 3GP
    rb"|RIFF....AVI |\x1aE\xdf\xa3"
    rb"|\x00\x00\x01[\xb3\xba]|G.{187}G|.{4}G.{191}G"  # MPEG: plain, packets
    rb"|\x30\x26\xb2\x75\x8e\x66\xcf\x11|FLV\x01|OggS",
    re.DOTALL,
)
_HEAD = 200  # bytes
# What is read of an MP4 beside its frames: times and places of these.
_MAX_INDEX = 2**26


def shown_seconds(path):
    """Length of the film that an MP4 shows, by the edit list of its video.

    A clip that was trimmed without encoding it again keeps frames that its
    edit list hides, so that fewer frames are shown than are stored.

    Args:
        path: A video file.

    Returns:
        Seconds, or None if the file is no MP4/MOV or has no edit list.

    Reference:
    - ISO/IEC 14496-12, boxes `mvhd`, `hdlr` and `elst`.
    """
    with open(path, "rb") as file:
        size = Path(path).stat().st_size
        try:
            moov = _find(_file_boxes(file, size), b"moov")
            header = _find(_boxes(moov), b"mvhd")
            ticks = _number(header, 20 if header[0] else 12, 4)
            for kind, track in _boxes(moov):
                if kind == b"trak" and _is_video(track):
                    edits = _find(
                        _boxes(_find(_boxes(track), b"edts")), b"elst"
                    )
                    return _edit_ticks(edits) / ticks
        except (LookupError, struct.error, ZeroDivisionError, OverflowError):
            pass
    return None


def is_container(path):
    """Whether a file begins as one of `CONTAINERS`.

    Beside them, FFmpeg opens pictures and lists of further files and
    addresses, which it would follow.

    Args:
        path: The file.
    """
    with open(path, "rb") as file:
        return _HEADS.match(file.read(_HEAD)) is not None


def stores_frame_count(path):
    """Whether the container holds the number of frames: MP4, MOV and AVI."""
    with open(path, "rb") as file:
        head = file.read(12)
    return head[4:8] == b"ftyp" or head[:4] == b"RIFF"


def _is_video(track):
    handler = _find(_boxes(_find(_boxes(track), b"mdia")), b"hdlr")
    return handler[8:12] == b"vide"


def _edit_ticks(edits):
    """Duration of all edits but the empty ones (media time -1)."""
    wide = edits[0] == 1
    each, row = (8, 20) if wide else (4, 12)
    total = 0
    for k in range(_number(edits, 4, 4)):  # ends with the data at the latest
        start = 8 + row * k
        if _number(edits, start + each, each) != 2 ** (8 * each) - 1:
            total += _number(edits, start, each)
    return total


def _number(data, start, size):
    return struct.unpack_from(">Q" if size == 8 else ">I", data, start)[0]


def _find(boxes, kind):
    for found, body in boxes:
        if found == kind:
            return body
    raise LookupError(kind)


def _file_boxes(file, size):
    """The boxes of the file; only `moov`, which is small, is read."""
    start = 0
    while start + 8 <= size:
        file.seek(start)
        head = file.read(16)
        length = _number(head, 0, 4)
        skip = 8
        if length == 1:
            length, skip = _number(head, 8, 8), 16
        if length < skip:  # 0: up to the end of the file
            return
        if head[4:8] == b"moov" and start + length <= min(
            size, start + _MAX_INDEX
        ):
            file.seek(start + skip)
            yield b"moov", file.read(length - skip)
        start += length


def _boxes(data):
    start = 0
    while start + 8 <= len(data):
        length = _number(data, start, 4)
        if length < 8:
            return
        yield data[start + 4 : start + 8], data[start + 8 : start + length]
        start += length
