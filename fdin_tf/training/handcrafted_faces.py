"""Grey faces of clips with what their landmarks tell, for descriptors."""

import dataclasses

import cv2
import numpy as np

from fdin_tf.data.crops import CroppedClips
from fdin_tf.data.crops import crop_clips
from fdin_tf.data.stored import StoredClips
from fdin_tf.data.stored import store_clips
from fdin_tf.faces import FaceConfig
from fdin_tf.faces import Phases
from fdin_tf.faces import aligned_chunks
from fdin_tf.faces import find_phases
from fdin_tf.handcrafted.clip_view import ClipView
from fdin_tf.handcrafted.dynamics import KINDS

#: Raised when what is seen of the same files changes: landmarks and their
#: smoothing, phases, conditions.
VIEW_FORMAT = 2
# Raised when stored faces without landmarks would no longer mean the same,
# and stored counts of missing frames.
_PLAIN_FORMAT = 1
_MISSING_FORMAT = 1
#: What a clip may lack. Its descriptors are defined all the same, see
#: `GreyFaces.view`.
CONDITIONS = {
    "no landmarks": "68 landmarks are not known",
    "no dynamics": "the landmarks cannot be measured",
    "no onset": "no rise of the lip corners",
    "no offset": "no fall after it",
    "gap": "frames are missing between usable ones",
    "one frame": "only one usable frame",
    "few frames": "fewer usable frames than binary patterns of volumes reach",
    "still": "all frames are the same",
}


@dataclasses.dataclass(frozen=True)
class GreyFaces:
    """Clips as grey faces aligned on the eyes, with landmarks where known.

    They do not depend on folds (faces that are warped onto a mean shape do),
    so that a clip is described once.

    Attributes:
        cropped: `CroppedClips` of the clips with 68 landmarks, smoothed by
            `smooth_4253h_twice`.
        plain: `StoredClips` of the others, or None.
        missing: Frames missing between usable ones, by clip id.
    """

    cropped: CroppedClips
    plain: StoredClips | None
    missing: dict[str, int]

    @property
    def reasons(self):
        """Why there are no landmarks, by the id of a clip without them."""
        left_out = self.cropped.left_out
        return dict(zip(left_out.clip_id, left_out.reason))

    def key(self, clip_id):
        """What the cache knows a clip's faces by."""
        return self._stored_with(clip_id).keys[clip_id]

    def view(self, clip_id, least_frames=3):
        """One clip and what it lacks.

        A clip that lacks something is not left out: all rows of a table are
        about the same clips. A phase that it does not show has no frames, and
        so measures of 0; without an onset both of its frames are the first
        frame of the clip. Where landmarks are not known or cannot be
        measured, all is apex, with a lip amplitude of 0. Over a gap, the
        frames before and after it count as neighbours: what is measured is
        the frames that there are.

        Args:
            clip_id: Id of a clip.
            least_frames: With fewer than these, but more than one, it has
                `few frames`.

        Returns:
            `ClipView`, and a dict from names of `CONDITIONS` to the reason in
            words. Under `no landmarks` and `no dynamics` the landmarks are
            NaN.

        Raises:
            OSError: If a stored file was removed or damaged.
        """
        stored = self._stored_with(clip_id)
        arrays = stored.arrays(clip_id)
        frames = arrays["frames"]
        row = stored.clips[stored.clips.clip_id == clip_id].iloc[0]
        rate = float(row.frames_per_second)
        if "landmarks" in arrays:
            view, lacks = _measured(frames, arrays["landmarks"], rate)
        else:
            reason = self.reasons[clip_id]
            view, lacks = _unknown(frames, rate), {"no landmarks": reason}
        lacks |= _frames_lacking(
            frames, self.missing.get(clip_id, 0), least_frames
        )
        return view, lacks

    def _stored_with(self, clip_id):
        return self.cropped if clip_id in self.cropped.keys else self.plain


