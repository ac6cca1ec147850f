"""Photographs of `recipes.attributes`, in memory."""

import dataclasses

import numpy as np
import pandas as pd

from fdin_tf.data.cache import settings_digest
from fdin_tf.data.image_files import load_images
from fdin_tf.data.image_files import read_image
from fdin_tf.data.image_sources import embedded_photographs
from fdin_tf.data.image_sources import load_photograph_table
from fdin_tf.data.images import split_images
from fdin_tf.data.synthetic.photograph_set import is_photograph_set
from fdin_tf.data.synthetic.photograph_set import load_photographs
from fdin_tf.data.synthetic.photograph_set import load_photographs_truth
from fdin_tf.data.synthetic.photographs import PHOTOGRAPH_SETS
from fdin_tf.data.synthetic.photographs import planted_masks


@dataclasses.dataclass(frozen=True, eq=False)
class Photographs:
    """Photographs in memory, with what is known about them.

    Attributes:
        images: Image table.
        pixels: Uint8 array `(n, size, size, 3)`.
        landmarks: Float array `(n, 68, 2)`, pixels, or None.
        masks: Dict from an attribute to planted places `(n, size, size)`, or
            None.
    """

    images: pd.DataFrame
    pixels: np.ndarray
    landmarks: np.ndarray | None = None
    masks: dict[str, np.ndarray] | None = None

    @property
    def is_synthetic(self):
        """Whether the photographs are drawn."""
        return self.masks is not None


def load_halves(config):
    """The photographs, half for training, half for testing.

    Returns:
        Two `Photographs`.
    """
    if config.data_dir is None:
        root = drawn_photographs(config.photographs, config.cache_dir)
        images = load_photographs(root)
    else:
        root = config.data_dir
        images = load_photograph_table(root)
    return tuple(
        load_half(half, root, config)
        for half in split_images(images, config.seed)
    )


def drawn_photographs(photographs, cache_dir):
    """Folder of drawn photographs, one of `PHOTOGRAPH_SETS` or others."""
    for name, known in PHOTOGRAPH_SETS.items():
        if known == photographs:
            return embedded_photographs(name, cache_dir)
    name = settings_digest(dataclasses.asdict(photographs))[:8]
    return embedded_photographs(name, cache_dir, photographs)


def load_half(images, root, config):
    """Loads photographs, and the truth about drawn ones, as networks see them.

    Args:
        images: Image table.
        root: Where the table is from.
        config: `Config` of `recipes.attributes`.
    """
    size, crop_from = config.image_size, config.crop_from
    pixels = load_images(images, size, crop_from)
    if not is_photograph_set(root):
        return Photographs(images, pixels)
    truth = load_photographs_truth(root, images.image_id)
    side = crop_from or size
    scale = side / read_image(images.path[0]).shape[0]

    def seen(places):  # centres of pixels are integers
        return (places + 0.5) * scale - 0.5 - (side - size) // 2

    boxes = seen(truth["boxes"])
    return Photographs(
        images,
        pixels,
        seen(truth["landmarks"]),
        {
            attribute: planted_masks(boxes, attribute, size)
            for attribute in config.attributes
        },
    )


def load_base_photographs(config):
    """Photographs of other people, for training (four fifths) and testing."""
    root = drawn_photographs(config.base_photographs, config.cache_dir)
    parts = split_images(load_photographs(root), config.seed, train=0.8)
    return tuple(load_half(part, root, config) for part in parts)
