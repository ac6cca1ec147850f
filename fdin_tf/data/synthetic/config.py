"""What a synthetic set holds, and the sets that the package uses."""

import dataclasses
from typing import Literal

from fdin_tf.data.synthetic.catalogue import MAX_SUBJECTS


@dataclasses.dataclass(frozen=True)
class SyntheticConfig:
    """What a synthetic set holds.

    Attributes:
        kind: `"natural"`: smiles whose look and course depend on age, gender
            and smile type. `"expressive"`: the same, but at rest every face
            looks equally old: age shows in the wrinkles of the smile, which
            has neutral frames before and after it. `"planted"`: faces that
            all show the same age, and nine regions that move independently
            (see `planted_target`); age, gender and smile type are drawn too,
            but nothing shows them.
        seed: Seed of the whole set, 0 or more.
        num_subjects: 1 to 999.
        clips_per_subject: 1 or more; posed and spontaneous ones in turn.
        num_frames: Frames of each clip, at least 12.
        size: Side of the square frames in pixels, even, at least 64.
        frames_per_second: Rate of the video files.

    Raises:
        ValueError: If a value is out of its range.

    >>> SyntheticConfig(num_subjects=2, clips_per_subject=2).kind
    'natural'
    """

    kind: Literal["natural", "expressive", "planted"] = "natural"
    seed: int = 0
    num_subjects: int = 120
    clips_per_subject: int = 2
    num_frames: int = 48
    size: int = 256
    frames_per_second: float = 25.0

    def __post_init__(self):
        checks = {
            "kind": (
                self.kind in ("natural", "expressive", "planted"),
                "natural, expressive or planted",
            ),
            "seed": (self.seed >= 0, "0 or more"),
            "num_subjects": (
                1 <= self.num_subjects <= MAX_SUBJECTS,
                f"1 to {MAX_SUBJECTS}",
            ),
            "clips_per_subject": (self.clips_per_subject >= 1, "1 or more"),
            "num_frames": (self.num_frames >= 12, "12 or more"),
            "size": (
                self.size >= 64 and self.size % 2 == 0,
                "even and 64 or more",
            ),
            "frames_per_second": (self.frames_per_second > 0, "positive"),
        }
        for name, (holds, expected) in checks.items():
            if not holds:
                raise ValueError(
                    f"`{name}` of a synthetic set must be {expected}. "
                    f"Received: {name}={getattr(self, name)!r}"
                )


#: The sets that tests, recipes and examples use.
SYNTHETIC_SETS = {
    "natural": SyntheticConfig(),
    "expressive": SyntheticConfig(
        kind="expressive", num_subjects=240, size=192
    ),
    "tiny": SyntheticConfig(num_subjects=8, num_frames=24, size=128),
    "planted": SyntheticConfig(
        kind="planted",
        num_subjects=80,
        clips_per_subject=8,
        num_frames=24,
        size=192,
    ),
}
