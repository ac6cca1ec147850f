"""Decoding: order, times, rotation, rates, and every kind of broken file."""

import os
import pickle
import struct

import cv2
import numpy as np
import pytest

from fdin_tf.faces.containers import shown_seconds
from fdin_tf.faces.video import VideoError
from fdin_tf.faces.video import frame_times
from fdin_tf.faces.video import probe_video
from fdin_tf.faces.video import read_frames
from fdin_tf.faces.video import resample
from tests.faces.photo_clip import write_video

NUM_FRAMES = 40


def numbered_frames():
    """Frames with a bright bar, four pixels wide, at their number."""
    frames = np.full((NUM_FRAMES, 48, 4 * NUM_FRAMES, 3), 40, "uint8")
    for k in range(NUM_FRAMES):
        frames[k, :, 4 * k : 4 * k + 4] = 220
    return frames


def number_of(frame):
    return int(frame.reshape(48, NUM_FRAMES, 12).sum(axis=(0, 2)).argmax())


@pytest.fixture(scope="module")
def mp4(tmp_path_factory):
    """40 numbered frames at 25 frames per second."""
    path = tmp_path_factory.mktemp("video") / "numbers.mp4"
    write_video(path, numbered_frames(), 25)
    return path


def patched(source, target, box, offset, layout, *values):
    """Copies an MP4 with the values `offset` bytes after a box's name."""
    content = bytearray(source.read_bytes())
    start = content.index(box) + 4 + offset
    struct.pack_into(layout, content, start, *values)
    target.write_bytes(content)
    return target


def with_durations(source, target, durations):
    """Copies an MP4 with other `(count, ticks)` of frames (box stts)."""
    content = bytearray(source.read_bytes())
    start = content.index(b"stts") - 4
    old = struct.unpack_from(">I", content, start)[0]
    rows = b"".join(struct.pack(">II", *row) for row in durations)
    size = 16 + len(rows)
    box = struct.pack(">I4sII", size, b"stts", 0, len(durations)) + rows
    content[start : start + old] = box
    for outer in (b"stbl", b"minf", b"mdia", b"trak", b"moov"):
        at = content.index(outer) - 4
        length = struct.unpack_from(">I", content, at)[0]
        struct.pack_into(">I", content, at, length + size - old)
    target.write_bytes(content)
    return target


def with_index_in_front(source, target):
    """Copies an MP4 as servers like it: `moov` before `mdat`."""
    content = source.read_bytes()
    data_at, index_at = content.index(b"mdat") - 4, content.index(b"moov") - 4
    index = bytearray(content[index_at:])
    at = index.index(b"stco") + 8
    for k in range(struct.unpack_from(">I", index, at)[0]):
        chunk = struct.unpack_from(">I", index, at + 4 + 4 * k)[0]
        struct.pack_into(">I", index, at + 4 + 4 * k, chunk + len(index))
    target.write_bytes(content[:data_at] + index + content[data_at:index_at])
    return target


def first_part(source, target, share):
    content = source.read_bytes()
    target.write_bytes(content[: int(share * len(content))])
    return target


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "mp4v"),
        ("a.avi", "XVID"),
        ("a.avi", "MJPG"),
        ("a.mkv", "FFV1"),
    ],
)
def test_frames_come_in_order_with_their_times(tmp_path, name, codec):
    path = tmp_path / name
    write_video(path, numbered_frames(), 25, codec)
    times, frames = zip(*read_frames(path))
    assert [number_of(frame) for frame in frames] == list(range(NUM_FRAMES))
    np.testing.assert_allclose(times, np.arange(NUM_FRAMES) / 25, atol=1e-3)


def test_frames_are_contiguous_rgb(tmp_path):
    red = np.zeros((3, 48, 64, 3), "uint8")
    red[..., 0] = 200
    write_video(tmp_path / "red.mp4", red)
    for _, frame in read_frames(tmp_path / "red.mp4"):
        assert frame.shape == (48, 64, 3)
        assert frame.dtype == np.uint8
        assert frame.flags.c_contiguous
        assert frame[..., 0].mean() > 180 > 30 > frame[..., 2].mean()


def test_the_header_is_read(mp4):
    info = probe_video(mp4)
    assert (info.width, info.height, info.num_frames) == (160, 48, 40)
    assert (info.frames_per_second, info.duration) == (25.0, 1.6)
    assert info.path == str(mp4)


