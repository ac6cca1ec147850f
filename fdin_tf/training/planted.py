"""Is the explanation right? Networks on clips whose truth is planted.

In a planted set the nine regions of the face move independently of each
other, and the target of a clip is a function of two of them, such as the
absolute lag between their onsets. So it is known which pair an explanation
has to name. One rendered set serves every pair, as only the targets differ.
"""

import dataclasses

import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import mean_absolute_error
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupShuffleSplit

from fdin_tf.data.encode import FoldClips
from fdin_tf.data.synthetic import load_truth
from fdin_tf.data.synthetic import planted_target
from fdin_tf.explain.clip_relevance import predict_relevance
from fdin_tf.explain.clip_relevance import region_relevance
from fdin_tf.explain.importance import predict_importance
from fdin_tf.explain.importance import relation_name
from fdin_tf.explain.perturbation import perturbation_errors
from fdin_tf.explain.perturbation import region_importance
from fdin_tf.explain.region_effects import region_effects
from fdin_tf.regions import REGIONS
from fdin_tf.training.cross_validate import predict_clips


@dataclasses.dataclass(frozen=True)
class PlantedClips:
    """A planted set, encoded, with its parts and what is planted in it.

    Attributes:
        data: `FoldClips` of all clips.
        train: Ids of the clips that weights and encoder are fitted to.
        valid: Ids of the clips that choose the epoch.
        test: Ids of the clips that are only tested.
        truth: Ground truth of every clip by its id, see `load_truth`.
    """

    data: FoldClips
    train: tuple[str, ...]
    valid: tuple[str, ...]
    test: tuple[str, ...]
    truth: dict[str, dict[str, np.ndarray]]

    def plant(self, pair, mode, shuffle_seed=None):
        """The clips with the target of a pair in the column `planted`.

        Args:
            pair: Two region numbers.
            mode: See `planted_target`.
            shuffle_seed: Exchanges the targets between the clips, so that
                nothing can be learnt; None leaves them.

        Returns:
            `FoldClips`.
        """
        ids = self.data.clips.clip_id
        values = np.array(
            [planted_target(self.truth[c], pair, mode) for c in ids]
        )
        if shuffle_seed is not None:
            values = np.random.default_rng(shuffle_seed).permutation(values)
        clips = self.data.clips.assign(planted=values)
        return dataclasses.replace(self.data, clips=clips)


def prepare_planted(encoded, root, fit_encoder, seed):
    """Splits a planted set by subjects and fits the encoder to its training.

    A fifth of the subjects is tested, a tenth chooses the epoch.

    Args:
        encoded: `EncodedClips` of the set.
        root: Folder of the set, with its truth.
        fit_encoder: See `NetworkTrainer`.
        seed: Seed of the split.

    Returns:
        `PlantedClips`.
    """
    clips = encoded.clips
    ids, subjects = clips.clip_id.to_numpy(), clips.subject.to_numpy()
    rest, test = _split(subjects, 0.2, seed)
    train, valid = _split(subjects[rest], 0.125, seed)
    train, valid = rest[train], rest[valid]
    fitted = fit_encoder([encoded.load(clip_id) for clip_id in ids[train]])
    return PlantedClips(
        data=FoldClips.encode(encoded, fitted, ids),
        train=tuple(ids[train]),
        valid=tuple(ids[valid]),
        test=tuple(ids[test]),
        truth={clip_id: load_truth(root, clip_id) for clip_id in ids},
    )


def estimate_errors(model, data, clip_ids):
    """How well a network estimates what is planted.

    Returns:
        Dict of `r2` and `mae`, in the target's unit.
    """
    truth = data.clips.set_index("clip_id").planted[list(clip_ids)]
    estimates = predict_clips(model, data, clip_ids, "planted", batch_size=64)
    return {
        "r2": r2_score(truth, estimates),
        "mae": mean_absolute_error(truth, estimates),
    }


def planted_rank(model, data, clip_ids, pair):
    """Whether the importance names the planted pair.

    Returns:
        Dict of the planted pair's `rank` among all pairs (1 is best) and mean
        `weight`, of the `next` pair's name and weight, the largest of the
        others, and the `margin` to it.
    """
    mean = predict_importance(model, data, clip_ids, batch_size=64).mean()
    planted = relation_name(pair)
    others = mean.drop(planted)
    return {
        "rank": int(1 + (others > mean[planted]).sum()),
        "weight": mean[planted],
        "next": others.idxmax(),
        "next_weight": others.max(),
        "margin": mean[planted] - others.max(),
    }


