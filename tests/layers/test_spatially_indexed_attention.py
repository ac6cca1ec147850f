"""SpatiallyIndexedAttention: its equation, four mechanisms, initial weights."""

import keras
import numpy as np
import pytest

from layers import SpatiallyIndexedAttention
from layers.spatially_indexed_attention import MECHANISMS
from tests.backends import as_array
from tests.backends import dtype_of
from tests.layer_checks import check_layer

UNITS, HEIGHT, WIDTH, CHANNELS = 4, 2, 3, 5
PLACES = HEIGHT * WIDTH
SHARED = {
    "kernel": (CHANNELS, UNITS),
    "bias": (UNITS,),
    "fusion_kernel": (UNITS, 1),
    "fusion_bias": (1,),
}


@pytest.fixture
def maps():
    """Two clips of three frames."""
    rng = np.random.default_rng(seed=0)
    shape = (2, 3, HEIGHT, WIDTH, CHANNELS)
    return rng.normal(size=shape).astype("float32")


def shapes_of(mechanism):
    """Name to shape: what is owned by each place has a leading axis."""
    indexed = {
        "spatially_agnostic": (),
        "fully_spatially_indexed": tuple(SHARED),
        "mediate_spatially_indexed": ("fusion_kernel", "fusion_bias"),
        "spatially_indexed": ("kernel", "bias"),
    }[mechanism]
    return {
        name: (PLACES, *shape) if name in indexed else shape
        for name, shape in SHARED.items()
    }


def make_layer(mechanism, **kwargs):
    """A layer, returning its attention, whose weights all count."""
    return SpatiallyIndexedAttention(
        UNITS,
        mechanism,
        return_attention=True,
        bias_initializer="random_normal",
        **kwargs,
    )


def reference_attention(maps, kernel, bias, fusion_kernel, fusion_bias):
    """Equation 1, one place of one map at a time."""
    attention = np.empty(maps.shape[:-1])
    width = maps.shape[-2]
    for *image, row, column in np.ndindex(attention.shape):
        place = row * width + column
        w = kernel[place] if kernel.ndim == 3 else kernel
        b = bias[place] if bias.ndim == 2 else bias
        u = fusion_kernel[place] if fusion_kernel.ndim == 3 else fusion_kernel
        c = fusion_bias[place] if fusion_bias.ndim == 2 else fusion_bias
        hidden = np.tanh(w.T @ maps[(*image, row, column)] + b)
        score = u[:, 0] @ hidden + c[0]
        attention[(*image, row, column)] = 1 / (1 + np.exp(-score))
    return attention


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("leading", [(2,), (2, 3)])
def test_layer_contract(mechanism, leading, tmp_path):
    shape = (*leading, HEIGHT, WIDTH, CHANNELS)
    for folder, return_attention in (("with", True), ("without", False)):
        (tmp_path / folder).mkdir()
        check_layer(
            SpatiallyIndexedAttention,
            init_kwargs={
                "units": UNITS,
                "mechanism": mechanism,
                "return_attention": return_attention,
                "kernel_regularizer": "l2",
            },
            input_shape=shape,
            output_shape=(shape, shape[:-1]) if return_attention else shape,
            weight_shapes=shapes_of(mechanism),
            unknown_axes=tuple(range(len(leading))),
            tmp_path=tmp_path / folder,
        )


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("rank", [4, 5])
def test_equals_the_published_equations(maps, mechanism, rank):
    maps = maps if rank == 5 else maps[0]
    layer = make_layer(mechanism)
    attended, attention = layer(maps)
    expected = reference_attention(maps, *layer.get_weights())
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(attention, expected, rtol=1e-5)
    np.testing.assert_allclose(attended, maps * expected[..., None], rtol=1e-4)


