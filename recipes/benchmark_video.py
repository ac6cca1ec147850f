"""The parts of the benchmark that begin with a video file."""

import dataclasses
import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tensorflow as tf

from fdin_tf.faces import FaceConfig
from fdin_tf.faces import MTCNNDetector
from fdin_tf.faces import aligned_chunks
from fdin_tf.faces import read_frames
from fdin_tf.faces import track_face
from fdin_tf.serving import export_model
from fdin_tf.serving.predict import Predictor
from fdin_tf.training.precision import precision_policy
from recipes.benchmark_drawn import drawn_videos
from recipes.benchmark_networks import OURS
from recipes.benchmark_report import Table
from recipes.benchmark_report import in_words
from recipes.benchmark_timing import Case

#: Images that the detector is timed on.
_DETECTED = 8
#: Longest that one clip may take in a process of its own, seconds.
_LIMIT = 3600


def time_faces(config, stopwatch):
    """Decoding, detection, following and alignment, each alone.

    Following decodes too and detects on key frames, as in every use of it;
    alignment decodes too.

    Yields:
        `Comparison` for every height, of one frame.
    """
    size = config.video
    with drawn_videos(size, [min(size.seconds)]) as videos:
        for height in size.heights:
            video = videos[height, min(size.seconds)]
            stages = _Stages(video)
            frames = [
                frame
                for _, frame in itertools.islice(read_frames(video), _DETECTED)
            ]
            detect = Case(
                "detect",
                _detection(stages.detector, frames),
                len(frames),
            )
            yield stopwatch.compare(
                f"Faces, {_words(height)}, {stages.num_frames} frames",
                "frame",
                [stages.decode, detect, stages.follow, stages.align],
                paired=False,
            )


def time_video(config, stopwatch):
    """From a video file to an answer with its importance of relations.

    FDIN behind the layout of VGG-Face, with random weights, exported and
    called as users do, by `Predictor`.

    Yields:
        For every height a `Comparison` of the whole way and of its stages,
        each alone, of one frame, and a `Table` of where the time goes. Then a
        `Table` of time and memory for every length.
    """
    size = config.video
    with (
        drawn_videos(size, size.seconds) as videos,
        tempfile.TemporaryDirectory() as folder,
    ):
        model = _export(config, Path(folder) / "benchmark")
        for height in size.heights:
            yield from _whole_way(
                height, videos[height, min(size.seconds)], model, stopwatch
            )
        stopwatch.report("Memory by the length of the clip")
        yield _memory(
            model,
            {s: videos[size.heights[0], s] for s in sorted(size.seconds)},
            size.heights[0],
        )


def _whole_way(height, video, model, stopwatch):
    predictor = Predictor(model)
    stages = _Stages(video)
    network = stages.network(predictor.path)
    whole = Case(OURS, lambda: predictor.predict(video), stages.num_frames)
    comparison = stopwatch.compare(
        f"Video to explained answer, {_words(height)}, {stages.num_frames} "
        "frames",
        "frame",
        [whole, stages.decode, stages.follow, stages.align, network],
        paired=False,
    )
    yield comparison
    taken = {timing.name: timing.median for timing in comparison.timings}
    decode, detect = taken["decode"], stages.detection
    rows = {
        "decode, in each of two passes": decode,
        "detect, on key frames": detect,
        "follow": max(0.0, taken["follow"] - decode - detect),
        "align": max(0.0, taken["align"] - decode),
        "encode and answer": taken["network"],
        "one after the other": sum(
            taken[name] for name in ("follow", "align", "network")
        ),
        "as it runs": taken[OURS],
    }
    total = rows["one after the other"]
    yield Table(
        f"Where the time goes, {_words(height)}",
        ("stage", "time of a frame", "share"),
        tuple(
            (name, in_words(seconds), f"{100 * seconds / total:.0f} %")
            for name, seconds in rows.items()
        ),
        ("Shares are of the stages one after the other, each timed alone.",),
    )


