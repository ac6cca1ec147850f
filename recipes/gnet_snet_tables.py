"""Tables of `recipes.gnet_snet`, from what networks answered."""

import numpy as np
import pandas as pd

from fdin_tf.training.gnet_snet_paper import CHALLENGE_ERROR
from fdin_tf.training.gnet_snet_tables import NETWORK
from fdin_tf.training.gnet_snet_tables import accuracies
from fdin_tf.training.gnet_snet_tables import difference
from fdin_tf.training.gnet_snet_tables import in_text
from fdin_tf.training.gnet_snet_tables import numbers_in
from fdin_tf.training.gnet_snet_tables import table_2
from fdin_tf.training.gnet_snet_tables import table_3
from recipes.gnet_snet_data import CONTROLS
from recipes.gnet_snet_data import SCHEMES
from recipes.gnet_snet_networks import ALL_STEPS
from recipes.gnet_snet_photographs import ATTRIBUTES

_WHOLE = in_text(ALL_STEPS)
_CROP_OF_TABLE_2 = "3"  # of the paper


def tables_of(study, data, config):
    """All tables of the study.

    The paper's numbers stand beside ours where photographs, first network
    and crops are the paper's.

    Args:
        study: `Study`.
        data: `StudyData`.
        config: `Config` of `recipes.gnet_snet`.

    Returns:
        Dict of DataFrames.
    """
    answers, photographs = study.answers, data.photographs
    is_paper = photographs.is_of_paper and config.vggface_weights is not None
    is_whole = answers.steps == _WHOLE
    in_table_2 = (answers.target == "gender") & answers.steps.isin(config.rows)
    in_table_2 &= answers.crops == config.gnet_crops
    keys = pd.Series(
        list(zip(answers.target, answers.crops)), index=answers.index
    )
    in_table_3 = keys.isin(
        [
            *(("gender", of) for of in config.gender_crops),
            *(("smile", of) for of in config.smile_crops),
            ("gender", config.gnet_crops),
            ("smile", config.snet_crops),
        ]
    )
    tables = {
        "table_2": table_2(
            answers[in_table_2],
            is_paper and config.gnet_crops == _CROP_OF_TABLE_2,
        ),
        "table_3": table_3(answers[is_whole & in_table_3], is_paper),
        "differences": _differences(answers, config),
        "challenge": _challenge(study.pipeline, photographs),
        "answers": answers,
        "pipeline": study.pipeline,
        "losses": study.histories,
    }
    if config.with_controls:
        controls = [(t, str(s.number)) for t, s in CONTROLS.items()]
        tables["controls"] = accuracies(answers[is_whole & keys.isin(controls)])
    failures = [
        of.assign(part=part)
        for part, of in photographs.failures.items()
        if len(of)
    ]
    if failures:
        tables["left_out"] = pd.concat(failures).drop(columns="path")
    return tables


def _differences(answers, config):
    """What the study is to show, as differences of accuracies."""
    rows = []

    def compare(claim, first, second):
        names = [dict(zip(NETWORK, of)) for of in (first, second)]
        rows.append({"claim": claim, **difference(answers, *names)})

    for steps in config.rows:
        if steps != _WHOLE:
            compare(
                f"gender, all steps against {steps}",
                ("gender", _WHOLE, config.gnet_crops),
                ("gender", steps, config.gnet_crops),
            )
    there = set(zip(answers.target, answers.steps, answers.crops))
    for target, crops in (
        ("gender", config.gnet_crops),
        ("smile", config.snet_crops),
    ):
        number = CONTROLS[target].number
        for crop in dict.fromkeys([*map(str, numbers_in(crops)), crops]):
            pair = (target, _WHOLE, crop), (target, _WHOLE, str(number))
            if there.issuperset(pair):
                name = SCHEMES[number].name
                compare(
                    f"{target}, crop {crop} against {number} ({name})", *pair
                )
    columns = ["claim", "difference", "standard_error", "least", "seeds"]
    return pd.DataFrame(rows, columns=columns)


def _challenge(pipeline, photographs):
    """The pipeline of Figure 1 in numbers, with errors over seeds."""
    by_seed = pipeline.groupby("seed")
    is_found = pipeline[list(ATTRIBUTES)].notna().all(axis=1)
    rows = [
        ("images", by_seed.size(), "validation images"),
        ("no_face", (~is_found).groupby(pipeline.seed).sum(), "without a face"),
    ]
    for target in ATTRIBUTES:
        is_right = pipeline[target] == pipeline[f"true_{target}"]
        rows.append(
            (
                f"{target}_accuracy",
                100 * is_right.groupby(pipeline.seed).mean(),
                f"% right about {target}",
            )
        )
    rows += [
        ("mean_error", by_seed.error.mean(), "error per image"),
        ("summed_error", by_seed.error.sum(), "error, summed over images"),
    ]
    table = pd.DataFrame(
        [
            {
                "name": name,
                "value": of.mean(),
                "standard_error": of.sem() if of.std() else np.nan,
                "unit": unit,
            }
            for name, of, unit in rows
        ]
    )
    table["paper"] = np.nan
    if photographs.is_of_paper:
        table.loc[table.name == "summed_error", "paper"] = CHALLENGE_ERROR
    return table
