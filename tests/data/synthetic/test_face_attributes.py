"""Persons and amplitudes: attributes by their rules, evidence in its place."""

import dataclasses

import numpy as np
import pytest

from fdin_tf.data.face_images import CELEBA_ATTRIBUTES
from fdin_tf.data.synthetic.face_attributes import DRAWN_ATTRIBUTES
from fdin_tf.data.synthetic.face_attributes import SMILE_REGIONS
from fdin_tf.data.synthetic.face_attributes import attributes_of
from fdin_tf.data.synthetic.face_attributes import draw_amplitudes
from fdin_tf.data.synthetic.face_attributes import draw_person

CHEEKS, CORNERS, EYES, MOUTH = [3, 5], [6, 8], [0, 2], 7
BROWS, NOSE, LIPS = slice(17, 27), slice(27, 36), slice(48, 68)
EYE_POINTS = slice(36, 48)


def draw(count):
    return [draw_person(i + 1, seed=(0, i)) for i in range(count)]


def both_genders(index):
    return (draw_person(1, (7, index), gender) for gender in ("female", "male"))


def with_look(person, **look):
    identity = dataclasses.replace(person.identity, **look)
    return dataclasses.replace(person, identity=identity)


def stretched(person, points, factor):
    landmarks = person.identity.landmarks.copy()
    landmarks[points] *= factor
    return with_look(person, landmarks=landmarks)


@pytest.fixture
def person():
    """With hair, whatever else."""
    return with_look(draw_person(1, (0, 0)), is_bald=False)


def test_drawn_attributes_are_celebas():
    assert set(DRAWN_ATTRIBUTES) < set(CELEBA_ATTRIBUTES)
    assert list(DRAWN_ATTRIBUTES) == sorted(DRAWN_ATTRIBUTES)


def test_every_attribute_is_present_and_absent_often_enough():
    rng = np.random.default_rng(0)
    shown = [attributes_of(p, draw_amplitudes(rng)) for p in draw(400)]
    assert all(tuple(s) == DRAWN_ATTRIBUTES for s in shown)
    shares = np.mean([list(s.values()) for s in shown], axis=0)
    assert (shares > 0.06).all()
    assert (shares < 0.94).all()
    both = dict(zip(DRAWN_ATTRIBUTES, shares))
    assert 0.42 < both["Male"] < 0.58
    assert 0.42 < both["Smiling"] < 0.58


def test_gender_changes_the_upper_part_alone():
    changed = []
    for index in range(30):
        woman, man = both_genders(index)
        assert (woman.gender, man.gender) == ("female", "male")
        assert woman.age == man.age
        one, two = woman.identity.landmarks, man.identity.landmarks
        np.testing.assert_array_equal(one[NOSE], two[NOSE])
        np.testing.assert_array_equal(one[LIPS], two[LIPS])
        np.testing.assert_array_equal(one[3:14], two[3:14])  # cheeks, chin
        assert woman.identity.beard == man.identity.beard
        np.testing.assert_array_equal(woman.identity.lip, man.identity.lip)
        np.testing.assert_array_equal(woman.identity.skin, man.identity.skin)
        assert (one[BROWS] != two[BROWS]).any()
        assert (one[EYE_POINTS] != two[EYE_POINTS]).any()
        assert abs(one[0, 0]) < abs(two[0, 0])  # the width of the head
        changed.append(woman.hair_end is not None and man.hair_end is None)
    assert np.mean(changed) > 0.6


def test_the_lower_part_is_of_a_gender_of_its_own():
    people = draw(600)
    is_male = [p.gender == "male" for p in people]
    for value in (
        [p.identity.beard > 0 for p in people],
        [p.identity.landmarks[54, 0] for p in people],
        [p.identity.landmarks[35, 0] for p in people],
        [p.identity.landmarks[11, 0] for p in people],
        [p.identity.landmarks[8, 1] for p in people],
        [p.has_lipstick for p in people],
    ):
        assert abs(np.corrcoef(is_male, value)[0, 1]) < 0.16  # four deviations
    brows = [p.identity.brow_thickness for p in people]
    assert np.corrcoef(is_male, brows)[0, 1] > 0.5


def test_brows_alone_do_not_tell_every_gender():
    thick = {"female": [], "male": []}
    for p in draw(300):
        thick[p.gender].append(p.identity.brow_thickness)
    assert max(thick["female"]) > np.quantile(thick["male"], 0.1)


def test_a_smile_has_a_gap_between_without_and_with():
    rng = np.random.default_rng(1)
    amplitudes = np.stack([draw_amplitudes(rng) for _ in range(600)])
    smile = amplitudes[:, CHEEKS + CORNERS]
    is_smiling = smile[:, 0] > 0.5
    assert 0.44 < is_smiling.mean() < 0.56
    assert ((smile[is_smiling] >= 0.6) & (smile[is_smiling] <= 1)).all()
    assert ((smile[~is_smiling] >= 0) & (smile[~is_smiling] <= 0.25)).all()
    for region in (*EYES, 1, 4):  # eyes, forehead, nose
        together = np.corrcoef(is_smiling, amplitudes[:, region])[0, 1]
        assert abs(together) < 0.16
    is_open = amplitudes[:, MOUTH] > 0.5
    assert 0.65 < is_open[is_smiling].mean() < 0.85
    assert 0.15 < is_open[~is_smiling].mean() < 0.35
    narrow = amplitudes[:, EYES] > 0.5
    np.testing.assert_array_equal(narrow[:, 0], narrow[:, 1])


