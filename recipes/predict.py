"""Estimates for videos or photographs, with what carried them.

    python -m recipes.predict VIDEO...
    python -m recipes.predict VIDEO... --model saved_models/fdin_age
    python -m recipes.predict VIDEO... --model saved_models/siam_age --mesh
    python -m recipes.predict PHOTOGRAPH... --model saved_models/gnet

The model's card tells whether it takes videos or photographs. A model of
warped faces (SIAM) needs 68 landmarks in every frame: a file per video in
--landmarks-dir (OpenFace, py-feat or .npz), or --mesh. Of a photograph, the
face nearest the middle is taken; faces are counted from the left.

A file that cannot be used is named and left out; if none can, the exit code
is 2.

Prints one line per file and writes to --output-dir: `predictions.csv`,
`predictions.json` and pictures of every file, `NAME.png` of a video and
`NAME_why.png` of a photograph: they show the people in it. No file that was
given is written over. The versioned demo model was trained on drawn faces: it
shows the way, its ages mean nothing for people.
"""

import dataclasses
import itertools
import textwrap
from pathlib import Path

import numpy as np
import tyro
from tyro.conf import Positional

from fdin_tf.explain import ClipAttention
from fdin_tf.explain.attention_plots import plot_spatial_attention
from fdin_tf.explain.attention_plots import plot_temporal_attention
from fdin_tf.explain.relation_plots import plot_prediction
from fdin_tf.faces import mesh_landmarks
from fdin_tf.plain_text import one_line
from fdin_tf.progress import console
from fdin_tf.progress import progress_bar
from fdin_tf.serving.card_text import is_drawn
from fdin_tf.serving.export import find_version
from fdin_tf.serving.photographs import is_of_photographs
from fdin_tf.serving.predict import Predictor
from recipes.cli import run_recipe
from recipes.predict_files import check_tables
from recipes.predict_files import kind_of
from recipes.predict_files import names_taken
from recipes.predict_files import unused
from recipes.predict_files import write_figure
from recipes.predict_files import write_tables
from recipes.predict_photographs import predict_photographs
from recipes.predict_words import describe
from recipes.predict_words import row_of
from recipes.predict_words import why

DEMO_MODEL = Path(__file__).parents[1] / "saved_models" / "demo_age"

# End the names of a video's pictures: relations, frames, places.
_RELATIONS, _FRAMES, _PLACES = "", "_frames", "_places"


@dataclasses.dataclass(frozen=True)
class Config:
    """Estimates for videos or photographs.

    Attributes:
        files: Videos, or photographs for a model of photographs.
        model: Folder of an exported model; its highest version is used.
        landmarks_dir: Folder of landmark files named as the videos, `.csv` or
            `.npz`, taken instead of detection.
        mesh: Find landmarks by the face mesh, where there is no file of them
            (needs the extra `mesh`).
        output_dir: Folder for tables and pictures.
    """

    files: Positional[tuple[Path, ...]]
    model: Path = DEMO_MODEL
    landmarks_dir: Path | None = None
    mesh: bool = False
    output_dir: Path = Path("results")


def run(config):
    """Estimates for every file; returns the rows of the table."""
    if not config.files:
        raise ValueError(
            "Expected at least one video or photograph. Received: none"
        )
    check_tables(config.files, config.output_dir)
    _, card = find_version(config.model)
    if is_of_photographs(card):
        return predict_photographs(config)
    return predict_videos(config)


def predict_videos(config):
    """Estimates for every video; returns the rows of the table."""
    predictor = Predictor(
        config.model, find_landmarks=mesh_landmarks if config.mesh else None
    )
    if predictor.warp is not None and not (config.mesh or config.landmarks_dir):
        raise ValueError(
            "A model of warped faces needs 68 landmarks in every frame: give "
            f"--landmarks-dir or --mesh. Received: model={config.model}"
        )
    rows, reasons, failures = [], [], []
    taken = names_taken(config.files, config.output_dir)
    with progress_bar() as bar:
        task = bar.add_task("Videos", total=len(config.files), note="")
        for video in config.files:
            try:
                _check_is_no_photograph(video, predictor)
                prediction = predictor.predict(
                    video, _landmarks_of(video, config)
                )
            except (ValueError, OSError) as error:
                failures.append(str(error))
                rows.append({"video": str(video), "error": str(error)})
                reasons.append(None)
                bar.print(f"Left out: {one_line(error)}", soft_wrap=True)
            else:
                rows.append(row_of(prediction, predictor.warp))
                reasons.append(why(prediction, rows[-1]))
                endings = (_RELATIONS, _FRAMES, _PLACES)
                name = unused(video.stem, taken, endings)
                _draw(prediction, predictor, rows[-1], config.output_dir / name)
            bar.advance(task)
    about = {
        "model": str(predictor.path),
        "trained_on": predictor.card.get("trained_on"),
        "limits": predictor.card.get("limits"),
    }
    write_tables(rows, config.output_dir, "clips", about)
    if is_drawn(predictor.card):
        console.print(
            "This model was trained on drawn faces: its answers show the way "
            "and mean nothing for people."
        )
    for row, reason in zip(rows, reasons):
        if "error" not in row:
            print(one_line(f"{row['video']}: {describe(row)}{reason}"))
    if len(failures) == len(config.files):
        raise ValueError(failures[0])
    return rows


def _check_is_no_photograph(video, predictor):
    if kind_of(video) == "photograph":
        raise ValueError(
            f"{video}: expected a video, for the model {predictor.path} is one "
            "of videos. Received: a photograph"
        )


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


def _draw(prediction, predictor, row, path):
    title = one_line(f"{prediction.path.name}: {describe(row)}")
    if is_drawn(predictor.card):
        title += "\n(model of drawn faces: means nothing for people)"
    figures = {}
    if prediction.importance is not None:
        figures[_RELATIONS] = plot_prediction(prediction, title)
    seen = prediction.attention or ClipAttention(None, None)
    if seen.temporal is not None:
        figures[_FRAMES] = plot_temporal_attention(
            prediction.frames, seen.temporal, prediction.seconds,
            title=title, frame_seconds=prediction.shown_seconds,
        )  # fmt: skip
    if seen.spatial is not None:
        figures[_PLACES] = plot_spatial_attention(
            _places(prediction), limits=None, title=_narrow(title)
        )
    for ending, figure in figures.items():
        write_figure(figure, path.with_name(path.name + ending))


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
    nearest = np.abs(prediction.shown - top).argmin()
    top, frame = prediction.shown[nearest], prediction.frames[nearest]
    return {
        f"at {prediction.seconds[top]:.2f} s": [(frame, spatial[top])],
        "mean over all frames": [(frame, spatial.mean(axis=0))],
    }


if __name__ == "__main__":
    run_recipe(run, tyro.cli(Config, description=__doc__))
