"""What becomes of a score when a part of the face is covered by skin.

Arbabzadah et al., GCPR 2016, https://arxiv.org/abs/1606.07285, section 3.7.
"""

import cv2
import numpy as np
import pandas as pd

from fdin_tf.explain.face_parts import PARTS
from fdin_tf.explain.face_parts import distance_to
from fdin_tf.explain.face_parts import face_parts
from fdin_tf.explain.face_parts import face_skin
from fdin_tf.explain.face_parts import positive_share
from fdin_tf.explain.scores import scores_of
from fdin_tf.statistics import paired_test

#: Name of an image of which nothing is covered.
NOT_OCCLUDED = "not occluded"
# Of a covered piece, in units of the root of its area.
_RING = 0.5  # width of the ring whose colour it takes
_BLEND = 0.2  # width of the border in which it fades


def occlude(image, mask, skin=None):
    """Covers a part of an image in the colour of the skin around it.

    Every connected piece of the mask is filled with one colour: the median,
    channel by channel, of the skin in a ring about the piece, half as wide as
    the root of the piece's area; of all skin where the ring has none. Beyond
    the piece the colour fades linearly into the image, within a fifth of that
    root, so that no edge appears.

    Args:
        image: `(h, w, 3)` uint8.
        mask: `(h, w)` bool, True in what is covered.
        skin: `(h, w)` bool, True where there is skin (`face_skin`); None:
            all that is not covered.

    Returns:
        `(h, w, 3)` uint8.

    Raises:
        ValueError: If a shape or the image's type is another one, nothing is
            covered, or there is no skin besides what is covered.

    Example:

    >>> image = np.full((16, 16, 3), 200, np.uint8)
    >>> mask = np.zeros((16, 16), bool)
    >>> mask[6:9, 6:10] = True
    >>> image[mask] = 0
    >>> occlude(image, mask).min()
    np.uint8(200)
    """
    image, mask = np.asarray(image), np.asarray(mask, bool)
    skin = np.ones(mask.shape, bool) if skin is None else np.asarray(skin, bool)
    if (
        image.dtype != np.uint8
        or image.ndim != 3
        or image.shape != (*mask.shape, 3)
        or skin.shape != mask.shape
    ):
        raise ValueError(
            "Expected an image (h, w, 3) uint8, and a mask and skin (h, w). "
            f"Received: image of shape {image.shape} {image.dtype}, mask of "
            f"shape {mask.shape}, skin of shape {skin.shape}"
        )
    skin = skin & ~mask
    if not mask.any() or not skin.any():
        raise ValueError(
            "Expected something to cover, and skin besides it. Received: "
            f"{mask.sum()} pixels to cover, {skin.sum()} of skin"
        )
    covered = image.astype(np.float64)
    count, pieces = cv2.connectedComponents(mask.astype(np.uint8))
    for number in range(1, count):
        piece = pieces == number
        unit, away = np.sqrt(piece.sum()), distance_to(piece)
        ring = skin & (away <= _RING * unit)
        colour = np.median(image[ring if ring.any() else skin], axis=0)
        # Outermost pixels of a border of width w are w away, and untouched.
        weight = np.clip(1 - away / max(_BLEND * unit, 1.0), 0, 1)[..., None]
        covered += weight * (colour - covered)
    return np.rint(covered).astype(np.uint8)


def occlude_parts(image, landmarks, parts=PARTS, margin=0.15):
    """A face as it is, and with each of its parts covered.

    Args:
        image: `(h, w, 3)` uint8.
        landmarks: As for `face_parts`.
        parts: Names of `PARTS`.
        margin: As for `face_parts`.

    Returns:
        Dict from `"not occluded"` and the names to images `(h, w, 3)` uint8.

    Raises:
        ValueError: As `face_parts` and `occlude`; if there is no such part,
            or one lies outside of the image.
    """
    masks = _chosen(face_parts(landmarks, image.shape[:2], margin), parts)
    skin = face_skin(landmarks, image.shape[:2], margin)
    return {
        NOT_OCCLUDED: np.asarray(image),
        **{name: occlude(image, mask, skin) for name, mask in masks.items()},
    }


