"""What `recipes.gnet_snet` is called with, and what it writes."""

import dataclasses

import numpy as np
import pandas as pd

from fdin_tf.data.cache import content_digest
from fdin_tf.data.face_images import face_points
from fdin_tf.data.image_files import read_image
from fdin_tf.explain.answer_relevance import COMPOSITE
from fdin_tf.explain.answer_relevance import answer_relevance
from fdin_tf.explain.crop_plots import plot_crops
from fdin_tf.explain.html_report import Section
from fdin_tf.explain.relevance_plots import plot_heatmaps
from fdin_tf.models.gnet_snet import average_networks
from fdin_tf.progress import console
from fdin_tf.serving.export_images import export_image_model
from fdin_tf.serving.export_images import image_card
from fdin_tf.training.gnet_snet_paper import CHALLENGE_ERROR
from fdin_tf.training.gnet_snet_paper import PAPER_NAME
from fdin_tf.training.gnet_snet_tables import NETWORK
from fdin_tf.training.gnet_snet_tables import accuracies
from fdin_tf.training.gnet_snet_tables import difference
from fdin_tf.training.gnet_snet_tables import in_text
from fdin_tf.training.gnet_snet_tables import numbers_in
from fdin_tf.training.gnet_snet_tables import table_2
from fdin_tf.training.gnet_snet_tables import table_3
from recipes.gnet_snet_data import ATTRIBUTES
from recipes.gnet_snet_data import CONTROLS
from recipes.gnet_snet_data import SCHEMES
from recipes.gnet_snet_data import true_classes
from recipes.gnet_snet_networks import ALL_STEPS
from recipes.study_call import begin_call
from recipes.study_call import publish_call

# Where things are, and what is only shown, decides no number.
_PLACES = (
    *("name", "large_dir", "small_dir", "export_dir", "output_dir"),
    *("cache_dir", "restart", "memory"),
)
_TABLES = (
    "Accuracy on the validation images of the small set, in %, with the "
    "standard error over seeds (of one seed: over images); `commonest` is the "
    "accuracy of always giving the commonest answer. Iterations are fixed and "
    "the last weights are taken, so that the validation images choose nothing."
    " {}"
)
_PAPER = f"`paper_accuracy` is what {PAPER_NAME} printed."
_DRAWN = (
    "The photographs are drawings whose gender and smile show in planted "
    "places: the numbers say nothing about people."
)
_STEPS = (
    "Step 1 learns persons{}, step 2 attributes and step 3 the target, on the "
    "large set, step 4 the target on the small one. Step 4 alone begins at "
    "random, with as many iterations of step 4 as the others."
)
_CROPS = (
    "What each scheme shows of a face; the number of a scheme is that of "
    "Table 3. `6` is not of the paper: it is a control that cuts the evidence "
    "of a smile off, and is scaled by the eyes alone."
)
_CHALLENGE = (
    "Figure 1: a face is detected, that nearest to the image's centre taken, "
    "cut out and shown to GNet (crop {}) and SNet (crops {}). The error of an "
    "image is 0 where gender and smile are right, 1/2 where one of them is, "
    "and 1 where none is or no face was found. {} printed 263.5, which must "
    "be the sum over the validation images."
)
_RELEVANCE = (
    "Layer-wise relevance propagation ({}) through GNet and the networks of "
    "SNet, to the log-odds of the right answer; red speaks for it, blue "
    "against it. "
    "Rows: validation images of which every network is right."
)


def begin(config, data):
    """The state of a call: the same for the same settings and photographs.

    Args:
        config: `Config` of `recipes.gnet_snet`.
        data: `StudyData`.

    Returns:
        `Call`.
    """
    settings = dataclasses.asdict(config)
    for name in _PLACES:
        settings.pop(name)
    weights = config.vggface_weights
    settings["vggface_weights"] = weights and content_digest(weights)
    parts = data.parts
    facts = {
        "photographs": f"{_databases(parts['valid'])}, "
        f"{len(parts['valid'])} validation images",
        "large set": f"{_databases(parts['large'])}, "
        f"{len(parts['large'])} images of {parts['large'].subject.nunique()}",
        "small set": f"{_databases(parts['small'])}, "
        f"{len(parts['small'])} images for training",
        "attributes": ", ".join(data.attributes),
        "crops": f"{config.image_size} pixels",
        "seeds": ", ".join(map(str, config.seeds)),
        "precision": config.precision,
        "fingerprint of the data": data.fingerprint,
    }
    return begin_call("gnet_snet", config, [settings, data.fingerprint], facts)


