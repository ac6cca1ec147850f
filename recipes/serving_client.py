"""Estimates for videos from a TensorFlow Serving server.

    python -m recipes.serving_client VIDEO... --url http://localhost:8501
    python -m recipes.serving_client VIDEO... --grpc localhost:8500

Faces are found, followed and cut out here, with the settings on the model's
card, so --model names the exported model that the server serves: its folder,
whose name is that of the model. What is sent are these faces alone, no video:
as PNG files (the answer is that of recipes.predict), as smaller JPEG files or
as pixels (--encoding). gRPC needs the extra `serving`.

`docker compose up` starts such a server; see docs/serving.md. A model of
warped faces (SIAM) needs 68 landmarks in every frame: --landmarks-dir or
--mesh, as for recipes.predict.

Prints one line per video. One that cannot be used is named and left out; if
none can, the exit code is 2.
"""

import contextlib
import dataclasses
from pathlib import Path

import numpy as np
import tyro
from tyro.conf import Positional

from fdin_tf.data.clips import TARGET_CLASSES
from fdin_tf.data.crops import crop_chunks
from fdin_tf.data.crops import warp_frames
from fdin_tf.faces import FaceConfig
from fdin_tf.faces import FaceWarp
from fdin_tf.faces import aligned_chunks
from fdin_tf.faces import mesh_landmarks
from fdin_tf.faces import track_face
from fdin_tf.plain_text import one_line
from fdin_tf.progress import console
from fdin_tf.serving.card_text import is_drawn
from fdin_tf.serving.client import ENCODINGS
from fdin_tf.serving.client import GrpcClient
from fdin_tf.serving.client import RestClient
from fdin_tf.serving.client import clip_request
from fdin_tf.serving.export import find_version
from fdin_tf.serving.photographs import is_of_photographs
from recipes.cli import run_recipe
from recipes.predict import DEMO_MODEL
from recipes.predict_words import describe

_CHUNK = 64


@dataclasses.dataclass(frozen=True)
class Config:
    """Estimates for videos from a server.

    Attributes:
        videos: Videos.
        url: Server that speaks HTTP; the default where no --grpc is given.
        grpc: Host and port of a server that speaks gRPC, instead.
        model: Folder of the exported model that the server serves.
        label: Label of the version, such as `stable`; None for the newest
            that is served.
        encoding: How faces are sent: png, jpeg or raw.
        timeout: How long one answer may take, in seconds.
        landmarks_dir: Folder of landmark files named as the videos, `.csv` or
            `.npz`, taken instead of detection.
        mesh: Find landmarks by the face mesh, where there is no file of them
            (needs the extra `mesh`).
    """

    videos: Positional[tuple[Path, ...]]
    url: str = "http://localhost:8501"
    grpc: str | None = None
    model: Path = DEMO_MODEL
    label: str | None = None
    encoding: str = ENCODINGS[0]
    timeout: float = 60.0
    landmarks_dir: Path | None = None
    mesh: bool = False


def run(config):
    """Asks about every video; returns the answers, one dict per video."""
    if not config.videos:
        raise ValueError("Expected at least one video. Received: none")
    if config.encoding not in ENCODINGS:
        raise ValueError(
            f"Expected an encoding of {', '.join(ENCODINGS)}. Received: "
            f"encoding={config.encoding!r}"
        )
    path, card = find_version(config.model)
    if is_of_photographs(card):
        raise ValueError(
            f"Expected a model of clips. Received: model={config.model}, one "
            "of photographs"
        )
    answers, failures = [], []
    with _client(config, path.resolve().parent.name) as client:
        for video in config.videos:
            try:
                frames = np.concatenate([*_faces(video, card, config)])
                signature, inputs = clip_request(frames, config.encoding)
                answer = client.predict(inputs, signature)
                row = _row(answer, card["target"])
            except (ValueError, FileNotFoundError) as error:
                failures.append(str(error))
                console.print(f"Left out: {one_line(error)}", soft_wrap=True)
            else:
                answers.append({"video": str(video), **answer})
                print(one_line(f"{video}: {describe(row)}"))
    if failures and not answers:
        raise ValueError(failures[0])
    if is_drawn(card):
        console.print(
            "This model was trained on drawn faces: its answers show the way "
            "and mean nothing for people."
        )
    return answers


def _client(config, name):
    if config.grpc is not None:
        return GrpcClient(config.grpc, name, config.label, config.timeout)
    return contextlib.nullcontext(
        RestClient(config.url, name, config.label, config.timeout)
    )


def _faces(video, card, config):
    """Chunks of the faces as the model takes them."""
    face = FaceConfig(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in card["face"].items()
        }
    )
    landmarks = _landmarks(video, config, face)
    if "warp" not in card:
        track = track_face(video, landmarks, config=face)
        yield from aligned_chunks(video, track, face, _CHUNK)
        return
    if landmarks is None:
        raise ValueError(
            f"{video}: a model of warped faces needs 68 landmarks in every "
            "frame: give --landmarks-dir or --mesh. Received: "
            f"model={config.model}"
        )
    warp = FaceWarp.from_dict(card["warp"])
    track = track_face(video, landmarks, config=face)
    for chunk in crop_chunks(video, track, face, _CHUNK):
        yield warp_frames(warp, *chunk)


def _landmarks(video, config, face):
    """A file of landmarks, the face mesh's, or None."""
    if config.landmarks_dir is not None:
        for ending in (".csv", ".npz"):
            path = config.landmarks_dir / (video.stem + ending)
            if path.is_file():
                return path
        if not config.mesh:
            raise FileNotFoundError(
                f"Expected {video.stem}.csv or {video.stem}.npz in "
                f"{config.landmarks_dir}."
            )
    return mesh_landmarks(video, face) if config.mesh else None


def _row(answer, target):
    """What `describe` wants to know of an answer."""
    estimate = answer.get(target, answer.get("outputs"))
    if estimate is None or not np.isfinite(estimate).all():
        raise ValueError(
            f"Expected a number for {target!r}. Received: {sorted(answer)}, "
            f"{target}={estimate}"
        )
    row = {"target": target}
    if target not in TARGET_CLASSES:
        error = answer.get("age_years_error")
        row["estimate"] = float(estimate[0, 0])
        row["error_years"] = np.nan if error is None else float(error[0, 0])
        return row
    best, accuracy = int(estimate[0].argmax()), answer.get(f"{target}_accuracy")
    return {
        **row,
        "estimate": TARGET_CLASSES[target][best],
        "probability": float(estimate[0, best]),
        "accuracy": None if accuracy is None else float(accuracy[0, 0]),
    }


if __name__ == "__main__":
    run_recipe(run, tyro.cli(Config, description=__doc__))
