"""Sets on disk: layout, reproduction, interruption, refusal."""

import dataclasses
import json
import re
import signal
import subprocess
import sys
import threading
import time

import cv2
import numpy as np
import pytest

from fdin_tf.data.synthetic import FILE_DETAILS
from fdin_tf.data.synthetic import SUBJECT_DETAILS
from fdin_tf.data.synthetic import SYNTHETIC_SETS
from fdin_tf.data.synthetic import SyntheticConfig
from fdin_tf.data.synthetic import load_truth
from fdin_tf.data.synthetic import make_synthetic
from fdin_tf.data.synthetic.catalogue import draw_subjects
from fdin_tf.data.synthetic.catalogue import list_clips
from fdin_tf.data.synthetic.leakage import aligned
from fdin_tf.data.synthetic.scene import clip_motion
from fdin_tf.data.synthetic.scene import subject_face
from fdin_tf.data.synthetic.truth import GENERATOR_VERSION

TINY = SYNTHETIC_SETS["tiny"]
SMALL = SyntheticConfig(
    num_subjects=3, clips_per_subject=2, num_frames=12, size=64
)
NUM_SMALL_CLIPS = 6

# Amplitudes as the first version of the generator drew them: `checksum`.
CHECKSUMS = {
    ("tiny", "001_deliberate_smile_1"): 0.18425,
    ("tiny", "004_spontaneous_smile_2"): -0.00630,
    ("planted", "001_deliberate_smile_1"): 0.58867,
    ("planted", "004_spontaneous_smile_2"): 0.82673,
}


def clip_ids(root):
    return sorted(path.stem for path in (root / "videos").iterdir())


def decode(root, clip_id):
    """All frames of a clip, `(frames, height, width, 3)`."""
    video = cv2.VideoCapture(str(root / "videos" / f"{clip_id}.mp4"))
    frames = []
    while (read := video.read())[0]:
        frames.append(read[1])
    video.release()
    return np.stack(frames)


def content(root):
    """Every file by name: decoded videos, bytes of all others."""
    found = {}
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        name = str(path.relative_to(root))
        if path.suffix == ".mp4":
            found[name] = decode(root, path.stem).tobytes()
        else:
            found[name] = path.read_bytes()
    return found


def checksum(values):
    """A projection that any change of the values changes."""
    values = np.asarray(values, float).ravel()
    return float(values @ np.cos(np.arange(values.size)))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return make_synthetic(tmp_path_factory.mktemp("tiny"), TINY)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """An undisturbed set to compare others with."""
    return make_synthetic(tmp_path_factory.mktemp("small"), SMALL, workers=1)


def test_named_sets_have_the_specified_sizes():
    def shape(name):
        c = SYNTHETIC_SETS[name]
        return c.num_subjects, c.clips_per_subject, c.num_frames, c.size

    assert shape("natural") == (120, 2, 48, 256)
    assert shape("tiny") == (8, 2, 24, 128)
    assert shape("planted") == (80, 8, 24, 192)
    assert SYNTHETIC_SETS["planted"].kind == "planted"


def test_folder_has_the_layout_of_uva_nemo(tiny):
    names = {path.name for path in tiny.iterdir()}
    assert names == {
        "videos",
        "truth",
        FILE_DETAILS,
        SUBJECT_DETAILS,
        "leakage.csv",
        "synthetic.json",
    }
    clips = clip_ids(tiny)
    assert len(clips) == 16
    pattern = r"00[1-8]_(deliberate_smile_1|spontaneous_smile_2)"
    assert all(re.fullmatch(pattern, clip) for clip in clips)
    assert sorted(p.stem for p in (tiny / "truth").iterdir()) == clips
    listed = (tiny / FILE_DETAILS).read_bytes().split(b"\r\n")[5:-1]
    assert [row.split(b"\t")[0].strip().decode() for row in listed] == [
        f"{clip}.mp4" for clip in clips
    ]
    assert len((tiny / SUBJECT_DETAILS).read_bytes().split(b"\r\n")) == 14


def test_videos_have_their_rate_size_and_number_of_frames(tiny):
    for clip_id in clip_ids(tiny):
        video = cv2.VideoCapture(str(tiny / "videos" / f"{clip_id}.mp4"))
        assert video.get(cv2.CAP_PROP_FPS) == 25
        video.release()
        assert decode(tiny, clip_id).shape == (24, 128, 128, 3)


