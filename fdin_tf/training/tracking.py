"""Experiments in MLflow: one parent run, one child run per fold."""

import contextlib
import logging
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import Schema
from mlflow.types import TensorSpec

from fdin_tf.data.cache import read_json
from fdin_tf.data.cache import write_json


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
            mlflow.log_params(flat_params(self.params))
            yield run_id

    @contextlib.contextmanager
    def child(self, name, params=None):
        """A child run, such as that of a fold."""
        with self._resumed(name, nested=True) as run_id:
            mlflow.log_params(flat_params(params or {}))
            yield run_id

    @contextlib.contextmanager
    def _resumed(self, name, nested):
        known = read_json(self._memory, {})
        run_id = known.get(name)
        if run_id is not None and not _exists(run_id):
            run_id = None  # the store was deleted meanwhile
        with mlflow.start_run(run_id, run_name=name, nested=nested) as run:
            write_json(self._memory, {**known, name: run.info.run_id})
            yield run.info.run_id

    def log_metrics(self, metrics, step=None):
        """Numbers of the run that is open."""
        mlflow.log_metrics(
            {k: float(v) for k, v in metrics.items() if pd.notna(v)}, step=step
        )

    def log_table(self, table, name):
        """A table as CSV, which MLflow's pages show as a table."""
        mlflow.log_text(table.to_csv(index=False), f"tables/{name}.csv")

    def log_figure(self, figure, name):
        """A matplotlib figure as PNG."""
        mlflow.log_figure(figure, f"figures/{name}.png")

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


def _status(run_id):
    return mlflow.get_run(run_id).info.status


def _exists(run_id):
    try:
        return mlflow.get_run(run_id).info.lifecycle_stage == "active"
    except mlflow.MlflowException:
        return False
