"""Networks on chunks answer as networks on whole clips."""

import keras
import numpy as np
import pytest

from fdin_tf import build_fdin
from fdin_tf import build_siam
from fdin_tf.explain import explained
from fdin_tf.explain.explained import holds_reasons
from fdin_tf.models.baselines import build_additive
from fdin_tf.models.baselines import build_holistic
from fdin_tf.models.fdin import local_dynamics
from fdin_tf.serving import join_encoder
from fdin_tf.serving.streaming import AppearanceStream
from fdin_tf.serving.streaming import DynamicsStream
from fdin_tf.serving.streaming import stream_of

SIDE = 24
SMALL = {
    "dense_units": 8, "lstm_units": (8, 6), "relation_units": (8,),
    "head_units": (8,), "feature_shape": (6, 6, 4),
}  # fmt: skip


@pytest.fixture(scope="module")
def frames():
    """A clip that grows lighter, so that its order shows."""
    rng = np.random.default_rng(0)
    frames = rng.uniform(0, 256, (21, SIDE, SIDE, 3))
    return np.uint8(frames * np.linspace(0.1, 1, 21)[:, None, None, None])


def make_encoder(dtype=None):
    return keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            keras.layers.Rescaling(1 / 50, dtype=dtype),
            keras.layers.Conv2D(4, 3, padding="same", dtype=dtype),
            keras.layers.AveragePooling2D(4, dtype=dtype),
        ]
    )


def varied(model):
    """Known weights far from zero, so that every one of them shows."""
    rng = np.random.default_rng(1)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(0.05, 0.3, weight.shape))
    return model


def fdin(**changes):
    network = varied(build_fdin("age", **{**SMALL, **changes}))
    return join_encoder(network, varied(make_encoder()))


def siam(**changes):
    return varied(
        build_siam(
            "gender", (SIDE, SIDE, 1), rnn_units=6, attention_units=3,
            dense_units=8, conv_units=(2, 3, 4), kernel_sizes=(3, 3, 3),
            strides=(1, 1, 1), **changes,
        )
    )  # fmt: skip


def whole(model, frames):
    """The answer to all frames at once."""
    network = explained(model) if holds_reasons(model) else model
    mask = np.ones((1, len(frames)), bool)
    answer = network({"frames": frames[None], "mask": mask})
    return {name: np.array(value)[0] for name, value in answer.items()}


def chunked(frames, size):
    for start in range(0, len(frames), size):
        yield frames[start : start + size]


def check_stream(model, frames, kind, sizes=(1, 5, 64), rtol=1e-5):
    expected = whole(model, frames)
    stream = stream_of(model)
    assert type(stream) is kind
    for size in sizes:
        found = stream(chunked(frames, size))
        assert set(found) == set(expected)
        for name, value in expected.items():
            assert found[name].dtype == np.float32
            np.testing.assert_allclose(
                found[name], value, rtol=rtol, atol=1e-7, err_msg=name
            )
    return expected, stream


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"lstm_units": (8,)},
        {"lstm_units": (6, 5, 4)},
        {"use_location": False, "use_importance": False},
        {"neutral_frames": 3},
        {"neutral_frames": 30},  # more than the clip has
        {"neutral_frames": 2, "normalize_motion": True},
    ],
    ids=str,
)
def test_fdin_answers_as_on_whole_clips(frames, changes):
    model = fdin(**changes)
    expected, stream = check_stream(model, frames, DynamicsStream)
    other = stream(chunked(frames[::-1], 5))
    assert abs(other["age"] / expected["age"] - 1) > 1e-3


def test_fdin_on_frames_answers_as_on_whole_clips(frames):
    settings = {k: SMALL[k] for k in SMALL if k != "feature_shape"}
    model = build_fdin(
        "gender", "frames", make_encoder(), frame_shape=frames.shape[1:],
        **settings,
    )  # fmt: skip
    check_stream(varied(model), frames, DynamicsStream)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"recurrent": False},
        {"temporal_attention": False},
        {"temporal_attention": False, "spatial_attention": None},
        {"spatial_attention": None, "recurrent": False},
    ],
    ids=str,
)
def test_siam_answers_as_on_whole_clips(frames, changes):
    check_stream(siam(**changes), frames[..., :1], AppearanceStream)


