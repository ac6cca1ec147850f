"""Faces with covered parts, and pairs of expressions, as networks rate them.

The tests of `recipes.attribute_explanations` that change the face.
"""

import dataclasses

import numpy as np
import pandas as pd

from fdin_tf.data.image_files import load_images
from fdin_tf.data.kdef import expression_pairs
from fdin_tf.data.kdef import load_kdef
from fdin_tf.explain import face_parts
from fdin_tf.explain import make_predict
from fdin_tf.explain import occlude_parts
from fdin_tf.explain import occlusion_test
from fdin_tf.explain import rank_parts
from fdin_tf.explain.lrp import Propagator
from fdin_tf.statistics import clustered_mean
from fdin_tf.statistics import paired_test
from recipes.attribute_measures import NUM_TESTED
from recipes.attribute_measures import explain_images
from recipes.attribute_measures import highest
from recipes.attribute_tables import NETWORK
from recipes.attribute_tables import led_by

#: What section 3.7 of Arbabzadah et al. covers.
COVERED = ("mouth", "right_eye", "both_eyes")
EXPRESSIONS = ("happy", "sad")


@dataclasses.dataclass(frozen=True)
class Pairs:
    """People who are happy and sad.

    Attributes:
        table: Of `expression_pairs`: one row per pair.
        pixels: Dict from an expression to images `(pairs, size, size, 3)`.
        scores: Dict from a network to a dict from an expression to its
            scores `(pairs,)`.
    """

    table: pd.DataFrame
    pixels: dict
    scores: dict


def faces_with_all_parts(study, rows):
    """Those of `rows` whose landmarks are known and in the image."""
    shape = study.pixels.shape[1:3]

    def has_all(points):
        if not np.isfinite(points).all():
            return False
        return all(mask.any() for mask in face_parts(points, shape).values())

    return np.array([k for k in rows if has_all(study.landmarks[k])], int)


def occlusion_tables(study, rows, focus, composite):
    """Every network's scores of highly rated faces, before and after occlusion.

    (A low score has nowhere to fall: what is covered tells it no more.)

    Args:
        study: `AttributeStudy`, with landmarks.
        rows: Numbers of its images, of which every attribute's highest rated
            are covered.
        focus: The attribute for whose networks there is relevance, too.
        composite: Name of the composite of relevance.

    Returns:
        Two DataFrames of `rank_parts`: with `NETWORK` in front, of every
        network; with `attribute` in front, of the mean score of its networks.
    """
    of_networks, of_attributes = [], {}
    for key, model in study.networks.items():
        chosen = highly_rated(study, key[0], rows)
        table = occlusion_test(
            make_predict(model),
            study.pixels[chosen],
            study.landmarks[chosen],
            explain=make_explain(model, composite) if key[0] == focus else None,
        )
        ranking = rank_parts(table, study.images.subject.iloc[chosen])
        of_networks.append(led_by(ranking, dict(zip(NETWORK, key))))
        of_attributes.setdefault(key[0], []).append(table)
    means = []
    for attribute, tables in of_attributes.items():
        mean = pd.concat(tables).groupby(["image", "part"], sort=False).mean()
        chosen = highly_rated(study, attribute, rows)
        subjects = study.images.subject.iloc[chosen]
        ranking = rank_parts(mean.reset_index(), subjects)
        means.append(led_by(ranking, {"attribute": attribute}))
    return tuple(
        pd.concat(tables, ignore_index=True) for tables in (of_networks, means)
    )


def highly_rated(study, attribute, rows):
    """Those of `rows` with the highest ratings, the highest first."""
    return rows[highest(study.images[attribute].iloc[rows], NUM_TESTED)]


def make_explain(model, composite):
    """The function from images to heatmaps that `occlusion_test` takes."""
    propagator = Propagator(model, composite=composite)

    def explain(pixels):
        found = propagator({"images": pixels})
        return found.inputs["images"].numpy().sum(axis=-1)

    return explain


def covered_face(networks, pixels, landmarks, composite):
    """One face with parts covered, as the networks see it (Figure 7).

    Args:
        networks: Dict from a title to a network.
        pixels: The image `(size, size, 3)` uint8.
        landmarks: Its landmarks `(68, 2)`.
        composite: Name of the composite.

    Returns:
        Dict from what is covered to the image, and a dict from the title to
        heatmaps `(n, size, size)` and scores `(n,)`.
    """
    images = occlude_parts(pixels, landmarks, COVERED)
    stack = np.stack(list(images.values()))
    return images, {
        title: explain_images(model, stack, composite)[:2]
        for title, model in networks.items()
    }


def load_pairs(folder, networks, size, crop_from=None):
    """Loads who is happy and sad in the KDEF, and rates the faces.

    Args:
        folder: Of the KDEF.
        networks: Dict from a network's key to the network.
        size: Side of the images, pixels.
        crop_from: See `load_images`; as for the images of the study.

    Returns:
        `Pairs`.
    """
    images = load_kdef(folder)
    table = expression_pairs(images, *EXPRESSIONS)
    by_id = images.set_index("image_id")
    pixels = {
        word: load_images(by_id.loc[table[word]], size, crop_from)
        for word in EXPRESSIONS
    }
    scores = {}
    for key, model in networks.items():
        predict = make_predict(model)
        scores[key] = {word: predict(of) for word, of in pixels.items()}
    return Pairs(table, pixels, scores)


def pairs_table(pairs):
    """How every network tells happy from sad faces.

    Args:
        pairs: `Pairs`.

    Returns:
        DataFrame with a row per network: `NETWORK`, `pairs`, `subjects`, mean
        scores `happy` and `sad`, their `difference` with its
        `standard_error` and `p_value`; `happier`, the share of pairs whose
        happy face has the higher score, and `happier_standard_error`. Errors
        are clustered by subject.
    """
    subjects = pairs.table.subject
    rows = []
    for key, scores in pairs.scores.items():
        happy, sad = (scores[word] for word in EXPRESSIONS)
        test = paired_test(happy, sad, subjects)
        happier, error = clustered_mean(happy > sad, subjects)
        rows.append(
            {
                **dict(zip(NETWORK, key)),
                "pairs": len(subjects),
                "subjects": test.num_clusters,
                "happy": happy.mean(),
                "sad": sad.mean(),
                "difference": test.difference,
                "standard_error": test.standard_error,
                "p_value": test.p_value,
                "happier": happier,
                "happier_standard_error": error,
            }
        )
    return pd.DataFrame(rows)


def pairs_to_show(table, number):
    """Numbers of so many pairs, of other people each, women and men in turn.

    >>> pairs_to_show(pd.DataFrame({"subject": ["F01", "F01", "F02", "M01"],
    ...     "gender": ["female", "female", "female", "male"]}), 2).tolist()
    [0, 3]
    """
    people = table.drop_duplicates("subject")
    turn = people.groupby("gender").cumcount().sort_values(kind="stable")
    return turn.index[:number].to_numpy()