class _Stages:
    """The stages of one video, as cases of one frame."""

    def __init__(self, video):
        self.video = video
        self.detector = _TimedDetector()
        track = track_face(video, detector=self.detector)
        self.num_frames = len(track.times)
        self.num_usable = int(track.usable.sum())
        self.decode = self._case("decode", lambda: _drain(read_frames(video)))
        self.follow = self._case("follow", self._follow)
        self.align = self._case(
            "align", lambda: _drain(aligned_chunks(video, track))
        )
        self.detection = 0.0

    def network(self, model):
        """The exported model's own part, on as many aligned frames."""
        signature = tf.saved_model.load(str(model)).signatures[
            "serving_default"
        ]
        shape = (1, self.num_usable, *_frame_shape(signature))
        rng = np.random.default_rng(0)
        frames = tf.constant(rng.integers(0, 256, shape, "uint8"))
        mask = tf.ones(shape[:2], tf.bool)
        return self._case(
            "network",
            lambda: [
                x.numpy() for x in signature(frames=frames, mask=mask).values()
            ],
        )

    def _case(self, name, run):
        return Case(name, run, self.num_frames)

    def _follow(self):
        self.detector.seconds = 0.0
        track_face(self.video, detector=self.detector)
        self.detection = self.detector.seconds / self.num_frames


class _TimedDetector:
    """A detector that tells how long it was at work."""

    def __init__(self):
        self.detect = MTCNNDetector()
        self.seconds = 0.0

    def __call__(self, image):
        start = time.perf_counter()
        faces = self.detect(image)
        self.seconds += time.perf_counter() - start
        return faces


def _memory(model, videos, height):
    """One process for each clip: its time, and the most that it held."""
    rows, peaks = [], []
    for seconds, video in videos.items():
        told = in_own_process(model, video)
        peaks.append(told["peak_bytes"])
        rows.append(
            (
                f"{seconds:g} s",
                told["frames"],
                in_words(told["seconds"]),
                f"{told['frames'] / told['seconds']:.1f}",
                f"{told['peak_bytes'] / 2**20:.0f}",
                f"{told['before_bytes'] / 2**20:.0f}",
            )
        )
    return Table(
        f"Memory by the length of the clip, {_words(height)}",
        ("clip", "frames", "time", "frames/s", "peak MiB", "MiB before"),
        tuple(rows),
        (
            "The longest clip's peak is "
            f"{peaks[-1] / peaks[0]:.3f} times that of the shortest.",
        ),
    )


def in_own_process(model, video):
    """What `recipes.benchmark_clip` tells of one clip.

    Args:
        model: Folder of an exported model.
        video: Path of a video.

    Returns:
        The dict of `measure_clip`.

    Raises:
        RuntimeError: If the process fails.
    """
    done = subprocess.run(
        [sys.executable, "-m", "recipes.benchmark_clip", model, video],
        capture_output=True,
        text=True,
        timeout=_LIMIT,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(
            "The process of one clip must end with its times. Received: code "
            f"{done.returncode}, {done.stderr[-500:]}"
        )
    return json.loads(done.stdout.splitlines()[-1])


def _export(config, folder):
    """FDIN behind VGG-Face's layout, untrained; returns its folder."""
    with precision_policy(config.precisions[-1]):
        model, encoder = config.fdin.build("gender"), config.encoder.build()
    card = {
        "name": folder.name,
        "target": "gender",
        "face": dataclasses.asdict(FaceConfig(size=encoder.input_shape[1])),
    }
    export_model(model, encoder, folder, card)
    return folder


def _detection(detector, frames):
    return lambda: [*map(detector, frames)]


def _drain(items):
    for _ in items:
        pass


def _frame_shape(signature):
    return tuple(signature.structured_input_signature[1]["frames"].shape[2:])


def _words(height):
    return f"{height}p"
