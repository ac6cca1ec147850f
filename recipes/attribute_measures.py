"""Where relevance lies, what biases took, which pixels matter.

The measurements behind `recipes.attribute_explanations`.
"""

import dataclasses
from importlib.util import find_spec

import numpy as np
import pandas as pd

from fdin_tf.explain import attributions
from fdin_tf.explain import face_parts
from fdin_tf.explain import flipping_curves
from fdin_tf.explain import make_predict
from fdin_tf.explain import positive_share
from fdin_tf.explain.attributions import METHODS
from fdin_tf.explain.face_parts import PARTS
from fdin_tf.explain.lrp import COMPOSITES
from fdin_tf.explain.lrp import Propagator
from fdin_tf.models.levi_hassner_mean import MEAN_LAYER
from recipes.attribute_tables import NETWORK

NUM_MEASURED = 32  # images of the test half, evenly spread over it
NUM_TESTED = 16  # of these, the highest rated, that pixels are changed of
NUM_FLIPS = 20
NUM_STEPS = 10  # of integrated gradients
FLIPS_PER_SIDE = 12  # patches that an image is flipped by
COVERS_PER_SIDE = 6  # patches of occlusion maps
BATCH_SIZE = 32


@dataclasses.dataclass(frozen=True)
class Measured:
    """What was measured of all networks, one row per image and more.

    Attributes:
        rows: Numbers of the images that were looked at, `(n,)`.
        inside: Share of the positive relevance inside of the planted place:
            columns of `NETWORK`, `explanation`, `image`, `subject`, `share`
            and `area`, the place's share of the image; without images that
            have no positive relevance; empty without plants.
        parts: The same inside of parts of the face, `part` in place of
            `explanation`; empty without landmarks.
        conservation: Columns of `NETWORK`, `composite`, and means over the
            images: `score`, `inputs`, and one column per sink.
        means: Dict from a network to its mean heatmap `(h, w)`.
        curves: Dict from a network of the attribute that pixels are flipped
            for to its curves, see `flipping_curves`.
        subjects_flipped: Subjects of the curves' images.
    """

    rows: np.ndarray
    inside: pd.DataFrame
    parts: pd.DataFrame
    conservation: pd.DataFrame
    means: dict
    curves: dict
    subjects_flipped: np.ndarray


def measure(study, focus, composite):
    """Measures every network of a study under every composite.

    Args:
        study: `AttributeStudy`.
        focus: The attribute whose networks pixels are flipped for.
        composite: Name of the composite of means and parts of the face.

    Returns:
        `Measured`.
    """
    rows = spread(len(study.images), NUM_MEASURED)
    pixels, subjects = study.pixels[rows], study.images.subject.iloc[rows]
    top = highest(study.images[focus].iloc[rows], NUM_TESTED)
    parts = parts_of_faces(study, rows)
    inside, by_part, conservation, means, curves = [], [], [], {}, {}
    for key, model in all_networks(study).items():
        network = dict(zip(NETWORK, key))
        heatmaps = {}
        for name in COMPOSITES:
            heatmaps[name], scores, sinks = explain_images(model, pixels, name)
            conservation.append(
                network
                | {"composite": name, "score": scores.mean()}
                | {"inputs": heatmaps[name].sum(axis=(1, 2)).mean()}
                | {sink: taken.mean() for sink, taken in sinks.items()}
            )
        means[key] = heatmaps[composite].mean(axis=0)
        for part, masks in parts.items():
            shares = shares_inside(heatmaps[composite], masks, subjects)
            by_part.append(shares.assign(**network, part=part))
        if key not in study.networks:
            continue
        if study.masks is not None or key[0] == focus:
            heatmaps |= other_explanations(model, pixels)
        if study.masks is not None:
            masks = study.masks[key[0]][rows]
            for name, maps in heatmaps.items():
                shares = shares_inside(maps, masks, subjects)
                inside.append(shares.assign(**network, explanation=name))
        if key[0] == focus:
            curves[key] = flipping_curves(
                make_predict(model),
                pixels[top],
                {name: maps[top] for name, maps in heatmaps.items()},
                patch=patch_of(pixels, FLIPS_PER_SIDE),
                steps=NUM_FLIPS,
                replace="blur",
            )
    inside, by_part = _below(inside), _below(by_part)
    return Measured(
        rows,
        _with_relevance(inside),
        _with_relevance(by_part),
        pd.DataFrame(conservation).fillna(0.0),
        means,
        curves,
        subjects.to_numpy()[top],
    )


