"""Experiments in MLflow: a parent run, child runs per network and fold."""

import contextlib
import logging
import os
import tempfile
import time
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowException
from mlflow.entities import LoggedModelStatus
from mlflow.entities import Metric
from mlflow.models import ModelSignature
from mlflow.types import Schema
from mlflow.types import TensorSpec
from sqlalchemy.exc import SQLAlchemyError

from fdin_tf.data.cache import check_writable
from fdin_tf.data.cache import read_json
from fdin_tf.data.cache import write_json
from fdin_tf.explain.plots import save_figure
from fdin_tf.serving.pyfunc import log_pyfunc
from fdin_tf.training.champion import Registered
from fdin_tf.training.champion import takes_place

# Errors by which MLflow tells of its store.
_OF_THE_STORE = (MlflowException, SQLAlchemyError)
_MOST_AT_ONCE = 1000  # metrics in one call, a limit of MLflow


class Tracker:
    """Writes one experiment to MLflow and finds it again after a crash.

    Runs are remembered in `run_dir/tracking.json`, so that an experiment that
    continues goes on in the same runs.

    Args:
        experiment: Name of the MLflow experiment.
        run_dir: Folder of this run's state.
        params: Dict of everything that was configured.
        tags: Dict of short facts, such as versions and fingerprints.
        uri: MLflow tracking URI; None for MLflow's own default
            (`MLFLOW_TRACKING_URI`, or `sqlite:///mlflow.db` in the working
            folder).
    """

    def __init__(self, experiment, run_dir, params, tags=None, uri=None):
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        # Errors of the store reach the user in one line.
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
        if uri is not None:
            mlflow.set_tracking_uri(uri)
        self.experiment = experiment
        self.params = params
        self.tags = tags or {}
        self._memory = Path(run_dir) / "tracking.json"
        self._open = []  # names of the open runs, the outermost first
        self._failure = None  # what ended the innermost open run

    def forget(self):
        """Ends the runs that are remembered and begins new ones."""
        client = mlflow.MlflowClient()
        for run_id in read_json(self._memory, {}).values():
            if _exists(run_id) and _status(run_id) == "RUNNING":
                client.set_terminated(run_id, "KILLED")
        self._memory.unlink(missing_ok=True)

    @contextlib.contextmanager
    def run(self, name):
        """The parent run; yields its id.

        Raises:
            OSError: If MLflow cannot use its store, also later.
        """
        self._failure = None
        try:
            mlflow.set_experiment(self.experiment)
            with self._resumed(name, nested=False) as run_id:
                mlflow.set_tags(self.tags)
                _log_params(run_id, self.params)
                # Finds a folder of artifacts that cannot be written to now.
                mlflow.log_dict(flat_params(self.params), "settings.json")
                yield run_id
        except _OF_THE_STORE as error:
            # On a full disk a run fails, and then MLflow as it notes that.
            if not isinstance(self._failure, (*_OF_THE_STORE, type(None))):
                raise self._failure from None
            reason = str(error).strip().partition("\n")[0]
            raise OSError(
                f"MLflow cannot use its store: {reason} Received: tracking "
                f"URI={mlflow.get_tracking_uri()}"
            ) from error

    @contextlib.contextmanager
    def child(self, name, params=None):
        """A run inside the open one, such as that of a network or fold."""
        with self._resumed(name, nested=True) as run_id:
            _log_params(run_id, params or {})
            yield run_id

    @contextlib.contextmanager
    def _resumed(self, name, nested):
        self._open.append(name)
        path = "/".join(self._open)
        try:
            known = read_json(self._memory, {})
            run_id = known.get(path)
            if run_id is not None and not _exists(run_id):
                run_id = None  # the store was deleted meanwhile
            with mlflow.start_run(run_id, run_name=name, nested=nested) as run:
                write_json(self._memory, {**known, path: run.info.run_id})
                try:
                    yield run.info.run_id
                except BaseException as error:
                    self._failure = self._failure or error
                    raise
        finally:
            self._open.pop()

    def log_metrics(self, metrics, step=None):
        """Numbers of the run that is open."""
        mlflow.log_metrics(
            {k: float(v) for k, v in metrics.items() if pd.notna(v)}, step=step
        )

    def log_history(self, history):
        """The epochs of a training that the open run does not hold yet.

        They are missing where the network was trained, or part of it, by
        another experiment.

        Args:
            history: Table with one row per `epoch`, see `fit`.
        """
        client = mlflow.MlflowClient()
        run_id = mlflow.active_run().info.run_id
        measures = history.columns.difference(["epoch", "fold"])
        there = client.get_metric_history(run_id, measures[0])
        new = history[~history.epoch.isin([metric.step for metric in there])]
        now = int(1000 * time.time())
        metrics = [
            Metric(name, float(value), now, int(epoch))
            for name in measures
            for epoch, value in zip(new.epoch, new[name])
            if pd.notna(value)
        ]
        for start in range(0, len(metrics), _MOST_AT_ONCE):
            client.log_batch(
                run_id, metrics=metrics[start : start + _MOST_AT_ONCE]
            )

    def log_table(self, table, name):
        """A table as CSV, which MLflow's pages show as a table."""
        mlflow.log_text(table.to_csv(index=False), f"tables/{name}.csv")

    def log_text(self, text, name):
        """A text as a file of this name."""
        mlflow.log_text(text, name)

    def log_figure(self, figure, name):
        """A matplotlib figure as PNG and as SVG."""
        with tempfile.TemporaryDirectory() as folder:
            for path in save_figure(figure, Path(folder) / name):
                mlflow.log_artifact(str(path), "figures")

    def log_file(self, path, folder=None):
        """A file as it is, into a folder of the run's artifacts."""
        mlflow.log_artifact(str(path), folder)

    def log_model(self, model, name):
        """A Keras model with its signature, once; returns the model's URI."""
        client, run = mlflow.MlflowClient(), mlflow.active_run().info
        for known in client.search_logged_models(
            [run.experiment_id], filter_string=f"name = '{name}'"
        ):
            if known.source_run_id == run.run_id:
                if known.status == LoggedModelStatus.READY:
                    return known.model_uri
                client.delete_logged_model(known.model_id)  # half-written
        info = mlflow.tensorflow.log_model(
            model,
            name=name,
            signature=model_signature(model),
            # Named, not inferred: inference starts the model once more.
            pip_requirements=["fdin-tf", "tensorflow", "keras"],
        )
        return info.model_uri

    def log_server_model(self, folder, name):
        """An exported model of clips for MLflow's server; returns its URI."""
        return log_pyfunc(folder, name)


