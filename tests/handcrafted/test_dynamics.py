"""The 25 measures: their table, what reverses, scales, and stands still."""

import itertools
import statistics

import numpy as np
import pytest

from fdin_tf.handcrafted.dynamics import MEASURES
from fdin_tf.handcrafted.dynamics import dynamics_measures


def named(measures):
    return dict(zip(MEASURES, np.asarray(measures).tolist(), strict=True))


def literal_measures(amplitude, left, right, rate):
    """The table, entry by entry, one frame at a time."""
    if len(amplitude) == 0:
        return [0] * 25
    up, down, speeds, faster, slower = [], [], [], [], []
    for now, after in itertools.pairwise(amplitude):
        step = after - now
        speeds.append(step * rate)
        if step > 1e-5:
            up.append(step)
        elif step < -1e-5:
            down.append(abs(step))
    for now, after in itertools.pairwise(speeds):
        acceleration = (after - now) * rate
        if acceleration > 1e-5 * rate**2:
            faster.append(acceleration)
        elif acceleration < -1e-5 * rate**2:
            slower.append(abs(acceleration))
    speeds_up = [step * rate for step in up]
    speeds_down = [step * rate for step in down]

    def mean(values):
        return sum(values) / len(values) if values else 0

    def share(part, whole):
        return part / whole if whole > 0 else 0

    sides = sum(left) - sum(right) if left is not None else 0
    net = sum(up) - sum(down)
    return [
        len(up) / rate,
        len(down) / rate,
        len(speeds) / rate,
        share(len(up), len(speeds)),
        share(len(down), len(speeds)),
        max(amplitude),
        mean(amplitude),
        mean(up),
        mean(down),
        statistics.pstdev(amplitude),
        sum(up),
        sum(down),
        net,
        share(sum(up), sum(up) + sum(down)),
        share(sum(down), sum(up) + sum(down)),
        max(speeds_up, default=0),
        max(speeds_down, default=0),
        mean(speeds_up),
        mean(speeds_down),
        max(faster, default=0),
        max(slower, default=0),
        mean(faster),
        mean(slower),
        net * rate / len(speeds) if speeds else 0,
        abs(sides) / len(amplitude),
    ]


def random_course(rng, num_frames):
    """A random walk that now and then stays where it is."""
    steps = rng.normal(size=num_frames) * (rng.random(num_frames) < 0.7)
    return (rng.normal() + np.cumsum(steps)).tolist()


@pytest.mark.parametrize("num_frames", [0, 1, 2, 3, 4, 7, 20, 61])
@pytest.mark.parametrize("has_sides", [True, False])
def test_measures_equal_their_definitions_step_by_step(num_frames, has_sides):
    rng = np.random.default_rng(num_frames)
    for rate in (12.5, 25, 50):
        amplitude, left, right = (
            random_course(rng, num_frames) for _ in range(3)
        )
        if not has_sides:
            left = right = None
        measures = dynamics_measures(
            amplitude, left, right, frames_per_second=rate
        )
        assert measures.shape == (len(MEASURES),)
        np.testing.assert_allclose(
            measures,
            literal_measures(amplitude, left, right, rate),
            rtol=1e-6,
            atol=1e-9,
        )


def test_measures_of_a_small_motion_are_as_counted_by_hand():
    measures = dynamics_measures(
        [0.5, 0.6, 0.9, 0.9, 0.7],
        left=[0.5, 0.6, 0.9, 0.9, 0.7],
        right=[0.5, 0.5, 0.5, 0.5, 0.6],
        frames_per_second=10,
    )
    expected = {
        "duration_plus": 0.2,
        "duration_minus": 0.1,
        "duration": 0.4,
        "duration_ratio_plus": 0.5,
        "duration_ratio_minus": 0.25,
        "max_amplitude": 0.9,
        "mean_amplitude": 0.72,
        "mean_amplitude_plus": 0.2,
        "mean_amplitude_minus": 0.2,
        "std_amplitude": 0.16,
        "total_amplitude_plus": 0.4,
        "total_amplitude_minus": 0.2,
        "net_amplitude": 0.2,
        "amplitude_ratio_plus": 2 / 3,
        "amplitude_ratio_minus": 1 / 3,
        "max_speed_plus": 3,
        "max_speed_minus": 2,
        "mean_speed_plus": 2,
        "mean_speed_minus": 2,
        "max_acceleration_plus": 20,
        "max_acceleration_minus": 30,
        "mean_acceleration_plus": 20,
        "mean_acceleration_minus": 25,
        "net_amplitude_duration_ratio": 0.5,
        "left_right_amplitude_difference": 0.2,
    }
    assert named(measures) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(4))
