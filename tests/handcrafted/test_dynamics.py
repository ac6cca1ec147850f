"""Dynamics: the 25 measures, what belongs to a phase, and what is constant."""

import dataclasses
import itertools
import statistics

import numpy as np
import pytest

from fdin_tf.data.synthetic.template import average_face
from fdin_tf.faces.phases import PHASES
from fdin_tf.faces.phases import Phases
from fdin_tf.faces.smoothing import smooth_4253h_twice
from fdin_tf.handcrafted.deformation import deformation_signals
from fdin_tf.handcrafted.displacement import displacement_signals
from fdin_tf.handcrafted.displacement import gender_signals
from fdin_tf.handcrafted.dynamics import MEASURES
from fdin_tf.handcrafted.dynamics import dynamics_features
from fdin_tf.handcrafted.dynamics import dynamics_measures
from fdin_tf.handcrafted.dynamics import feature_names
from tests.handcrafted.moving_faces import head_moved
from tests.handcrafted.moving_faces import mirrored
from tests.handcrafted.moving_faces import smiling_faces
from tests.handcrafted.moving_faces import view_of

SIGNALS = {
    "displacement": displacement_signals,
    "deformation": deformation_signals,
    "gender": gender_signals,
}
SIZES = {"displacement": 3 * 75, "deformation": 3 * 75, "gender": 9 * 75}


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


def closed_ranges(phases):
    """First and last frame between which a phase moves; None if empty."""
    onset, apex, offset = phases.onset, phases.apex, phases.offset
    return {
        "onset": (0, apex[0]) if onset[1] > onset[0] else None,
        "apex": (apex[0], apex[1] - 1),
        "offset": (apex[1] - 1, offset[1] - 1)
        if offset[1] > offset[0]
        else None,
    }


def at_rest(num_frames):
    return 100 * np.repeat(average_face()[None], num_frames, axis=0)


def reversed_phases(phases):
    count = len(phases.amplitude)

    def back(part):
        return count - part[1], count - part[0]

    return Phases(
        onset=back(phases.offset),
        apex=back(phases.apex),
        offset=back(phases.onset),
        onset_begins=count - 1 - phases.offset_ends,
        offset_ends=count - 1 - phases.onset_begins,
        amplitude=phases.amplitude[::-1],
        frames_per_second=phases.frames_per_second,
    )


@pytest.mark.parametrize("num_frames", [0, 1, 2, 3, 4, 7, 20, 61])
@pytest.mark.parametrize("has_sides", [True, False])
def test_measures_equal_the_published_table(num_frames, has_sides):
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


def scale_with_rate(name):
    """What twice the rate makes of a measure of the same frames."""
    if name in ("duration", "duration_plus", "duration_minus"):
        return 0.5
    if "acceleration" in name:
        return 4
    if "speed" in name or name == "net_amplitude_duration_ratio":
        return 2
    return 1


