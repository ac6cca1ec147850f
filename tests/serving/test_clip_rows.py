"""Rows of a request: what is taken, and what is refused with a reason."""

import base64
import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from fdin_tf.serving.clip_rows import check_video
from fdin_tf.serving.clip_rows import frames_of
from fdin_tf.serving.clip_rows import given
from fdin_tf.serving.clip_rows import source_of
from fdin_tf.serving.clip_rows import video_of
from fdin_tf.serving.server_config import ServerConfig

SHAPE = (4, 6, 3)
CONFIG = ServerConfig(max_megabytes=1, max_frames=5)


def encoded(pixels, kind="PNG"):
    """Pixels as an image file in base64."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return base64.b64encode(file.getvalue()).decode()


@pytest.fixture
def frames():
    """Three frames of noise."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (3, *SHAPE), np.uint8)


@pytest.fixture
def video(tiny_set):
    return tiny_set / "videos" / "001_deliberate_smile_1.mp4"


def test_what_a_table_fills_in_counts_as_not_given():
    row = {"video": "a.mp4", "frames": float("nan"), "mask": None}
    assert given(row) == {"video": "a.mp4"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "exactly one of video, .*frames_jpeg. Received: none"),
        ({"mask": [True]}, "exactly one of .*Received: none"),
        ({"video": "a", "frames": []}, "exactly one.*: video, frames"),
        ({"video": "a", "mask": [True]}, "but landmarks beside video.*mask"),
        ({"frames": [], "landmarks": "a"}, "but mask beside.*landmarks"),
    ],
)
def test_a_row_is_one_clip(row, message):
    with pytest.raises(ValueError, match=message):
        source_of(row)


def test_numbers_are_frames(frames):
    found, mask = frames_of({"frames": frames.tolist()}, SHAPE, CONFIG)
    np.testing.assert_array_equal(found, frames)
    assert found.dtype == np.uint8
    assert mask.tolist() == [True] * 3


def test_png_images_are_frames_to_the_last_digit(frames):
    row = {
        "frames_jpeg": list(map(encoded, frames)),
        "mask": [True, True, False],
    }
    found, mask = frames_of(row, SHAPE, CONFIG)
    np.testing.assert_array_equal(found, frames)
    assert mask.tolist() == [True, True, False]


def test_jpeg_images_are_frames():
    grey = np.full(SHAPE, 100, np.uint8)
    found, _ = frames_of(
        {"frames_jpeg": [encoded(grey, "JPEG")]}, SHAPE, CONFIG
    )
    np.testing.assert_allclose(found[0], grey, atol=1)


def test_a_model_of_grey_faces_takes_grey_images(frames):
    grey = frames[0, :, :, :1]
    for row in (
        {"frames": [grey.tolist()]},
        {"frames_jpeg": [encoded(grey[..., 0])]},
    ):
        found, _ = frames_of(row, (4, 6, 1), CONFIG)
        np.testing.assert_array_equal(found[0], grey)


def png_chunk(kind, data):
    crc = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + crc


def png_header(width, height):
    """A PNG file that claims a size and holds hardly anything."""
    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = png_chunk(b"IHDR", size) + png_chunk(b"IDAT", zlib.compress(b"0"))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunks).decode()


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ("abc", "list of at least one frame. Received: 'abc'"),
        ([], "list of at least one frame"),
        ({"a": 1}, "list of at least one frame"),
        (7, "list of at least one frame. Received: 7"),
        ([[1, 2], [3]], r"shape \(frames, 4, 6, 3\).*other lengths"),
        ([["a"]], "whole numbers.*other lengths or types"),
        (np.zeros((1, 4, 6, 1), int), r"whole.*int64 of shape \(1, 4, 6, 1\)"),
        (np.zeros((1, *SHAPE)), r"whole.*float64 of shape \(1, 4, 6, 3\)"),
        (np.full((1, *SHAPE), np.nan), "whole numbers.*float64"),
        (np.zeros((1, *SHAPE), bool), "whole numbers.*bool of shape"),
        (np.full((1, *SHAPE), 256), "0 to 255. Received: numbers from 256"),
        (np.full((1, *SHAPE), -1), "0 to 255. Received: numbers from -1 to"),
        (np.full((1, *SHAPE), 2**70, object), "whole numbers"),
        (np.zeros((6, *SHAPE), int), "may hold 5 frames. Received: 6"),
    ],
)
def test_other_numbers_are_refused(frames, message):
    if isinstance(frames, np.ndarray):
        frames = frames.tolist()
    with pytest.raises(ValueError, match=message):
        frames_of({"frames": frames}, SHAPE, CONFIG)


GOOD = encoded(np.zeros(SHAPE, np.uint8))
TEXT = base64.b64encode(b"no image at all").decode()
CUT = base64.b64encode(base64.b64decode(GOOD)[:60]).decode()


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (GOOD, "list of at least one frame"),
        ([GOOD, 5], r"frames_jpeg\[1\]` must be text. Received: 5"),
        ([GOOD, GOOD[:-1]], r"frames_jpeg\[1\]` is no base64: .*padding"),
        (["not base64!"], r"frames_jpeg\[0\]` is no base64"),
        (["\u00e4"], r"frames_jpeg\[0\]` is no base64"),
        ([TEXT], r"frames_jpeg\[0\]` is no JPEG or PNG image"),
        ([""], r"frames_jpeg\[0\]` is no JPEG or PNG image"),
        ([CUT], r"frames_jpeg\[0\]` is a damaged image"),
        (
            [encoded(np.zeros((6, 4, 3), np.uint8))],
            "must be 6 x 4 pixels. Received: 4 x 6",
        ),
        ([png_header(9000, 9000)], "must be 6 x 4 pixels.*9000 x 9000"),
        ([png_header(10**6, 10**6)], r"frames_jpeg\[0\]` is no JPEG or PNG"),
        ([encoded(np.zeros(SHAPE, np.uint8), "GIF")], "no JPEG or PNG"),
        (["A" * 1_400_000], "`frames_jpeg` may hold 1048576 bytes"),
    ],
)
def test_other_images_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        frames_of({"frames_jpeg": images}, SHAPE, CONFIG)


