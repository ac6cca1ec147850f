"""What the operator of a server allows."""

import dataclasses
import os
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class ServerConfig:
    """Limits of a server, from environment variables.

    Attributes:
        video_roots: Folders whose files may be asked for by path;
            `FDIN_TF_VIDEO_ROOTS`, separated as in `PATH`. None by default.
        max_megabytes: Most of a video, or of the frames of one clip, 2**20
            bytes; `FDIN_TF_MAX_MEGABYTES`.
        max_frames: Most aligned frames of one clip; `FDIN_TF_MAX_FRAMES`.
        max_seconds: Longest video; `FDIN_TF_MAX_SECONDS`.
        max_clips: Most clips in one request; `FDIN_TF_MAX_CLIPS`.
        clips_at_once: How many clips are computed at the same time, of all
            requests; the others wait. `FDIN_TF_CLIPS_AT_ONCE`.
        mesh: Whether the landmarks of a video that comes without any are
            found by the face mesh (extra `mesh`); `FDIN_TF_MESH`, 0 or 1.

    Raises:
        ValueError: If a number is not above 0, or a root is no folder.
    """

    video_roots: tuple[Path, ...] = ()
    max_megabytes: int = 64
    max_frames: int = 3000
    max_seconds: int = 300
    max_clips: int = 64
    clips_at_once: int = 2
    mesh: bool = False

    def __post_init__(self):
        for root in self.video_roots:
            if not root.is_dir():
                raise ValueError(
                    f"{_variable('video_roots')} names folders. Received: "
                    f"{str(root)!r}, which is none"
                )
        for name in _NUMBERS:
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{_variable(name)} must be a whole number above 0. "
                    f"Received: {getattr(self, name)}"
                )

    @property
    def max_bytes(self):
        """Most bytes of a video, or of the frames of one clip."""
        return self.max_megabytes << 20

    @classmethod
    def from_environment(cls, environment=None):
        """The limits that environment variables set; the others as they are.

        Args:
            environment: Dict of the variables; None: those of the process.

        Raises:
            ValueError: If a variable holds no such value.

        Example:

        >>> ServerConfig.from_environment({"FDIN_TF_MAX_FRAMES": "200"})
        ServerConfig(video_roots=(), max_megabytes=64, max_frames=200, ...)
        """
        environment = os.environ if environment is None else environment
        found = {}
        for name in _NUMBERS:
            text = environment.get(_variable(name))
            if text:
                found[name] = _number(name, text)
        roots = environment.get(_variable("video_roots"), "")
        found["video_roots"] = tuple(
            Path(root).resolve() for root in roots.split(os.pathsep) if root
        )
        mesh = environment.get(_variable("mesh")) or "0"
        if mesh not in ("0", "1"):
            raise ValueError(
                f"{_variable('mesh')} must be 0 or 1. Received: {mesh!r}"
            )
        return cls(**found, mesh=mesh == "1")


_NUMBERS = tuple(
    field.name for field in dataclasses.fields(ServerConfig)
    if field.type is int
)  # fmt: skip


def _variable(name):
    return f"FDIN_TF_{name.upper()}"


def _number(name, text):
    try:
        return int(text)
    except ValueError:
        raise ValueError(
            f"{_variable(name)} must be a whole number above 0. Received: "
            f"{text!r}"
        ) from None
