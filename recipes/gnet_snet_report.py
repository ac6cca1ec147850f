"""What `recipes.gnet_snet` is called with, and what it writes."""

import dataclasses

import pandas as pd

from fdin_tf.data.cache import content_digest
from fdin_tf.data.cache import settings_digest
from fdin_tf.explain.answer_relevance import COMPOSITE
from fdin_tf.explain.html_report import Section
from fdin_tf.training.gnet_snet_paper import CHALLENGE_ERROR
from fdin_tf.training.gnet_snet_paper import PAPER_NAME
from recipes.gnet_snet_export import export_models
from recipes.gnet_snet_pictures import figures_of
from recipes.gnet_snet_tables import tables_of
from recipes.study_call import begin_call
from recipes.study_call import publish_call

# Where things are decides no number.
_PLACES = (
    *("name", "large_dir", "small_dir", "export_dir", "output_dir"),
    *("cache_dir", "restart", "memory", "verify"),
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
    "Step 1 learns persons ({}), step 2 attributes and step 3 the target, on "
    "the large set, step 4 the target on the small one. A network that takes "
    "step 4 alone begins at random; it sees as many photographs in step 4 as "
    "the others, and all its layers learn at the full rate."
)
_CROPS = (
    "What each scheme shows of a face; the number of a scheme is that of "
    "Table 3."
)
_CONTROLS = (
    " The controls learn from a crop without the evidence of the target: "
    "gender from cheeks and mouth, smile from brows and forehead (6, not of "
    "the paper; scaled by the eyes alone, since a smile changes the scale of "
    "the other crops)."
)
_CHALLENGE = (
    "Figure 1: a face is detected, that nearest to the image's centre taken, "
    "cut out and shown to GNet (crop {}) and SNet (crops {}). The error of an "
    "image is 0 where gender and smile are right, 1/2 where one of them is, "
    "and 1 where none is or no face was found."
)
_CHALLENGE_OF_PAPER = (
    f" {PAPER_NAME} printed {CHALLENGE_ERROR}, which can only be read as the "
    "sum over the validation images."
)
_RELEVANCE = (
    f"Layer-wise relevance propagation ({COMPOSITE}) through GNet and the "
    "networks of SNet, to the log-odds of the right answer; red speaks for "
    "it, blue against it. Rows: validation images about which both are right."
)
_LEFT_OUT = (
    "Images in which no usable face was found; `test` is the validation set "
    "with the face nearest to the centre."
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
    parts, photographs = data.parts, data.photographs
    fingerprint = settings_digest(photographs.fingerprints)
    facts = {
        "photographs": f"{_databases(parts['valid'])}, "
        f"{len(parts['valid'])} validation images",
        "large set": f"{_databases(parts['large'])}, "
        f"{len(parts['large'])} images of "
        f"{parts['large'].subject.nunique()} persons",
        "small set": f"{_databases(parts['small'])}, "
        f"{len(parts['small'])} images for training",
        "attributes": ", ".join(photographs.attributes),
        "crops": f"{config.image_size} pixels",
        "seeds": ", ".join(map(str, config.seeds)),
        "precision": config.precision,
        "fingerprint of the data": fingerprint,
    }
    return begin_call("gnet_snet", config, [settings, fingerprint], facts)


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
    figures = figures_of(study, data, config)
    both = pd.concat([tables["table_2"], tables["table_3"]])
    numbers = {
        f"{row.target}_steps_{row.steps}_crops_{row.crops}": row.accuracy
        for row in both.itertuples()
    }
    challenge = tables["challenge"].set_index("name").value
    return publish_call(
        call,
        "Gender and smile of photographs: GNet and SNet",
        tables,
        figures,
        sections_of(tables, figures, data, config),
        {name.replace("+", "_"): value for name, value in numbers.items()}
        | challenge.to_dict(),
        export_models(study, data, call, config),
    )


def sections_of(tables, figures, data, config):
    """Sections of the report.

    Args:
        tables: Dict of `tables_of`.
        figures: Dict of `figures_of`.
        data: `StudyData`.
        config: `Config` of `recipes.gnet_snet`.

    Returns:
        List of `Section`.
    """
    photographs = data.photographs
    two, three = (
        tables[name]
        if tables[name].paper_accuracy.notna().any()
        else tables[name].drop(columns="paper_accuracy")
        for name in ("table_2", "table_3")
    )
    words = _DRAWN if photographs.is_synthetic else ""
    words = _PAPER if "paper_accuracy" in three else words
    first = "VGG-Face, as published" if config.vggface_weights else "here"
    crops = {"Table 3: accuracy by crops": three}
    if "controls" in tables:
        crops["Controls: crops without the evidence"] = tables["controls"]
    challenge = tables["challenge"]
    is_paper = challenge.paper.notna().any()
    if not is_paper:
        challenge = challenge.drop(columns="paper")
    sections = [
        Section(
            "Steps of the training",
            f"{_STEPS.format(first)}\n\n{_TABLES.format(words)}",
            {
                "Table 2: gender, by the steps that are taken": two,
                "Differences, percentage points over seeds": tables[
                    "differences"
                ],
            },
        ),
        Section(
            "Crops",
            _CROPS + (_CONTROLS if "controls" in tables else ""),
            crops,
            {"Figure 3: crops of a face": figures["figure_3"]}
            if "figure_3" in figures
            else {},
        ),
        Section(
            "From photograph to answer",
            _CHALLENGE.format(config.gnet_crops, config.snet_crops)
            + (_CHALLENGE_OF_PAPER if is_paper else ""),
            {"The pipeline on the validation images": challenge},
        ),
    ]
    relevance = {
        f"Relevance of pixels: {name.removeprefix('relevance_')}": figure
        for name, figure in figures.items()
        if name.startswith("relevance_")
    }
    if relevance:
        sections.append(
            Section("What the answers rest on", _RELEVANCE, figures=relevance)
        )
    if "left_out" in tables:
        counted = tables["left_out"].groupby(["part", "reason"], sort=False)
        counted = counted.size().rename("images").reset_index()
        sections.append(
            Section(
                "Photographs that were left out",
                _LEFT_OUT,
                {"Left out, by reason": counted},
            )
        )
    return sections


def _databases(images):
    return ", ".join(images.database.unique())
