"""The painted neutral face: what is where, and in which colour."""

import dataclasses

import numpy as np
import pytest

from fdin_tf.data.synthetic.canvas import Canvas
from fdin_tf.data.synthetic.identity import draw_identity
from fdin_tf.data.synthetic.painting import paint_base
from fdin_tf.data.synthetic.painting import paint_inside

CANVAS = Canvas(128)
LOOK = draw_identity(np.random.default_rng(2), 30, "female")


def paint(**changes):
    look = dataclasses.replace(LOOK, **changes)
    return paint_base(CANVAS, look, np.random.default_rng(0))


def colour(image, x, y, reach=0.06):
    """Mean colour around a place in face units."""
    left, top, right, bottom = CANVAS.box_around(
        np.array([x - reach, y - reach]), np.array([x + reach, y + reach])
    )
    return image[top:bottom, left:right].mean(axis=(0, 1))


def test_picture_is_float32_within_grey_levels():
    image = paint()
    assert image.shape == (128, 128, 3)
    assert image.dtype == np.float32
    assert image.min() >= 0
    assert image.max() <= 255


@pytest.mark.parametrize("place", [(0, -0.55), (-0.55, 0.75), (0, 1.6)])
def test_forehead_cheeks_and_chin_have_the_colour_of_the_skin(place):
    shade = colour(paint(), *place) / LOOK.skin
    assert ((shade > 0.75) & (shade < 1.25)).all()


def test_hair_has_its_colour_and_bald_heads_have_none():
    black = np.array([20.0, 20, 20])
    place = (0.0, -1.3)
    hairy = colour(paint(hair=black, is_bald=False), *place)
    bald = colour(paint(hair=black, is_bald=True), *place)
    assert hairy.mean() < 50
    assert bald.mean() > 0.6 * LOOK.skin.mean()


def test_long_hair_falls_beside_the_neck():
    black = np.array([20.0, 20, 20])
    short, long = (
        colour(paint(hair=black, has_long_hair=value), 1.1, 1.3).mean()
        for value in (False, True)
    )
    assert long < 0.5 * short


def test_beard_darkens_the_chin_but_not_the_forehead():
    black = np.array([20.0, 20, 20])
    bare, bearded = (paint(hair=black, beard=value) for value in (0.0, 0.6))
    chin = colour(bare, 0, 1.6) - colour(bearded, 0, 1.6)
    assert chin.mean() > 40
    np.testing.assert_allclose(
        colour(bare, 0, -0.55), colour(bearded, 0, -0.55), atol=12
    )


def test_inside_holds_white_eyes_with_irises_and_teeth_above_the_dark():
    look = dataclasses.replace(LOOK, iris=np.array([200.0, 60, 20]))
    image = paint_inside(CANVAS, look)
    for x in (-0.5, 0.5):
        assert colour(image, x - 0.2, 0.0, reach=0.01).mean() > 200
        iris = colour(image, x + 0.075, 0.0, reach=0.005)
        assert iris[0] > iris[1] > iris[2]
    teeth = colour(image, 0.05, look.mouth_y + 0.02, reach=0.02)
    dark = colour(image, 0.0, look.mouth_y + 0.15, reach=0.02)
    assert teeth.mean() > 150 > 100 > dark.mean()
