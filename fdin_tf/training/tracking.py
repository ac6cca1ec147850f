"""Experiments in MLflow: a parent run, child runs per network and fold."""

import contextlib
import logging
import tempfile
import time
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.entities import Metric
from mlflow.models import ModelSignature
from mlflow.types import Schema
from mlflow.types import TensorSpec

from fdin_tf.data.cache import read_json
from fdin_tf.data.cache import write_json
from fdin_tf.explain.plots import save_figure

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
        if uri is not None:
            mlflow.set_tracking_uri(uri)
        self.experiment = experiment
        self.params = params
        self.tags = tags or {}
        self._memory = Path(run_dir) / "tracking.json"
        self._open = []  # names of the open runs, the outermost first

    def forget(self):
        """Ends the runs that are remembered and begins new ones."""
        client = mlflow.MlflowClient()
        for run_id in read_json(self._memory, {}).values():
            if _exists(run_id) and _status(run_id) == "RUNNING":
                client.set_terminated(run_id, "KILLED")
        self._memory.unlink(missing_ok=True)

    @contextlib.contextmanager
    def run(self, name):
        """The parent run; yields its id."""
        mlflow.set_experiment(self.experiment)
        with self._resumed(name, nested=False) as run_id:
            mlflow.set_tags(self.tags)
            _log_params(run_id, self.params)
            yield run_id

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
                yield run.info.run_id
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
        """A Keras model with its signature; returns the model's URI."""
        info = mlflow.tensorflow.log_model(
            model,
            name=name,
            signature=model_signature(model),
            # Named, not inferred: inference starts the model once more.
            pip_requirements=["fdin-tf", "tensorflow", "keras"],
        )
        return info.model_uri


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
    except mlflow.MlflowException:
        return False
