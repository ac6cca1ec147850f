"""Components of the hidden layer of spatial attention, place by place."""

import itertools

import keras
import numpy as np
import pytest

from fdin_tf.explain import first_layer_components
from layers import SpatiallyIndexedAttention
from tests.explain.small_siam import SIZE
from tests.explain.small_siam import make_siam

MECHANISMS = (
    "spatially_agnostic",
    "fully_spatially_indexed",
    "mediate_spatially_indexed",
    "spatially_indexed",
)


def attention_layer(model):
    return model.get_layer("appearance").encoder.get_layer("spatial_attention")


def literal_hidden(model, frames, mask):
    """Mean of tanh(W_ij F_ij + b_ij), one frame and one place at a time."""
    encoder = model.get_layer("appearance").encoder
    to_maps = keras.Model(encoder.input, encoder.get_layer("pool_2").output)
    kernel, bias = attention_layer(model).get_weights()[:2]
    hidden = np.zeros((4, 4, 6))
    for clip, t in np.argwhere(mask):
        maps = np.asarray(to_maps(frames[clip, t][None]))[0]
        for i, j in itertools.product(range(4), repeat=2):
            place = 4 * i + j
            w = kernel if kernel.ndim == 2 else kernel[place]
            b = bias if bias.ndim == 1 else bias[place]
            hidden[i, j] += np.tanh(maps[i, j] @ w + b)
    return hidden / mask.sum()


@pytest.fixture(scope="module")
def batch():
    """Two clips, of which one has padding."""
    rng = np.random.default_rng(1)
    frames = rng.integers(0, 256, (2, 5, SIZE, SIZE, 1), dtype=np.uint8)
    mask = np.ones((2, 5), bool)
    mask[1, 3:] = False
    return frames, mask


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_components_are_those_of_the_hidden_vectors(mechanism, batch):
    model = make_siam(spatial_attention=mechanism)
    components, ratios = first_layer_components(model, *batch)
    vectors = literal_hidden(model, *batch).reshape(16, 6)
    values, axes = np.linalg.eigh(np.cov(vectors.T))
    assert components.shape == (3, 4, 4)
    np.testing.assert_allclose(
        ratios, values[::-1][:3] / values.sum(), rtol=1e-3
    )
    centred = vectors - vectors.mean(axis=0)
    for component, axis in zip(components, axes.T[::-1]):
        projected = (centred @ axis).reshape(4, 4)
        sign = np.sign((projected * component).sum())
        np.testing.assert_allclose(component, sign * projected, atol=1e-4)
        assert component.max() == np.abs(component).max()


def test_a_planted_pattern_is_the_first_component(batch):
    model = make_siam()
    layer = attention_layer(model)
    pattern = 0.6 - 1.5 * np.linspace(0, 1, 16) ** 2
    kernel, bias, *second = layer.get_weights()
    bias[:] = 0
    bias[:, 2] = np.arctanh(pattern)
    layer.set_weights([0 * kernel, bias, *second])
    (component,), (ratio,) = first_layer_components(model, *batch, 1)
    assert ratio == pytest.approx(1)
    centred = pattern - pattern.mean()
    sign = np.sign(centred[np.abs(centred).argmax()])
    np.testing.assert_allclose(component.ravel(), sign * centred, atol=1e-5)


def test_padded_frames_have_no_part_in_components(batch):
    model = make_siam()
    frames, mask = batch
    other = frames.copy()
    other[~mask] = 255
    for found, expected in zip(
        first_layer_components(model, other, mask),
        first_layer_components(model, frames, mask),
    ):
        np.testing.assert_array_equal(found, expected)


def test_components_of_a_model_inside_another_are_the_same(batch):
    model = make_siam()
    outer = keras.Model(model.input, model(model.input))
    found, _ = first_layer_components(outer, *batch)
    expected, _ = first_layer_components(model, *batch)
    np.testing.assert_array_equal(found, expected)


def test_components_need_spatial_attention(batch):
    model = make_siam(spatial_attention=None)
    with pytest.raises(
        ValueError, match=r"with a `SpatiallyIndexedAttention`.*siam_age"
    ):
        first_layer_components(model, *batch)
    # On its own, not on frames: there is no layer of features before it.
    maps = keras.Input((4, 4, 2))
    alone = keras.Model(maps, SpatiallyIndexedAttention(3)(maps), name="alone")
    with pytest.raises(ValueError, match=r"encode its frames.*'alone'"):
        first_layer_components(alone, *batch)


def test_components_need_a_real_frame(batch):
    frames, mask = batch
    with pytest.raises(ValueError, match=r"one real frame.*\(2, 5\)"):
        first_layer_components(make_siam(), frames, 0 * mask)


@pytest.mark.parametrize("count", [0, 7])
def test_more_components_than_hidden_units_are_an_error(count, batch):
    with pytest.raises(
        ValueError, match=f"hidden units, 6. Received: num_components={count}"
    ):
        first_layer_components(make_siam(), *batch, count)
