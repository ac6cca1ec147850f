"""VGG-Face weights: the same answer from every public format."""

import keras
import numpy as np
import pytest
import scipy.io
import scipy.signal

from fdin_tf.models import build_vggface_encoder
from fdin_tf.models import load_vggface_weights
from fdin_tf.models.vggface import VGGFACE_MEAN
from tests.models import vggface_files as files


@pytest.fixture(scope="module")
def weights():
    """As Caffe holds them: (out, in, height, width), BGR."""
    return files.make_weights()


@pytest.fixture(scope="module")
def image():
    """One RGB image, 0..255."""
    rng = np.random.default_rng(seed=1)
    return rng.integers(0, 256, files.IMAGE_SHAPE, dtype="uint8")


@pytest.fixture(scope="module")
def caffe_blobs(weights, image):
    """The outputs of the network by Caffe's conventions."""
    return forward_as_caffe(weights, image, VGGFACE_MEAN)


def forward_as_caffe(weights, image, rgb_mean):
    """The network on (channel, height, width) of B, G, R, one by one.

    Returns the outputs of `pool4`, `fc7` and `prob`.
    """
    blobs = {}
    maps = (image.astype("float64") - rgb_mean).transpose(2, 0, 1)[::-1]
    for block, names in enumerate(files.CONVOLUTIONS, start=1):
        for name in names:
            kernel, bias = weights[name]
            maps = np.stack(
                [
                    b + sum(map(correlate_same, maps, kernel_of_one_output))
                    for kernel_of_one_output, b in zip(kernel, bias)
                ]
            )
            maps = np.maximum(maps, 0)
        c, h, w = maps.shape
        maps = maps.reshape(c, h // 2, 2, w // 2, 2).max(axis=(2, 4))
        blobs[f"pool{block}"] = maps
    hidden = maps.ravel()  # channel, height, width
    for name in ("fc6", "fc7"):
        kernel, bias = weights[name]
        hidden = np.maximum(kernel @ hidden + bias, 0)
    blobs["fc7"] = hidden
    kernel, bias = weights["fc8"]
    scores = np.exp(kernel @ hidden + bias - np.max(kernel @ hidden + bias))
    blobs["prob"] = scores / scores.sum()
    return blobs


def correlate_same(plane, kernel):
    """Caffe's "convolution" of one plane: no flip, zeros around it."""
    return scipy.signal.correlate2d(plane, kernel, mode="same")


def outputs(model, name, image):
    part = keras.Model(model.input, model.get_layer(name).output)
    return keras.ops.convert_to_numpy(part(image[None]))[0]


def assert_close(received, expected):
    scale = np.abs(expected).max()
    assert scale > 0
    np.testing.assert_allclose(received / scale, expected / scale, atol=1e-5)


@pytest.mark.parametrize("name", files.WRITERS)
def test_every_format_gives_the_features_of_the_source(
    name, weights, image, caffe_blobs, tmp_path
):
    path = files.WRITERS[name](tmp_path / name, weights)
    expected = caffe_blobs["pool4"].transpose(1, 2, 0)
    encoder = load_vggface_weights(path, files.build_small_encoder())
    assert_close(encoder(image[None])[0], expected)
    network = load_vggface_weights(path, files.build_small_network())
    assert_close(outputs(network, "pool4", image), expected)


@pytest.mark.parametrize("name", files.WRITERS)
def test_every_format_gives_the_descriptor_and_persons_of_the_source(
    name, weights, image, caffe_blobs, tmp_path
):
    path = files.WRITERS[name](tmp_path / name, weights)
    network = load_vggface_weights(path, files.build_small_network())
    for layer in ("fc7", "prob"):
        assert_close(outputs(network, layer, image), caffe_blobs[layer])


def test_file_without_the_top_fills_the_encoder_alone(
    weights, image, caffe_blobs, tmp_path
):
    path = files.write_keras_vggface(
        tmp_path / "notop.h5", weights, include_top=False
    )
    encoder = load_vggface_weights(path, files.build_small_encoder())
    assert_close(
        encoder(image[None])[0], caffe_blobs["pool4"].transpose(1, 2, 0)
    )
    with pytest.raises(ValueError, match=r"'fc6' .*missing.*notop\.h5"):
        load_vggface_weights(path, files.build_small_network())


def test_deepface_network_reads_its_file_as_we_do(
    weights, image, caffe_blobs, tmp_path
):
    """Keras itself loads the file, and is fed BGR minus the BGR mean."""
    path = files.write_deepface(tmp_path / "deepface.h5", weights)
    network = files.build_deepface()
    network.load_weights(path)
    bgr = (image - np.array(VGGFACE_MEAN))[..., ::-1]
    assert_close(network(bgr[None].copy())[0], caffe_blobs["prob"])
    ours = load_vggface_weights(path, files.build_small_network())
    assert_close(ours(image[None])[0], caffe_blobs["prob"])


def test_whole_model_saved_by_keras_is_read(
    weights, image, caffe_blobs, tmp_path
):
    path = files.write_deepface(tmp_path / "weights.h5", weights)
    network = files.build_deepface()
    network.load_weights(path)
    network.save(tmp_path / "model.h5")
    ours = load_vggface_weights(
        tmp_path / "model.h5", files.build_small_network()
    )
    assert_close(ours(image[None])[0], caffe_blobs["prob"])


def test_channel_order_that_differs_from_the_usual_can_be_stated(
    weights, image, caffe_blobs, tmp_path
):
    kernel, bias = weights["conv1_1"]
    rgb = {**weights, "conv1_1": (kernel[:, ::-1], bias)}
    path = files.write_deepface(tmp_path / "rgb.h5", rgb)
    encoder = load_vggface_weights(
        path, files.build_small_encoder(), channel_order="rgb"
    )
    assert_close(
        encoder(image[None])[0], caffe_blobs["pool4"].transpose(1, 2, 0)
    )


@pytest.mark.parametrize(
    ("write", "order"),
    [
        (files.write_matconvnet_2015, 1),
        (files.write_matconvnet, 1),
        (files.write_caffe, -1),
    ],
)
def test_mean_of_the_file_is_subtracted_and_survives_saving(
    write, order, weights, image, tmp_path
):
    mean = np.array([120.0, 100.0, 80.0])
    suffix = "npz" if write is files.write_caffe else "mat"
    path = write(tmp_path / f"mean.{suffix}", weights, mean[::order])
    expected = forward_as_caffe(weights, image, mean)["pool4"]
    expected = expected.transpose(1, 2, 0)
    encoder = files.build_small_encoder()
    encoder.predict(image[None], verbose=0)  # traced with the usual mean
    load_vggface_weights(path, encoder)
    assert_close(encoder.predict(image[None], verbose=0)[0], expected)
    encoder.save(tmp_path / "encoder.keras")
    saved = keras.saving.load_model(tmp_path / "encoder.keras")
    assert_close(saved(image[None])[0], expected)


def test_matconvnet_file_with_an_empty_mean_gets_the_usual_one(
    weights, image, caffe_blobs, tmp_path
):
    path = files.write_matconvnet(tmp_path / "empty.mat", weights)
    content = scipy.io.loadmat(path)
    meta = {"normalization": np.empty((0, 0))}
    scipy.io.savemat(path, {"layers": content["layers"], "meta": meta})
    encoder = load_vggface_weights(path, files.build_small_encoder())
    assert_close(
        encoder(image[None])[0], caffe_blobs["pool4"].transpose(1, 2, 0)
    )


def test_file_without_a_mean_restores_the_usual_one(
    weights, image, caffe_blobs, tmp_path
):
    encoder = files.build_small_encoder()
    other = files.write_matconvnet(
        tmp_path / "other.mat", weights, (120.0, 100.0, 80.0)
    )
    load_vggface_weights(other, encoder)
    load_vggface_weights(
        files.write_deepface(tmp_path / "usual.h5", weights), encoder
    )
    assert_close(
        encoder(image[None])[0], caffe_blobs["pool4"].transpose(1, 2, 0)
    )


def test_without_a_model_the_encoder_for_96x96_is_built(tmp_path):
    rng = np.random.default_rng(seed=2)
    encoder = build_vggface_encoder()
    weights = {
        layer.name: tuple(
            rng.normal(size=w.shape).astype("float16") for w in layer.weights
        )
        for layer in encoder.layers
        if layer.weights
    }
    path = files.write_h5(tmp_path / "notop.h5", list(weights.items()))
    loaded = load_vggface_weights(str(path))
    assert loaded.output_shape == (None, 6, 6, 512)
    for name, (kernel, bias) in weights.items():
        received = loaded.get_layer(name).get_weights()
        if name == "conv1_1":
            kernel = kernel[:, :, ::-1]
        np.testing.assert_array_equal(received[0], kernel)
        np.testing.assert_array_equal(received[1], bias)


def test_unknown_channel_order_is_an_error():
    with pytest.raises(ValueError, match="channel_order='grb'"):
        load_vggface_weights("any.mat", channel_order="grb")


def test_model_of_another_kind_is_an_error(weights, tmp_path):
    path = files.write_caffe(tmp_path / "caffe.npz", weights)
    model = keras.Sequential([keras.Input((3,))], name="other")
    with pytest.raises(ValueError, match=r"build_vggface.*model=other"):
        load_vggface_weights(path, model)
