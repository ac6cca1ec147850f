"""Phases: the lip amplitude, planted borders, and what is no whole smile."""

import itertools

import numpy as np
import pytest

from fdin_tf.data.synthetic import deformation
from fdin_tf.data.synthetic.identity import draw_identity
from fdin_tf.data.synthetic.motion import draw_smile
from fdin_tf.data.synthetic.template import average_face
from fdin_tf.faces.phases import find_phases
from fdin_tf.faces.phases import lip_amplitude
from fdin_tf.faces.smoothing import smooth_4253h_twice


def faces_of(amplitude):
    """Faces whose lip corners part so that D(t) is this amplitude."""
    faces = np.repeat(average_face()[None], len(amplitude), axis=0)
    width = faces[0, 54, 0] - faces[0, 48, 0]
    part = width * (np.asarray(amplitude) - 0.5)
    faces[:, 48, 0] -= part
    faces[:, 54, 0] += part
    return 100 * faces + 200


def moved(faces, rng):
    """The same faces, every frame at another place, angle and size."""
    turn = np.exp(1j * rng.uniform(-0.5, 0.5, (len(faces), 1)))
    turn *= rng.uniform(0.5, 2, (len(faces), 1))
    place = turn * (faces @ [1, 1j]) + rng.normal(0, 9, (len(faces), 1))
    return np.stack([place.real, place.imag], axis=-1)


