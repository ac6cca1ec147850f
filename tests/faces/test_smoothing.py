"""Smoothing and gap filling, against polynomials and planted jitter."""

import itertools

import numpy as np
import pytest

from fdin_tf.faces.smoothing import fill_short_gaps
from fdin_tf.faces.smoothing import runs
from fdin_tf.faces.smoothing import smooth_in_time


@pytest.mark.parametrize("rate", [10, 25, 50])
@pytest.mark.parametrize("length", [5, 6, 20, 61])
def test_uniform_motion_is_unchanged(rate, length):
    line = np.linspace(3, -40, length)[:, None, None] * np.ones((5, 2))
    np.testing.assert_allclose(smooth_in_time(line, rate, 0.5), line)


def test_accelerated_motion_is_unchanged_where_it_is_monotone():
    time = np.arange(30) / 25
    path = 2 + 3 * time + 4 * time**2
    np.testing.assert_allclose(smooth_in_time(path, 25, 0.36), path)


def test_every_window_is_a_least_squares_parabola():
    # The median is idle on monotone values; then each smoothed value is that
    # of a parabola fitted to the nine frames around it.
    values = np.cumsum(np.random.default_rng(seed=0).uniform(0.1, 1, 30))
    smooth = smooth_in_time(values, 25, 0.36)
    for frame in range(4, 26):
        window = np.arange(-4, 5)
        fit = np.polyfit(window, values[frame - 4 : frame + 5], 2)
        assert smooth[frame] == pytest.approx(fit[-1])


def test_a_single_outlier_is_taken_out():
    values = np.linspace(0, 1, 25)
    values[12] += 50
    np.testing.assert_allclose(
        smooth_in_time(values, 25, 0.36), np.linspace(0, 1, 25), atol=0.03
    )


def test_jitter_is_about_halved():
    noise = np.random.default_rng(seed=0).normal(size=(1000, 2))
    assert smooth_in_time(noise, 25, 0.36).std() < 0.55


def test_the_window_is_measured_in_seconds():
    noise = np.random.default_rng(seed=0).normal(size=1000)
    stds = [smooth_in_time(noise, rate, 0.36).std() for rate in (25, 50, 100)]
    assert stds[0] > 1.2 * stds[1] > 1.2 * 1.2 * stds[2]


@pytest.mark.parametrize(("length", "seconds"), [(4, 0.36), (1, 1), (30, 0)])
def test_what_is_too_short_is_returned_as_a_copy(length, seconds):
    values = np.random.default_rng(seed=0).normal(size=(length, 2))
    smooth = smooth_in_time(values, 25, seconds)
    np.testing.assert_array_equal(smooth, values)
    assert not np.shares_memory(smooth, values)


def test_runs_cover_everything_once():
    flags = np.random.default_rng(seed=0).integers(0, 3, 200)
    found = runs(flags)
    assert found[0][0] == 0
    assert found[-1][1] == 200
    for (start, stop), (after, _) in itertools.pairwise(found):
        assert stop == after
        assert len(set(flags[start:stop])) == 1
        assert flags[stop - 1] != flags[after]
    assert runs([]) == []


@pytest.fixture
def track():
    """Ten frames at uneven times, moving evenly; frames 3, 4 and 7 missing."""
    times = np.array([0, 1, 2, 3, 4.5, 5, 6, 6.5, 7, 8.0])
    values = np.stack([times, 10 - 2 * times], axis=-1)
    missing = [3, 4, 7]
    known = values.copy()
    known[missing] = np.nan
    return known, values, times


def test_a_short_gap_is_filled_linearly_in_time(track):
    known, values, times = track
    filled, where = fill_short_gaps(known, times, np.zeros(10), max_gap=3)
    np.testing.assert_allclose(filled, values)
    assert np.flatnonzero(where).tolist() == [3, 4, 7]


def test_a_long_gap_stays_open(track):
    known, _, times = track
    filled, where = fill_short_gaps(known, times, np.zeros(10), max_gap=2)
    assert np.flatnonzero(where).tolist() == [7]
    assert np.isnan(filled[3:5]).all()


def test_a_gap_between_two_pieces_stays_open(track):
    known, _, times = track
    pieces = np.array([0, 0, 0, -1, -1, 1, 1, -1, 1, 1])
    _, where = fill_short_gaps(known, times, pieces, max_gap=3)
    assert np.flatnonzero(where).tolist() == [7]


def test_nothing_is_invented_at_the_ends(track):
    known, _, times = track
    known[[0, 9]] = np.nan
    filled, _ = fill_short_gaps(known, times, np.zeros(10), max_gap=100)
    assert np.isnan(filled[[0, 9]]).all()
    assert not np.isnan(filled[1:9]).any()
