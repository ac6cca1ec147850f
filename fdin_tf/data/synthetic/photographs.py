"""Drawn photographs whose ratings depend on known places of the face.

Every image shows another face, with the amplitudes a_r of its nine regions
drawn independently and evenly from 0 to 1. The rating of an attribute is

    1 + 8 mean(a_r of the attribute's regions) + noise,    within 1 to 9

with the regions of `PLANTS` and noise of the deviation `RATING_NOISE`. So it
is known where a network must look, and heatmaps can be scored.

The plants are arbitrary. Which region was given to which attribute, how the
faces look, and the words themselves mean nothing about people: nobody rated
these drawings.
"""

import dataclasses
from typing import Literal

import cv2
import numpy as np

from fdin_tf.data.images import RATINGS
from fdin_tf.data.synthetic import deformation
from fdin_tf.data.synthetic import template
from fdin_tf.data.synthetic.canvas import Canvas
from fdin_tf.data.synthetic.catalogue import AGES
from fdin_tf.data.synthetic.identity import Identity
from fdin_tf.data.synthetic.identity import draw_identity
from fdin_tf.data.synthetic.places import moved
from fdin_tf.data.synthetic.places import region_boxes
from fdin_tf.data.synthetic.render import Face

#: Regions whose mean amplitude an attribute is rated by.
PLANTS = {
    "attractiveness": ("left_eye", "right_eye"),
    "happiness": ("left_mouth", "mouth", "right_mouth"),
    "confidence": ("forehead",),
    "intelligence": ("left_cheek", "right_cheek"),
}
#: Standard deviation of what no pixel shows of a rating of 1 to 9.
RATING_NOISE = 0.2
#: Changes whenever the same seed would draw other photographs.
GENERATOR_VERSION = 1

_EYE_DISTANCE = 0.28  # of the picture's side
_MIDDLE = (0.0, 0.40)  # of the head, which the picture is centred on
_OVAL = (1.22, 1.62)  # half its width and height
_WHITE = 255


@dataclasses.dataclass(frozen=True)
class PhotographsConfig:
    """What a set of drawn photographs holds.

    Attributes:
        num_images: 1 to 99,999; each shows another subject.
        size: Side of the square images in pixels, at least 64.
        seed: Seed of the whole set, 0 or more.
        frame: `"oval"`: the head in an oval, white around it, as in the 10k
            US Adult Faces Database. `"none"`: neck, clothes and a coloured
            ground are seen.

    Raises:
        ValueError: If a value is out of its range.

    >>> PhotographsConfig(num_images=24).size
    128
    """

    num_images: int = 2222
    size: int = 128
    seed: int = 0
    frame: Literal["oval", "none"] = "oval"

    def __post_init__(self):
        checks = {
            "num_images": (1 <= self.num_images <= 99_999, "1 to 99,999"),
            "size": (self.size >= 64, "64 or more"),
            "seed": (self.seed >= 0, "0 or more"),
            "frame": (self.frame in ("oval", "none"), "oval or none"),
        }
        for name, (holds, expected) in checks.items():
            if not holds:
                raise ValueError(
                    f"`{name}` of drawn photographs must be {expected}. "
                    f"Received: {name}={getattr(self, name)!r}"
                )