def test_reversed_time_exchanges_plus_and_minus(seed):
    rng = np.random.default_rng(seed)
    courses = np.array([random_course(rng, 17) for _ in range(3)])
    forth = named(dynamics_measures(*courses, frames_per_second=25))
    back = named(dynamics_measures(*courses[:, ::-1], frames_per_second=25))
    expected = {}
    for name in MEASURES:
        source = name
        if "acceleration" not in name:  # a second derivative has no direction
            if name.endswith("_plus"):
                source = name.replace("_plus", "_minus")
            elif name.endswith("_minus"):
                source = name.replace("_minus", "_plus")
        sign = -1 if name.startswith("net_") else 1
        expected[name] = sign * forth[source]
    assert back == pytest.approx(expected)
    assert forth != pytest.approx(expected)


def test_a_larger_motion_has_the_same_times_and_shares():
    amplitude = np.array(random_course(np.random.default_rng(0), 30))
    once = named(dynamics_measures(amplitude, frames_per_second=25))
    twice = named(dynamics_measures(2 * amplitude, frames_per_second=25))
    for name in MEASURES:
        same = name.startswith(("duration", "amplitude_ratio"))
        assert twice[name] == pytest.approx((1 if same else 2) * once[name])


def test_where_a_motion_begins_shows_in_its_size_alone():
    amplitude = np.array(random_course(np.random.default_rng(0), 30))
    low = named(dynamics_measures(amplitude, frames_per_second=25))
    high = named(dynamics_measures(amplitude + 3, frames_per_second=25))
    for name in ("max_amplitude", "mean_amplitude"):
        assert high.pop(name) == pytest.approx(low.pop(name) + 3)
    assert high == pytest.approx(low)


def test_no_frames_measure_nothing():
    measures = dynamics_measures([], [], [], frames_per_second=25)
    np.testing.assert_array_equal(measures, np.zeros(25))


@pytest.mark.parametrize("num_frames", [1, 9])
def test_a_still_region_has_a_size_and_a_difference_but_no_motion(num_frames):
    still = np.full(num_frames, 0.5)
    measures = named(
        dynamics_measures(
            still, still + 0.25, still - 0.25, frames_per_second=25
        )
    )
    assert measures.pop("max_amplitude") == 0.5
    assert measures.pop("mean_amplitude") == 0.5
    assert measures.pop("left_right_amplitude_difference") == 0.5
    assert measures.pop("duration") == (num_frames - 1) / 25
    assert set(measures.values()) == {0}


def test_rounding_is_no_motion():
    rng = np.random.default_rng(0)
    exact = np.repeat([0.5, 0.6, 0.6, 0.7, 0.5], 4)
    rounded = exact + rng.uniform(-2e-6, 2e-6, len(exact))
    np.testing.assert_allclose(
        dynamics_measures(rounded, frames_per_second=25),
        dynamics_measures(exact, frames_per_second=25),
        rtol=1e-3,
        atol=1e-4,
    )


@pytest.mark.parametrize("rate", [0, -25, np.nan])
def test_an_impossible_rate_is_an_error(rate):
    with pytest.raises(ValueError, match=r"must be positive.*per_second="):
        dynamics_measures([0.5, 0.6], frames_per_second=rate)


@pytest.mark.parametrize(
    ("sides", "missing"),
    [({"left": [1, 2]}, "right"), ({"right": [1, 2]}, "left")],
)
def test_one_side_alone_is_an_error(sides, missing):
    with pytest.raises(ValueError, match=f"both sides.*: {missing}=None"):
        dynamics_measures([1, 2], **sides, frames_per_second=25)


@pytest.mark.parametrize(
    ("courses", "shapes"),
    [
        ([[1, 2], [1, 2], [1]], r"\(2,\), \(2,\), \(1,\)"),
        ([[[1, 2]]], r"\(1, 2\)"),
    ],
)
def test_amplitudes_of_other_shapes_are_an_error(courses, shapes):
    with pytest.raises(ValueError, match=f"one value per frame.*{shapes}"):
        dynamics_measures(*courses, frames_per_second=25)


def test_an_unknown_amplitude_is_an_error():
    with pytest.raises(ValueError, match=r"finite\. Received: nan in frame 1"):
        dynamics_measures([0.5, np.nan], frames_per_second=25)