@pytest.mark.parametrize(
    ("matrix", "quarters"),
    [
        ((0, 1, 0, -1, 0, 0, 48, 0), 3),
        ((-1, 0, 0, 0, -1, 0, 64, 48), 2),
        ((0, -1, 0, 1, 0, 0, 0, 64), 1),
    ],
)
def test_rotation_in_the_file_is_applied(tmp_path, matrix, quarters):
    upright = tmp_path / "upright.mp4"
    frames = np.zeros((3, 48, 64, 3), "uint8")
    frames[:, :24, :32] = 220  # the upper left corner is bright
    write_video(upright, frames)
    turned = patched(
        upright,
        tmp_path / "turned.mp4",
        b"tkhd",
        40,
        ">8i",
        *(65536 * value for value in matrix),
    )
    _, plain = next(read_frames(upright))
    _, frame = next(read_frames(turned))
    np.testing.assert_array_equal(frame, np.rot90(plain, quarters))
    info = probe_video(turned)
    assert (info.height, info.width) == frame.shape[:2]


@pytest.fixture
def uneven_mp4(mp4, tmp_path):
    """10 frames of 1/25 s, 10 of 2/25 s, 20 of 1/50 s; `(path, times)`."""
    path = with_durations(
        mp4, tmp_path / "uneven.mp4", [(10, 512), (10, 1024), (20, 256)]
    )
    periods = [1 / 25] * 10 + [2 / 25] * 10 + [1 / 50] * 19
    return path, np.concatenate([[0], np.cumsum(periods)])


def test_uneven_frames_keep_their_time_stamps(uneven_mp4):
    path, expected = uneven_mp4
    times, frames = zip(*read_frames(path))
    np.testing.assert_allclose(times, expected, atol=1e-3)
    assert [number_of(frame) for frame in frames] == list(range(NUM_FRAMES))


@pytest.mark.parametrize("rate", [7, 25, 60])
def test_a_constant_rate_takes_the_latest_frame_that_is_not_later(
    uneven_mp4, rate
):
    path, stored = uneven_mp4
    times, frames = zip(*read_frames(path, frames_per_second=rate))
    end = stored[-1] + 1 / 50
    expected = [
        max(k for k in range(NUM_FRAMES) if stored[k] <= n / rate + 1e-3)
        for n in range(1000)
        if n / rate < end - 1e-3
    ]
    assert [number_of(frame) for frame in frames] == expected
    np.testing.assert_allclose(times, np.arange(len(expected)) / rate)
    only_times, indices = frame_times(path, frames_per_second=rate)
    np.testing.assert_array_equal(only_times, times)
    np.testing.assert_array_equal(indices, expected)


def test_the_own_rate_changes_nothing(mp4):
    assert frame_times(mp4, 25)[1].tolist() == list(range(NUM_FRAMES))


@pytest.mark.parametrize("rate", [0, -1, float("nan"), 1e9])
def test_an_impossible_rate_is_an_error(mp4, rate):
    with pytest.raises(ValueError, match=r"above 0.*Received: frames_per_sec"):
        read_frames(mp4, frames_per_second=rate)


def test_resampling_nothing_gives_nothing():
    assert list(resample([], 25)) == []


def test_reading_can_be_ended_early(mp4):
    frames = read_frames(mp4)
    next(frames)
    frames.close()
    assert next(frames, None) is None


def test_a_trimmed_mp4_is_not_taken_for_a_cut_one(mp4, tmp_path):
    # 20 of the 40 frames are shown, from the tenth on (edit list).
    path = patched(
        mp4, tmp_path / "trimmed.mp4", b"elst", 8, ">II", 800, 512 * 10
    )
    assert shown_seconds(path) == 0.8
    numbers = [number_of(frame) for _, frame in read_frames(path)]
    assert numbers == list(range(10, 30))


