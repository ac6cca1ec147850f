"""Drawn persons whose attributes have their evidence in known places.

A person is put together from two draws of the same look. Brows, eyes, hair
and the upper outline of the face are those of the person's gender; nose,
lips, beard, cheeks and chin are those of a gender that was drawn anew. So
gender shows in the overall shape, and a crop around cheeks and mouth tells
nothing about it. A smile shows in cheeks, mouth and its corners alone: their
amplitudes are high or low with a gap between, those of eyes, forehead and
nose do not depend on it.

Of the forty attributes of CelebA these are drawn, by these rules (amplitudes
from 0 to 1, colours from 0 to 255, lengths in distances of the eyes):

| Attribute           | True where                                          |
|---------------------|-----------------------------------------------------|
| Bald                | there is no hair on the head                        |
| Big_Lips            | the closed lips are at least 0.29 high              |
| Big_Nose            | the wings of the nose are at least 0.53 apart       |
| Black_Hair          | hair, its lightest colour below 60                  |
| Blond_Hair          | hair, not grey, its lightest colour at least 150    |
| Brown_Hair          | hair that is not black, blond or grey               |
| Bushy_Eyebrows      | brows at least 0.12 thick                           |
| Gray_Hair           | hair, its lightest colour at least 110, the darkest |
|                     | at least 0.72 of it                                 |
| Male                | the gender that the upper part of the face shows    |
| Mouth_Slightly_Open | amplitude of the mouth above 0.5                    |
| Narrow_Eyes         | amplitude of both eyes above 0.5                    |
| No_Beard            | no beard is painted                                 |
| Pale_Skin           | mean colour of the skin at least 190                |
| Smiling             | amplitude of cheeks and mouth corners above 0.5     |
| Wearing_Lipstick    | painted lips                                        |
| Young               | an age below 40                                     |

An open mouth is three times as frequent in a smile as without one; mouth,
eyes, nose and forehead are else independent of all the rest.

The looks are plain stereotypes, chosen to be learnable. Nothing learned from
these drawings says anything about people.
"""

import dataclasses

import numpy as np

from fdin_tf.data.synthetic import template
from fdin_tf.data.synthetic.identity import Identity
from fdin_tf.data.synthetic.identity import draw_identity

#: Attributes of CelebA that the drawn faces show; the others are written as
#: absent.
DRAWN_ATTRIBUTES = (
    "Bald",
    "Big_Lips",
    "Big_Nose",
    "Black_Hair",
    "Blond_Hair",
    "Brown_Hair",
    "Bushy_Eyebrows",
    "Gray_Hair",
    "Male",
    "Mouth_Slightly_Open",
    "Narrow_Eyes",
    "No_Beard",
    "Pale_Skin",
    "Smiling",
    "Wearing_Lipstick",
    "Young",
)
#: Regions that a smile moves.
SMILE_REGIONS = (
    "left_cheek",
    "right_cheek",
    "left_mouth",
    "mouth",
    "right_mouth",
)

_GENDERS = ("female", "male")
_AGES = (18, 76)  # years, both included
_YOUNG = 40
_LOW, _HIGH = (0.0, 0.25), (0.6, 1.0)  # amplitudes without and with
_OPEN = {False: 0.25, True: 0.75}  # share of open mouths, by smile
_NARROW = 0.35
_LIPSTICK, _LIPSTICK_SHARE = (62, 34, 178), 0.25  # blue, green, red
_LONG_HAIR = {"female": 0.85, "male": 0.06}
_LONG_HAIR_ENDS = (0.9, 1.7)  # below the eyes
_BROW_DEVIATION = 0.22  # of the logarithm of their thickness
_UPPER_OUTLINE = 0.9  # the outline below is that of the lower part
_SMILE = [
    template.REGIONS.index(r) for r in SMILE_REGIONS if r != "mouth"
]  # what a smile is told by
_MOUTH = template.REGIONS.index("mouth")
_EYES = [template.REGIONS.index(r) for r in ("left_eye", "right_eye")]


@dataclasses.dataclass(frozen=True, eq=False)
class Person:
    """Who is drawn, in all images of this person.

    Attributes:
        number: Number of the person, from 1 on; no other one has it.
        seed: Seed of what is painted.
        age: Age that the face shows, years.
        gender: Gender that the upper part of the face shows, `"female"` or
            `"male"`.
        identity: `Identity` of the face, without long hair.
        hair_end: How far below the eyes long hair ends that falls beside the
            face, in distances of the eyes; None where hair is short.
        has_lipstick: Whether the lips are painted.
    """

    number: int
    seed: tuple[int, ...]
    age: int
    gender: str
    identity: Identity
    hair_end: float | None
    has_lipstick: bool


