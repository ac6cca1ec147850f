"""From face image tables to batches of crops, streamed."""

import functools
import math
import os
import threading

import numpy as np
import tensorflow as tf

from fdin_tf.data.augmentation import Alteration
from fdin_tf.data.augmentation import altered_crops
from fdin_tf.data.augmentation import keras_cv_function
from fdin_tf.data.crop_memory import CropMemory
from fdin_tf.data.face_images import face_points
from fdin_tf.data.image_files import read_image
from fdin_tf.faces import align_frame
from fdin_tf.faces.crops import crop_matrix

#: The alteration of a training that asks for no other.
MIRRORED = Alteration()
_PREFETCH = 2  # batches


class CropSource:
    """The faces of an image table as crops of one scheme.

    A face is read from its file and cut out with a margin around the crop, by
    one warp, at the scale of the crop. What was cut out is kept in memory
    while the budget lasts, so that a set that fits into it is decoded once;
    the rest is read again whenever it is asked for. `release` gives all of it
    back; a source that is used after that begins to keep anew. Threads may
    share a source.

    Args:
        images: Face image table in which every row has its five points.
        scheme: `CropScheme`.
        size: Side of the crops, pixels.
        margin: Side of what is cut out in sides of the crop, at least 1; the
            result is at least as wide, and as far from the crop on all sides.
            An `Alteration` needs its `reach`.
        memory: `CropMemory` that what is kept comes out of, which sources may
            share; None: 2 GB of its own.

    Attributes:
        matrices: `(n, 2, 3)`, float64: from each image to its crop, without
            the margin, see `crop_matrix`.
        side: Side of what is cut out, pixels.

    Raises:
        ValueError: If a point is missing or the points of a row cannot be
            those of a face, or if a number is out of its range.

    Example:

    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> from PIL import Image
    >>> from fdin_tf.data.face_images import POINT_COLUMNS
    >>> from fdin_tf.faces.crops import CROP_SCHEMES
    >>> points = [40, 40, 60, 40, 50, 50, 42, 60, 58, 60]
    >>> images = pd.DataFrame([points], columns=POINT_COLUMNS)
    >>> images["path"] = str(Path(tempfile.mkdtemp()) / "face.png")
    >>> Image.new("RGB", (100, 120)).save(images.path[0])
    >>> source = CropSource(images, CROP_SCHEMES[1], size=64)
    >>> source.crops([0, 0]).shape
    (2, 64, 64, 3)
    """

    def __init__(self, images, scheme, size=224, margin=1.2, memory=None):
        if size < 1 or not 1 <= margin < math.inf:
            raise ValueError(
                "Expected a crop of 1 pixel or more and a margin of at least "
                f"1. Received: size={size}, margin={margin}"
            )
        self.images = images
        self.scheme = scheme
        self.size = size
        self.margin = margin
        self.memory = CropMemory() if memory is None else memory
        # The same number of pixels on all sides: the middle is exact.
        self._border = math.ceil(round(size * (margin - 1) / 2, 6))
        self.side = size + 2 * self._border
        self.matrices = self._matrices_of(images)
        self._paths = images.path.tolist()
        self._kept = {}
        self._lock = threading.Lock()

    def __len__(self):
        return len(self._paths)

    def crops(self, rows):
        """The crops as they are.

        Args:
            rows: Positions in the table, integers.

        Returns:
            `(n, size, size, 3)`, uint8: red, green, blue.

        Raises:
            OSError: If a file cannot be read (any more), in one line with its
                path.
        """
        middle = slice(self._border, self._border + self.size)
        crops = np.empty((len(rows), self.size, self.size, 3), np.uint8)
        for crop, row in zip(crops, rows):
            crop[:] = self._wide_crop(row)[middle, middle]
        return crops

    def altered(self, rows, rng, alteration):
        """The crops, every one altered by chance.

        Args:
            rows: Positions in the table, integers.
            rng: NumPy generator; it determines the result.
            alteration: `Alteration`; what KerasCV adds to it comes in
                `make_image_batches`.

        Returns:
            `(n, size, size, 3)`, uint8: red, green, blue.

        Raises:
            OSError: As `crops`.
            ValueError: If the alteration reaches beyond the margin.
        """
        self.check_reach(alteration)
        wide = [self._wide_crop(row) for row in rows]
        return altered_crops(wide, self.size, rng, alteration)

    def check_reach(self, alteration):
        """ValueError if an alteration would show what was not cut out."""
        if alteration.reach * self.size > self.side + 1:
            raise ValueError(
                "Expected a margin that the altered crops stay within, at "
                f"least {math.ceil(100 * alteration.reach) / 100}. Received: "
                f"margin={self.margin}, {alteration}"
            )

    def release(self):
        """Forgets what is kept and gives its memory back."""
        with self._lock:
            kept, self._kept = self._kept, {}
            self.memory.give_back(sum(crop.nbytes for crop in kept.values()))

    def _matrices_of(self, images):
        matrices = np.empty((len(images), 2, 3))
        for row, points in enumerate(face_points(images)):
            try:
                matrices[row] = crop_matrix(points, self.scheme, self.size)
            except ValueError as error:
                name = "image_id" if "image_id" in images else "path"
                raise ValueError(
                    f"{name}={images[name].iloc[row]!r}: {error}"
                ) from error
        return matrices

    def _wide_crop(self, row):
        """The crop with its margin, `(side, side, 3)`."""
        row = int(row)
        kept = self._kept.get(row)
        if kept is not None:
            return kept
        try:
            image = read_image(self._paths[row])
        except (ValueError, OSError) as error:
            # One line and one error: all that tf.data hands on is text.
            raise OSError(" ".join(str(error).split())) from None
        matrix = self.matrices[row] + [0, 0, self._border]
        crop = align_frame(image, matrix, self.side)
        with self._lock:  # another thread may have read it, too
            if row not in self._kept and self.memory.take(crop.nbytes):
                self._kept[row] = crop
        return crop