def publish(call, study, data, config):
    """Writes tables, pictures, models and the report.

    Args:
        call: `Call`, inside of its tracker's run.
        study: `Study`.
        data: `StudyData`.
        config: `Config` of `recipes.gnet_snet`.

    Returns:
        All tables, by name.
    """
    tables = tables_of(study, data, config)
    figures = {"figure_3": None, "relevance": _heatmaps(study, data, config)}
    if data.is_synthetic or config.show_faces:
        figures["figure_3"] = _crops(data)
    figures = {name: of for name, of in figures.items() if of is not None}
    if config.export_dir is not None:
        _export(study, data, tables, call, config)
    numbers = {
        f"{row.target}_steps_{row.steps}_crops_{row.crops}": row.accuracy
        for row in pd.concat(
            [tables["table_2"], tables["table_3"]]
        ).itertuples()
    }
    return publish_call(
        call,
        "Gender and smile of photographs: GNet and SNet",
        tables,
        figures,
        _sections(tables, figures, data, config),
        {name.replace("+", "_"): value for name, value in numbers.items()}
        | dict(zip(tables["challenge"]["name"], tables["challenge"]["value"])),
    )


def tables_of(study, data, config):
    """All tables of the study.

    Args:
        study: `Study`.
        data: `StudyData`.
        config: `Config` of `recipes.gnet_snet`.

    Returns:
        Dict of DataFrames.
    """
    answers = study.answers
    is_paper = data.is_of_paper
    is_whole = answers.steps == in_text(ALL_STEPS)
    in_table_3 = {
        ("gender", crops) for crops in (*config.gender_crops, config.gnet_crops)
    } | {("smile", crops) for crops in (*config.smile_crops, config.snet_crops)}
    keys = pd.Series(
        list(zip(answers.target, answers.crops)), index=answers.index
    )
    tables = {
        "table_2": table_2(
            answers[
                (answers.target == "gender")
                & (answers.crops == config.gnet_crops)
                & answers.steps.isin(config.rows)
            ],
            is_paper,
        ),
        "table_3": table_3(answers[is_whole & keys.isin(in_table_3)], is_paper),
        "differences": _differences(answers, config),
        "challenge": _challenge(study.pipeline, data),
        "answers": answers,
        "pipeline": study.pipeline,
        "losses": study.histories,
    }
    failures = [
        of.assign(part=part) for part, of in data.failures.items() if len(of)
    ]
    if failures:
        tables["left_out"] = pd.concat(failures).drop(columns="path")
    if config.with_controls:
        controls = {(t, str(s.number)) for t, s in CONTROLS.items()}
        tables["controls"] = accuracies(answers[is_whole & keys.isin(controls)])
    return tables


def _differences(answers, config):
    """What the study is to show, as differences of accuracies."""
    rows = []

    def compare(claim, first, second):
        names = [dict(zip(NETWORK, of)) for of in (first, second)]
        found = difference(answers, *names)
        rows.append({"claim": claim, **found})

    whole, crops = in_text(ALL_STEPS), config.gnet_crops
    for steps in config.rows:
        if steps != whole and whole in config.rows:
            compare(
                f"gender, all steps against {steps}",
                ("gender", whole, crops),
                ("gender", steps, crops),
            )
    if config.with_controls:
        for target, crops in (
            ("gender", config.gnet_crops),
            ("smile", config.snet_crops),
        ):
            for crop in dict.fromkeys([*map(str, numbers_in(crops)), crops]):
                number = str(CONTROLS[target].number)
                if (target, crop) in set(zip(answers.target, answers.crops)):
                    compare(
                        f"{target}, crop {crop} against {number} "
                        f"({SCHEMES[int(number)].name})",
                        (target, whole, crop),
                        (target, whole, number),
                    )
    columns = ["claim", "difference", "standard_error", "least", "seeds"]
    return pd.DataFrame(rows, columns=columns)


def _challenge(pipeline, data):
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
    table["paper"] = np.where(
        data.is_of_paper & (table.name == "summed_error"),
        CHALLENGE_ERROR,
        np.nan,
    )
    return table


def _crops(data):
    """Figure 3, of the first validation image."""
    image = data.parts["valid"].iloc[[0]]
    return plot_crops(
        read_image(image.path.item()),
        face_points(image)[0],
        "Drawn face" if data.is_synthetic else None,
        schemes=list(SCHEMES.values()),
    )


