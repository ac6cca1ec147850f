"""recipes.benchmark_server: it asks a real server, and counts right."""

import json
import threading

import numpy as np
import pytest

from fdin_tf.faces import FaceConfig
from fdin_tf.faces import probe_video
from recipes.benchmark_server import Config
from recipes.benchmark_server import ask_at_once
from recipes.benchmark_server import run
from recipes.benchmark_server import write_clip
from tests.recipes.siam_export import export_siam


class Answers:
    """Stands for a server where only the counting matters."""

    def __init__(self, answers):
        self.answers = iter(answers)
        self.threads = set()

    def connect(self):
        self.threads.add(threading.get_ident())
        return self

    def close(self):
        pass

    def ask(self, body, connection):
        return 200, {"predictions": [{"estimate": next(self.answers)}]}


def test_it_writes_and_prints_what_it_measured(tmp_path, cache_dir, capsys):
    config = Config(
        clients=(1, 2), requests=3, memory_requests=4, frames=12,
        cache_dir=cache_dir, output_dir=tmp_path / "out",
    )  # fmt: skip
    results = run(config)
    assert json.loads((tmp_path / "out" / "server.json").read_text()) == results
    assert [(row["clip"], row["clients"]) for row in results["speed"]] == [
        ("frames_jpeg", 1), ("frames_jpeg", 2),
        ("video_bytes", 1), ("video_bytes", 2),
    ]  # fmt: skip
    for row in results["speed"]:
        assert 0 < row["p50_seconds"] <= row["p99_seconds"]
        assert row["clips_per_second"] > 0
    memory = results["memory"]
    assert memory["requests"] == 4
    assert memory["before_bytes"] is None or memory["before_bytes"] > 2**20
    out = capsys.readouterr().out
    assert "clips/s" in out
    assert "Resident memory" in out or "/proc only" in out


def test_requests_are_shared_out_among_clients():
    answers, done = Answers([1.0] * 7), []
    seconds, latencies = ask_at_once(
        answers, {}, 1.0, clients=3, requests=7, advance=lambda: done.append(1)
    )
    assert len(latencies) == len(done) == 7
    assert seconds > 0
    assert next(answers.answers, None) is None


def test_another_answer_is_noticed():
    with pytest.raises(RuntimeError, match=r"Received: 2\.0 instead of 1\.0"):
        ask_at_once(Answers([1.0, 2.0]), {}, 1.0, clients=1, requests=2)


def test_the_clip_goes_to_and_fro_and_is_as_long_as_asked(tiny_set, tmp_path):
    source = tiny_set / "videos" / "001_deliberate_smile_1.mp4"
    face = FaceConfig(frames_per_second=12.5)
    write_clip(tmp_path / "clip.mp4", source, face, 50)
    info = probe_video(tmp_path / "clip.mp4")
    assert info.num_frames == 50
    assert np.isclose(info.frames_per_second, 12.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clients": ()}, r"clients must be above 0. Received: clients=\(\)"),
        ({"clients": (0,)}, r"clients must be above 0.*clients=\(0,\)"),
        ({"requests": 0}, "requests must be above 0. Received: requests=0"),
        ({"memory_requests": 0}, "memory_requests must be above 0"),
        ({"frames": -1}, "frames must be above 0. Received: frames=-1"),
    ],
)
def test_bad_options_are_errors(options, message):
    with pytest.raises(ValueError, match=message):
        Config(**options)


def test_a_model_that_needs_landmarks_is_refused(tmp_path, cropped):
    folder = export_siam(tmp_path / "siam", cropped)
    with pytest.raises(ValueError, match=r"without landmarks.*siam"):
        run(Config(model=folder))
