"""Pictures of `recipes.gnet_snet`: crops, and what answers rest on."""

import numpy as np

from fdin_tf.data.face_images import face_points
from fdin_tf.data.image_files import read_image
from fdin_tf.explain.answer_relevance import answer_relevance
from fdin_tf.explain.crop_plots import plot_crops
from fdin_tf.explain.relevance_plots import plot_heatmaps
from fdin_tf.training.gnet_snet_tables import in_text
from fdin_tf.training.gnet_snet_tables import numbers_in
from recipes.gnet_snet_data import true_classes
from recipes.gnet_snet_networks import ALL_STEPS


def figures_of(study, data, config):
    """Figures that show faces: none of people who did not agree.

    Args:
        study: `Study`.
        data: `StudyData`.
        config: `Config` of `recipes.gnet_snet`.

    Returns:
        Dict of figures: `figure_3`, and where GNet and SNet are both right
        about some image, one of each network, such as `relevance_snet_5` (of
        its crop).
    """
    if not (data.photographs.is_synthetic or config.show_faces):
        return {}
    image = data.parts["valid"].iloc[[0]]
    figures = {
        "figure_3": plot_crops(
            read_image(image.path.item()),
            face_points(image)[0],
            "Drawn face" if data.photographs.is_synthetic else None,
        )
    }
    rows = _all_right(study, data.parts["valid"], config)[: config.num_shown]
    if len(rows):
        figures |= _heatmaps(study, data, rows, config)
    return figures


def _heatmaps(study, data, rows, config):
    """Relevance through GNet and SNet, of some validation images."""
    images = data.parts["valid"].iloc[rows]
    names = [
        f"{of.gender}, {'smile' if of.Smiling else 'no smile'}"
        for of in images.itertuples()
    ]
    figures = {}
    for title, stages, crops in (
        ("GNet", study.gnet, config.gnet_crops),
        ("SNet", study.snet, config.snet_crops),
    ):
        for stage, crop in zip(stages, numbers_in(crops)):
            pixels = data.source("valid", crop).crops(rows)
            heatmaps = answer_relevance(
                stage.load(), pixels, true_classes(images, stage.head)
            )
            figures[f"relevance_{title.lower()}_{crop}"] = plot_heatmaps(
                pixels,
                {f"{title}, crop {crop}": heatmaps},
                names,
                scale="each",
                title=f"Relevance of pixels to {stage.head}",
            )
    return figures


def _all_right(study, images, config):
    """Rows of images of which GNet and SNet of the first seed are right."""
    answers = study.answers
    answers = answers[
        (answers.seed == config.seeds[0])
        & (answers.steps == in_text(ALL_STEPS))
        & (answers.answer == answers.truth)
    ]
    is_right = np.ones(len(images), bool)
    for target, crops in (
        ("gender", config.gnet_crops),
        ("smile", config.snet_crops),
    ):
        of = answers[(answers.target == target) & (answers.crops == crops)]
        is_right &= images.image_id.isin(of.image_id).to_numpy()
    return np.flatnonzero(is_right)
