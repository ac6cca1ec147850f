"""The additive reader: a sum over regions, its contract, its limit."""

import keras
import numpy as np
import pytest

from fdin_tf.models import build_additive
from fdin_tf.models import build_regional
from tests.models.test_fdin import SHAPE
from tests.models.test_fdin import make_clips
from tests.models.test_fdin import randomize


def build_tiny(target="age", **kwargs):
    sizes = {"dense_units": 5, "lstm_units": (4, 3), "head_units": (4, 3),
             "feature_shape": SHAPE}  # fmt: skip
    return build_additive(target, **{**sizes, **kwargs})


def interaction(model, clips, first, second):
    """What two regions together change beyond what each changes alone."""
    rng = np.random.default_rng(1)
    other = 20 * rng.normal(size=clips["features"].shape)
    height, width = (size // 3 for size in SHAPE[:2])

    def answer(*regions):
        features = clips["features"].copy()
        for region in regions:
            row, column = divmod(region, 3)
            cell = (
                slice(row * height, (row + 1) * height),
                slice(column * width, (column + 1) * width),
            )
            features[:, :, *cell] = other[:, :, *cell]
        (output,) = model({**clips, "features": features}).values()
        return np.asarray(output, np.float64)

    return answer(first, second) - answer(first) - answer(second) + answer()


def test_no_relation_between_regions_enters_the_answer():
    clips = make_clips()
    additive = randomize(build_tiny())
    for first, second in ((0, 1), (2, 6), (7, 8)):
        np.testing.assert_allclose(
            interaction(additive, clips, first, second), 0, atol=1e-5
        )
    regional = randomize(
        build_regional(dense_units=5, lstm_units=(4, 3), region_units=(6,),
                       head_units=(4, 3), feature_shape=SHAPE)
    )  # fmt: skip
    assert np.abs(interaction(regional, clips, 2, 6)).max() > 1e-4


@pytest.mark.parametrize("target", ["age", "gender", "planted"])
@pytest.mark.parametrize("neutral_frames", [0, 2])
def test_padding_never_changes_an_answer(target, neutral_frames):
    model = randomize(build_tiny(target, neutral_frames=neutral_frames))
    clips = make_clips()
    expected = np.asarray(model(clips)[target])
    noisy = clips["features"].copy()
    noisy[~clips["mask"]] = 1e3
    found = model({"features": noisy, "mask": clips["mask"]})[target]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert expected.dtype == np.float32


def test_survives_saving(tmp_path):
    model = randomize(build_tiny("gender", use_location=False))
    model.save(tmp_path / "additive.keras")
    loaded = keras.saving.load_model(tmp_path / "additive.keras")
    clips = make_clips()
    np.testing.assert_allclose(
        loaded(clips)["gender"], model(clips)["gender"], rtol=1e-5
    )
    np.testing.assert_allclose(
        np.sum(model(clips)["gender"], axis=-1), 1, rtol=1e-5
    )


def test_the_weights_of_the_answer_are_found_under_its_name():
    model = randomize(build_tiny())
    clips = make_clips()
    before = np.asarray(model(clips)["age"])
    kernel, bias = model.get_layer("age").get_weights()
    model.get_layer("age").set_weights([10 * kernel, 10 * bias + 5])
    np.testing.assert_allclose(
        model(clips)["age"], 10 * before + 5, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"target": "mood"}, "`target` must be one of"),
        ({"lstm_units": ()}, "`lstm_units` must be a tuple"),
        ({"head_units": ()}, "`head_units` must be a tuple"),
        ({"dropout": 1.0}, "`dropout` must be in"),
        ({"normalize_motion": True}, "needs `neutral_frames`"),
        ({"feature_shape": (7, 6, 4)}, "divisible by 3"),
    ],
)
def test_wrong_arguments_are_errors(wrong, message):
    with pytest.raises(ValueError, match=message):
        build_tiny(**wrong)
