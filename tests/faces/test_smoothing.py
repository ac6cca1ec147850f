"""Smoothing and gap filling, against polynomials and planted jitter."""

import itertools
from statistics import median

import numpy as np
import pytest

from fdin_tf.faces.smoothing import fill_short_gaps
from fdin_tf.faces.smoothing import runs
from fdin_tf.faces.smoothing import smooth_4253h_twice
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


# The example of the NAG Library, g10cac: data and result.
NAG_DATA = """
569 416 422 565 484 520 573 518 501 505 468 382 310 334 359 372 439 446 349
395 461 511 583 590 620 578 534 631 600 438 516 534 467 457 392 467 500 493
410 412 416 403 422 459 467 512 534 552 545
"""
NAG_SMOOTH = """
491.375 491.375 491.375 498.8828 514.9375 524.6602 525.0352 521.1602 512.5742
493.168 449.7422 391.6133 353.4297 343.8438 355.1602 382.793 405.5469 411.8633
411.5586 420.9375 456.125 513.8516 565.2422 589.4688 594.7188 594.5625 591.8125
583.8438 569.0312 546.3438 517.2578 489.6445 471.2383 463.4844 464.1875
468.4688 470.6094 462.2617 438.5703 416.1094 408.8711 412.1836 424.875 448.1445
478.7578 510.0234 534.125 547.0 550.9375
"""


def nag(text):
    return np.array(text.split(), "float64")


def literal_4253h(y, end_rule_last=False):
    """Velleman's steps, one value at a time."""
    n = len(y)
    z = {0: y[0], 1: (y[0] + y[1]) / 2}
    z |= {i: median(y[i - 2 : i + 2]) for i in range(2, n - 1)}
    z |= {n - 1: (y[n - 2] + y[n - 1]) / 2, n: y[n - 1]}
    y = [y[0], *((z[i] + z[i + 1]) / 2 for i in range(1, n - 1)), y[-1]]
    y = [
        y[0],
        median(y[:3]),
        *(median(y[i - 2 : i + 3]) for i in range(2, n - 2)),
        median(y[-3:]),
        y[-1],
    ]
    y = [y[0], *(median(y[i - 1 : i + 2]) for i in range(1, n - 1)), y[-1]]

    def ends(y):
        first = median([y[0], y[1], 3 * y[1] - 2 * y[2]])
        last = median([y[-1], y[-2], 3 * y[-2] - 2 * y[-3]])
        return [first, *y[1:-1], last]

    def hanning(y):
        inner = [
            0.25 * y[i - 1] + 0.5 * y[i] + 0.25 * y[i + 1]
            for i in range(1, n - 1)
        ]
        return [y[0], *inner, y[-1]]

    return np.array(ends(hanning(y)) if end_rule_last else hanning(ends(y)))


def literal_4253h_twice(y, **order):
    smooth = literal_4253h(list(y), **order)
    return smooth + literal_4253h(list(y - smooth), **order)


def test_4253h_twice_gives_the_published_example():
    smooth = smooth_4253h_twice(nag(NAG_DATA))
    np.testing.assert_allclose(smooth, nag(NAG_SMOOTH), atol=1e-3)


def test_the_ends_come_before_the_means():
    # The other order gives other ends, and is not what is published.
    wrong = literal_4253h_twice(nag(NAG_DATA), end_rule_last=True)
    np.testing.assert_allclose(wrong[:3], [556.3, 492.9, 461.3], atol=0.05)
    smooth = smooth_4253h_twice(nag(NAG_DATA))
    assert np.abs(smooth[:3] - wrong[:3]).max() > 50


@pytest.mark.parametrize("length", [7, 8, 9, 30, 101])
def test_4253h_twice_equals_its_steps_in_every_coordinate(length):
    values = np.random.default_rng(seed=length).normal(size=(length, 3, 2))
    smooth = smooth_4253h_twice(values)
    assert smooth.shape == values.shape
    for point, axis in itertools.product(range(3), range(2)):
        np.testing.assert_allclose(
            smooth[:, point, axis],
            literal_4253h_twice(values[:, point, axis]),
            atol=1e-12,
        )


@pytest.mark.parametrize("slope", [0, 0.7, -3])
@pytest.mark.parametrize("length", [7, 40])
def test_4253h_twice_leaves_straight_lines(length, slope):
    line = 5 + slope * np.arange(length)
    np.testing.assert_allclose(smooth_4253h_twice(line), line)


@pytest.mark.parametrize("factor", [2.5, -1])
def test_4253h_twice_goes_along_with_scale_and_place(factor):
    values = np.random.default_rng(seed=0).normal(size=(60, 2))
    np.testing.assert_allclose(
        smooth_4253h_twice(factor * values + 7),
        factor * smooth_4253h_twice(values) + 7,
    )


def test_4253h_twice_does_not_see_how_far_one_frame_stands_apart():
    near, far = np.sin(np.arange(40) / 5) + np.zeros((2, 40))
    near[17], far[17] = 1e2, 1e6
    np.testing.assert_allclose(
        smooth_4253h_twice(near), smooth_4253h_twice(far), atol=1e-9
    )


@pytest.mark.parametrize("length", [1, 6])
def test_4253h_twice_returns_what_is_too_short_as_a_copy(length):
    values = np.random.default_rng(seed=0).normal(size=(length, 2))
    smooth = smooth_4253h_twice(values)
    np.testing.assert_array_equal(smooth, values)
    assert not np.shares_memory(smooth, values)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("length", [5, 20])
def test_4253h_twice_refuses_what_is_not_finite(value, length):
    values = np.zeros((length, 2))
    values[3, 1] = value
    with pytest.raises(ValueError, match=rf"finite.*values\[3, 1\]={value}"):
        smooth_4253h_twice(values)


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
