"""Networks of faces: literal answers, new heads, means, weights, saving."""

import keras
import numpy as np
import pytest

from fdin_tf.explain.lrp import relevance
from fdin_tf.models import average_networks
from fdin_tf.models import build_face_network
from fdin_tf.models import load_vggface_weights
from fdin_tf.models import replace_head
from fdin_tf.models import single_networks
from fdin_tf.models.gnet_snet import CLASSES
from fdin_tf.models.gnet_snet import HEADS
from fdin_tf.models.gnet_snet import head_of
from fdin_tf.models.vggface import NUM_CONVOLUTIONS
from fdin_tf.models.vggface import VGGFACE_MEAN
from fdin_tf.models.vggface import WEIGHT_LAYERS
from tests.models.vggface_files import WRITERS
from tests.models.vggface_files import build_small_network
from tests.models.vggface_files import make_weights

SMALL = {
    "image_shape": (64, 64, 3),
    "filters": (4, 5, 6, 7, 8),
    "dense_units": (9, 10),
}
ALIVE = {"std": 64, "kernel_initializer": "he_normal"}
TRUNK = WEIGHT_LAYERS[:-1]


@pytest.fixture
def images():
    """Three RGB images."""
    rng = np.random.default_rng(seed=0)
    return rng.integers(0, 256, (3, 64, 64, 3), dtype="uint8")


