"""Drawn photographs: ratings follow their plants, which lie in their places."""

import dataclasses

import numpy as np
import pytest

from fdin_tf.data.images import ATTRIBUTES
from fdin_tf.data.synthetic.leakage import aligned
from fdin_tf.data.synthetic.photographs import GENERATOR_VERSION
from fdin_tf.data.synthetic.photographs import PHOTOGRAPH_SETS
from fdin_tf.data.synthetic.photographs import PLANTS
from fdin_tf.data.synthetic.photographs import RATING_NOISE
from fdin_tf.data.synthetic.photographs import PhotographsConfig
from fdin_tf.data.synthetic.photographs import draw_photograph
from fdin_tf.data.synthetic.photographs import paint_photograph
from fdin_tf.data.synthetic.photographs import photograph_truth
from fdin_tf.data.synthetic.photographs import planted_masks
from fdin_tf.regions import REGIONS

CONFIG = PhotographsConfig(size=96)
EXPECTED_PLANTS = {
    "attractiveness": [0, 2],
    "happiness": [6, 7, 8],
    "confidence": [1],
    "intelligence": [3, 5],
}
# As this version of the generator draws them.
FIRST_AMPLITUDES = [0.422687, 0.02832, 0.124283]
SECOND_AGE = 44


def draw(count, config=CONFIG):
    return [draw_photograph(config, index) for index in range(count)]


def with_amplitude(photograph, attribute, value):
    """The photograph with the plant of an attribute at one amplitude."""
    amplitudes = photograph.amplitudes.copy()
    amplitudes[EXPECTED_PLANTS[attribute]] = value
    return dataclasses.replace(photograph, amplitudes=amplitudes)


def change(photograph, attribute, config=CONFIG):
    """How much each pixel changes when a plant goes from 0 to 1."""
    rest, strong = (
        paint_photograph(config, with_amplitude(photograph, attribute, value))
        for value in (0.0, 1.0)
    )
    return np.abs(rest - strong.astype(float)).sum(axis=-1)


def masks(photograph, attribute, config=CONFIG):
    boxes = photograph_truth(config, photograph)["boxes"][None]
    return planted_masks(boxes, attribute, config.size)[0]


def test_every_attribute_has_its_own_regions():
    assert set(PLANTS) == set(ATTRIBUTES)
    numbers = {a: [REGIONS.index(r) for r in PLANTS[a]] for a in PLANTS}
    assert numbers == EXPECTED_PLANTS


def test_ratings_are_the_published_function_of_the_amplitudes():
    photographs = draw(400)
    amplitudes = np.stack([p.amplitudes for p in photographs])
    for attribute, regions in EXPECTED_PLANTS.items():
        ratings = np.array([p.ratings[attribute] for p in photographs])
        assert ratings.min() >= 1
        assert ratings.max() <= 9
        noise = ratings - (1 + 8 * amplitudes[:, regions].mean(axis=1))
        assert np.abs(noise.mean()) < 0.05
        assert noise.std() == pytest.approx(RATING_NOISE, rel=0.15)
        assert np.abs(noise).max() < 5 * RATING_NOISE


def test_ratings_depend_on_no_other_region_and_not_on_each_other():
    photographs = draw(1000)
    amplitudes = np.stack([p.amplitudes for p in photographs])
    ratings = np.array([[p.ratings[a] for a in PLANTS] for p in photographs])
    others = np.corrcoef(ratings, rowvar=False) - np.eye(4)
    assert np.abs(others).max() < 0.12  # four deviations of chance
    for column, attribute in enumerate(PLANTS):
        for region in range(9):
            together = np.corrcoef(ratings[:, column], amplitudes[:, region])
            if region in EXPECTED_PLANTS[attribute]:
                assert together[0, 1] > 0.5
            else:
                assert np.abs(together[0, 1]) < 0.12


def test_ratings_depend_on_neither_age_nor_gender():
    photographs = draw(1000)
    age = [p.age for p in photographs]
    is_female = [p.gender == "female" for p in photographs]
    assert min(age) < 12
    assert max(age) > 72
    assert 0.45 < np.mean(is_female) < 0.55
    for attribute in PLANTS:
        ratings = [p.ratings[attribute] for p in photographs]
        for trait in (age, is_female):
            assert np.abs(np.corrcoef(ratings, trait)[0, 1]) < 0.12


@pytest.mark.parametrize("attribute", PLANTS)
def test_a_plant_shows_in_its_place(attribute):
    inside, visible = [], []
    for photograph in draw(8):
        seen = change(photograph, attribute)
        place = masks(photograph, attribute)
        inside.append(seen[place].sum() / seen.sum())
        visible.append(seen[place].mean() / 3)
    assert np.mean(inside) > 0.95
    assert min(inside) > 0.85
    # Grey levels between amplitudes 0 and 1, on average over the place.
    assert min(visible) > 2


@pytest.mark.parametrize("attribute", PLANTS)
def test_a_plant_hardly_shows_in_the_places_of_others(attribute):
    for photograph in draw(4):
        seen = change(photograph, attribute)
        own = masks(photograph, attribute)
        for other in set(PLANTS) - {attribute}:
            elsewhere = masks(photograph, other) & ~own
            assert seen[elsewhere].sum() < 0.1 * seen.sum()


