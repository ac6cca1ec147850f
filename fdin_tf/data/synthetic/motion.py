"""What happens in one clip: nine onset curves, blinks, head and light.

Region r follows, with the smooth step J(s) = s^3 (10 - 15 s + 6 s^2) of
minimum jerk, for a rise from s_r to e_r and a fall from o_r to f_r,

    a_r(t) = A_r (J((t - s_r) / (e_r - s_r)) - J((t - o_r) / (f_r - o_r)))
                 (1 - d sin^2(2 pi (t - e_r) / (o_r - e_r)))    in the apex,

so that the phases' borders are exact: nothing moves before s_r and after f_r.
The last factor, which is 1 outside the apex, lets the apex drift, but makes
e_r and o_r strict local maxima.
"""

import dataclasses

import numpy as np

from fdin_tf.data.synthetic import template
from fdin_tf.data.synthetic.identity import senescence

_NUM_REGIONS = len(template.REGIONS)
_LIP_CORNERS = [
    template.REGIONS.index("left_mouth"),
    template.REGIONS.index("right_mouth"),
]

_SMILES = {
    "spontaneous": {
        "amplitudes": (0.7, 0.35, 0.7, 0.8, 0.3, 0.8, 0.9, 0.8, 0.9),
        "rise": 0.22,
        "fall": 0.20,
        "lag": 0.06,
        "asymmetry": 0.05,
    },
    "posed": {
        "amplitudes": (0.2, 0.15, 0.2, 0.55, 0.15, 0.55, 1.0, 0.7, 1.0),
        "rise": 0.13,
        "fall": 0.14,
        "lag": 0.024,
        "asymmetry": 0.13,
    },
}
_LARGEST_AMPLITUDE = 1.2  # beyond, the skin would fold
_BLINK_SECONDS = 0.05  # one standard deviation of the closure in time

# The planted clips are laid out on 24 frames and stretched to others.
_PLANTED_FRAMES = 24
_PLANTED_ONSET = (5.0, 14.0)
_PLANTED_RISE = (3.0, 5.0)


