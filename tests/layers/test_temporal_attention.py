"""TemporalAttention: its equations, masks, precision, errors."""

import keras
import numpy as np
import pytest

from layers import TemporalAttention
from tests.backends import as_array
from tests.backends import dtype_of
from tests.backends import with_gradients
from tests.layer_checks import check_layer

UNITS = 4
SHAPE = (3, 6, 5)


@pytest.fixture
def sequence():
    """Three clips of six frames, five features."""
    rng = np.random.default_rng(seed=0)
    return rng.normal(size=SHAPE).astype("float32")


@pytest.fixture
def mask():
    """Begins late, has holes, or has one real frame only."""
    return np.array(
        [[0, 1, 1, 0, 1, 1], [1, 1, 0, 1, 0, 0], [0, 0, 1, 0, 0, 0]], bool
    )


def make_layer(**kwargs):
    """A layer, returning its attention, whose weights all count."""
    kwargs = {"units": UNITS, "bias_initializer": "random_normal", **kwargs}
    return TemporalAttention(return_attention=True, **kwargs)


def reference_temporal_attention(
    sequence, mask, kernel, bias, fusion_kernel, fusion_bias
):
    """Equations 4 to 6, one frame of one clip at a time: s and o."""
    clips, frames, features = sequence.shape
    attention, summary = np.zeros((clips, frames)), np.zeros((clips, features))
    for clip in range(clips):
        for t in np.flatnonzero(mask[clip]):
            hidden = np.tanh(kernel.T @ sequence[clip, t] + bias)
            score = fusion_kernel[:, 0] @ hidden + fusion_bias[0]
            attention[clip, t] = 1 / (1 + np.exp(-score))
        attention[clip] /= attention[clip].sum() if mask[clip].any() else 1
        for t in np.flatnonzero(mask[clip]):
            summary[clip] += attention[clip, t] * sequence[clip, t]
    return summary, attention


