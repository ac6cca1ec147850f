"""Where a call of `recipes.attributes` is kept, and what it writes."""

import dataclasses
import platform
import shutil
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from fdin_tf.data.cache import atomic_path
from fdin_tf.data.cache import content_digest
from fdin_tf.data.cache import default_cache_dir
from fdin_tf.data.cache import read_json
from fdin_tf.data.cache import settings_digest
from fdin_tf.data.cache import sweep
from fdin_tf.data.cache import write_json
from fdin_tf.explain.html_report import Section
from fdin_tf.explain.html_report import write_html_report
from fdin_tf.explain.plots import save_figure
from fdin_tf.training.attribute_networks import array_digest
from fdin_tf.training.attribute_paper import PAPER_NAME
from fdin_tf.training.attribute_tables import NETWORK
from fdin_tf.training.tracking import Tracker
from fdin_tf.version import __version__

REPORT = "report.html"
_FINISHED = "finished.json"
_PACKAGES = ("tensorflow", "keras", "numpy", "opencv-python-headless")
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


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of the recipe.

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
    versions = {package: version(package) for package in _PACKAGES}
    versions = {"fdin-tf": __version__, **versions}
    fingerprint = settings_digest(
        [array_digest(half.pixels) for half in (train, test)],
        [half.images.drop(columns="path").to_csv() for half in (train, test)],
    )
    runs_dir = Path(config.cache_dir or default_cache_dir()) / "runs"
    digest = settings_digest(settings, fingerprint, versions)[:12]
    run_dir = runs_dir / f"attributes-{digest}"
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
        "python": platform.python_version(),
        **versions,
    }
    tracker = Tracker("attributes", run_dir, dataclasses.asdict(config), facts)
    if config.restart:
        tracker.forget()
        shutil.rmtree(run_dir, ignore_errors=True)
    sweep(run_dir)
    return Call(
        run_dir, runs_dir, tracker, facts, versions, Path(config.output_dir)
    )


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
    sections = [*_sections(tables, figures), *sections]
    tables, figures = tables | more_tables, figures | more_figures
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
        call.output_dir / REPORT,
        "Faces rated by retrained networks, and why",
        call.facts,
        sections,
    )
    call.tracker.log_file(report)
    call.tracker.log_metrics(_errors(tables["table_1"]) | numbers)
    write_json(
        call.run_dir / _FINISHED,
        {
            "output_dir": str(call.output_dir.resolve()),
            "files": [*written, REPORT],
            "tables": list(tables),
        },
    )
    return call.read_tables()


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