def perturbation_agrees(model, data, clip_ids, pair, seed):
    """Whether a perturbation agrees with the importance.

    The dynamics of one region after the other are replaced by those of
    another test clip, and the rise of the mean absolute error is compared
    with the summed importance of the pairs that hold the region.

    Returns:
        Dict of `planted_rise`, the smaller rise of the two planted regions;
        `other_rise`, the largest of the other regions; `agrees`, whether the
        planted regions are the two whose replacement hurts most; and
        `rank_correlation` (Spearman) of rise and importance over regions,
        NaN where either is the same for all.
    """
    clip_ids = list(clip_ids)
    order = np.random.default_rng(seed).permutation(clip_ids)
    next_clip = dict(zip(order, np.roll(order, 1)))
    estimates = perturbation_errors(
        model,
        data,
        clip_ids,
        "planted",
        {region: (region,) for region in REGIONS},
        source_ids=[next_clip[clip_id] for clip_id in clip_ids],
        batch_size=64,
    )
    rise = region_effects(estimates, data.clips, "planted").rise.to_numpy()
    importance = predict_importance(model, data, clip_ids, batch_size=64)
    of_region = region_importance(importance).to_numpy()
    others = np.delete(rise, pair)
    # Equal values, as of a network that has learnt nothing, have no ranks.
    is_ranked = np.ptp(rise) > 0 and np.ptp(of_region) > 0
    return {
        "planted_rise": rise[list(pair)].min(),
        "other_rise": others.max(),
        "agrees": bool(rise[list(pair)].min() > others.max()),
        "rank_correlation": (
            spearmanr(rise, of_region).statistic if is_ranked else np.nan
        ),
    }


def relevance_agrees(model, data, clip_ids, pair):
    """Whether relevance propagation names the two planted regions.

    Returns:
        Dict of `relevance_share`, the share of the two planted regions in the
        relevance of all regions (mean absolute relevance over clips; chance:
        0.22), and `relevance_agrees`, whether no other region has more than
        one of them.
    """
    relevance = predict_relevance(model, data, clip_ids, batch_size=64)
    of_region = region_relevance(relevance).mean().to_numpy()
    planted = of_region[list(pair)]
    return {
        "relevance_share": float(planted.sum() / of_region.sum()),
        "relevance_agrees": bool(
            planted.min() > np.delete(of_region, pair).max()
        ),
    }


def summarize(results):
    """One row per mode and network: what the runs found together.

    Args:
        results: Table with one row per trained network: `mode`, `network`,
            `pair`, `seed` and what the functions above return.

    Returns:
        DataFrame with `mode`, `network`, `runs`, `sets` (the pairs of a seed
        share its clips, split and seed of the weights), medians `r2`, `mae`,
        `weight`, `margin` and `relevance_share`, `lowest_r2`, `mean_rank`,
        and the shares `ranked_first`, `perturbation_agrees` and
        `relevance_agrees` in %.
    """
    groups = results.groupby(["mode", "network"], sort=False)

    def percent(values):
        return 100 * values.mean() if values.notna().any() else np.nan

    return groups.agg(
        runs=("seed", "size"),
        sets=("seed", "nunique"),
        r2=("r2", "median"),
        lowest_r2=("r2", "min"),
        mae=("mae", "median"),
        ranked_first=(
            "rank",
            lambda rank: percent((rank == 1).where(rank.notna())),
        ),
        mean_rank=("rank", "mean"),
        weight=("weight", "median"),
        margin=("margin", "median"),
        perturbation_agrees=("agrees", lambda x: percent(x.astype(float))),
        relevance_share=("relevance_share", "median"),
        relevance_agrees=(
            "relevance_agrees",
            lambda x: percent(x.astype(float)),
        ),
    ).reset_index()


def parse_pair(words):
    """Region numbers of a pair written as `right_eye-left_mouth`.

    Raises:
        ValueError: If these are not two different regions.

    Example:

    >>> parse_pair("right_eye-left_mouth")
    (2, 6)
    """
    names = words.split("-")
    if len(set(names)) != 2 or not set(names) <= set(REGIONS):
        raise ValueError(
            "Expected a pair of different regions, such as right_eye-"
            f"left_mouth, of {', '.join(REGIONS)}. Received: pair={words!r}"
        )
    return tuple(sorted(REGIONS.index(name) for name in names))


def _split(subjects, share, seed):
    """Row numbers of the larger and the smaller part, by subjects."""
    splitter = GroupShuffleSplit(1, test_size=share, random_state=seed)
    return next(splitter.split(subjects, groups=subjects))