@pytest.mark.parametrize("kind", SIGNALS)
def test_twice_the_rate_is_twice_the_speed(kind):
    faces = smiling_faces()
    slow = dynamics_features(view_of(faces, 25.0), kind)
    fast = dynamics_features(view_of(faces, 50.0), kind)
    factors = [scale_with_rate(name) for name in MEASURES * (len(slow) // 25)]
    np.testing.assert_allclose(fast, slow * np.array(factors), rtol=1e-5)
    assert sorted(set(factors)) == [0.5, 1, 2, 4]


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


@pytest.mark.parametrize("kind", SIGNALS)
@pytest.mark.parametrize("smooth", [True, False])
def test_features_are_the_measures_of_every_signal_and_phase(kind, smooth):
    faces = smiling_faces(seed=2, num_frames=40)
    view = view_of(faces)
    expected = {}
    for name, sides in SIGNALS[kind](faces).items():
        courses = [sides.mean(axis=1), sides[:, 0], sides[:, 1]]
        if smooth:
            courses = [smooth_4253h_twice(course) for course in courses]
        for phase, (first, last) in closed_ranges(view.phases).items():
            parts = [course[first : last + 1].tolist() for course in courses]
            measures = literal_measures(*parts, 25.0)
            for measure, value in zip(MEASURES, measures):
                expected[f"{name}_{phase}_{measure}"] = value
    features = dynamics_features(view, kind, smooth)
    assert features.dtype == np.float32
    assert features.shape == (SIZES[kind],)
    assert feature_names(kind) == list(expected)
    np.testing.assert_allclose(
        features, list(expected.values()), rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("kind", SIGNALS)
def test_every_step_of_a_clip_counts_once(kind):
    faces = smiling_faces(num_frames=40)
    features = dynamics_features(view_of(faces), kind, smooth=False)
    totals = features.reshape(-1, 3, 25).sum(axis=1)
    net, duration = (
        totals[:, MEASURES.index(name)]
        for name in ("net_amplitude", "duration")
    )
    signals = [s.mean(axis=1) for s in SIGNALS[kind](faces).values()]
    np.testing.assert_allclose(
        net, [signal[-1] - signal[0] for signal in signals], atol=1e-4
    )
    np.testing.assert_allclose(duration, 39 / 25, rtol=1e-6)


@pytest.mark.parametrize("kind", SIGNALS)
@pytest.mark.parametrize("seed", range(2))
def test_the_motion_of_the_head_does_not_count(kind, seed):
    faces = smiling_faces(seed)
    phases = view_of(faces).phases
    np.testing.assert_allclose(
        dynamics_features(
            view_of(head_moved(faces, seed), phases=phases), kind
        ),
        dynamics_features(view_of(faces, phases=phases), kind),
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.parametrize("kind", SIGNALS)
def test_a_mirrored_face_moves_the_same(kind):
    faces = smiling_faces(seed=3)
    np.testing.assert_allclose(
        dynamics_features(view_of(mirrored(faces)), kind),
        dynamics_features(view_of(faces), kind),
        rtol=1e-4,
        atol=1e-5,
    )


def test_the_onset_of_a_clip_is_the_offset_of_the_reversed_one():
    faces = smiling_faces(num_frames=40)
    view = view_of(faces)
    back = reversed_phases(view.phases)
    forth = dynamics_features(view, "gender", smooth=False)
    back = dynamics_features(
        view_of(faces[::-1], phases=back), "gender", smooth=False
    )
    forth = dict(zip(feature_names("gender"), forth))
    back = dict(zip(feature_names("gender"), back))
    for name in ("eye_opening", "mouth_width"):
        for phase, reverse in zip(PHASES, PHASES[::-1]):
            for measure, other in (
                ("duration", "duration"),
                ("total_amplitude_plus", "total_amplitude_minus"),
                ("max_speed_minus", "max_speed_plus"),
                ("mean_acceleration_plus", "mean_acceleration_plus"),
            ):
                here = forth[f"{name}_{phase}_{measure}"]
                there = back[f"{name}_{reverse}_{other}"]
                assert here == pytest.approx(there, rel=1e-4)
    assert forth["mouth_width_onset_total_amplitude_plus"] > 0.1


def test_a_planted_smile_is_measured():
    faces = at_rest(40)
    width = faces[0, 54, 0] - faces[0, 48, 0]
    course = np.interp(range(40), [10, 15, 25, 35], [0, 0.2, 0.2, 0])
    faces[:, 48, 0] -= width * course
    faces[:, 54, 0] += width * course
    view = view_of(faces, 50.0)
    features = dict(zip(feature_names(), dynamics_features(view, smooth=False)))
    assert features["lips_onset_net_amplitude"] == pytest.approx(0.2)
    assert features["lips_onset_duration_plus"] == pytest.approx(0.1)
    assert features["lips_onset_max_speed_plus"] == pytest.approx(2, rel=1e-4)
    assert features["lips_offset_net_amplitude"] == pytest.approx(-0.2)
    assert features["lips_offset_max_speed_minus"] == pytest.approx(1, rel=1e-4)
    assert features["lips_apex_duration"] == pytest.approx(0.2)
    assert features["lips_apex_max_amplitude"] == pytest.approx(0.7)
    assert features["eyelids_onset_total_amplitude_plus"] == 0


@pytest.mark.parametrize("kind", SIGNALS)
@pytest.mark.parametrize("num_frames", [1, 2, 20])
def test_a_clip_without_onset_and_offset_has_measures_of_the_apex(
    kind, num_frames
):
    view = view_of(at_rest(num_frames))
    assert not view.phases.is_complete
    features = dynamics_features(view, kind).reshape(-1, 3, 25)
    assert np.isfinite(features).all()
    np.testing.assert_array_equal(features[:, [0, 2]], 0)
    duration = features[:, 1, MEASURES.index("duration")]
    np.testing.assert_allclose(duration, (num_frames - 1) / 25, rtol=1e-6)


@pytest.mark.parametrize(("steps", "empty"), [(1, "offset"), (-1, "onset")])
def test_a_phase_without_frames_measures_nothing(steps, empty):
    faces = at_rest(20)
    course = 3 * np.interp(range(20), [5, 12], [0, 1])[:: int(steps)]
    faces[:, 54, 0] += course
    view = view_of(faces)
    names = [n for n in PHASES if not view.phases.mask(n).any()]
    assert names == [empty]
    features = dynamics_features(view).reshape(3, 3, 25)
    still = PHASES.index(empty)
    np.testing.assert_array_equal(features[:, still], 0)
    lips = features[2, 2 - still]
    assert lips[MEASURES.index("net_amplitude")] * steps > 0.01


def test_names_are_of_25_measures_in_three_phases():
    assert len(MEASURES) == 25
    for kind, size in SIZES.items():
        names = feature_names(kind)
        assert len(set(names)) == size
    assert feature_names()[:2] == [
        "eyelids_onset_duration_plus",
        "eyelids_onset_duration_minus",
    ]
    assert feature_names("deformation")[-1] == (
        "lips_offset_left_right_amplitude_difference"
    )


@pytest.mark.parametrize(
    "use", [feature_names, lambda kind: dynamics_features(None, kind)]
)
def test_an_unknown_kind_is_an_error(use):
    with pytest.raises(
        ValueError,
        match=r"displacement, deformation, gender\. Received: kind='lip'",
    ):
        use("lip")


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


def test_a_clip_with_a_frame_without_a_face_is_an_error():
    view = view_of(at_rest(3))
    landmarks = view.landmarks.copy()
    landmarks[1] = np.nan
    with pytest.raises(ValueError, match=r"no landmarks in frame 1"):
        dynamics_features(dataclasses.replace(view, landmarks=landmarks))