def drawn_smiles(count):
    """Landmarks of smiles, and the borders that were planted in them."""
    for seed in range(count):
        rng = np.random.default_rng(seed)
        age, gender = rng.integers(8, 77), ("female", "male")[seed % 2]
        motion = draw_smile(
            rng,
            ("posed", "spontaneous")[seed // 2 % 2],
            age,
            gender,
            num_frames=48,
            size=256,
            frames_per_second=25,
        )
        faces = deformation.landmarks(
            draw_identity(rng, age, gender).landmarks,
            motion.amplitudes,
            motion.blink,
        )
        upright = 256 * (0.232 * faces + [0.5, 0.44])
        turn, shift = motion.head[:, :, :2], motion.head[:, None, :, 2]
        yield upright @ turn.mT + shift, motion.phases.lip_corners()


def smile(*steps):
    """Amplitude of a resting mouth that goes along these steps."""
    return 0.5 + np.concatenate([[0.0], np.cumsum(steps)])


REST, RISE, FALL = [0.0] * 8, [0.05] * 6, [-0.05] * 6
WHOLE = [*REST, *RISE, *REST, *FALL, *REST]


def test_the_amplitude_equals_its_equation():
    rng = np.random.default_rng(seed=0)
    faces = 100 * (average_face() + rng.normal(0, 0.01, (5, 68, 2)))
    expected, reference = [], None
    for face in moved(faces, rng):
        eyes = [face[[36, 39]].mean(axis=0), face[[42, 45]].mean(axis=0)]
        along = (eyes[1] - eyes[0]) / np.linalg.norm(eyes[1] - eyes[0])
        down = np.array([-along[1], along[0]])
        left, right = (
            np.array([along @ (face[k] - eyes[0]), down @ (face[k] - eyes[0])])
            / np.linalg.norm(eyes[1] - eyes[0])
            for k in (48, 54)
        )
        if reference is None:
            reference = (left + right) / 2, np.linalg.norm(right - left)
        centre, width = reference
        distances = [
            np.linalg.norm(corner - centre) for corner in (left, right)
        ]
        expected.append(sum(distances) / (2 * width))
    rng = np.random.default_rng(seed=0)
    rng.normal(0, 0.01, (5, 68, 2))
    np.testing.assert_allclose(lip_amplitude(moved(faces, rng)), expected)
    assert expected[0] == pytest.approx(0.5)


def test_the_motion_of_the_head_does_not_count():
    amplitude = smile(*WHOLE)
    faces = moved(faces_of(amplitude), np.random.default_rng(seed=0))
    np.testing.assert_allclose(lip_amplitude(faces), amplitude)


def test_frames_without_a_face_have_no_amplitude():
    amplitude = smile(*WHOLE)
    faces = faces_of(amplitude)
    faces[[4, 20]] = np.nan
    amplitude[[4, 20]] = np.nan
    np.testing.assert_allclose(lip_amplitude(faces), amplitude)


def test_the_first_face_is_the_reference_where_the_first_frame_has_none():
    faces = faces_of(smile(*WHOLE))
    faces[:3] = np.nan
    np.testing.assert_allclose(
        lip_amplitude(faces)[3:], lip_amplitude(faces[3:])
    )


@pytest.mark.parametrize(
    ("jitter", "median", "most"),
    [
        # Begin of the rise, its end, begin of the fall, its end; in frames.
        (0.0, [0.8, 0.6, 0.5, 0.7], [2, 2, 2, 2]),
        (0.005, [1.4, 0.9, 0.8, 1.2], [6, 3, 3, 5]),
    ],
)
def test_the_planted_borders_are_found(jitter, median, most):
    rng = np.random.default_rng(seed=0)
    errors = []
    for faces, planted in drawn_smiles(60):
        eye_distance = np.linalg.norm(faces[0, 45] - faces[0, 36]) / 1.46
        noise = rng.normal(0, jitter * eye_distance, faces.shape)
        found = find_phases(faces + noise)
        assert found.is_complete
        first, last = found.apex[0], found.apex[1] - 1
        errors.append(
            [found.onset_begins, first, last, found.offset_ends] - planted
        )
    errors = np.abs(errors)
    assert (np.median(errors, axis=0) < median).all()
    assert (np.quantile(errors, 0.9, axis=0) < most).all()


def literal_borders(amplitude):
    """Of all strictly monotone stretches the highest, pair by pair."""
    least = 0.1 * (max(amplitude) - min(amplitude))

    def steepest(values, first):
        best, found = least, None
        for a, b in itertools.combinations(range(first, len(values)), 2):
            climbs = all(values[t + 1] - values[t] > 1e-5 for t in range(a, b))
            if climbs and values[b] - values[a] > best:
                best, found = values[b] - values[a], (a, b)
        return found

    rise = steepest(amplitude, 0)
    return rise, steepest(-amplitude, rise[1] if rise else 0)


@pytest.mark.parametrize("seed", range(12))
def test_the_rise_and_the_fall_are_the_longest_of_all(seed):
    rng = np.random.default_rng(seed)
    amplitude = smile(*rng.normal(0, 0.02, rng.integers(3, 30)))
    phases = find_phases(faces_of(amplitude))
    smooth = smooth_4253h_twice(amplitude)
    np.testing.assert_allclose(phases.amplitude, smooth)
    rise, fall = literal_borders(smooth)
    start, top = rise or (-1, 0)
    leave, rest = fall or (len(smooth) - 1, len(smooth))
    assert phases.onset == (0, top)
    assert phases.apex == (top, leave + 1)
    assert phases.offset == (leave + 1, len(smooth))
    assert phases.onset_begins == start + 1
    assert phases.offset_ends == rest - 1
    assert phases.is_complete == (rise is not None and fall is not None)


def test_lead_in_and_lead_out_are_neutral():
    phases = find_phases(faces_of(smile(*WHOLE)))
    moving = np.flatnonzero(~phases.neutral)
    np.testing.assert_array_equal(
        moving, np.arange(phases.onset_begins, phases.offset_ends + 1)
    )
    # The mouth moves in the frames 9 to 27, smoothed from 7 to 29.
    assert 7 <= phases.onset_begins <= 9
    assert 27 <= phases.offset_ends <= 29
    resting = phases.amplitude[phases.neutral]
    np.testing.assert_allclose(resting, 0.5, atol=0.001)


def covers(phases, num_frames):
    """The three ranges, one after the other, hold every frame once."""
    ranges = (phases.onset, phases.apex, phases.offset)
    frames = [t for start, stop in ranges for t in range(start, stop)]
    return frames == list(range(num_frames))


@pytest.mark.parametrize(
    ("steps", "empty"),
    [
        ([*REST, *RISE, *REST], ["offset"]),
        ([*REST, *FALL, *REST], ["onset"]),
        ([*RISE], ["offset"]),
        ([*FALL], ["onset"]),
        ([*FALL, *REST, *RISE], ["offset"]),
        ([*REST, *REST], ["onset", "offset"]),
        ([0.05], ["offset"]),
        ([], ["onset", "offset"]),
        (WHOLE, []),
        ([*RISE, *FALL], []),
        ([0.05, -0.05], []),
    ],
)
def test_every_clip_has_an_apex_and_its_frames_once(steps, empty):
    amplitude = smile(*steps)
    phases = find_phases(faces_of(amplitude))
    assert covers(phases, len(amplitude))
    names = ("onset", "apex", "offset")
    assert [n for n in names if not phases.mask(n).any()] == empty
    assert phases.is_complete == (not empty)
    if "onset" in empty:
        assert phases.onset_begins == 0
    if "offset" in empty:
        assert phases.offset_ends == len(amplitude) - 1


def test_where_rise_and_fall_meet_one_frame_is_the_apex():
    phases = find_phases(faces_of(smile(0.05, 0.05, -0.05, -0.05)))
    assert (phases.onset, phases.apex, phases.offset) == (
        (0, 2),
        (2, 3),
        (3, 5),
    )


def test_too_short_a_clip_is_cut_as_it_is():
    amplitude = smile(0.05, 0.05, -0.05, -0.05)
    np.testing.assert_allclose(
        find_phases(faces_of(amplitude)).amplitude, amplitude
    )


def test_a_stronger_fall_before_the_rise_does_not_count():
    steps = [*REST, *2 * FALL, *REST, *RISE, *REST, *FALL[:3], *REST]
    phases = find_phases(faces_of(0.6 + smile(*steps)))
    assert phases.onset[1] == pytest.approx(34, abs=2)
    assert phases.offset[0] == pytest.approx(43, abs=2)


def test_of_equal_rises_the_first_counts():
    amplitude = smile(0.25, 0, -0.25, 0.25, -0.25)
    assert find_phases(faces_of(amplitude)).onset == (0, 1)


def test_a_level_apex_is_no_fall():
    # Rounding alone moves a level apex; the fall is the one that is seen.
    faces = moved(faces_of(smile(*WHOLE)), np.random.default_rng(seed=0))
    phases = find_phases(np.float32(faces))
    assert phases.apex[0] == pytest.approx(14, abs=2)
    assert phases.apex[1] == pytest.approx(23, abs=2)


def test_missing_faces_within_a_clip_are_bridged():
    faces = faces_of(smile(*WHOLE))
    whole = find_phases(faces)
    faces[[10, 11, 17, 18, 19, 25]] = np.nan
    phases = find_phases(faces)
    assert covers(phases, len(faces))
    assert phases.apex == whole.apex
    assert np.isfinite(phases.amplitude).all()


def test_missing_faces_at_the_ends_do_not_move():
    faces = faces_of(smile(*WHOLE))
    whole = find_phases(faces)
    faces[:5] = faces[-5:] = np.nan
    phases = find_phases(faces)
    assert covers(phases, len(faces))
    np.testing.assert_allclose(phases.amplitude, whole.amplitude)
    assert phases.neutral[:5].all()
    assert phases.neutral[-5:].all()


def test_masks_join_phases():
    phases = find_phases(faces_of(smile(*WHOLE)))
    onset, apex, offset = map(phases.mask, ("onset", "apex", "offset"))
    assert np.flatnonzero(apex).tolist() == list(range(*phases.apex))
    np.testing.assert_array_equal(phases.mask(("onset", "apex")), onset | apex)
    np.testing.assert_array_equal(phases.mask(["offset"]), offset)
    assert phases.mask(("onset", "apex", "offset")).all()
    assert not phases.mask(()).any()


def test_lengths_in_seconds_follow_the_rate():
    phases = find_phases(faces_of(smile(*WHOLE)), frames_per_second=50)
    for name, seconds in phases.seconds.items():
        assert seconds == pytest.approx(phases.mask(name).sum() / 50)
    assert sum(phases.seconds.values()) == pytest.approx(37 / 50)


def test_an_unknown_phase_is_an_error():
    phases = find_phases(faces_of(smile(*WHOLE)))
    with pytest.raises(
        ValueError, match=r"one of onset, apex, offset\. Received: 'Apex'"
    ):
        phases.mask(["onset", "Apex"])


def test_seconds_without_a_rate_are_an_error():
    with pytest.raises(ValueError, match=r"frames_per_second=None"):
        find_phases(faces_of(smile(*WHOLE))).seconds  # noqa: B018


@pytest.mark.parametrize("rate", [0, -25, np.nan])
def test_an_impossible_rate_is_an_error(rate):
    with pytest.raises(ValueError, match=r"positive or None.*per_second="):
        find_phases(faces_of(smile(*WHOLE)), frames_per_second=rate)


def test_a_clip_without_a_face_is_an_error():
    with pytest.raises(ValueError, match=r"one face.*: 9 frames without"):
        find_phases(np.full((9, 68, 2), np.nan))


def test_a_mouth_without_width_is_an_error():
    faces = faces_of(smile(*WHOLE))
    faces[0] = np.nan
    faces[1, 48] = faces[1, 54]
    with pytest.raises(ValueError, match=r"two different places.*frame 1"):
        find_phases(faces)


def test_five_points_are_an_error():
    with pytest.raises(ValueError, match=r"\(frames, 68, 2\).*\(9, 5, 2\)"):
        lip_amplitude(np.zeros((9, 5, 2)))


def test_a_smoothed_amplitude_is_cut_as_it_is():
    amplitude = np.interp(range(12), [2, 6, 7, 10], [0, 1, 1, 0])
    faces = faces_of(amplitude + 0.5)
    phases = find_phases(faces, smooth=False)
    np.testing.assert_allclose(phases.amplitude, lip_amplitude(faces))
    assert (phases.onset_begins, phases.apex) == (3, (6, 8))
    assert phases.offset_ends == 9
