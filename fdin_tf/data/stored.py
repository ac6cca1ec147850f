"""Every clip through faces and one further step, once, cached on disk."""

import contextlib
import copy
import dataclasses
import errno
import os
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import as_completed
from pathlib import Path

import numpy as np
import pandas as pd

from fdin_tf.data.cache import ArrayCache
from fdin_tf.data.cache import content_digest
from fdin_tf.data.cache import default_cache_dir
from fdin_tf.data.cache import settings_digest
from fdin_tf.data.cache import sweep
from fdin_tf.data.shared_folder import shared_folder
from fdin_tf.data.spooled import spooled_arrays
from fdin_tf.faces import FaceConfig
from fdin_tf.faces import FaceTrack
from fdin_tf.faces import UnusableClip
from fdin_tf.faces import track_face
from fdin_tf.faces.video import ClipError
from fdin_tf.progress import console
from fdin_tf.progress import progress_bar

# Raised when stored tracks would no longer mean the same: those of detected
# faces, and those of landmarks that were given.
TRACK_FORMAT = 1
LANDMARK_TRACK_FORMAT = 2

# What the machine has run out of: no fault of the clip that met it.
_EXHAUSTED = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS,
    errno.EMFILE, errno.ENFILE, errno.ENOMEM,
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class StoredClips:
    """Clips with what was made of them, on disk.

    Attributes:
        clips: Clip table of the usable clips, further columns
            `num_frames` (usable frames), `frames_per_second`, `face_source`
            and one `face_*` count per situation that tracking met.
        left_out: Table of the others: clip_id, path, reason.
        keys: Cache key of every usable clip, by clip id.
        cache: The cache that holds the arrays.
    """

    clips: pd.DataFrame
    left_out: pd.DataFrame
    keys: dict[str, str]
    cache: ArrayCache

    def arrays(self, clip_id):
        """The arrays of one clip, a dict.

        Raises:
            OSError: If the file was removed or damaged since it was checked.
        """
        arrays = self.cache.get(self.keys[clip_id])
        if arrays is None:
            raise OSError(
                f"The stored frames of clip {clip_id!r} are gone or damaged; "
                "run the same command again to make them anew. Received: "
                f"path={self.cache.path(self.keys[clip_id])}"
            )
        return arrays

    def fingerprint(self):
        """Digest of videos, settings, what was made of them, and labels."""
        labels = self.clips.drop(columns="path").sort_values("clip_id")
        return settings_digest(
            sorted(self.keys.items()), labels.to_json(orient="split")
        )


@dataclasses.dataclass(frozen=True)
class FaceFiles:
    """Where faces come from, and where what is made of them goes.

    Attributes:
        cache_dir: Folder of the cache; None for the user's cache folder.
        face: Settings of tracking and alignment.
        landmarks_dir: Folder with `<clip_id>.csv` or `.npz` landmark files,
            taken instead of detection for the clips that have one.
        find_landmarks: What gives the landmarks of the other clips: function
            from a video and the face settings to what `track_face` takes, by
            a name of its own, such as `mesh_landmarks`; None: detection.
        shared_dir: URL of a store that other machines share, see
            `SharedStore`: what is made is sent there, what is there is taken.

    Raises:
        FileNotFoundError: If `landmarks_dir` does not exist.
    """

    cache_dir: Path | None = None
    face: FaceConfig = FaceConfig()
    landmarks_dir: Path | None = None
    find_landmarks: object = None
    shared_dir: str | None = None

    def __post_init__(self):
        if (
            self.landmarks_dir is not None
            and not Path(self.landmarks_dir).is_dir()
        ):
            raise FileNotFoundError(
                "Expected a folder of landmark files. Received: "
                f"landmarks_dir={self.landmarks_dir}"
            )

    def room(self, name):
        """The `ArrayCache` of one room of the cache."""
        cache_dir = Path(self.cache_dir or default_cache_dir())
        sweep(cache_dir / name)
        store = shared_folder(self.shared_dir, cache_dir)
        return ArrayCache(cache_dir / name, store)

    def landmarks_of(self, clip_id):
        """The clip's landmark file, or None."""
        if self.landmarks_dir is None:
            return None
        for ending in (".csv", ".npz"):
            path = Path(self.landmarks_dir) / (clip_id + ending)
            if path.is_file():
                return path
        return None


