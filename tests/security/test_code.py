"""Files from elsewhere run nothing."""

import ast
from pathlib import Path

import keras
import pytest

from fdin_tf.models.model_files import load_model_file
from recipes.cli import run_recipe
from tests.fuzz.mutations import check_refusal

ROOT = Path(__file__).parents[2]

MODULES = {"pickle", "joblib", "cloudpickle", "dill", "shelve", "marshal"}

CALLS = {"eval", "exec", "compile", "__import__"}

# Of a module, or of any object: what runs or unpacks what a file holds.
ATTRIBUTES = {
    *("torch.load", "yaml.load", "os.system", "os.popen"),
    *("extractall", "unpack_archive", "enable_unsafe_deserialization"),
}

ARGUMENTS = {("safe_mode", False), ("allow_pickle", True), ("shell", True)}


def dangers(source):
    """What in a source could run or unpack what is in a file, by line."""
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name.split(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [(node.module or "").split(".")[0]]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            names = [node.func.id] if node.func.id in CALLS else []
        elif isinstance(node, ast.Attribute):
            called = {ast.unparse(node), node.attr} & ATTRIBUTES
            yield from (f"line {node.lineno}: {name}" for name in called)
        elif isinstance(node, ast.keyword):
            value = getattr(node.value, "value", None)
            if isinstance(value, bool) and (node.arg, value) in ARGUMENTS:
                yield f"line {node.value.lineno}: {node.arg}"
        yield from (
            f"line {node.lineno}: {name}"
            for name in names
            if name in MODULES | CALLS
        )


def test_nothing_in_the_package_runs_or_unpacks_what_a_file_holds():
    files = [
        path
        for room in ("layers", "fdin_tf", "recipes")
        for path in sorted((ROOT / room).rglob("*.py"))
    ]
    assert ROOT / "fdin_tf" / "models" / "model_files.py" in files
    found = [
        f"{path.relative_to(ROOT)}, {line}"
        for path in files
        for line in dangers(path.read_text("utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "import cloudpickle.pickle as p",
        "eval(text)",
        "exec(text)",
        "torch.load(path)",
        "yaml.load(text)",
        "archive.extractall(folder)",
        "keras.config.enable_unsafe_deserialization()",
        "keras.saving.load_model(path, safe_mode=False)",
        "np.load(path, allow_pickle=True)",
        "subprocess.run(line, shell=True)",
    ],
)
def test_what_would_run_or_unpack_a_file_is_found(source):
    assert len(list(dangers(source))) == 1


@pytest.fixture
def with_code(tmp_path):
    """A model whose file holds Python code."""
    inputs = keras.Input((2,))
    outputs = keras.layers.Lambda(lambda x: x + 1)(inputs)
    path = tmp_path / "code.keras"
    keras.Model(inputs, outputs).save(path)
    return path


def test_a_model_with_code_is_refused_in_one_line(with_code, capsys):
    with pytest.raises(ValueError, match="without running code") as error:
        load_model_file(with_code)
    check_refusal(error.value, "code.keras")
    with pytest.raises(SystemExit) as end:
        run_recipe(load_model_file, with_code)
    assert end.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_damaged_model_is_refused_in_one_line(with_code):
    with_code.write_bytes(with_code.read_bytes()[:500])
    with pytest.raises(ValueError, match=r"is no \.keras file") as error:
        load_model_file(with_code)
    check_refusal(error.value, "code.keras")
