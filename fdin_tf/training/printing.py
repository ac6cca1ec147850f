"""What an experiment says on the console."""

from rich.console import Console
from rich.table import Table

from fdin_tf.data.clips import TARGET_CLASSES
from fdin_tf.progress import console


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


def print_report(tables, target):
    """Prints the tables of `error_tables`."""
    if target not in TARGET_CLASSES:
        print_errors(tables["errors"])
        return
    print_class_errors(tables["errors"], target)
    print_cells(tables["cells"], target)
    print_confusion(tables["confusion"], target)


def print_errors(errors):
    """Prints the table of `age_errors`."""
    table = _table(
        "Unseen subjects: mean absolute error (MAE) in years",
        "SE: standard error, clustered by subject. Mean: MAE of "
        "answering the mean age of the training clips.",
        ("clips", "subjects", "MAE", "SE", "within 5", "mean"),
    )
    for label, row, is_last in _labelled(errors):
        table.add_row(
            label,
            str(row.clips),
            str(row.subjects),
            f"{row.mae_years:.2f}",
            f"{row.standard_error_years:.2f}",
            f"{row.cumulative_score_5:.1f} %",
            f"{row.baseline_mae_years:.2f}",
            end_section=is_last,
        )
    Console().print(table)


def print_class_errors(errors, target):
    """Prints the table of `class_errors`."""
    table = _table(
        f"Unseen subjects: accuracy of {target} in %",
        "SE: standard error, clustered by subject. Balanced: mean of the "
        "recalls of both classes. Common: accuracy of answering the commonest "
        "class of the training clips.",
        ("clips", "subjects", "right", "SE", "balanced", "common"),
    )
    for label, row, is_last in _labelled(errors):
        measures = (
            row.accuracy, row.standard_error, row.balanced_accuracy,
            row.baseline_accuracy,
        )  # fmt: skip
        table.add_row(
            label,
            str(row.clips),
            str(row.subjects),
            *map(_number, measures),
            end_section=is_last,
        )
    Console().print(table)


def print_cells(cells, target):
    """Prints the table of `class_cells`."""
    table = _table(
        f"Accuracy of {target} in cells, in %",
        "SE: standard error, clustered by subject.",
        ("clips", "decisions", "subjects", "right", "SE", "balanced"),
    )
    for row in cells.itertuples(index=False):
        group, age_group = row[:2]
        label = group if age_group == group else f"{group} {age_group}"
        measures = row.accuracy, row.standard_error, row.balanced_accuracy
        counts = row.clips, row.samples, row.subjects
        table.add_row(label, *map(str, counts), *map(_number, measures))
    Console().print(table)


def print_confusion(confusion, target):
    """Prints the table of `confusion`."""
    classes = TARGET_CLASSES[target]
    table = _table(f"Clips by true and estimated {target}", None, classes)
    for true in classes:
        counts = confusion.loc[true, list(classes)]
        table.add_row(f"truly {true}", *map(str, counts))
    Console().print(table)


def _table(title, caption, columns):
    table = Table(title=title, caption=caption)
    table.add_column("", no_wrap=True)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _labelled(errors):
    """Every row with its label, and whether its section ends."""
    last = ~errors.grouped_by.duplicated(keep="last")
    for row, is_last in zip(errors.itertuples(), last):
        label = "" if row.grouped_by == "all" else f"{row.grouped_by} "
        yield label + row.group, row, is_last


def _number(value):
    return "-" if value != value else f"{value:.1f}"
