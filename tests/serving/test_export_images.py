"""Export of models of photographs: signature, Keras file, card, refusals."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from fdin_tf.faces.crops import CROP_SCHEMES
from fdin_tf.faces.crops import CropScheme
from fdin_tf.models import average_networks
from fdin_tf.models import build_face_network
from fdin_tf.models import single_networks
from fdin_tf.serving import export
from fdin_tf.serving import export_image_model
from fdin_tf.serving import image_card
from fdin_tf.serving.export import CARD
from fdin_tf.serving.export import KERAS_MODEL
from fdin_tf.serving.export import find_version
from fdin_tf.serving.export_images import trunk_dtype
from tests.recipes.gnet_export import SIZE
from tests.recipes.gnet_export import TESTED
from tests.recipes.gnet_export import TRAINED_ON
from tests.recipes.gnet_export import build_model
from tests.recipes.gnet_export import make_card

SHAPES = {"gender": (SIZE, SIZE, 3), "smile": (2, SIZE, SIZE, 3)}


@pytest.fixture(scope="module")
def models():
    return {target: build_model(target) for target in SHAPES}


@pytest.fixture(scope="module")
def exported(models, tmp_path_factory):
    root = tmp_path_factory.mktemp("saved_models")
    return {
        target: export_image_model(model, root / target, make_card(target))
        for target, model in models.items()
    }


def crops_of(target, number=5):
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (number, *SHAPES[target]), dtype=np.uint8)


@pytest.mark.parametrize("target", sorted(SHAPES))
def test_crops_are_answered_like_by_keras(target, models, exported):
    crops = crops_of(target)
    expected = models[target]({"images": crops})[target]
    assert np.ptp(expected[:, 0]) > 0.01
    loaded = tf.saved_model.load(str(exported[target]))
    found = loaded.signatures["serving_default"](images=tf.constant(crops))
    assert set(found) == {target, f"{target}_accuracy"}
    np.testing.assert_allclose(found[target], expected, rtol=1e-4, atol=1e-6)
    beside = keras.saving.load_model(
        exported[target] / KERAS_MODEL, safe_mode=True
    )
    np.testing.assert_allclose(
        beside({"images": crops})[target], expected, rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("target", sorted(SHAPES))
def test_names_and_shapes_are_those_of_the_contract(target, exported):
    loaded = tf.saved_model.load(str(exported[target]))
    assert set(loaded.signatures) == {"serving_default", "from_jpeg"}
    signature = loaded.signatures["serving_default"]
    _, inputs = signature.structured_input_signature
    (images,) = inputs.values()
    assert list(inputs) == ["images"]
    assert images.shape.as_list() == [None, *SHAPES[target]]
    assert images.dtype == tf.uint8
    answer = signature.structured_outputs[target]
    assert answer.shape.as_list() == [None, 2]
    assert answer.dtype == tf.float32


def test_versions_count_up_beside_each_other(exported, models):
    folder = exported["gender"].parent
    assert exported["gender"].name == "1"
    second = export_image_model(models["gender"], folder, make_card("gender"))
    assert second.name == "2"
    assert {path.name for path in folder.iterdir()} == {"1", "2"}
    path, card = find_version(folder)
    assert path == second
    assert find_version(folder / "1")[0].name == "1"
    assert card == json.loads((second / CARD).read_text())


def test_the_card_says_what_how_well_and_what_not(exported):
    card = json.loads((exported["smile"] / CARD).read_text())
    assert card["target"] == "smile"
    assert card["classes"] == ["no_smile", "smile"]
    assert [CropScheme(**crop) for crop in card["crops"]] == [
        CROP_SCHEMES[1],
        CROP_SCHEMES[5],
    ]
    assert card["size"] == SIZE
    assert card["trained_on"] == TRAINED_ON
    assert card["tested"] == TESTED
    assert card["versions"]["tensorflow"] == tf.__version__
    assert card["versions"]["keras"] == keras.__version__
    for words in ("two classes", "from looks", "Not for decisions about pers"):
        assert words in card["limits"]


def test_a_card_takes_a_scheme_of_its_own_and_no_test():
    mouth = CropScheme(6, "mouth", aligned=True, top=0.5, bottom=1.5)
    card = image_card("a", "smile", [mouth], 64, TRAINED_ON, facts={"b": 1})
    assert card["crops"] == [
        {"number": 6, "name": "mouth", "aligned": True, "top": 0.5,
         "bottom": 1.5}
    ]  # fmt: skip
    assert card["tested"] is None
    assert card["facts"] == {"b": 1}


@pytest.mark.parametrize(
    ("entries", "match"),
    [
        ({"target": "age"}, r"gender, smile\. Received: target='age'"),
        ({"schemes": [6]}, r"1, 2, 3, 4, 5, or a `CropScheme`\. Received: 6"),
        (
            {"trained_on": {"databases": []}},
            r"`trained_on` with databases, is_drawn\..*without 'is_drawn'",
        ),
        (
            {"tested": {"on": "all", "images": 3, "accuracy": 50.0}},
            r"`tested` with on, .*without 'standard_error'",
        ),
    ],
)
def test_a_card_that_says_too_little_is_refused(entries, match):
    given = {"target": "gender", "schemes": [3], "trained_on": TRAINED_ON}
    with pytest.raises(ValueError, match=match):
        image_card("a", size=SIZE, **{**given, **entries})


@pytest.mark.parametrize(
    ("target", "entries"),
    [
        ("gender", {"size": 64}),
        ("gender", {"crops": [{}, {}]}),
        ("gender", {"target": "smile"}),
        ("gender", {"classes": ["female", "male", "other"]}),
        ("smile", {"crops": [{}]}),
    ],
)
def test_a_card_of_another_model_is_refused(target, entries, models, tmp_path):
    card = {**make_card(target), **entries}
    match = r"Expected a model from images \(.*as its card says\. Received: a"
    with pytest.raises(ValueError, match=match):
        export_image_model(models[target], tmp_path / "a", card)
    with pytest.raises(ValueError, match=r"`card` with .*without 'classes'"):
        export_image_model(models[target], tmp_path / "a", {"target": target})
    assert not (tmp_path / "a").exists()


def test_a_model_that_answers_no_numbers_leaves_no_version(tmp_path):
    model = build_model("gender")
    kernel, bias = model.get_layer("gender").get_weights()
    model.get_layer("gender").set_weights([np.nan * kernel, bias])
    match = r"'serving_default' answers differently.*Received: gender="
    with pytest.raises(RuntimeError, match=match):
        export_image_model(model, tmp_path / "a", make_card("gender"))
    assert not list(tmp_path.glob("a/*"))


@pytest.fixture
def half():
    """SNet that computes in half precision, and what it is after a reload."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield build_model("smile")
    finally:
        keras.config.set_dtype_policy(before)


