"""Dynamics of clips: which signals and phases, and what is no motion."""

import dataclasses

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
from fdin_tf.handcrafted.dynamics import feature_names
from tests.handcrafted.moving_faces import head_moved
from tests.handcrafted.moving_faces import mirrored
from tests.handcrafted.moving_faces import smiling_faces
from tests.handcrafted.moving_faces import view_of
from tests.handcrafted.test_dynamics import literal_measures

SIGNALS = {
    "displacement": displacement_signals,
    "deformation": deformation_signals,
    "gender": gender_signals,
}
SIZES = {"displacement": 3 * 75, "deformation": 3 * 75, "gender": 9 * 75}


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


def test_a_clip_with_a_frame_without_a_face_is_an_error():
    view = view_of(at_rest(3))
    landmarks = view.landmarks.copy()
    landmarks[1] = np.nan
    with pytest.raises(ValueError, match=r"no landmarks in frame 1"):
        dynamics_features(dataclasses.replace(view, landmarks=landmarks))
