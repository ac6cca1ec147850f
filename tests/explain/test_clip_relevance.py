"""Relevance of many clips: that of each alone, without padding, in numbers."""

import dataclasses

import keras
import numpy as np
import pandas as pd
import pytest

from fdin_tf import build_fdin
from fdin_tf import build_siam
from fdin_tf.data.encode import FoldClips
from fdin_tf.explain.clip_relevance import pair_relevance
from fdin_tf.explain.clip_relevance import predict_relevance
from fdin_tf.explain.clip_relevance import region_relevance
from fdin_tf.explain.lrp import ClipPropagator
from fdin_tf.explain.lrp import ClipRelevance
from fdin_tf.regions import REGIONS
from layers.pairwise_relation import region_pairs

LENGTHS = {"d": 20, "a": 5, "c": 9, "b": 5}


def clips_of(shape, name, make):
    data = {clip_id: make((t, *shape)) for clip_id, t in LENGTHS.items()}
    clips = pd.DataFrame(
        {"clip_id": list(data), "num_frames": list(LENGTHS.values())}
    )
    return FoldClips(clips, shape, data, name)


@pytest.fixture(scope="module")
def features():
    rng = np.random.default_rng(0)
    return clips_of(
        (3, 3, 4), "features", lambda shape: rng.normal(size=shape).astype("f2")
    )


@pytest.fixture(scope="module")
def fdin():
    keras.utils.set_random_seed(0)
    return build_fdin(
        "gender", dense_units=6, lstm_units=(5,), relation_units=(6,),
        head_units=(6,), feature_shape=(3, 3, 4),
    )  # fmt: skip


@pytest.fixture(scope="module")
def relevance(fdin, features):
    return predict_relevance(fdin, features, LENGTHS, batch_size=3)


def alone(model, data, clip_id, **options):
    """A clip explained by itself: nothing is padded."""
    frames = data.load(clip_id).astype("float32")[None]
    inputs = {data.name: frames, "mask": np.ones(frames.shape[:2], bool)}
    return ClipPropagator(model, **options)(inputs)


def check_alike(found, expected):
    """What was found of a clip is what one explained alone has."""
    assert found.score == pytest.approx(float(expected.score[0]), rel=1e-4)
    size = np.abs(expected.pixels).max()
    for level in ("pairs", "regions", "frames", "pixels"):
        values = getattr(expected, level)
        if values is None:
            assert getattr(found, level) is None
            continue
        np.testing.assert_allclose(
            getattr(found, level), values[0], rtol=1e-3, atol=1e-4 * size
        )
    assert found.conservation is None
    for level, sinks in expected.sinks.items():
        assert set(found.sinks[level]) == set(sinks)
        for name, taken in sinks.items():
            assert found.sinks[level][name] == pytest.approx(
                float(taken[0]), rel=1e-3, abs=1e-4 * abs(found.score)
            )


@pytest.mark.parametrize("clip_id", ["a", "c", "d"])
def test_of_many_as_of_each_alone(fdin, features, relevance, clip_id):
    check_alike(relevance[clip_id], alone(fdin, features, clip_id))


def test_clips_keep_the_order_given_and_their_own_lengths(relevance):
    assert list(relevance) == list(LENGTHS)
    for clip_id, length in LENGTHS.items():
        assert relevance[clip_id].regions.shape == (9, length)
        assert relevance[clip_id].frames.shape == (length,)
        assert relevance[clip_id].pixels.shape == (length, 3, 3)
        assert relevance[clip_id].pairs.shape == (36,)


def test_every_level_and_its_sinks_sum_to_the_score(relevance):
    for clip in relevance.values():
        for level, sinks in clip.sinks.items():
            total = getattr(clip, level).sum() + sum(sinks.values())
            assert total == pytest.approx(clip.score, rel=1e-3, abs=1e-4)


def test_target_and_composite_are_handed_on(fdin, features):
    options = {"target": ("gender", 0), "composite": "alpha_beta"}
    found = predict_relevance(fdin, features, ["a"], **options)
    check_alike(found["a"], alone(fdin, features, "a", **options))
    other = predict_relevance(fdin, features, ["a"], ("gender", 1))
    assert other["a"].score != pytest.approx(found["a"].score)


def test_a_model_of_frames_has_pixels_and_no_regions():
    keras.utils.set_random_seed(0)
    siam = build_siam(
        "age", (24, 24, 1), rnn_units=4, attention_units=3, dense_units=6,
        conv_units=(2, 2, 2), kernel_sizes=(3, 3, 3), strides=(1, 1, 1),
    )  # fmt: skip
    rng = np.random.default_rng(1)
    data = clips_of(
        (24, 24, 1), "frames",
        lambda shape: rng.integers(0, 256, shape, dtype=np.uint8),
    )  # fmt: skip
    found = predict_relevance(siam, data, ["c", "b"], batch_size=2)
    assert list(found) == ["c", "b"]
    assert found["c"].pixels.shape == (9, 24, 24)
    check_alike(found["c"], alone(siam, data, "c"))
    with pytest.raises(ValueError, match="Expected the relevance of a model"):
        region_relevance(found)


def test_regions_are_summed_over_frames(relevance):
    absolute = region_relevance(relevance)
    signed = region_relevance(relevance, is_absolute=False)
    assert list(absolute) == list(REGIONS)
    assert list(absolute.index) == list(LENGTHS)
    for region, name in enumerate(REGIONS):
        by_frame = [float(r) for r in relevance["c"].regions[region]]
        assert absolute.loc["c", name] == pytest.approx(
            sum(map(abs, by_frame)), rel=1e-5
        )
        assert signed.loc["c", name] == pytest.approx(
            sum(by_frame), rel=1e-4, abs=1e-6
        )


def test_frames_that_contradict_each_other_count_absolutely():
    regions = np.zeros((9, 2))
    regions[4] = 3, -3  # the nose
    clip = ClipRelevance(1.0, None, regions, np.zeros(2), None, {}, None)
    assert region_relevance({"x": clip}).loc["x", "nose"] == 6
    assert region_relevance({"x": clip}, False).loc["x", "nose"] == 0


def test_pairs_have_names_and_the_relevance_of_their_place(relevance):
    table = pair_relevance(relevance, region_pairs(9))
    assert list(table.index) == list(LENGTHS)
    assert table.columns[0] == "left_eye-forehead"
    assert table.columns[-1] == "mouth-right_mouth"
    np.testing.assert_array_equal(table.loc["a"], relevance["a"].pairs)


def test_mistakes_are_named(fdin, features, relevance):
    with pytest.raises(ValueError, match=r"at least one clip.*clip_ids=\[\]"):
        predict_relevance(fdin, features, [])
    with pytest.raises(ValueError, match="`composite` must be"):
        predict_relevance(fdin, features, ["a"], composite="gradient")
    without = dataclasses.replace(relevance["a"], regions=None)
    with pytest.raises(ValueError, match="clips without relevance of regions"):
        region_relevance({"a": without})
