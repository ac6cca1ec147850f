"""NeutralDifference: its equation, masks, precision, errors."""

import keras
import numpy as np
import pytest

from layers import NeutralDifference
from tests.backends import as_array
from tests.backends import dtype_of
from tests.backends import with_gradients
from tests.layer_checks import check_layer

SHAPE = (3, 8, 2, 1, 2)


@pytest.fixture
def features():
    """Three clips of eight frames."""
    rng = np.random.default_rng(seed=0)
    return rng.normal(size=SHAPE).astype("float32")


@pytest.fixture
def mask():
    """Begins late, has holes, or has two real frames only."""
    return np.array(
        [
            [0, 0, 1, 0, 1, 1, 1, 0],
            [1, 1, 0, 1, 1, 1, 1, 1],
            [0, 1, 0, 0, 0, 0, 1, 0],
        ],
        bool,
    )


def reference_difference(features, mask, num_frames):
    """One frame at a time; zeros in padding."""
    difference = np.zeros(features.shape)
    for clip in range(len(features)):
        real = [t for t in range(features.shape[1]) if mask[clip, t]]
        first = [features[clip, t].astype("float64") for t in real[:num_frames]]
        for t in real:
            difference[clip, t] = features[clip, t] - sum(first) / len(first)
    return difference


def test_layer_contract(tmp_path, features, mask):
    for folder, call_kwargs in (("masked", {"mask": mask}), ("plain", {})):
        (tmp_path / folder).mkdir()
        check_layer(
            NeutralDifference,
            init_kwargs={"num_frames": 2, "normalize": True},
            input_shape=SHAPE,
            output_shape=SHAPE,
            weight_shapes={},
            unknown_axes=(0, 1),
            call_kwargs=call_kwargs,
            tmp_path=tmp_path / folder,
        )


@pytest.mark.parametrize("num_frames", [1, 2, 3, 20])
@pytest.mark.parametrize("rank", [3, 4, 5])
def test_equals_the_equation(features, mask, num_frames, rank):
    features = features.reshape(*SHAPE[: rank - 1], -1)
    np.testing.assert_allclose(
        NeutralDifference(num_frames)(features, mask=mask),
        reference_difference(features, mask, num_frames),
        atol=1e-6,
    )


@pytest.mark.parametrize("rank", [3, 5])
def test_normalized_motion_is_divided_by_its_own_change(features, mask, rank):
    features = features.reshape(*SHAPE[: rank - 1], -1)
    expected = reference_difference(features, mask, 2)
    for clip, is_real in zip(expected, mask):
        for place in np.ndindex(features.shape[2:-1]):
            change = clip[is_real][(slice(None), *place)]  # (frames, c)
            size = np.sqrt(np.mean(change**2) + 0.1**2)
            clip[(slice(None), *place)] /= size
    np.testing.assert_allclose(
        NeutralDifference(2, normalize=True)(features, mask=mask),
        expected,
        atol=1e-6,
    )


def test_normalized_motion_does_not_depend_on_its_size(features, mask):
    layer = NeutralDifference(normalize=True)
    np.testing.assert_allclose(
        layer(100 * features, mask=mask),
        layer(1000 * features + 7, mask=mask),
        rtol=1e-2,
        atol=1e-3,
    )


def test_a_still_clip_has_a_finite_gradient():
    features = np.ones((1, 6, 2, 2, 3), "float32")
    layer = NeutralDifference(normalize=True)
    _, (gradient,) = with_gradients(
        lambda x: (keras.ops.sum(layer(x)), None), arrays=[features]
    )
    assert np.isfinite(gradient).all()


def test_without_a_mask_all_frames_are_real(features):
    np.testing.assert_allclose(
        NeutralDifference()(features),
        reference_difference(features, np.ones(SHAPE[:2], bool), 3),
        atol=1e-6,
    )


@pytest.mark.parametrize("noise", [1e6, np.nan, np.inf])
def test_padding_has_no_influence_and_becomes_zero(features, mask, noise):
    expected = NeutralDifference()(features, mask=mask)
    features[~mask] = noise
    difference = np.asarray(NeutralDifference()(features, mask=mask))
    np.testing.assert_array_equal(difference, expected)
    assert (difference[~mask] == 0).all()


def test_clip_without_a_real_frame_gives_zeros(features, mask):
    mask[1] = False
    difference = np.asarray(NeutralDifference()(features, mask=mask))
    assert (difference[1] == 0).all()
    assert np.abs(difference[0]).max() > 0.1


def test_what_is_constant_in_a_clip_cancels(features, mask):
    looks = np.linspace(-5, 5, 3 * 2 * 2).reshape(3, 1, 2, 1, 2)
    np.testing.assert_allclose(
        NeutralDifference()((features + looks).astype("float32"), mask=mask),
        NeutralDifference()(features, mask=mask),
        atol=1e-5,
    )


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_small_motion_survives_half_precision(policy):
    """Motion of a thousandth, which half precision rounds off near 7."""
    motion = np.linspace(0, 1e-3, 5, dtype="float32").reshape(1, 5, 1)
    layer = NeutralDifference(num_frames=1, dtype=policy)
    difference = layer(7 + motion)
    assert dtype_of(difference) == policy.removeprefix("mixed_")
    np.testing.assert_allclose(
        as_array(difference), motion, rtol=1e-2, atol=2e-6
    )


def test_integer_frames_may_become_less_than_the_neutral_face():
    frames = np.array([[[200], [100]]], "uint8")
    difference = NeutralDifference(num_frames=1)(frames)
    np.testing.assert_array_equal(difference, [[[0.0], [-100.0]]])


@pytest.mark.parametrize("num_frames", [0, -1, 1.5, None])
def test_num_frames_must_be_a_positive_integer(num_frames):
    with pytest.raises(
        ValueError, match=r"`num_frames` must be a positive .*num_frames="
    ):
        NeutralDifference(num_frames)


def test_mask_of_another_rank_is_an_error(features):
    with pytest.raises(
        ValueError, match=r"shape \(batch, frames\). Received: mask.shape=\(3,"
    ):
        NeutralDifference()(features, mask=np.ones((3, 8, 2), bool))


def test_too_low_a_rank_is_an_error(features):
    with pytest.raises(ValueError, match="min_ndim=3, found ndim=2"):
        NeutralDifference()(features[:, :, 0, 0, 0])
