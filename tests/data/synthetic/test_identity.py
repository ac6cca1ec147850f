"""Looks: what age and gender change, and what they must not."""

import numpy as np
import pytest

from fdin_tf.data.synthetic.identity import childhood
from fdin_tf.data.synthetic.identity import draw_identity
from fdin_tf.data.synthetic.identity import senescence


def draw(age, gender="female", seed=0):
    return draw_identity(np.random.default_rng(seed), age, gender)


def mean_of(measure, age, gender="female", count=80):
    looks = [draw(age, gender, seed) for seed in range(count)]
    return np.mean([measure(look) for look in looks])


def eye_height(look):
    return look.landmarks[41, 1] - look.landmarks[37, 1]


def lip_height(look):
    return look.landmarks[57, 1] - look.landmarks[51, 1]


def chin(look):
    return look.landmarks[8, 1]


def test_childhood_and_senescence_are_clipped_lines():
    np.testing.assert_allclose(
        childhood(np.array([4, 9, 18, 40])), [1, 0.75, 0, 0]
    )
    np.testing.assert_allclose(
        senescence(np.array([20, 25, 45, 80])), [0, 0, 0.4, 1]
    )


def test_same_seed_draws_the_same_look():
    one, other = draw(40, seed=3), draw(40, seed=3)
    np.testing.assert_array_equal(one.landmarks, other.landmarks)
    np.testing.assert_array_equal(one.hair, other.hair)


def test_children_have_short_faces_and_large_eyes():
    assert mean_of(chin, 8) < 0.95 * mean_of(chin, 25)
    assert mean_of(eye_height, 8) > 1.1 * mean_of(eye_height, 25)


def test_age_thins_lips_and_deepens_wrinkles():
    assert mean_of(lip_height, 75) < 0.8 * mean_of(lip_height, 25)
    assert draw(8).wrinkles < draw(25).wrinkles < draw(75).wrinkles


def test_hair_turns_grey():
    young, old = (
        mean_of(lambda look: np.ptp(look.hair), age) for age in (25, 76)
    )
    assert old < 0.2 * young


def test_only_old_men_are_bald():
    def share(age, gender):
        return mean_of(lambda look: look.is_bald, age, gender)

    assert share(75, "male") == pytest.approx(0.55, abs=0.15)
    assert share(25, "male") == share(75, "female") == 0


def test_only_grown_men_wear_beards():
    def share(age, gender):
        return mean_of(lambda look: look.beard > 0, age, gender)

    assert share(30, "male") == pytest.approx(0.35, abs=0.15)
    assert share(10, "male") == share(30, "female") == 0


def test_gender_shows_in_brows_lips_and_hair():
    def brow(look):
        return look.brow_thickness

    assert mean_of(brow, 30, "male") > 1.6 * mean_of(brow, 30, "female")
    assert mean_of(lip_height, 30, "male") < mean_of(lip_height, 30)
    assert mean_of(lambda look: look.has_long_hair, 30) > 0.65


@pytest.mark.parametrize("gender", ["female", "male"])
def test_skin_tone_carries_neither_age_nor_gender(gender):
    def light(look):
        return look.skin.mean()

    # Shared seeds make one skin of each pair, whatever the age.
    for seed in range(10):
        assert light(draw(10, gender, seed)) == light(draw(70, "male", seed))


def test_every_face_is_symmetric():
    for seed in range(5):
        mouth = draw(50, seed=seed).landmarks[48:]
        np.testing.assert_allclose(mouth[0], mouth[6] * (-1, 1))