def all_networks(study):
    """The base networks and those of ratings, by (target, base, layers)."""
    bases = {
        (next(iter(model.output)), base, "base network"): model
        for base, model in study.bases.items()
    }
    return bases | study.networks


def spread(length, number):
    """So many numbers below `length`, evenly spread; all if there are fewer.

    >>> spread(9, 3).tolist()
    [0, 4, 8]
    """
    return np.unique(np.linspace(0, length - 1, number).round().astype(int))


def highest(ratings, number):
    """Places of the highest ratings, the highest first; missing ones last.

    >>> highest([2.0, np.nan, 5.0], 2).tolist()
    [2, 0]
    """
    return np.argsort(-np.asarray(ratings, float), kind="stable")[:number]


def explain_images(model, pixels, composite):
    """Relevance of images.

    Args:
        model: Network.
        pixels: `(n, size, size, 3)`, RGB 0..255.
        composite: See `fdin_tf.explain.lrp.relevance`.

    Returns:
        Heatmaps `(n, size, size)`, scores `(n,)`, and a dict from the name of
        a sink to what it took, `(n,)`.
    """
    propagator = Propagator(model, composite=composite)
    heatmaps, scores, sinks = [], [], []
    for start in range(0, len(pixels), BATCH_SIZE):
        batch = {"images": pixels[start : start + BATCH_SIZE]}
        # Compiling takes longer than a few batches of it do without.
        found = propagator.explain(batch, compiled=False)
        heatmaps.append(found.inputs["images"].numpy().sum(axis=-1))
        scores.append(found.score.numpy())
        sinks.append(found.conservation.sinks())
    return (
        np.concatenate(heatmaps),
        np.concatenate(scores),
        {name: np.concatenate([s[name] for s in sinks]) for name in sinks[0]},
    )


def other_explanations(model, pixels):
    """Heatmaps by other methods, a dict; without those not installed."""
    baseline = model.get_layer(MEAN_LAYER).get_weights()[0]
    return {
        method: attributions(
            model,
            pixels,
            method=method,
            baseline=baseline,
            steps=NUM_STEPS,
            patch=patch_of(pixels, COVERS_PER_SIDE),
            batch_size=BATCH_SIZE,
        )
        for method in available_methods()
    }


def available_methods():
    """Those of `METHODS` whose packages are installed."""
    needs = {"integrated_gradients": "saliency"}
    return [m for m in METHODS if m not in needs or find_spec(needs[m])]


def patch_of(pixels, per_side):
    """Side of the patches of which so many stand side by side, pixels."""
    return max(pixels.shape[1] // per_side, 1)


def shares_inside(heatmaps, masks, subjects):
    """Of every image the share of its positive relevance inside a mask."""
    return pd.DataFrame(
        {
            "image": np.arange(len(heatmaps)),
            "subject": np.asarray(subjects),
            "share": list(map(positive_share, heatmaps, masks)),
            "area": np.asarray(masks).mean(axis=(1, 2)),
        }
    )


def parts_of_faces(study, rows):
    """Dict from a part of the face to its masks `(n, h, w)`.

    Images whose face has no landmarks have empty ones; without any landmarks
    the dict is empty.
    """
    if study.landmarks is None:
        return {}
    shape = study.pixels.shape[1:3]
    empty = dict.fromkeys(PARTS, np.zeros(shape, bool))
    masks = [
        face_parts(points, shape) if np.isfinite(points).all() else empty
        for points in study.landmarks[rows]
    ]
    return {part: np.stack([m[part] for m in masks]) for part in PARTS}


def _with_relevance(shares):
    """Those rows that have positive relevance, and the place in the image."""
    if not len(shares):
        return shares
    return shares[shares.share.notna() & (shares.area > 0)]


def _below(tables):
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
