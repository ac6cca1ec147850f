"""Latency, throughput and memory of MLflow's server.

    python -m recipes.benchmark_server                        # the demo model
    python -m recipes.benchmark_server --model saved_models/fdin_age

Starts `mlflow models serve` with the exported model on a free port of this
machine and asks about one drawn clip of 50 frames, by 1, 4 and 16 clients at a
time: as aligned frames (`frames_jpeg`) and as a video (`video_bytes`). Then it
sends 1,000 further requests and compares the resident memory of the server
before and after. Prints a table and writes `server.json` to --output-dir.
"""

import base64
import contextlib
import dataclasses
import itertools
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf
import tyro
from rich.console import Console
from rich.table import Table

from fdin_tf.data.cache import write_json
from fdin_tf.data.sources import embedded_clips
from fdin_tf.faces import FaceConfig
from fdin_tf.faces import aligned_chunks
from fdin_tf.faces import read_frames
from fdin_tf.faces import track_face
from fdin_tf.progress import progress_bar
from fdin_tf.serving.predict import Predictor
from fdin_tf.serving.pyfunc import save_pyfunc
from recipes.benchmark_machine import load_average
from recipes.benchmark_machine import machine_facts
from recipes.cli import run_recipe
from recipes.mlflow_server import MlflowServer
from recipes.predict import DEMO_MODEL

_CLIP = "001_deliberate_smile_1.mp4"  # of the embedded set `tiny`


@dataclasses.dataclass(frozen=True)
class Config:
    """How a server is measured.

    Attributes:
        model: Folder of an exported model of videos without landmarks.
        clients: Numbers of clients at a time.
        requests: Requests of every number of clients and kind of clip.
        memory_requests: Requests between the two looks at the memory.
        frames: Frames of the clip.
        cache_dir: Folder of embedded clips; None for the user's cache folder.
        output_dir: Folder for `server.json`.
    """

    model: Path = DEMO_MODEL
    clients: tuple[int, ...] = (1, 4, 16)
    requests: int = 200
    memory_requests: int = 1000
    frames: int = 50
    cache_dir: Path | None = None
    output_dir: Path = Path("results/benchmark")

    def __post_init__(self):
        counts = {
            "clients": min(self.clients, default=0),
            "requests": self.requests,
            "memory_requests": self.memory_requests,
            "frames": self.frames,
        }
        for name, count in counts.items():
            if count < 1:
                raise ValueError(
                    f"{name} must be above 0. Received: {name}="
                    f"{getattr(self, name)}"
                )


def run(config):
    """Measures; returns what `server.json` holds."""
    predictor = Predictor(config.model)
    if predictor.warp is not None:
        raise ValueError(
            "Expected a model of videos without landmarks. Received: "
            f"model={config.model}"
        )
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        clip = folder / "clip.mp4"
        source = embedded_clips("tiny", config.cache_dir) / "videos" / _CLIP
        write_clip(clip, source, predictor.face, config.frames)
        save_pyfunc(config.model, folder / "model")
        results = {
            "model": str(config.model),
            "frames": config.frames,
            "machine": machine_facts(),
            "load_average_before": load_average(),
        }
        with MlflowServer(folder / "model", folder / "log.txt") as server:
            rows = {
                "frames_jpeg": frames_row(clip, predictor.face),
                "video_bytes": video_row(clip),
            }
            results |= measure(server, rows, config)
        results["load_average_after"] = load_average()
    config.output_dir.mkdir(parents=True, exist_ok=True)
    write_json(config.output_dir / "server.json", results)
    _print(results)
    return results


def write_clip(path, source, face, num_frames):
    """Writes a video of so many sampled frames: another, to and fro.

    Args:
        path: Where the video goes, .mp4.
        source: The other video.
        face: `FaceConfig`, whose rate the video has.
        num_frames: Number of its frames.
    """
    rate = face.frames_per_second or 25.0
    frames = [frame for _, frame in read_frames(source, rate)]
    to_and_fro = itertools.cycle([*frames, *frames[-2:0:-1]])
    height, width, _ = frames[0].shape
    codec = cv2.VideoWriter_fourcc(*"mp4v")
    video = cv2.VideoWriter(str(path), codec, rate, (width, height))
    for frame in itertools.islice(to_and_fro, num_frames):
        video.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    video.release()


def frames_row(clip, face=FaceConfig()):
    """A request's row with the aligned frames of a video, as JPEG."""
    chunks = aligned_chunks(clip, track_face(clip, config=face), face)
    return {
        "frames_jpeg": [
            base64.b64encode(tf.io.encode_jpeg(frame).numpy()).decode()
            for frame in np.concatenate(list(chunks))
        ]
    }