@pytest.mark.parametrize("return_attention", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_layer_contract(return_attention, masked, mask, tmp_path):
    summary, attention = (SHAPE[0], SHAPE[2]), SHAPE[:2]
    check_layer(
        TemporalAttention,
        init_kwargs={
            "units": UNITS,
            "return_attention": return_attention,
            "kernel_regularizer": "l2",
        },
        call_kwargs={"mask": mask} if masked else {},
        input_shape=SHAPE,
        output_shape=(summary, attention) if return_attention else summary,
        weight_shapes={
            "kernel": (5, UNITS),
            "bias": (UNITS,),
            "fusion_kernel": (UNITS, 1),
            "fusion_bias": (1,),
        },
        unknown_axes=(0, 1),
        tmp_path=tmp_path,
    )


@pytest.mark.parametrize("units", [None, 3])
def test_equals_the_published_equations(sequence, mask, units):
    layer = make_layer(units=units)
    outputs = layer(sequence, mask=mask)
    expected = reference_temporal_attention(
        sequence, mask, *layer.get_weights()
    )
    assert layer.kernel.shape == (5, units or 5)
    for output, e in zip(outputs, expected):
        np.testing.assert_allclose(output, e, rtol=1e-5, atol=1e-7)


def test_without_a_mask_all_frames_are_real(sequence):
    layer = make_layer()
    outputs = layer(sequence)
    expected = reference_temporal_attention(
        sequence, np.ones(SHAPE[:2], bool), *layer.get_weights()
    )
    for output, e in zip(outputs, expected):
        np.testing.assert_allclose(output, e, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("noise", [1e6, np.nan, np.inf])
def test_padding_has_no_influence(sequence, mask, noise):
    layer = make_layer()
    expected = layer(sequence, mask=mask)
    sequence[~mask] = noise
    for output, e in zip(layer(sequence, mask=mask), expected):
        np.testing.assert_array_equal(output, e)


def test_noise_in_padding_leaves_the_gradient_finite(sequence, mask):
    layer = make_layer()
    sequence[~mask] = np.nan
    layer.build(SHAPE)
    _, gradients = with_gradients(
        lambda: (keras.ops.sum(layer(sequence, mask=mask)[0]), None),
        layer.weights,
    )
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_frames_added_behind_change_nothing(sequence, mask):
    layer = make_layer()
    expected = layer(sequence, mask=mask)
    longer = np.pad(sequence, ((0, 0), (0, 7), (0, 0)), constant_values=3)
    summary, attention = layer(longer, mask=np.pad(mask, ((0, 0), (0, 7))))
    np.testing.assert_allclose(summary, expected[0], rtol=1e-5)
    np.testing.assert_allclose(attention[:, :6], expected[1], rtol=1e-5)
    assert (np.asarray(attention)[:, 6:] == 0).all()


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_attention_sums_to_one_over_real_frames(sequence, mask, scale):
    """Even where every score is smaller than any float."""
    layer = make_layer()
    layer(sequence)
    *others, fusion_bias = layer.get_weights()
    layer.set_weights([*others, fusion_bias - scale])
    attention = np.asarray(layer(sequence, mask=mask)[1])
    np.testing.assert_allclose(attention.sum(axis=1), 1, rtol=1e-6)
    assert (attention[~mask] == 0).all()


def test_clip_without_a_real_frame_gives_zeros_and_finite_gradients(
    sequence, mask
):
    mask[1] = False
    layer = make_layer()
    layer.build(SHAPE)

    def loss_and_outputs():
        summary, attention = layer(sequence, mask=mask)
        return keras.ops.sum(summary**2), (summary, attention)

    (summary, attention), gradients = with_gradients(
        loss_and_outputs, layer.weights
    )
    assert (np.asarray(summary)[1] == 0).all()
    assert (np.asarray(attention)[1] == 0).all()
    assert np.abs(summary[0]).max() > 0
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_equal_scores_give_the_mean_of_real_frames(sequence, mask):
    layer = TemporalAttention(kernel_initializer="zeros")
    summary = layer(sequence, mask=mask)
    for clip in range(3):
        np.testing.assert_allclose(
            summary[clip], sequence[clip, mask[clip]].mean(axis=0), rtol=1e-5
        )


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_outputs_are_float32_under_half_precision(sequence, mask, policy):
    full = make_layer()
    expected = full(sequence, mask=mask)
    half = make_layer(dtype=policy)
    half.build(SHAPE)
    half.set_weights(full.get_weights())
    outputs = half(sequence, mask=mask)
    for output, e in zip(outputs, expected):
        assert dtype_of(output) == "float32"
        np.testing.assert_allclose(output, e, atol=0.02)
    np.testing.assert_allclose(as_array(outputs[1]).sum(axis=1), 1, rtol=1e-6)


def test_penalty_is_the_mean_score_of_real_frames(sequence, mask):
    layer = TemporalAttention(penalty=0.3)
    layer(sequence, mask=mask, training=True)
    kernel, bias, fusion_kernel, fusion_bias = layer.get_weights()
    scores = [
        1 / (1 + np.exp(-(np.tanh(z @ kernel + bias) @ fusion_kernel
                          + fusion_bias)))
        for z in sequence[mask]
    ]  # fmt: skip
    (penalty,) = layer.losses
    np.testing.assert_allclose(penalty, 0.3 * np.mean(scores), rtol=1e-5)
    layer(sequence, mask=mask)
    assert not layer.losses  # estimates are not penalised


def test_penalty_of_a_batch_without_real_frames_is_0(sequence, mask):
    layer = TemporalAttention(penalty=0.3)
    layer(sequence, mask=np.zeros_like(mask), training=True)
    np.testing.assert_array_equal(layer.losses, [0])


@pytest.mark.parametrize("penalty", [-0.1, float("inf"), float("nan")])
def test_penalty_out_of_range_is_an_error(penalty):
    with pytest.raises(ValueError, match=r"`penalty` must be .*: penalty="):
        TemporalAttention(penalty=penalty)


def test_the_mask_ends_here(sequence, mask, recwarn):
    symbol = keras.layers.Masking()(keras.Input((None, 5)))
    summary = TemporalAttention()(symbol)
    assert getattr(summary, "_keras_mask", None) is None
    assert not [w for w in recwarn if "mask" in str(w.message)]


@pytest.mark.parametrize("units", [0, -1, 2.5])
def test_units_must_be_a_positive_integer(units):
    with pytest.raises(
        ValueError, match=r"`units` must be a positive .*Received: units="
    ):
        TemporalAttention(units)


def test_unknown_number_of_features_is_an_error():
    with pytest.raises(ValueError, match=r"must be known.*input_shape=\(2"):
        TemporalAttention().build((2, 6, None))


def test_mask_of_another_rank_is_an_error(sequence):
    with pytest.raises(
        ValueError, match=r"shape \(batch, frames\). Received: mask.shape=\(3,"
    ):
        TemporalAttention()(sequence, mask=np.ones(SHAPE, bool))


def test_another_rank_is_an_error(sequence):
    with pytest.raises(ValueError, match="expected ndim=3, found ndim=2"):
        TemporalAttention()(sequence[0])


def test_another_number_of_features_is_an_error(sequence):
    layer = TemporalAttention()
    layer(sequence)
    with pytest.raises(ValueError, match=r"expected axis -1 .* value 5"):
        layer(sequence[:, :, :4])


def test_penalty_grows_step_by_step(sequence):
    layer = TemporalAttention(penalty=0.3, penalty_delay=1, penalty_ramp=2)
    weights = []
    for _ in range(5):
        layer(sequence, training=True)
        weights.append(float(layer.losses[0]))
    np.testing.assert_allclose(
        np.divide(weights, weights[-1]), [0, 0, 1 / 2, 1, 1], rtol=1e-5
    )


@pytest.mark.parametrize("name", ["penalty_delay", "penalty_ramp"])
@pytest.mark.parametrize("steps", [-1, 2.5])
def test_no_number_of_steps_is_an_error(name, steps):
    with pytest.raises(ValueError, match=rf"`{name}` must be .*: {name}="):
        TemporalAttention(**{name: steps})
