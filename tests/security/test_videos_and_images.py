"""Videos and images are what they say, and take no memory."""

import socket
import struct
import zlib

import numpy as np
import pytest

from fdin_tf.data.image_files import read_image
from fdin_tf.faces.video import VideoError
from fdin_tf.faces.video import probe_video
from fdin_tf.faces.video import read_frames
from tests.faces.photo_clip import write_video
from tests.fuzz.mutations import check_refusal
from tests.fuzz.mutations import memory_limit


@pytest.mark.parametrize(
    "content",
    [
        b"ffconcat version 1.0\nfile whole.avi\n",
        b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:%d/a.ts\n#EXT-X-ENDLIST\n",
        b"v=0\nm=video %d RTP/AVP 96\nc=IN IP4 127.0.0.1\n",
        b"\xff\xd8\xff\xe0",
    ],
)
def test_a_list_of_other_files_is_no_video(tmp_path, content):
    frames = np.zeros((3, 48, 64, 3), "uint8")
    write_video(tmp_path / "whole.avi", frames, codec="MJPG")
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.setblocking(False)
        if b"%d" in content:
            content %= server.getsockname()[1]
        path = tmp_path / "list.mp4"
        path.write_bytes(content)
        with pytest.raises(VideoError, match="begins as none of MP4"):
            probe_video(path)
        with pytest.raises(BlockingIOError):  # nobody called
            server.accept()


def test_an_image_that_would_start_a_program_is_not_opened(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n%%EndComments\n"
    )
    with pytest.raises(ValueError, match="cannot identify image file"):
        read_image(path)


@pytest.mark.parametrize(
    ("offset", "layout", "value", "reason"),
    [
        (24, "<I", 10**6, "announces 1e.06 frames per second"),
        (32, "<I", 2**31 - 1, "frames in .* seconds"),
        (32, "<I", 3600 * 25, "90000 frames in 3600 seconds"),
    ],
)
def test_a_video_of_hours_is_refused_by_its_header(
    tmp_path, offset, layout, value, reason
):
    path = tmp_path / "a.avi"
    frames = np.zeros((3, 48, 64, 3), "uint8")
    write_video(path, frames, codec="I420")
    content = bytearray(path.read_bytes())
    struct.pack_into(
        layout, content, content.index(b"strh") + 8 + offset, value
    )
    path.write_bytes(content)
    with memory_limit(2**26), pytest.raises(VideoError, match=reason):
        read_frames(path)


def test_frames_beyond_the_header_are_not_read_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr("fdin_tf.faces.video.MAX_FRAMES", 3)
    frames = np.zeros((8, 48, 64, 3), "uint8")
    write_video(tmp_path / "a.mkv", frames, codec="FFV1")
    path = tmp_path / "a.mkv"
    content = path.read_bytes()  # a duration of nothing: no promise of frames
    at = content.index(b"\x44\x89")
    zero = content[: at + 3] + bytes(8) + content[at + 11 :]
    path.write_bytes(zero)
    with pytest.raises(VideoError, match="holds more than 3 frames"):
        list(read_frames(path))


def png_of(width, height):
    """A PNG that claims a size, with rows of zeros that are packed away."""

    def chunk(kind, body):
        tail = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + tail

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(2**20), 9)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            chunk(b"IDAT", pixels),
            chunk(b"IEND", b""),
        ]
    )


@pytest.mark.parametrize("size", [(100_000, 100_000), (12_000, 12_000)])
def test_an_image_of_absurd_size_takes_no_memory(tmp_path, size):
    path = tmp_path / "a.png"
    path.write_bytes(png_of(*size))
    with memory_limit(2**26), pytest.raises(ValueError, match="at most") as e:
        read_image(path)
    check_refusal(e.value, "a.png")
