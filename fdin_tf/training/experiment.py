"""A whole experiment: from clips to tables, pictures and an exported model."""

import contextlib
import dataclasses
import shutil
from pathlib import Path
from typing import Literal

import keras
from sklearn.model_selection import GroupShuffleSplit

from fdin_tf.data.cache import atomic_path
from fdin_tf.data.cache import read_json
from fdin_tf.data.cache import sweep
from fdin_tf.data.cache import write_json
from fdin_tf.data.clips import TARGET_CLASSES
from fdin_tf.data.folds import Fold
from fdin_tf.data.locks import hold
from fdin_tf.faces import FaceConfig
from fdin_tf.progress import console
from fdin_tf.progress import progress_bar
from fdin_tf.serving.export import KERAS_MODEL
from fdin_tf.serving.export import find_version
from fdin_tf.training.cross_validate import cross_validate
from fdin_tf.training.cross_validate import naming
from fdin_tf.training.cross_validate import read_cross_validation
from fdin_tf.training.cross_validate import train_elsewhere
from fdin_tf.training.decisions import AGE_EDGES
from fdin_tf.training.decisions import age_group_labels
from fdin_tf.training.fit_config import FitConfig
from fdin_tf.training.prepare import prepare
from fdin_tf.training.printing import print_report
from fdin_tf.training.printing import say_what_runs
from fdin_tf.training.report import error_tables
from fdin_tf.training.report import model_card
from fdin_tf.training.report import write_report
from fdin_tf.training.shared_exports import SharedExport
from fdin_tf.training.shared_networks import SharedNetworks
from fdin_tf.training.tracking import register


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What every cross-validated experiment can be told.

    Attributes:
        name: Name of the run, and of the exported model.
        data_dir: Folder in the layout of the UvA-NEMO Smile database, or CSV
            file with a clip table; None for the embedded synthetic clips.
        embedded: Which embedded set.
        database: Take the clips of this database alone; the folds are made of
            all, so that a person is tested in the same fold everywhere.
        spontaneity: Take posed, or spontaneous, expressions alone.
        landmarks_dir: Folder of `<clip_id>.csv` or `.npz` landmark files,
            taken instead of detection.
        folds: CSV file or folder of JSON lists with the folds; None for the
            clip table's column `fold`, or seeded folds.
        num_folds: Number of seeded folds.
        face: Tracking and alignment of the face.
        fit: Training.
        seed: Seed of folds, weights, order and dropout.
        output_dir: Folder of exported models.
        cache_dir: Folder of embedded clips, face tracks, features and
            checkpoints; None for the user's cache folder.
        shared_dir: URL of a store that machines share, such as
            `s3://bucket/folder`, see docs/scaling.md: faces and features,
            checkpoints and results of folds, and the exported model are sent
            there, and taken from there; None: nothing is shared.
        executor: Who does the work: this process (`local`), or processes of
            Ray (`ray`, needs that extra) that clips, folds and networks of a
            search are spread over; they share `cache_dir` or `shared_dir`.
        address: Address of the Ray cluster; None: the one that RAY_ADDRESS
            names, else one that is started on this machine.
        workers: Clips, folds or networks at a time with Ray; None: one per
            core.
        gpus: GPUs of each of them with Ray, such as 0.5.
        restart: Forget an earlier run of the same experiment, and its
            networks, which other experiments may share.
        register: Name under which the exported model is registered in MLflow,
            for `mlflow models serve`, see docs/server.md; None: it is not.
    """

    name: str = "fdin"
    data_dir: Path | None = None
    embedded: str = "natural"
    database: str | None = None
    spontaneity: Literal["posed", "spontaneous"] | None = None
    landmarks_dir: Path | None = None
    folds: Path | None = None
    num_folds: int = 10
    face: FaceConfig = FaceConfig()
    fit: FitConfig = FitConfig()
    seed: int = 0
    output_dir: Path = Path("saved_models")
    cache_dir: Path | None = None
    shared_dir: str | None = None
    executor: Literal["local", "ray"] = "local"
    address: str | None = None
    workers: int | None = None
    gpus: float = 0.0
    restart: bool = False
    register: str | None = None


def run_experiment(
    config,
    experiment,
    target,
    build_model,
    get_frontend,
    network="fdin",
    edges=AGE_EDGES,
    per="video",
    further_tables=None,
    print_tables=print_report,
):
    """Runs an experiment, from videos to an exported model.

    Clips, faces, features, folds, networks, tables, pictures, export: each
    step is kept, so that an interrupted run continues where it stopped and a
    finished one only prints its result. Networks that another experiment
    with the same settings has trained are taken from there.

    Args:
        config: `Experiment`.
        experiment: Name of the experiment in MLflow.
        target: `age`, `gender` or `spontaneity`.
        build_model: Function from the shape of one encoded frame to an
            untrained model of the target on features.
        get_frontend: Function from a Keras dtype policy to what stands before
            the network: `EncoderFrontend` or `WarpFrontend`. Where something
            is fitted in each fold, give a `functools.partial`, whose
            arguments tell the fits apart.
        network: Name of the network, see `NETWORK_TITLES`.
        edges: Edges of the age groups in tables of classes, see
            `age_group_labels`.
        per: Whether cells count decisions per `video` or per `subject`, see
            `class_cells`.
        further_tables: Function from the predictions to a dict of further
            tables, such as those of a paper; None for none. They are written
            with the others.
        print_tables: Function that prints the result, of the dict of all
            tables and the target.

    Returns:
        Table of errors, see `age_errors` and `class_errors`.

    Raises:
        FileNotFoundError: If data, folds or weights are not where they were
            said to be.
        ValueError: If data, folds or settings are not valid, a clip has no
            label of the target, or a part of a fold holds one class only.
        FloatingPointError: If a loss is not finite any more.
        FolderInUseError: If another process runs the same experiment.
        OSError: If a folder cannot be written to.
    """
    age_group_labels(edges)  # refuses edges that do not increase
    ready = prepare(config, target, {network: build_model}, get_frontend)
    config, network_dir = ready.config, ready.network_dirs[network]
    run_dir = ready.run_dir(experiment, edges, per)
    tracker = begin(ready, experiment, run_dir)
    found = None
    if _exported(run_dir, config):
        found = read_cross_validation(ready.folds, network_dir)
    if found is not None:
        console.print("This run is finished; its result:")
    else:
        with hold(run_dir, network_dir), tracker.run(config.name) as run_id:
            trainer = ready.trainer(network, tracker)
            found = cross_validate(
                trainer, ready.folds, network_dir, config.seed, ready.executor
            )
            further = further_tables and further_tables(found.predictions)
            tables = write_report(
                found, ready, run_dir, tracker, edges, per, network, further
            )
            card = model_card(ready, tables["errors"], found)
            card["tracking_run"] = run_id
            path = _exported_model(trainer, ready, run_dir, network_dir, card)
            write_json(run_dir / "finished.json", {"exported": str(path)})
    tables = error_tables(found.predictions, target, edges, per)
    if further_tables is not None:
        tables |= further_tables(found.predictions)
    print_tables(tables, target)
    left_out = ready.encoded.left_out
    if len(left_out):
        console.print(f"{len(left_out)} clips were left out: above.")
    console.print(f"Model: {_exported(run_dir, config)}", soft_wrap=True)
    if config.register is not None:
        registered = _register(tracker, config, run_dir)
        console.print(f"Registered: {registered}", soft_wrap=True)
    console.print(f"State of the run: {run_dir}", soft_wrap=True)
    return tables["errors"]


def begin(ready, experiment, run_dir):
    """Says what runs and forgets what is to be; returns the `Tracker`.

    Args:
        ready: `Prepared`.
        experiment: Name of the experiment in MLflow.
        run_dir: Folder of this call.

    Raises:
        FolderInUseError: If another process runs the same experiment, or one
            that shares a network with it.
    """
    tracker = ready.tracker(experiment, run_dir)
    folders = [run_dir, *ready.network_dirs.values()]
    with hold(*folders):
        if ready.config.restart:
            tracker.forget()
        clear(folders, ready.config.restart, ready.shared)
    say_what_runs(ready.encoded, ready.facts)
    return tracker


def clear(folders, restart, shared=None):
    """Removes folders of earlier runs on `restart`; else what is half done.

    Args:
        folders: The folders.
        restart: Whether to remove them.
        shared: `SharedFolder` that they are in, whose store forgets them too.
    """
    with hold(*folders):
        for folder in folders:
            if restart:
                shutil.rmtree(folder, ignore_errors=True)
                SharedNetworks(shared).remove(folder)
            sweep(folder)


def _exported(run_dir, config):
    """The model that a finished run exported to where it is wanted, if any."""
    path = read_json(run_dir / "finished.json", {}).get("exported")
    folder = (config.output_dir / config.name).resolve()
    if path and Path(path).is_dir() and Path(path).parent == folder:
        return path
    return None


def _register(tracker, config, run_dir):
    """Registers the exported model, once under a name; says as what."""
    with hold(run_dir):
        finished = read_json(run_dir / "finished.json")
        known = finished.setdefault("registered", {})
        if config.register not in known:
            with tracker.run(config.name):
                uri = tracker.log_server_model(
                    finished["exported"], f"{config.name}_server"
                )
                known[config.register] = str(register(uri, config.register))
            write_json(run_dir / "finished.json", finished)
    return known[config.register]


def _exported_model(trainer, ready, run_dir, network_dir, card):
    """The final model as exported here, or by the same call elsewhere."""
    config = ready.config
    export = SharedExport(
        ready.shared, run_dir, config.output_dir / config.name
    )
    path = export.fetch()
    if path is None:
        return export.publish(_final_model(trainer, ready, network_dir, card))
    network = keras.saving.load_model(path / KERAS_MODEL)
    trainer.tracker.log_model(network, config.name)
    return path


def _final_model(trainer, ready, network_dir, card):
    """Trains on all subjects but those that choose the epoch, and exports.

    The errors of the cross-validation are what is expected of it.
    """
    config, clips = ready.config, ready.encoded.clips
    train, valid = split_off_tenth(clips, trainer.target, config.seed)
    ids = clips.clip_id.to_numpy()
    fold = Fold(-1, tuple(ids[train]), tuple(ids[valid]), test=())
    folder = network_dir / "final"
    with progress_bar() as bar, naming("Final model"):
        if ready.executor is not None:
            train_elsewhere(trainer, fold, folder, config.seed, ready.executor)
        model, fitted, history = trainer.train(
            fold, folder, config.seed, bar, name="final model"
        )
    with atomic_path(folder / "history.csv") as temporary:
        history.to_csv(temporary, index=False)
    joined = ready.frontend.joined(model, fitted)
    trainer.tracker.log_model(joined, config.name)
    exports = config.output_dir / config.name
    return _version_of_run(exports, card) or ready.frontend.export(
        model, fitted, exports, card
    )


def _version_of_run(folder, card):
    """What this run exported if it was killed before it could note it."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        path, known = find_version(folder)
        if known.get("tracking_run") == card["tracking_run"]:
            return path.resolve()
    return None


def split_off_tenth(clips, target, seed):
    """Row numbers of the clips, without and of a tenth of the subjects.

    Of a hundred splits the first whose tenth holds both classes; the first
    of all where none does, as with a handful of subjects, and for numbers.
    """
    splitter = GroupShuffleSplit(100, test_size=0.1, random_state=seed)
    splits = list(splitter.split(clips, groups=clips.subject))
    if target in TARGET_CLASSES:
        labels = clips[target].to_numpy()
        for train, valid in splits:
            if len(set(labels[valid])) == len(TARGET_CLASSES[target]):
                return train, valid
    return splits[0]
