"""Attention in numbers: parts of the face, stretches, phases, intervals."""

import itertools

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import statsmodels.api as sm

from fdin_tf.data.synthetic.template import average_face
from fdin_tf.explain import upsample
from fdin_tf.explain.attention_tables import BACKGROUND
from fdin_tf.explain.attention_tables import FACE_PARTS
from fdin_tf.explain.attention_tables import attention_by_part
from fdin_tf.explain.attention_tables import clustered_ratio
from fdin_tf.explain.attention_tables import clustered_table
from fdin_tf.explain.attention_tables import heaviest_stretch
from fdin_tf.explain.attention_tables import phase_frames
from fdin_tf.explain.attention_tables import phase_weights
from fdin_tf.faces import FaceWarp
from fdin_tf.faces import find_phases


@pytest.fixture(scope="module")
def warp():
    return FaceWarp(average_face(), size=24)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_parts_are_means_over_the_pixels_nearest_to_their_landmarks(warp, rng):
    maps = rng.uniform(size=(2, 5, 6))
    found = attention_by_part(maps, warp.points, warp.mask)
    pixels = upsample(maps, 24)
    sums = {name: [] for name in (*FACE_PARTS, BACKGROUND)}
    for y, x in itertools.product(range(24), range(24)):
        nearest = np.hypot(*(warp.points - (x, y)).T).argmin()
        (part,) = [n for n, of in FACE_PARTS.items() if nearest in of]
        name = part if warp.mask[y, x] else BACKGROUND
        sums[name].append(pixels[:, y, x])
    assert set(found) == set(sums)
    for name, values in sums.items():
        np.testing.assert_allclose(found[name], np.mean(values, axis=0))


def test_a_bright_mouth_is_the_mouth(warp):
    map_ = np.zeros((24, 24))
    x, y = warp.points[48:].mean(axis=0).round().astype(int)
    map_[y, x] = 1.0
    found = attention_by_part(map_, warp.points, warp.mask)
    assert max(found, key=found.get) == "mouth"


def test_a_part_without_a_pixel_is_unknown(warp):
    found = attention_by_part(
        np.ones((2, 2)), warp.points, np.zeros((24, 24), bool)
    )
    assert found[BACKGROUND] == pytest.approx(1)
    assert all(np.isnan(found[part]) for part in FACE_PARTS)


@pytest.mark.parametrize(
    ("points", "mask"), [((5, 2), (4, 4)), ((68, 2), (4, 5)), ((68, 2), (4,))]
)
def test_other_points_or_masks_are_refused(points, mask):
    with pytest.raises(ValueError, match=r"68 landmarks.*mask of shape"):
        attention_by_part(np.ones((2, 2)), np.zeros(points), np.ones(mask))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 1.0])
def test_the_stretch_is_the_shortest_of_all_that_hold_the_share(share, rng):
    for _ in range(20):
        weights = rng.dirichlet(np.full(12, 0.4))
        start, stop = heaviest_stretch(weights, share)
        assert weights[start:stop].sum() >= share - 1e-9
        rivals = [
            (end - begin, -weights[begin:end].sum())
            for begin, end in itertools.combinations(range(13), 2)
            if weights[begin:end].sum() >= share - 1e-9
        ]
        length, weight = min(rivals)
        assert stop - start == length
        assert weights[start:stop].sum() == pytest.approx(-weight)


def test_uniform_weights_hold_half_in_half_of_the_frames():
    assert heaviest_stretch(np.full(10, 0.1)) == (0, 5)


def test_a_stretch_needs_weight_and_a_share():
    for weights in (np.zeros(3), np.ones((2, 2)), []):
        with pytest.raises(ValueError, match=r"one above 0\. Received: temp"):
            heaviest_stretch(weights)
    for share in (0, 1.1):
        with pytest.raises(ValueError, match=f"Received: share={share}"):
            heaviest_stretch([1.0], share)


def smile(corner):
    """Landmarks of a face whose left lip corner moves, pixels."""
    faces = np.repeat(100 * average_face()[None], len(corner), axis=0)
    faces[:, 48, 0] -= corner
    return faces


@pytest.mark.parametrize(
    "corner",
    [
        np.interp(range(40), [10, 16, 24, 30], [0, 9, 9, 0]),
        np.interp(range(40), [10, 16], [0, 9]),
        np.interp(range(40), [10, 16], [9, 0]),
        np.zeros(40),
        np.zeros(3),
    ],
    ids=["smile", "rise", "fall", "rest", "three frames"],
)
def test_every_frame_is_in_one_phase(corner):
    frames = phase_frames(find_phases(smile(corner)))
    assert list(frames) == ["neutral", "onset", "apex", "offset"]
    assert (np.sum(list(frames.values()), axis=0) == 1).all()


def test_a_smile_at_rest_before_and_after_is_neutral_there():
    corner = np.interp(range(40), [10, 16, 24, 30], [0, 9, 9, 0])
    frames = phase_frames(find_phases(smile(corner)))
    assert frames["neutral"][[0, 5, 8, 32, 39]].all()
    assert frames["onset"][13]
    assert frames["apex"][20]
    assert frames["offset"][27]