@dataclasses.dataclass(frozen=True, eq=False)
class Phases:
    """Frame numbers at which each region's phases begin and end.

    All are arrays of shape `(regions,)`, in frames, with fractions. A border
    that is not before the last frame lies outside of the clip.
    """

    onset_start: np.ndarray
    onset_end: np.ndarray
    offset_start: np.ndarray
    offset_end: np.ndarray

    def lip_corners(self):
        """The same four borders for both lip corners together.

        From the first corner that moves to the last one that arrives.
        """
        return np.array(
            [
                self.onset_start[_LIP_CORNERS].min(),
                self.onset_end[_LIP_CORNERS].max(),
                self.offset_start[_LIP_CORNERS].min(),
                self.offset_end[_LIP_CORNERS].max(),
            ]
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Motion:
    """Everything that changes during one clip.

    Attributes:
        phases: `Phases` of the nine regions.
        peaks: A_r, shape `(regions,)`.
        amplitudes: a_r(t), shape `(frames, regions)`.
        blink: Closure of the eyes, 0..1, shape `(frames,)`.
        head: Similarities from the upright to the shown face, pixels, shape
            `(frames, 2, 3)`.
        gain: Factors of the brightness, shape `(frames,)`.
        grain: Place of each frame's noise, integers of shape `(frames, 2)`.
    """

    phases: Phases
    peaks: np.ndarray
    amplitudes: np.ndarray
    blink: np.ndarray
    head: np.ndarray
    gain: np.ndarray
    grain: np.ndarray


def smooth_step(s):
    """Minimum-jerk step: 0 up to s = 0, 1 from s = 1 on.

    >>> float(smooth_step(0.5))
    0.5
    """
    s = np.clip(s, 0, 1)
    return s**3 * (10 - 15 * s + 6 * s**2)


def amplitude_curves(phases, peaks, drift, num_frames):
    """a_r(t) of the module's equation, shape `(frames, regions)`.

    Args:
        phases: `Phases` of the regions.
        peaks: A_r, shape `(regions,)`.
        drift: d, the depth of the apex' drift, 0..1.
        num_frames: Length of the clip.
    """
    t = np.arange(num_frames)[:, None]
    start, end = phases.onset_start, phases.onset_end
    leave, rest = phases.offset_start, phases.offset_end
    rise = smooth_step((t - start) / (end - start))
    fall = smooth_step((t - leave) / (rest - leave))
    apex = np.clip((t - end) / (leave - end), 0, 1)
    return peaks * (rise - fall) * (1 - drift * np.sin(2 * np.pi * apex) ** 2)


def draw_smile(rng, spontaneity, age, gender, rest=0.0, **recording):
    """Draws a smile whose course depends on its type and on age.

    Args:
        rng: `numpy.random.Generator` of the clip.
        spontaneity: `"spontaneous"` or `"posed"`.
        age: Age of the subject in years.
        gender: `"female"` or `"male"`.
        rest: Share of the clip before the smile's part of it, and after.
        **recording: `num_frames`, `size` and `frames_per_second`.

    Returns:
        A `Motion`.
    """
    smile, length = _SMILES[spontaneity], recording["num_frames"]
    lag = smile["lag"] * rng.uniform(0, 1, _NUM_REGIONS)
    lag[_LIP_CORNERS] = 0
    slower = 1 + 0.5 * senescence(age)
    rise = smile["rise"] * slower * rng.uniform(0.8, 1.2)
    onset_start = rng.uniform(0.10, 0.25) + lag
    onset_end = onset_start + rise
    # A long rise still leaves an apex of a twenty-fifth of the clip.
    offset_start = np.maximum(rng.uniform(0.62, 0.75), onset_end + 0.04)
    offset_end = offset_start + smile["fall"] * rng.uniform(0.8, 1.2)
    borders = (onset_start, onset_end, offset_start, offset_end)
    phases = Phases(*((rest + (1 - 2 * rest) * b) * length for b in borders))
    asymmetry = smile["asymmetry"] * rng.normal()
    peaks = np.array(smile["amplitudes"]) * (1.1 if gender == "female" else 1)
    peaks *= rng.uniform(0.75, 1.1) * rng.uniform(0.85, 1.15, _NUM_REGIONS)
    peaks *= 1 + asymmetry * np.tile([1, 0, -1], 3)
    peaks = np.clip(peaks, 0, _LARGEST_AMPLITUDE)
    return _recorded(rng, phases, peaks, **recording)


def draw_planted(rng, **recording):
    """Draws nine regions that move independently of each other.

    Onset, length of the rise and amplitude of every region are independent
    and uniform; the regions stay at their apex until the clip ends.

    Args:
        rng: `numpy.random.Generator` of the clip.
        **recording: `num_frames`, `size` and `frames_per_second`.

    Returns:
        A `Motion`.
    """
    length = recording["num_frames"]
    scale = length / _PLANTED_FRAMES
    onset_start = scale * rng.uniform(*_PLANTED_ONSET, _NUM_REGIONS)
    rise = scale * rng.uniform(*_PLANTED_RISE, _NUM_REGIONS)
    after = np.full(_NUM_REGIONS, float(length))
    phases = Phases(onset_start, onset_start + rise, after, after + rise)
    peaks = rng.uniform(0.6, 1.0, _NUM_REGIONS)
    return _recorded(rng, phases, peaks, **recording)


def _recorded(rng, phases, peaks, num_frames, size, frames_per_second):
    """Adds what disturbs a recording: blinks, head motion, light, noise."""
    drift = rng.uniform(0.03, 0.06)
    return Motion(
        phases=phases,
        peaks=peaks,
        amplitudes=amplitude_curves(phases, peaks, drift, num_frames),
        blink=_draw_blink(rng, num_frames, frames_per_second),
        head=_draw_head(rng, num_frames, size),
        gain=rng.uniform(0.85, 1.1) * rng.normal(1, 0.01, num_frames),
        grain=rng.integers(64, size=(num_frames, 2)),
    )


def _draw_blink(rng, num_frames, frames_per_second):
    """One blink in 70 of 100 clips."""
    happens = rng.random() < 0.7
    centre = rng.uniform(0.1, 0.9) * num_frames
    time = (np.arange(num_frames) - centre) / frames_per_second
    return happens * np.exp(-((time / _BLINK_SECONDS) ** 2) / 2)


def _draw_head(rng, num_frames, size):
    """A resting pose and a slow sway around it, `(frames, 2, 3)`, pixels."""
    pixel = size / 256
    time = np.arange(num_frames) / num_frames
    phase = rng.uniform(0, 2 * np.pi)
    slow = np.sin(2 * np.pi * 0.6 * time + 1.7 * phase)
    sway = np.sin(2 * np.pi * time + phase)
    angle = np.deg2rad(rng.normal(0, 3) + 1.0 * sway)
    scale = rng.uniform(0.92, 1.05) * (1 + 0.01 * slow)
    shift = rng.normal(0, 4, 2) + 1.2 * np.stack([slow, sway], axis=1)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.stack([cosine, sine, -sine, cosine], 1).reshape(-1, 2, 2)
    pivot = np.array([0.5, 0.44 + 0.232]) * size  # just below the nose tip
    move = pivot - turn @ pivot + shift * pixel
    return np.concatenate([turn, move[..., None]], axis=2)
