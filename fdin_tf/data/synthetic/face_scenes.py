"""What the images of a drawn face-attribute set show, before they are painted.

Two kinds of images, after the two databases of Zhang et al. (CVPR workshops
2016): aligned ones as in CelebA, with the eyes always at nearly the same
place, many for each person; and hard ones as in FotW, each of a person of its
own, with the head anywhere, turned, partly covered, beside a second face.
"""

import dataclasses

import numpy as np

from fdin_tf.data.face_images import SPLITS
from fdin_tf.data.synthetic.face_attributes import attributes_of
from fdin_tf.data.synthetic.face_attributes import draw_amplitudes
from fdin_tf.data.synthetic.face_attributes import draw_person
from fdin_tf.data.synthetic.face_views import MIDDLE
from fdin_tf.data.synthetic.face_views import RADIUS
from fdin_tf.data.synthetic.face_views import View
from fdin_tf.data.synthetic.face_views import head_similarity

#: Changes whenever the same seed would draw other images.
GENERATOR_VERSION = 1
#: The two kinds of images.
LAYOUTS = ("celeba", "fotw")

# As in CelebA's aligned images.
_CELEBA_SIZE = (178, 218)  # width and height, pixels
_CELEBA_EYES, _CELEBA_UNIT = (88.5, 111.0), 37.0  # their middle and distance
_CELEBA_PARTS = np.array([0.8, 0.9])  # where validation and testing begin
_SIDES = (240, 400)  # of an image of one face, pixels
_UNITS = (34, 60)  # distances of the eyes, pixels
_PAIR_SIZES = (360, 440), (240, 320)  # widths, heights; two faces
_PAIR_SHARE = (9.2, 10.5)  # eye distances in the width
_FAMILIES = {"celeba": 0, "fotw": 1, "other": 2}  # persons never coincide


@dataclasses.dataclass(frozen=True)
class FaceAttributesConfig:
    """What a set of drawn faces with attributes holds.

    Attributes:
        num_persons: Persons of the aligned images, 10 to 9,999; eight of ten
            are for training, one for validation and one for testing.
        images_per_person: Aligned images of each of them, 1 to 99.
        num_train: Hard images for training, 1 to 99,999, each of a person of
            its own, as are those that follow.
        num_valid: Hard images for validation.
        num_test: Hard images for testing.
        second_faces: Share of the hard images with a face beside the labelled
            one, of the other gender and of the other expression. In half of
            those for training and validation that face is nearer to the
            image's centre, in those for testing it never is.
        hidden_faces: Share of the hard images whose face is painted over.
        occluders: Share of the hard images with something before or beside
            the head.
        max_roll: Largest turn of a head in the hard images, degrees, 0 to 90.
        seed: Seed of the whole set, 0 or more.

    Raises:
        ValueError: If a value is out of its range.

    >>> FaceAttributesConfig(images_per_person=3).num_persons
    160
    """

    num_persons: int = 160
    images_per_person: int = 10
    num_train: int = 480
    num_valid: int = 240
    num_test: int = 240
    second_faces: float = 0.15
    hidden_faces: float = 0.02
    occluders: float = 0.35
    max_roll: float = 35.0
    seed: int = 0

    def __post_init__(self):
        ranges = {
            "num_persons": (10, 9_999),
            "images_per_person": (1, 99),
            "num_train": (1, 99_999),
            "num_valid": (1, 99_999),
            "num_test": (1, 99_999),
            "second_faces": (0, 1),
            "hidden_faces": (0, 1),
            "occluders": (0, 1),
            "max_roll": (0, 90),
        }
        for name, (low, high) in ranges.items():
            if not low <= getattr(self, name) <= high:
                self._refuse(name, f"from {low:,} to {high:,}")
        if self.seed < 0:
            self._refuse("seed", "0 or more")

    def _refuse(self, name, expected):
        raise ValueError(
            f"`{name}` of drawn face attributes must be {expected}. Received: "
            f"{name}={getattr(self, name)!r}"
        )


