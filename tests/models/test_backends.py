"""On JAX and PyTorch, FDIN and SIAM do what they do on TensorFlow."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.backends import BACKEND
from tests.models.backend_runs import MODELS
from tests.models.backend_runs import ask
from tests.models.backend_runs import run
from tests.models.test_fdin import randomize

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    BACKEND == "tensorflow", reason="compares other backends with TensorFlow"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Models of this backend, and what TensorFlow made of them."""
    folder = tmp_path_factory.mktemp("models")
    for name, build in MODELS.items():
        randomize(build()).save(folder / f"{name}.keras")
    subprocess.run(
        [sys.executable, "-m", "tests.models.backend_runs", folder, *MODELS],
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        cwd=ROOT,
        check=True,
        timeout=1800,
    )
    return folder


def load(path):
    return keras.saving.load_model(path, safe_mode=True)


@pytest.mark.parametrize("name", MODELS)
def test_it_answers_and_learns_as_on_tensorflow(folder, name):
    """Answers, losses, and every weight after five steps of training."""
    with np.load(folder / f"{name}.npz") as file:
        expected = dict(file)
    found = run(load(folder / f"{name}.keras"))
    assert set(found) == set(expected)
    for what, e in expected.items():
        np.testing.assert_allclose(
            found[what], e, rtol=1e-3, atol=1e-5, err_msg=what
        )
    moved = expected["after, 7 frames"] - expected["before, 7 frames"]
    assert np.abs(moved).max() > 0.1


@pytest.mark.parametrize("name", MODELS)
def test_what_tensorflow_trained_and_saved_answers_the_same(folder, name):
    with np.load(folder / f"{name}.npz") as file:
        expected = {
            what.removeprefix("after, "): answer
            for what, answer in file.items()
            if what.startswith("after, ")
        }
    found = ask(load(folder / f"{name}-trained.keras"))
    assert len(found) == len(expected) == 2
    for what, e in expected.items():
        np.testing.assert_allclose(found[what], e, rtol=1e-4, atol=1e-5)
