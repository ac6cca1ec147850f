"""What the tests of the faces share: one detector, one real clip."""

import pytest

from fdin_tf.faces import MTCNNDetector
from tests.faces.photo_clip import make_photo_clip


@pytest.fixture(scope="session")
def detector():
    """The real detector; its weights are loaded once."""
    return MTCNNDetector()


@pytest.fixture(scope="session")
def photo_clip(tmp_path_factory):
    """`(path, truth)` of the clip made from a photograph."""
    path = tmp_path_factory.mktemp("faces") / "photo.mp4"
    return path, make_photo_clip(path)
