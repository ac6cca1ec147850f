"""Estimates for videos, with the relations that carried them.

    python -m recipes.predict VIDEO...
    python -m recipes.predict VIDEO... --model saved_models/fdin_age

A video that cannot be used is named and left out; if none can, the exit code
is 2.

Prints one line per video and writes to --output-dir: `predictions.csv`,
`predictions.json` and a picture per video. The versioned demo model was
trained on drawn faces: it shows the way, its ages mean nothing for people.
"""

import csv
import dataclasses
import json
from pathlib import Path

import tyro
from tyro.conf import Positional

from fdin_tf.data.cache import atomic_path
from fdin_tf.data.clips import TARGET_CLASSES
from fdin_tf.explain import importance_table
from fdin_tf.explain import rank_relations
from fdin_tf.explain.face_drawing import in_words
from fdin_tf.explain.relation_plots import plot_prediction
from fdin_tf.progress import console
from fdin_tf.progress import progress_bar
from fdin_tf.serving.predict import Predictor
from recipes.cli import run_recipe

DEMO_MODEL = Path(__file__).parents[1] / "saved_models" / "demo_age"


@dataclasses.dataclass(frozen=True)
class Config:
    """Estimates for videos.

    Attributes:
        videos: Video files.
        model: Folder of an exported model; its highest version is used.
        landmarks_dir: Folder of landmark files named as the videos, `.csv` or
            `.npz`, taken instead of detection.
        output_dir: Folder for tables and pictures.
    """

    videos: Positional[tuple[Path, ...]]
    model: Path = DEMO_MODEL
    landmarks_dir: Path | None = None
    output_dir: Path = Path("results")


def run(config):
    """Estimates for every video; returns the rows of the table."""
    if not config.videos:
        raise ValueError("Expected at least one video. Received: none")
    predictor = Predictor(config.model)
    rows, reasons, failures, drawn = [], [], [], []
    with progress_bar() as bar:
        task = bar.add_task("Videos", total=len(config.videos), note="")
        for video in config.videos:
            try:
                prediction = predictor.predict(
                    video, _landmarks_of(video, config.landmarks_dir)
                )
            except (ValueError, OSError) as error:
                failures.append(str(error))
                rows.append({"video": str(video), "error": str(error)})
                reasons.append(None)
                bar.print(f"Left out: {error}", soft_wrap=True)
            else:
                rows.append(_row(prediction))
                reasons.append(_why(prediction))
                picture = (
                    config.output_dir / f"{_unused(video.stem, drawn)}.png"
                )
                _draw(prediction, _is_synthetic(predictor), picture)
            bar.advance(task)
    _write(rows, predictor, config.output_dir)
    if _is_synthetic(predictor):
        console.print(
            "This model was trained on drawn faces: its answers show the way "
            "and mean nothing for people."
        )
    for row, why in zip(rows, reasons):
        if "error" not in row:
            print(f"{row['video']}: {describe(row)}; relations: {why}")
    if len(failures) == len(config.videos):
        raise ValueError(failures[0])
    return rows


def describe(row):
    """One line about a prediction, with unit and error."""
    if row["target"] == "age":
        return (
            f"age {row['estimate']:.1f} years, mean absolute error in "
            f"cross-validation near that age {row['error_years']:.1f} years"
        )
    answer = f"{row['target']} {row['estimate']}, probability "
    answer += f"{row['probability']:.2f}"
    if row["accuracy"] is None:
        return answer
    return f"{answer}, accuracy in cross-validation {row['accuracy']:.1f} %"


def _why(prediction, number=3):
    """The most important relations in words."""
    ranked = rank_relations(importance_table([prediction.importance], ["clip"]))
    return ", ".join(
        f"{in_words(row.relation)} ({100 * row.importance:.1f} %)"
        for row in ranked.head(number).itertuples()
    )


def _is_synthetic(predictor):
    databases = predictor.card["trained_on"]["databases"]
    return any(name.startswith("Synthetic") for name in databases)


def _landmarks_of(video, folder):
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
    raise FileNotFoundError(
        f"Expected {video.stem}.csv or {video.stem}.npz in {folder}."
    )


def _row(prediction):
    row = {
        "video": str(prediction.path),
        "target": prediction.target,
        "num_frames": len(prediction.frames),
    }
    if prediction.target in TARGET_CLASSES:
        best = int(prediction.estimate.argmax())
        row["estimate"] = TARGET_CLASSES[prediction.target][best]
        row["probability"] = float(prediction.estimate[best])
        row["accuracy"] = prediction.accuracy
    else:
        row["estimate"] = float(prediction.estimate[0])
        row["error_years"] = prediction.error_years
    named = importance_table([prediction.importance], ["clip"])
    pairs = {
        f"importance_{name.replace('-', '_')}": float(share)
        for name, share in named.iloc[0].items()
    }
    faces = {f"face_{name}": n for name, n in prediction.counts.items()}
    return {**row, **faces, **pairs}


def _unused(stem, drawn):
    """The name, or with a number behind it where another video has it."""
    drawn.append(stem)
    number = drawn.count(stem)
    return stem if number == 1 else f"{stem}-{number}"


def _draw(prediction, is_synthetic, picture):
    title = f"{prediction.path.name}: {describe(_row(prediction))}"
    if is_synthetic:
        title += "\n(model of drawn faces: means nothing for people)"
    figure = plot_prediction(prediction, title)
    with atomic_path(picture) as path:
        figure.savefig(path, dpi=150, format="png")


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