def test_a_file_without_edit_list_promises_no_length(tmp_path):
    path = tmp_path / "a.avi"
    write_video(path, numbered_frames(), codec="MJPG")
    assert shown_seconds(path) is None


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize(
    ("name", "codec"), [("a.avi", "MJPG"), ("a.mkv", "FFV1"), ("a.mp4", "mp4v")]
)
def test_a_cut_off_file_is_an_error_that_counts_frames(
    tmp_path, name, codec, share
):
    whole, cut = tmp_path / name, tmp_path / f"cut_{name}"
    noise = np.random.default_rng(seed=0).integers(
        0, 255, (NUM_FRAMES, 48, 64, 3), "uint8"
    )
    write_video(whole, noise, codec=codec)
    if codec == "mp4v":
        whole = with_index_in_front(whole, tmp_path / "front.mp4")
        assert len(list(read_frames(whole))) == NUM_FRAMES
    first_part(whole, cut, share)
    count = 0

    def read_all():
        nonlocal count
        for _ in read_frames(cut):
            count += 1

    with pytest.raises(VideoError) as error:
        read_all()
    assert 0 < count < NUM_FRAMES
    assert str(error.value) == (
        f"{cut}: is cut off or damaged: {count} of the announced 40 frames "
        "can be read"
    )


def test_an_mp4_cut_before_its_index_is_an_error(mp4, tmp_path):
    cut = first_part(mp4, tmp_path / "cut.mp4", 0.5)
    with pytest.raises(VideoError, match=r"cut\.mp4: .*cut off before its"):
        probe_video(cut)


def test_a_missing_file_is_an_error(tmp_path):
    for reader in (probe_video, read_frames, frame_times):
        with pytest.raises(FileNotFoundError, match=r"gone\.mp4: there is no"):
            reader(tmp_path / "gone.mp4")


def test_a_folder_is_an_error(tmp_path):
    with pytest.raises(VideoError, match="is a folder, expected a video"):
        read_frames(tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"no video at all\n" * 100, "holds no video that can be read"),
        (bytes(range(256)) * 20, "holds no video that can be read"),
    ],
)
def test_what_is_no_video_is_an_error(tmp_path, content, reason):
    path = tmp_path / "bad.mp4"
    path.write_bytes(content)
    with pytest.raises(VideoError, match=rf"bad\.mp4: {reason}"):
        probe_video(path)


@pytest.mark.parametrize(
    ("name", "codec", "reason"),
    [("a.mp4", "mp4v", "has no frame"), ("a.avi", "MJPG", "holds no frame")],
)
def test_a_video_without_frames_is_an_error(tmp_path, name, codec, reason):
    path = tmp_path / name
    fourcc = cv2.VideoWriter_fourcc(*codec)
    cv2.VideoWriter(str(path), fourcc, 25, (64, 48)).release()
    with pytest.raises(VideoError, match=reason):
        list(read_frames(path))


@pytest.fixture
def raw_avi(tmp_path):
    """An uncompressed video: only its header says how large it is."""
    path = tmp_path / "raw.avi"
    write_video(path, numbered_frames()[:5], codec="I420")
    return path


@pytest.mark.parametrize("size", [(20000, 3000), (3000, 20000), (9000, 9000)])
def test_an_absurd_size_is_refused_before_memory_is_taken(raw_avi, size):
    patched(raw_avi, raw_avi, b"strf", 8, "<ii", *size)
    with pytest.raises(VideoError, match=rf"{size[0]} x {size[1]} pixels"):
        read_frames(raw_avi)


def test_an_absurd_number_of_frames_is_an_error(raw_avi):
    patched(raw_avi, raw_avi, b"strh", 36, "<I", 2**30)
    with pytest.raises(
        VideoError, match=r"announces 1073741824 frames in 4294"
    ):
        read_frames(raw_avi)


def test_an_absurd_rate_is_an_error(raw_avi):
    patched(raw_avi, raw_avi, b"strh", 24, "<II", 1, 100000)
    with pytest.raises(VideoError, match="announces 100000 frames per second"):
        read_frames(raw_avi)


def test_broken_files_leave_nothing_on_the_terminal(mp4, tmp_path, capfd):
    cut = first_part(mp4, tmp_path / "cut.mp4", 0.5)
    junk = tmp_path / "junk.mp4"
    junk.write_bytes(os.urandom(4096))
    for path in (cut, junk):
        with pytest.raises(VideoError):
            probe_video(path)
    assert capfd.readouterr() == ("", "")


def test_the_error_survives_the_way_between_processes():
    error = pickle.loads(pickle.dumps(VideoError("a.mp4", "is empty")))
    assert (str(error), error.path) == ("a.mp4: is empty", "a.mp4")
