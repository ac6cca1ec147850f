"""split_at_dynamics: two halves that give the whole, shared weights, errors."""

import keras
import numpy as np
import pytest

from fdin_tf.explain import explained
from fdin_tf.explain import split_at_dynamics
from fdin_tf.models.baselines import build_holistic
from fdin_tf.models.baselines import build_image_cnn
from fdin_tf.models.baselines import build_regional
from fdin_tf.serving.export import join_encoder
from tests.explain.test_explained import FRAME
from tests.explain.test_explained import clips_for
from tests.explain.test_explained import joined_with_years_added
from tests.explain.test_explained import on_frames
from tests.models.test_fdin import SHAPE
from tests.models.test_fdin import build_tiny
from tests.models.test_fdin import make_clips
from tests.models.test_fdin import randomize
from tests.models.test_fdin import small_encoder

SIZES = {
    "dense_units": 5,
    "lstm_units": (4, 3),
    "head_units": (4,),
    "feature_shape": SHAPE,
}


def tiny(**kwargs):
    return lambda: randomize(build_tiny(**kwargs))


def regional(**kwargs):
    return lambda: randomize(
        build_regional(**SIZES, region_units=(6, 5), **kwargs)
    )


def joined():
    return join_encoder(randomize(build_tiny()), small_encoder(FRAME))


MODELS = {
    "fdin": tiny(),
    "one LSTM": tiny(lstm_units=(3,)),
    "no location": tiny(use_location=False),
    "no importance": tiny(use_importance=False),
    "neither": tiny(use_location=False, use_importance=False),
    "classes": tiny(target="gender"),
    "on frames": on_frames,
    "joined": joined,
    "joined and explained": lambda: explained(joined()),
    "explained": lambda: explained(tiny()()),
    "a layer behind": joined_with_years_added,
    "regional": regional(),
    "regional, no location": regional(use_location=False),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_two_halves_give_the_whole(name):
    model = MODELS[name]()
    encode, interpret = split_at_dynamics(model)
    clips = clips_for(model)
    dynamics = np.asarray(encode(clips))
    assert dynamics.shape == (3, 9, 3)
    assert np.ptp(dynamics, axis=(0, 1)).min() > 1e-4
    expected, found = model(clips), interpret(dynamics)
    assert set(found) == set(expected)
    for output, value in expected.items():
        np.testing.assert_allclose(found[output], value, rtol=1e-6)
    weights = [id(w) for part in (encode, interpret) for w in part.weights]
    assert sorted(weights) == sorted(id(w) for w in model.weights)


def test_dynamics_are_what_the_location_is_added_to():
    model = tiny()()
    clips = make_clips()
    encode, _ = split_at_dynamics(model)
    located = keras.Model(model.input, model.get_layer("location").output)
    np.testing.assert_allclose(
        encode(clips), located(clips)[..., :-2], rtol=1e-6
    )


def test_a_loaded_model_is_split_like_the_first(tmp_path):
    model = joined()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    clips = clips_for(model)
    encode, interpret = split_at_dynamics(loaded)
    np.testing.assert_allclose(
        interpret(encode(clips))["age"], model(clips)["age"], rtol=1e-5
    )


def test_the_model_itself_stays_as_it_was():
    model = joined()
    before = model.get_config()
    split_at_dynamics(model)
    split_at_dynamics(model)
    assert model.get_config() == before


@pytest.mark.parametrize(
    ("build", "kwargs", "shape"),
    [
        (build_holistic, SIZES, r"\(None, (1, )?3\)"),
        (
            build_image_cnn,
            {k: v for k, v in SIZES.items() if k != "lstm_units"},
            "no dynamics",
        ),
    ],
)
def test_a_model_without_regions_is_an_error(build, kwargs, shape):
    with pytest.raises(
        ValueError, match=rf"nine regions.*no regions.*_age' with {shape}"
    ):
        split_at_dynamics(build(**kwargs))


@pytest.mark.parametrize("model", [small_encoder(), "fdin"])
def test_anything_else_is_an_error(model):
    with pytest.raises(
        ValueError, match=r"functional model with a dict .*Received: model="
    ):
        split_at_dynamics(model)
