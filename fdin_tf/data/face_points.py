"""The five points of the face that an image is about, found where missing."""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import as_completed
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from fdin_tf.data.cache import ArrayCache
from fdin_tf.data.cache import content_digest
from fdin_tf.data.cache import default_cache_dir
from fdin_tf.data.cache import settings_digest
from fdin_tf.data.cache import sweep
from fdin_tf.data.face_images import BOX_COLUMNS
from fdin_tf.data.face_images import POINT_COLUMNS
from fdin_tf.data.image_files import read_image
from fdin_tf.faces import Face
from fdin_tf.faces import MTCNNDetector
from fdin_tf.faces.crops import nearest_face
from fdin_tf.faces.five_points import check_points

# Raised when what is kept of a detection would no longer mean the same.
FACES_FORMAT = 1
#: Smallest face that is looked for: a share of the image's shorter side.
LEAST_FACE = 0.06
#: Least overlap with a given box: a share of the smaller of both boxes.
LEAST_OVERLAP = 0.25

_NEAR = ("box", "centre")
# Their versions decide what is read from a file and found in it.
_PACKAGES = ("mtcnn", "opencv-python-headless", "pillow", "tensorflow")


def find_face_points(
    images, near, detector=None, cache_dir=None, progress=None
):
    """Completes a face image table with the five points of every face.

    In images without points all faces are detected, and one is taken: Zhang
    et al. (CVPR workshops 2016, section 4) take the face nearest to the given
    box for training and validation, and the one nearest to the image's centre
    for testing. Nearest is the face whose box has its centre nearest to that
    of the given box, or of the image. Given points are kept; their images are
    not opened.

    Near a box, only faces in it count: those that share with it
    `LEAST_OVERLAP` of the smaller of both boxes or more. If the labelled face
    of a group is not found, its neighbour is not taken for it. (On drawn
    faces the labelled ones share 84 % or more, the others nothing.)

    What was detected is kept on disk by the content of the file, the settings
    of the detector and the versions of the packages: neither a second call
    nor the other choice detects anew. As many images are at work at a time as
    there are processors, which bounds the memory.

    Args:
        images: Face image table.
        near: `"box"` or `"centre"`.
        detector: Function from an RGB image to its `Face`s, which several
            threads may call; None: `MTCNNDetector` for faces of `LEAST_FACE`
            and above, as photographs of groups show them. Its class and its
            attributes stand for it in the cache.
        cache_dir: Folder of the cache; None for the user's cache folder.
        progress: Called as `progress(done, total)` with numbers of images
            without points.

    Returns:
        Two tables, indexed from 0, rows in the order of `images`. The face
        image table of the usable images, with points and the further columns
        `num_faces` (faces detected; empty where points were given) and
        `face_confidence` (of the one that was taken, 0 to 1). And the
        failures, `image_id path reason`: no face was found, or none in the
        given box, a file is no whole image of a usable size, there is no box
        to look near, or five points, given or found, cannot be those of a
        face. Reasons that are alike are equal, so that they can be counted.

    Raises:
        ValueError: If `near` is another word, or if no image is usable.
    """
    if near not in _NEAR:
        raise ValueError(
            f"Expected a face near the box or near the centre, one of "
            f"{', '.join(_NEAR)}. Received: near={near!r}"
        )
    if detector is None:
        detector = MTCNNDetector(min_face_share=LEAST_FACE)
    finder = _Finder(near, detector, cache_dir)
    numbers = images.reindex(columns=[*POINT_COLUMNS, *BOX_COLUMNS])
    points, boxes = np.split(numbers.to_numpy(np.float64), [10], axis=1)
    is_missing = np.isnan(points).all(axis=1)
    results = [
        None if missing else _reason_or(_given, path, row)
        for missing, path, row in zip(is_missing, images.path, points)
    ]
    report = progress or (lambda done, total: None)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        futures = {
            pool.submit(_reason_or, finder.find, path, boxes[row]): row
            for row, path in enumerate(images.path)
            if is_missing[row]
        }
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                results[futures[future]] = future.result()
                report(done, len(futures))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return _collect(images, results)