def _heatmaps(study, data, config):
    """Relevance through GNet and SNet, on the first right answers."""
    if not (data.is_synthetic or config.show_faces):
        return None
    images = data.parts["valid"]
    rows = _all_right(study, images, config)[: config.num_shown]
    if not len(rows):
        return None
    shown, heatmaps = None, {}
    for title, stages, crops in (
        ("GNet", study.gnet, numbers_in(config.gnet_crops)),
        ("SNet", study.snet, numbers_in(config.snet_crops)),
    ):
        for stage, crop in zip(stages, crops):
            pixels = data.source("valid", crop).crops(rows)
            target = stage.head
            heatmaps[f"{title}, crop {crop}"] = answer_relevance(
                stage.load(), pixels, true_classes(images.iloc[rows], target)
            )
            shown = pixels if shown is None else shown
    names = [
        f"{of.gender}, {'smile' if of.Smiling else 'no smile'}"
        for of in images.iloc[rows].itertuples()
    ]
    return plot_heatmaps(
        shown, heatmaps, names, title="What the answers rest on"
    )


def _all_right(study, images, config):
    """Rows of images of which GNet and SNet of the first seed are right."""
    answers = study.answers
    is_final = (answers.seed == config.seeds[0]) & (
        answers.steps == in_text(ALL_STEPS)
    )
    right = images.image_id.notna()
    for target, crops in (
        ("gender", config.gnet_crops),
        ("smile", config.snet_crops),
    ):
        of = answers[
            is_final & (answers.target == target) & (answers.crops == crops)
        ]
        right &= images.image_id.isin(of.image_id[of.answer == of.truth])
    return np.flatnonzero(right)


def _export(study, data, tables, call, config):
    """Writes GNet and SNet of the first seed for serving."""
    accuracy = study.answers[study.answers.seed == config.seeds[0]]
    accuracy = accuracies(accuracy).set_index(NETWORK)
    trained_on = {
        "databases": [
            *dict.fromkeys(
                [*data.parts["large"].database, *data.parts["small"].database]
            )
        ],
        "is_drawn": data.is_synthetic,
        "images": len(data.parts["large"]) + len(data.parts["small"]),
        "subjects": int(
            data.parts["large"].subject.nunique()
            + data.parts["small"].subject.nunique()
        ),
    }
    for name, target, stages, crops in (
        ("gnet", "gender", study.gnet, config.gnet_crops),
        ("snet", "smile", study.snet, config.snet_crops),
    ):
        networks = [stage.load() for stage in stages]
        one = len(networks) == 1
        model = networks[0] if one else average_networks(networks)
        row = accuracy.loc[(target, in_text(ALL_STEPS), crops)]
        card = image_card(
            name,
            target,
            list(numbers_in(crops)),
            config.image_size,
            trained_on,
            {
                "on": "validation images",
                "images": int(row.images),
                "accuracy": float(row.accuracy),
                "standard_error": float(row.standard_error),
            },
            call.facts,
        )
        path = export_image_model(model, config.export_dir / name, card)
        call.tracker.log_file(path / "assets.extra" / "card.json", name)
        console.print(f"Exported: {path}", soft_wrap=True)


def _sections(tables, figures, data, config):
    is_printed = tables["table_3"].paper_accuracy.notna().any()
    words = _PAPER if is_printed else _DRAWN if data.is_synthetic else ""
    shown = {
        name: table.drop(columns=[] if is_printed else ["paper_accuracy"])
        for name, table in tables.items()
        if name in ("table_2", "table_3")
    }
    learnt = "" if config.vggface_weights is None else " (VGG-Face, published)"
    sections = [
        Section(
            "Steps of the training",
            f"{_STEPS.format(learnt)}\n\n{_TABLES.format(words)}",
            {
                "Table 2: gender, by the steps that are taken": shown[
                    "table_2"
                ],
                "Differences, percentage points over seeds": tables[
                    "differences"
                ],
            },
        ),
        Section(
            "Crops",
            _CROPS,
            {"Table 3: accuracy by crops": shown["table_3"]}
            | (
                {"Controls: crops without the evidence": tables["controls"]}
                if "controls" in tables
                else {}
            ),
            {"Figure 3: crops of a face": figures["figure_3"]}
            if "figure_3" in figures
            else {},
        ),
        Section(
            "From photograph to answer",
            _CHALLENGE.format(config.gnet_crops, config.snet_crops, PAPER_NAME),
            {"The pipeline on the validation images": tables["challenge"]},
        ),
    ]
    if "relevance" in figures:
        caption = "Relevance of pixels, through GNet and SNet"
        sections.append(
            Section(
                "What the answers rest on",
                _RELEVANCE.format(COMPOSITE),
                figures={caption: figures["relevance"]},
            )
        )
    if "left_out" in tables:
        counted = (
            tables["left_out"]
            .groupby(["part", "reason"], sort=False)
            .size()
            .rename("images")
            .reset_index()
        )
        sections.append(
            Section(
                "Photographs that were left out",
                "Images in which no usable face was found; `test` is the "
                "validation set with the face nearest to the centre.",
                {"Left out, by reason": counted},
            )
        )
    return sections


def _databases(images):
    return ", ".join(images.database.unique())
