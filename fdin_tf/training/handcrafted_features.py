"""Descriptors of clips, each computed once and kept in the cache."""

import collections
import dataclasses
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import as_completed

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
from fdin_tf.training.handcrafted_faces import GreyFaces

# Settings of the encoder that is fitted in each fold.
IEF = {"blocks": (7, 7), "codes": 32, "patch": 5, "beta": 10.0}
# What stands in a clip's file for what it lacks.
_CONDITIONS = "conditions"


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


def _of_volume(describe):
    """Describes all frames; fewer than three are repeated up to three."""

    def compute(view, **settings):
        frames = view.frames
        missing = max(0, 3 - len(frames))
        frames = np.concatenate([frames, np.repeat(frames[-1:], missing, 0)])
        return describe(frames, **settings)[None]

    return compute


def _dynamics(kind):
    """Measures motion; 0 where there are no landmarks."""

    def compute(view):
        if np.isnan(view.landmarks).any():
            return np.zeros((1, len(feature_names(kind))), "float32")
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
        _of_volume(volume_lbp), {"interval": 1, "points": 4, "radius": 1}
    ),
    "lbp_top": Descriptor(
        _of_volume(lbp_top),
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


def _told(name):
    return {name: DESCRIPTORS[name].as_json()}


@dataclasses.dataclass(frozen=True)
class DescribedClips:
    """Clips with their descriptions, on disk.

    Attributes:
        faces: `GreyFaces`.
        conditions: What every clip lacks, by clip id: names of `CONDITIONS`
            separated by commas, or nothing.
        cache: The cache that holds the descriptions.
    """

    faces: GreyFaces
    conditions: dict[str, str]
    cache: ArrayCache

    @property
    def counts(self):
        """Table of `condition` and `clips`, of those that occur."""
        lacking = collections.Counter(
            name
            for lacks in self.conditions.values()
            for name in lacks.split(", ")
            if name
        )
        return pd.DataFrame(
            sorted(lacking.items()), columns=["condition", "clips"]
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
            place,
            seed,
            [self.faces.key(clip_id) for clip_id in fold.train],
            [self.faces.key(clip_id) for clip_id in clip_ids],
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


def describe_clips(faces, clip_ids, names, cache, workers=None):
    """Describes clips, each once, several at a time.

    What a clip lacks does not leave it out, see `GreyFaces.view`; volumes of
    fewer than three frames repeat their last.

    Args:
        faces: `GreyFaces`.
        clip_ids: Ids of the clips.
        names: Names of `DESCRIPTORS`, or `ief`, which takes `faces`.
        cache: `ArrayCache`, such as that of encoded frames.
        workers: Number of clips at work at a time; None for one per core.

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
            view, lacks = faces.view(clip_id)
            for name, key in missing.items():
                descriptor = DESCRIPTORS[name]
                values = descriptor.compute(view, **descriptor.settings)
                cache.put(key, {"values": values})
            about = {"values": np.array(", ".join(lacks))}
            cache.put(_key(_CONDITIONS, faces, clip_id), about)
        return str(about["values"])

    conditions = {}
    pool = ThreadPoolExecutor(workers or os.cpu_count())
    with progress_bar() as bar, pool:
        task = bar.add_task("Descriptors", total=len(clip_ids), note="")
        futures = {pool.submit(work, clip_id): clip_id for clip_id in clip_ids}
        try:
            for future in as_completed(futures):
                conditions[futures[future]] = future.result()
                bar.advance(task)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return DescribedClips(faces, conditions, cache)


def _key(name, faces, clip_id):
    """Of a clip's faces, a descriptor, its settings and its version."""
    about = [_CONDITIONS, 1] if name == _CONDITIONS else _told(name)
    return settings_digest(
        "handcrafted", about, faces.is_smooth, faces.key(clip_id)
    )
