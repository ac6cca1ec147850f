"""Grey faces of clips with what their landmarks tell, for descriptors."""

import dataclasses

import cv2
import numpy as np

from fdin_tf.data.crops import CroppedClips
from fdin_tf.data.crops import crop_clips
from fdin_tf.data.stored import StoredClips
from fdin_tf.data.stored import store_clips
from fdin_tf.faces import Phases
from fdin_tf.faces import aligned_chunks
from fdin_tf.faces import find_phases
from fdin_tf.faces import smooth_4253h_twice
from fdin_tf.handcrafted.clip_view import ClipView
from fdin_tf.handcrafted.dynamics import KINDS
from fdin_tf.handcrafted.dynamics import dynamics_features

# Raised when stored faces without landmarks would no longer mean the same.
_PLAIN_FORMAT = 1
#: What a clip may lack. Its descriptors are defined all the same, see
#: `GreyFaces.view`.
CONDITIONS = {
    "no landmarks": "68 landmarks are not known",
    "no dynamics": "the landmarks cannot be measured",
    "no onset": "no rise of the lip corners",
    "no offset": "no fall after it",
    "one frame": "only one usable frame",
    "still": "all frames are the same",
}


@dataclasses.dataclass(frozen=True)
class GreyFaces:
    """Clips as grey faces aligned on the eyes, with landmarks where known.

    They do not depend on folds (faces that are warped onto a mean shape do),
    so that a clip is described once.

    Attributes:
        cropped: `CroppedClips` of the clips with 68 landmarks.
        plain: `StoredClips` of the others, or None.
        is_smooth: Whether the landmarks were smoothed; else they are by
            `smooth_4253h_twice`.
    """

    cropped: CroppedClips
    plain: StoredClips | None
    is_smooth: bool

    def key(self, clip_id):
        """What the cache knows a clip's faces by."""
        return self._stored_with(clip_id).keys[clip_id]

    def view(self, clip_id):
        """One clip and what it lacks.

        A clip that lacks something is not left out: all rows of a table are
        about the same clips. A phase that it does not show has no frames, and
        so measures of 0; without an onset both of its frames are the first
        frame of the clip. Where landmarks are not known or cannot be
        measured, all is apex, with a lip amplitude of 0.

        Args:
            clip_id: Id of a clip.

        Returns:
            `ClipView`, its landmarks smoothed in any case, and a tuple of
            names of `CONDITIONS`. Under `no landmarks` and `no dynamics` the
            landmarks are NaN.

        Raises:
            OSError: If a stored file was removed or damaged.
        """
        stored = self._stored_with(clip_id)
        arrays = stored.arrays(clip_id)
        frames = arrays["frames"]
        row = stored.clips[stored.clips.clip_id == clip_id].iloc[0]
        view, lacks = self._measured(
            frames, arrays.get("landmarks"), float(row.frames_per_second)
        )
        if not lacks:
            for phase in ("onset", "offset"):
                start, stop = getattr(view.phases, phase)
                if start == stop:
                    lacks.append(f"no {phase}")
        if len(frames) == 1:
            lacks.append("one frame")
        elif not np.ptp(frames, axis=0).any():
            lacks.append("still")
        return view, tuple(lacks)

    def _stored_with(self, clip_id):
        return self.cropped if clip_id in self.cropped.keys else self.plain

    def _measured(self, frames, landmarks, rate):
        """The view, and whether it has landmarks and these can be measured."""
        if landmarks is not None:
            try:
                if not self.is_smooth:
                    landmarks = smooth_4253h_twice(landmarks)
                phases = find_phases(landmarks, rate, smooth=False)
                view = ClipView(frames, landmarks, phases, rate)
                for kind in KINDS:
                    dynamics_features(view, kind, smooth=False)
                return view, []
            except ValueError:  # such as a mouth without width
                pass
        unknown = np.full((len(frames), 68, 2), np.nan)
        view = ClipView(frames, unknown, _all_apex(len(frames), rate), rate)
        return view, ["no landmarks" if landmarks is None else "no dynamics"]


def grey_faces(clips, files, plain_files, workers=None):
    """Faces of clips, each once, cached as `store_clips` says.

    Args:
        clips: Clip table.
        files: `FaceFiles` that give 68 landmarks.
        plain_files: `FaceFiles` of the same face settings that give a face
            track of every clip: for the clips that have no 68 landmarks.
        workers: Number of clips at work at a time; None for one per core.

    Returns:
        `GreyFaces` of all clips.

    Raises:
        ValueError: If no clip has 68 landmarks, or one cannot be followed at
            all.
    """
    cropped = crop_clips(clips, files, workers)
    others = clips[clips.clip_id.isin(cropped.left_out.clip_id)]
    plain = None
    if len(others):
        plain = store_clips(
            others,
            plain_files,
            "crops",
            ["plain", _PLAIN_FORMAT],
            lambda video, track: {
                "frames": _grey(video, track, plain_files.face)
            },
            "Faces without landmarks",
            workers,
        )
        for row in plain.left_out.itertuples():
            raise ValueError(
                "Expected a face in every clip that is to be described. "
                f"Received: clip_id={row.clip_id!r}: {row.reason}"
            )
    return GreyFaces(cropped, plain, is_smooth=files.face.smoothing > 0)


def _grey(video, track, face):
    return np.stack(
        [
            cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
            for frames in aligned_chunks(video, track, face)
            for frame in frames
        ]
    )


def _all_apex(num_frames, rate):
    return Phases(
        onset=(0, 0),
        apex=(0, num_frames),
        offset=(num_frames, num_frames),
        onset_begins=0,
        offset_ends=num_frames - 1,
        amplitude=np.zeros(num_frames),
        frames_per_second=rate,
    )
