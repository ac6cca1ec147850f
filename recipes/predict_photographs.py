"""Answers for photographs, with the pixels that carried them."""

import numpy as np
from rich.table import Table

from fdin_tf.data.image_files import read_image
from fdin_tf.explain.answer_relevance import answer_relevance
from fdin_tf.models import single_networks
from fdin_tf.models.model_files import load_model_file
from fdin_tf.plain_text import one_line
from fdin_tf.progress import console
from fdin_tf.progress import progress_bar
from fdin_tf.serving import PhotographPredictor
from fdin_tf.serving.export import KERAS_MODEL
from recipes.predict_files import kind_of
from recipes.predict_files import names_taken
from recipes.predict_files import unused
from recipes.predict_files import write_figure
from recipes.predict_files import write_tables
from recipes.predict_pictures import plot_photograph
from recipes.predict_words import describe_photograph
from recipes.predict_words import photograph_row

# Ends the name of a picture, which is then not that of its photograph.
_WHY = "_why"


def predict_photographs(config):
    """Answers for every photograph.

    Args:
        config: Config of `recipes.predict`, whose model is one of
            photographs.

    Returns:
        The rows of the table, one for each photograph.

    Raises:
        ValueError: If none of the photographs can be used, or an option of
            videos is given.
    """
    if config.mesh or config.landmarks_dir is not None:
        raise ValueError(
            "--mesh and --landmarks-dir are for models of videos. Received: "
            f"model={config.model}, a model of photographs"
        )
    predictor = PhotographPredictor(config.model)
    networks = single_networks(load_model_file(predictor.path / KERAS_MODEL))
    taken = names_taken(config.files, config.output_dir)
    rows, failures = [], {}
    with progress_bar() as bar:
        task = bar.add_task("Photographs", total=len(config.files), note="")
        for path, prediction, reason in predictor.predict_many(config.files):
            if prediction is None:
                reason = failures[len(rows)] = _why_not(path, reason, predictor)
                rows.append({"photograph": str(path), "error": reason})
            else:
                rows.append(photograph_row(prediction))
                name = unused(path.stem, taken, [_WHY]) + _WHY
                write_figure(
                    _draw(prediction, predictor, networks, rows[-1]),
                    config.output_dir / name,
                )
            bar.advance(task)
    about = {
        "model": str(predictor.path),
        **{name: predictor.card[name] for name in ("trained_on", "tested")},
        "limits": predictor.card["limits"],
    }
    write_tables(rows, config.output_dir, "photographs", about)
    _say(rows, failures, is_drawn=predictor.card["trained_on"]["is_drawn"])
    if len(failures) == len(rows):
        raise ValueError(rows[0]["error"])
    return rows


def heatmaps_of(networks, prediction):
    """Relevance of the pixels of each crop to the answer, by its network.

    Args:
        networks: Networks in the order of the crops.
        prediction: `PhotographPrediction`.

    Returns:
        Float32 array `(n, size, size)`, see `answer_relevance`.
    """
    return np.concatenate(
        [
            answer_relevance(network, crop[None], [prediction.best])
            for network, crop in zip(networks, prediction.crops)
        ]
    )


def _why_not(path, reason, predictor):
    if kind_of(path) == "video" and path.is_file():
        return (
            f"{path}: expected a photograph, for the model {predictor.path} "
            "is one of photographs. Received: a video"
        )
    return reason


def _draw(prediction, predictor, networks, row):
    title = f"{prediction.path.name}: {describe_photograph(row)}"
    if predictor.card["trained_on"]["is_drawn"]:
        title += "\n(model of drawn faces: means nothing for people)"
    return plot_photograph(
        read_image(prediction.path),
        prediction,
        predictor.schemes,
        heatmaps_of(networks, prediction),
        title,
    )


def _say(rows, failures, is_drawn):
    """A line for every photograph, and which were left out."""
    if is_drawn:
        console.print(
            "This model was trained on drawn faces: its answers show the way "
            "and mean nothing for people."
        )
    for row in rows:
        if "error" not in row:
            print(one_line(f"{row['photograph']}: {describe_photograph(row)}"))
    counted = f"Left out: {len(failures)} of {len(rows)} photographs"
    if len(failures) == 1:
        (reason,) = failures.values()
        console.print(f"{counted}: {reason}", soft_wrap=True)
    elif failures:
        table = Table("photograph", "reason", title=counted)
        for number, reason in failures.items():
            table.add_row(rows[number]["photograph"], reason)
        console.print(table)