def _reason_or(find, path, numbers):
    """What was found, or why nothing was: alike for all with one reason."""
    try:
        return find(path, numbers)
    except ValueError as error:
        reason = str(error)
    # The failures name the path, and the table its points.
    for part in (f", path={path}", f" Received: path={path}", f" {path!r}"):
        reason = reason.replace(part, "")
    return " ".join(re.sub(r", points=\[.*\]$", "", reason).split())


def _given(path, points):
    check_points(points.reshape(5, 2))
    return dict(zip(POINT_COLUMNS, points))


class _Finder:
    """What is the same for every image of a call."""

    def __init__(self, near, detector, cache_dir):
        self.near = near
        self.detector = detector
        root = Path(cache_dir or default_cache_dir()) / "face_points"
        sweep(root)
        self.cache = ArrayCache(root)
        kind = type(detector)
        self.settings = [
            FACES_FORMAT,
            f"{kind.__module__}.{kind.__qualname__}",
            getattr(detector, "__qualname__", None),  # of a plain function
            vars(detector),
            {package: version(package) for package in _PACKAGES},
        ]

    def find(self, path, box):
        """Points of one image and where they come from, by column.

        Raises:
            ValueError: If the file, its faces or the box are not as needed.
        """
        if self.near == "box" and np.isnan(box).any():
            raise ValueError(
                "Expected a box to take the nearest face to. Received: none"
            )
        size, faces = self._faces(path)
        if not faces:
            raise ValueError("Expected a face in the image. Received: none")
        face = self._nearest(faces, box, size)
        points = check_points(face.points)
        return {
            **dict(zip(POINT_COLUMNS, points.ravel())),
            "num_faces": len(faces),
            "face_confidence": face.confidence,
        }

    def _nearest(self, faces, box, size):
        """The face nearest to the box, or to the image's centre."""
        if self.near == "centre":
            return nearest_face(faces, size / 2)
        inside = [f for f in faces if _share(f.box, box) >= LEAST_OVERLAP]
        if not inside:
            raise ValueError(
                "Expected a face in the given box. Received: faces elsewhere "
                "only"
            )
        return nearest_face(inside, box[:2] + box[2:] / 2)

    def _faces(self, path):
        """Width and height of an image, and its faces, detected once."""
        try:
            key = settings_digest(self.settings, content_digest(path))
            kept = self.cache.get(key)
            image = None if kept else read_image(path)
        except OSError as error:
            raise ValueError(error.strerror or str(error)) from error
        if kept is None:
            faces = self.detector(image)
            kept = {
                "size": np.array(image.shape[1::-1]),
                "boxes": np.reshape([face.box for face in faces], (-1, 4)),
                "points": np.reshape(
                    [face.points for face in faces], (-1, 5, 2)
                ),
                "confidences": np.array([face.confidence for face in faces]),
            }
            self.cache.put(key, kept)
        found = kept["boxes"], kept["points"], kept["confidences"].tolist()
        return kept["size"], [Face(*face) for face in zip(*found)]


def _share(box, given):
    """What two boxes have in common, as a share of the smaller one.

    Args:
        box: `(x1, y1, x2, y2)`, its corners.
        given: `(x, y, width, height)`.
    """
    box, given = np.float64(box), np.float64(given)
    low, high = box[:2], box[2:]
    start = np.maximum(low, given[:2])
    stop = np.minimum(high, given[:2] + given[2:])
    smaller = min((high - low).prod(), given[2:].prod())
    return (stop - start).clip(0).prod() / smaller


def _collect(images, results):
    is_usable = np.array([isinstance(result, dict) for result in results], bool)
    failures = images[~is_usable][["image_id", "path"]].reset_index(drop=True)
    failures["reason"] = [r for r in results if isinstance(r, str)]
    if not is_usable.any():
        raise ValueError(
            f"None of the {len(images)} images shows a usable face; the "
            f"first: {failures.reason[0]} (path={failures.path[0]})"
        )
    found = pd.DataFrame(
        [result for result in results if isinstance(result, dict)],
        columns=[*POINT_COLUMNS, "num_faces", "face_confidence"],
    ).astype({"num_faces": "Int64", "face_confidence": float})
    usable = images[is_usable].reset_index(drop=True)
    usable[found.columns] = found
    return usable, failures
