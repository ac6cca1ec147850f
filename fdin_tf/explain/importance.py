"""Which relations between facial regions carried the estimates."""

import itertools

import numpy as np
import pandas as pd
import scipy.stats

from fdin_tf.data.pipeline import make_dataset
from fdin_tf.explain.explained import explained
from fdin_tf.regions import MIRRORED
from fdin_tf.regions import REGIONS
from layers.pairwise_relation import region_pairs

_PAIRS = region_pairs(len(REGIONS))


def relations(num_regions):
    """All relations among so many of the nine regions, as region numbers.

    Args:
        num_regions: Regions in a relation (`N_I` of Algorithm 1), 2 to 9.

    Returns:
        Tuple of `C(9, num_regions)` tuples of numbers that increase, in
        lexicographic order: for two regions, the fixed order of the pairs.

    Raises:
        ValueError: If `num_regions` is out of range.

    Example:

    >>> len(relations(3)), relations(3)[0], relations(3)[-1]
    (84, (0, 1, 2), (6, 7, 8))
    """
    if num_regions not in range(2, len(REGIONS) + 1):
        raise ValueError(
            f"`num_regions` of a relation must be 2 to {len(REGIONS)}. "
            f"Received: num_regions={num_regions!r}"
        )
    return tuple(itertools.combinations(range(len(REGIONS)), num_regions))


def relation_name(regions):
    """Name of a relation, given by the numbers of its regions.

    Example:

    >>> relation_name((0, 1, 4))
    'left_eye-forehead-nose'
    """
    return "-".join(REGIONS[region] for region in regions)


def importance_table(importance, clip_ids):
    """Relational importance as a table with names.

    Args:
        importance: `lambda_ij`, `(clips, 36)`, each row summing to 1, in the
            order of `PairwiseRelation.pairs`.
        clip_ids: Id of every clip, no two alike.

    Returns:
        Float64 DataFrame, one row per clip (index `clip_id`) and one column
        per pair, named by `relation_name`.

    Raises:
        ValueError: If the importance is of another shape, as that of single
            regions is, if rows do not sum to 1 within 1e-3, or if clip ids
            repeat or are not as many as the rows.

    Example:

    >>> table = importance_table(np.full((2, 36), 1 / 36), ["a", "b"])
    >>> table.shape, table.columns[0], table.columns[-1]
    ((2, 36), 'left_eye-forehead', 'mouth-right_mouth')
    """
    importance = np.asarray(importance, np.float64)
    clip_ids = [str(clip_id) for clip_id in clip_ids]
    if importance.ndim != 2 or importance.shape[1] != len(_PAIRS):
        raise ValueError(
            "Expected the importance of 36 pairs of regions, of shape "
            "(clips, 36); a regional model, whose importance is that of 9 "
            "single regions, cannot be ranked by relations. Received: "
            f"importance of shape {importance.shape}"
        )
    if len(importance) != len(clip_ids):
        raise ValueError(
            "Expected one clip id per row of importance. Received: "
            f"{len(clip_ids)} ids for {len(importance)} rows"
        )
    index = pd.Index(clip_ids, name="clip_id")
    if index.has_duplicates:
        raise ValueError(
            "Expected clip ids of which no two are alike. Received: "
            f"clip_id={index[index.duplicated()][0]!r} twice"
        )
    sums = importance.sum(axis=1)
    wrong = np.flatnonzero(~(np.abs(sums - 1) <= 1e-3))
    if len(wrong):
        raise ValueError(
            "Expected importance that sums to 1 for every clip. Received: "
            f"{sums[wrong[0]]:.4f} for clip_id={clip_ids[wrong[0]]!r}"
        )
    return pd.DataFrame(
        importance, index, columns=[relation_name(pair) for pair in _PAIRS]
    )


def predict_importance(model, data, clip_ids, batch_size=16):
    """Relational importance of clips, by a trained network.

    Args:
        model: FDIN on features, see `explained`.
        data: `EncodedClips`, or another object with `clips` (with
            `num_frames`), `shape`, `name` and `load(clip_id)`.
        clip_ids: The clips to explain.
        batch_size: Clips per batch.

    Returns:
        DataFrame as of `importance_table`.

    Raises:
        ValueError: If the model has no importance, or that of single
            regions; if there is no clip.
    """
    network = explained(model)
    importance = over_clips(
        lambda inputs: network(inputs, training=False)["importance"],
        data,
        clip_ids,
        batch_size,
    )
    return importance_table(importance, clip_ids)


def over_clips(run, data, clip_ids, batch_size):
    """What a function of batches gives for every clip, in the clips' order.

    Args:
        run: Function from a batch, as of `make_dataset`, to a tensor whose
            first axis is that of the clips.
        data: As for `make_dataset`.
        clip_ids: The clips to take.
        batch_size: Clips per batch.

    Returns:
        NumPy array `(clips, ...)`.
    """
    # Bucketing changes the order: every clip brings its number along.
    numbers = np.arange(len(clip_ids), dtype=np.int64)
    results, order = [], []
    for inputs, number in make_dataset(
        data, clip_ids, batch_size, ("number", numbers)
    ):
        results.append(np.asarray(run(inputs)))
        order.append(np.ravel(number["number"]))
    return np.concatenate(results)[np.argsort(np.concatenate(order))]


