"""The arrows between the rooms of the package point down only."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# What each room may import of the package, apart from itself. Among the last
# three of fdin_tf, arrows also run from left to right.
LOWER = ["layers", "faces", "models", "handcrafted", "data"]
ALLOWED = {
    "layers": [],
    "faces": [],
    "models": ["layers"],
    "handcrafted": ["faces"],
    "data": ["faces"],
    "explain": LOWER,
    "serving": [*LOWER, "explain"],
    "training": [*LOWER, "explain", "serving"],
    "fdin_tf": [*LOWER, "explain", "serving", "training"],
    "recipes": [*LOWER, "explain", "serving", "training", "fdin_tf"],
}
# Third parties that have their own place.
TENSORFLOW_IN_LAYERS = [
    "layers/lstm_recurrence.py",
    "layers/rematerialized_scan.py",
]
MLFLOW = ["fdin_tf/training/tracking.py", "fdin_tf/serving/pyfunc.py"]


def source_files():
    return sorted(
        path.relative_to(ROOT).as_posix()
        for room in ("layers", "fdin_tf", "recipes")
        for path in (ROOT / room).rglob("*.py")
    )


def imported_modules(path, source):
    """Dotted names of all that a file imports, at any depth of it."""
    package = path.removesuffix(".py").split("/")[:-1]
    for node in ast.walk(ast.parse(source, filename=path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = (
                package[: len(package) + 1 - node.level] if node.level else []
            )
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def is_leaf(name):
    """A file right under fdin_tf/, such as version.py: below every room."""
    return (ROOT / "fdin_tf" / f"{name}.py").exists() and name != "__init__"


def room_of(module):
    """The room that a dotted name is in; None outside of the package."""
    parts = module.split(".")
    if parts[0] in ("layers", "recipes"):
        return parts[0]
    if parts[0] != "fdin_tf":
        return None
    if len(parts) > 1 and is_leaf(parts[1]):
        return "leaf"
    if len(parts) > 1 and parts[1] in ALLOWED:
        return parts[1]
    return "fdin_tf"  # its public names


def wrong_imports(path, source):
    """One line per import that points up or is out of its place."""
    room = room_of(path.removesuffix(".py").replace("/", "."))
    for module in imported_modules(path, source):
        top, target = module.split(".")[0], room_of(module)
        if target is not None:
            allowed = ["leaf"]
            if room != "leaf":
                allowed += [room, *ALLOWED[room]]
            if target not in allowed:
                yield f"{path}: {room} may not import {module}"
        elif top == "tests":
            yield f"{path}: {room} may not import {module}"
        elif top == "mlflow" and path not in MLFLOW:
            yield f"{path}: mlflow is imported in {', '.join(MLFLOW)} only"
        elif room == "layers" and not (
            top == "keras"
            or top in sys.stdlib_module_names
            or (top == "tensorflow" and path in TENSORFLOW_IN_LAYERS)
        ):
            yield f"{path}: layers import keras only, not {module}"


def test_no_import_points_up():
    files = source_files()
    assert "layers/sequence_lstm.py" in files
    assert "fdin_tf/models/fdin.py" in files
    wrong = [
        line
        for path in files
        for line in wrong_imports(path, (ROOT / path).read_text("utf-8"))
    ]
    assert wrong == []


def test_every_folder_of_the_package_has_its_place():
    folders = {
        path.name
        for path in (ROOT / "fdin_tf").iterdir()
        if path.is_dir() and any(path.glob("*.py"))
    }
    assert folders <= set(ALLOWED)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("layers/a.py", "import tensorflow as tf"),
        ("layers/a.py", "import numpy"),
        ("layers/a.py", "from fdin_tf.models import fdin"),
        ("fdin_tf/faces/a.py", "from layers import RegionSplit"),
        ("fdin_tf/models/a.py", "from fdin_tf.data import clips"),
        ("fdin_tf/models/a.py", "def f():\n    import fdin_tf.explain.plots"),
        ("fdin_tf/models/a.py", "from .. import training"),
        ("fdin_tf/models/a.py", "from ..data.clips import load_clips"),
        ("fdin_tf/models/a.py", "from fdin_tf import build_fdin"),
        ("fdin_tf/data/a.py", "from fdin_tf.models import build_fdin"),
        ("fdin_tf/explain/a.py", "from fdin_tf.serving import export"),
        ("fdin_tf/explain/a.py", "from fdin_tf.training import fit"),
        ("fdin_tf/serving/a.py", "from fdin_tf.training import fit"),
        ("fdin_tf/serving/a.py", "import mlflow.pyfunc"),
        ("fdin_tf/training/a.py", "from recipes import cli"),
        ("fdin_tf/version.py", "from fdin_tf.faces import align"),
        ("recipes/a.py", "from mlflow import log_metric"),
        ("recipes/a.py", "from tests.layer_checks import check_layer"),
    ],
)
def test_an_arrow_that_points_up_is_found(path, source):
    assert len(list(wrong_imports(path, source))) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("layers/a.py", "import math\nimport keras\nfrom layers import b"),
        ("layers/lstm_recurrence.py", "import tensorflow as tf"),
        ("fdin_tf/models/a.py", "from layers import SequenceLSTM"),
        ("fdin_tf/models/a.py", "from fdin_tf import version"),
        ("fdin_tf/models/a.py", "from .fdin import build_fdin"),
        ("fdin_tf/data/a.py", "from fdin_tf.faces.align import align"),
        ("fdin_tf/serving/a.py", "from fdin_tf.explain import explained"),
        ("fdin_tf/serving/pyfunc.py", "import mlflow"),
        ("fdin_tf/training/a.py", "from fdin_tf.serving import export"),
        ("fdin_tf/__init__.py", "from fdin_tf.models import build_fdin"),
        ("recipes/a.py", "from fdin_tf import build_fdin"),
        ("recipes/a.py", "from recipes.cli import config_from_presets"),
    ],
)
def test_an_arrow_that_points_down_is_allowed(path, source):
    assert list(wrong_imports(path, source)) == []
