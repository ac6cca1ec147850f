"""VGG-Face files that do not fit: refused, named, and nothing loaded."""

import functools

import keras
import numpy as np
import pytest
import scipy.io

from fdin_tf.models import load_vggface_weights
from fdin_tf.models.vggface import VGGFACE_MEAN
from tests.models import vggface_files as files


@pytest.fixture(scope="module")
def weights():
    """As Caffe holds them: (out, in, height, width), BGR."""
    return files.make_weights()


@functools.cache
def untouched_network():
    """Shared by the tests: every one of them checks that it stays so."""
    return files.build_small_network()


def assert_refused(path, match, error=ValueError, **kwargs):
    """The file is refused, named, and the network keeps its weights."""
    network = untouched_network()
    before = network.get_weights()
    with pytest.raises(error, match=match) as caught:
        load_vggface_weights(path, network, **kwargs)
    assert str(path) in str(caught.value)
    for old, new in zip(before, network.get_weights()):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_allclose(
        network.get_layer("subtract_mean").input_mean, VGGFACE_MEAN
    )


@pytest.mark.parametrize("name", files.WRITERS)
def test_missing_layer_is_named(name, weights, tmp_path):
    left = {key: weights[key] for key in weights if key != "conv3_2"}
    path = files.WRITERS[name](tmp_path / name, left)
    match = "15 layers" if name == "deepface.h5" else "'conv3_2' .*missing"
    assert_refused(path, match)


@pytest.mark.parametrize("layer", ["conv5_3", "fc6", "fc7", "fc8"])
@pytest.mark.parametrize("name", files.WRITERS)
def test_other_number_of_outputs_is_named_with_its_shapes(
    name, layer, weights, tmp_path
):
    kernel, bias = weights[layer]
    other = {**weights, layer: (kernel[:-1], bias[:-1])}
    path = files.WRITERS[name](tmp_path / name, other)
    match = (
        rf"'{layer}' expects kernel and bias of shapes \(.*\({len(bias)},\). "
        rf"Received: \(.*\({len(bias) - 1},\) in path="
    )
    assert_refused(path, match)


def test_other_number_of_inputs_is_named_with_its_shapes(weights, tmp_path):
    kernel, bias = weights["conv4_1"]
    other = {**weights, "conv4_1": (kernel[:, 1:], bias)}
    path = files.write_caffe(tmp_path / "caffe.npz", other)
    match = (
        r"'conv4_1' expects .* \(3, 3, 6, 7\) and \(7,\). "
        r"Received: \(3, 3, 5, 7\) and \(7,\)"
    )
    assert_refused(path, match)


def test_layer_without_a_bias_is_refused(weights, tmp_path):
    layers = [
        (name, (files.hwio(name, kernel, rgb=False), bias))
        for name, (kernel, bias) in weights.items()
    ]
    name, (kernel, _) = layers[4]
    layers[4] = (name, (kernel,))
    path = files.write_h5(tmp_path / "no_bias.h5", layers)
    assert_refused(path, r"'conv3_1' expects .*Received: \(3, 3, 5, 6\) in")


@pytest.mark.parametrize("layer", ["conv1_1", "fc6", "fc7"])
@pytest.mark.parametrize("shape", [(), (5,), (0, 3), (2, 3, 4), (0, 1, 2, 3)])
def test_kernel_of_any_other_rank_is_named(layer, shape, weights, tmp_path):
    other = {**weights, layer: (np.zeros(shape, "float32"), weights[layer][1])}
    path = files.write_caffe(tmp_path / "rank.npz", other)
    assert_refused(path, f"'{layer}' expects kernel and bias of shapes")


def test_empty_weights_of_matconvnet_are_named(tmp_path, weights):
    path = files.write_matconvnet(tmp_path / "empty.mat", weights)
    content = scipy.io.loadmat(path)
    content["layers"][0, 0]["weights"][0, 0] = np.empty((0, 0))
    scipy.io.savemat(path, {"layers": content["layers"]})
    assert_refused(path, r"'conv1_1' expects .*Received: \(0,\) in path=")


def test_weights_that_are_no_numbers_are_refused(weights, tmp_path):
    kernel, bias = weights["conv2_2"]
    other = {**weights, "conv2_2": (np.full_like(kernel, np.nan), bias)}
    path = files.write_caffe(tmp_path / "nan.npz", other)
    assert_refused(path, "'conv2_2' expects finite weights")


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("name", files.WRITERS)
def test_truncated_file_is_refused(name, part, weights, tmp_path):
    path = files.WRITERS[name](tmp_path / name, weights)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    assert_refused(path, r"undamaged \.(mat|npz)|undamaged Keras \.h5")


def test_missing_file_is_refused(tmp_path):
    assert_refused(
        tmp_path / "vgg-face.mat", "a file of weights", FileNotFoundError
    )


def test_folder_is_refused(tmp_path):
    assert_refused(tmp_path, "a file of weights", FileNotFoundError)


def test_other_ending_is_refused(tmp_path):
    path = tmp_path / "VGG_FACE.caffemodel"
    path.write_bytes(b"caffe")
    assert_refused(path, r"\.mat \(MatConvNet\), \.h5 .* \.npz")


def test_matlab_7_3_is_refused(weights, tmp_path):
    path = files.write_h5(tmp_path / "v73.mat", [])
    assert_refused(path, r"up to version 7 .*'-v7'.*7\.3")


def test_other_mat_file_is_refused(tmp_path):
    path = tmp_path / "other.mat"
    scipy.io.savemat(path, {"faces": np.zeros(3)})
    assert_refused(path, "`net` or `layers`")
    scipy.io.savemat(path, {"layers": np.zeros(3)})
    assert_refused(path, "'conv1_1' .*missing")


@pytest.mark.parametrize(
    ("mean", "match"),
    [
        ((1.0, np.nan, 1.0), "three values in 0..255"),
        ((300.0, 1.0, 1.0), "three values in 0..255"),
        (VGGFACE_MEAN[::-1], "more red than blue.*channel_order"),
    ],
)
def test_mean_that_is_no_rgb_colour_is_refused(mean, match, weights, tmp_path):
    path = files.write_matconvnet(tmp_path / "mean.mat", weights, mean)
    assert_refused(path, match)


def test_mean_of_another_size_is_refused(weights, tmp_path):
    path = files.write_caffe(tmp_path / "mean.npz", weights, np.ones(4))
    assert_refused(path, "three values in 0..255")


def test_h5_without_keras_layers_is_refused(weights, tmp_path):
    network = files.build_small_network()
    network.save_weights(tmp_path / "keras3.weights.h5")
    assert_refused(tmp_path / "keras3.weights.h5", "layer_names")


def test_h5_of_another_network_is_refused(tmp_path):
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    network.save(tmp_path / "dense.h5")
    assert_refused(tmp_path / "dense.h5", "13 or 16.*Received: 1 layers")


def test_h5_of_imagenet_is_refused_with_the_right_function(tmp_path):
    layers = [(f"block{i}_conv1", (np.ones(1),)) for i in range(1, 14)]
    path = files.write_h5(tmp_path / "vgg16.h5", layers)
    assert_refused(path, "build_imagenet_encoder")


def test_pickled_objects_are_refused_unread(weights, tmp_path):
    path = tmp_path / "pickled.npz"
    np.savez(path, **{"conv1_1/weights": np.array([{}], dtype=object)})
    assert_refused(path, "plain arrays.*allow_pickle=False")


def test_single_array_named_npz_is_refused(tmp_path):
    path = tmp_path / "single.npz"
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    assert_refused(path, "not a zip archive")
