"""Who is drawn: a face's shape, colours, hair and wrinkles.

Age and gender give the face its look; skin tone, hair colour and all other
variation are independent of both. The looks are plain stereotypes, chosen so
that a face carries its age and gender; they say nothing about real people.
"""

import dataclasses

import numpy as np

from fdin_tf.data.synthetic import template

# Colours are blue, green, red, 0..255, as OpenCV orders them.
_SKINS = np.array(
    [
        (200, 216, 240),
        (176, 200, 232),
        (150, 182, 222),
        (120, 156, 206),
        (92, 128, 180),
        (66, 96, 148),
    ]
)
_HAIRS = np.array(
    [
        (30, 34, 42),
        (36, 50, 72),
        (52, 80, 112),
        (70, 120, 160),
        (120, 180, 215),
        (36, 60, 120),
    ]
)
_IRISES = np.array(
    [(60, 80, 100), (40, 60, 90), (140, 110, 70), (90, 120, 90), (30, 40, 60)]
)
_NUM_DARK = 2  # the first hair and iris colours also go with dark skin
_GREY = 205.0

#: The age, in years, that every face shows in a set without cues of age.
NEUTRAL_AGE = 30.0


def childhood(age):
    """1 up to six years, 0 from eighteen years on.

    >>> float(childhood(12))
    0.5
    """
    return np.clip((18 - age) / 12, 0, 1)


def senescence(age):
    """0 up to 25 years, 1 from 75 years on.

    >>> float(senescence(50))
    0.5
    """
    return np.clip((age - 25) / 50, 0, 1)


@dataclasses.dataclass(frozen=True, eq=False)
class Identity:
    """What stays the same in all clips of a subject.

    Attributes:
        landmarks: Neutral face, shape `(68, 2)`, face units.
        old: Senescence of the look, 0..1.
        wrinkles: Strength of the wrinkles of a moving face.
        is_male: Whether the look is a man's.
        skin: Colour of the skin, like all colours blue, green, red, 0..255.
        hair: Colour of the hair.
        brow: Colour of the eyebrows.
        lip: Colour of the lips.
        iris: Colour of the irises.
        brow_thickness: Half the height of the brows, face units.
        has_long_hair: Whether hair falls behind and beside the face.
        is_bald: Whether there is no hair on the head.
        beard: Density of the beard, 0 (none) to 1.
    """

    landmarks: np.ndarray
    old: float
    wrinkles: float
    is_male: bool
    skin: np.ndarray
    hair: np.ndarray
    brow: np.ndarray
    lip: np.ndarray
    iris: np.ndarray
    brow_thickness: float
    has_long_hair: bool
    is_bald: bool
    beard: float

    @property
    def mouth_y(self):
        """Height of the mouth corners at rest, face units."""
        return self.landmarks[template.MOUTH][0, 1]


def draw_identity(rng, age, gender):
    """Draws the look of one subject.

    Args:
        rng: `numpy.random.Generator`.
        age: Age that the face shows, in years.
        gender: Gender that the face shows, `"female"` or `"male"`.

    Returns:
        An `Identity`.

    >>> rng = np.random.default_rng(0)
    >>> draw_identity(rng, age=70, gender="male").wrinkles > 0.5
    True
    """
    male, child, old = gender == "male", childhood(age), senescence(age)
    landmarks = _draw_shape(rng, male, child, old)
    skin = _SKINS[rng.integers(len(_SKINS))] * rng.uniform(0.95, 1.04)
    choices = _NUM_DARK if skin.mean() < 150 else len(_HAIRS)
    hair = _HAIRS[rng.integers(choices)]
    iris = _IRISES[rng.integers(min(choices, len(_IRISES)))]
    grey = np.clip((age - 38) / 35 + rng.normal(0, 0.12), 0, 1) * (age > 30)
    lip = skin * (0.66, 0.60, 0.86) * (1.0 if male else 0.97)
    is_bald = male and old > 0.2 and rng.random() < 0.55 * old
    long_hair = rng.random() < (0.05 if male else 0.8)
    has_beard = male and child < 0.1 and rng.random() < 0.35
    brow_thickness = 0.052 + (0.030 * (1 - child) if male else -0.012)
    return Identity(
        landmarks=landmarks,
        old=float(old),
        wrinkles=float((0.22 + 0.55 * old) * (1 - 0.5 * child)),
        is_male=male,
        skin=skin,
        hair=hair + grey * (_GREY - hair),
        brow=0.8 * (hair + 0.7 * grey * (150 - hair)),
        lip=np.add(lip, (0, 0, 8 if male else 22)),
        iris=iris,
        brow_thickness=brow_thickness * rng.uniform(0.85, 1.2),
        has_long_hair=bool(long_hair and not is_bald),
        is_bald=bool(is_bald),
        beard=rng.uniform(0.15, 0.6) * bool(has_beard),
    )


def _draw_shape(rng, male, child, old):
    """The 68 landmarks of one neutral face, face units."""
    man = male * (1 - child)
    woman = not male

    def varied(mean, deviation):
        return mean + deviation * rng.normal()

    face_width = varied(1 + 0.03 * man + 0.04 * child, 0.025)
    jaw_length = varied(1 + 0.02 * man - 0.17 * child, 0.03)
    jaw_height = varied(1 + 0.05 * man - 0.02 * woman, 0.02)
    jaw_width = 0.06 * man - 0.05 * woman + 0.05 * old
    brow_shift = varied(0.03 * man - 0.03 * woman, 0.02)
    eye_height = varied(1 + 0.20 * child + 0.06 * woman, 0.04)
    nose_length = varied(1 - 0.17 * child, 0.025)
    nose_width = varied(1 - 0.14 * child + 0.08 * old + 0.05 * male, 0.05)
    mouth_width = varied(1 - 0.05 * child, 0.05)
    lip_height = max(varied(1 + 0.14 * woman - 0.28 * old, 0.07), 0.5)

    face = template.average_face()
    jaw, brows = face[template.JAW], face[template.BROWS]
    nose, mouth = face[template.NOSE], face[template.MOUTH]
    below = np.maximum(jaw[:, 1] - 1, 0)
    jaw[:, 1] += below * (jaw_length * jaw_height - 1)
    angle = np.pi * np.clip((jaw[:, 1] - 0.9) / 0.6, 0, 1)
    jaw[:, 0] *= face_width * (1 + jaw_width * np.sin(angle))
    brows[:, 1] += brow_shift
    nose[:, 1] *= nose_length
    nose[4:, 0] *= nose_width
    for eye, middle in ((template.LEFT_EYE, -0.5), (template.RIGHT_EYE, 0.5)):
        face[eye, 0] = middle + (face[eye, 0] - middle) * (
            1 + 0.3 * (eye_height - 1)
        )
        face[eye, 1] *= eye_height
    mouth[:, 0] *= mouth_width
    mouth[:, 1] = template.MOUTH_Y + lip_height * (
        mouth[:, 1] - template.MOUTH_Y
    )
    mouth[:, 1] += 0.6 * (jaw_length - 1) + 0.5 * (nose_length - 1)
    return face