def store_clips(
    clips,
    files,
    room,
    settings,
    make,
    title,
    workers=None,
    num_points=None,
    executor=None,
):
    """Follows the face in every clip and keeps what is made of it, once.

    Everything is cached: face tracks by the content of the video (and of the
    landmark file) and the face settings, arrays by these and `settings`. A
    call that was interrupted continues where it stopped. A clip that cannot
    be read, shows too few usable frames, or has not the landmarks that are
    needed, is left out and listed with the reason. Files of the cache are
    checked by their checksums; the console tells how many were damaged, and
    these are made anew.

    Args:
        clips: Clip table.
        files: `FaceFiles`.
        room: Name of the cache's room for the arrays.
        settings: What decides the arrays, beside the face track; anything
            that JSON can hold.
        make: Function from a video's path and its `FaceTrack` to a dict of
            arrays, or to an iterable of such dicts, each of some frames, which
            are joined on disk and not in memory; it may raise ValueError or
            OSError for a clip.
        title: What the progress bar says.
        workers: Number of clips at work at a time; None for one per core.
        num_points: Landmarks that every frame needs: 68, which the detector
            does not give. None: any.
        executor: `RayExecutor` that spreads the clips; `make` has to be
            picklable then, and `files` to be on a disk, or to have a store,
            that all share. None: threads of this process.

    Returns:
        `StoredClips`.

    Raises:
        OverflowError: As `make` does.
        OSError: If the cache cannot be read or written, or the machine has
            run out of something: then no clip is left out for it.
        ValueError: If no clip is usable.
    """
    job = _Job(files, room, settings, make, num_points)
    items = [(row.clip_id, Path(row.path)) for row in clips.itertuples()]
    if executor is None:
        done = _in_threads(job.run, items, workers or os.cpu_count())
    else:
        done = executor.map(job.run, items)
    results, damaged = {}, []
    with progress_bar() as bar, contextlib.closing(done):
        task = bar.add_task(title, total=len(clips), note="")
        for (clip_id, _), (result, met) in done:
            results[clip_id] = result
            damaged += met
            bar.advance(task)
    _tell_damaged(damaged)
    return _collect(clips, results, job.arrays)


def _in_threads(function, items, workers):
    """Pairs of an item and what the function gives of it."""
    with ThreadPoolExecutor(workers) as pool:
        futures = {pool.submit(function, *item): item for item in items}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


