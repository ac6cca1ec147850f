"""What several test files share: embedded clips, drawn and encoded once."""

import os
import sys

import keras
import pytest

from fdin_tf.data.encode import encode_clips
from fdin_tf.data.sources import embedded_clips
from fdin_tf.data.uva_nemo import load_uva_nemo
from tests.backends import not_recorded
from tests.tiny_crops import crop_tiny


def pixels():
    """An encoder that changes nothing."""
    frames = keras.Input((96, 96, 3))
    return keras.Model(frames, keras.layers.Identity()(frames), name="pixels")


@pytest.fixture(autouse=True)
def gradients_are_asked_for():
    """Nothing is noted down for gradients where a test does not say so."""
    with not_recorded():
        yield


def pytest_configure():
    """MLflow's store is that of each test, not one that the user has set."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID"):
        os.environ.pop(name, None)


@pytest.fixture(scope="module", autouse=True)
def mlflow_forgets():
    """No file of tests meets the store or the experiment of one before."""
    yield
    if "mlflow" in sys.modules:
        mlflow = sys.modules["mlflow"]
        mlflow.set_tracking_uri(None)
        mlflow.tracking.fluent._active_experiment_id = None
    pytest_configure()


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory):
    """A cache folder of this test session."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def tiny_set(cache_dir):
    """Folder of the embedded set `tiny`: 8 subjects, 2 clips each."""
    return embedded_clips("tiny", cache_dir)


@pytest.fixture(scope="session")
def tiny_clips(tiny_set):
    """Its clip table."""
    return load_uva_nemo(tiny_set)


@pytest.fixture(scope="session")
def tiny_pixels(tiny_clips, cache_dir):
    """Its aligned faces as they are, found by real detection."""
    return encode_clips(tiny_clips, pixels(), cache_dir)


@pytest.fixture(scope="session")
def cropped(tiny_clips, tiny_set, cache_dir):
    """The same clips as crops of upright faces."""
    return crop_tiny(tiny_clips, tiny_set, cache_dir)


@pytest.fixture
def dtype_policy(request):
    """The parameter as global precision policy, put back afterwards."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)