@pytest.mark.parametrize("wanted", [False, True])
def test_a_smile_can_be_asked_for(wanted):
    rng = np.random.default_rng(2)
    for _ in range(20):
        amplitudes = draw_amplitudes(rng, is_smiling=wanted)
        assert ((amplitudes[CHEEKS + CORNERS] > 0.5) == wanted).all()


@pytest.mark.parametrize(
    ("attribute", "below", "above"),
    [
        ("Bald", {"is_bald": False}, {"is_bald": True}),
        ("Bushy_Eyebrows", {"brow_thickness": 0.059}, {"brow_thickness": 0.06}),
        ("No_Beard", {"beard": 0.01}, {"beard": 0}),
        ("Pale_Skin", {"skin": [189, 189, 189]}, {"skin": [190, 190, 190]}),
        ("Black_Hair", {"hair": [30, 34, 60]}, {"hair": [30, 34, 59]}),
        ("Brown_Hair", {"hair": [30, 34, 59]}, {"hair": [30, 34, 60]}),
        ("Brown_Hair", {"hair": [70, 120, 150]}, {"hair": [70, 120, 149]}),
        ("Blond_Hair", {"hair": [70, 120, 149]}, {"hair": [70, 120, 150]}),
        ("Gray_Hair", {"hair": [143, 180, 200]}, {"hair": [144, 180, 200]}),
        ("Gray_Hair", {"hair": [109, 109, 109]}, {"hair": [110, 110, 110]}),
        ("Blond_Hair", {"hair": [144, 180, 200]}, {"hair": [143, 180, 200]}),
    ],
)
def test_a_look_has_its_attribute_by_the_published_rule(
    person, attribute, below, above
):
    for look, expected in ((below, False), (above, True)):
        look = {
            name: np.array(value) if isinstance(value, list) else value
            for name, value in look.items()
        }
        shown = attributes_of(with_look(person, **look), np.zeros(9))
        assert shown[attribute] is expected


def test_a_bald_head_has_no_colour_of_hair(person):
    shown = attributes_of(with_look(person, is_bald=True), np.zeros(9))
    colours = ["Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair"]
    assert not any(shown[colour] for colour in colours)
    hair = attributes_of(person, np.zeros(9))
    assert sum(hair[colour] for colour in colours) == 1


def test_sizes_of_lips_and_nose_follow_their_rules():
    for p in draw(30):
        face = p.identity.landmarks
        height = face[57, 1] - (face[50, 1] + face[52, 1]) / 2
        width = face[35, 0] - face[31, 0]
        shown = attributes_of(p, np.zeros(9))
        assert shown["Big_Lips"] == (height >= 0.29)
        assert shown["Big_Nose"] == (width >= 0.53)
        small, large = (stretched(p, NOSE, f) for f in (0.4, 3))
        assert not attributes_of(small, np.zeros(9))["Big_Nose"]
        assert attributes_of(large, np.zeros(9))["Big_Nose"]


def test_age_gender_and_lipstick_are_those_of_the_person(person):
    for age, is_young in ((39, True), (40, False)):
        shown = attributes_of(dataclasses.replace(person, age=age), np.ones(9))
        assert shown["Young"] is is_young
    for p in both_genders(0):
        shown = attributes_of(p, np.ones(9))
        assert shown["Male"] is (p.gender == "male")
        assert shown["Wearing_Lipstick"] is p.has_lipstick


@pytest.mark.parametrize(
    ("attribute", "regions"),
    [
        ("Smiling", CHEEKS + CORNERS),
        ("Mouth_Slightly_Open", [MOUTH]),
        ("Narrow_Eyes", EYES),
    ],
)
def test_expressions_follow_their_amplitudes_alone(person, attribute, regions):
    amplitudes = np.zeros(9)
    assert not attributes_of(person, amplitudes)[attribute]
    amplitudes[regions] = 0.6
    assert attributes_of(person, amplitudes)[attribute]
    others = np.ones(9)
    others[regions] = 0.25
    assert not attributes_of(person, others)[attribute]


def test_lips_of_a_person_with_lipstick_are_red():
    people = draw(100)
    reds = {True: [], False: []}
    for p in people:
        blue, _, red = p.identity.lip
        reds[p.has_lipstick].append(red - blue)
    assert set(reds[True]) == {116}
    assert np.mean(reds[False]) < 110
    lips = [p.identity.lip.mean() for p in people]
    assert max(
        lip for lip, p in zip(lips, people) if p.has_lipstick
    ) < np.quantile(lips, 0.5)


def test_the_same_seed_gives_the_same_person():
    one, again, other = (
        draw_person(1, seed) for seed in ((0, 3), (0, 3), (0, 4))
    )
    np.testing.assert_array_equal(
        one.identity.landmarks, again.identity.landmarks
    )
    assert (one.age, one.gender, one.hair_end) == (
        again.age,
        again.gender,
        again.hair_end,
    )
    assert (one.identity.landmarks != other.identity.landmarks).any()


def test_regions_of_a_smile_are_cheeks_and_mouth():
    assert set(SMILE_REGIONS) == {
        "left_cheek",
        "right_cheek",
        "left_mouth",
        "mouth",
        "right_mouth",
    }
