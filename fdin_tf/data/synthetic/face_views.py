"""A drawn person as one image shows it: colours, silhouette and places."""

import dataclasses
import functools

import cv2
import numpy as np

from fdin_tf.data.synthetic import deformation
from fdin_tf.data.synthetic import template
from fdin_tf.data.synthetic.canvas import Canvas
from fdin_tf.data.synthetic.canvas import blend
from fdin_tf.data.synthetic.face_attributes import SMILE_REGIONS
from fdin_tf.data.synthetic.face_attributes import Person
from fdin_tf.data.synthetic.places import moved
from fdin_tf.data.synthetic.places import region_boxes
from fdin_tf.data.synthetic.render import Face

#: Canvas that all persons are painted on; images show it larger or smaller.
CANVAS = Canvas(160)
#: Middle of a head with its hair, and a circle around it that holds both, in
#: distances of the eyes.
MIDDLE, RADIUS = (0.0, 0.1), 1.75

# Right half of what stands before the ground: hair or skull, ear.
_HAIR_EDGE = [(1.20, -0.45), (1.08, -1.13), (0.62, -1.53), (0.0, -1.64)]
_SKULL_EDGE = [(1.02, -0.75), (0.78, -1.12), (0.42, -1.32), (0.0, -1.38)]
_EAR_EDGE = [(1.14, 0.50), (1.26, 0.25), (1.27, -0.16)]
_SHOULDERS = [(0.64, 1.2), (0.68, 2.06), (1.3, 2.24), (2.1, 2.49), (2.3, 3.2)]
_LOCK = [(0.98, -0.45), (1.03, 0.1), (1.02, 0.7)]  # its inner edge
_LOCK_BACK = [(1.38, 0.3), (1.30, -0.45), (1.12, -1.05)]
_FOREHEAD = (0.0, -0.95)  # the upper end of a face's box


@dataclasses.dataclass(frozen=True, eq=False)
class View:
    """One person in one image.

    Attributes:
        person: `Person`.
        amplitudes: Of the regions, shape `(regions,)`, 0 to 1.
        head: Similarity from `CANVAS` to the image, pixels, shape `(2, 3)`.
    """

    person: Person
    amplitudes: np.ndarray
    head: np.ndarray

    def places(self, points):
        """Points in distances of the eyes as pixels of the image."""
        return moved(CANVAS.pixels(points), self.head)

    @functools.cached_property
    def truth(self):
        """What is known about the person in the image, as arrays.

        Dict of float32 arrays; places are pixels of the image, x then y,
        where the centre of the first pixel is (0, 0):

        - `landmarks` `(68, 2)`: iBUG order.
        - `points` `(5, 2)`: left eye, right eye, nose, left and right corner
          of the mouth; left means left in the image.
        - `amplitudes` `(regions,)`.
        - `boxes` `(5, 4)`: left, top, right and bottom of where the regions
          of `SMILE_REGIONS` move.
        - `face_box` `(4,)`: left, top, right and bottom of the face, from
          forehead to chin.
        """
        identity = self.person.identity
        (face,) = deformation.landmarks(
            identity.landmarks, self.amplitudes[None], np.zeros(1)
        )
        landmarks = self.places(face)
        # Corners of the eyes rest, lids do not.
        points = [landmarks[[36, 39]].mean(0), landmarks[[42, 45]].mean(0)]
        points += [landmarks[30], landmarks[48], landmarks[54]]
        edge = np.concatenate([landmarks, [self.places(_FOREHEAD)]])
        rows = [template.REGIONS.index(region) for region in SMILE_REGIONS]
        truth = {
            "landmarks": landmarks,
            "points": np.stack(points),
            "amplitudes": self.amplitudes,
            "boxes": region_boxes(identity, CANVAS, self.head)[rows],
            "face_box": np.concatenate([edge.min(0), edge.max(0)]),
        }
        return {name: np.float32(values) for name, values in truth.items()}


def head_similarity(unit, roll, place, anchor):
    """Similarity from `CANVAS` to an image.

    Args:
        unit: Distance of the eyes in the image, pixels.
        roll: Turn of the head, degrees, clockwise.
        place: Where the anchor is seen, pixels of the image.
        anchor: A point of the upright head, in distances of the eyes.

    Returns:
        Float64 array `(2, 3)`.

    >>> head_similarity(CANVAS.unit, 0, CANVAS.pixels((0, 0)), (0, 0)).tolist()
    [[1.0, -0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    scale, angle = unit / CANVAS.unit, np.deg2rad(roll)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    move = np.asarray(place) - turn @ CANVAS.pixels(anchor)
    return np.concatenate([turn, move[:, None]], axis=1)


class PaintedPerson:
    """A person, painted once and rendered for every image of theirs.

    Args:
        person: `Person`.

    >>> from fdin_tf.data.synthetic.face_attributes import draw_person
    >>> painted = PaintedPerson(draw_person(1, seed=(0, 1)))
    >>> painted.render(np.zeros(9)).shape, painted.silhouette.shape
    ((160, 160, 3), (160, 160))
    """

    def __init__(self, person):
        rng = np.random.default_rng(person.seed)
        self._face = Face(person.identity, CANVAS.size, rng)
        self._locks = None
        self._silhouette = _silhouette(person.identity)
        if person.hair_end is not None:
            locks = _locks(person.hair_end)
            strands = 0.87 + 0.1 * CANVAS.noise(rng, 0.8, blur_y=7)
            colour = strands[..., None] * np.float32(person.identity.hair)
            self._locks = locks, colour
            self._silhouette = np.maximum(self._silhouette, locks)

    @property
    def silhouette(self):
        """1 where person and clothes are, 0 where the ground is, float32."""
        return self._silhouette

    def render(self, amplitudes):
        """The upright person, uint8, on `CANVAS`: blue, green, red."""
        image = self._face.render(amplitudes)
        if self._locks is None:
            return image
        image = np.float32(image)
        blend(image, *self._locks)
        return cv2.convertScaleAbs(image)


def _silhouette(identity):
    """Head, hair, ears and shoulders, `(height, width)`, 0 to 1."""
    jaw = identity.landmarks[template.JAW]
    top = _SKULL_EDGE if identity.is_bald else _HAIR_EDGE
    right = np.concatenate([_EAR_EDGE, top])
    head = np.concatenate(
        [jaw[3:-3], right, template.mirrored(right[:-1])[::-1]]
    )
    body = np.concatenate([_SHOULDERS, template.mirrored(_SHOULDERS)[::-1]])
    return np.maximum(
        CANVAS.polygon(head, blur=1.0), CANVAS.polygon(body, blur=1.0)
    )


def _locks(end):
    """Long hair on both sides, outside of cheeks and mouth."""
    lock = [*_LOCK, (1.06, end), (1.24, end + 0.06), (1.38, end - 0.15)]
    lock = template.curve([*lock, *_LOCK_BACK], closed=True)
    return np.maximum(
        *(CANVAS.polygon(p, blur=1.2) for p in (lock, template.mirrored(lock)))
    )