def draw_person(number, seed, gender=None):
    """Draws who a person is; the same for the same seed.

    Args:
        number: Number of the person.
        seed: Whole numbers, none negative.
        gender: `"female"` or `"male"`; None: either is drawn.

    Returns:
        A `Person`.

    >>> person = draw_person(1, seed=(0, 1), gender="male")
    >>> person.gender, person.identity.is_male
    ('male', True)
    """
    seed = tuple(seed)
    rng = np.random.default_rng([*seed, 0])
    youngest, oldest = _AGES
    age = int(rng.integers(youngest, oldest + 1))
    drawn, lower_gender = map(str, rng.choice(_GENDERS, 2))
    gender = gender or drawn
    upper, lower = (
        draw_identity(np.random.default_rng([*seed, 1]), age, of)
        for of in (gender, lower_gender)
    )
    has_lipstick = bool(rng.random() < _LIPSTICK_SHARE)
    has_long_hair = rng.random() < _LONG_HAIR[gender] and not upper.is_bald
    hair_end = rng.uniform(*_LONG_HAIR_ENDS)
    thickness = upper.brow_thickness * np.exp(rng.normal(0, _BROW_DEVIATION))
    return Person(
        number=number,
        seed=(*seed, 2),
        age=age,
        gender=gender,
        identity=dataclasses.replace(
            upper,
            landmarks=_joined(upper.landmarks, lower.landmarks),
            lip=np.array(_LIPSTICK) if has_lipstick else lower.lip,
            beard=lower.beard,
            brow_thickness=float(thickness),
            has_long_hair=False,
        ),
        hair_end=float(hair_end) if has_long_hair else None,
        has_lipstick=has_lipstick,
    )


def draw_amplitudes(rng, is_smiling=None):
    """Draws what the face of one image does.

    Args:
        rng: `numpy.random.Generator`.
        is_smiling: Whether it smiles; None: half of all do.

    Returns:
        Amplitudes of the regions, shape `(regions,)`, 0 (at rest) to 1.

    >>> rng = np.random.default_rng(0)
    >>> (draw_amplitudes(rng, is_smiling=True)[[6, 8]] >= 0.6).all()
    np.True_
    """
    amplitudes = rng.uniform(0, 1, len(template.REGIONS))
    half, opening, narrowing = rng.random(3)
    is_smiling = bool(half < 0.5) if is_smiling is None else bool(is_smiling)
    for regions, is_high in (
        (_SMILE, is_smiling),
        ([_MOUTH], opening < _OPEN[is_smiling]),
        (_EYES, narrowing < _NARROW),
    ):
        low, high = _HIGH if is_high else _LOW
        amplitudes[regions] = low + (high - low) * amplitudes[regions]
    return amplitudes


def attributes_of(person, amplitudes):
    """The module's rules: what a person shows with these amplitudes.

    Args:
        person: `Person`.
        amplitudes: Of the regions, shape `(regions,)`.

    Returns:
        Dict of bool, by the names of `DRAWN_ATTRIBUTES`, in their order.

    >>> person = draw_person(1, seed=(0, 1), gender="male")
    >>> attributes_of(person, np.zeros(9))["Smiling"]
    False
    """
    look = person.identity
    mouth, nose = look.landmarks[template.MOUTH], look.landmarks[template.NOSE]
    darkest, lightest = look.hair.min(), look.hair.max()
    has_hair = not look.is_bald
    is_grey = lightest >= 110 and darkest >= 0.72 * lightest
    is_black = lightest < 60
    is_blond = lightest >= 150 and not is_grey
    shown = {
        "Bald": look.is_bald,
        "Big_Lips": mouth[9, 1] - mouth[[2, 4], 1].mean() >= 0.29,
        "Big_Nose": nose[8, 0] - nose[4, 0] >= 0.53,
        "Black_Hair": has_hair and is_black,
        "Blond_Hair": has_hair and is_blond,
        "Brown_Hair": has_hair and not (is_black or is_blond or is_grey),
        "Bushy_Eyebrows": 2 * look.brow_thickness >= 0.12,
        "Gray_Hair": has_hair and is_grey,
        "Male": person.gender == "male",
        "Mouth_Slightly_Open": amplitudes[_MOUTH] > 0.5,
        "Narrow_Eyes": np.min(amplitudes[_EYES]) > 0.5,
        "No_Beard": look.beard == 0,
        "Pale_Skin": look.skin.mean() >= 190,
        "Smiling": np.min(amplitudes[_SMILE]) > 0.5,
        "Wearing_Lipstick": person.has_lipstick,
        "Young": person.age < _YOUNG,
    }
    return {name: bool(shown[name]) for name in DRAWN_ATTRIBUTES}


def _joined(upper, lower):
    """Brows, eyes and upper outline of one face, the rest of another."""
    face = lower.copy()
    for part in (template.BROWS, template.LEFT_EYE, template.RIGHT_EYE):
        face[part] = upper[part]
    down = np.clip(lower[template.JAW, 1] / _UPPER_OUTLINE, 0, 1)[:, None]
    face[template.JAW] += (1 - down) * (
        upper[template.JAW] - lower[template.JAW]
    )
    return face