#: The sets that tests, recipes and examples use.
PHOTOGRAPH_SETS = {
    "tiny": PhotographsConfig(num_images=24, size=96),
    "demo": PhotographsConfig(),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Photograph:
    """Everything that makes one photograph, before it is painted.

    Attributes:
        image_id: Five digits, from `"00001"` on.
        seed: Seed of what is painted.
        age: Age that the face shows, in years.
        gender: Gender that the face shows, `"female"` or `"male"`.
        identity: `Identity` of the face.
        amplitudes: a_r, shape `(regions,)`, 0 (at rest) to 1.
        ratings: Rating by attribute, 1 to 9.
        head: Similarity from the canvas to the image, pixels, shape `(2, 3)`.
        light: Brightness in the middle of the face, and its change for each
            face unit to the right.
    """

    image_id: str
    seed: tuple[int, ...]
    age: int
    gender: str
    identity: Identity
    amplitudes: np.ndarray
    ratings: dict[str, float]
    head: np.ndarray
    light: tuple[float, float]


def draw_photograph(config, index):
    """Draws who and what a photograph shows; the same for the same seed.

    Args:
        config: `PhotographsConfig` of the set.
        index: Number of the photograph, from 0.

    Returns:
        A `Photograph`.

    >>> photograph = draw_photograph(PhotographsConfig(), index=0)
    >>> sorted(photograph.ratings)
    ['attractiveness', 'confidence', 'happiness', 'intelligence']
    """
    seed = config.seed, index
    rng = np.random.default_rng([*seed, 0])
    youngest, oldest = AGES
    age = int(rng.integers(youngest, oldest + 1))
    gender = str(rng.choice(["female", "male"]))
    identity = draw_identity(rng, age, gender)
    amplitudes = rng.uniform(0, 1, len(template.REGIONS))
    return Photograph(
        image_id=f"{index + 1:05d}",
        seed=(*seed, 1),
        age=age,
        gender=gender,
        identity=identity,
        amplitudes=amplitudes,
        ratings=draw_ratings(rng, amplitudes),
        head=_draw_head(rng, config.size),
        light=(rng.uniform(0.85, 1.1), rng.normal(0, 0.05)),
    )


def draw_ratings(rng, amplitudes):
    """The module's equation: ratings of one face, by attribute."""
    low, high = RATINGS
    ratings = {}
    for attribute, regions in PLANTS.items():
        planted = np.mean([amplitudes[_number(r)] for r in regions])
        rating = low + (high - low) * planted + rng.normal(0, RATING_NOISE)
        ratings[attribute] = float(np.clip(rating, low, high))
    return ratings


def paint_photograph(config, photograph):
    """Paints a photograph.

    Args:
        config: `PhotographsConfig` of the set.
        photograph: `Photograph` of the set.

    Returns:
        Uint8 array `(size, size, 3)`: red, green, blue.
    """
    rng = np.random.default_rng(photograph.seed)
    canvas = _canvas(config.size)
    face = Face(photograph.identity, canvas.size, rng)
    image = np.float32(face.render(photograph.amplitudes)[..., ::-1])
    middle, slope = photograph.light
    image *= np.float32(middle * (1 + slope * canvas.x))[None, :, None]
    image = _shown(image, photograph.head, config.size, cv2.BORDER_REPLICATE)
    image += rng.normal(0, 3, image.shape)
    if config.frame == "oval":
        turn = np.linspace(0, 2 * np.pi, 120, endpoint=False)
        edge = np.stack([np.cos(turn), np.sin(turn)], axis=1) * _OVAL + _MIDDLE
        oval = canvas.polygon(edge, blur=1.0)
        oval = _shown(oval, photograph.head, config.size, cv2.BORDER_CONSTANT)
        image = _WHITE + oval[..., None] * (image - _WHITE)
    return np.uint8(np.clip(np.rint(image), 0, 255))


def photograph_truth(config, photograph):
    """What is known about a photograph, as arrays.

    Returns:
        Dict of `landmarks` `(68, 2)` (iBUG order), `amplitudes` `(regions,)`
        and `boxes` `(regions, 4)`: left, top, right and bottom of the upright
        rectangle in which the region moves, whatever its amplitude. All are
        float32, places in pixels of the image, where integers are centres.
    """
    identity, canvas = photograph.identity, _canvas(config.size)
    (points,) = deformation.landmarks(
        identity.landmarks, photograph.amplitudes[None], np.zeros(1)
    )
    return {
        "landmarks": np.float32(moved(canvas.pixels(points), photograph.head)),
        "amplitudes": np.float32(photograph.amplitudes),
        "boxes": np.float32(region_boxes(identity, canvas, photograph.head)),
    }


def planted_masks(boxes, attribute, size):
    """Where the pixels are that a planted rating depends on.

    Args:
        boxes: Boxes of the regions, shape `(images, regions, 4)`, pixels.
        attribute: One of `PLANTS`.
        size: Side of the square images, pixels.

    Returns:
        Bool array `(images, size, size)`: True in the box of any of the
        attribute's regions.

    Raises:
        ValueError: If there is no such attribute.

    >>> boxes = np.zeros((1, 9, 4))
    >>> boxes[0, 1] = 2, 3, 5, 4
    >>> int(planted_masks(boxes, "confidence", size=8).sum())
    8
    """
    if attribute not in PLANTS:
        raise ValueError(
            f"Expected an attribute of {', '.join(PLANTS)}. Received: "
            f"attribute={attribute!r}"
        )
    own = np.asarray(boxes)[:, [_number(r) for r in PLANTS[attribute]], None]
    place = np.arange(size)
    left, top, right, bottom = np.moveaxis(own, -1, 0)
    columns = (left <= place) & (place <= right)
    rows = (top <= place) & (place <= bottom)
    return (rows[..., :, None] & columns[..., None, :]).any(axis=1)


def _number(region):
    return template.REGIONS.index(region)


def _canvas(size):
    """A canvas on which a face unit is as long as in the image."""
    return Canvas(round(size * _EYE_DISTANCE * size / Canvas(size).unit))


def _draw_head(rng, size):
    """A small turn, shift and scale in the plane, `(2, 3)`, pixels."""
    canvas = _canvas(size)
    scale = rng.uniform(0.92, 1.05) * _EYE_DISTANCE * size / canvas.unit
    angle = np.deg2rad(rng.normal(0, 3))
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    place = (size - 1) / 2 + rng.normal(0, 4, 2) * size / 256
    move = place - turn @ canvas.pixels(_MIDDLE)
    return np.concatenate([turn, move[:, None]], axis=1)


def _shown(image, head, size, border):
    """The canvas as the photograph shows it."""
    return cv2.warpAffine(image, head, (size, size), borderMode=border)