@pytest.fixture
def dtype_policy(request):
    """The parameter as global precision policy, put back afterwards."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


def build(head="gender", seed=0, **arguments):
    """A small network whose probabilities are far from even."""
    keras.utils.set_random_seed(seed)
    network = build_face_network(head, **{**SMALL, **ALIVE, **arguments})
    layer = network.get_layer(head)
    kernel, bias = layer.get_weights()
    layer.set_weights([100 * kernel, bias])
    return network


def answer(model, images):
    (probabilities,) = model({"images": images}).values()
    return np.array(probabilities)


def weights_of(model, names=TRUNK):
    return {name: model.get_layer(name).get_weights() for name in names}


def assert_same_weights(found, expected):
    assert list(found) == list(expected)
    for name, arrays in expected.items():
        for array, other in zip(arrays, found[name]):
            np.testing.assert_array_equal(array, other)


def literal_convolution(maps, kernel, bias):
    """3 x 3, zeros around, ReLU: one place at a time."""
    height, width, _ = maps.shape
    padded = np.pad(maps, ((1, 1), (1, 1), (0, 0)))
    result = np.empty((height, width, len(bias)))
    for y in range(height):
        for x in range(width):
            window = padded[y : y + 3, x : x + 3]
            result[y, x] = np.tensordot(window, kernel, 3) + bias
    return np.maximum(result, 0)


def literal_pooling(maps):
    """The largest of every 2 x 2."""
    height, width, channels = maps.shape
    return maps.reshape(height // 2, 2, width // 2, 2, channels).max((1, 3))


def literal_answer(network, head, image, std):
    """Table 1 of Zhang et al., layer by layer."""
    weights = weights_of(network, [*TRUNK, head])
    maps = (image - np.array(VGGFACE_MEAN)) / std
    for block, number in enumerate(NUM_CONVOLUTIONS, start=1):
        for i in range(1, number + 1):
            maps = literal_convolution(maps, *weights[f"conv{block}_{i}"])
        maps = literal_pooling(maps)
    hidden = maps.ravel()
    for name in ("fc6", "fc7"):
        kernel, bias = weights[name]
        hidden = np.maximum(hidden @ kernel + bias, 0)
    kernel, bias = weights[head]
    scores = hidden @ kernel + bias
    if head == "attributes":
        return 1 / (1 + np.exp(-scores))
    shares = np.exp(scores - scores.max())
    return shares / shares.sum()


@pytest.mark.parametrize(
    ("head", "classes", "units"),
    [
        ("identity", 11, 11),
        ("attributes", None, 40),
        ("attributes", 3, 3),
        ("gender", None, 2),
        ("smile", 2, 2),
    ],
)
def test_answers_are_those_of_the_published_table(head, classes, units, images):
    network = build(head, classes=classes)
    rng = np.random.default_rng(1)
    for name in (*TRUNK, head):  # biases count, too
        kernel, bias = network.get_layer(name).get_weights()
        network.get_layer(name).set_weights(
            [kernel, rng.normal(0, 0.1, bias.shape)]
        )
    found = answer(network, images[:1])
    assert found.shape == (1, units)
    assert found.std() > 0.01
    expected = literal_answer(network, head, images[0], std=64)
    np.testing.assert_allclose(found[0], expected, rtol=1e-4, atol=1e-6)


def test_layers_are_named_as_in_the_original():
    names = [layer.name for layer in build("smile").layers]
    assert names == [
        *("images", "subtract_mean"),
        *("conv1_1", "conv1_2", "pool1", "conv2_1", "conv2_2", "pool2"),
        *("conv3_1", "conv3_2", "conv3_3", "pool3"),
        *("conv4_1", "conv4_2", "conv4_3", "pool4"),
        *("conv5_1", "conv5_2", "conv5_3", "pool5"),
        *("flatten", "fc6", "drop6", "fc7", "drop7", "smile"),
    ]


def test_defaults_have_the_parameters_of_the_paper():
    """Table 1: 3x3 kernels from `Filt dim` to `Num filts`, and biases.

    The one place where the network is built at its full size, 540 MB.
    """
    sizes = (64, 64, 128, 128, *[256] * 3, *[512] * 6)
    convolutions = sum(
        9 * before * after + after for before, after in zip((3, *sizes), sizes)
    )
    dense = 7 * 7 * 512 * 4096 + 4096 + 4096 * 4096 + 4096
    assert convolutions + dense == 134_260_544
    network = build_face_network(kernel_initializer="zeros")
    assert network.count_params() == 134_260_544 + 2 * 4096 + 2
    assert network.output["gender"].shape == (None, 2)


def test_first_weights_are_as_documented():
    keras.utils.set_random_seed(0)
    network = build_face_network(
        "attributes", classes=400, **{**SMALL, "dense_units": (90, 100)}
    )
    for name, (kernel, bias) in weights_of(network).items():
        fans = np.prod(kernel.shape[:-2]) * np.sum(kernel.shape[-2:])
        limit = np.sqrt(6 / fans)
        assert np.abs(kernel).max() <= limit, name
        assert np.abs(kernel).max() > 0.9 * limit, name
        np.testing.assert_array_equal(bias, 0)
    kernel, bias = network.get_layer("attributes").get_weights()
    assert kernel.std() == pytest.approx(0.01, rel=0.02)
    np.testing.assert_array_equal(bias, 0)


def test_uint8_and_float_images_give_the_same(images):
    network = build()
    np.testing.assert_array_equal(
        answer(network, images), answer(network, images.astype("float32"))
    )


def test_dropout_changes_training_alone(images):
    network = build(dropout=0.5)
    first, second = (
        np.array(network({"images": images}, training=True)["gender"])
        for _ in range(2)
    )
    assert np.abs(first - second).max() > 1e-3
    np.testing.assert_array_equal(
        answer(network, images), answer(network, images)
    )
    for name in ("drop6", "drop7"):
        assert network.get_layer(name).rate == 0.5


@pytest.mark.parametrize(
    "dtype_policy", ["mixed_bfloat16", "mixed_float16"], indirect=True
)
def test_half_precision_gives_float32_answers_close_to_single(
    dtype_policy, images
):
    halves = [build(seed=seed) for seed in (0, 1)]
    keras.config.set_dtype_policy("float32")
    singles = [build(seed=seed) for seed in (0, 1)]
    assert halves[0].get_layer("conv2_1").compute_dtype in dtype_policy
    crops = np.stack([images, images], axis=1)
    for half, single, given in (
        (halves[0], singles[0], images),
        (average_networks(halves), average_networks(singles), crops),
    ):
        found = answer(half, given)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, answer(single, given), atol=0.02)


@pytest.mark.parametrize("writer", sorted(WRITERS))
def test_published_weights_fill_all_but_the_head(writer, images, tmp_path):
    weights = make_weights()
    path = WRITERS[writer](tmp_path / writer, weights)
    reference = load_vggface_weights(path, build_small_network())
    network = build_face_network("gender", **SMALL)
    head = network.get_layer("gender").get_weights()
    assert load_vggface_weights(path, network) is network
    assert_same_weights(weights_of(network), weights_of(reference))
    for array, before in zip(network.get_layer("gender").get_weights(), head):
        np.testing.assert_array_equal(array, before)
    np.testing.assert_allclose(
        keras.Model(network.input, network.get_layer("fc7").output)(
            {"images": images}
        ),
        keras.Model(reference.input, reference.get_layer("fc7").output)(images),
        rtol=1e-5,
    )


def test_a_mean_out_of_a_file_stays_in_heads_and_files(images, tmp_path):
    mean = (91.0, 103.0, 131.0)  # B, G, R
    path = WRITERS["caffe.npz"](tmp_path / "a.npz", make_weights(), mean)
    persons = load_vggface_weights(
        path, build_face_network("identity", 7, **SMALL, std=2)
    )
    smile = replace_head(persons, "smile")
    smile.save(tmp_path / "smile.keras")
    loaded = keras.saving.load_model(tmp_path / "smile.keras", safe_mode=True)
    for network in (persons, smile, loaded):
        layer = network.get_layer("subtract_mean")
        differences = keras.Model(network.input, layer.output)(
            {"images": images}
        )
        np.testing.assert_allclose(
            differences, (images - np.array(mean)[::-1]) / 2, atol=1e-4
        )


def test_a_new_head_stands_on_a_copy_of_the_trunk(images):
    persons = build("identity", classes=7)
    kept = weights_of(persons, [*TRUNK, "identity"])
    persons.get_layer("conv1_1").trainable = False
    smile = replace_head(persons, "smile", seed=3)
    assert {n: o.shape for n, o in smile.output.items()} == {"smile": (None, 2)}
    assert not smile.get_layer("conv1_1").trainable
    assert_same_weights(weights_of(smile), weights_of(persons))
    hidden = [
        keras.Model(x.input, x.get_layer("drop7").output)({"images": images})
        for x in (persons, smile)
    ]
    np.testing.assert_array_equal(*hidden)
    assert np.abs(hidden[0]).max() > 0.1

    smile.get_layer("conv1_1").trainable = True
    smile.compile(keras.optimizers.SGD(1.0), loss="categorical_crossentropy")
    smile.fit({"images": images}, np.eye(2)[[0, 1, 1]], verbose=0)
    trained = weights_of(smile)
    for name in ("conv1_1", "fc7"):
        assert np.abs(trained[name][0] - kept[name][0]).max() > 1e-6
    assert_same_weights(weights_of(persons, [*TRUNK, "identity"]), kept)


def test_a_new_head_repeats_with_its_seed():
    persons = build("identity", classes=7)
    first, second, third = (
        replace_head(persons, "attributes", seed=seed)
        .get_layer("attributes")
        .get_weights()[0]
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.allclose(first, third)
    assert first.std() == pytest.approx(0.01, rel=0.2)


def test_the_stages_lead_from_persons_to_one_attribute(images):
    network = build("identity", classes=7)
    for head, classes in (("attributes", 40), ("gender", 2), ("gender", 2)):
        network = replace_head(network, head)
        assert head_of(network) == head
        assert answer(network, images).shape == (3, classes)


@pytest.mark.parametrize("head", ["smile", "attributes"])
def test_the_mean_is_that_of_the_single_answers(head, images):
    networks = [build(head, seed) for seed in range(3)]
    crops = np.stack([images, images[::-1], images[:, ::-1]], axis=1)
    singles = [answer(n, crops[:, i]) for i, n in enumerate(networks)]
    assert np.abs(singles[0] - singles[1]).max() > 0.01
    mean = average_networks(networks)
    assert mean.input["images"].shape == (None, 3, 64, 64, 3)
    assert list(mean.output) == [head]
    found = answer(mean, crops)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.mean(singles, axis=0), atol=1e-6)
    np.testing.assert_allclose(
        mean.predict({"images": crops}, verbose=0)[head], found, atol=1e-5
    )


def test_the_mean_leaves_its_networks_as_they_are(images):
    networks = [build("smile", seed) for seed in range(2)]
    names = [network.name for network in networks]
    mean = average_networks(networks)
    assert [network.name for network in networks] == names
    layer = networks[1].get_layer("smile")
    layer.set_weights([np.zeros_like(w) for w in layer.get_weights()])
    first, second = single_networks(mean)
    np.testing.assert_array_equal(answer(second, images), 0.5)
    np.testing.assert_array_equal(
        answer(first, images), answer(networks[0], images)
    )


def test_a_saved_mean_gives_the_same_and_its_networks_in_order(
    images, tmp_path
):
    number = 11  # by their names, the tenth would come before the second
    networks = [build("smile", seed) for seed in range(number)]
    mean = average_networks(networks)
    mean.save(tmp_path / "snet.keras")
    loaded = keras.saving.load_model(tmp_path / "snet.keras", safe_mode=True)
    crops = np.stack([images] * number, axis=1)
    np.testing.assert_array_equal(answer(loaded, crops), answer(mean, crops))
    for single, network in zip(single_networks(loaded), networks, strict=True):
        np.testing.assert_array_equal(
            answer(single, images), answer(network, images)
        )


def test_a_single_network_saves_and_is_its_only_one(images, tmp_path):
    network = build("attributes")
    network.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(
        answer(loaded, images), answer(network, images)
    )
    assert single_networks(loaded) == [loaded]


def test_relevance_goes_through_every_single_network(images):
    networks = [build("smile", seed) for seed in (0, 1)]
    attributes = build("attributes", 2)
    for network in (*single_networks(average_networks(networks)), attributes):
        head = head_of(network)
        found = relevance(
            network,
            {"images": images},
            (head, 1),
            "epsilon_alpha2_beta1_plus_flat",
        )
        maps = found.inputs["images"].numpy()
        assert maps.shape == images.shape
        kernel, bias = network.get_layer(head).get_weights()
        hidden = keras.Model(network.input, network.get_layer("fc7").output)
        hidden = np.array(hidden({"images": images}))
        expected = hidden @ kernel[:, 1] + bias[1]
        np.testing.assert_allclose(found.score, expected, rtol=1e-4)
        sinks = sum(s.numpy() for s in found.conservation.sinks().values())
        np.testing.assert_allclose(
            maps.sum((1, 2, 3)) + sinks, found.score, rtol=1e-3, atol=1e-4
        )


def test_classes_are_those_of_the_heads():
    assert {head: len(names) for head, names in CLASSES.items()} == {
        head: HEADS[head] for head in ("gender", "smile")
    }


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"head": "age"}, r"'identity', .*'smile'\. Received: head='age'"),
        ({"head": "identity", "classes": 0}, r"positive .*classes=0"),
        ({"head": "attributes", "classes": 2.0}, r"positive .*classes=2\.0"),
        ({"classes": 3}, r"head 'gender' must be 2 or None\. .*classes=3"),
        ({"image_shape": (64, 80, 3)}, r"by 32\. Received: shape=\(64, 80, 3"),
        ({"filters": (4, 5, 6, 7)}, r"5 sizes .*filters=\(4, 5, 6, 7\)"),
        ({"dense_units": (9,)}, r"2 sizes .*dense_units=\(9,\)"),
        ({"dropout": 1.0}, r"in \[0, 1\)\. Received: dropout=1\.0"),
        ({"std": 0}, r"above 0\. Received: std=0"),
        ({"std": np.nan}, r"above 0\. Received: std=nan"),
    ],
)
def test_what_does_not_fit_is_an_error(arguments, match):
    with pytest.raises(ValueError, match=match):
        build_face_network(**{**SMALL, **arguments})


def test_other_models_are_refused():
    inner = keras.Sequential([keras.Input((3,))], name="inner")
    other = keras.Sequential([keras.Input((3,)), inner], name="other")
    network = build()
    match = r"build_face_network or replace_head\. Received: model="
    for refused in (
        lambda: replace_head(other, "smile"),
        lambda: average_networks([network, other]),
        lambda: single_networks(other),
        lambda: head_of(build_small_network()),
    ):
        with pytest.raises(ValueError, match=match):
            refused()
    with pytest.raises(ValueError, match=r"one of .*head='age'"):
        replace_head(network, "age")


def test_networks_that_have_no_mean_are_refused():
    network = build("smile")
    larger = build("smile", image_shape=(96, 64, 3))
    with pytest.raises(ValueError, match=r"two or more.*\['face_network_smi"):
        average_networks([network])
    with pytest.raises(ValueError, match=r"each another one"):
        average_networks([network, network])
    with pytest.raises(ValueError, match=r"heads=\['smile', 'gender'\]"):
        average_networks([network, build("gender")])
    with pytest.raises(ValueError, match=r"shapes=.*\(96, 64, 3\)\]"):
        average_networks([network, larger])
