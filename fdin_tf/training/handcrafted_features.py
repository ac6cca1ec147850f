"""Descriptors of clips, each computed once and kept in the cache."""

import collections
import dataclasses
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import as_completed
from importlib.metadata import version

import cv2
import numpy as np
import pandas as pd

from fdin_tf.data.cache import ArrayCache
from fdin_tf.data.cache import settings_digest
from fdin_tf.handcrafted.bif import biologically_inspired_features
from fdin_tf.handcrafted.dynamics import dynamics_features
from fdin_tf.handcrafted.dynamics import feature_names
from fdin_tf.handcrafted.ief import FORMAT_VERSION as IEF_FORMAT
from fdin_tf.handcrafted.ief import IntensityEncoder
from fdin_tf.handcrafted.lbp import lbp_histograms
from fdin_tf.handcrafted.lbp_top import lbp_top
from fdin_tf.handcrafted.vlbp import volume_lbp
from fdin_tf.progress import progress_bar
from fdin_tf.training.handcrafted_faces import VIEW_FORMAT
from fdin_tf.training.handcrafted_faces import GreyFaces

# Settings of the encoder that is fitted in each fold.
IEF = {"blocks": (7, 7), "codes": 32, "patch": 5, "beta": 10.0}
# What stands in a clip's file for what it lacks.
_CONDITIONS = "conditions"
# How many frames before and after it the patterns of a frame reach.
_REACHES = {
    "vlbp": lambda settings: settings["interval"],
    "lbp_top": lambda settings: settings["radii"][2],
}


@dataclasses.dataclass(frozen=True)
class Descriptor:
    """How a clip is described.

    Attributes:
        compute: Function from a `ClipView` and the settings to an array
            `(places, ...)`.
        settings: Its settings, a dict.
        version: Raised when stored descriptions would no longer mean the
            same.
    """

    compute: Callable
    settings: dict = dataclasses.field(default_factory=dict)
    version: int = 1

    def as_json(self):
        """What decides the description beside the clip."""
        return {"settings": self.settings, "version": self.version}


def _of_onset(describe):
    """Describes the first and the last frame of the onset."""

    def compute(view, **settings):
        return np.stack(
            [describe(view.frames[t], **settings) for t in view.onset_frames]
        )

    return compute


def _of_volume(describe, name):
    """Describes all frames; of too few the last is repeated."""

    def compute(view, **settings):
        frames = view.frames
        missing = max(0, 2 * _REACHES[name](settings) + 1 - len(frames))
        frames = np.concatenate([frames, np.repeat(frames[-1:], missing, 0)])
        return describe(frames, **settings)[None]

    return compute


def _dynamics(kind):
    """Measures motion; NaN where it is not known."""

    def compute(view):
        if np.isnan(view.landmarks).any():
            return np.full((1, len(feature_names(kind))), np.nan, "float32")
        return dynamics_features(view, kind, smooth=False)[None]

    return compute


#: Descriptors by name. `faces` are the two frames of the onset themselves.
DESCRIPTORS = {
    "faces": Descriptor(_of_onset(lambda frame: frame)),
    "lbp": Descriptor(
        _of_onset(lbp_histograms),
        {"blocks": (7, 7), "points": 8, "radius": 2},
    ),
    "bif": Descriptor(
        _of_onset(biologically_inspired_features),
        {"bands": 8, "orientations": 12},
    ),
    "vlbp": Descriptor(
        _of_volume(volume_lbp, "vlbp"),
        {"interval": 1, "points": 4, "radius": 1},
    ),
    "lbp_top": Descriptor(
        _of_volume(lbp_top, "lbp_top"),
        {"blocks": (3, 3), "points": (8, 8, 8), "radii": (1, 1, 1)},
    ),
    "displacement": Descriptor(_dynamics("displacement")),
    "deformation": Descriptor(_dynamics("deformation")),
    "gender": Descriptor(_dynamics("gender")),
}


def descriptor_settings(name):
    """What decides a descriptor, for digests; `ief` is fitted in each fold."""
    if name == "ief":
        return {"settings": IEF, "version": IEF_FORMAT, **_told("faces")}
    return _told(name)


def least_frames():
    """Frames that a clip needs for all descriptors without repetition."""
    reaches = [_REACHES[n](DESCRIPTORS[n].settings) for n in _REACHES]
    return 2 * max(reaches) + 1


def _told(name):
    return {name: DESCRIPTORS[name].as_json()}


