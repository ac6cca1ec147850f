"""From the clip table to grey crops of faces with their landmarks."""

import dataclasses

import cv2
import numpy as np

from fdin_tf.data.encode import FoldClips
from fdin_tf.data.stored import StoredClips
from fdin_tf.data.stored import store_clips
from fdin_tf.faces import aligned_chunks
from fdin_tf.faces import eye_similarity
from fdin_tf.faces.video import ClipError

# Raised when stored crops would no longer mean the same.
CROP_FORMAT = 1
NUM_POINTS = 68


@dataclasses.dataclass(frozen=True)
class CroppedClips(StoredClips):
    """Clips as grey crops of the whole face, with landmarks.

    Every crop is upright, by the eyes, but not warped: that needs a mean
    shape, which is learnt inside each fold, see `warp_clips`.
    """

    def load(self, clip_id):
        """Crops of one clip and the landmarks in them.

        Returns:
            `(frames, size, size)` uint8, and `(frames, 68, 2)` float32,
            pixels of the crop, x then y.

        Raises:
            OSError: If the file was removed or damaged since it was checked.
        """
        arrays = self.arrays(clip_id)
        return arrays["frames"], arrays["landmarks"]


def crop_clips(clips, files, workers=None, executor=None):
    """Follows 68 landmarks in every clip and cuts out the face, once.

    See `store_clips` for what is cached, and which clips are left out; left
    out are also clips without 68 landmarks.

    Args:
        clips: Clip table.
        files: `FaceFiles`; its `face` decides the size of the crops and the
            smoothing of the landmarks.
        workers: Number of clips at work at a time; None for one per core.
        executor: See `store_clips`.

    Returns:
        `CroppedClips`.

    Raises:
        ValueError: If no clip is usable.
    """

    def make(video, track):
        for frames, landmarks in crop_chunks(video, track, files.face):
            yield {"frames": frames, "landmarks": landmarks}

    stored = store_clips(
        clips,
        files,
        "crops",
        [CROP_FORMAT],
        make,
        "Faces",
        workers,
        num_points=NUM_POINTS,
        executor=executor,
    )
    return CroppedClips(
        stored.clips, stored.left_out, stored.keys, stored.cache
    )


def crop_chunks(video, track, face, chunk_size=64):
    """Grey crops of the usable frames of a track, with landmarks.

    Args:
        video: Path of the video.
        track: Its `FaceTrack`, with 68 points.
        face: `FaceConfig` that the track was made with.
        chunk_size: Most frames of one chunk; memory is bounded by it.

    Yields:
        Pairs of `(n, size, size)` uint8 and `(n, 68, 2)` float32, the
        landmarks in pixels of the crop.

    Raises:
        ClipError: If the track has not 68 points.
        VideoError: As `aligned_chunks`.
    """
    if track.points.shape[1] != NUM_POINTS:
        raise ClipError(
            video,
            f"expected a track of {NUM_POINTS} landmarks. Received: "
            f"{track.points.shape[1]}",
        )
    matrices = eye_similarity(
        track.eyes[track.usable], face.size, face.left_eye
    )
    landmarks = np.einsum(
        "tij,tkj->tki", matrices[:, :, :2], track.points[track.usable]
    )
    landmarks = np.float32(landmarks + matrices[:, None, :, 2])
    start = 0
    for frames in aligned_chunks(video, track, face, chunk_size):
        grey = [cv2.cvtColor(x, cv2.COLOR_RGB2GRAY) for x in frames]
        yield np.stack(grey), landmarks[start : start + len(grey)]
        start += len(grey)


def warp_clips(cropped, warp, clip_ids):
    """Warps the faces of some clips onto one shape, in memory.

    Args:
        cropped: `CroppedClips`.
        warp: `FaceWarp`.
        clip_ids: Ids of clips.

    Returns:
        `FoldClips` of `frames`, `(t, size, size, 1)` uint8: 0 outside of the
        face, 1 to 255 inside.
    """
    frames = {c: warp_frames(warp, *cropped.load(c)) for c in clip_ids}
    clips = cropped.clips[cropped.clips.clip_id.isin(frames)]
    return FoldClips(clips, (warp.size, warp.size, 1), frames, name="frames")


def warp_frames(warp, frames, landmarks):
    """Warps crops of a clip; 0 is left to what is outside of the face.

    Args:
        warp: `FaceWarp`.
        frames: `(t, height, width)`, uint8.
        landmarks: `(t, 68, 2)`, pixels.

    Returns:
        `(t, size, size, 1)`, uint8.
    """
    warped = warp.warp_clip(frames, landmarks)
    return np.maximum(warped, warp.mask.astype(np.uint8))[..., None]
