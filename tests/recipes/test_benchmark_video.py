"""recipes.benchmark: what begins with a video file."""

import numpy as np
import pytest

from fdin_tf.data.cache import read_json
from fdin_tf.faces import probe_video
from fdin_tf.faces import read_frames
from recipes.benchmark import PRESETS
from recipes.benchmark import run
from recipes.benchmark_clip import peak_memory
from recipes.benchmark_drawn import VideoSize
from recipes.benchmark_drawn import drawn_videos
from recipes.benchmark_drawn import write_video
from recipes.benchmark_video import in_own_process
from recipes.cli import config_from_presets


def test_smoke_times_faces_and_the_whole_way(in_folder, capsys):
    words = ["smoke", "--parts", "video", "faces"]
    found = run(config_from_presets(PRESETS, "demo", words))
    assert list(found) == ["faces", "video"]
    (faces,) = found["faces"]
    assert [t.name for t in faces.timings] == [
        "decode", "detect", "follow", "align",
    ]  # fmt: skip
    whole, where, memory = found["video"]
    assert all(t.fastest > 0 for t in (*faces.timings, *whole.timings))
    assert whole.timings[0].name == "fdin_tf"
    stages = dict(row[:2] for row in where.rows)
    assert list(stages)[-2:] == ["one after the other", "as it runs"]
    assert [row[:2] for row in memory.rows] == [("0.5 s", 12), ("1 s", 25)]
    for row in memory.rows:
        peak, before = map(float, row[-2:])
        assert 100 < before <= peak
    out = capsys.readouterr().out
    assert "The longest clip's peak is " in out
    folder = in_folder / "results" / "benchmark"
    told = read_json(folder / "benchmark.json")["parts"]["video"]
    assert told[2]["rows"][1][1] == 25
    assert (folder / "benchmark.png").is_file()


@pytest.fixture(scope="module")
def videos():
    """Two heights; the second length at the first height alone."""
    size = VideoSize((64, 96), (0.5, 3.0), frames_per_second=20.0)
    with drawn_videos(size, size.seconds) as videos:
        yield {
            key: (probe_video(path), [f for _, f in read_frames(path)])
            for key, path in videos.items()
        }
        kept = [*videos.values()]
    assert not any(path.exists() for path in kept)


def test_videos_have_the_heights_and_lengths_asked_for(videos):
    assert {*videos} == {(64, 0.5), (64, 3.0), (96, 0.5)}
    for (height, seconds), (info, frames) in videos.items():
        assert len(frames) == seconds * 20
        assert info.frames_per_second == 20
        assert info.height == height
        assert info.width % 2 == 0
        assert abs(info.width - height * 4 / 3) <= 1


def test_long_videos_go_to_and_fro_without_a_cut(videos):
    """The drawn smile has 48 frames: the 49th shows what the 47th does."""
    _, frames = videos[64, 3.0]
    # Means of blocks of 8 x 8 pixels of the face: without the noise.
    blocks = np.float32(frames)[:, :, :80].reshape(-1, 8, 8, 10, 8, 3)
    blocks = blocks.mean(axis=(2, 4))

    def away(a, b):
        return np.abs(blocks[a] - blocks[b]).max()

    mirrored = [away(47 - n, 47 + n) for n in range(1, 12)]
    assert max(mirrored) < 0.7 * away(0, 24)  # at rest, and at the peak


def test_high_videos_are_wide():
    with drawn_videos(VideoSize((720,), (0.2,), 10.0), (0.2,)) as videos:
        info = probe_video(videos[720, 0.2])
    assert (info.width, info.height) == (1280, 720)


def test_peak_memory_is_read_as_linux_writes_it(tmp_path):
    status = tmp_path / "status"
    status.write_text("VmPeak:\t  900 kB\nVmHWM:\t   123 kB\nVmRSS: 7 kB\n")
    assert peak_memory(status) == 123 * 1024


def test_elsewhere_peak_memory_comes_from_the_system(tmp_path):
    assert 2**24 < peak_memory(tmp_path / "none") < 2**40


def test_a_video_that_cannot_be_written_is_an_error(tmp_path):
    frames = [np.zeros((64, 86, 3), "uint8")] * 3
    path = tmp_path / "no such folder" / "clip.mp4"
    with pytest.raises(OSError, match=r"cannot write.*no such folder"):
        write_video(path, frames, 3, 25.0)


def test_a_process_that_fails_is_told_of(tmp_path):
    with pytest.raises(RuntimeError, match=r"(?s)code 1.*no such model"):
        in_own_process(tmp_path / "no such model", tmp_path / "clip.mp4")
