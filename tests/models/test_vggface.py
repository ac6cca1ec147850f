"""VGG-Face: its layers, its sizes, its input, precision and saving."""

import keras
import numpy as np
import pytest

from fdin_tf.models import build_vggface
from fdin_tf.models import build_vggface_encoder
from fdin_tf.models.vggface import VGGFACE_MEAN
from fdin_tf.models.vggface import WEIGHT_LAYERS

SMALL = {"filters": (4, 5, 6, 7, 8), "dense_units": (9, 10)}
SMALL_ENCODER = {"filters": (4, 5, 6, 7)}


@pytest.fixture
def frames():
    """Two RGB frames."""
    rng = np.random.default_rng(seed=0)
    return rng.integers(0, 256, (2, 64, 64, 3), dtype="uint8")


def convolution_parameters(channels, filters, num):
    """3x3 kernels and biases of one block."""
    inputs = [channels] + [filters] * (num - 1)
    return sum(3 * 3 * c * filters + filters for c in inputs)


def test_encoder_has_the_parameters_of_ten_convolutions():
    blocks = ((3, 64, 2), (64, 128, 2), (128, 256, 3), (256, 512, 3))
    expected = sum(convolution_parameters(*block) for block in blocks)
    assert expected == 7_635_264
    encoder = build_vggface_encoder()
    assert encoder.count_params() == expected
    assert encoder.output_shape == (None, 6, 6, 512)


def test_full_network_has_the_parameters_of_the_paper():
    """The one place where the full network is built: 580 MB of weights."""
    dense = (
        (7 * 7 * 512 * 4096 + 4096)
        + (4096 * 4096 + 4096)
        + (4096 * 2622 + 2622)
    )
    fifth_block = convolution_parameters(512, 512, 3)
    assert 7_635_264 + fifth_block + dense == 145_002_878
    network = build_vggface()
    assert network.count_params() == 145_002_878
    assert network.output_shape == (None, 2622)


def test_encoder_is_the_first_four_blocks_of_the_full_network(frames):
    network = build_vggface((64, 64, 3), classes=11, **SMALL)
    encoder = build_vggface_encoder((64, 64, 3), **SMALL_ENCODER)
    for name in WEIGHT_LAYERS[:10]:
        encoder.get_layer(name).set_weights(
            network.get_layer(name).get_weights()
        )
    to_pool4 = keras.Model(network.input, network.get_layer("pool4").output)
    np.testing.assert_allclose(encoder(frames), to_pool4(frames), rtol=1e-6)


def test_layers_are_named_as_in_the_original():
    network = build_vggface((64, 64, 3), classes=11, **SMALL)
    names = [layer.name for layer in network.layers]
    assert names == [
        *("images", "subtract_mean"),
        *("conv1_1", "conv1_2", "pool1", "conv2_1", "conv2_2", "pool2"),
        *("conv3_1", "conv3_2", "conv3_3", "pool3"),
        *("conv4_1", "conv4_2", "conv4_3", "pool4"),
        *("conv5_1", "conv5_2", "conv5_3", "pool5"),
        *("flatten", "fc6", "fc7", "fc8", "prob"),
    ]
    with_weights = [layer.name for layer in network.layers if layer.weights]
    assert with_weights == list(WEIGHT_LAYERS)


def test_a_frame_of_the_mean_colour_is_zero_to_the_convolutions():
    encoder = build_vggface_encoder((32, 32, 3), **SMALL_ENCODER)
    frame = np.broadcast_to(VGGFACE_MEAN, (1, 32, 32, 3)).astype("float32")
    bias = np.array([0.0, 1.0, -1.0, 2.0], "float32")
    kernel, _ = encoder.get_layer("conv1_1").get_weights()
    encoder.get_layer("conv1_1").set_weights([kernel, bias])
    first = keras.Model(encoder.input, encoder.get_layer("conv1_1").output)
    maps = np.array(first(frame))
    expected = np.broadcast_to(np.maximum(bias, 0), maps.shape)
    np.testing.assert_allclose(maps, expected, atol=1e-5)


def test_uint8_and_float_frames_give_the_same(frames):
    encoder = build_vggface_encoder((64, 64, 3), **SMALL_ENCODER)
    expected = encoder(frames.astype("float32"))
    np.testing.assert_array_equal(encoder(frames), expected)
    np.testing.assert_allclose(
        encoder.predict(frames, verbose=0), expected, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(
    "dtype_policy", ["mixed_bfloat16", "mixed_float16"], indirect=True
)
def test_half_precision_keeps_features_and_float32_probabilities(
    frames, dtype_policy
):
    half = build_vggface((64, 64, 3), classes=11, **SMALL)
    keras.config.set_dtype_policy("float32")
    single = build_vggface((64, 64, 3), classes=11, **SMALL)
    single.set_weights(half.get_weights())
    assert half.get_layer("conv4_3").compute_dtype in dtype_policy
    probabilities = np.array(half(frames))
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-6)
    features = []
    for network in (single, half):
        to_fc7 = keras.Model(network.input, network.get_layer("fc7").output)
        features.append(
            keras.ops.convert_to_numpy(to_fc7(frames)).ravel().astype("float32")
        )
    cosine = np.dot(*features) / np.prod(np.linalg.norm(features, axis=1))
    assert cosine > 0.999


@pytest.mark.parametrize("kind", ["encoder", "full"])
def test_saved_network_gives_the_same(frames, kind, tmp_path):
    if kind == "encoder":
        network = build_vggface_encoder((64, 64, 3), **SMALL_ENCODER)
    else:
        network = build_vggface((64, 64, 3), classes=11, **SMALL)
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded(frames), network(frames))


@pytest.mark.parametrize(
    ("build", "shape"),
    [
        (build_vggface_encoder, (96, 100, 3)),
        (build_vggface_encoder, (96, None, 3)),
        (build_vggface_encoder, (96, 96, 1)),
        (build_vggface_encoder, (96, 96)),
        (build_vggface, (96, 80, 3)),
    ],
)
def test_a_shape_that_does_not_halve_is_an_error(build, shape):
    with pytest.raises(ValueError, match=r"divisible by (16|32).*shape=\("):
        build(shape)


@pytest.mark.parametrize(
    ("build", "sizes"),
    [
        (build_vggface_encoder, {"filters": (4, 5, 6)}),
        (build_vggface, {"filters": (4, 5, 6, 7)}),
        (build_vggface, {"dense_units": (9,)}),
    ],
)
def test_another_number_of_layers_is_an_error(build, sizes):
    ((name, value),) = sizes.items()
    with pytest.raises(ValueError, match="sizes of layers") as caught:
        build(**sizes)
    assert f"Received: {name}={value}" in str(caught.value)
