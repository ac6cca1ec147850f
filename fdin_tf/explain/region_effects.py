"""What the error gains where the dynamics of one region are replaced."""

import pandas as pd

from fdin_tf.data.clips import TARGET_UNITS
from fdin_tf.explain.clip_errors import clip_errors
from fdin_tf.explain.perturbation import NOT_CONTAMINATED
from fdin_tf.regions import REGIONS
from fdin_tf.statistics import paired_test


def region_effects(estimates, clips, target):
    """Rise of the mean error for each region, replaced alone.

    Args:
        estimates: Table as of `perturbation_errors`, with a column for each
            of the nine regions by name.
        clips: Clip table with `clip_id`, `subject` and the target.
        target: `"age"`, `"gender"`, `"spontaneity"` or `"planted"`.

    Returns:
        DataFrame with one row per region, in the order of `REGIONS`:
        `region`; `rise`, the mean error (absolute in years, or % of wrong
        answers) under the perturbation minus that without; its
        `standard_error`, clustered by subject; `p_value` of `paired_test`,
        not adjusted for the nine regions; and the `unit`, `years`, `%` or
        nothing.

    Raises:
        ValueError: If the estimates lack a region, or a clip has no label.

    Example:

    >>> clips = pd.DataFrame({
    ...     "clip_id": ["a", "b"], "subject": ["1", "2"], "age": [30.0, 40.0]})
    >>> estimates = pd.DataFrame({
    ...     "clip_id": ["a", "b"], "not contaminated": [31.0, 41.0],
    ...     **{region: [30.0, 40.0] for region in REGIONS}, "nose": [37.0, 39]})
    >>> effects = region_effects(estimates, clips, "age").set_index("region")
    >>> effects.rise[["nose", "mouth"]].tolist()
    [3.0, -1.0]
    """
    missing = [r for r in REGIONS if r not in estimates]
    if missing:
        raise ValueError(
            "Expected a column of estimates for every region. Missing: "
            f"{', '.join(missing)}. Received: columns={list(estimates)}"
        )
    errors, subjects = clip_errors(
        estimates, clips, target, (NOT_CONTAMINATED, *REGIONS)
    )
    rows = []
    for region in REGIONS:
        test = paired_test(errors[region], errors[NOT_CONTAMINATED], subjects)
        rows.append(
            {
                "region": region,
                "rise": test.difference,
                "standard_error": test.standard_error,
                "p_value": test.p_value,
                "unit": TARGET_UNITS.get(target, "%"),
            }
        )
    return pd.DataFrame(rows)