def _measured(frames, landmarks, rate):
    """The view; and what is not to be measured in it, with the reason."""
    try:
        phases = find_phases(landmarks, rate, smooth=False)
        for make_signals, _ in KINDS.values():
            make_signals(landmarks)
    except ValueError as error:  # such as a mouth without width
        return _unknown(frames, rate), {"no dynamics": str(error)}
    lacks = {}
    for phase in ("onset", "offset"):
        start, stop = getattr(phases, phase)
        if start == stop:
            lacks[f"no {phase}"] = CONDITIONS[f"no {phase}"]
    return ClipView(frames, landmarks, phases, rate), lacks


def _unknown(frames, rate):
    """The view of a clip whose motion is not known."""
    count = len(frames)
    all_apex = Phases(
        onset=(0, 0),
        apex=(0, count),
        offset=(count, count),
        onset_begins=0,
        offset_ends=count - 1,
        amplitude=np.zeros(count),
        frames_per_second=rate,
    )
    return ClipView(frames, np.full((count, 68, 2), np.nan), all_apex, rate)


def _frames_lacking(frames, missing, least_frames):
    """What is to be told of the frames, with the reason."""
    lacks = {}
    if missing:
        lacks["gap"] = f"{missing} frames are missing between usable ones"
    if len(frames) == 1:
        lacks["one frame"] = CONDITIONS["one frame"]
    elif len(frames) < least_frames:
        lacks["few frames"] = (
            f"{len(frames)} usable frames; binary patterns of volumes reach "
            f"over {least_frames}"
        )
    if len(frames) > 1 and not np.ptp(frames, axis=0).any():
        lacks["still"] = CONDITIONS["still"]
    return lacks


def grey_faces(clips, files, plain_files):
    """Faces of clips, each once, cached as `store_clips` says.

    Landmarks, and the eyes on which their faces are aligned, are smoothed by
    4253H-twice, whatever `files` say: of that the phases and the dynamics of
    the papers are made.

    Args:
        clips: Clip table.
        files: `FaceFiles` that give 68 landmarks.
        plain_files: `FaceFiles` of the same face settings that give a face
            track of every clip: for the clips that have no 68 landmarks.

    Returns:
        `GreyFaces` of all clips.

    Raises:
        ValueError: If no clip has 68 landmarks, or one cannot be followed at
            all.
    """
    smoothing = files.face.smoothing or FaceConfig.smoothing
    face = dataclasses.replace(
        files.face, smoother="4253h", smoothing=smoothing
    )
    files = dataclasses.replace(files, face=face)
    cropped = crop_clips(clips, files)
    missing = _missing_frames(cropped.clips, files)
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
        )
        for row in plain.left_out.itertuples():
            raise ValueError(
                "Expected a face in every clip that is to be described. "
                f"Received: clip_id={row.clip_id!r}: {row.reason}"
            )
        missing |= _missing_frames(plain.clips, plain_files)
    return GreyFaces(cropped, plain, missing)


def _missing_frames(clips, files):
    """How many frames are missing between usable ones, by clip id."""
    stored = store_clips(
        clips,
        files,
        "tracks",
        ["missing frames", _MISSING_FORMAT],
        lambda video, track: {"missing": missing_between(track.usable)},
        "Gaps",
    )
    return {c: int(stored.arrays(c)["missing"]) for c in clips.clip_id}


def missing_between(usable):
    """How many frames are missing between the first and the last usable one.

    Args:
        usable: `(frames,)`, bool, one at least True.

    Returns:
        A number of frames.

    Example:

    >>> missing_between(np.array([False, True, False, False, True]))
    2
    """
    places = np.flatnonzero(usable)
    return int(np.ptp(places)) + 1 - len(places)


def _grey(video, track, face):
    return np.stack(
        [
            cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
            for frames in aligned_chunks(video, track, face)
            for frame in frames
        ]
    )
