"""What an experiment found: tables, pictures, model card."""

import dataclasses

from fdin_tf.data.cache import atomic_path
from fdin_tf.data.clips import TARGET_CLASSES
from fdin_tf.data.folds import fold_table
from fdin_tf.explain.curve_plots import plot_cumulative_errors
from fdin_tf.explain.curve_plots import plot_errors_by_sample_count
from fdin_tf.explain.plots import plot_confusion
from fdin_tf.explain.plots import plot_learning_curves
from fdin_tf.explain.plots import plot_predicted_against_true
from fdin_tf.explain.plots import save_figure
from fdin_tf.training.class_metrics import class_cells
from fdin_tf.training.class_metrics import class_errors
from fdin_tf.training.class_metrics import confusion
from fdin_tf.training.decisions import AGE_EDGES
from fdin_tf.training.error_curves import cumulative_errors
from fdin_tf.training.error_curves import errors_by_decade
from fdin_tf.training.error_curves import errors_by_sample_count
from fdin_tf.training.importance_report import explain_folds
from fdin_tf.training.metrics import age_errors
from fdin_tf.training.paper import network_title

_LIMITS = (
    "An estimate is no fact about a person. The error differs between groups "
    "and grows outside the ages, recordings and expressions of the training "
    "data. Not for decisions about individuals, for checking anybody's age or "
    "identity, or for clips recorded without consent. Errors on the embedded "
    "synthetic clips say nothing about errors on real faces."
)


def error_tables(predictions, target, edges=AGE_EDGES, per="video"):
    """How good the estimates are.

    Args:
        predictions: Table of a `CrossValidation`.
        target: `age`, `gender` or `spontaneity`.
        edges: Edges of the age groups, see `class_errors`; classes only.
        per: See `class_cells`; classes only.

    Returns:
        Dict of tables. For age `errors`, of `age_errors`; for classes
        `errors`, of `class_errors`, `cells`, of `class_cells`, and
        `confusion`.
    """
    if target not in TARGET_CLASSES:
        return {"errors": age_errors(predictions)}
    return {
        "errors": class_errors(predictions, target, edges),
        "cells": class_cells(predictions, target, edges, per),
        "confusion": confusion(predictions, target),
    }