def video_row(clip):
    """A request's row with a video."""
    return {"video_bytes": base64.b64encode(clip.read_bytes()).decode()}


def measure(server, rows, config):
    """Asks a server about clips.

    Args:
        server: `MlflowServer`, running.
        rows: Dict from a name to a row.
        config: `Config`.

    Returns:
        Dict of `speed`, a list with a dict for every kind of clip and number
        of clients: latencies in seconds and clips per second; and of
        `memory`, resident bytes of the server before and after so many
        `requests`.

    Raises:
        RuntimeError: If the server does not answer, or not always the same.
    """
    bodies = {name: {"dataframe_records": [row]} for name, row in rows.items()}
    speed = []
    total = len(rows) * (len(config.clients) * config.requests)
    total += config.memory_requests
    with progress_bar() as bar:
        task = bar.add_task("Requests", total=total, note="")

        def advance():
            bar.advance(task)

        for name, body in bodies.items():
            expected = _answer(server, body, None)  # and a warm-up
            for clients in config.clients:
                seconds, latencies = ask_at_once(
                    server, body, expected, clients, config.requests, advance
                )
                p50, p99 = np.percentile(latencies, [50, 99])
                speed.append(
                    {
                        "clip": name,
                        "clients": clients,
                        "requests": config.requests,
                        "p50_seconds": float(p50),
                        "p99_seconds": float(p99),
                        "clips_per_second": config.requests / seconds,
                    }
                )
        body = bodies["frames_jpeg"]
        expected = _answer(server, body, None)
        before = server.resident_bytes()
        ask_at_once(
            server, body, expected, max(config.clients),
            config.memory_requests, advance,
        )  # fmt: skip
        after = server.resident_bytes()
    memory = {
        "requests": config.memory_requests,
        "before_bytes": before,
        "after_bytes": after,
    }
    return {"speed": speed, "memory": memory}


def ask_at_once(
    server, body, expected, clients, requests, advance=lambda: None
):
    """Asks the same by so many clients at a time, each on a connection.

    Args:
        server: `MlflowServer`, running.
        body: The request.
        expected: The answer that is expected, by `_answer`.
        clients: Number of clients.
        requests: Number of requests of all of them.
        advance: Called after every request.

    Returns:
        Seconds that all took, and list of the latencies in seconds.

    Raises:
        RuntimeError: If an answer is another one.
    """
    shares = [requests // clients + (n < requests % clients)
              for n in range(clients)]  # fmt: skip

    def client(share):
        latencies = []
        with contextlib.closing(server.connect()) as connection:
            for _ in range(share):
                start = time.perf_counter()
                answer = _answer(server, body, connection)
                latencies.append(time.perf_counter() - start)
                if not np.isclose(answer, expected, rtol=1e-4):
                    raise RuntimeError(
                        "The server answers differently when asked again. "
                        f"Received: {answer} instead of {expected}"
                    )
                advance()
        return latencies

    start = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        found = list(pool.map(client, shares))
    return time.perf_counter() - start, list(itertools.chain(*found))


def _answer(server, body, connection):
    """The number in the answer: years, or a probability."""
    status, answer = server.ask(body, connection)
    if status != 200:
        raise RuntimeError(
            f"The server does not answer. Received: status {status}, {answer}"
        )
    (row,) = answer["predictions"]
    return row.get("probability", row["estimate"])


def _print(results):
    table = Table(
        title=f"MLflow's server, a clip of {results['frames']} frames",
        caption=_memory_in_words(results["memory"]),
    )
    for name in ("clip", "clients", "p50 ms", "p99 ms", "clips/s"):
        table.add_column(name, justify="left" if name == "clip" else "right")
    for row in results["speed"]:
        table.add_row(
            row["clip"],
            str(row["clients"]),
            f"{1000 * row['p50_seconds']:.0f}",
            f"{1000 * row['p99_seconds']:.0f}",
            f"{row['clips_per_second']:.1f}",
        )
    Console().print(table)


def _memory_in_words(memory):
    if memory["before_bytes"] is None:
        return "Memory is measured where there is /proc only."
    before, after = (memory[f"{x}_bytes"] / 2**20 for x in ("before", "after"))
    return (
        f"Resident memory: {before:.0f} MiB, after {memory['requests']} "
        f"further requests {after:.0f} MiB"
    )


if __name__ == "__main__":
    run_recipe(run, tyro.cli(Config, description=__doc__))
