"""What becomes of an estimate when the dynamics of regions are replaced.

Kim and Ro, ECCV 2018, https://arxiv.org/abs/1711.10688, section 4.2: figures 3
and 4, and Table 1. If the importance tells the truth, contaminating the regions
of important relations harms the estimate more than contaminating others.
"""

import keras
import numpy as np
import pandas as pd

from fdin_tf.data.clips import TARGET_UNITS
from fdin_tf.explain.clip_errors import clip_errors
from fdin_tf.explain.dynamics import split_at_dynamics
from fdin_tf.explain.importance import check_importance
from fdin_tf.explain.importance import over_clips
from fdin_tf.regions import REGIONS
from fdin_tf.regions import region_number
from fdin_tf.statistics import clustered_mean
from fdin_tf.statistics import paired_test
from layers.pairwise_relation import region_pairs

#: Column and row of what the network answers to the clips as they are.
NOT_CONTAMINATED = "not contaminated"


def replace_dynamics(dynamics, regions, source=None):
    """Dynamics of which those of some regions are replaced.

    Args:
        dynamics: `d_i`, `(batch, 9, units)`.
        regions: Names or numbers of the regions to replace, or one of them.
        source: What comes in their place: the dynamics of one other clip,
            `(9, units)` or `(1, 9, units)`, or of as many clips, `(batch, 9,
            units)`. None: zeros.

    Returns:
        NumPy array `(batch, 9, units)`.

    Raises:
        ValueError: If no region is named, one does not exist, or the source
            is of another shape.

    Example:

    >>> replaced = replace_dynamics(np.ones((1, 9, 2)), ["nose"])
    >>> replaced[0, 3:6].tolist()
    [[1.0, 1.0], [0.0, 0.0], [1.0, 1.0]]
    """
    replaced = np.array(dynamics)
    if isinstance(regions, str | int | np.integer):
        regions = [regions]
    numbers = [region_number(region) for region in regions]
    if not numbers:
        raise ValueError(
            "Expected at least one region whose dynamics are replaced. "
            "Received: regions=[]"
        )
    source = np.zeros(replaced.shape[1:]) if source is None else source
    source = np.asarray(source)
    one, several = replaced.shape[1:], replaced.shape
    if source.shape not in (one, (1, *one), several):
        raise ValueError(
            f"Expected dynamics of one clip, {one}, or of as many, {several}, "
            f"in place of others. Received: source of shape {source.shape}"
        )
    replaced[:, numbers] = source[..., numbers, :]
    return replaced


def perturb(model, inputs, regions, source=None):
    """Answers about clips in which the dynamics of regions are replaced.

    Args:
        model: See `split_at_dynamics`.
        inputs: Inputs of the model: one batch.
        regions: Names or numbers of the regions to replace, or one of them.
        source: Inputs of the model again, whose dynamics come in their place:
            one clip for all, or as many as in `inputs`; their frames may be
            more or fewer. None: zeros.

    Returns:
        Dict of the model's outputs, NumPy arrays.

    Raises:
        ValueError: As `split_at_dynamics` and `replace_dynamics`.
    """
    encode, interpret = split_at_dynamics(model)
    replaced = replace_dynamics(
        _dynamics(encode, inputs),
        regions,
        None if source is None else _dynamics(encode, source),
    )
    answers = interpret(replaced, training=False)
    return {name: np.asarray(answer) for name, answer in answers.items()}


def perturbation_errors(
    model,
    data,
    clip_ids,
    target,
    perturbations,
    source_ids=None,
    batch_size=16,
):
    """Estimates of clips as they are, and under perturbations.

    Every clip is read once; for each perturbation, only what follows the
    dynamics runs again.

    Args:
        model: A model on features, see `split_at_dynamics`.
        data: `EncodedClips`, or another object with `clips` (with
            `num_frames`), `shape`, `name` and `load(clip_id)`.
        clip_ids: The clips to estimate.
        target: `"age"`, `"gender"`, `"spontaneity"` or `"planted"`.
        perturbations: Dict from a name to the regions that are replaced, by
            name or number.
        source_ids: The clips whose dynamics come in their place: one id for
            all, or one per clip. None: zeros.
        batch_size: Clips per batch.

    Returns:
        DataFrame with one row per clip: `clip_id`, `not contaminated` and a
        column per perturbation: estimates in years, or the probability of
        the target's second class.

    Raises:
        ValueError: As `split_at_dynamics` and `replace_dynamics`; if the
            model has no such target, a perturbation is called like another
            column, or the sources are neither one nor as many as the clips.
    """
    encode, interpret = split_at_dynamics(model)
    if target not in interpret.output:
        raise ValueError(
            f"Expected a target of the model: {', '.join(interpret.output)}. "
            f"Received: target={target!r}"
        )
    taken = {"clip_id", NOT_CONTAMINATED} & set(perturbations)
    if taken:
        raise ValueError(
            f"A perturbation must not be called like the column {min(taken)!r}"
            f". Received: perturbations={perturbations}"
        )
    clip_ids = [str(clip_id) for clip_id in clip_ids]
    sources = _sources(source_ids, clip_ids)
    needed = list(dict.fromkeys([*clip_ids, *sources]))
    dynamics = over_clips(
        lambda inputs: _dynamics(encode, inputs), data, needed, batch_size
    )
    row = {clip_id: number for number, clip_id in enumerate(needed)}
    own = dynamics[[row[clip_id] for clip_id in clip_ids]]
    other = dynamics[[row[c] for c in sources]] if sources else None

    def estimates(of):
        batches = np.split(of, range(batch_size, len(of), batch_size))
        answers = [interpret(b, training=False)[target] for b in batches]
        return np.concatenate([np.asarray(a)[:, -1] for a in answers])

    columns = {"clip_id": clip_ids, NOT_CONTAMINATED: estimates(own)}
    for name, regions in perturbations.items():
        columns[name] = estimates(replace_dynamics(own, regions, other))
    return pd.DataFrame(columns)


