"""The planted benchmark's measures: targets, splits, ranks, agreement."""

import keras
import numpy as np
import pandas as pd
import pytest

from fdin_tf.data.encode import FoldClips
from fdin_tf.data.synthetic import REGIONS
from fdin_tf.models import build_fdin
from fdin_tf.training.planted import PlantedClips
from fdin_tf.training.planted import estimate_errors
from fdin_tf.training.planted import parse_pair
from fdin_tf.training.planted import perturbation_agrees
from fdin_tf.training.planted import planted_rank
from fdin_tf.training.planted import prepare_planted
from fdin_tf.training.planted import relevance_agrees
from fdin_tf.training.planted import summarize
from layers.pairwise_relation import region_pairs

NUM_CLIPS, NUM_FRAMES = 30, 10
PAIR = (2, 6)


@pytest.fixture
def planted():
    """Clips of ten people whose regions rise at onsets of their own."""
    rng = np.random.default_rng(0)
    ids = [f"clip_{number:02d}" for number in range(NUM_CLIPS)]
    truth = {
        clip_id: {
            "onset_start": rng.uniform(2, 8, 9),
            "peaks": rng.uniform(0.6, 1, 9),
        }
        for clip_id in ids
    }
    time = np.arange(NUM_FRAMES)[:, None]
    features = {
        clip_id: np.clip(time - known["onset_start"], 0, 1)
        .reshape(NUM_FRAMES, 3, 3, 1)
        .astype(np.float16)
        for clip_id, known in truth.items()
    }
    clips = pd.DataFrame(
        {
            "clip_id": ids,
            "subject": [f"{number // 3:02d}" for number in range(NUM_CLIPS)],
            "num_frames": NUM_FRAMES,
        }
    )
    data = FoldClips(clips, (3, 3, 1), features)
    return PlantedClips(data, ids[:15], ids[15:21], ids[21:], truth)


@pytest.fixture
def counts_frames_of_two_regions():
    """FDIN whose answer is how long both regions of one pair have moved.

    Its weights are set by hand: the LSTM adds up the frames, the relation
    adds two regions, the importance takes one pair.
    """
    model = build_fdin(
        "planted", dense_units=1, lstm_units=(1,), relation_units=(1,),
        head_units=(1,), dropout=0.0, feature_shape=(3, 3, 1),
        use_location=False,
    )  # fmt: skip
    model.get_layer("dense").set_weights([np.ones((1, 1)), np.zeros(1)])
    # Gates i, f, c, o: open, open, a tenth of the input, open.
    kernel, bias = np.array([[0, 0, 0.1, 0]]), np.array([9.0, 9, 0, 9])
    model.get_layer("lstm_1").set_weights([kernel, np.zeros((1, 4)), bias])
    model.get_layer("relations").set_weights([np.ones((2, 1)), np.zeros(1)])
    scores = np.zeros(36)
    scores[region_pairs(9).index(PAIR)] = 6
    model.get_layer("importance").set_weights([np.zeros((1, 36)), scores])
    model.get_layer("head_1").set_weights([np.ones((1, 1)), np.zeros(1)])
    model.get_layer("planted").set_weights([10 * np.ones((1, 1)), np.zeros(1)])
    return model


def test_targets_are_those_of_the_truth(planted):
    lags = planted.plant(PAIR, "absolute_lag").clips
    for row in lags.itertuples():
        onsets = planted.truth[row.clip_id]["onset_start"]
        assert row.planted == pytest.approx(abs(onsets[2] - onsets[6]))
    assert "planted" not in planted.data.clips


def test_shuffled_targets_are_the_same_ones_elsewhere(planted):
    lags = planted.plant(PAIR, "absolute_lag").clips.planted
    shuffled = planted.plant(PAIR, "absolute_lag", shuffle_seed=3).clips.planted
    assert sorted(shuffled) == sorted(lags)
    assert abs(np.corrcoef(lags, shuffled)[0, 1]) < 0.5
    again = planted.plant(PAIR, "absolute_lag", shuffle_seed=3).clips.planted
    pd.testing.assert_series_equal(again, shuffled)


def test_nobody_is_in_two_parts_and_the_encoder_sees_training_only(
    planted, tmp_path
):
    seen = []

    def fit_encoder(clips):
        seen.extend(clips)
        cells = keras.Input((3, 3, 1))
        return keras.Model(cells, keras.layers.Rescaling(2.0)(cells))

    (tmp_path / "truth").mkdir()
    for clip_id, known in planted.truth.items():
        np.savez(tmp_path / "truth" / f"{clip_id}.npz", **known)
    prepared = prepare_planted(planted.data, tmp_path, fit_encoder, seed=0)
    parts = [prepared.train, prepared.valid, prepared.test]
    assert [len(part) for part in parts] == [21, 3, 6]
    subject = planted.data.clips.set_index("clip_id").subject
    people = [set(subject[list(part)]) for part in parts]
    assert not people[0] & people[1]
    assert not people[0] & people[2]
    assert not people[1] & people[2]
    assert len(seen) == len(prepared.train)
    for clip_id, frames in zip(prepared.train, seen):
        np.testing.assert_array_equal(frames, planted.data.load(clip_id))
    clip_id = prepared.test[0]
    np.testing.assert_allclose(
        prepared.data.load(clip_id), 2 * planted.data.load(clip_id)
    )