@dataclasses.dataclass(frozen=True)
class DescribedClips:
    """Clips with their descriptions, on disk.

    Attributes:
        faces: `GreyFaces`.
        lacks: What every clip lacks, by clip id: a dict from names of
            `CONDITIONS` to the reason.
        cache: The cache that holds the descriptions.
    """

    faces: GreyFaces
    lacks: dict[str, dict[str, str]]
    cache: ArrayCache

    @property
    def conditions(self):
        """What every clip lacks, by clip id: names, between commas."""
        return {clip_id: ", ".join(n) for clip_id, n in self.lacks.items()}

    @property
    def lacking(self):
        """Table of `clip_id`, `condition` and `reason`, clips in order."""
        return pd.DataFrame(
            [
                (clip_id, condition, reason)
                for clip_id, lacks in self.lacks.items()
                for condition, reason in lacks.items()
            ],
            columns=["clip_id", "condition", "reason"],
        )

    @property
    def counts(self):
        """Table of `condition` and `clips`, of those that occur."""
        counts = collections.Counter(self.lacking.condition)
        return pd.DataFrame(
            sorted(counts.items()), columns=["condition", "clips"]
        )

    def values(self, name, place, clip_ids):
        """Descriptions of clips, `(clips, ...)`.

        Args:
            name: Name of a descriptor.
            place: Which of its places.
            clip_ids: Ids of clips.

        Raises:
            OSError: If a file was removed or damaged since it was written.
        """
        return np.stack(
            [self._values(name, clip_id)[place] for clip_id in clip_ids]
        )

    def encoded(self, place, fold, seed):
        """Faces of a fold by an `IntensityEncoder` of its training clips.

        Args:
            place: Which frame of the onset.
            fold: `Fold`.
            seed: Seed of the encoder.

        Returns:
            Dict from the ids of the fold's clips to `(features,)` float32.
        """
        clip_ids = [*fold.train, *fold.valid, *fold.test]
        key = settings_digest(
            "ief",
            descriptor_settings("ief"),
            _versions("scikit-learn", "numpy"),
            place,
            seed,
            [_key("faces", self.faces, clip_id) for clip_id in fold.train],
            [_key("faces", self.faces, clip_id) for clip_id in clip_ids],
        )
        arrays = self.cache.get(key)
        if arrays is None:
            encoder = IntensityEncoder(**IEF)
            encoder.fit(self.values("faces", place, fold.train), seed)
            values = [
                encoder.encode(image)
                for image in self.values("faces", place, clip_ids)
            ]
            arrays = {"values": np.stack(values)}
            self.cache.put(key, arrays)
        return dict(zip(clip_ids, arrays["values"]))

    def _values(self, name, clip_id):
        key = _key(name, self.faces, clip_id)
        arrays = self.cache.get(key)
        if arrays is None:
            raise OSError(
                f"The stored descriptor {name!r} of clip {clip_id!r} is gone "
                "or damaged; run the same command again to compute it anew. "
                f"Received: path={self.cache.path(key)}"
            )
        return arrays["values"]


def describe_clips(faces, clip_ids, names, cache):
    """Describes clips, each once, several at a time.

    What a clip lacks does not leave it out, see `GreyFaces.view`. Too few
    frames for the patterns of a volume repeat their last one; dynamics that
    are not known are NaN, those of a phase without frames 0.

    Args:
        faces: `GreyFaces`.
        clip_ids: Ids of the clips.
        names: Names of `DESCRIPTORS`, or `ief`, which takes `faces`.
        cache: `ArrayCache`, such as that of encoded frames.

    Returns:
        `DescribedClips`.

    Raises:
        OSError: If a face was removed or damaged.
        ValueError: If the faces are too small for a descriptor.
    """
    names = sorted({"faces" if name == "ief" else name for name in names})

    def work(clip_id):
        wanted = {name: _key(name, faces, clip_id) for name in names}
        missing = {n: k for n, k in wanted.items() if not cache.has(k)}
        about = cache.get(_key(_CONDITIONS, faces, clip_id))
        if missing or about is None:
            view, lacks = faces.view(clip_id, least_frames())
            for name, key in missing.items():
                descriptor = DESCRIPTORS[name]
                values = descriptor.compute(view, **descriptor.settings)
                cache.put(key, {"values": values})
            about = {"values": np.array(list(lacks.items()), "U")}
            cache.put(_key(_CONDITIONS, faces, clip_id), about)
        return dict(about["values"].reshape(-1, 2).tolist())

    found = {}
    pool = ThreadPoolExecutor(os.cpu_count())
    with progress_bar() as bar, pool:
        task = bar.add_task("Descriptors", total=len(clip_ids), note="")
        futures = {pool.submit(work, clip_id): clip_id for clip_id in clip_ids}
        try:
            for future in as_completed(futures):
                found[futures[future]] = future.result()
                bar.advance(task)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    lacks = {clip_id: found[clip_id] for clip_id in clip_ids}
    return DescribedClips(faces, lacks, cache)


def _key(name, faces, clip_id):
    """Of a clip's faces, a descriptor, its settings and all versions."""
    is_told = name != _CONDITIONS
    about = _told(name) if is_told else [_CONDITIONS, least_frames()]
    return settings_digest(
        "handcrafted",
        VIEW_FORMAT,
        [cv2.__version__, *_versions("scikit-image")],
        about,
        faces.key(clip_id),
    )


def _versions(*packages):
    return [version(package) for package in packages]
