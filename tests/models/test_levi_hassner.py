"""Levi and Hassner's network: sizes, first weights, new targets."""

import keras
import numpy as np
import pytest

from fdin_tf.models import build_levi_hassner
from fdin_tf.models import transfer_levi_hassner
from fdin_tf.models.levi_hassner import AGE_GROUPS
from fdin_tf.models.levi_hassner import target_of

SMALL = {"image_size": 39, "conv_units": (4, 5, 6), "dense_units": (7, 8)}
HE = {"kernel_initializer": "he_normal", "std": 64}
WEIGHTED = ("conv1", "conv2", "conv3", "fc6", "fc7")


def random_images():
    """Four RGB images."""
    rng = np.random.default_rng(seed=0)
    return rng.integers(0, 256, (4, 39, 39, 3), dtype="uint8")


@pytest.fixture
def images():
    return random_images()


@pytest.fixture(scope="module")
def published():
    """The network of published size, built once: 46 MB of weights."""
    keras.utils.set_random_seed(0)
    return build_levi_hassner()


def answer(model, images):
    (output,) = model({"images": images}).values()
    return np.array(output)


def weights_of(model):
    return {
        layer.name: layer.get_weights()
        for layer in model.layers
        if layer.weights and layer.name != "subtract_mean"
    }


def maps_before(model, name, images):
    part = keras.Model(model.input, model.get_layer(name).output)
    return np.array(part({"images": images}))


def test_published_size_halves_as_in_caffe(published):
    sizes = {
        layer.name: layer.output.shape[1:]
        for layer in published.layers
        if layer.name.startswith(("conv", "pool", "norm", "flatten"))
    }
    assert sizes == {
        "conv1": (56, 56, 96),
        "pool1": (28, 28, 96),
        "norm1": (28, 28, 96),
        "conv2": (28, 28, 256),
        "pool2": (14, 14, 256),
        "norm2": (14, 14, 256),
        "conv3": (14, 14, 384),
        "pool5": (7, 7, 384),
        "flatten": (18816,),
    }
    assert published.output["age_group"].shape == (None, 8)


def test_published_size_has_the_parameters_of_the_definition(published):
    shapes = (
        *((96, 3 * 7 * 7), (256, 96 * 5 * 5), (384, 256 * 3 * 3)),
        *((512, 384 * 7 * 7), (512, 512), (8, 512)),
    )
    expected = sum(units * inputs + units for units, inputs in shapes)
    assert expected == 11_415_048
    trained = published.trainable_weights
    assert sum(np.prod(w.shape) for w in trained) == expected


def test_published_initial_weights_are_those_of_the_definition(published):
    deviations = dict(zip(WEIGHTED, (0.01, 0.01, 0.01, 0.005, 0.005)))
    biases = dict(zip(WEIGHTED, (0, 1, 0, 1, 1)))
    weights = weights_of(published)
    last_kernel, last_bias = weights.pop("age_group")
    assert list(weights) == list(WEIGHTED)
    for name, (kernel, bias) in weights.items():
        assert kernel.std() == pytest.approx(deviations[name], rel=0.02)
        assert abs(kernel.mean()) < 0.02 * deviations[name]
        np.testing.assert_array_equal(bias, biases[name])
    assert last_kernel.std() == pytest.approx(0.01, rel=0.05)
    np.testing.assert_array_equal(last_bias, 0)


def test_layers_keep_their_order_and_pad_only_where_caffe_rounds_up():
    def names(image_size):
        model = build_levi_hassner(
            "gender", **{**SMALL, "image_size": image_size}
        )
        return [layer.name for layer in model.layers]

    dense = ["flatten", "fc6", "drop6", "fc7", "drop7", "gender"]
    # 15, 7 and 3 places: every window fits.
    assert names(63) == [
        *("images", "subtract_mean", "conv1", "pool1", "norm1"),
        *("conv2", "pool2", "norm2", "conv3", "pool5", *dense),
    ]
    # 16, 8 and 4 places: one window more, partly outside.
    assert names(67) == [
        *("images", "subtract_mean", "conv1", "pad1", "pool1", "norm1"),
        *("conv2", "pad2", "pool2", "norm2", "conv3", "pad5", "pool5", *dense),
    ]


