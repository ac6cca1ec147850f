"""VGG16 as frame encoder: its features, its files, its failing download."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from fdin_tf.models import build_imagenet_encoder
from fdin_tf.models import build_vggface_encoder
from tests.models.vggface_files import write_h5

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def frames():
    """Two RGB frames."""
    rng = np.random.default_rng(seed=0)
    return rng.integers(0, 256, (2, 32, 48, 3), dtype="uint8")


@pytest.fixture(scope="module")
def vgg16():
    """Keras Applications' own network, which takes BGR minus the mean."""
    keras.utils.set_random_seed(0)
    return keras.applications.VGG16(
        include_top=False, weights=None, input_shape=(32, 48, 3)
    )


@pytest.fixture(scope="module")
def weight_file(vgg16, tmp_path_factory):
    path = tmp_path_factory.mktemp("imagenet") / "vgg16_notop.h5"
    return write_h5(
        path, [(layer.name, layer.get_weights()) for layer in vgg16.layers]
    )


def test_features_are_those_of_keras_applications(frames, vgg16, weight_file):
    encoder = build_imagenet_encoder((32, 48, 3), weights=weight_file)
    to_pool4 = keras.Model(vgg16.input, vgg16.get_layer("block4_pool").output)
    expected = np.array(
        to_pool4(
            keras.applications.vgg16.preprocess_input(frames.astype("float32"))
        )
    )
    assert expected.shape == (2, 2, 3, 512)
    assert expected.max() > 0
    for received in (encoder(frames), encoder(frames.astype("float32"))):
        np.testing.assert_allclose(
            received, expected, atol=1e-5 * expected.max()
        )


def test_sizes_are_those_of_the_vggface_encoder():
    imagenet = build_imagenet_encoder(weights=None)
    vggface = build_vggface_encoder()
    assert imagenet.output_shape == vggface.output_shape == (None, 6, 6, 512)
    assert imagenet.count_params() == vggface.count_params() == 7_635_264


def test_half_precision_keeps_the_features(frames, weight_file):
    single = build_imagenet_encoder((32, 48, 3), weights=weight_file)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = build_imagenet_encoder((32, 48, 3), weights=weight_file)
    finally:
        keras.config.set_dtype_policy(before)
    assert half.compute_dtype == "bfloat16"
    features = [
        keras.ops.convert_to_numpy(encoder(frames)).ravel().astype("float32")
        for encoder in (single, half)
    ]
    cosine = np.dot(*features) / np.prod(np.linalg.norm(features, axis=1))
    assert cosine > 0.999


def test_saved_encoder_gives_the_same(frames, tmp_path):
    encoder = build_imagenet_encoder((32, 48, 3), weights=None)
    encoder.save(tmp_path / "encoder.keras")
    loaded = keras.saving.load_model(tmp_path / "encoder.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded(frames), encoder(frames))


def test_missing_layer_is_named(vgg16, tmp_path):
    path = write_h5(
        tmp_path / "part.h5",
        [
            (layer.name, layer.get_weights())
            for layer in vgg16.layers
            if layer.name != "block3_conv2"
        ],
    )
    with pytest.raises(ValueError, match=r"'block3_conv2'.*missing.*part\.h5"):
        build_imagenet_encoder((32, 48, 3), weights=path)


def test_other_shape_is_named(vgg16, tmp_path):
    kernel, bias = vgg16.get_layer("block1_conv2").get_weights()
    path = write_h5(
        tmp_path / "other.h5",
        [
            (
                layer.name,
                (kernel[:, :, 1:], bias)
                if layer.name == "block1_conv2"
                else layer.get_weights(),
            )
            for layer in vgg16.layers
        ],
    )
    with pytest.raises(
        ValueError,
        match=r"'block1_conv2' expects .*\(3, 3, 64, 64\) and \(64,\)\. "
        r"Received: \(3, 3, 63, 64\) and \(64,\) in path=.*other\.h5",
    ):
        build_imagenet_encoder((32, 48, 3), weights=path)


def test_missing_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"path=.*none\.h5"):
        build_imagenet_encoder(weights=tmp_path / "none.h5")


def test_damaged_file_is_an_error(weight_file, tmp_path):
    path = tmp_path / "damaged.h5"
    path.write_bytes(weight_file.read_bytes()[:10_000])
    with pytest.raises(ValueError, match=r"undamaged.*damaged\.h5"):
        build_imagenet_encoder(weights=path)


@pytest.mark.parametrize("shape", [(96, 90, 3), (96, 96, 1), (16, 16, 3)])
def test_unfit_shape_is_an_error(shape):
    with pytest.raises(ValueError, match="shape"):
        build_imagenet_encoder(shape, weights=None)


def test_download_that_fails_or_hangs_is_one_clear_error(tmp_path):
    """In a process of its own, whose cache of Keras is empty.

    The way out is a proxy that first refuses and then, listening, never
    answers.
    """
    script = """
import os
import urllib.request
import fdin_tf.models.imagenet as imagenet
imagenet.TIMEOUT_SECONDS = 0.5
for port in os.environ["PORTS"].split():
    os.environ["https_proxy"] = f"http://127.0.0.1:{port}"
    urllib.request.install_opener(None)  # Reads the environment again.
    try:
        imagenet.build_imagenet_encoder()
    except ConnectionError as error:
        print(f"refused: {error}")
"""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            closed_port = closed.getsockname()[1]
        finished = subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={
                **os.environ,
                "KERAS_HOME": str(tmp_path),
                "PORTS": f"{closed_port} {silent.getsockname()[1]}",
                "no_proxy": "",
                "NO_PROXY": "",
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    lines = [
        line
        for line in finished.stdout.splitlines()
        if line.startswith("refused: ")
    ]
    assert len(lines) == 2
    for line, reason in zip(lines, ("refused", "timed out")):
        assert "could not be downloaded" in line
        assert "give its path as `weights`" in line
        assert "'pca'" in line
        assert reason in line.removeprefix("refused: ")
    assert not list(tmp_path.rglob("*.h5"))
