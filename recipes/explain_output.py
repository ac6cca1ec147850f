"""What the reports of `recipes.explain` have in common."""

import dataclasses
import re
import tempfile

from fdin_tf.data.cache import atomic_path
from fdin_tf.explain.html_report import write_html_report
from fdin_tf.explain.plots import save_figure
from fdin_tf.training.tracking import Tracker
from fdin_tf.version import __version__


def write_results(
    model, stored, config, facts, tables, figures, sections, numbers, videos=()
):
    """Writes tables, pictures and the report, to disk and to MLflow.

    Args:
        model: `Exported`.
        stored: `StoredClips` that it was explained on.
        config: Config of `recipes.explain`.
        facts: What the report is about, see `facts_of`.
        tables: Dict from a file's name to a DataFrame.
        figures: Dict from a file's name to a matplotlib `Figure`.
        sections: The report's sections.
        numbers: Dict of what MLflow shows as metrics.
        videos: Paths of videos that are written already.

    Returns:
        Path of the report.
    """
    written = []
    for name, table in tables.items():
        path = config.output_dir / f"{name}.csv"
        with atomic_path(path) as temporary:
            table.to_csv(temporary, index=False)
    for name, figure in figures.items():
        written += save_figure(figure, config.output_dir / name)
    report = write_html_report(
        config.output_dir / "report.html",
        f"What {model.card['name']} answers from"
        f"{synthetic_label(model, stored)}",
        facts,
        sections,
    )
    with tempfile.TemporaryDirectory() as run_dir:  # every call is a new run
        tracker = Tracker("explain", run_dir, dataclasses.asdict(config), facts)
        with tracker.run(model.card["name"]):
            for name, table in tables.items():
                tracker.log_table(table, name)
            for path in written:
                tracker.log_file(path, "figures")
            for path in videos:
                tracker.log_file(path, "videos")
            tracker.log_file(report)
            tracker.log_metrics(numbers)
    return report


def synthetic_label(model, encoded):
    """What titles say where model or clips are drawn, not recorded."""
    names = encoded.clips.database.unique()
    drawn = {
        "model": model.is_synthetic,
        "clips": any(name.startswith("Synthetic") for name in names),
    }
    drawn = [name for name, holds in drawn.items() if holds]
    return f" (synthetic {' and '.join(drawn)})" if drawn else ""


def facts_of(clips, model, encoded, config):
    """What the report is about, for its head and for MLflow's tags."""
    card = model.card
    trained = card["trained_on"]
    overall = next(
        (row for row in card["errors"] if row["grouped_by"] == "all"), {}
    )
    same = encoded.fingerprint() == card["facts"].get("data_fingerprint")
    data = config.data or f"embedded clips ({config.embedded})"
    return {
        "model": f"{card['name']}: {card['target']}",
        "version": str(model.path),
        "trained on": f"{trained['clips']} clips of {trained['subjects']} "
        f"subjects: {', '.join(trained['databases'])}",
        "precision": card["facts"].get("precision", "unknown"),
        "encoder": card["facts"].get("encoder", "unknown"),
        "errors in cross-validation": _errors(overall),
        "data": str(data),
        "clips": len(clips),
        "subjects": int(clips.subject.nunique()),
        "group": config.group or "all",
        "left out": len(encoded.left_out),
        "fingerprint of the data": encoded.fingerprint(),
        "trained on these very clips": (
            "yes: errors in this report are no test errors" if same else
            "no, by the fingerprint of the data (single clips may be shared)"
        ),
        "fdin-tf": __version__,
    }  # fmt: skip


def _errors(row):
    """The errors over all clips of a model card, in words."""
    for name, words, unit in (
        ("mae_years", "mean absolute error", "years"),
        ("accuracy", "accuracy", "%"),
    ):
        if name in row:
            key = (
                "standard_error_years" if unit == "years" else "standard_error"
            )
            error = row.get(key)
            error = "" if error is None else f", standard error {error:.2f}"
            return f"{words} {row[name]:.2f} {unit}{error}"
    return "unknown"


def shows_faces(config):
    """Whether the people in the clips may be shown: drawn, or asked for."""
    return config.show_faces or config.data is None


def second_line(label):
    """What is synthetic, in a title's second line."""
    return label.replace(" (", "\n(", 1)


def file_name(clip_id):
    """The id of a clip as a part of a file name."""
    return re.sub(r"[^\w.-]", "_", clip_id)