def perturbation_table(estimates, clips, target, important, less_important):
    """Table 1 of the paper: errors under two perturbations, and their tests.

    Args:
        estimates: Table as of `perturbation_errors`.
        clips: Clip table with `clip_id`, `subject` and the target.
        target: `"age"`, `"gender"` or `"spontaneity"`.
        important: Column of the perturbation of the important regions.
        less_important: Column of the perturbation of less important ones.

    Returns:
        DataFrame with the rows not contaminated, less important, important:
        `perturbation` (the column's name), `clips`, `subjects`, `error` (mean
        absolute error, or share of wrong answers), `standard_error`
        (clustered by subject), `unit` (`years` or `%`) of the two, and the p
        of `paired_test` on the clips' errors: `p_against_not_contaminated`,
        and `p_against_less_important` in the last row; NaN elsewhere.

    Raises:
        ValueError: If a column is missing, a clip is not in the clip table,
            or its target is unknown.

    Reference:
    - [Kim and Ro, ECCV 2018](https://arxiv.org/abs/1711.10688), Table 1.
    """
    rows = (NOT_CONTAMINATED, less_important, important)
    for name in ("clip_id", *rows):
        if name not in estimates:
            raise ValueError(
                "Expected a column of the table of estimates: "
                f"{', '.join(map(str, estimates.columns))}. "
                f"Received: {name!r}"
            )
    errors, subjects = clip_errors(estimates, clips, target, rows)

    def p_against(name, other):
        return paired_test(errors[name], errors[other], subjects).p_value

    lines = []
    for name in rows:
        mean, standard_error = clustered_mean(errors[name], subjects)
        lines.append(
            {
                "perturbation": name,
                "clips": len(subjects),
                "subjects": len(set(subjects)),
                "error": mean,
                "standard_error": standard_error,
                "unit": TARGET_UNITS.get(target, "%"),
                "p_against_not_contaminated": np.nan,
                "p_against_less_important": np.nan,
            }
        )
    for line, name in zip(lines[1:], rows[1:]):
        line["p_against_not_contaminated"] = p_against(name, NOT_CONTAMINATED)
    lines[2]["p_against_less_important"] = p_against(important, less_important)
    return pd.DataFrame(lines)


def region_importance(table):
    """Of each region, the importance of all pairs that hold it.

    Args:
        table: DataFrame as of `importance_table`.

    Returns:
        Series by region name, averaged over the clips; the nine values sum
        to 2, as each pair holds two regions.

    Raises:
        ValueError: If the table is not one of importance.

    Example:

    >>> from fdin_tf.explain.importance import importance_table
    >>> table = importance_table(np.eye(36)[[-1]], ["a"])  # mouth-right_mouth
    >>> region_importance(table)[["nose", "mouth"]].tolist()
    [0.0, 1.0]
    """
    check_importance(table)
    pairs = region_pairs(len(REGIONS))
    holds = np.array(
        [[r in pair for pair in pairs] for r in range(len(REGIONS))]
    )
    return pd.Series(holds @ table.mean().to_numpy(), index=list(REGIONS))


def important_regions(table, num_important=1, num_less=3):
    """The regions that take part in the most, and least, important relations.

    A region counts the importance of all pairs that hold it, averaged over
    the clips. So it is the importance that says which regions matter, and
    the errors of `perturbation_table` can contradict it.

    Args:
        table: DataFrame as of `importance_table`.
        num_important: How many important regions; Table 1 has one.
        num_less: How many less important ones; Table 1 has three.

    Returns:
        Two tuples of names: the most important region first; the least
        important first.

    Raises:
        ValueError: If there are not so many regions apart, or the table is
            not one of importance.

    Example:

    >>> from fdin_tf.explain.importance import importance_table
    >>> table = importance_table(np.eye(36)[[-1]], ["a"])  # mouth-right_mouth
    >>> important_regions(table, num_important=2, num_less=1)
    (('mouth', 'right_mouth'), ('left_eye',))
    """
    if min(num_important, num_less) < 1 or num_important + num_less > 9:
        raise ValueError(
            "Expected at least one important and one less important region, "
            f"nine at most together. Received: num_important={num_important}, "
            f"num_less={num_less}"
        )
    score = region_importance(table).to_numpy().round(12)
    most = np.argsort(-score, kind="stable")[:num_important]
    least = [r for r in np.argsort(score, kind="stable") if r not in most]
    names = np.array(REGIONS, dtype=object)
    return tuple(names[most]), tuple(names[least[:num_less]])


def _dynamics(encode, inputs):
    dynamics = encode(inputs, training=False)
    return np.asarray(keras.ops.cast(dynamics, "float32"))


def _sources(source_ids, clip_ids):
    """One source per clip; an empty list where zeros are."""
    if source_ids is None:
        return []
    if isinstance(source_ids, str):
        return [source_ids] * len(clip_ids)
    if len(source_ids) != len(clip_ids):
        raise ValueError(
            "Expected one source for all clips, or one per clip. Received: "
            f"{len(source_ids)} sources for {len(clip_ids)} clips"
        )
    return [str(clip_id) for clip_id in source_ids]