def make_image_batches(
    source,
    labels,
    batch_size,
    seed,
    first_step=0,
    num_steps=None,
    alteration=MIRRORED,
):
    """Batches of altered crops without end, or for a number of steps.

    All rows are shown in an order of their own in every epoch. Batches cross
    the border of two epochs, so that all have the same size: with n rows, the
    batch of step s holds the places `s * batch_size` and on of the epochs
    lined up. It depends on the source, the labels, the seed and s alone: a
    training that goes on at step s sees what an undisturbed one sees.

    Args:
        source: `CropSource`, or another object with a length, `size`,
            `check_reach` and `altered`.
        labels: Array with a row for every row of the source, or a dict of
            such arrays.
        batch_size: Images per batch.
        seed: Seed of order and alterations, 0 or more.
        first_step: The step to begin at, from 0.
        num_steps: Number of steps; None: without end.
        alteration: `Alteration`; None: the crops as they are.

    Returns:
        A `tf.data.Dataset` of `({"images": (b, size, size, 3) uint8}, labels
        of these rows)`. A file that cannot be read (any more) ends it with a
        `tf.errors.UnknownError` that contains a line `OSError: ` with the
        path.

    Raises:
        ImportError: If KerasCV is asked for and not installed.
        ValueError: If a number is out of its range, labels have another
            length, or the alteration reaches beyond the source's margin.
    """
    if alteration is None:
        alteration = Alteration(flip=False)
    num_rows = len(source)
    if not isinstance(labels, dict):
        labels = np.asarray(labels)
    _check_batches(num_rows, labels, batch_size, seed, first_step, num_steps)
    source.check_reach(alteration)
    labels = tf.nest.map_structure(tf.constant, labels)
    order = functools.lru_cache(maxsize=8)(
        lambda epoch: np.random.default_rng([seed, 0, epoch]).permutation(
            num_rows
        )
    )

    def load(step):
        places = step * batch_size + np.arange(batch_size)
        rows = np.array([order(p // num_rows)[p % num_rows] for p in places])
        rng = np.random.default_rng([seed, 1, step])
        images = source.altered(rows, rng, alteration)
        return images, rows, rng.integers(2**62, size=(batch_size, 2))

    kind = alteration.keras_cv
    change = keras_cv_function(kind) if kind else lambda images, seeds: images
    shape = (batch_size, source.size, source.size, 3)

    def batch(step):
        images, rows, seeds = tf.numpy_function(
            load, [step], (tf.uint8, tf.int64, tf.int64), stateful=False
        )
        images = change(
            tf.ensure_shape(images, shape),
            tf.ensure_shape(seeds, (batch_size, 2)),
        )
        rows = tf.ensure_shape(rows, (batch_size,))
        return {"images": images}, tf.nest.map_structure(
            lambda values: tf.gather(values, rows), labels
        )

    steps = tf.data.Dataset.counter(first_step)
    steps = steps if num_steps is None else steps.take(num_steps)
    return steps.map(
        batch, num_parallel_calls=os.cpu_count(), deterministic=True
    ).prefetch(_PREFETCH)


def _check_batches(num_rows, labels, batch_size, seed, first_step, num_steps):
    least = {
        "batch_size": (batch_size, 1),
        "seed": (seed, 0),
        "first_step": (first_step, 0),
        "num_steps": (1 if num_steps is None else num_steps, 0),
    }
    for name, (value, low) in least.items():
        if value < low:
            raise ValueError(
                f"`{name}` of image batches must be {low} or more. Received: "
                f"{name}={value}"
            )
    for values in tf.nest.flatten(labels):
        if len(values) != num_rows:
            raise ValueError(
                f"Expected labels for all {num_rows} images. Received: "
                f"{len(values)}"
            )
