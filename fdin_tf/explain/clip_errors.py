"""Errors of estimates, clip by clip."""

import numpy as np

from fdin_tf.data.clips import TARGET_CLASSES
from fdin_tf.data.pipeline import target_values


def clip_errors(estimates, clips, target, columns):
    """Errors of single clips: absolute, in the target's unit, or 0 or 100 %.

    Args:
        estimates: Table as of `perturbation_errors`.
        clips: Clip table with `clip_id`, `subject` and the target.
        target: `"age"`, `"gender"`, `"spontaneity"` or `"planted"`.
        columns: Columns of the estimates.

    Returns:
        Dict from a column to its errors, one per row of the estimates; and
        the subject of every row.

    Raises:
        ValueError: If a clip is not in the clip table, or its target is
            unknown.
    """
    about = clips.set_index("clip_id").reindex(estimates.clip_id)
    unknown = about[target].isna().to_numpy()
    if unknown.any():
        raise ValueError(
            f"Expected every clip in the clip table, with its `{target}`. "
            f"Received: clip_id={estimates.clip_id[unknown].iloc[0]!r}"
        )
    truth = target_values(about, target)
    errors = {}
    for name in columns:
        estimate = estimates[name].to_numpy()
        if target in TARGET_CLASSES:
            errors[name] = 100.0 * ((estimate > 0.5) != truth)
        else:
            errors[name] = np.abs(estimate - truth)
    return errors, about.subject.to_numpy()