def test_a_network_that_knows_the_pair_ranks_it_first(
    planted, counts_frames_of_two_regions
):
    data = planted.plant(PAIR, "absolute_lag")
    found = planted_rank(counts_frames_of_two_regions, data, planted.test, PAIR)
    weight = np.exp(6) / (np.exp(6) + 35)
    assert found["rank"] == 1
    assert found["weight"] == pytest.approx(weight, rel=1e-5)
    assert found["next_weight"] == pytest.approx((1 - weight) / 35, rel=1e-5)
    assert found["margin"] == pytest.approx(weight - found["next_weight"])
    other = planted_rank(
        counts_frames_of_two_regions, data, planted.test, (0, 1)
    )
    assert other["rank"] == 2  # 34 others are as good, none of them better
    assert other["next"] == "right_eye-left_mouth"


def test_perturbing_the_regions_that_carry_the_estimate_hurts(
    planted, counts_frames_of_two_regions
):
    model = counts_frames_of_two_regions
    data = planted.plant(PAIR, "absolute_lag")
    own = estimate_errors(model, data, planted.test)
    # The network's own answers as truth: it makes no error as it is.
    answers = [
        model(
            {"features": data.load(c)[None].astype("float32"),
             "mask": np.ones((1, NUM_FRAMES), bool)}
        )["planted"].numpy().item()
        for c in data.clips.clip_id
    ]  # fmt: skip
    data.clips["planted"] = answers
    exact = estimate_errors(model, data, planted.test)
    assert exact["mae"] < 1e-5 < own["mae"]
    assert exact["r2"] == pytest.approx(1)
    found = perturbation_agrees(model, data, planted.test, PAIR, seed=0)
    assert found["agrees"]
    assert found["planted_rise"] > 10 * found["other_rise"]
    assert found["rank_correlation"] > 0
    wrong = perturbation_agrees(model, data, planted.test, (0, 1), seed=0)
    assert not wrong["agrees"]


def test_the_regions_that_carry_the_estimate_have_the_relevance(
    planted, counts_frames_of_two_regions
):
    model = counts_frames_of_two_regions
    data = planted.plant(PAIR, "absolute_lag")
    found = relevance_agrees(model, data, planted.test, PAIR)
    assert found["relevance_agrees"]
    assert found["relevance_share"] > 0.9
    wrong = relevance_agrees(model, data, planted.test, (0, 1))
    assert not wrong["relevance_agrees"]
    assert wrong["relevance_share"] < 0.1


def test_the_summary_counts_by_mode_and_network():
    results = pd.DataFrame(
        [
            ("a", "fdin", 0, 0.8, 1.0, 1, 0.5, 0.4, True, 0.9, True),
            ("a", "fdin", 1, 0.6, 2.0, 3, 0.1, -0.2, False, 0.3, False),
            ("a", "fdin", 2, 0.9, 3.0, 1, 0.7, 0.6, True, 0.8, False),
            ("a", "holistic", 0, 0.2, 4.0, *6 * [None]),
        ],
        columns=["mode", "network", "seed", "r2", "mae", "rank", "weight",
                 "margin", "agrees", "relevance_share", "relevance_agrees"],
    )  # fmt: skip
    fdin, holistic = summarize(results).to_dict("records")
    assert (fdin["runs"], fdin["sets"]) == (3, 3)
    assert (fdin["r2"], fdin["lowest_r2"], fdin["mae"]) == (0.8, 0.6, 2.0)
    assert fdin["ranked_first"] == pytest.approx(200 / 3)
    assert fdin["mean_rank"] == pytest.approx(5 / 3)
    assert (fdin["weight"], fdin["margin"]) == (0.5, 0.4)
    assert fdin["perturbation_agrees"] == pytest.approx(200 / 3)
    assert holistic["runs"] == 1
    assert np.isnan([holistic["ranked_first"], holistic["mean_rank"]]).all()
    assert fdin["relevance_share"] == 0.8
    assert fdin["relevance_agrees"] == pytest.approx(100 / 3)
    assert np.isnan(holistic["perturbation_agrees"])
    assert np.isnan(holistic["relevance_agrees"])


@pytest.mark.parametrize(
    "words", ["", "nose", "nose-nose", "nose-chin", "nose-mouth-forehead"]
)
def test_a_pair_is_two_different_regions(words):
    with pytest.raises(ValueError, match=r"pair of different.*Received: pair="):
        parse_pair(words)


def test_a_pair_may_be_written_in_either_order():
    assert parse_pair(f"{REGIONS[6]}-{REGIONS[2]}") == PAIR
