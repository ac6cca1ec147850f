"""Onset, apex and offset of a facial expression, by its lip corners.

Dibeklioglu, Salah and Gevers, ECCV 2012, as Pei et al. (SIAM) and Kim and Ro
(FDIN) use it: the onset lasts until the end of the longest rise of the lip
amplitude, the offset begins with the longest fall after it, and the apex is
what lies between.
"""

import dataclasses

import numpy as np

from fdin_tf.faces.align import eye_similarity
from fdin_tf.faces.landmarks import check_landmarks
from fdin_tf.faces.landmarks import eyes_of
from fdin_tf.faces.smoothing import runs
from fdin_tf.faces.smoothing import smooth_4253h_twice

PHASES = ("onset", "apex", "offset")
LIP_CORNERS = (48, 54)  # iBUG order, left and right in the image
# A smaller step of the amplitude is no motion but rounding of coordinates.
LEAST_STEP = 1e-5
# A rise or fall below this share of the amplitude's range is none: jitter, or
# what the smoother leaves beside a sharp bend.
LEAST_SHARE = 0.1


@dataclasses.dataclass(frozen=True, eq=False)
class Phases:
    """The three phases of an expression, as ranges of frames.

    Ranges are `(start, stop)`, stop excluded. Together the three cover all
    frames, in order. The apex holds the frame in which the rise ends and the
    one in which the fall begins, and so is never empty.

    Attributes:
        onset: From frame 0; empty without a rise.
        apex: Between the two others.
        offset: Up to the last frame; empty without a fall after the rise.
        onset_begins: First frame of the rise that is above its start: the
            frames before it are the lead-in. 0 without onset.
        offset_ends: Last frame of the fall that is above its end: the frames
            after it are the lead-out. The last frame without offset.
        amplitude: `(frames,)`, the smoothed lip amplitude, in widths of the
            resting mouth.
        frames_per_second: Rate of the frames, or None.
    """

    onset: tuple[int, int]
    apex: tuple[int, int]
    offset: tuple[int, int]
    onset_begins: int
    offset_ends: int
    amplitude: np.ndarray
    frames_per_second: float | None = None

    @property
    def is_complete(self):
        """Whether the clip shows a rise and, after it, a fall."""
        return all(start < stop for start, stop in (self.onset, self.offset))

    @property
    def seconds(self):
        """Lengths of the phases in seconds, name to number.

        Raises:
            ValueError: If the rate of the frames is not known.
        """
        if self.frames_per_second is None:
            raise ValueError(
                "Phases have a length in seconds if `find_phases` knows the "
                "rate of the frames. Received: frames_per_second=None"
            )
        ranges = {name: getattr(self, name) for name in PHASES}
        return {
            name: (stop - start) / self.frames_per_second
            for name, (start, stop) in ranges.items()
        }

    @property
    def neutral(self):
        """`(frames,)` bool: the lead-in before and lead-out after all motion.

        What the phases call onset and offset holds these frames as well.
        """
        frames = np.arange(len(self.amplitude))
        return (frames < self.onset_begins) | (frames > self.offset_ends)

    def mask(self, names):
        """`(frames,)` bool: the frames of one phase or of several.

        Args:
            names: `"onset"`, `"apex"` or `"offset"`, or a list of them.

        Raises:
            ValueError: If a name is no phase.
        """
        names = [names] if isinstance(names, str) else list(names)
        frames = np.zeros(len(self.amplitude), bool)
        for name in names:
            if name not in PHASES:
                raise ValueError(
                    f"A phase is one of {', '.join(PHASES)}. Received: {name!r}"
                )
            frames[slice(*getattr(self, name))] = True
        return frames


