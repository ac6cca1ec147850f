"""A video of relevance: read back, it is the clip and its overlay."""

import numpy as np
import pytest

from fdin_tf.data.synthetic.identity import draw_identity
from fdin_tf.data.synthetic.render import Face
from fdin_tf.explain.relevance_colours import overlay
from fdin_tf.explain.relevance_video import write_relevance_video
from fdin_tf.faces.video import probe_video
from fdin_tf.faces.video import read_frames

COUNT = 6


@pytest.fixture(scope="module")
def clip():
    """A face that begins to smile, and relevance that grows at its mouth."""
    rng = np.random.default_rng(0)
    face = Face(draw_identity(rng, age=30, gender="female"), 96, rng)
    frames = [
        face.render(np.full(9, k / COUNT))[..., ::-1] for k in range(COUNT)
    ]
    rows, columns = np.indices((96, 96))
    spot = np.exp(-((rows - 65) ** 2 + (columns - 48) ** 2) / 150)
    heatmaps = np.arange(COUNT)[:, None, None] * spot
    heatmaps[:, :20] = -1
    return np.stack(frames), heatmaps


@pytest.mark.parametrize("ending", [".mp4", ".webm", ".MP4"])
def test_what_is_read_back_is_the_clip_and_its_overlay(tmp_path, clip, ending):
    frames, heatmaps = clip
    path = tmp_path / f"relevance{ending}"
    assert write_relevance_video(path, frames, heatmaps, 25) == path
    info = probe_video(path)
    assert (info.width, info.height) == (192, 96)
    assert info.frames_per_second == pytest.approx(25, rel=1e-2)
    read = list(read_frames(path))
    assert len(read) == COUNT
    limit = np.abs(heatmaps).max()  # of the whole clip
    for number, (time, picture) in enumerate(read):
        assert time == pytest.approx(number / 25, abs=2e-3)
        expected = np.concatenate(
            [frames[number], overlay(frames[number], heatmaps[number], limit)],
            axis=1,
        )
        difference = picture.astype(float) - expected
        assert np.abs(difference).mean() < 8  # coding loses details
        assert np.abs(difference.mean(axis=(0, 1))).max() < 4
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_grey_frames_odd_sizes_and_enlargement(tmp_path):
    frames = np.full((3, 31, 33, 1), 90, np.uint8)
    heatmaps = np.zeros((3, 31, 33))
    for magnification, size in ((1, (66, 32)), (3, (198, 94))):
        path = write_relevance_video(
            tmp_path / "grey.mp4", frames, heatmaps, 10,
            magnification=magnification,
        )  # fmt: skip
        info = probe_video(path)
        assert (info.width, info.height) == size
        _, picture = next(iter(read_frames(path)))
        assert np.abs(picture.astype(int) - 90).max() < 8


def test_a_percentile_lets_outliers_exceed_the_scale(tmp_path):
    frames = np.full((2, 64, 64), 128)
    heatmaps = np.zeros((2, 64, 64))
    heatmaps[:, :, 32:] = 0.1
    heatmaps[0, 0, 0] = 100.0
    red = {}
    for percentile in (99, 100):
        path = write_relevance_video(
            tmp_path / f"{percentile}.mp4", frames, heatmaps, 25, percentile
        )
        _, picture = list(read_frames(path))[1]
        right = picture[8:-8, 64 + 40 : -8].astype(float).mean(axis=(0, 1))
        red[percentile] = right[0] - right[1]
    assert red[100] < 5 < 60 < red[99]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": "clip.avi"}, r"clip.avi: .*\.mp4 or \.webm.*'\.avi'"),
        ({"heatmaps": np.ones((2, 8, 9))}, r"shape \(2, 8, 8, 3\), heatmaps"),
        ({"frames": np.ones((8, 8, 3))}, r"frames \(t, h, w, 3\)"),
        (
            {"frames": np.ones((0, 8, 8)), "heatmaps": np.ones((0, 8, 8))},
            "at least one frame",
        ),
        ({"frames_per_second": 0}, "positive.*frames_per_second=0"),
        ({"magnification": 1.5}, "whole.*magnification=1.5"),
        ({"heatmaps": np.full((2, 8, 8), np.nan)}, "128 not finite"),
        ({"percentile": 0}, "percentile=0"),
    ],
)
def test_what_cannot_be_shown_is_an_error_and_leaves_no_file(
    tmp_path, change, message
):
    inputs = {
        "path": "clip.mp4", "frames": np.ones((2, 8, 8, 3)),
        "heatmaps": np.ones((2, 8, 8)), "frames_per_second": 25,
    } | change  # fmt: skip
    inputs["path"] = tmp_path / inputs["path"]
    with pytest.raises(ValueError, match=message):
        write_relevance_video(**inputs)
    assert not list(tmp_path.iterdir())


def test_a_video_that_opencv_cannot_write_is_an_error(tmp_path):
    wide = np.zeros((1, 2, 20000))  # beyond what VP8 can hold
    with pytest.raises(OSError, match=r"cannot write a \.webm video of 40000"):
        write_relevance_video(tmp_path / "wide.webm", wide, wide, 25)
    assert not list(tmp_path.iterdir())