@pytest.mark.parametrize("dtype_policy", ["mixed_bfloat16"], indirect=True)
def test_half_precision_answers_as_on_whole_clips_to_its_precision(
    frames, dtype_policy
):
    # One chunk computes the same; the cell's state is rounded between two.
    model = fdin(neutral_frames=2)
    check_stream(model, frames, DynamicsStream, sizes=(64,), rtol=1e-2)
    check_stream(model, frames, DynamicsStream, sizes=(5,), rtol=5e-2)
    check_stream(
        siam(), frames[..., :1], AppearanceStream, sizes=(5, 64), rtol=3e-2
    )


def test_a_network_that_needs_every_frame_is_no_stream(frames):
    inputs = {
        "frames": keras.Input(
            (None, SIDE, SIDE, 3), dtype="uint8", name="frames"
        ),
        "mask": keras.Input((None,), dtype="bool", name="mask"),
    }
    mean = keras.layers.GlobalAveragePooling3D()(inputs["frames"])
    assert stream_of(keras.Model(inputs, {"age": mean})) is None
    features = keras.Input((None, 6, 6, 4), name="features")
    mask = keras.Input((None,), dtype="bool", name="mask")
    mean = keras.layers.GlobalAveragePooling3D()(features)
    network = keras.Model({"features": features, "mask": mask}, {"age": mean})
    assert stream_of(join_encoder(network, make_encoder())) is None


def test_a_network_with_more_around_its_lstms_is_no_stream(frames):
    features = keras.Input((None, 6, 6, 4), name="features")
    mask = keras.Input((None,), dtype="bool", name="mask")
    dynamics = local_dynamics(features, mask, 8, (8,))
    looks = keras.layers.GlobalAveragePooling3D()(features)
    both = keras.layers.Concatenate()([keras.layers.Flatten()(dynamics), looks])
    age = keras.layers.Dense(1, name="age")(both)
    network = keras.Model({"features": features, "mask": mask}, {"age": age})
    assert stream_of(join_encoder(network, make_encoder())) is None


@pytest.mark.parametrize("build", [build_additive, build_holistic])
def test_baselines_with_the_lstms_of_fdin_are_streams_too(frames, build):
    settings = {k: SMALL[k] for k in SMALL if k != "relation_units"}
    model = join_encoder(varied(build("age", **settings)), make_encoder())
    check_stream(model, frames, DynamicsStream)


class Counted(keras.layers.Layer):
    """Counts how often it is called from Python: once per trace."""

    calls = 0

    def call(self, frames):
        self.calls += 1
        return frames


def test_any_chunk_and_any_clip_run_by_the_same_trace(frames):
    counted = Counted()
    encoder = keras.Sequential([counted, make_encoder()])
    encoder.build((None, SIDE, SIDE, 3))
    network = build_fdin("age", **SMALL)
    stream = stream_of(join_encoder(network, encoder))
    stream(chunked(frames, 4))
    calls = counted.calls
    stream(chunked(frames[:7], 5))
    stream(chunked(frames, 1))
    assert counted.calls == calls > 0


def test_chunks_without_a_frame_change_nothing(frames):
    stream = stream_of(fdin())
    expected = stream([frames])
    found = stream([frames[:0], frames[:9], frames[:0], frames[9:]])
    np.testing.assert_allclose(found["age"], expected["age"], rtol=1e-5)


@pytest.mark.parametrize("make", [fdin, siam])
def test_no_frame_is_an_error(make, frames):
    with pytest.raises(ValueError, match="at least one frame"):
        stream_of(make())([frames[:0]])
