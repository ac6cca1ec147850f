"""How a face is found, followed and cut out."""

import dataclasses
from typing import Literal
from typing import get_args

Smoother = Literal["quadratic", "4253h"]


@dataclasses.dataclass(frozen=True)
class FaceConfig:
    """Settings from video file to aligned faces.

    Attributes:
        frames_per_second: Rate to which the video is taken by
            `read_frames`, or None for its own.
        size: Side of the aligned face, pixels.
        left_eye: Place of the left eye in the aligned face, in shares of its
            side, x then y; the right eye is its mirror image. With the
            default, of a grid of three rows the first holds eyes and brows,
            the second nose and cheeks, the third the mouth.
        key_interval: Seconds between two detections while the face is
            followed.
        smoothing: Width in seconds of the window in which the track is
            smoothed; 0 leaves it as it is.
        smoother: `"quadratic"` for `smooth_in_time`, or `"4253h"` for
            `smooth_4253h_twice`, whose window is fixed: of `smoothing` only
            counts whether it is 0.
        max_gap: Longest gap, in seconds, over which the track is
            interpolated.
        min_inside: Share of the aligned face that must lie within the frame
            for the frame to be used, 0 to 1.
        min_landmarks_inside: Share of the landmarks that must lie within the
            frame for the frame to be used, 0 to 1, where 68 are given.
        min_usable_frames: A clip with fewer usable frames is refused.
        min_usable_share: A clip with a smaller share of usable frames is
            refused, 0 to 1.

    Raises:
        ValueError: If a setting is out of its range.

    Example:

    >>> FaceConfig(size=224, frames_per_second=25).size
    224
    """

    frames_per_second: float | None = None
    size: int = 96
    left_eye: tuple[float, float] = (25 / 96, 24 / 96)
    key_interval: float = 0.5
    smoothing: float = 0.36
    smoother: Smoother = "quadratic"
    max_gap: float = 0.2
    min_inside: float = 0.8
    min_landmarks_inside: float = 0.9
    min_usable_frames: int = 8
    min_usable_share: float = 0.5

    def __post_init__(self):
        x, y = self.left_eye
        rate = self.frames_per_second
        checks = {
            "frames_per_second": (rate is None or rate > 0, "positive or None"),
            "size": (self.size >= 8, "at least 8 pixels"),
            "left_eye": (
                0 < x < 0.5 and 0 < y < 1,
                "in the left half of the face: 0 < x < 0.5, 0 < y < 1",
            ),
            "key_interval": (self.key_interval > 0, "positive seconds"),
            "smoothing": (self.smoothing >= 0, "0 or positive seconds"),
            "smoother": (
                self.smoother in get_args(Smoother),
                f"one of {', '.join(get_args(Smoother))}",
            ),
            "max_gap": (self.max_gap >= 0, "0 or positive seconds"),
            "min_inside": (0 <= self.min_inside <= 1, "from 0 to 1"),
            "min_landmarks_inside": (
                0 <= self.min_landmarks_inside <= 1,
                "from 0 to 1",
            ),
            "min_usable_frames": (self.min_usable_frames >= 1, "at least 1"),
            "min_usable_share": (
                0 <= self.min_usable_share <= 1,
                "from 0 to 1",
            ),
        }
        for name, (holds, expected) in checks.items():
            if not holds:
                raise ValueError(
                    f"`{name}` of the faces must be {expected}. "
                    f"Received: {name}={getattr(self, name)!r}"
                )