def register(uri, name, alias="champion", force=False):
    """Registers a model of `log_pyfunc` as the next version of a name.

    The alias moves to the new version if no version has it, or if the new one
    may take the place of the one that has it (`takes_place`): cross-validated
    on the same data by the same folds, with an error that is not above.

    Args:
        uri: What `log_pyfunc` returned.
        name: Name of the registered model; made where there is none.
        alias: The alias; servers that are started on `models:/NAME@ALIAS`
            take the version that has it at that time.
        force: Move the alias whatever the errors are.

    Returns:
        `Registered`.

    Raises:
        ValueError: If the model is not one of `log_pyfunc`, or if the version
            with the alias estimates another target.
    """
    facts = mlflow.models.get_model_info(uri).metadata
    if not facts or "measure" not in facts:
        raise ValueError(
            f"Expected a model that `log_pyfunc` logged. Received: uri={uri!r}"
        )
    client = mlflow.MlflowClient()
    before, old = _aliased(client, name, alias)
    if old and old["target"] != facts["target"]:
        raise ValueError(
            f"The registered model {name!r} estimates {old['target']}; give "
            f"another name. Received: a model of {facts['target']}"
        )
    version = int(mlflow.register_model(uri, name).version)
    if facts["error"] is not None:
        client.set_model_version_tag(
            name, str(version), facts["measure"], f"{facts['error']:.4f}"
        )
    moves, reason = (True, "as asked") if force else takes_place(facts, old)
    if before is not None:
        reason += f"; version {before} was"
    if moves:
        client.set_registered_model_alias(name, alias, str(version))
    return Registered(name, version, alias, moves, reason)


def register_folder(folder, name, alias="champion", force=False):
    """Logs an exported model outside of any experiment, and registers it.

    Args:
        folder: See `log_pyfunc`.
        name: See `register`.
        alias: See `register`.
        force: See `register`.

    Returns:
        `Registered`.

    Raises:
        FileNotFoundError: As `log_pyfunc`.
        ValueError: As `log_pyfunc` and `register`.
    """
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    mlflow.set_experiment("registered")
    return register(log_pyfunc(folder, name), name, alias, force)


def _aliased(client, name, alias):
    """The version that has an alias, and its facts; None where none has."""
    try:
        version = client.get_model_version_by_alias(name, alias).version
    except MlflowException:
        return None, None
    uri = f"models:/{name}@{alias}"
    return version, mlflow.models.get_model_info(uri).metadata


def check_store():
    """Finds mistakes in the place of MLflow's store, where it is a file.

    Raises:
        OSError: If it cannot be written to.
    """
    kind, _, path = mlflow.get_tracking_uri().partition(":///")
    if kind != "sqlite":
        return
    check_writable(Path(path).parent)
    Path(path).parent.mkdir(parents=True, exist_ok=True)  # not made by SQLite
    if Path(path).exists() and not os.access(path, os.W_OK):
        raise PermissionError(
            "Expected a store of MLflow that can be written to. Received: "
            f"{path}"
        )


def model_signature(model):
    """MLflow's signature of a model with dict inputs and outputs."""

    def schema(tensors):
        return Schema(
            [
                TensorSpec(
                    np.dtype(x.dtype),
                    tuple(-1 if n is None else n for n in x.shape),
                    name,
                )
                for name, x in tensors.items()
            ]
        )

    return ModelSignature(schema(model.input), schema(model.output))


def flat_params(params, prefix=""):
    """Nested dicts as one: {"fit": {"epochs": 3}} -> {"fit.epochs": "3"}.

    Example:

    >>> flat_params({"fit": {"epochs": 3}, "seed": 0})
    {'fit.epochs': '3', 'seed': '0'}
    """
    flat = {}
    for name, value in params.items():
        if isinstance(value, dict):
            flat.update(flat_params(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = str(value)
    return flat


def _log_params(run_id, params):
    """Parameters that the run does not hold yet.

    MLflow refuses another value for one that it holds. A run that goes on has
    the same settings; only where things are may have changed meanwhile.
    """
    there = mlflow.get_run(run_id).data.params
    mlflow.log_params(
        {k: v for k, v in flat_params(params).items() if k not in there}
    )


def _status(run_id):
    return mlflow.get_run(run_id).info.status


def _exists(run_id):
    try:
        return mlflow.get_run(run_id).info.lifecycle_stage == "active"
    except MlflowException:
        return False