def relation_importance(table, num_regions=3):
    """Importance of the relations among so many regions: Algorithm 1.

        chi_P = sum of lambda_ij over all pairs (i, j) of the regions of P

    Args:
        table: DataFrame as of `importance_table`.
        num_regions: Regions in a relation (`N_I`), 2 to 9.

    Returns:
        DataFrame of the same clips, one column per relation in the order of
        `relations`, named by `relation_name`. For two regions, the table
        itself. A relation of more regions holds more pairs, so columns sum
        to 1 over a row only for two regions.

    Raises:
        ValueError: If `num_regions` is out of range, or the columns of the
            table are not the 36 pairs.

    Example:

    >>> table = importance_table(np.full((1, 36), 1 / 36), ["a"])
    >>> triples = relation_importance(table)
    >>> triples.columns[0], round(triples.iloc[0, 0].item(), 4)
    ('left_eye-forehead-right_eye', 0.0833)

    Reference:
    - [Kim and Ro, ECCV 2018](https://arxiv.org/abs/1711.10688), section 3.3.
    """
    check_importance(table)
    chosen = relations(num_regions)
    holds = np.array([[set(pair) <= set(r) for r in chosen] for pair in _PAIRS])
    return pd.DataFrame(
        table.to_numpy() @ holds.astype(float),
        table.index,
        columns=[relation_name(regions) for regions in chosen],
    )


def rank_relations(table, num_regions=2):
    """Relations by their mean importance over the clips.

    Args:
        table: DataFrame as of `importance_table`.
        num_regions: Regions in a relation (`N_I`), 2 to 9.

    Returns:
        DataFrame `rank` (from 1), `relation` and `importance`, the most
        important one first; equal ones in the order of `relations`.

    Raises:
        ValueError: As `relation_importance`, or if there is no clip.
    """
    check_importance(table)
    mean = relation_importance(table, num_regions).mean().to_numpy()
    return ranked(
        pd.DataFrame(
            {
                "relation": [relation_name(r) for r in relations(num_regions)],
                "importance": mean,
            }
        )
    )[["rank", "relation", "importance"]]


def symmetry(importance):
    """How far left and right of the face agree about what is important.

    Spearman's correlation between the mean importance of every pair of
    regions and that of its mirror image, over the 30 pairs that are not
    their own mirror image. Every pair is taken once as itself and once as
    the mirror image of its mirror image: the number is then the same for a
    face and its mirrored one, there is no choice of a side, and a preference
    for one side of the face lowers it.

    It is 1 if and only if every pair is as important as its mirror image.
    Pairs ranked by chance give -1/29 on average, with a standard deviation
    of 0.26: there are 15 couples, each counted from both ends. That is also
    why the p-value of a correlation of 30 numbers does not apply.

    Args:
        importance: DataFrame as of `importance_table`, of which the mean over
            clips is taken, or the importance of the 36 pairs.

    Returns:
        Float in [-1, 1]; NaN where all 30 pairs are equally important.

    Raises:
        ValueError: If the importance is not that of 36 pairs.
    """
    if isinstance(importance, pd.DataFrame):
        check_importance(importance)
        importance = importance.mean()
    importance = np.asarray(importance, float)
    if importance.shape != (len(_PAIRS),):
        raise ValueError(
            "Expected the importance of 36 pairs of regions. Received: "
            f"importance of shape {importance.shape}"
        )
    mirrored = np.array(
        [_PAIRS.index(tuple(sorted((MIRRORED[i], MIRRORED[j]))))
         for i, j in _PAIRS]
    )  # fmt: skip
    sided = mirrored != np.arange(len(_PAIRS))
    pairs, images = importance[sided], importance[mirrored][sided]
    if np.allclose(pairs, pairs[0], rtol=1e-5, atol=0):
        return float("nan")
    return float(scipy.stats.spearmanr(pairs, images).statistic)


def ranked(part):
    """A table by falling `importance`, with a `rank` from 1; ties stay put."""
    # Sums of equal numbers may differ in the last digits.
    part = part.iloc[np.argsort(-part.importance.round(12), kind="stable")]
    return part.assign(rank=np.arange(1, len(part) + 1)).reset_index(drop=True)


def check_importance(table):
    """Checks that a table is one of `importance_table`, with a row or more."""
    if list(table.columns) != [relation_name(pair) for pair in _PAIRS]:
        raise ValueError(
            "Expected a table of the importance of 36 pairs of regions, as "
            f"`importance_table` makes it. Received: {table.shape[1]} columns, "
            f"{', '.join(map(str, table.columns[:3]))}, ..."
        )
    if table.empty:
        raise ValueError(
            "Expected the importance of at least one clip. Received: a table "
            "without rows"
        )