@pytest.mark.parametrize(
    "mask", ["yes", [True], [True, 1, True], [False] * 3, [], 1, [[True]] * 3]
)
def test_other_masks_are_refused(frames, mask):
    with pytest.raises(ValueError, match="`mask` must be a list of 3 booleans"):
        frames_of({"frames": frames.tolist(), "mask": mask}, SHAPE, CONFIG)


@pytest.fixture
def roots(tmp_path, video):
    """A folder that may be read, a link in it that leads out, a neighbour."""
    root = tmp_path / "videos"
    (root / "deep").mkdir(parents=True)
    (root / "deep" / "clip.mp4").write_bytes(video.read_bytes())
    (root / "in.mp4").symlink_to(root / "deep" / "clip.mp4")
    (tmp_path / "videos-too").mkdir()
    (tmp_path / "videos-too" / "clip.mp4").write_bytes(b"private")
    (root / "out.mp4").symlink_to(tmp_path / "videos-too" / "clip.mp4")
    (root / "out").symlink_to(tmp_path / "videos-too")
    return ServerConfig(video_roots=(root,))


@pytest.mark.parametrize(
    "name", ["deep/clip.mp4", "in.mp4", "./deep/../in.mp4"]
)
@pytest.mark.parametrize("is_absolute", [False, True])
def test_files_below_a_root_are_read(roots, name, is_absolute):
    (root,) = roots.video_roots
    asked = str(root / name) if is_absolute else name
    row = {"video": asked, "landmarks": asked}
    with video_of(row, roots) as (found, landmarks):
        assert found == landmarks == root / "deep" / "clip.mp4"


@pytest.mark.parametrize(
    "name",
    [
        "out.mp4", "out/clip.mp4", "../videos-too/clip.mp4", "nothing.mp4",
        "deep", "", ".", "/etc/passwd", "/dev/zero", "a\x00b", "x" * 5000,
        "~/clip.mp4", "\ud800",
    ],
)  # fmt: skip
@pytest.mark.parametrize("column", ["video", "landmarks"])
def test_other_files_are_refused_all_alike(roots, column, name):
    """Nobody learns which files there are."""
    row = {"video": "in.mp4", column: name}
    match = f"`{column}` must be a file below a folder of FDIN_TF_VIDEO_ROOTS"
    with pytest.raises(ValueError, match=match), video_of(row, roots):
        pass


def test_without_roots_no_file_is_read(video):
    match = "reads no files; FDIN_TF_VIDEO_ROOTS names .* Send the bytes"
    with (
        pytest.raises(ValueError, match=match),
        video_of({"video": str(video)}, ServerConfig()),
    ):
        pass


def test_bytes_are_a_file_as_long_as_they_are_needed(video):
    row = {
        "video_bytes": base64.b64encode(video.read_bytes()).decode(),
        "landmarks_csv": "x_0,y_0\n",
    }
    with video_of(row, CONFIG) as (path, landmarks):
        assert path.read_bytes() == video.read_bytes()
        assert landmarks.read_text() == "x_0,y_0\n"
        assert landmarks.suffix == ".csv"
    assert not path.parent.exists()


def test_bytes_are_removed_after_an_error(video):
    row = {"video_bytes": base64.b64encode(video.read_bytes()).decode()}

    def fail():
        with video_of(row, CONFIG) as (path, landmarks):
            places.append(path)
            assert path.exists()
            assert landmarks is None
            raise KeyError

    places = []
    with pytest.raises(KeyError):
        fail()
    assert not places[0].parent.exists()


PLAYLIST = base64.b64encode(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"video_bytes": 5}, "`video_bytes` must be text. Received: 5"),
        ({"video_bytes": "AAA"}, "`video_bytes` is no base64: .*padding"),
        ({"video_bytes": ""}, "no MP4, QuickTime.*Received: 0 bytes"),
        ({"video_bytes": PLAYLIST.decode()}, "no MP4, QuickTime, Matroska"),
        ({"video_bytes": "A" * 1_400_000}, "video_bytes` may hold 1048576"),
        (
            {"video_bytes": "AAAAGGZ0eXA=", "landmarks_csv": "1" * 2**21},
            "landmarks_csv` may hold 1048576",
        ),
        ({"video_bytes": "AAAAGGZ0eXA=", "landmarks_csv": 1}, "must be text"),
    ],
)
def test_other_bytes_are_refused(row, message):
    with pytest.raises(ValueError, match=message), video_of(row, CONFIG):
        pass


def test_a_video_beyond_the_limits_is_refused(video, tmp_path):
    check_video(video, "video", CONFIG)
    long = ServerConfig(max_seconds=1)
    with pytest.raises(ValueError, match=r"last 1 seconds\. Received: 3\.0"):
        check_video(longer(video, tmp_path), "video", long)
    large = tmp_path / "large.mp4"
    large.write_bytes(video.read_bytes() + bytes(2**20))
    with pytest.raises(ValueError, match="`video` may hold 1048576 bytes"):
        check_video(large, "video", CONFIG)


def longer(video, folder):
    """The same frames, one per second."""
    path = folder / "longer.mp4"
    capture = cv2.VideoCapture(str(video))
    _, frame = capture.read()
    codec = cv2.VideoWriter_fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(path), codec, 1, frame.shape[1::-1])
    for _ in range(3):
        writer.write(frame)
    writer.release()
    return path