def test_places_are_small_and_do_not_depend_on_the_amplitudes():
    for photograph in draw(10):
        for attribute in PLANTS:
            place = masks(photograph, attribute)
            assert 0.02 < place.mean() < 0.2
            for value in (0.0, 1.0):
                moved = with_amplitude(photograph, attribute, value)
                np.testing.assert_array_equal(masks(moved, attribute), place)


def test_the_mouth_lies_in_the_place_of_happiness():
    for photograph in draw(20):
        truth = photograph_truth(CONFIG, photograph)
        place = planted_masks(truth["boxes"][None], "happiness", 96)[0]
        for x, y in np.rint(truth["landmarks"][48:]).astype(int):
            assert place[y, x]


def test_masks_are_the_union_of_boxes():
    rng = np.random.default_rng(0)
    corners = rng.uniform(-2, 18, (3, 9, 2, 2))
    boxes = np.concatenate([corners.min(2), corners.max(2)], axis=-1)
    for attribute, regions in EXPECTED_PLANTS.items():
        found = planted_masks(boxes, attribute, 16)
        assert found.dtype == bool
        for n in range(3):
            for y in range(16):
                for x in range(16):
                    expected = any(
                        left <= x <= right and top <= y <= bottom
                        for left, top, right, bottom in boxes[n, regions]
                    )
                    assert found[n, y, x] == expected


def test_an_attribute_without_a_plant_is_refused():
    with pytest.raises(ValueError, match="attribute='kindness'"):
        planted_masks(np.zeros((1, 9, 4)), "kindness", 8)


def test_landmarks_lie_on_the_painted_face():
    # Aligned by its landmarks, a photograph agrees with another size of
    # itself, and less so when the landmarks are off by two pixels.
    def agreement(index, shift):
        views = []
        for size, move in ((96, np.array(shift)), (160, np.zeros(2))):
            config = PhotographsConfig(size=size, seed=2)
            photograph = draw_photograph(config, index)
            points = photograph_truth(config, photograph)["landmarks"]
            image = paint_photograph(config, photograph)
            views.append(aligned(image, points + move)[:80].ravel())
        return np.corrcoef(*views)[0, 1]

    for index in range(3):
        exact = agreement(index, (0, 0))
        for shift in ((2, 0), (-2, 0), (0, 2), (0, -2)):
            assert agreement(index, shift) < exact


def test_the_frame_is_white_around_the_face():
    for photograph in draw(6):
        image = paint_photograph(CONFIG, photograph)
        assert image.shape == (96, 96, 3)
        assert image.dtype == np.uint8
        for corner in (image[:6, :6], image[-6:, :6], image[:6, -6:]):
            assert (corner == 255).all()
        points = photograph_truth(CONFIG, photograph)["landmarks"]
        x, y = np.rint(points[30]).astype(int)  # the tip of the nose
        assert image[y, x].min() < 255


def test_without_a_frame_the_ground_is_seen():
    config = dataclasses.replace(CONFIG, frame="none")
    framed, open_ = (
        paint_photograph(c, draw_photograph(c, 0)) for c in (CONFIG, config)
    )
    assert (open_[:6, :6] < 250).all()
    np.testing.assert_array_equal(framed[40:60, 40:56], open_[40:60, 40:56])


def test_the_same_seed_gives_the_same_photograph():
    one, again = (paint_photograph(CONFIG, draw(2)[1]) for _ in range(2))
    np.testing.assert_array_equal(one, again)
    other = dataclasses.replace(CONFIG, seed=1)
    assert (paint_photograph(other, draw(2, other)[1]) != one).any()


def test_every_photograph_shows_another_face():
    photographs = draw(30)
    assert len({p.image_id for p in photographs}) == 30
    skins = np.stack([p.identity.landmarks.ravel() for p in photographs])
    assert len(np.unique(skins, axis=0)) == 30


def test_photographs_are_those_of_this_generator_version():
    assert GENERATOR_VERSION == 1  # a new version has new numbers
    first, second = draw(2)
    assert first.amplitudes[:3] == pytest.approx(FIRST_AMPLITUDES, abs=1e-6)
    assert second.age == SECOND_AGE


def test_named_sets_have_the_specified_sizes():
    tiny, demo = PHOTOGRAPH_SETS["tiny"], PHOTOGRAPH_SETS["demo"]
    assert (tiny.num_images, tiny.size, tiny.frame) == (24, 96, "oval")
    # As many as were rated of the 10k US Adult Faces Database.
    assert (demo.num_images, demo.size, demo.frame) == (2222, 128, "oval")


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("num_images", 0, "1 to 99,999"),
        ("num_images", 100_000, "1 to 99,999"),
        ("size", 63, "64 or more"),
        ("seed", -1, "0 or more"),
        ("frame", "square", "oval or none"),
    ],
)
def test_a_config_out_of_range_is_refused(field, value, expected):
    with pytest.raises(
        ValueError, match=f"`{field}`.*{expected}.*{field}={value!r}"
    ):
        PhotographsConfig(**{field: value})
