"""Several networks, each cross-validated on the same clips and folds."""

import dataclasses
from pathlib import Path

import pandas as pd

from fdin_tf.data.cache import atomic_path
from fdin_tf.data.cache import write_json
from fdin_tf.data.clips import TARGET_CLASSES
from fdin_tf.explain.plots import save_figure
from fdin_tf.progress import console
from fdin_tf.training.comparison import compare_age
from fdin_tf.training.comparison import compare_class
from fdin_tf.training.cross_validate import CrossValidation
from fdin_tf.training.cross_validate import cross_validate
from fdin_tf.training.cross_validate import read_cross_validation
from fdin_tf.training.decisions import AGE_EDGES
from fdin_tf.training.decisions import age_group_labels
from fdin_tf.training.experiment import begin
from fdin_tf.training.experiment import clear
from fdin_tf.training.handcrafted_comparison import Handcrafted
from fdin_tf.training.paper import network_title
from fdin_tf.training.prepare import Prepared
from fdin_tf.training.prepare import prepare
from fdin_tf.training.report import write_report
from fdin_tf.training.tracking import Tracker


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Networks that were tested on the same clips.

    Attributes:
        prepared: `Prepared`.
        found: Dict from the name of a network to its `CrossValidation`, and
            of a handcrafted row to its `RowFolds`.
        table: What `compare_age` or `compare_class` makes of it.
        run_dir: Folder of this comparison.
        tracker: `Tracker` of this comparison.
        name: Name of its run.
    """

    prepared: Prepared
    found: dict[str, CrossValidation]
    table: pd.DataFrame
    run_dir: Path
    tracker: Tracker
    name: str

    @property
    def data(self):
        """Which data our numbers are about, in words."""
        facts = self.prepared.facts
        return f"{facts['data']}, {facts['folds']}, {facts['encoder']}"

    def publish(self, tables, figures, metrics=None):
        """Writes tables and pictures to the output folder and to MLflow.

        See `publish`. Errors and tests of the networks are metrics.

        Args:
            tables: Dict from a name to a table.
            figures: Dict from a name to a matplotlib `Figure`.
            metrics: Dict of further numbers.
        """
        numbers = dict(metrics or {})
        for measure in ("mae_years", "accuracy", "p_value"):
            if measure in self.table:
                of = self.table.set_index("network")[measure]
                numbers |= of.add_suffix(f"_{measure}").to_dict()
        publish(self, tables, figures, numbers)


def run_comparison(
    config,
    experiment,
    target,
    networks,
    get_frontend,
    reference="fdin",
    edges=AGE_EDGES,
    per="video",
    handcrafted=None,
):
    """Cross-validates networks on the same clips, encoder, folds and seeds.

    A network that another experiment with the same settings has trained is
    taken from there; an interrupted comparison goes on where it stopped. The
    run in MLflow holds one run per network, and in it one per fold, also of
    networks that were taken.

    Args:
        config: `Experiment`.
        experiment: Name of the experiment in MLflow.
        target: `age`, `gender` or `spontaneity`.
        networks: Dict from the name of a network (`NETWORK_TITLES`) to a
            function from the shape of one encoded frame to the untrained
            model on features.
        get_frontend: See `run_experiment`.
        reference: Name of the network that the others are compared to.
        edges: Edges of the age groups in tables of classes, see
            `age_group_labels`.
        per: One decision per `video` or `subject`, see `make_decisions`;
            for gender.
        handcrafted: `Handcrafted`: rows of the table beside the networks;
            None for none.

    Returns:
        `Comparison`; what is made of it goes to its `publish`.

    Raises:
        FileNotFoundError: As `run_experiment`.
        ValueError: As `run_experiment` and `Handcrafted`, or if the reference
            is not among the networks. Then nothing is removed that was there.
    """
    age_group_labels(edges)  # refuses edges that do not increase
    if reference not in networks:
        raise ValueError(
            "Expected the network that others are compared to among the "
            f"networks. Received: reference={reference!r}, "
            f"networks={', '.join(networks)}"
        )
    handcrafted = handcrafted or Handcrafted()

    def check_clips(clips):
        handcrafted.check(config, target, clips)

    ready = prepare(config, target, networks, get_frontend, check_clips)
    rows = handcrafted.prepare(ready)
    names_of_rows = sorted(folder.name for folder in rows.folders.values())
    run_dir = ready.run_dir(experiment, edges, per, *names_of_rows)
    tracker = begin(ready, experiment, run_dir)
    clear(rows.folders.values(), config.restart)
    name = f"{config.name} {target}"
    found = {
        network: read_cross_validation(ready.folds, folder)
        for network, folder in ready.network_dirs.items()
    } | rows.read()
    if is_published(run_dir) and all(found.values()):
        console.print(f"This comparison is finished ({target}).")
    else:
        with tracker.run(name):
            for network in networks:
                found[network] = _test(
                    ready, network, run_dir, tracker, edges, per
                )
            for row in rows.folders:
                found[row] = rows.test(row, tracker, run_dir / row, edges, per)
    predictions = {network: of.predictions for network, of in found.items()}
    if target in TARGET_CLASSES:
        table = compare_class(predictions, target, reference, edges, per)
    else:
        table = compare_age(predictions, reference)
    console.print(f"State of the comparison: {run_dir}", soft_wrap=True)
    return Comparison(ready, found, table, run_dir, tracker, name)


def publish(found, tables, figures, metrics):
    """Writes results to the output folder and, once, to MLflow.

    Args:
        found: What was found, such as a `Comparison`: an object with
            `prepared`, `run_dir`, `tracker` and `name`.
        tables: Dict from a name to a table.
        figures: Dict from a name to a matplotlib `Figure`.
        metrics: Dict of numbers.
    """
    folder = Path(found.prepared.config.output_dir)
    for name, table in tables.items():
        with atomic_path(folder / f"{name}.csv") as temporary:
            table.to_csv(temporary, index=False)
    for name, figure in figures.items():
        save_figure(figure, folder / name)
    if is_published(found.run_dir):
        return
    with found.tracker.run(found.name):
        for name, table in tables.items():
            found.tracker.log_table(table, name)
        for name, figure in figures.items():
            found.tracker.log_figure(figure, name)
        found.tracker.log_metrics(metrics)
    write_json(found.run_dir / "published.json", sorted(tables))


def is_published(run_dir):
    """Whether the results of a comparison are in MLflow already."""
    return (run_dir / "published.json").is_file()


def _test(ready, network, run_dir, tracker, edges, per):
    """Cross-validates one network, in a run of its own."""
    title = f"{network_title(network)}, {ready.target}"
    with tracker.child(network):
        found = cross_validate(
            ready.trainer(network, tracker, title),
            ready.folds,
            ready.network_dirs[network],
            ready.config.seed,
            ready.executor,
        )
        write_report(
            found, ready, run_dir / network, tracker, edges, per, network
        )
    return found
