"""Exported models for MLflow's own server.

    mlflow models serve -m models:/age@champion --env-manager local

answers over HTTP about videos and aligned frames; docs/server.md shows the
calls. What is logged holds the exported model and a script of two lines; no
pickle is written.
"""

import base64
import logging
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import tensorflow as tf
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.types import ColSpec
from mlflow.types import DataType
from mlflow.types import ParamSchema
from mlflow.types import ParamSpec
from mlflow.types import Schema
from mlflow.types.schema import AnyType

from fdin_tf.serving.clip_rows import SOURCES
from fdin_tf.serving.clip_server import ClipServer
from fdin_tf.serving.export import find_version
from fdin_tf.serving.server_config import ServerConfig
from fdin_tf.version import __version__

_SCRIPT = Path(__file__).with_name("pyfunc_script.py")
_log = logging.getLogger(__name__)


class ClipModel(mlflow.pyfunc.PythonModel):
    """A model of clips as MLflow loads and asks it.

    Rows are answered as `ClipServer.answer` says, in their order. What is
    wrong with a request is answered with status 400 and a reason that names
    the row; the whole request is refused then. What is wrong with the server
    is answered with status 500, and logged there.
    """

    def load_context(self, context):
        """Loads the exported model, under the limits of the environment."""
        self._server = ClipServer(
            context.artifacts["model"], ServerConfig.from_environment()
        )

    def predict(self, context, model_input: pd.DataFrame, params=None):
        """Answers a table of clips.

        Args:
            context: What the model was loaded from; not used.
            model_input: DataFrame with one clip per row.
            params: Dict with `explain`, whether to say on what grounds.

        Returns:
            List of dicts, see `ClipServer.answer`.

        Raises:
            MlflowException: If a row is no clip, or one beyond the limits.
        """
        rows = model_input.to_dict(orient="records")
        most = self._server.config.max_clips
        if not 1 <= len(rows) <= most:
            raise MlflowException(
                f"Expected 1 to {most} rows, each with one of "
                f"{', '.join(SOURCES)}. Received: {len(rows)}",
                INVALID_PARAMETER_VALUE,
            )
        explain = (params or {}).get("explain", True)
        return [self._answer(n, row, explain) for n, row in enumerate(rows)]

    def _answer(self, number, row, explain):
        try:
            return self._server.answer(row, explain)
        except ValueError as error:
            reason = " ".join(str(error).split())
            raise MlflowException(
                f"Row {number}: {reason}", INVALID_PARAMETER_VALUE
            ) from error
        except Exception as error:
            _log.exception("Row %d could not be answered", number)
            raise MlflowException(
                f"Row {number}: the server failed; its log says why",
                INTERNAL_ERROR,
            ) from error


def provide_model():
    """Gives MLflow the model; called by the script that it runs."""
    mlflow.models.set_model(ClipModel())


def clip_signature():
    """MLflow's signature of the requests: one clip per row."""
    kinds = {
        "video": DataType.string,
        "landmarks": DataType.string,
        "video_bytes": DataType.string,
        "landmarks_csv": DataType.string,
        "frames": AnyType(),
        "frames_jpeg": AnyType(),
        "mask": AnyType(),
    }
    columns = [ColSpec(kind, name, False) for name, kind in kinds.items()]
    explain = ParamSpec("explain", DataType.boolean, True)
    return ModelSignature(inputs=Schema(columns), params=ParamSchema([explain]))


def input_example(frame_shape, num_frames=8):
    """A request as it may be sent: one clip of grey frames.

    Args:
        frame_shape: `(height, width, channels)` of a frame.
        num_frames: Their number.

    Returns:
        List of one row.

    Example:

    >>> (row,) = input_example((96, 96, 3), num_frames=2)
    >>> len(row["frames_jpeg"]), row["frames_jpeg"][0][:8]
    (2, '/9j/4AAQ')
    """
    grey = np.full(frame_shape, 128, np.uint8)
    encoded = base64.b64encode(tf.io.encode_jpeg(grey).numpy()).decode()
    return [{"frames_jpeg": [encoded] * num_frames}]


def log_pyfunc(model, name):
    """Logs an exported model of clips for MLflow's server.

    Args:
        model: Folder `<name>` (its highest version is taken) or
            `<name>/<version>`, as `export_model` writes.
        name: Name of the logged model.

    Returns:
        The model's URI.

    Raises:
        FileNotFoundError: If there is no such model.
        ValueError: If it is no model of clips.
    """
    return mlflow.pyfunc.log_model(name=name, **_contents(model)).model_uri


def save_pyfunc(model, folder):
    """Writes what `log_pyfunc` logs into a new folder.

    The server takes the folder in place of a URI.

    Args:
        model: See `log_pyfunc`.
        folder: The folder.

    Raises:
        FileNotFoundError: If there is no such model.
        ValueError: If it is no model of clips, or the folder is not empty.
    """
    if Path(folder).is_dir() and any(Path(folder).iterdir()):
        raise ValueError(f"Expected a new folder. Received: {folder=!s}")
    mlflow.pyfunc.save_model(str(folder), **_contents(model))


def _contents(model):
    """What a model for MLflow's server consists of."""
    path, card = find_version(model)
    server = ClipServer(path, ServerConfig())
    return {
        "python_model": str(_SCRIPT),
        "artifacts": {"model": str(path)},
        "signature": clip_signature(),
        "input_example": input_example(server.frame_shape),
        # Named, not inferred: inference starts the model once more.
        "pip_requirements": [
            f"fdin-tf=={__version__}", "tensorflow", "keras",
        ],
        "metadata": measured_facts(card),
    }  # fmt: skip


def measured_facts(card):
    """What decides between two models: how well each did, and on what.

    Args:
        card: Card of an exported model.

    Returns:
        Dict of `target`; `measure`, `"mae_years"` for age and
        `"error_percent"`, the share of wrong answers, for classes; `error`,
        this measure in cross-validation, or None where there was none; and
        `data_fingerprint` and `folds`, on what.

    Example:

    >>> tested = {"age": [20, 30], "estimate": [21, 33]}
    >>> card = {"target": "age", "cross_validation": tested, "facts": {}}
    >>> measured_facts(card)["error"]
    2.0
    """
    tested, target = card.get("cross_validation", {}), card["target"]
    error, measure = None, "mae_years" if target == "age" else "error_percent"
    if "estimate" in tested:
        years = np.subtract(tested["estimate"], tested["age"])
        error = float(np.abs(years).mean())
    elif "accuracy" in tested:
        error = 100 - tested["accuracy"]
    facts = card.get("facts", {})
    return {
        "target": target,
        "measure": measure,
        "error": error,
        "data_fingerprint": facts.get("data_fingerprint"),
        "folds": facts.get("folds"),
    }
