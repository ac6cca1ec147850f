"""Estimates for videos, with the relations or frames that carried them.

    python -m recipes.predict VIDEO...
    python -m recipes.predict VIDEO... --model saved_models/fdin_age
    python -m recipes.predict VIDEO... --model saved_models/siam_age --mesh

A model of warped faces (SIAM) needs 68 landmarks in every frame: a file per
video in --landmarks-dir (OpenFace, py-feat or .npz), or --mesh.

A video that cannot be used is named and left out; if none can, the exit code
is 2.

Prints one line per video and writes to --output-dir: `predictions.csv`,
`predictions.json` and pictures of every video. The versioned demo model was
trained on drawn faces: it shows the way, its ages mean nothing for people.
"""

import csv
import dataclasses
import itertools
import json
import textwrap
from pathlib import Path

import tyro
from tyro.conf import Positional

from fdin_tf.data.cache import atomic_path
from fdin_tf.explain import ClipAttention
from fdin_tf.explain.attention_plots import plot_spatial_attention
from fdin_tf.explain.attention_plots import plot_temporal_attention
from fdin_tf.explain.relation_plots import plot_prediction
from fdin_tf.faces import mesh_landmarks
from fdin_tf.progress import console
from fdin_tf.progress import progress_bar
from fdin_tf.serving.predict import Predictor
from recipes.cli import run_recipe
from recipes.predict_words import describe
from recipes.predict_words import row_of
from recipes.predict_words import why

DEMO_MODEL = Path(__file__).parents[1] / "saved_models" / "demo_age"


@dataclasses.dataclass(frozen=True)
class Config:
    """Estimates for videos.

    Attributes:
        videos: Video files.
        model: Folder of an exported model; its highest version is used.
        landmarks_dir: Folder of landmark files named as the videos, `.csv` or
            `.npz`, taken instead of detection.
        mesh: Find landmarks by the face mesh, where there is no file of them
            (needs the extra `mesh`).
        output_dir: Folder for tables and pictures.
    """

    videos: Positional[tuple[Path, ...]]
    model: Path = DEMO_MODEL
    landmarks_dir: Path | None = None
    mesh: bool = False
    output_dir: Path = Path("results")


def run(config):
    """Estimates for every video; returns the rows of the table."""
    if not config.videos:
        raise ValueError("Expected at least one video. Received: none")
    predictor = Predictor(
        config.model, find_landmarks=mesh_landmarks if config.mesh else None
    )
    if predictor.warp is not None and not (config.mesh or config.landmarks_dir):
        raise ValueError(
            "A model of warped faces needs 68 landmarks in every frame: give "
            f"--landmarks-dir or --mesh. Received: model={config.model}"
        )
    rows, reasons, failures, drawn = [], [], [], []
    with progress_bar() as bar:
        task = bar.add_task("Videos", total=len(config.videos), note="")
        for video in config.videos:
            try:
                prediction = predictor.predict(
                    video, _landmarks_of(video, config)
                )
            except (ValueError, OSError) as error:
                failures.append(str(error))
                rows.append({"video": str(video), "error": str(error)})
                reasons.append(None)
                bar.print(f"Left out: {error}", soft_wrap=True)
            else:
                rows.append(row_of(prediction, predictor.warp))
                reasons.append(why(prediction, rows[-1]))
                name = _unused(video.stem, drawn)
                _draw(prediction, predictor, rows[-1], config.output_dir / name)
            bar.advance(task)
    _write(rows, predictor, config.output_dir)
    if _is_synthetic(predictor):
        console.print(
            "This model was trained on drawn faces: its answers show the way "
            "and mean nothing for people."
        )
    for row, reason in zip(rows, reasons):
        if "error" not in row:
            print(f"{row['video']}: {describe(row)}{reason}")
    if len(failures) == len(config.videos):
        raise ValueError(failures[0])
    return rows


def _is_synthetic(predictor):
    databases = predictor.card["trained_on"]["databases"]
    return any(name.startswith("Synthetic") for name in databases)


def _landmarks_of(video, config):
    folder = config.landmarks_dir
    if folder is None:
        return None
    if not folder.is_dir():
        raise FileNotFoundError(
            f"Expected a folder of landmark files. Received: {folder}"
        )
    for ending in (".csv", ".npz"):
        path = folder / (video.stem + ending)
        if path.is_file():
            return path
    if config.mesh:
        return None
    raise FileNotFoundError(
        f"Expected {video.stem}.csv or {video.stem}.npz in {folder}."
    )


def _unused(stem, drawn):
    """The name, or with a number behind it where another video has it."""
    drawn.append(stem)
    number = drawn.count(stem)
    return stem if number == 1 else f"{stem}-{number}"


def _draw(prediction, predictor, row, path):
    title = f"{prediction.path.name}: {describe(row)}"
    if _is_synthetic(predictor):
        title += "\n(model of drawn faces: means nothing for people)"
    figures = {}
    if prediction.importance is not None:
        figures[""] = plot_prediction(prediction, title)
    seen = prediction.attention or ClipAttention(None, None)
    if seen.temporal is not None:
        figures["_frames"] = plot_temporal_attention(
            prediction.frames, seen.temporal, prediction.seconds, title=title
        )
    if seen.spatial is not None:
        figures["_places"] = plot_spatial_attention(
            _places(prediction), limits=None, title=_narrow(title)
        )
    for ending, figure in figures.items():
        with atomic_path(path.with_name(f"{path.name}{ending}.png")) as new:
            figure.savefig(new, dpi=150, format="png")


def _narrow(title, width=56):
    lines = [textwrap.wrap(line, width) for line in title.splitlines()]
    return "\n".join(itertools.chain(*lines))


def _places(prediction):
    """Faces and attention: that of one frame, and the mean over all."""
    spatial, temporal = (
        prediction.attention.spatial,
        prediction.attention.temporal,
    )
    middle = len(spatial) // 2
    top = middle if temporal is None else int(temporal.argmax())
    frame = prediction.frames[top]
    return {
        f"at {prediction.seconds[top]:.2f} s": [(frame, spatial[top])],
        "mean over all frames": [(frame, spatial.mean(axis=0))],
    }


def _write(rows, predictor, folder):
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with (
        atomic_path(folder / "predictions.csv") as path,
        open(path, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    with atomic_path(folder / "predictions.json") as path:
        about = {
            "model": str(predictor.path),
            "trained_on": predictor.card["trained_on"],
            "limits": predictor.card["limits"],
        }
        path.write_text(json.dumps({**about, "clips": rows}, indent=1))


if __name__ == "__main__":
    run_recipe(run, tyro.cli(Config, description=__doc__))