@pytest.mark.parametrize(
    ("target", "units"), [("age_group", len(AGE_GROUPS)), ("gender", 2)]
)
def test_classes_get_probabilities(target, units, images):
    model = build_levi_hassner(target, **SMALL, **HE)
    probabilities = answer(model, images)
    assert probabilities.shape == (4, units)
    assert (probabilities > 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    assert target_of(model) == target


def test_a_rating_is_one_linear_unit(images):
    model = build_levi_hassner("happiness", **SMALL, **HE)
    kernel, bias = model.get_layer("happiness").get_weights()
    hidden = maps_before(model, "drop7", images)
    ratings = answer(model, images)
    np.testing.assert_allclose(ratings, hidden @ kernel + bias, rtol=1e-5)
    model.get_layer("happiness").set_weights([-kernel, bias])
    np.testing.assert_allclose(answer(model, images), -ratings, rtol=1e-5)


def test_uint8_and_float_images_give_the_same(images):
    model = build_levi_hassner(**SMALL, **HE)
    np.testing.assert_array_equal(
        answer(model, images), answer(model, images.astype("float32"))
    )


@pytest.mark.parametrize(
    "dtype_policy", ["mixed_bfloat16", "mixed_float16"], indirect=True
)
def test_half_precision_gives_float32_answers_close_to_single(
    dtype_policy, images
):
    half = build_levi_hassner("happiness", **SMALL, **HE)
    keras.config.set_dtype_policy("float32")
    single = build_levi_hassner("happiness", **SMALL, **HE)
    single.set_weights(half.get_weights())
    assert half.get_layer("conv2").compute_dtype in dtype_policy
    assert answer(half, images).dtype == np.float32
    np.testing.assert_allclose(
        answer(half, images), answer(single, images), rtol=0.1, atol=2e-3
    )


def trained(model, images):
    """One step of Nesterov momentum towards ratings of 1."""
    model.compile(keras.optimizers.SGD(1e-3, 0.9, nesterov=True), loss="mse")
    before = weights_of(model)
    model.fit({"images": images}, np.ones((len(images), 1)), verbose=0)
    after = weights_of(model)
    return {
        name
        for name in before
        if not all(map(np.array_equal, before[name], after[name]))
    }


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ("dense", {"fc6", "fc7", "happiness"}),
        ("all", {*WEIGHTED, "happiness"}),
    ],
)
def test_transfer_trains_what_it_says_and_begins_at_the_base(
    layers, expected, images
):
    keras.utils.set_random_seed(2)
    mean = np.random.default_rng(1).uniform(0, 255, (39, 39, 3))
    base = build_levi_hassner(
        "age_group", **SMALL, **HE, mean=mean, dropout=0.0
    )
    model = transfer_levi_hassner(base, "happiness", layers, seed=3)
    assert {n: o.shape for n, o in model.output.items()} == {
        "happiness": (None, 1)
    }
    np.testing.assert_array_equal(
        maps_before(model, "drop7", images), maps_before(base, "drop7", images)
    )
    kept = weights_of(base)
    assert trained(model, images) == expected
    for name, arrays in weights_of(base).items():
        for array, before in zip(arrays, kept[name]):
            np.testing.assert_array_equal(array, before)


def test_transfer_of_a_transfer_can_train_all_again(images):
    keras.utils.set_random_seed(2)
    base = build_levi_hassner("gender", **SMALL, **HE, dropout=0.0)
    frozen = transfer_levi_hassner(base, "happiness", "dense", seed=3)
    free = transfer_levi_hassner(frozen, "confidence", "all", seed=3)
    assert trained(free, images) == {*WEIGHTED, "confidence"}
    assert not frozen.get_layer("conv1").trainable


def test_transfer_repeats_with_its_seed_and_survives_saving(images, tmp_path):
    base = build_levi_hassner("gender", **SMALL, **HE)
    first, second, third = (
        transfer_levi_hassner(base, "happiness", seed=seed)
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(answer(first, images), answer(second, images))
    assert not np.allclose(answer(first, images), answer(third, images))
    first.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(
        answer(loaded, images), answer(first, images), rtol=1e-6
    )
    assert not loaded.get_layer("conv1").trainable


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"target": "fc6"}, r"`target` must be .* Received: target='fc6'"),
        ({"target": "drop7"}, r"Received: target='drop7'"),
        ({"target": "a/b"}, r"Received: target='a/b'"),
        ({"image_size": 34}, r"35 or more\. Received: image_size=34"),
        ({"image_size": 64.0}, r"35 or more\. Received: image_size=64.0"),
        ({"conv_units": (4, 5)}, r"must be 3 positive .*conv_units=\(4, 5\)"),
        ({"dense_units": (4, 0)}, r"must be 2 positive .*dense_units=\(4, 0\)"),
        ({"dropout": 1.0}, r"in \[0, 1\)\. Received: dropout=1.0"),
        ({"std": 0}, r"above 0\. Received: std=0"),
        (
            {"mean": np.zeros((3, 39, 39))},
            r"an image \(39, 39, 3\)\. Received: .*shape \(3, 39, 39\)",
        ),
        ({"mean": (0, 0, 256)}, r"in 0\.\.255\. Received: .* to 256"),
        ({"mean": np.nan}, r"in 0\.\.255\. Received: mean from nan"),
    ],
)
def test_what_does_not_fit_is_an_error(arguments, match):
    with pytest.raises(ValueError, match=match):
        build_levi_hassner(**{**SMALL, **arguments})


def test_the_smallest_image_leaves_one_place():
    model = build_levi_hassner(**{**SMALL, "image_size": 35})
    assert model.get_layer("pool5").output.shape == (None, 1, 1, 6)


def test_transfer_refuses_what_it_does_not_know():
    base = build_levi_hassner("gender", **SMALL)
    with pytest.raises(ValueError, match=r"'dense', 'all'.*layers='conv'"):
        transfer_levi_hassner(base, "happiness", layers="conv")
    with pytest.raises(ValueError, match="Received: target='conv1'"):
        transfer_levi_hassner(base, "conv1")
    other = keras.Sequential([keras.Input((3,))], name="other")
    bare = keras.Model(base.input, base.output["gender"], name="other")
    for model in (other, bare):
        with pytest.raises(ValueError, match=r"build_levi_.*model=other"):
            transfer_levi_hassner(model, "happiness")