def test_weights_of_phases_average_to_one(rng):
    corner = np.interp(range(40), [10, 16, 24, 30], [0, 9, 9, 0])
    frames = phase_frames(find_phases(smile(corner)))
    weights = phase_weights(rng.dirichlet(np.ones(40)), frames)
    counts = {name: where.sum() for name, where in frames.items()}
    total = sum(weights[name] * counts[name] for name in frames)
    assert total == pytest.approx(40)
    without = {"apex": np.zeros(40, bool)}
    assert np.isnan(phase_weights(np.full(40, 1 / 40), without)["apex"])


def test_intervals_are_those_of_a_clustered_regression(rng):
    subjects = np.repeat([*"abcdef"], 3)
    values = pd.DataFrame({"apex": rng.normal(2, 1, 18), "onset": np.nan})
    values["neutral"] = rng.normal(1, 1, 18)
    values.loc[:2, "neutral"] = np.nan
    table = clustered_table(values, subjects, confidence=0.9)
    assert list(table.name) == ["apex", "neutral"]
    assert list(table.clips) == [18, 15]
    assert list(table.subjects) == [6, 5]
    for row in table.itertuples(index=False, name="Row"):
        column = values[row.name]
        there = column.notna().to_numpy()
        fit = sm.OLS(column[there], np.ones(there.sum())).fit(
            cov_type="cluster",
            cov_kwds={"groups": pd.factorize(subjects[there])[0]},
            use_t=True,
        )
        (bounds,) = fit.conf_int(alpha=0.1).to_numpy()
        np.testing.assert_allclose([row.low, row.high], bounds)
        assert row.mean == pytest.approx(column.mean())


def test_one_subject_gives_no_interval():
    table = clustered_table(pd.DataFrame({"apex": [1.0, 2.0]}), ["a", "a"])
    assert table["mean"][0] == 1.5
    assert table[["low", "high"]].isna().all(axis=None)
    ratio, low, high = clustered_ratio([1, 2], [1, 1], ["a", "a"])
    assert ratio == 1.5
    assert np.isnan([low, high]).all()


def test_the_ratio_interval_holds_the_truth_as_often_as_it_says(rng):
    """400 samples of 15 subjects with two clips each; the truth is 2."""
    subjects = np.repeat(np.arange(15), 2)
    holds = 0
    for _ in range(400):
        own = rng.normal(0, 0.3, 15)[subjects]
        apex = 2 * np.exp(own + rng.normal(0, 0.2, 30))
        neutral = np.exp(0.5 * own + rng.normal(0, 0.2, 30))
        # Means of log-normal numbers: exp(variance / 2).
        truth = 2 * np.exp((0.13 - 0.0225 - 0.04) / 2)
        _, low, high = clustered_ratio(apex, neutral, subjects)
        holds += low < truth < high
    # 380 are expected; 95 % of counts are within 9 of that.
    assert 360 <= holds <= 397


def test_the_ratio_is_that_of_means_and_its_interval_is_reciprocal(rng):
    x, y = rng.uniform(1, 2, (2, 12))
    subjects = np.repeat(range(6), 2)
    ratio, low, high = clustered_ratio(x, y, subjects)
    assert ratio == pytest.approx(x.mean() / y.mean())
    assert low * high == pytest.approx(ratio**2)
    other, low_other, high_other = clustered_ratio(y, x, subjects)
    np.testing.assert_allclose(
        [1 / other, 1 / high_other, 1 / low_other], [ratio, low, high]
    )


def test_a_constant_ratio_has_no_width():
    ratio, low, high = clustered_ratio([2, 4, 6], [1, 2, 3], [*"abc"])
    np.testing.assert_allclose([ratio, low, high], 2)


def test_a_wider_confidence_is_a_wider_interval(rng):
    x, y = rng.uniform(1, 2, (2, 6))
    widths = [
        np.log(high / low) / scipy.stats.t.ppf((1 + confidence) / 2, 5)
        for confidence in (0.5, 0.99)
        for _, low, high in [clustered_ratio(x, y, range(6), confidence)]
    ]
    assert widths[0] == pytest.approx(widths[1])


def test_neutral_frames_without_weight_give_an_infinite_ratio():
    ratio, low, high = clustered_ratio([1, 2], [0, 0], ["a", "b"])
    assert ratio == np.inf
    assert np.isnan([low, high]).all()


def test_a_missing_number_is_refused():
    with pytest.raises(ValueError, match="1 not finite"):
        clustered_ratio([1, np.nan], [1, 1], ["a", "b"])
    with pytest.raises(ValueError, match="1 not finite"):
        clustered_ratio([1, 1], [1, np.nan], ["a", "b"])
    with pytest.raises(ValueError, match="1 clusters for 2 clips"):
        clustered_table(pd.DataFrame({"apex": [1.0, 2.0]}), ["a"])
