"""Attention: against its definitions, and against what was planted."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from fdin_tf.explain import explained
from fdin_tf.explain.attention import apex_to_neutral
from fdin_tf.explain.attention import face_auc
from fdin_tf.explain.attention import predict_attention
from fdin_tf.explain.attention import upsample
from fdin_tf.explain.attention import weight_per_frame
from tests.explain.small_siam import SIZE
from tests.explain.small_siam import make_siam
from tests.models.test_fdin import build_tiny


class Clips:
    """Clips in memory, of different lengths."""

    name = "frames"
    shape = (SIZE, SIZE, 1)

    def __init__(self, lengths):
        rng = np.random.default_rng(0)
        self.frames = {
            f"c{k}": rng.integers(0, 256, (t, *self.shape), dtype=np.uint8)
            for k, t in enumerate(lengths)
        }
        self.clips = pd.DataFrame(
            {"clip_id": list(self.frames), "num_frames": lengths}
        )

    def load(self, clip_id):
        return self.frames[clip_id]


@pytest.mark.parametrize(
    ("spatial", "temporal"),
    [("spatially_indexed", True), ("spatially_agnostic", False), (None, True)],
)
def test_every_clip_has_the_attention_that_it_has_alone(spatial, temporal):
    model = make_siam(spatial_attention=spatial, temporal_attention=temporal)
    data = Clips((5, 20, 3, 9))
    ids = ["c3", "c1", "c0"]
    found = predict_attention(model, data, ids, batch_size=2)
    assert list(found) == ids
    network = explained(model)
    for clip_id in ids:
        frames = data.load(clip_id)[None]
        alone = network(
            {"frames": frames, "mask": np.ones(frames.shape[:2], bool)}
        )
        clip = found[clip_id]
        if spatial:
            assert clip.spatial.shape == (frames.shape[1], 4, 4)
            assert clip.spatial.dtype == np.float32
            np.testing.assert_allclose(
                clip.spatial, alone["spatial_attention"][0], rtol=1e-5
            )
            assert np.ptp(clip.spatial) > 0.01
        else:
            assert clip.spatial is None
        if temporal:
            assert clip.temporal.sum() == pytest.approx(1, rel=1e-5)
            np.testing.assert_allclose(
                clip.temporal, alone["temporal_attention"][0], rtol=1e-4
            )
        else:
            assert clip.temporal is None


def test_a_network_without_attention_is_an_error():
    plain = make_siam(spatial_attention=None, temporal_attention=False)
    with pytest.raises(ValueError, match=r"Received: model=.*siam_age"):
        predict_attention(plain, Clips((3,)), ["c0"])
    with pytest.raises(
        ValueError, match=r"spatial or temporal attention.*importance"
    ):
        predict_attention(build_tiny(), Clips((3,)), ["c0"])


def test_no_clip_is_an_error():
    with pytest.raises(ValueError, match=r"at least one clip.*clip_ids=\[\]"):
        predict_attention(make_siam(), Clips((3,)), [])


def literal_upsample(attention, size):
    """The definition, one pixel after the other."""
    height, width = attention.shape
    result = np.zeros((size, size))
    for y, x in itertools.product(range(size), repeat=2):
        total = weights = 0.0
        for i, j in itertools.product(range(height), range(width)):
            dy = (y + 0.5) - (i + 0.5) * size / height
            dx = (x + 0.5) - (j + 0.5) * size / width
            sy, sx = 0.5 * size / height, 0.5 * size / width
            g = np.exp(-(dy**2) / (2 * sy**2) - dx**2 / (2 * sx**2))
            total += g * attention[i, j]
            weights += g
        result[y, x] = total / weights
    return result


def test_upsampling_is_its_definition():
    attention = np.random.default_rng(0).random((4, 3))
    np.testing.assert_allclose(
        upsample(attention, 11), literal_upsample(attention, 11), rtol=1e-12
    )


def test_upsampling_is_a_normalised_gaussian_filter():
    """Of the attention at the middles of the cells, by another library."""
    attention = np.random.default_rng(0).random((5, 5))
    cell, size = 9, 45
    at_middles, ones = np.zeros((2, size, size))
    at_middles[4::cell, 4::cell] = attention
    ones[4::cell, 4::cell] = 1
    filtered, total = (
        gaussian_filter(image, cell / 2, mode="constant", truncate=12)
        for image in (at_middles, ones)
    )
    np.testing.assert_allclose(
        upsample(attention, size), filtered / total, rtol=1e-9
    )


def test_upsampling_keeps_constants_and_is_linear():
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 3, 13, 13))
    np.testing.assert_allclose(upsample(np.full((13, 13), 0.3), 114), 0.3)
    np.testing.assert_allclose(
        upsample(2 * first - 3 * second, 114),
        2 * upsample(first, 114) - 3 * upsample(second, 114),
        atol=1e-12,
    )


def test_upsampling_mirrors_with_its_input_and_keeps_its_range():
    attention = np.random.default_rng(0).random((13, 13))
    found = upsample(attention, 114)
    for axis in (0, 1):
        np.testing.assert_allclose(
            upsample(np.flip(attention, axis), 114), np.flip(found, axis)
        )
    assert attention.min() <= found.min() < found.max() <= attention.max()


def test_upsampling_takes_any_leading_axes_and_keeps_float32():
    attention = np.random.default_rng(0).random((2, 3, 4, 5))
    found = upsample(attention.astype("float32"), 9)
    assert (found.shape, found.dtype) == ((2, 3, 9, 9), np.float32)
    np.testing.assert_allclose(
        found[1, 2], upsample(attention[1, 2], 9), rtol=1e-5
    )
    assert upsample(np.eye(3, dtype=int), 2).dtype == np.float64


@pytest.mark.parametrize("shape", [(3,), (0, 3), (2, 3, 0)])
def test_upsampling_of_no_map_is_an_error(shape):
    with pytest.raises(ValueError, match=r"\(\.\.\., h, w\).*of shape \("):
        upsample(np.zeros(shape), 5)


def test_upsampling_to_nothing_is_an_error():
    with pytest.raises(ValueError, match=r"at least a pixel.*size=0"):
        upsample(np.zeros((2, 2)), 0)


def test_area_is_the_probability_that_a_face_pixel_has_more():
    rng = np.random.default_rng(0)
    maps = rng.random((2, 3, 3, 3))
    mask = rng.random((8, 8)) < 0.4
    areas = face_auc(maps, mask)
    assert areas.shape == (2, 3)
    for place in np.ndindex(2, 3):
        image = literal_upsample(maps[place], 8)
        pairs = [
            (face > other) + 0.5 * (face == other)
            for face in image[mask]
            for other in image[~mask]
        ]
        assert areas[place] == pytest.approx(np.mean(pairs))


def test_attention_on_a_planted_face_separates_it():
    y, x = np.mgrid[:114, :114] / 113 * 2 - 1
    mask = x**2 + (y / 1.1) ** 2 < 0.5
    i, j = np.mgrid[:13, :13] / 12 * 2 - 1
    on_face = np.where(i**2 + j**2 < 0.45, 0.9, 0.1)
    assert face_auc(on_face, mask) > 0.97
    assert face_auc(1 - on_face, mask) < 0.03
    assert face_auc(np.full((13, 13), 0.7), mask) == 0.5


def test_a_mask_that_is_no_square_is_an_error():
    with pytest.raises(ValueError, match=r"\(size, size\).*\(3, 4\)"):
        face_auc(np.zeros((2, 2)), np.eye(3, 4) > 0)


@pytest.mark.parametrize("mask", [np.zeros((3, 3)), np.ones((3, 3))])
def test_a_mask_of_one_kind_is_an_error(mask):
    with pytest.raises(
        ValueError, match=f"face and background.*{mask.sum():.0f} pixels.*of 9"
    ):
        face_auc(np.zeros((2, 2)), mask)


def test_weights_are_averaged_within_a_phase():
    temporal = [0.05, 0.05, 0.3, 0.5, 0.1]
    apex = [False, False, True, True, False]
    neutral = [True, True, False, False, False]
    assert weight_per_frame(temporal, apex) == pytest.approx(0.4)
    assert weight_per_frame(temporal, neutral) == pytest.approx(0.05)
    assert apex_to_neutral(temporal, apex, neutral) == pytest.approx(8)


def test_uniform_weights_have_a_ratio_of_one():
    frames = np.arange(30)
    ratio = apex_to_neutral(np.full(30, 1 / 30), frames > 9, frames < 3)
    assert ratio == pytest.approx(1)


def test_a_clip_without_a_phase_has_no_ratio():
    temporal, none, some = [0.4, 0.6], [False, False], [True, False]
    assert np.isnan(weight_per_frame(temporal, none))
    assert np.isnan(apex_to_neutral(temporal, none, some))
    assert np.isnan(apex_to_neutral(temporal, some, none))
    assert apex_to_neutral([0.0, 1.0], [False, True], some) == np.inf


@pytest.mark.parametrize("where", [[True], [[True, False]]])
def test_weights_and_frames_of_other_shapes_are_an_error(where):
    with pytest.raises(
        ValueError, match=r"one bool per frame.*\(2,\), where of shape"
    ):
        weight_per_frame([0.4, 0.6], where)
