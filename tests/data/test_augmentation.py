"""Alterations of crops: their ranges on pixels, seeds, KerasCV's parts."""

import sys

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf

from fdin_tf.data.augmentation import Alteration
from fdin_tf.data.augmentation import altered_crops
from fdin_tf.data.augmentation import keras_cv_function

SIZE, SIDE = 64, 96
#: Two discs of the test picture, from its middle, pixels: x, y.
DISCS = np.array([[-9.0, -4.0], [11.0, 6.0]])


def rng(seed=0):
    return np.random.default_rng(seed)


def pictures(count=200, side=SIDE):
    """Noise: no two places are alike."""
    one = rng().integers(0, 256, (side, side, 3), np.uint8)
    return [one] * count


def discs_found(crops):
    """Places of a red and a green disc, from the crop's middle, `(n, 2, 2)`."""
    down, right = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    weights = crops[..., :2].astype(float)
    total = weights.sum((1, 2))
    x, y = ((weights * p[..., None]).sum((1, 2)) / total for p in (right, down))
    return np.stack([x, y], axis=2)


@pytest.fixture(scope="module")
def discs():
    """A black picture with a red and a green disc."""
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    for channel, place in enumerate(DISCS):
        middle = np.rint((place + (SIDE - 1) / 2) * 256).astype(int)
        colour = [0, 0, 0]
        colour[channel] = 250
        cv2.circle(
            picture, middle.tolist(), 3 * 256, colour, -1, cv2.LINE_AA, 8
        )
    return [picture] * 300


def altered(pictures, **settings):
    return altered_crops(pictures, SIZE, rng(1), Alteration(**settings))


def test_without_alteration_the_middle_is_cut_out():
    (picture, *_) = pictures(1)
    middle = picture[16:80, 16:80]
    crops = altered([picture], flip=False)
    assert crops.dtype == np.uint8
    np.testing.assert_array_equal(crops[0], middle)


def test_every_other_crop_is_mirrored_exactly():
    (picture, *_) = many = pictures()
    middle = picture[16:80, 16:80]
    crops = altered(many)
    is_mirrored = (crops == middle[:, ::-1]).all((1, 2, 3))
    is_same = (crops == middle).all((1, 2, 3))
    assert (is_mirrored ^ is_same).all()
    assert 0.4 < is_mirrored.mean() < 0.6


def test_shifts_fill_their_range_along_both_axes(discs):
    moves = discs_found(altered(discs, flip=False, shift=0.1)) - DISCS
    np.testing.assert_allclose(moves[:, 0], moves[:, 1], atol=0.1)
    moves = moves.mean(1) / SIZE
    assert (np.abs(moves) < 0.102).all()
    assert (moves.min(0) < -0.095).all()
    assert (moves.max(0) > 0.095).all()
    assert np.abs(np.corrcoef(moves.T)[0, 1]) < 0.15
    np.testing.assert_allclose(moves.std(0), 0.1 / np.sqrt(3), rtol=0.1)


def test_zooms_and_turns_fill_their_ranges_about_the_middle(discs):
    found = discs_found(altered(discs, flip=False, zoom=0.2, turn=20))
    ratios = (found @ [1, 1j]) / (DISCS @ [1, 1j])
    scales, turns = np.abs(ratios), np.degrees(np.angle(ratios))
    # A point that both discs agree on: they turn about the middle.
    np.testing.assert_allclose(scales[:, 0], scales[:, 1], atol=0.03)
    np.testing.assert_allclose(turns[:, 0], turns[:, 1], atol=1.5)
    scales, turns = scales.mean(1), turns.mean(1)
    assert 0.79 < scales.min() < 0.82
    assert 1.18 < scales.max() < 1.21
    assert -20.5 < turns.min() < -19
    assert 19 < turns.max() < 20.5
    assert np.abs(np.corrcoef(scales, turns)[0, 1]) < 0.15


def test_light_multiplies_grey_levels():
    grey = [np.full((SIDE, SIDE, 3), 120, np.uint8)] * 300
    levels = altered(grey, light=0.25).reshape(300, -1)
    assert (levels == levels[:, :1]).all()
    factors = levels[:, 0] / 120
    assert 0.745 < factors.min() < 0.77
    assert 1.23 < factors.max() < 1.255
    bright = [np.full((SIDE, SIDE, 3), 250, np.uint8)] * 50
    assert altered(bright, light=0.25).max() == 255


def test_one_change_does_not_draw_another_anew():
    grey = pictures(40)
    plain, lit = altered(grey), altered(grey, light=0.3)
    is_mirrored = (plain == grey[0][16:80, 16:80][:, ::-1]).all((1, 2, 3))
    factors = np.array([
        np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(plain, lit)
    ])  # fmt: skip
    assert is_mirrored.any()
    assert (factors > 0.95).all()


