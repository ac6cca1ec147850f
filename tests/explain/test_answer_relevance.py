"""answer_relevance: log-odds shared among pixels, where the evidence is."""

import keras
import numpy as np
import pytest

from fdin_tf.explain.answer_relevance import answer_relevance
from fdin_tf.models.gnet_snet import build_face_network

SMALL = {
    "image_shape": (32, 32, 3),
    "filters": (4, 4, 4, 4, 4),
    "dense_units": (8, 8),
    "kernel_initializer": "he_normal",
    "std": 64.0,
}


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    network = build_face_network("smile", **SMALL)
    kernel, bias = network.get_layer("smile").get_weights()
    network.get_layer("smile").set_weights([30 * kernel, bias])
    return network


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (4, 32, 32, 3), np.uint8)


def log_odds(network, images, answers):
    p = network.predict({"images": images}, verbose=0)["smile"]
    rows = np.arange(len(images))
    return np.log(p[rows, answers] / p[rows, 1 - answers])


def test_relevance_adds_up_to_the_log_odds(network, images):
    answers = np.array([0, 1, 1, 0])
    heatmaps = answer_relevance(network, images, answers, "epsilon")
    assert heatmaps.shape == (4, 32, 32)
    expected = log_odds(network, images, answers)
    # Biases are 0, so that nothing stays with them.
    np.testing.assert_allclose(
        heatmaps.sum(axis=(1, 2)), expected, rtol=1e-3, atol=1e-5
    )


def test_images_do_not_disturb_each_other(network, images):
    answers = np.array([0, 1, 1, 0])
    together = answer_relevance(network, images, answers)
    for row in range(4):
        alone = answer_relevance(
            network, images[row : row + 1], answers[row : row + 1]
        )
        np.testing.assert_allclose(
            together[row], alone[0], rtol=1e-4, atol=1e-6
        )


def test_what_speaks_for_one_class_speaks_against_the_other(network, images):
    one = answer_relevance(network, images, np.zeros(4, int), "epsilon")
    other = answer_relevance(network, images, np.ones(4, int), "epsilon")
    np.testing.assert_allclose(one, -other, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("answers", [[0, 1, 2, 0], [0, 1], [0.5, 0, 0, 0]])
def test_other_answers_are_an_error(network, images, answers):
    with pytest.raises(ValueError, match=r"0 or 1, for each image.*answers="):
        answer_relevance(network, images, answers)


def test_a_network_of_other_classes_is_an_error(images):
    network = build_face_network("identity", 3, **SMALL)
    with pytest.raises(ValueError, match=r"two classes.*identity of shape"):
        answer_relevance(network, images, np.zeros(4, int))
