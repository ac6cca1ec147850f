"""What an experiment found: tables, pictures, model card, console."""

import dataclasses

from rich.console import Console
from rich.table import Table

from fdin_tf.data.folds import fold_table
from fdin_tf.explain.plots import plot_learning_curves
from fdin_tf.explain.plots import plot_predicted_against_true
from fdin_tf.progress import console
from fdin_tf.training.metrics import age_errors

_LIMITS = (
    "An estimate is no fact about a person. The error differs between groups "
    "and grows outside the ages, recordings and expressions of the training "
    "data. Not for decisions about individuals, for checking anybody's age or "
    "identity, or for clips recorded without consent. Errors on the embedded "
    "synthetic clips say nothing about errors on real faces."
)


def write_report(found, encoded, folds, run_dir, tracker):
    """Tables and pictures of a cross-validation, to disk and to MLflow.

    Returns:
        The table of errors, see `age_errors`.
    """
    errors = age_errors(found.predictions)
    tables = {
        "errors": errors,
        "predictions": found.predictions,
        "history": found.history,
        "folds": fold_table(folds),
        "clips": encoded.clips,
        "left_out": encoded.left_out,
    }
    for name, table in tables.items():
        table.to_csv(run_dir / f"{name}.csv", index=False)
        tracker.log_table(table, name)
    tracker.log_figure(plot_learning_curves(found.history), "learning_curves")
    tracker.log_figure(
        plot_predicted_against_true(found.predictions), "predicted_against_true"
    )
    overall = errors.iloc[0]
    measured = overall.index.difference(["grouped_by", "group"])
    tracker.log_metrics({f"test_{name}": overall[name] for name in measured})
    return errors


def model_card(config, encoded, facts, errors, found):
    """What an exported model is, how well it did, and what it is not for."""
    clips = encoded.clips
    return {
        "name": config.name,
        "target": "age",
        "unit": "years",
        "face": dataclasses.asdict(config.face),
        "trained_on": {
            "databases": sorted(clips.database.unique()),
            "clips": len(clips),
            "subjects": int(clips.subject.nunique()),
            "left_out": len(encoded.left_out),
            "youngest": float(clips.age.min()),
            "oldest": float(clips.age.max()),
        },
        "facts": facts,
        "errors": errors.astype(object)
        .where(errors.notna(), None)
        .to_dict(orient="records"),
        "cross_validation": {
            name: found.predictions[name].round(3).tolist()
            for name in ("age", "estimate")
        },
        "limits": _LIMITS,
    }


def say_what_runs(encoded, facts):
    """Prints data, clips that are left out, encoder and folds."""
    clips = encoded.clips
    console.print(
        f"Data: {facts['data']}: {len(clips)} clips of "
        f"{clips.subject.nunique()} subjects, {clips.num_frames.sum()} frames"
    )
    if len(encoded.left_out):
        console.print(f"Left out: {len(encoded.left_out)} of the clips:")
        for row in encoded.left_out.itertuples():
            console.print(f"  {row.clip_id}: {row.reason}", soft_wrap=True)
    console.print(f"Faces from: {', '.join(clips.face_source.unique())}")
    console.print(f"Encoder: {facts['encoder']}, {facts['precision']}")
    console.print(f"Folds: {facts['folds']}")


def print_errors(errors):
    """Prints the table of errors."""
    table = Table(
        title="Unseen subjects: mean absolute error (MAE) in years",
        caption="SE: standard error, clustered by subject. Mean: MAE of "
        "answering the mean age of the training clips.",
    )
    table.add_column("", no_wrap=True)
    for name in ("clips", "subjects", "MAE", "SE", "within 5", "mean"):
        table.add_column(name, justify="right", no_wrap=True)
    for grouped_by, rows in errors.groupby("grouped_by", sort=False):
        for row in rows.itertuples():
            label = "" if grouped_by == "all" else f"{grouped_by} "
            table.add_row(
                label + row.group,
                str(row.clips),
                str(row.subjects),
                f"{row.mae_years:.2f}",
                f"{row.standard_error_years:.2f}",
                f"{row.cumulative_score_5:.1f} %",
                f"{row.baseline_mae_years:.2f}",
            )
        table.add_section()
    Console().print(table)