def test_the_generator_decides_everything():
    settings = {"shift": 0.05, "zoom": 0.1, "turn": 5, "light": 0.2}
    first, again = (altered(pictures(8), **settings) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    other = altered_crops(pictures(8), SIZE, rng(2), Alteration(**settings))
    assert (first != other).any((1, 2, 3)).all()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"shift": 0.1},
        {"zoom": 0.2},
        {"turn": 30},
        {"shift": 0.08, "zoom": 0.1, "turn": 12},
    ],
)
def test_nothing_beyond_the_reach_is_seen(settings):
    reach = Alteration(**settings).reach
    side = SIZE + 2 * int(np.ceil((reach - 1) * SIZE / 2)) + 2
    picture = np.zeros((side, side, 3), np.uint8)
    picture[[0, -1]] = picture[:, [0, -1]] = 255
    assert altered([picture] * 300, **settings).max() == 0


def test_the_reach_is_reached():
    settings = {"shift": 0.08, "zoom": 0.1, "turn": 12}
    reach = Alteration(**settings).reach
    side = SIZE + 2 * int((reach - 1) * SIZE / 2 * 0.75)
    picture = np.zeros((side, side, 3), np.uint8)
    picture[[0, -1]] = picture[:, [0, -1]] = 255
    assert altered([picture] * 300, **settings).max() > 0


@pytest.mark.parametrize(
    ("name", "value", "most"),
    [
        ("shift", -0.01, "0.5"),
        ("shift", 0.51, "0.5"),
        ("zoom", 0.6, "0.5"),
        ("turn", 46, "45"),
        ("light", 1.0, "0.9"),
        ("light", float("nan"), "0.9"),
    ],
)
def test_a_number_out_of_range_is_refused(name, value, most):
    message = rf"`{name}` .* from 0 to {most}\. Received: {name}={value}"
    with pytest.raises(ValueError, match=message):
        Alteration(**{name: value})


def test_an_unknown_alteration_of_keras_cv_is_refused():
    with pytest.raises(ValueError, match=r"rand_augment or cutout.*'mix_up'"):
        Alteration(keras_cv="mix_up")


def test_without_keras_cv_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_cv", None)
    with pytest.raises(ImportError, match=r'pip install "fdin-tf\[cv\]"'):
        keras_cv_function("cutout")


def seeds(count, seed=0):
    return tf.constant(rng(seed).integers(2**62, size=(count, 2)))


def quadrants(count):
    """Pictures of four colours, a quadrant each."""
    colours = rng(3).integers(30, 220, (2, 2, 3), np.uint8)
    one = colours.repeat(32, 0).repeat(32, 1)
    return tf.constant(np.stack([one] * count))


@pytest.mark.parametrize("kind", ["rand_augment", "cutout"])
def test_keras_cv_depends_on_the_seed_of_the_image_alone(kind):
    images, numbers = quadrants(12), seeds(12)
    together = keras_cv_function(kind)(images, numbers).numpy()
    assert together.dtype == np.uint8
    assert len(np.unique(together.reshape(12, -1), axis=0)) > 8
    tf.random.set_seed(7)
    policy = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        function = keras_cv_function(kind)
        function(images[:3], numbers[:3])
        backwards = function(images[:7], numbers[6::-1]).numpy()
    finally:
        keras.mixed_precision.set_global_policy(policy)
    np.testing.assert_array_equal(backwards, together[6::-1])


def test_rand_augment_changes_colours_and_no_places():
    images = quadrants(60)
    changed = keras_cv_function("rand_augment")(images, seeds(60)).numpy()
    corners = changed[:, ::32, ::32].repeat(32, 1).repeat(32, 2)
    np.testing.assert_array_equal(changed, corners)
    is_other = (changed != images.numpy()).any((1, 2, 3))
    assert is_other.mean() > 0.7


def test_cutout_greys_one_rectangle_and_nothing_else():
    images = quadrants(60).numpy()
    changed = keras_cv_function("cutout")(images, seeds(60)).numpy()
    areas = []
    for before, after in zip(images, changed):
        is_cut = (before != after).any(-1)
        rows, columns = is_cut.any(1).nonzero()[0], is_cut.any(0).nonzero()[0]
        if not len(rows):
            continue
        expected = before.copy()
        expected[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = 128
        np.testing.assert_array_equal(after, expected)
        assert max(len(rows), len(columns)) <= 32
        areas.append(is_cut.mean())
    assert len(areas) > 50
    assert max(areas) > 0.12
