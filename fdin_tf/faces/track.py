"""The face of a clip: its points in every frame, and which frames to use."""

import dataclasses
import functools
import os

import numpy as np

from fdin_tf.faces.align import eye_similarity
from fdin_tf.faces.config import FaceConfig
from fdin_tf.faces.detect import MTCNNDetector
from fdin_tf.faces.follow import HeadFollower
from fdin_tf.faces.landmarks import check_landmarks
from fdin_tf.faces.landmarks import eyes_of
from fdin_tf.faces.landmarks import load_landmarks
from fdin_tf.faces.smoothing import fill_short_gaps
from fdin_tf.faces.smoothing import runs
from fdin_tf.faces.smoothing import smooth_4253h_twice
from fdin_tf.faces.smoothing import smooth_in_time
from fdin_tf.faces.video import ClipError
from fdin_tf.faces.video import frame_times
from fdin_tf.faces.video import probe_video
from fdin_tf.faces.video import read_frames

# What a track counts, in this order.
COUNTS = {
    "frames": "frames of the clip",
    "usable": "frames that are used",
    "detections": "runs of the detector",
    "without_face": "frames with no face found",
    "several_faces": "detections with more than one face",
    "other_face": "frames with only somebody else's face",
    "lost": "losses of the face",
    "returned": "returns of the face",
    "restarts": "returns accepted by place alone, with a new template",
    "unconfirmed": "detections that did not find the followed face",
    "cuts": "cuts of the scene",
    "border": "frames with the aligned face partly beyond the border",
    "beyond_border": "frames left out with too much of the face outside",
    "interpolated": "frames in short gaps, interpolated",
}


class UnusableClip(ClipError):
    """A clip with too few usable frames."""


@dataclasses.dataclass(frozen=True, eq=False)
class FaceTrack:
    """The face of a clip in every frame.

    Attributes:
        points: `(frames, 5, 2)` or `(frames, 68, 2)`, float32, pixels, x then
            y, NaN where unknown. Five points: left eye, right eye, nose, left
            and right mouth corner (left in the image), moving rigidly with
            the head. 68 points: iBUG order, as given by the user, smoothed.
        times: `(frames,)`, float64, seconds since the first frame.
        usable: `(frames,)`, bool.
        frames_per_second: Rate of the frames.
        counts: What happened, name to number, see `COUNTS`.
        source: `"mtcnn"` (any detector) or `"landmarks"`.
    """

    points: np.ndarray
    times: np.ndarray
    usable: np.ndarray
    frames_per_second: float
    counts: dict
    source: str

    @property
    def eyes(self):
        """Eye places for the alignment, `(frames, 2, 2)`, pixels."""
        return eyes_of(self.points)

    def arrays(self):
        """The track as plain arrays for `np.savez`; nothing is pickled."""
        return {
            "points": self.points,
            "times": self.times,
            "usable": self.usable,
            "frames_per_second": np.float64(self.frames_per_second),
            "count_names": np.array(list(self.counts)),
            "count_values": np.array(list(self.counts.values()), "int64"),
            "source": np.array(self.source),
        }

    @classmethod
    def from_arrays(cls, arrays):
        """The track from what `arrays` gave, a dict or an open .npz file."""
        names = arrays["count_names"].tolist()
        return cls(
            points=arrays["points"],
            times=arrays["times"],
            usable=arrays["usable"],
            frames_per_second=float(arrays["frames_per_second"]),
            counts=dict(zip(names, arrays["count_values"].tolist())),
            source=str(arrays["source"]),
        )