#: The sets that tests, recipes and examples use.
FACE_ATTRIBUTE_SETS = {
    "tiny": FaceAttributesConfig(
        num_persons=12,
        images_per_person=3,
        num_train=12,
        num_valid=6,
        num_test=6,
    ),
    "demo": FaceAttributesConfig(),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """Everything that makes one image, before it is painted.

    Attributes:
        layout: One of `LAYOUTS`.
        split: One of `SPLITS`.
        file_name: Name of its file; no other image of the layout has it.
        seed: Seed of what is painted apart from the persons.
        size: Width and height, pixels.
        labelled: `View` of the person whose labels the image has.
        other: `View` of a second person; None where there is none.
        is_hidden: Whether the labelled face is painted over.
        has_occluder: Whether something is before or beside the head.
        given_box: Left, top, width and height of the box that is given with a
            hard image, whole pixels; None for an aligned one.
        quality: Quality of its JPEG file, 0 to 100.
    """

    layout: str
    split: str
    file_name: str
    seed: tuple[int, ...]
    size: tuple[int, int]
    labelled: View
    other: View | None = None
    is_hidden: bool = False
    has_occluder: bool = False
    given_box: tuple[int, int, int, int] | None = None
    quality: int = 92


def draw_celeba_scenes(config, index):
    """Draws the aligned images of one person.

    Args:
        config: `FaceAttributesConfig` of the set.
        index: Number of the person, from 0.

    Returns:
        List of `Scene`, one for each image.

    >>> len(draw_celeba_scenes(FaceAttributesConfig(), index=0))
    10
    """
    family = config.seed, _FAMILIES["celeba"], index
    person = draw_person(index + 1, family)
    split = _part(index, np.rint(_CELEBA_PARTS * config.num_persons))
    scenes = []
    for take in range(config.images_per_person):
        rng = np.random.default_rng([*family, 3, take])
        head = head_similarity(
            unit=_CELEBA_UNIT * rng.normal(1, 0.02),
            roll=rng.normal(0, 1.5),
            place=np.add(_CELEBA_EYES, rng.normal(0, 1.0, 2)),
            anchor=(0, 0),
        )
        number = index * config.images_per_person + take + 1
        scenes.append(
            Scene(
                layout="celeba",
                split=split,
                file_name=f"{number:06d}.jpg",
                seed=(*family, 4, take),
                size=_CELEBA_SIZE,
                labelled=View(person, draw_amplitudes(rng), head),
            )
        )
    return scenes


def draw_fotw_scene(config, index):
    """Draws one hard image.

    Args:
        config: `FaceAttributesConfig` of the set.
        index: Number of the image, from 0: first those for training, then
            those for validation, then those for testing.

    Returns:
        A `Scene`.

    >>> draw_fotw_scene(FaceAttributesConfig(), index=480).split
    'valid'
    """
    family = config.seed, _FAMILIES["fotw"], index
    rng = np.random.default_rng([*family, 3])
    number = config.num_persons + 2 * index + 1
    person, amplitudes = draw_person(number, family), draw_amplitudes(rng)
    split = _part(index, np.cumsum([config.num_train, config.num_valid]))
    kind, covering = rng.random(2)
    is_hidden = bool(kind < config.hidden_faces)
    has_other = not is_hidden and kind - config.hidden_faces < (
        config.second_faces
    )
    size, heads = (_draw_pair if has_other else _draw_single)(rng, config)
    other = None
    if has_other:
        # The first of a pair is nearer to the image's centre.
        is_second = split != "test" and rng.random() < 0.5
        labelled, beside = heads[::-1] if is_second else heads
        other = View(
            draw_person(
                number + 1,
                (config.seed, _FAMILIES["other"], index),
                "female" if person.gender == "male" else "male",
            ),
            draw_amplitudes(
                rng, not attributes_of(person, amplitudes)["Smiling"]
            ),
            beside,
        )
    else:
        (labelled,) = heads
    view = View(person, amplitudes, labelled)
    return Scene(
        layout="fotw",
        split=split,
        file_name=f"{index + 1:05d}.jpg",
        seed=(*family, 4),
        size=size,
        labelled=view,
        other=other,
        is_hidden=is_hidden,
        has_occluder=bool(covering < config.occluders),
        given_box=_draw_box(rng, view.truth["face_box"], size),
        quality=int(rng.integers(50, 96)),
    )


def _part(index, begins):
    """Name of the part, from where validation and testing begin."""
    return SPLITS[np.searchsorted(begins, index, side="right")]


def _draw_single(rng, config):
    """Size of an image and one head, anywhere within."""
    size = rng.integers(_SIDES[0], _SIDES[1] + 1, 2)
    largest = min(size.min() / 5.4, _UNITS[1])
    unit = rng.uniform(_UNITS[0], largest)
    place = rng.uniform(RADIUS * unit, size - RADIUS * unit)
    head = head_similarity(unit, _draw_roll(rng, config), place, MIDDLE)
    return tuple(size.tolist()), [head]


def _draw_pair(rng, config):
    """Size of an image and two heads, the first nearer to the centre."""
    size = np.array([rng.integers(a, b + 1) for a, b in _PAIR_SIZES])
    unit = size[0] / rng.uniform(*_PAIR_SHARE)
    side = rng.choice([-1, 1])
    near = size / 2 + unit * rng.uniform([0.1, -0.3], [0.5, 0.3]) * [-side, 1]
    away = unit * np.array([side * rng.uniform(2.7, 3.0), rng.normal(0, 0.15)])
    heads = [
        head_similarity(
            unit * rng.uniform(0.92, 1.08),
            0.5 * _draw_roll(rng, config),
            place,
            MIDDLE,
        )
        for place in (near, near + away)
    ]
    return tuple(size.tolist()), heads


def _draw_roll(rng, config):
    """Turn of a head, degrees: most often small."""
    return config.max_roll * np.clip(rng.normal(0, 0.45), -1, 1)


def _draw_box(rng, face_box, size):
    """A box around the face as somebody might have marked it."""
    sides = np.tile(face_box[2:] - face_box[:2], 2)
    box = face_box + sides * rng.normal(0, 0.05, 4)
    box = np.clip(np.rint(box), 0, [*size, *size]).astype(int)
    left, top, right, bottom = box.tolist()
    return left, top, right - left, bottom - top
