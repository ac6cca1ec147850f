"""One call of a study: where its state is kept, and what it writes."""

import contextlib
import dataclasses
import platform
import shutil
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from fdin_tf.data.cache import atomic_path
from fdin_tf.data.cache import default_cache_dir
from fdin_tf.data.cache import read_json
from fdin_tf.data.cache import settings_digest
from fdin_tf.data.cache import sweep
from fdin_tf.data.cache import write_json
from fdin_tf.explain.html_report import write_html_report
from fdin_tf.explain.plots import save_figure
from fdin_tf.training.tracking import Tracker
from fdin_tf.version import __version__

REPORT = "report.html"
_FINISHED = "finished.json"
_PACKAGES = (
    *("tensorflow", "keras", "numpy", "opencv-python-headless", "pillow"),
    "keras-cv",  # an extra
)


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of a recipe.

    Attributes:
        run_dir: Folder of its state.
        runs_dir: Folder of all runs, and of the networks.
        tracker: `Tracker`.
        facts: Dict of what the report is about.
        versions: Versions of the packages that decide numbers.
        output_dir: Folder of tables, pictures and report.
    """

    run_dir: Path
    runs_dir: Path
    tracker: Tracker
    facts: dict
    versions: dict
    output_dir: Path

    @property
    def models(self):
        """Folders of the models that a finished call exported, by name."""
        finished = read_json(self.run_dir / _FINISHED, {})
        return finished.get("models", {})

    @property
    def is_finished(self):
        """Whether the results are where they are wanted."""
        finished = read_json(self.run_dir / _FINISHED)
        return (
            finished is not None
            and finished["output_dir"] == str(self.output_dir.resolve())
            and all(
                (self.output_dir / name).is_file() for name in finished["files"]
            )
        )

    def read_tables(self):
        """The tables of a finished call, by name."""
        names = read_json(self.run_dir / _FINISHED)["tables"]
        kinds = {"image_id": str, "subject": str}
        return {
            name: pd.read_csv(self.run_dir / f"{name}.csv", dtype=kinds)
            for name in names
        }


def package_versions():
    """Versions of this package and of those that decide numbers, by name.

    Those that read photographs and alter them are among them; what is not
    installed is left out.
    """
    versions = {"fdin-tf": __version__}
    for package in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions


def begin_call(experiment, config, settings, facts):
    """The state of a call: the same for the same settings and data.

    Args:
        experiment: Name of the MLflow experiment and of the state's folder.
        config: The recipe's config: a dataclass with `output_dir`,
            `cache_dir` and `restart`.
        settings: What decides the numbers: anything that JSON can hold, the
            fingerprint of the data among it.
        facts: Dict of what the report is about.

    Returns:
        `Call`, whose facts are followed by the versions of the packages.
    """
    versions = package_versions()
    runs_dir = Path(config.cache_dir or default_cache_dir()) / "runs"
    digest = settings_digest(settings, versions)[:12]
    run_dir = runs_dir / f"{experiment}-{digest}"
    facts = {**facts, "python": platform.python_version(), **versions}
    tracker = Tracker(experiment, run_dir, dataclasses.asdict(config), facts)
    if config.restart:
        tracker.forget()
        shutil.rmtree(run_dir, ignore_errors=True)
    sweep(run_dir)
    return Call(
        run_dir, runs_dir, tracker, facts, versions, Path(config.output_dir)
    )


def publish_call(call, title, tables, figures, sections, metrics, models=None):
    """Writes tables, pictures and the report, to disk and to MLflow.

    Args:
        call: `Call`, inside of its tracker's run.
        title: Title of the report.
        tables: Dict of tables.
        figures: Dict of figures that are files of their own, too.
        sections: `Section`s of the report.
        metrics: Dict of numbers.
        models: Dict from a name to the folder of an exported model.

    Returns:
        The tables as they are read from disk, by name.
    """
    written = []
    for name, table in tables.items():
        for folder in (call.output_dir, call.run_dir):
            with atomic_path(folder / f"{name}.csv") as temporary:
                table.to_csv(temporary, index=False)
        call.tracker.log_table(table, name)
        written.append(f"{name}.csv")
    for name, figure in figures.items():
        for path in save_figure(figure, call.output_dir / name):
            call.tracker.log_file(path, "figures")
            written.append(path.name)
    report = write_html_report(
        call.output_dir / REPORT, title, call.facts, sections
    )
    call.tracker.log_file(report)
    call.tracker.log_metrics(metrics)
    write_json(
        call.run_dir / _FINISHED,
        {
            "output_dir": str(call.output_dir.resolve()),
            "files": [*written, REPORT],
            "tables": list(tables),
            "models": {k: str(v) for k, v in (models or {}).items()},
        },
    )
    return call.read_tables()
