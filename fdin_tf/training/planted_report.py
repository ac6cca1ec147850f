"""What the planted-relation benchmark found: tables, pictures, console."""

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from fdin_tf.data.cache import atomic_path
from fdin_tf.explain.planted_plots import plot_planted
from fdin_tf.explain.plots import save_figure
from fdin_tf.progress import console
from fdin_tf.training.planted import summarize
from fdin_tf.training.planted_networks import TITLES


def report_planted(results, config, tracker):
    """Tables, pictures and the printed summary, to disk and to MLflow.

    Args:
        results: Table with one row per trained network, see `run_planted`.
        config: `PlantedConfig`.
        tracker: `Tracker`, inside its `run`.
    """
    if config.tune:
        tables = {"tuning": results}
        _print_tuning(results)
    else:
        tables = {"networks": results, "summary": summarize(results)}
        _print_summary(tables["summary"])
        figure = plot_planted(results, TITLES)
        save_figure(figure, config.output_dir / "planted")
        tracker.log_figure(figure, "planted")
    for name, table in tables.items():
        with atomic_path(config.output_dir / f"{name}.csv") as path:
            table.to_csv(path, index=False)
        tracker.log_table(table, name)
    if not config.tune:
        for row in tables["summary"].itertuples():
            found = {
                f"{row.mode}_{row.network}_{name}": getattr(row, name)
                for name in ("r2", "mae", "ranked_first", "mean_rank", "weight")
            }
            tracker.log_metrics(found)
    console.print(f"Tables: {config.output_dir}", soft_wrap=True)


def _print_summary(summary):
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 0, 0, 1),
        pad_edge=False,
        title="Planted relations: what the networks found",
        caption="Medians over pairs and sets of clips; first: share of runs "
        "whose planted pair has rank 1 of 36 (chance: mean rank 18.5); agrees: "
        "share of runs in which perturbing the two planted regions hurts "
        "most; LRP: share of runs in which relevance propagation gives "
        "the two most. The pairs of a set share its clips and split. Drawn "
        "faces; "
        "errors in frames, those of the amplitude ratio without unit.",
    )
    table.add_column("", no_wrap=True)
    for name in ("runs", "R2", "MAE", "first", "rank", "weight", "agrees",
                 "LRP"):  # fmt: skip
        table.add_column(name, justify="right", no_wrap=True)

    def number(value, form):
        return "" if pd.isna(value) else form.format(value)

    for mode, rows in summary.groupby("mode", sort=False):
        table.add_section()
        table.add_row(f"[bold]{mode.replace('_', ' ')}")
        for row in rows.itertuples():
            table.add_row(
                TITLES[row.network],
                str(row.runs),
                number(row.r2, "{:.2f}"),
                number(row.mae, "{:.2f}"),
                number(row.ranked_first, "{:.0f} %"),
                number(row.mean_rank, "{:.1f}"),
                number(row.weight, "{:.2f}"),
                number(row.perturbation_agrees, "{:.0f} %"),
                number(row.relevance_agrees, "{:.0f} %"),
            )
    Console().print(table)


def _print_tuning(results):
    table = Table(
        title="Tuning: R2 on the validation clips",
        caption="Each of these networks is tried with the same settings.",
    )
    for name in ("network", "head", "learning rate", "R2", "seconds"):
        table.add_column(name)
    for row in results.itertuples():
        table.add_row(
            TITLES[row.network],
            " ".join(map(str, row.head_units)),
            f"{row.learning_rate:g}",
            f"{row.valid_r2:.3f}",
            f"{row.seconds:.0f}",
        )
    Console().print(table)