def track_face(path, landmarks=None, detector=None, config=FaceConfig()):
    """Finds the face of a clip in every frame.

    Without landmarks the face is detected on key frames and followed between
    them by the rules of `HeadFollower`. Then, in both cases:

    - A gap of at most `config.max_gap` seconds between two frames of one
      piece is interpolated; longer gaps are not usable.
    - Every unbroken stretch is smoothed by `config.smoother`;
      landmarks that are given at the rate of the video, before frames go.
    - A frame is not usable if less than `config.min_inside` of the aligned
      face lies within it, or less than `config.min_landmarks_inside` of 68
      landmarks.

    Args:
        path: The video file.
        landmarks: None, or landmarks of every stored frame of the video: a
            file for `load_landmarks` or an array `(frames, 5 or 68, 2)` in
            pixels, NaN in frames without a face.
        detector: Callable, RGB image to list of `Face`; None: one
            `MTCNNDetector` that all calls share. Not used with landmarks.
        config: A `FaceConfig`.

    Returns:
        A `FaceTrack`.

    Raises:
        UnusableClip: If fewer frames are usable than `config` asks for.
        VideoError: If the video cannot be read to its end.
        FileNotFoundError: If a file is missing.
        ValueError: If the landmarks are no landmarks of this video.
    """
    info = probe_video(path)
    if landmarks is None:
        follower = HeadFollower(
            detector or default_detector(), config.key_interval
        )
        times = []
        for time, frame in read_frames(path, config.frames_per_second):
            follower(time, frame)
            times.append(time)
        times, points = np.array(times), follower.points()
        pieces, counts = np.array(follower.pieces), follower.counts
        rate = config.frames_per_second or _mean_rate(times, info)
    else:
        times, points = _given_points(path, landmarks)
        missing = np.isnan(points).any(axis=(1, 2))
        pieces = np.where(missing, -1, 0)
        counts, rate = {}, _mean_rate(times, info)

    points, pieces, filled = _steady(points, times, pieces, rate, config)
    if landmarks is not None:
        # Known at the rate of the video, so smoothed before frames go.
        times, kept = frame_times(path, config.frames_per_second)
        points, pieces = points[kept], pieces[kept]
        missing, filled = missing[kept], filled[kept]
        counts = {"frames": len(times), "without_face": int(missing.sum())}
        rate = config.frames_per_second or rate
    known = pieces >= 0
    inside = np.zeros(len(times))
    inside[known] = _share_inside(eyes_of(points[known]), info, config)
    usable = known & (inside >= config.min_inside)
    if points.shape[1] == 68:
        shown = _within(points, info).mean(axis=1)
        usable &= shown >= config.min_landmarks_inside
    counts = {
        **counts,
        "usable": int(usable.sum()),
        "interpolated": int(filled.sum()),
        "border": int((known & (inside < 1)).sum()),
        "beyond_border": int((known & ~usable).sum()),
    }
    counts = {name: int(counts.get(name, 0)) for name in COUNTS}
    _check_usable(path, counts, config)
    return FaceTrack(
        points=np.float32(points),
        times=times,
        usable=usable,
        frames_per_second=float(rate),
        counts=counts,
        source="mtcnn" if landmarks is None else "landmarks",
    )


@functools.cache
def default_detector():
    """The `MTCNNDetector` that `track_face` shares where none is given."""
    return MTCNNDetector()


def _steady(points, times, pieces, rate, config):
    """Short gaps filled, every unbroken stretch smoothed; which were filled."""
    points, filled = fill_short_gaps(points, times, pieces, config.max_gap)
    pieces = pieces.copy()
    for frame in np.flatnonzero(filled):
        pieces[frame] = pieces[frame - 1]
    for start, stop in runs(pieces):
        if pieces[start] >= 0:
            points[start:stop] = _smoothed(points[start:stop], rate, config)
    return points, pieces, filled


def _given_points(path, landmarks):
    """The user's landmarks of all stored frames, and their times."""
    name = "landmarks"
    if isinstance(landmarks, (str, os.PathLike)):
        name, landmarks = landmarks, load_landmarks(landmarks)
    points = check_landmarks(landmarks, name)
    left, right = eyes_of(points).swapaxes(0, 1)
    apart = np.linalg.norm(right - left, axis=-1)
    for frame in np.flatnonzero(apart < 1):
        raise ValueError(
            f"{name}, frame {frame}: expected landmarks in pixels, the eyes "
            f"at least one apart. Received: {apart[frame]:.2g}"
        )
    times, _ = frame_times(path)
    if len(points) != len(times):
        raise ValueError(
            f"{name}: expected landmarks of all {len(times)} frames of {path}. "
            f"Received: {len(points)} frames"
        )
    return times, points


def _mean_rate(times, info):
    if len(times) < 2:
        return info.frames_per_second
    return (len(times) - 1) / (times[-1] - times[0])


def _smoothed(points, rate, config):
    """An unbroken stretch of the track, smoothed as `config` says."""
    if config.smoother == "4253h":
        return smooth_4253h_twice(points) if config.smoothing else points
    return smooth_in_time(points, rate, config.smoothing)


def _within(places, info):
    """Whether places `(..., 2)`, in pixels, lie within the frame."""
    limits = np.array([info.width, info.height]) - 0.5
    return ((places > -0.5) & (places < limits)).all(axis=-1)


def _share_inside(eyes, info, config):
    """Share of the aligned face that lies within the frame."""
    if not len(eyes):
        return np.zeros(0)
    steps = (np.arange(16) + 0.5) / 16 * config.size
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    matrices = eye_similarity(eyes, config.size, config.left_eye)
    back = np.linalg.inv(matrices[:, :, :2])
    places = np.einsum("tij,tkj->tki", back, grid - matrices[:, None, :, 2])
    return _within(places, info).mean(axis=-1)


def _check_usable(path, counts, config):
    usable, frames = counts["usable"], counts["frames"]
    needed = max(
        config.min_usable_frames,
        int(np.ceil(config.min_usable_share * frames)),
    )
    if usable >= needed:
        return
    why = [
        f"{counts[name]} {COUNTS[name]}"
        for name in ("without_face", "other_face", "beyond_border")
        if counts[name]
    ]
    raise UnusableClip(
        path,
        f"{usable} of {frames} frames show a usable face, {needed} needed"
        + (f" ({', '.join(why)})" if why else ""),
    )
