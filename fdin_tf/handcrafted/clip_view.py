"""What descriptors see of a clip."""

import dataclasses

import numpy as np

from fdin_tf.faces.phases import Phases


@dataclasses.dataclass(frozen=True, eq=False)
class ClipView:
    """A clip as arrays: of its usable frames alone, in order.

    Attributes:
        frames: `(t, h, w)`, uint8, 0 to 255: grey faces of one size, warped
            onto a mean shape or aligned on the eyes.
        landmarks: `(t, 68, 2)`, float, iBUG order, pixels of the video or of
            an upright crop (not of `frames`), x then y.
        phases: `Phases` of the `t` frames.
        frames_per_second: Rate of the frames.

    Raises:
        ValueError: If an array is of another kind, there is no frame, or the
            four do not belong together.

    Example:

    >>> from fdin_tf.data.synthetic.template import average_face
    >>> from fdin_tf.faces.phases import find_phases
    >>> landmarks = np.repeat(100 * average_face()[None], 8, axis=0)
    >>> frames = np.zeros((8, 114, 114), "uint8")
    >>> view = ClipView(frames, landmarks, find_phases(landmarks, 25), 25.0)
    >>> view.onset_frames
    (0, 0)
    """

    frames: np.ndarray
    landmarks: np.ndarray
    phases: Phases
    frames_per_second: float

    def __post_init__(self):
        frames, landmarks = self.frames, self.landmarks
        if frames.ndim != 3 or frames.dtype != np.uint8 or not frames.size:
            raise ValueError(
                "The frames of a clip must be grey, (frames, height, width), "
                "uint8, at least one. "
                f"Received: shape={frames.shape}, dtype={frames.dtype}"
            )
        counts = len(frames), len(landmarks), len(self.phases.amplitude)
        if landmarks.shape[1:] != (68, 2) or len(set(counts)) > 1:
            raise ValueError(
                "A clip needs 68 landmarks (frames, 68, 2) and the phases of "
                f"as many frames as it has. Received: {counts[0]} frames, "
                f"landmarks.shape={landmarks.shape}, phases of {counts[2]}"
            )
        if not self.frames_per_second > 0:
            raise ValueError(
                "The rate of the frames must be positive. Received: "
                f"frames_per_second={self.frames_per_second}"
            )

    @property
    def onset_frames(self):
        """Numbers of the first and the last frame of the onset.

        The neutral and the expressive face of "neutral" and "fusion" (Pei et
        al. 2020, section V-D). Both 0 in a clip without onset.
        """
        start, stop = self.phases.onset
        return start, max(start, stop - 1)
