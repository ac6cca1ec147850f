"""study_call: the versions that decide a study's numbers."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version

import cv2
import keras
import PIL
import pytest

from recipes import study_call
from recipes.study_call import package_versions


def test_decoders_and_networks_are_among_the_versions():
    versions = package_versions()
    assert versions["pillow"] == PIL.__version__
    assert versions["keras"] == keras.__version__
    assert versions["opencv-python-headless"].startswith(cv2.__version__)
    assert next(iter(versions)) == "fdin-tf"


@pytest.mark.parametrize("missing", ["keras-cv", "mlflow"])
def test_what_is_not_installed_is_left_out(monkeypatch, missing):
    def installed(package):
        if package == missing:
            raise PackageNotFoundError(package)
        return "2.0" if package == "keras-cv" else version(package)

    monkeypatch.setattr(study_call, "version", installed)
    versions = package_versions()
    assert versions.get("keras-cv") == {"mlflow": "2.0"}.get(missing)
    assert "tensorflow" in versions
