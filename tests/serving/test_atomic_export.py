"""A version appears whole or not at all, whatever fails on the way."""

import keras
import pytest

from fdin_tf.serving import export
from fdin_tf.serving.export import latest_version
from fdin_tf.serving.export import write_version
from fdin_tf.serving.signatures import image_signatures

# What `write_version` does, in its order.
STEPS = [
    (type(keras.export.ExportArchive()), "write_out"),
    (keras.Model, "save"),
    (export, "write_json"),
    (export, "card_text"),
    (export, "write_warmup"),
    (export, "_compare"),
    (export, "replay"),
]


@pytest.fixture(scope="module")
def write(tmp_path_factory):
    """Writes the next version of a small model; its folder is `.folder`."""
    folder = tmp_path_factory.mktemp("models") / "mine"
    images = keras.Input((4, 4, 3), name="images")
    mean = keras.layers.GlobalAveragePooling2D()(images)
    model = keras.Model(
        {"images": images}, {"smile": keras.layers.Dense(2, name="smile")(mean)}
    )

    def write():
        signatures = image_signatures(model, {})
        return write_version(folder, model, signatures, {}, "float32")

    write.folder = folder
    assert write().name == "1"
    return write


@pytest.mark.parametrize(("where", "step"), STEPS)
def test_a_step_that_fails_leaves_the_versions_as_they_were(
    where, step, write, monkeypatch
):
    done = getattr(where, step)
    before = {path.name for path in write.folder.iterdir()}
    meanwhile = []

    def fails(*args, **kwargs):
        done(*args, **kwargs)  # what is half done lies there
        meanwhile.extend(path.name for path in write.folder.iterdir())
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(where, step, fails)
    with pytest.raises(OSError, match="No space left"):
        write()
    assert {path.name for path in write.folder.iterdir()} == before
    (half,) = set(meanwhile) - before
    assert half.startswith(".2.")
    assert latest_version(write.folder).name == "1"


def test_a_version_that_answers_no_numbers_does_not_appear(write, monkeypatch):
    def is_false(*args, **kwargs):
        return False

    monkeypatch.setattr(export.np, "allclose", is_false)
    with pytest.raises(RuntimeError, match="'serving_default' answers differ"):
        write()
    assert [path.name for path in write.folder.iterdir()] == ["1"]


def test_after_failures_the_next_version_is_whole(write):
    path = write()
    assert path.name == "2"
    assert {x.name for x in path.parent.iterdir()} == {"1", "2"}
    assert {x.name for x in (path / "assets.extra").iterdir()} == {
        *("card.json", "MODEL_CARD.md", "model.keras"),
        "tf_serving_warmup_requests",
    }
