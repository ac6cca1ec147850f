"""Configuration of TensorFlow Serving for exported models."""

import json
import re
from pathlib import Path

from fdin_tf.data.cache import atomic_path
from fdin_tf.serving.export import latest_version

MODELS_CONFIG = "models.config"
BATCHING_CONFIG = "batching.config"

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_LABEL = re.compile(r"[A-Za-z0-9_]+")


def write_serving_config(
    saved_models_dir,
    names=None,
    labels=None,
    models_dir="/models",
    max_batch_size=8,
    batch_timeout_micros=5000,
    num_batch_threads=2,
):
    """Writes what TensorFlow Serving is started with, beside the models.

    Versions are served by name: those that a label stands for, and no other.
    A new version is taken into service by writing anew, which a server with
    `--model_config_file_poll_wait_seconds` notices.

    Args:
        saved_models_dir: Folder of models, each `<name>/<version>`.
        names: Models to serve; None: all in the folder.
        labels: Dict from the name of a model to its labels, themselves a dict
            from a label to a version, such as `{"demo_age": {"stable": 1,
            "canary": 2}}`. Models without have `stable` for their newest
            version.
        models_dir: Where the server finds the folder.
        max_batch_size: Most clips that the server answers at a time; batches
            are filled up to a power of two.
        batch_timeout_micros: How long a request waits for others, in
            microseconds.
        num_batch_threads: How many batches are answered at a time.

    Returns:
        Paths of `models.config`, a `ModelServerConfig`, and of
        `batching.config`, `BatchingParameters`, as text protocol buffers.

    Raises:
        FileNotFoundError: If there is no such model or version, or none.
        ValueError: If a name, a label or a number cannot be served.

    Example:

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "mine" / "3").mkdir(parents=True)
    >>> models, _ = write_serving_config(folder)
    >>> print(models.read_text(), end="")
    model_config_list {
      config {
        name: "mine"
        base_path: "/models/mine"
        model_platform: "tensorflow"
        model_version_policy { specific { versions: 3 } }
        version_labels { key: "stable" value: 3 }
      }
    }
    """
    folder = Path(saved_models_dir)
    names = _models(folder) if names is None else list(names)
    if not names:
        raise FileNotFoundError(
            "Expected a folder with exported models, `<name>/<version>`. "
            f"Received: saved_models_dir={folder}"
        )
    labels = labels or {}
    unknown = set(labels) - set(names)
    if unknown:
        raise ValueError(
            f"Expected labels of {', '.join(names)}. Received: "
            f"labels={labels!r}"
        )
    for name, value in (
        ("max_batch_size", max_batch_size),
        ("num_batch_threads", num_batch_threads),
    ):
        if value < 1:
            raise ValueError(
                f"`{name}` must be 1 or more. Received: {name}={value}"
            )
    if batch_timeout_micros < 0:
        raise ValueError(
            "`batch_timeout_micros` must be 0 or more. Received: "
            f"batch_timeout_micros={batch_timeout_micros}"
        )
    configs = [
        _model_config(folder, name, labels.get(name), models_dir)
        for name in names
    ]
    sizes = _batch_sizes(max_batch_size)
    batching = [
        f"max_batch_size {{ value: {max_batch_size} }}",
        f"batch_timeout_micros {{ value: {batch_timeout_micros} }}",
        "max_enqueued_batches { value: 100 }",
        f"num_batch_threads {{ value: {num_batch_threads} }}",
        *(f"allowed_batch_sizes: {size}" for size in sizes),
        "pad_variable_length_inputs: true",
    ]
    return (
        _write(folder / MODELS_CONFIG, ["model_config_list {", *configs, "}"]),
        _write(folder / BATCHING_CONFIG, batching),
    )


def _models(folder):
    """Names of the folders that hold a numbered version."""
    if not folder.is_dir():
        return []
    return sorted(
        path.name
        for path in folder.iterdir()
        if _NAME.fullmatch(path.name)
        and path.is_dir()
        and any(x.name.isdecimal() for x in path.iterdir())
    )


def _model_config(folder, name, labels, models_dir):
    if not _NAME.fullmatch(name):
        raise ValueError(
            "Expected the name of a model of letters, digits, '_', '-' and "
            f"'.'. Received: name={name!r}"
        )
    labels = labels or {"stable": int(latest_version(folder / name).name)}
    for label, version in labels.items():
        if not _LABEL.fullmatch(label):
            raise ValueError(
                "Expected labels of letters, digits and '_'. Received: "
                f"label={label!r} of {name}"
            )
        if not (folder / name / str(version)).is_dir():
            raise FileNotFoundError(
                f"Expected the version {version} of {name}, labelled "
                f"{label!r}. Received: {folder / name}"
            )
    versions = " ".join(
        f"versions: {version}" for version in sorted(set(labels.values()))
    )
    lines = [
        f"  name: {json.dumps(name)}",
        f"  base_path: {json.dumps(f'{models_dir}/{name}')}",
        '  model_platform: "tensorflow"',
        f"  model_version_policy {{ specific {{ {versions} }} }}",
        *(
            f'  version_labels {{ key: "{label}" value: {version} }}'
            for label, version in labels.items()
        ),
    ]
    return "\n".join(f"  {line}" for line in ["config {", *lines, "}"])


def _batch_sizes(highest):
    """Powers of two below the highest, and it."""
    return [*(2**n for n in range(highest.bit_length()) if 2**n < highest),
            highest]  # fmt: skip


def _write(path, lines):
    with atomic_path(path) as new:
        new.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