def lip_amplitude(landmarks):
    """How far the lip corners have moved from the middle of the mouth.

    With the corners l(t) and r(t), in coordinates in which the eyes of every
    frame are at the same places, and their middle c in the first frame,

        D(t) = (|r(t) - c| + |l(t) - c|) / (2 |r(1) - l(1)|)

    so D(1) = 1/2. (A point of the inner lip is sometimes taken for c.) The
    first frame is the first one with a face.

    Args:
        landmarks: `(frames, 68, 2)`, iBUG order, pixels; NaN in frames
            without a face.

    Returns:
        `(frames,)`, float64, in widths of the mouth in the first frame; NaN
        in frames without a face.

    Raises:
        ValueError: If the landmarks are none (see `check_landmarks`), no
            frame has a face, or the first one has a mouth without width.

    Reference:
    - Dibeklioglu, Salah and Gevers, ECCV 2012.
    """
    points = check_landmarks(landmarks, num_points=68)
    seen = np.flatnonzero(~np.isnan(points).any(axis=(1, 2)))
    if not len(seen):
        raise ValueError(
            "Expected landmarks of at least one face. Received: "
            f"{len(points)} frames without a face"
        )
    points = points[seen]
    upright = eye_similarity(eyes_of(points), size=1, left_eye=(0.25, 0.5))
    corners = points[:, LIP_CORNERS] @ upright[:, :, :2].mT
    corners += upright[:, None, :, 2]
    left, right = corners[0]
    width = np.hypot(*(right - left))
    if not width:
        raise ValueError(
            "The corners of the mouth must be at two different places. "
            f"Received: both at the same in frame {seen[0]}"
        )
    distances = np.linalg.norm(corners - (left + right) / 2, axis=-1)
    amplitude = np.full(len(landmarks), np.nan)
    amplitude[seen] = distances.sum(axis=1) / (2 * width)
    return amplitude


def find_phases(landmarks, frames_per_second=None, smooth=True):
    """Cuts an expression into onset, apex and offset.

    The lip amplitude is smoothed by `smooth_4253h_twice`. Of all stretches
    in which it strictly increases, the one that gains most is the rise; of
    those at or after its end in which it strictly decreases, the one that
    loses most is the fall; of equals the first counts. A level stretch is
    neither, nor is one that changes the amplitude by less than a tenth of its
    range. Then the onset lasts from the first frame to the end of the rise,
    the offset from the start of the fall to the last frame.

    What else a clip may be:

    - Without a rise the onset is empty, and the fall is looked for in the
      whole clip. Without a fall after the rise the offset is empty. Without
      both, all is apex. `Phases.is_complete` tells.
    - Where rise and fall meet, the frame between them is the apex.
    - A stronger fall before the rise does not count.
    - A face at rest that is tracked with jitter moves; look at the range of
      `Phases.amplitude` where that matters.
    - In frames without a face the amplitude is interpolated, and before the
      first and after the last face it stays as it is there.
    - Fewer than 7 frames are too short to be smoothed and are cut as they
      are.

    Args:
        landmarks: `(frames, 68, 2)`, iBUG order, pixels; NaN in frames
            without a face.
        frames_per_second: Their rate, for `Phases.seconds`; None if unknown.
        smooth: Whether the amplitude is smoothed; False for landmarks that
            were, as those of a `FaceTrack`.

    Returns:
        `Phases`.

    Raises:
        ValueError: As `lip_amplitude`, or if the rate is not positive.

    Example:

    >>> from fdin_tf.data.synthetic.template import average_face
    >>> faces = np.repeat(100 * average_face()[None], 40, axis=0)
    >>> smile = np.interp(range(40), [10, 16, 24, 30], [0, 9, 9, 0])
    >>> faces[:, 48, 0] -= smile
    >>> phases = find_phases(faces, frames_per_second=25)
    >>> phases.onset, phases.apex, phases.offset
    ((0, 18), (18, 23), (23, 40))
    """
    if frames_per_second is not None and not frames_per_second > 0:
        raise ValueError(
            "`frames_per_second` must be positive or None. "
            f"Received: {frames_per_second=}"
        )
    amplitude = lip_amplitude(landmarks)
    frames = np.arange(len(amplitude))
    seen = ~np.isnan(amplitude)
    amplitude = np.interp(frames, frames[seen], amplitude[seen])
    if smooth:
        amplitude = smooth_4253h_twice(amplitude)

    least = LEAST_SHARE * np.ptp(amplitude)
    rise = _longest_rise(amplitude, least)
    start, top = rise or (-1, 0)
    fall = _longest_rise(-amplitude[top:], least)
    leave, rest = np.add(top, fall) if fall else (frames[-1], len(frames))
    apex = (top, int(leave) + 1)
    return Phases(
        onset=(0, apex[0]),
        apex=apex,
        offset=(apex[1], len(frames)),
        onset_begins=start + 1,
        offset_ends=int(rest) - 1,
        amplitude=amplitude,
        frames_per_second=frames_per_second,
    )


def _longest_rise(values, least):
    """First and last frame of the increase that gains most, or None."""
    increases = np.diff(values) > LEAST_STEP
    rises = [
        (start, end)
        for start, end in runs(increases)
        if increases[start] and values[end] - values[start] >= least
    ]
    return max(
        rises, key=lambda rise: values[rise[1]] - values[rise[0]], default=None
    )