class _Job:
    """What is the same for every clip of a call."""

    def __init__(self, files, room, settings, make, num_points):
        self.files = files
        self.tracks = files.room("tracks")
        self.arrays = files.room(room)
        self.settings = settings
        self.make = make
        self.num_points = num_points

    def run(self, clip_id, video):
        """One clip: what became of it, and the damaged files that were met."""
        job = copy.copy(self)  # other threads note what they meet
        job.tracks = ArrayCache(self.tracks.root, self.tracks.store)
        job.arrays = ArrayCache(self.arrays.root, self.arrays.store)
        result = job._result(clip_id, video)
        return result, [*job.tracks.damaged, *job.arrays.damaged]

    def _result(self, clip_id, video):
        """`(key, row of what was found)`, or the reason why not."""
        if not video.is_file():
            return f"{video}: there is no such video file"
        try:
            landmarks = self._landmarks_of(clip_id, video)
            track_key = self._track_key(video, landmarks)
            track = self._track(track_key, video, landmarks)
            key = settings_digest(self.settings, track_key)
            with _cache_at_work():
                is_there = self.arrays.has(key)
                if is_there:
                    self.arrays.share(key)
            if not is_there:
                made = self.make(video, track)
                if isinstance(made, dict):
                    with _cache_at_work():
                        self.arrays.put(key, made)
                else:
                    with spooled_arrays(made) as rows, _cache_at_work():
                        self.arrays.put_rows(key, rows)
        except _CacheError as error:
            raise error.__cause__ from None
        except (ValueError, OSError) as error:
            if getattr(error, "errno", None) in _EXHAUSTED:
                raise
            return str(error)
        found = {f"face_{name}": n for name, n in track.counts.items()}
        return key, {
            "num_frames": int(track.usable.sum()),
            "frames_per_second": float(track.frames_per_second),
            "face_source": track.source,
            **found,
        }

    def _landmarks_of(self, clip_id, video):
        """The clip's landmark file, or None where faces are found."""
        landmarks = self.files.landmarks_of(clip_id)
        if landmarks or self.files.find_landmarks or self.num_points is None:
            return landmarks
        raise ClipError(
            video,
            f"needs {self.num_points} landmarks in every frame, by the face "
            "mesh or from a file. Received: no such file in landmarks_dir="
            f"{self.files.landmarks_dir}",
        )

    def _track_key(self, video, landmarks):
        find = self.files.find_landmarks
        given = content_digest(landmarks) if landmarks else None
        if given is None and find is not None:
            given = find.__name__
        return settings_digest(
            LANDMARK_TRACK_FORMAT if given else TRACK_FORMAT,
            content_digest(video),
            given,
            dataclasses.asdict(self.files.face),
        )

    def _track(self, key, video, landmarks):
        """The clip's track, found once; also that there is none is kept."""
        with _cache_at_work():
            arrays = self.tracks.get(key)
            if arrays is not None:
                self.tracks.share(key)
        if arrays is None:
            arrays = self._found_track(video, landmarks)
            with _cache_at_work():
                self.tracks.put(key, arrays)
        if "unusable" in arrays:
            raise UnusableClip(video, str(arrays["unusable"]))
        track = FaceTrack.from_arrays(arrays)
        if self.num_points not in (None, track.points.shape[1]):
            raise ClipError(
                landmarks or video,
                f"expected {self.num_points} landmarks in every frame. "
                f"Received: {track.points.shape[1]}",
            )
        return track

    def _found_track(self, video, landmarks):
        face = self.files.face
        if landmarks is None and self.files.find_landmarks is not None:
            landmarks = self.files.find_landmarks(video, face)
        try:
            return track_face(video, landmarks, config=face).arrays()
        except UnusableClip as error:
            return {"unusable": np.array(error.reason)}


class _CacheError(Exception):
    """Stands for an OSError of the cache, for which no clip is left out."""


@contextlib.contextmanager
def _cache_at_work():
    try:
        yield
    except OSError as error:
        raise _CacheError from error


def _tell_damaged(paths):
    if paths:
        console.print(
            f"{len(paths)} damaged files in the cache were made anew; the "
            f"first: {paths[0]}",
            soft_wrap=True,
        )


def _collect(clips, results, cache):
    is_used = clips.clip_id.map(lambda c: not isinstance(results[c], str))
    left_out = clips[~is_used][["clip_id", "path"]].reset_index(drop=True)
    left_out["reason"] = [results[c] for c in left_out.clip_id]
    if not is_used.any():
        raise ValueError(
            f"None of the {len(clips)} clips is usable; the first: "
            f"{left_out.reason.iloc[0]}"
        )
    used = clips[is_used].reset_index(drop=True)
    found = pd.DataFrame([results[c][1] for c in used.clip_id])
    used = used.drop(columns=found.columns, errors="ignore")
    return StoredClips(
        clips=pd.concat([used, found.fillna(0)], axis=1),
        left_out=left_out,
        keys={c: results[c][0] for c in used.clip_id},
        cache=cache,
    )