@dataclasses.dataclass(frozen=True)
class Report:
    """What is told of a cross-validation, by name.

    Attributes:
        tables: Dict of tables.
        figures: Dict of matplotlib `Figure`s.
        metrics: Dict of numbers.
    """

    tables: dict
    figures: dict
    metrics: dict

    def write(self, folder, tracker):
        """Writes it to disk and to MLflow.

        Args:
            folder: Folder for the tables, as CSV, and for `figures/`.
            tracker: `Tracker`, inside a run.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in self.tables.items():
            with atomic_path(folder / f"{name}.csv") as temporary:
                table.to_csv(temporary, index=False)
            tracker.log_table(table, name)
        for name, figure in self.figures.items():
            for path in save_figure(figure, folder / "figures" / name):
                tracker.log_file(path, "figures")
        tracker.log_metrics(self.metrics)


def report_errors(predictions, target, edges=AGE_EDGES, per="video"):
    """How good the estimates are, with a picture.

    Args:
        predictions: Table of a `CrossValidation`.
        target: See `error_tables`.
        edges: See `error_tables`.
        per: See `error_tables`.

    Returns:
        The tables of `error_tables`, and a `Report` of these, the predictions
        and the errors of all clips.
    """
    errors = error_tables(predictions, target, edges, per)
    tables = {**errors, "predictions": predictions}
    if target in TARGET_CLASSES:
        tables["confusion"] = errors["confusion"].reset_index()
        figures = {"confusion": plot_confusion(errors["confusion"], target)}
    else:
        picture = plot_predicted_against_true(predictions)
        figures = {"predicted_against_true": picture}
    overall = errors["errors"].iloc[0].drop(["grouped_by", "group"])
    metrics = {f"test_{name}": value for name, value in overall.items()}
    return errors, Report(tables, figures, metrics)


def write_report(
    found,
    prepared,
    folder,
    tracker,
    edges=AGE_EDGES,
    per="video",
    network="fdin",
    further=None,
):
    """Tables and pictures of a cross-validation, to disk and to MLflow.

    Args:
        found: `CrossValidation`.
        prepared: `Prepared`.
        folder: Folder for the tables, as CSV, and for `figures/`.
        tracker: `Tracker`, inside a run.
        edges: See `error_tables`.
        per: See `error_tables`.
        network: Name of the network, for legends.
        further: Dict of further tables.

    Returns:
        The tables of `error_tables`.
    """
    target, encoded = prepared.target, prepared.encoded
    errors, report = report_errors(found.predictions, target, edges, per)
    tables, figures = report.tables, report.figures
    tables |= {
        "history": found.history,
        "folds": fold_table(prepared.folds),
        "clips": encoded.clips,
        "left_out": encoded.left_out,
        **(further or {}),
    }
    figures["learning_curves"] = plot_learning_curves(found.history)
    if target not in TARGET_CLASSES:
        curves = _age_curves(
            found.predictions, network_title(network), whose(encoded)
        )
        tables |= curves[0]
        figures |= curves[1]
    if found.regional_importance is not None:
        tables["regional_importance"] = found.regional_importance.reset_index()
    if found.importance is not None:
        explanation = explain_folds(found, target, whose(encoded))
        tables |= explanation.tables
        figures |= explanation.figures
        report.metrics.update(explanation.metrics)
    report.write(folder, tracker)
    return errors


def _age_curves(predictions, network, title):
    """Table III, Figures 7 and 8 of Pei et al. (2020): tables and pictures."""
    cumulative = cumulative_errors(predictions)
    by_count = errors_by_sample_count(predictions)
    decades = errors_by_decade(predictions)
    tables = {
        "decades": decades.rename_axis("measure").reset_index(),
        "cumulative_errors": cumulative,
        "errors_by_sample_count": by_count,
    }
    figures = {
        "cumulative_errors": plot_cumulative_errors(
            {network: cumulative}, title
        ),
        "errors_by_sample_count": plot_errors_by_sample_count(
            {network: by_count}, title
        ),
    }
    return tables, figures


def model_card(prepared, errors, found):
    """What an exported model is, how well it did, and what it is not for.

    Args:
        prepared: `Prepared`.
        errors: The table `errors` of `error_tables`.
        found: `CrossValidation`.

    Returns:
        Dict that JSON can hold.
    """
    config, target = prepared.config, prepared.target
    clips = prepared.encoded.clips
    return {
        "name": config.name,
        "target": target,
        **_answer(target, errors, found.predictions),
        "face": dataclasses.asdict(config.face),
        "trained_on": {
            "databases": sorted(clips.database.unique()),
            "clips": len(clips),
            "subjects": int(clips.subject.nunique()),
            "left_out": len(prepared.encoded.left_out),
            "youngest": _or_none(clips.age.min()),
            "oldest": _or_none(clips.age.max()),
        },
        "facts": prepared.facts,
        "errors": errors.astype(object)
        .where(errors.notna(), None)
        .to_dict(orient="records"),
        "limits": _LIMITS,
    }


def _answer(target, errors, predictions):
    """What the answer is, and what is told along with one."""
    if target in TARGET_CLASSES:
        overall = errors.iloc[0]
        return {
            "classes": list(TARGET_CLASSES[target]),
            "cross_validation": {
                name: round(float(overall[name]), 3)
                for name in ("accuracy", "balanced_accuracy")
            },
        }
    return {
        "unit": "years",
        "cross_validation": {
            name: predictions[name].round(3).tolist()
            for name in ("age", "estimate")
        },
    }


def whose(encoded):
    """Whom pictures are about; drawn faces are not passed off as people."""
    names = encoded.clips.database.unique()
    is_drawn = any(name.startswith("Synthetic") for name in names)
    return "Unseen subjects" + (" (synthetic clips)" if is_drawn else "")


def _or_none(age):
    """JSON has no NaN: what an age is where none is known."""
    return None if age != age else float(age)
