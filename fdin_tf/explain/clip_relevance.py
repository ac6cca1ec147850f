"""Relevance of many clips, and of their regions in numbers."""

import dataclasses

import numpy as np
import pandas as pd

from fdin_tf.data.pipeline import make_dataset
from fdin_tf.explain.importance import relation_name
from fdin_tf.explain.lrp import ClipPropagator
from fdin_tf.regions import REGIONS


def predict_relevance(
    model, data, clip_ids, target=None, composite="epsilon_plus", batch_size=8
):
    """Relevance of clips, by a trained network; no padding in it.

    Args:
        model: FDIN, SIAM or another functional model of clips.
        data: Clips in memory or on disk: an object with `clips` (with
            `num_frames`), `shape`, `name` and `load(clip_id)`.
        clip_ids: The clips to explain.
        target: What is explained, see `fdin_tf.explain.lrp.relevance`; None:
            the model's only target (of classes, the one that it answers).
        composite: Rules, see `fdin_tf.explain.lrp.COMPOSITES`.
        batch_size: Clips per batch.

    Returns:
        Dict from clip id to its `ClipRelevance`, NumPy arrays without the
        axis of clips, in the order given: `score` a number, `pairs`
        `(pairs,)`, `regions` `(regions, t)`, `frames` `(t,)`, `pixels`
        `(t, h, w)`; `sinks` numbers; `conservation` None.

    Raises:
        ValueError: If relevance cannot pass a layer of the model, or there
            is no clip.
    """
    propagator = ClipPropagator(model, target, composite)
    found = {}
    clip_ids = [str(clip_id) for clip_id in clip_ids]
    # Bucketing changes the order: every clip brings its number along.
    numbers = ("number", np.arange(len(clip_ids)))
    for inputs, number in make_dataset(data, clip_ids, batch_size, numbers):
        of_batch = propagator(inputs)
        masks = np.asarray(inputs["mask"])
        for k, clip in enumerate(np.ravel(number["number"])):
            found[clip_ids[clip]] = _of_clip(of_batch, k, masks[k])
    return {clip_id: found[clip_id] for clip_id in clip_ids}


def _of_clip(of_batch, k, is_real):
    """What was found of one clip of a batch."""

    def clip(values):
        return None if values is None else np.asarray(values[k])

    regions = clip(of_batch.regions)
    return dataclasses.replace(
        of_batch,
        score=float(of_batch.score[k]),
        pairs=clip(of_batch.pairs),
        regions=None if regions is None else regions[:, is_real],
        frames=clip(of_batch.frames)[is_real],
        pixels=clip(of_batch.pixels)[is_real],
        sinks={
            level: {name: float(taken[k]) for name, taken in sinks.items()}
            for level, sinks in of_batch.sinks.items()
        },
        conservation=None,
    )


def region_relevance(relevance, is_absolute=True):
    """How much of the relevance each region carries.

        |R|_i = sum_t |R_it|

    in every clip. What speaks for and against a score counts alike; summed
    with its sign, a region whose frames contradict each other has none.

    Args:
        relevance: Dict from clip id to `ClipRelevance`, of a model of regions.
        is_absolute: Whether `|R|` is summed, or `R` with its sign.

    Returns:
        DataFrame with a row per clip and a column per region.

    Raises:
        ValueError: If the model has no regions.

    Example:

    >>> from fdin_tf.explain.lrp import ClipRelevance
    >>> clip = ClipRelevance(
    ...     score=1.0, pairs=None, regions=np.eye(9), frames=np.ones(9),
    ...     pixels=None, sinks={}, conservation=None,
    ... )
    >>> region_relevance({"a": clip}).loc["a", "nose"].item()
    1.0
    """  # fmt: skip
    of_clips = {name: clip.regions for name, clip in relevance.items()}
    if any(regions is None for regions in of_clips.values()):
        raise ValueError(
            "Expected the relevance of a model of facial regions, as FDIN is. "
            "Received: clips without relevance of regions"
        )
    rows = [
        (np.abs(r) if is_absolute else r).sum(axis=1) for r in of_clips.values()
    ]
    index = pd.Index(of_clips, name="clip_id")
    return pd.DataFrame(np.stack(rows), index=index, columns=REGIONS)


def pair_relevance(relevance, pairs):
    """Relevance of every pair of regions in every clip.

    Args:
        relevance: Dict from clip id to `ClipRelevance`, of a model of
            relations.
        pairs: `PairwiseRelation.pairs`.

    Returns:
        DataFrame with a row per clip and a column per pair, named by
        `relation_name`; in the unit of the score.
    """
    rows = np.stack([clip.pairs for clip in relevance.values()])
    return pd.DataFrame(
        rows,
        index=pd.Index(relevance, name="clip_id"),
        columns=[relation_name(pair) for pair in pairs],
    )
