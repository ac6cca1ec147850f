"""recipes.benchmark_gpu: the networks on every backend of Keras."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def benchmark_gpu(tmp_path):
    """Runs it in a process on a backend, and without TensorFlow if asked."""

    def run(backend, *words, without_tensorflow=True):
        settings = {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
        if without_tensorflow:
            package = tmp_path / "without" / "tensorflow"
            package.mkdir(parents=True, exist_ok=True)
            (package / "__init__.py").write_text("raise ImportError('none')\n")
            settings["PYTHONPATH"] = str(package.parent)
        return subprocess.run(
            [sys.executable, "-m", "recipes.benchmark_gpu", *words],
            cwd=ROOT,
            env=os.environ | settings,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_networks_run_where_tensorflow_is_not_installed(
    benchmark_gpu, backend, tmp_path
):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    path = tmp_path / "new" / "times.json"
    words = ("--size", "smoke", "--repeats", "2", "--output", str(path))
    done = benchmark_gpu(backend, *words, "--precisions", "float32")
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"backend: {backend}" in done.stdout
    assert "device: cpu" in done.stdout
    found = json.loads(path.read_text())
    titles = [comparison["title"] for comparison in found["comparisons"]]
    assert titles == [
        "FDIN float32 training", "FDIN float32 inference",
        "SIAM float32 training", "SIAM float32 inference",
    ]  # fmt: skip
    for comparison in found["comparisons"]:
        (timing,) = comparison["timings"]
        assert len(timing["seconds"]) == 2
        assert min(timing["seconds"]) > 0
        assert comparison["title"] in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--size", "small"), "invalid choice: 'small'"),
        (("--precisions", "float64"), "invalid choice: 'float64'"),
        (("--repeats", "0"), "expected --repeats of at least 1: 0"),
    ],
)
def test_mistakes_end_with_a_line_and_code_2(monkeypatch, capsys, words,
                                             message):  # fmt: skip
    from recipes.benchmark_gpu import main

    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_the_backend_of_this_process_will_do_too(capsys):
    from recipes.benchmark_gpu import main

    found = main(["--size", "smoke", "--repeats", "1", "--precisions",
                  "mixed_bfloat16"])  # fmt: skip
    assert len(found["comparisons"]) == 4
    assert found["machine"]["backend"] in capsys.readouterr().out
