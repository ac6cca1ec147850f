"""Motion of a clip: the onset curve, exact phases, what depends on what."""

import numpy as np
import pytest

from fdin_tf.data.synthetic import motion

RECORDING = {"num_frames": 48, "size": 256, "frames_per_second": 25.0}
PLANTED = {"num_frames": 24, "size": 192, "frames_per_second": 25.0}


def smile(seed, spontaneity="spontaneous", age=40, gender="female"):
    rng = np.random.default_rng(seed)
    return motion.draw_smile(rng, spontaneity, age, gender, **RECORDING)


def planted(seed):
    return motion.draw_planted(np.random.default_rng(seed), **PLANTED)


def mean_over_clips(measure, count=60, **traits):
    return np.mean([measure(smile(seed, **traits)) for seed in range(count)])


def rise_length(clip):
    return (clip.phases.onset_end - clip.phases.onset_start).mean()


def reference_curve(t, start, end, leave, rest, peak, drift):
    """The module's equation for one region and one frame."""

    def step(s):
        s = min(max(s, 0.0), 1.0)
        return 10 * s**3 - 15 * s**4 + 6 * s**5

    value = peak * (
        step((t - start) / (end - start)) - step((t - leave) / (rest - leave))
    )
    if end < t < leave:
        turns = (t - end) / (leave - end)
        value *= 1 - drift * np.sin(2 * np.pi * turns) ** 2
    return value


def test_curves_equal_the_equation():
    rng = np.random.default_rng(0)
    borders = np.cumsum(rng.uniform(2, 12, (4, 9)), axis=0)
    peaks = rng.uniform(0.5, 1.2, 9)
    curves = motion.amplitude_curves(motion.Phases(*borders), peaks, 0.05, 48)
    for t in range(48):
        for r in range(9):
            expected = reference_curve(t, *borders[:, r], peaks[r], 0.05)
            assert curves[t, r] == pytest.approx(expected, abs=1e-12)


def test_smooth_step_starts_and_ends_without_speed_and_acceleration():
    s = np.array([-1, 0, 1e-4, 1 - 1e-4, 1, 2])
    np.testing.assert_allclose(
        motion.smooth_step(s), [0, 0, 0, 1, 1, 1], atol=1e-10
    )


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("spontaneity", ["spontaneous", "posed"])
def test_phases_are_exact(seed, spontaneity):
    clip = smile(seed, spontaneity, age=76)
    start, end, leave, rest = (
        clip.phases.onset_start,
        clip.phases.onset_end,
        clip.phases.offset_start,
        clip.phases.offset_end,
    )
    assert (start > 0).all()
    assert (start < end).all()
    assert (end < leave).all()
    assert (leave < rest).all()
    assert (rest < 48).all()
    for r, curve in enumerate(clip.amplitudes.T):
        t = np.arange(48)
        assert (curve[(t <= start[r]) | (t >= rest[r])] == 0).all()
        rising = curve[(t >= start[r]) & (t <= end[r])]
        falling = curve[(t >= leave[r]) & (t <= rest[r])]
        assert (np.diff(rising) > 0).all()
        assert (np.diff(falling) < 0).all()
        apex = curve[(t > end[r]) & (t < leave[r])]
        assert (apex >= 0.93 * clip.peaks[r]).all()
        assert (apex <= clip.peaks[r]).all()


def test_the_apex_is_never_flat():
    clip = smile(0, "posed", age=20)
    t = np.arange(48)[:, None]
    apex = (t > clip.phases.onset_end) & (t < clip.phases.offset_start)
    pairs = apex[1:] & apex[:-1]
    assert pairs.sum() > 50
    assert (np.diff(clip.amplitudes, axis=0)[pairs] != 0).all()


def test_borders_of_the_lip_corners_hold_both_corners():
    phases = planted(0).phases
    both = phases.lip_corners()
    assert both[0] == min(phases.onset_start[6], phases.onset_start[8])
    assert both[1] == max(phases.onset_end[6], phases.onset_end[8])


def test_lip_corners_lead_a_smile():
    for seed in range(5):
        onset = smile(seed).phases.onset_start
        assert onset[6] == onset[8] == onset.min()
        assert onset.max() <= onset.min() + 0.06 * 48


def test_posed_smiles_rise_faster():
    slow, fast = (
        mean_over_clips(rise_length, spontaneity=kind, age=20)
        for kind in ("spontaneous", "posed")
    )
    assert slow == pytest.approx(0.22 * 48, rel=0.05)
    assert fast == pytest.approx(0.13 * 48, rel=0.05)


def test_posed_smiles_leave_the_eyes_out_and_are_less_symmetric():
    def eyes(clip):
        return clip.peaks[[0, 2]].mean()

    def asymmetry(clip):
        return abs(clip.peaks[6] - clip.peaks[8])

    assert mean_over_clips(eyes, spontaneity="posed") < 0.5 * (
        mean_over_clips(eyes, spontaneity="spontaneous")
    )
    assert mean_over_clips(asymmetry, spontaneity="posed") > (
        mean_over_clips(asymmetry, spontaneity="spontaneous")
    )


def test_old_smiles_rise_half_as_fast_again():
    young, old = (mean_over_clips(rise_length, age=a) for a in (20, 76))
    assert old == pytest.approx(1.5 * young)


def test_women_smile_stronger():
    def strength(clip):
        return clip.peaks.mean()

    woman, man = (
        mean_over_clips(strength, gender=g) for g in ("female", "male")
    )
    assert 1.05 * man < woman < 1.11 * man


def test_planted_onsets_and_amplitudes_are_independent_between_regions():
    clips = [planted(seed) for seed in range(800)]
    for values in (
        [clip.phases.onset_start for clip in clips],
        [clip.peaks for clip in clips],
    ):
        correlation = np.corrcoef(np.array(values).T)
        assert np.abs(correlation - np.eye(9)).max() < 0.15


def test_planted_rises_fill_their_ranges_and_end_within_the_clip():
    clips = [planted(seed) for seed in range(200)]
    onset = np.array([clip.phases.onset_start for clip in clips])
    rise = np.array([clip.phases.onset_end for clip in clips]) - onset
    for values, low, high in ((onset, 5, 14), (rise, 3, 5)):
        assert low <= values.min() < low + 0.1
        assert high - 0.1 < values.max() <= high
    ends = np.array([clip.amplitudes[-1] / clip.peaks for clip in clips])
    assert (ends > 0.93).all()


def test_planted_ranges_stretch_with_the_clip():
    rng = np.random.default_rng(3)
    twice = motion.draw_planted(rng, **{**PLANTED, "num_frames": 48})
    np.testing.assert_allclose(
        twice.phases.onset_start, 2 * planted(3).phases.onset_start
    )


def test_head_motion_is_a_similarity_of_bounded_scale():
    for seed in range(20):
        turn = smile(seed).head[:, :, :2]
        scale = np.sqrt(np.linalg.det(turn))
        assert ((scale > 0.90) & (scale < 1.07)).all()
        square = turn @ turn.transpose(0, 2, 1)
        np.testing.assert_allclose(
            square, scale[:, None, None] ** 2 * np.eye(2), atol=1e-12
        )


def test_most_clips_hold_one_blink():
    blinks = np.array([smile(seed).blink for seed in range(200)])
    assert 0.6 < (blinks.max(axis=1) > 0.8).mean() < 0.8
    assert ((blinks > 0.5).sum(axis=1) <= 4).all()
