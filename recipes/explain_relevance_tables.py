"""Relevance in tables: by region, and what sums to the score."""

import numpy as np
import pandas as pd
import scipy.stats

from fdin_tf.explain import region_importance
from fdin_tf.explain.attention_tables import clustered_table
from fdin_tf.explain.clip_relevance import region_relevance
from fdin_tf.regions import REGIONS

# Columns by which regions are ranked, in words.
_COMPARED = {
    "share": "relevance",
    "importance": "importance",
    "rise": "rise of the error",
}


def region_table(relevance, clips, importance, effects):
    """Relevance of every region, beside what else says how much it matters.

    Args:
        relevance: Dict from clip id to `ClipRelevance`.
        clips: Their clip table.
        importance: Their importance table.
        effects: Table of `region_effects`, or None.

    Returns:
        DataFrame with a row per region: `region`; `relevance` and `absolute`,
        means of `R` and `|R|` over the clips, in the unit of the score;
        `share` of `|R|`, its 95 % interval `low`, `high` clustered by
        subject; `importance` of all pairs that hold it, as a share; and
        `rise` of the error where it is replaced.
    """
    absolute = region_relevance(relevance)
    shares = absolute.div(absolute.sum(axis=1).replace(0, np.nan), axis=0)
    subjects = clips.set_index("clip_id").subject[shares.index]
    intervals = clustered_table(shares, subjects).set_index("name")
    intervals = intervals.reindex(REGIONS)
    table = pd.DataFrame(
        {
            "region": REGIONS,
            "relevance": region_relevance(relevance, False).mean().to_numpy(),
            "absolute": absolute.mean().to_numpy(),
            "share": intervals["mean"].to_numpy(),
            "low": intervals.low.to_numpy(),
            "high": intervals.high.to_numpy(),
            "importance": region_importance(importance).to_numpy() / 2,
        }
    )
    if effects is not None:
        rise = effects.set_index("region").rise[list(REGIONS)]
        table["rise"] = rise.to_numpy()
    return table


def agreement(by_region):
    """Spearman's correlation over the regions, of all that ranks them.

    Example:

    >>> table = pd.DataFrame({"share": [3, 2, 1], "importance": [9, 5, 1]})
    >>> agreement(table).rank_correlation.tolist()
    [1.0]
    """
    names = [name for name in _COMPARED if name in by_region]
    rows = [
        {
            "one": _COMPARED[a],
            "other": _COMPARED[b],
            "rank_correlation": rank_correlation(by_region[a], by_region[b]),
        }
        for k, a in enumerate(names)
        for b in names[k + 1 :]
    ]
    return pd.DataFrame(rows)


def rank_correlation(one, other):
    """Spearman's correlation; NaN where one of them is the same everywhere.

    Example:

    >>> rank_correlation([1, 2, 3], [3, 2, 1]), rank_correlation([1, 1], [1, 2])
    (-1.0, nan)
    """
    if min(np.ptp(one), np.ptp(other)) == 0:
        return float("nan")
    return round(float(scipy.stats.spearmanr(one, other).statistic), 12)


def sink_table(relevance, levels):
    """What sums to the score of every clip, at several levels.

    Args:
        relevance: Dict from clip id to `ClipRelevance`.
        levels: Such as `("pairs", "regions")`.

    Returns:
        DataFrame with a row per clip and level: `clip_id`, `level`, `score`,
        `relevance` of all and a column per sink, which sum to the score; and
        `absolute`, the sum of `|R|`.
    """
    rows = []
    for clip_id, clip in relevance.items():
        for level in levels:
            values = getattr(clip, level).astype(float)
            rows.append(
                {
                    "clip_id": clip_id,
                    "level": level,
                    "score": clip.score,
                    "relevance": values.sum(),
                    "absolute": np.abs(values).sum(),
                    **clip.sinks[level],
                }
            )
    return pd.DataFrame(rows)


def sink_summary(sinks):
    """What sums to the score at every level, in % of the mean score.

    Args:
        sinks: Rows as of `sink_table`.

    Returns:
        DataFrame with a row per level: `level`, `clips`, mean `score`, and in
        % of it `relevance` and the sinks, which sum to 100, and `absolute`.

    Example:

    >>> rows = {"clip_id": ["a", "b"], "level": "pairs", "score": [4.0, 6.0],
    ...     "relevance": [1.0, 2.0], "absolute": [5.0, 15.0], "bias": [3.0, 4]}
    >>> sink_summary(pd.DataFrame(rows)).iloc[0, 2:].astype(float).tolist()
    [5.0, 30.0, 200.0, 70.0]
    """
    rows = []
    for level, of in sinks.groupby("level", sort=False):
        means = of.drop(columns=["clip_id", "level"]).mean()
        parts = 100 * means.drop("score") / means.score
        rows.append(
            {"level": level, "clips": len(of), "score": means.score, **parts}
        )
    return pd.DataFrame(rows)


def sink_numbers(summary):
    """What MLflow shows of them as metrics: relevance that reaches a level."""
    return {
        f"relevance_percent_{row.level}": row.relevance
        for row in summary.itertuples()
    }