def test_the_dtype_is_that_of_the_trunk_however_the_model_came(half, tmp_path):
    half.save(tmp_path / "mean.keras")
    single = single_networks(half)[0]
    single.save(tmp_path / "single.keras")
    keras.config.set_dtype_policy("float32")
    mean, single = (
        keras.saving.load_model(tmp_path / f"{name}.keras", compile=False)
        for name in ("mean", "single")
    )
    fine = single_networks(build_model("smile"))
    assert fine[0].compute_dtype == mean.compute_dtype == "float32"
    for model in (half, mean, single, average_networks([fine[0], single])):
        assert trunk_dtype(model) == "bfloat16"
    assert trunk_dtype(average_networks(fine)) == "float32"


def test_a_reloaded_model_in_half_precision_is_held_against_half_precision(
    half, tmp_path, monkeypatch
):
    half.save(tmp_path / "mean.keras")
    keras.config.set_dtype_policy("float32")
    model = keras.saving.load_model(tmp_path / "mean.keras", compile=False)
    tolerances = []
    compare = export._compare

    def noted(*args):
        tolerances.append(args[-1])
        compare(*args)

    monkeypatch.setattr(export, "_compare", noted)
    path = export_image_model(model, tmp_path / "a", make_card("smile"))
    assert tolerances == [5e-2, 5e-2]  # of both signatures
    assert path.is_dir()


def test_what_is_no_export_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="numbered versions"):
        find_version(tmp_path)
    model = build_face_network(
        image_shape=(SIZE, SIZE, 3), filters=(2,) * 5, dense_units=(2, 2)
    )
    model.export(tmp_path / "7", verbose=False)
    with pytest.raises(ValueError, match=r"with assets\.extra/card\.json, a"):
        find_version(tmp_path)
