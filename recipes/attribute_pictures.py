"""Pictures of `recipes.attribute_explanations`."""

import numpy as np

from fdin_tf.data.clips import TARGET_CLASSES
from fdin_tf.explain import make_predict
from fdin_tf.explain.lrp import COMPOSITES
from fdin_tf.explain.pixel_flipping import CONTROL
from fdin_tf.explain.pixel_flipping import aopc
from fdin_tf.explain.relevance_curves import plot_flipping
from fdin_tf.explain.relevance_plots import plot_heatmaps
from fdin_tf.explain.relevance_plots import plot_occlusion
from fdin_tf.models.levi_hassner import AGE_GROUPS
from fdin_tf.training.attribute_networks import RETRAINED
from recipes.attribute_faces import EXPRESSIONS
from recipes.attribute_faces import covered_face
from recipes.attribute_faces import highly_rated
from recipes.attribute_faces import pairs_to_show
from recipes.attribute_measures import available_methods
from recipes.attribute_measures import explain_images
from recipes.attribute_measures import highest
from recipes.attribute_measures import spread
from recipes.attribute_tables import mean_curves

# Of the relevance of a picture within its scale: few pixels outshine the rest.
_PERCENTILE = 99.5


def label_of(study):
    """What titles say where nobody real is shown."""
    return " (drawn faces)" if study.is_synthetic else ""


def networks_of(study, attribute):
    """Networks of an attribute by their titles."""
    return {
        f"{base},\n{RETRAINED[layers]}": model
        for (of, base, layers), model in study.networks.items()
        if of == attribute
    }


def draw_bases(study, config):
    """Heatmaps of the base networks on one scale per face (Figure 2)."""
    rows = spread(len(study.images), config.num_shown)
    pixels = study.pixels[rows]
    words = [
        _class_names(base, model, pixels) for base, model in study.bases.items()
    ]
    names = [
        "\n".join([image_id, *classes])
        for image_id, *classes in zip(study.images.image_id.iloc[rows], *words)
    ]
    return plot_heatmaps(
        pixels,
        {
            f"{base} network": _heatmaps(model, pixels, config)
            for base, model in study.bases.items()
        },
        names,
        scale="image",
        percentile=_PERCENTILE,
        title=f"Base networks{label_of(study)}",
    )


def draw_attribute(study, attribute, config):
    """Heatmaps of the highest rated faces (Figures 5 and 6)."""
    rows = highest(study.images[attribute], config.num_shown)
    pixels = study.pixels[rows]
    images = study.images.iloc[rows]
    return plot_heatmaps(
        pixels,
        {
            title: _heatmaps(model, pixels, config)
            for title, model in networks_of(study, attribute).items()
        },
        [
            f"{image_id}\nrated {rating:.1f}"
            for image_id, rating in zip(images.image_id, images[attribute])
        ],
        scale="model",
        percentile=_PERCENTILE,
        title=f"{attribute.capitalize()}{label_of(study)}",
    )


def draw_means(study, measured):
    """Mean heatmaps of all networks: nobody's face."""
    attributes = list(dict.fromkeys(key[0] for key in study.networks))
    kinds = list(dict.fromkeys(key[1:] for key in study.networks))
    return plot_heatmaps(
        np.repeat(
            study.pixels[measured.rows].mean(axis=0)[None], len(attributes), 0
        ),
        {
            f"{base},\n{RETRAINED[layers]}": np.stack(
                [measured.means[name, base, layers] for name in attributes]
            )
            for base, layers in kinds
        },
        attributes,
        scale="each",
        percentile=_PERCENTILE,
        title=f"Mean of {len(measured.rows)} "
        f"{'drawn faces' if study.is_synthetic else 'faces'}",
    )


def draw_occlusion(study, attribute, rows, config):
    """The highest rated face, parts of it covered (Figure 7)."""
    row = highly_rated(study, attribute, rows)[0]
    images, explained = covered_face(
        networks_of(study, attribute),
        study.pixels[row],
        study.landmarks[row],
        config.composite,
    )
    name = study.images.image_id.iloc[row]
    title = f"{attribute.capitalize()} of {name}, parts covered"
    return plot_occlusion(images, explained, f"{title}{label_of(study)}")


def draw_flipping(study, measured, attribute, config):
    """Curves of pixel flipping, mean over the networks: a few explanations.

    The composite of the pictures, the one with the largest area over the
    curve, the other methods and the control.
    """
    curves = mean_curves(measured.curves)
    areas = {name: aopc(curves[name, "most"]).mean() for name in COMPOSITES}
    best = max(areas, key=areas.get)
    shown = dict.fromkeys([config.composite, best, *available_methods()])
    return plot_flipping(
        {
            **{(name, "most"): curves[name, "most"] for name in shown},
            (CONTROL, "random"): curves[CONTROL, "random"],
        },
        f"{attribute.capitalize()}, patches blurred{label_of(study)}",
    )


def draw_pairs(study, pairs, attribute, config):
    """Heatmaps of people who are happy and sad (Figure 4)."""
    numbers = pairs_to_show(pairs.table, max(config.num_shown // 2, 1))
    chosen = pairs.table.loc[numbers]
    pixels = np.concatenate(
        [[pairs.pixels[word][k] for word in EXPRESSIONS] for k in numbers]
    )
    return plot_heatmaps(
        pixels,
        {
            title: _heatmaps(model, pixels, config)
            for title, model in networks_of(study, attribute).items()
        },
        [
            f"{subject}, {word}"
            for subject in chosen.subject
            for word in EXPRESSIONS
        ],
        scale="model",
        percentile=_PERCENTILE,
        title=f"{attribute.capitalize()} of happy and sad faces"
        f"{' (networks trained on drawn faces)' * study.is_synthetic}",
    )


def _heatmaps(model, pixels, config):
    return explain_images(model, pixels, config.composite)[0]


def _class_names(base, model, pixels):
    """What a base network takes every face for, in words."""
    classes = TARGET_CLASSES["gender"]
    if base == "age":
        classes = [f"{low} to {high} years" for low, high in AGE_GROUPS]
    scores = [make_predict(model, k)(pixels) for k in range(len(classes))]
    return [classes[k] for k in np.argmax(scores, axis=0)]
