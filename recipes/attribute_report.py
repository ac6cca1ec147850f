"""What `recipes.attributes` is called with, and what it writes."""

import dataclasses

import pandas as pd

from fdin_tf.data.cache import content_digest
from fdin_tf.data.cache import settings_digest
from fdin_tf.explain.html_report import Section
from fdin_tf.training.attribute_networks import array_digest
from fdin_tf.training.attribute_paper import PAPER_NAME
from fdin_tf.training.attribute_tables import NETWORK
from recipes.study_call import begin_call
from recipes.study_call import publish_call

# Where things are, and what is only shown, decides no number.
_PLACES = ("name", "data_dir", "output_dir", "cache_dir", "restart")
_FILES = ("age_weights", "gender_weights", "age_mean", "gender_mean")
_ERRORS = (
    "Mean absolute errors of ratings from 1 to 9 on photographs of people "
    "that the networks were not shown, with standard errors clustered by "
    "subject; beside them the error of always answering the mean rating of "
    "the training half, and the share of the variance that is explained. {}"
)
_CURVES = (
    "Mean absolute error over each epoch of training, with dropout, of the "
    "two base networks, retrained in the dense layers or in full."
)
_BASES = (
    "The base networks were trained on drawn photographs of other people; "
    "accuracy in % on a fifth of these people that was left out, and that of "
    "always answering the commonest class."
)
_PAPER = f"`paper_mae` is the error that {PAPER_NAME} printed (Table 1)."
_DRAWN = (
    "The photographs are drawings whose ratings follow planted rules: the "
    "errors say nothing about people."
)


def begin(config, train, test):
    """The state of a call: the same for the same settings and photographs.

    Args:
        config: `Config` of `recipes.attributes`.
        train: `Photographs` of training.
        test: `Photographs` of testing.

    Returns:
        `Call`.
    """
    settings = dataclasses.asdict(config)
    for name in _PLACES:
        settings.pop(name)
    for name in _FILES:
        path = settings[name]
        settings[name] = path and content_digest(path)
    fingerprint = settings_digest(
        [array_digest(half.pixels) for half in (train, test)],
        [half.images.drop(columns="path").to_csv() for half in (train, test)],
    )
    images = pd.concat([train.images, test.images])
    facts = {
        "photographs": f"{', '.join(images.database.unique())}: "
        f"{len(train.images)} for training, {len(test.images)} for testing",
        "subjects": f"{train.images.subject.nunique()} and "
        f"{test.images.subject.nunique()}",
        "image size": f"{config.image_size} pixels",
        "seed": config.seed,
        "precision": config.fit.precision,
        "fingerprint of the data": fingerprint,
    }
    return begin_call("attributes", config, [settings, fingerprint], facts)


def publish(call, tables, figures, explained):
    """Writes tables, pictures and the report, to disk and to MLflow.

    Args:
        call: `Call`, inside of its tracker's run.
        tables: Dict of tables of errors: `table_1`, `estimates`, `bases`
            where these were trained.
        figures: Dict of figures: `figure_3`.
        explained: What `explain_attributes` gave.

    Returns:
        All tables, by name.
    """
    more_tables, more_figures, sections, numbers = explained
    return publish_call(
        call,
        "Faces rated by retrained networks, and why",
        tables | more_tables,
        figures | more_figures,
        [*_sections(tables, figures), *sections],
        _errors(tables["table_1"]) | numbers,
    )


def _errors(table):
    return {
        "_".join([*row[NETWORK], measure]): row[measure]
        for _, row in table.iterrows()
        for measure in ("mae", "standard_error", "baseline_mae", "r2")
    }


def _sections(tables, figures):
    """Sections of the report about errors."""
    table = tables["table_1"]
    is_printed = table.paper_mae.notna().any()
    if not is_printed:
        table = table.drop(columns="paper_mae")
    sections = [
        Section(
            "Errors of the ratings",
            _ERRORS.format(_PAPER if is_printed else _DRAWN),
            {"Table 1: mean absolute errors, points of 1 to 9": table},
        ),
        Section(
            "Training errors",
            _CURVES,
            figures={"Figure 3: training errors by epoch": figures["figure_3"]},
        ),
    ]
    if "bases" in tables:
        caption = "Base networks on people that they were not shown"
        sections.append(
            Section("Base networks", _BASES, {caption: tables["bases"]})
        )
    return sections