def test_truth_has_its_documented_shapes(tiny):
    truth = load_truth(tiny, "002_spontaneous_smile_2")
    shapes = {name: value.shape for name, value in truth.items()}
    assert shapes == {
        "landmarks": (24, 68, 2),
        "amplitudes": (24, 9),
        "peaks": (9,),
        "onset_start": (9,),
        "onset_end": (9,),
        "offset_start": (9,),
        "offset_end": (9,),
        "lip_corners": (4,),
        "blink": (24,),
        "head": (24, 2, 3),
        "gain": (24,),
        "subject_seed": (),
        "take": (),
        "generator_version": (),
    }
    assert truth["landmarks"].dtype == np.float32
    assert truth["subject_seed"] == 1
    assert truth["take"] == 2


def test_landmarks_of_the_truth_show_the_smile(tiny):
    truth = load_truth(tiny, "004_spontaneous_smile_2")
    points = truth["landmarks"]
    eyes = points[:, [42, 45]].mean(1) - points[:, [36, 39]].mean(1)
    mouth = points[:, 54] - points[:, 48]
    width = np.hypot(*mouth.T) / np.hypot(*eyes.T)
    amplitude = truth["amplitudes"][:, [6, 8]].mean(axis=1)
    rest = amplitude == 0
    assert rest.sum() > 2
    np.testing.assert_allclose(width[rest], width[0], rtol=1e-4)
    assert np.corrcoef(width, amplitude)[0, 1] > 0.99
    assert width.max() > 1.2 * width[0]


@pytest.mark.parametrize("t", [0, 12])
def test_landmarks_of_the_truth_lie_on_the_decoded_face(tiny, t):
    # Aligned by its landmarks, a decoded frame agrees with the upright face,
    # and less so when the landmarks are off by a pixel.
    (subject,) = draw_subjects(TINY.seed, 1)
    face = subject_face(TINY, subject)
    for clip in list_clips(subject, 2):
        frame = decode(tiny, clip.clip_id)[t]
        truth = load_truth(tiny, clip.clip_id)
        amplitudes = truth["amplitudes"][t]
        upright = aligned(
            face.render(amplitudes, truth["blink"][t]),
            face.landmarks(amplitudes[None])[0],
        )

        def agreement(shift, truth=truth, frame=frame, upright=upright):
            view = aligned(frame, truth["landmarks"][t] + shift)
            return np.corrcoef(view.ravel(), upright.ravel())[0, 1]

        assert agreement((0, 0)) > 0.98
        for shift in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            assert agreement(shift) < agreement((0, 0))


@pytest.mark.parametrize(("name", "clip_id"), CHECKSUMS)
def test_amplitudes_are_those_of_this_generator_version(name, clip_id):
    assert GENERATOR_VERSION == 1  # a new version has new numbers
    config = SYNTHETIC_SETS[name]
    (clip,) = (
        clip
        for subject in draw_subjects(config.seed, config.num_subjects)
        for clip in list_clips(subject, config.clips_per_subject)
        if clip.clip_id == clip_id
    )
    amplitudes = clip_motion(config, clip).amplitudes
    expected = CHECKSUMS[name, clip_id]
    assert checksum(amplitudes) == pytest.approx(expected, abs=2e-5)


def test_truth_on_disk_is_what_was_drawn(tiny):
    (subject,) = draw_subjects(TINY.seed, 1)
    for clip in list_clips(subject, 2):
        truth, drawn = load_truth(tiny, clip.clip_id), clip_motion(TINY, clip)
        np.testing.assert_array_equal(
            truth["amplitudes"], np.float32(drawn.amplitudes)
        )
        np.testing.assert_array_equal(
            truth["offset_end"], np.float32(drawn.phases.offset_end)
        )


def test_same_config_gives_the_same_set(small, tmp_path):
    again = make_synthetic(tmp_path / "again", SMALL, workers=3)
    assert content(again) == content(small)


def test_other_seed_gives_other_clips(small, tmp_path):
    config = dataclasses.replace(SMALL, seed=1)
    other = make_synthetic(tmp_path, config)
    assert clip_ids(other) == clip_ids(small)
    for clip_id in clip_ids(small):
        one, two = load_truth(small, clip_id), load_truth(other, clip_id)
        assert not np.allclose(one["amplitudes"], two["amplitudes"])
        assert (decode(small, clip_id) != decode(other, clip_id)).mean() > 0.3