@pytest.mark.parametrize(
    "mechanism", [m for m in MECHANISMS if m != "spatially_agnostic"]
)
def test_with_tied_weights_it_equals_the_agnostic_one(maps, mechanism):
    agnostic, indexed = make_layer("spatially_agnostic"), make_layer(mechanism)
    expected = agnostic(maps)
    indexed.build(maps.shape)
    indexed.set_weights(
        [
            np.broadcast_to(shared, own.shape)
            for shared, own in zip(agnostic.get_weights(), indexed.weights)
        ]
    )
    for output, e in zip(indexed(maps), expected):
        np.testing.assert_allclose(output, e, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_only_shared_weights_do_not_notice_when_places_move(maps, mechanism):
    layer = make_layer(mechanism)
    attention = np.asarray(layer(maps)[1])
    moved = np.asarray(layer(maps[:, :, ::-1, ::-1])[1])[:, :, ::-1, ::-1]
    is_agnostic = mechanism == "spatially_agnostic"
    assert np.allclose(attention, moved, rtol=1e-5) == is_agnostic


def test_weights_of_a_place_are_numbered_row_by_row(maps):
    layer = make_layer("spatially_indexed")
    before = np.asarray(layer(maps)[1])
    kernel = layer.kernel.numpy()
    kernel[1 * WIDTH + 2] += 1.0  # row 1, column 2
    layer.kernel.assign(kernel)
    changed = np.any(before != np.asarray(layer(maps)[1]), axis=(0, 1))
    np.testing.assert_array_equal(np.argwhere(changed), [[1, 2]])


@pytest.mark.parametrize(
    "initializer",
    [
        "glorot_uniform",
        "he_normal",
        keras.initializers.GlorotUniform(seed=7),
        keras.initializers.GlorotUniform(seed=keras.random.SeedGenerator(7)),
    ],
)
def test_each_place_is_drawn_like_a_matrix_of_its_own(initializer):
    keras.utils.set_random_seed(0)
    layer = SpatiallyIndexedAttention(
        32,
        "fully_spatially_indexed",
        kernel_initializer=initializer,
    )
    layer.build((None, 5, 5, 64))
    single = np.asarray(keras.initializers.get(initializer)((64, 32)))
    kernel, fusion = np.asarray(layer.kernel), np.asarray(layer.fusion_kernel)
    np.testing.assert_allclose(kernel.std(axis=(1, 2)), single.std(), rtol=0.1)
    # No two places alike, nor one a part of another.
    assert len({place.tobytes() for place in kernel}) == 25
    together = np.corrcoef(kernel.reshape(25, -1))
    assert np.abs(together - np.eye(25)).max() < 0.15
    of_32 = np.asarray(keras.initializers.get(initializer)((32, 1)))
    np.testing.assert_allclose(fusion.std(), of_32.std(), rtol=0.4)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_initializers_without_a_seed_and_functions_are_taken_too(mechanism):
    layer = SpatiallyIndexedAttention(
        UNITS,
        mechanism,
        kernel_initializer=keras.initializers.Constant(0.5),
        bias_initializer=keras.ops.ones,
    )
    layer.build((None, HEIGHT, WIDTH, CHANNELS))
    kernel, bias, fusion_kernel, fusion_bias = layer.get_weights()
    assert (kernel == 0.5).all()
    assert (fusion_kernel == 0.5).all()
    assert (bias == 1).all()
    assert (fusion_bias == 1).all()


def test_the_same_seed_draws_the_same_weights():
    drawn = []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        layer = SpatiallyIndexedAttention(UNITS)
        layer.build((None, HEIGHT, WIDTH, CHANNELS))
        drawn.append(layer.get_weights())
    for one, other in zip(*drawn):
        np.testing.assert_array_equal(one, other)


def test_regularizer_counts_both_layers():
    layer = SpatiallyIndexedAttention(
        UNITS, kernel_regularizer=keras.regularizers.L2(0.5)
    )
    layer.build((None, HEIGHT, WIDTH, CHANNELS))
    kernel, _, fusion_kernel, _ = layer.get_weights()
    np.testing.assert_allclose(
        sum(layer.losses),
        0.5 * ((kernel**2).sum() + (fusion_kernel**2).sum()),
        rtol=1e-5,
    )


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_penalty_is_the_mean_attention_of_training(maps, mechanism):
    layer = SpatiallyIndexedAttention(
        4, mechanism, return_attention=True, penalty=0.3
    )
    _, attention = layer(maps, training=True)
    (penalty,) = layer.losses
    np.testing.assert_allclose(
        penalty, 0.3 * as_array(attention).mean(), rtol=1e-5
    )
    layer(maps)
    assert not layer.losses  # estimates are not penalised


@pytest.mark.parametrize("penalty", [-0.1, float("inf"), float("nan")])
def test_penalty_out_of_range_is_an_error(penalty):
    with pytest.raises(ValueError, match=r"`penalty` must be .*: penalty="):
        SpatiallyIndexedAttention(penalty=penalty)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_attention_is_float32_under_half_precision(maps, policy):
    full = make_layer("spatially_indexed")
    expected = full(maps)[1]
    half = make_layer("spatially_indexed", dtype=policy)
    half.build(maps.shape)
    half.set_weights(full.get_weights())
    attended, attention = half(maps)
    assert dtype_of(attended) == policy.removeprefix("mixed_")
    assert dtype_of(attention) == "float32"
    np.testing.assert_allclose(attention, expected, atol=0.01)


def test_scores_of_any_size_stay_between_0_and_1(maps):
    layer = make_layer("spatially_indexed")
    layer(maps)
    layer.set_weights([1e6 * weight for weight in layer.get_weights()])
    attended, attention = map(np.asarray, layer(maps))
    assert np.isfinite(attended).all()
    assert attention.min() >= 0
    assert attention.max() <= 1


@pytest.mark.parametrize("units", [0, -1, 2.5, None])
def test_units_must_be_a_positive_integer(units):
    with pytest.raises(
        ValueError, match=r"`units` must be a positive .*Received: units="
    ):
        SpatiallyIndexedAttention(units)


def test_another_mechanism_is_an_error():
    with pytest.raises(
        ValueError, match=r"one of 'spatially_agnostic', .*mechanism='global'"
    ):
        SpatiallyIndexedAttention(mechanism="global")


@pytest.mark.parametrize(
    "shape", [(2, None, 3, 5), (2, 2, None, 5), (2, 2, 3, None)]
)
def test_unknown_size_is_an_error(shape):
    with pytest.raises(ValueError, match=r"must be known.*input_shape=\(2"):
        SpatiallyIndexedAttention().build(shape)


def test_another_rank_is_an_error(maps):
    with pytest.raises(ValueError, match="min_ndim=4, found ndim=3"):
        SpatiallyIndexedAttention()(maps[0, 0])
    with pytest.raises(ValueError, match="max_ndim=5, found ndim=6"):
        SpatiallyIndexedAttention()(maps[None])


def test_maps_of_another_size_are_an_error(maps):
    layer = SpatiallyIndexedAttention()
    layer(maps)
    with pytest.raises(ValueError, match=r"expected axis -2 .* value 3"):
        layer(maps[:, :, :, :2])


def test_penalty_grows_step_by_step(maps):
    layer = SpatiallyIndexedAttention(
        4, penalty=0.3, penalty_delay=1, penalty_ramp=2
    )
    weights = []
    for _ in range(5):
        layer(maps, training=True)
        weights.append(float(layer.losses[0]))
    np.testing.assert_allclose(
        np.divide(weights, weights[-1]), [0, 0, 1 / 2, 1, 1], rtol=1e-5
    )


@pytest.mark.parametrize("name", ["penalty_delay", "penalty_ramp"])
@pytest.mark.parametrize("steps", [-1, 2.5])
def test_no_number_of_steps_is_an_error(name, steps):
    with pytest.raises(ValueError, match=rf"`{name}` must be .*: {name}="):
        SpatiallyIndexedAttention(**{name: steps})