def occlusion_test(
    predict, images, landmarks, parts=PARTS, explain=None, margin=0.15
):
    """Scores of faces before and after each part is covered.

    One image is in memory at a time, with as many copies as there are parts;
    `predict` and `explain` are called once for each image.

    Args:
        predict: Function from images `(n, h, w, 3)` uint8 to scores `(n,)`,
            see `make_predict`.
        images: Faces, each `(h, w, 3)` uint8: array or iterable.
        landmarks: `(68, 2)` for every face, see `face_parts`.
        parts: Names of `PARTS`.
        explain: Optional function from images `(n, h, w, 3)` uint8 to
            heatmaps `(n, h, w)`.
        margin: As for `face_parts`.

    Returns:
        DataFrame with one row per image and part: `image` (its number from
        0), `part`, `score`, `occluded_score` and `change` (after less
        before). With `explain` also, before and after, the sum of the
        positive relevance inside the part, `relevance` and
        `occluded_relevance`, and its share of all that is positive,
        `relevance_share` and `occluded_relevance_share`.

    Raises:
        ValueError: As `occlude_parts` (with the number of the image) and
            `scores_of`; if there are not as many landmarks as images, no
            image, or heatmaps of another shape.

    Reference:
    - [Arbabzadah et al., 2016](https://arxiv.org/abs/1606.07285), section 3.7
      and Figure 7.
    """
    images, landmarks = list(images), list(landmarks)
    if len(images) != len(landmarks) or not images:
        raise ValueError(
            "Expected landmarks for every image, of at least one. Received: "
            f"{len(images)} images, landmarks of {len(landmarks)}"
        )
    rows = []
    for number, (image, points) in enumerate(zip(images, landmarks)):
        try:
            variants = occlude_parts(image, points, parts, margin)
        except ValueError as error:
            raise ValueError(f"image {number}: {error}") from None
        stack = np.stack(list(variants.values()))
        before, *after = scores_of(predict, stack)
        lines = [
            {
                "image": number,
                "part": part,
                "score": before,
                "occluded_score": score,
                "change": score - before,
            }
            for part, score in zip(parts, after)
        ]
        if explain is not None:
            masks = face_parts(points, stack.shape[1:3], margin)
            _add_relevance(lines, _explained(explain, stack), masks)
        rows += lines
    return pd.DataFrame(rows)


def rank_parts(table, clusters=None):
    """Parts of the face by how much the score falls when they are covered.

    Args:
        table: As of `occlusion_test`.
        clusters: What the images share, such as the subject of every image,
            in the order of their numbers; None: every image is its own.

    Returns:
        DataFrame, the part with the largest drop first: `rank` (from 1),
        `part`, `images`, `clusters`, `score` and `occluded_score` (means),
        `drop` (mean of before less after), `standard_error` of the drop and
        `p_value` of the paired test that it is 0, both clustered (see
        `fdin_tf.statistics.paired_test`); and the means of the columns about
        relevance, where the table has them.

    Raises:
        ValueError: If there is not one cluster for every image.

    Example:

    >>> table = pd.DataFrame(
    ...     {"image": [0, 0], "part": ["nose", "mouth"], "score": [0.9, 0.9],
    ...      "occluded_score": [0.8, 0.3]}
    ... )
    >>> rank_parts(table)[["part", "drop"]].round(6).values.tolist()
    [['mouth', 0.6], ['nose', 0.1]]
    """
    numbers = table["image"].unique()
    if clusters is not None and len(clusters) <= numbers.max():
        raise ValueError(
            "Expected one cluster for every image. Received: "
            f"{len(clusters)} clusters for {numbers.max() + 1} images"
        )
    clusters = np.arange(numbers.max() + 1) if clusters is None else clusters
    about_relevance = [name for name in table if "relevance" in name]
    rows = []
    for part, of in table.groupby("part", sort=False):
        test = paired_test(
            of["score"], of["occluded_score"], np.asarray(clusters)[of["image"]]
        )
        rows.append(
            {
                "part": part,
                "images": len(of),
                "clusters": test.num_clusters,
                "score": of["score"].mean(),
                "occluded_score": of["occluded_score"].mean(),
                "drop": test.difference,
                "standard_error": test.standard_error,
                "p_value": test.p_value,
                **of[about_relevance].mean(),
            }
        )
    ranking = pd.DataFrame(rows).sort_values(
        "drop", ascending=False, kind="stable", ignore_index=True
    )
    ranking.insert(0, "rank", np.arange(1, len(ranking) + 1))
    return ranking


def _chosen(masks, parts):
    unknown = [name for name in parts if name not in masks]
    if unknown or not len(parts) or isinstance(parts, str):
        raise ValueError(
            f"Expected names of parts: {', '.join(PARTS)}. "
            f"Received: parts={parts!r}"
        )
    for name in parts:
        if not masks[name].any():
            raise ValueError(
                "Expected landmarks of a face in the image. Received: "
                f"part={name!r} outside of it"
            )
    return {name: masks[name] for name in parts}


def _explained(explain, stack):
    heatmaps = np.asarray(explain(stack), np.float64)
    if heatmaps.shape != stack.shape[:3]:
        raise ValueError(
            f"`explain` must give heatmaps of shape {stack.shape[:3]}. "
            f"Received: heatmaps of shape {heatmaps.shape}"
        )
    return heatmaps


def _add_relevance(lines, heatmaps, masks):
    """Completes the rows of an image by what its heatmaps say."""
    before, *after = heatmaps
    for line, heatmap in zip(lines, after):
        mask = masks[line["part"]]
        line["relevance"] = np.maximum(before, 0)[mask].sum()
        line["occluded_relevance"] = np.maximum(heatmap, 0)[mask].sum()
        line["relevance_share"] = positive_share(before, mask)
        line["occluded_relevance_share"] = positive_share(heatmap, mask)