def test_more_subjects_keep_the_first_ones(small, tmp_path):
    config = dataclasses.replace(SMALL, num_subjects=2)
    fewer = content(make_synthetic(tmp_path, config))
    both = content(small)
    for name, value in fewer.items():
        if name.startswith(("videos", "truth")):
            assert both[name] == value


def test_four_clips_are_two_of_each_type(tmp_path):
    config = dataclasses.replace(SMALL, num_subjects=1, clips_per_subject=4)
    clips = clip_ids(make_synthetic(tmp_path, config))
    assert sum("deliberate" in clip for clip in clips) == 2
    assert sum("spontaneous" in clip for clip in clips) == 2


def test_progress_counts_clips(tmp_path):
    calls = []
    make_synthetic(tmp_path, SMALL, progress=lambda *c: calls.append(c))
    assert calls == [(2, 6), (4, 6), (6, 6)]
    make_synthetic(tmp_path, SMALL, progress=lambda *c: calls.append(c))
    assert calls[3:] == [(6, 6)]


def test_a_complete_set_is_not_touched_again(small):
    def times():
        return {p: p.stat().st_mtime_ns for p in small.rglob("*")}

    before = times()
    assert make_synthetic(small, SMALL) == small
    assert times() == before


def test_a_killed_call_is_continued(small, tmp_path):
    root = tmp_path / "killed"
    script = (
        "from fdin_tf.data.synthetic import *\n"
        f"make_synthetic({str(root)!r}, {SMALL!r}, workers=1)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script])
    deadline = time.monotonic() + 120
    while not list(root.glob("videos/*.mp4")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = {
        path: path.stat().st_mtime_ns for path in root.glob("videos/*.mp4")
    }
    assert 0 < len(finished) < NUM_SMALL_CLIPS
    assert not (root / "synthetic.json").exists()
    make_synthetic(root, SMALL)
    assert content(root) == content(small)
    for path, written in finished.items():
        assert path.stat().st_mtime_ns == written


def test_a_half_written_file_is_never_seen(small, tmp_path):
    root = tmp_path / "stopped"

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_synthetic(root, SMALL, workers=1, progress=stop)
    (root / ".partial" / "0-001_deliberate_smile_1.mp4").write_bytes(b"half")
    for clip_id in clip_ids(root):
        assert len(decode(root, clip_id)) == SMALL.num_frames
    make_synthetic(root, SMALL)
    assert content(root) == content(small)


def test_two_calls_at_once_make_one_set(small, tmp_path):
    calls = [
        threading.Thread(target=make_synthetic, args=(tmp_path, SMALL))
        for _ in range(2)
    ]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    assert content(tmp_path) == content(small)


def test_a_set_of_another_config_is_refused(small):
    other = dataclasses.replace(SMALL, seed=5)
    with pytest.raises(
        ValueError, match=r"another config.*seed=5.*\"seed\": 0"
    ):
        make_synthetic(small, other)


def test_a_begun_set_of_another_config_is_refused(tmp_path):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_synthetic(tmp_path, SMALL, progress=stop)
    with pytest.raises(ValueError, match="another config"):
        make_synthetic(tmp_path, dataclasses.replace(SMALL, seed=5))


def test_a_set_of_another_generator_version_is_refused(tmp_path):
    manifest = {"generator_version": 0, **dataclasses.asdict(SMALL)}
    (tmp_path / "synthetic.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match="generator version"):
        make_synthetic(tmp_path, SMALL)


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "holiday.mp4").touch()
    with pytest.raises(ValueError, match=r"holds other files.*root="):
        make_synthetic(tmp_path, SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.mp4"]


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(ValueError, match=r"this is a file.*root="):
        make_synthetic(path, SMALL)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "other"),
        ("seed", -1),
        ("num_subjects", 0),
        ("num_subjects", 1000),
        ("clips_per_subject", 0),
        ("num_frames", 11),
        ("size", 62),
        ("size", 129),
        ("frames_per_second", 0),
    ],
)
def test_values_out_of_range_are_errors(name, value):
    with pytest.raises(ValueError, match=rf"`{name}`.*{name}={value!r}"):
        SyntheticConfig(**{name: value})
