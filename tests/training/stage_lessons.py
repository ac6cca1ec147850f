"""Crops in memory, a lesson on them, and a small network that learns it."""

import keras
import numpy as np

from fdin_tf.data.augmentation import altered_crops
from fdin_tf.models.gnet_snet import build_face_network
from fdin_tf.training.precision import precision_policy
from fdin_tf.training.stage_trainer import Lesson

SIZE = 32


class Pixels:
    """Crops in memory, as `CropSource` gives those of files."""

    size = SIZE

    def __init__(self, pixels):
        self.pixels = pixels

    def __len__(self):
        return len(self.pixels)

    def crops(self, rows):
        return self.pixels[np.asarray(rows)]

    def altered(self, rows, rng, alteration):
        return altered_crops(self.crops(rows), SIZE, rng, alteration)

    def check_reach(self, alteration):
        assert alteration.reach <= 1


def bright_images():
    """Forty images, and their class: whether they are bright."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 40)
    pixels = rng.normal(90 + 60 * labels[:, None, None, None], 20,
                        (40, SIZE, SIZE, 3))  # fmt: skip
    return Pixels(np.uint8(np.clip(pixels, 0, 255))), labels


def bright_lesson():
    """To tell bright images from dark ones."""
    source, labels = bright_images()
    return Lesson(source, labels, "smile", 2, "bright images")


def attribute_lesson():
    """Whether images are bright, and an attribute that is rarely known."""
    source, labels = bright_images()
    other = np.where(np.arange(40) < 10, labels, -1)
    attributes = np.stack([labels, other], axis=1).astype("float32")
    return Lesson(source, attributes, "attributes", 2, "bright images")


def network(head="identity", classes=5, seed=0, policy="float32", dropout=0.3):
    """A small face network, with the same weights under every policy."""
    keras.utils.set_random_seed(seed)
    with precision_policy(policy):
        return build_face_network(
            head,
            classes,
            (SIZE, SIZE, 3),
            filters=(4, 4, 4, 4, 4),
            dense_units=(8, 8),
            dropout=dropout,
            std=64.0,
            kernel_initializer="he_normal",
        )


def assert_same(first, second):
    """Lists of arrays that are the same, bit for bit."""
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


class Killed(Exception):
    """As if the process had been killed."""


def kill(iteration, row):
    """Ends a training with its first row of the history."""
    raise Killed
