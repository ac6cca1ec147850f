"""Light and shade of moving regions: sides, age, rest."""

import numpy as np
import pytest

from fdin_tf.data.synthetic import REGIONS
from fdin_tf.data.synthetic.canvas import Canvas
from fdin_tf.data.synthetic.deformation import region_box
from fdin_tf.data.synthetic.identity import draw_identity
from fdin_tf.data.synthetic.wrinkles import paint_shading
from fdin_tf.data.synthetic.wrinkles import resting_shading

CANVAS = Canvas(256)


def look(age):
    return draw_identity(np.random.default_rng(0), age, "female")


def shading(age):
    return paint_shading(CANVAS, look(age))


@pytest.mark.parametrize("left", [0, 3, 6])
def test_left_and_right_regions_mirror_each_other(left):
    maps = shading(50)
    # The face's axis is column 128, so that column 0 has no counterpart.
    mirrored = maps[left + 2][:, :0:-1]
    assert np.abs(maps[left][:, 1:] - mirrored).max() < 0.06


@pytest.mark.parametrize("region", range(9))
def test_shade_lies_where_the_region_moves(region):
    identity = look(50)
    maps = np.abs(paint_shading(CANVAS, identity)[region])
    low, high = region_box(region, identity.mouth_y)
    inside = (CANVAS.x > low[0]) & (CANVAS.x < high[0])
    inside = inside & (CANVAS.y > low[1]) & (CANVAS.y < high[1])
    assert maps[inside].sum() > 0.9 * maps.sum() > 0, REGIONS[region]


@pytest.mark.parametrize("region", range(9))
def test_shade_darkens_with_age(region):
    young, old = (np.minimum(shading(age)[region], 0) for age in (25, 75))
    if REGIONS[region] == "mouth":  # a bulge, no wrinkle
        assert old.sum() < 0
    else:
        assert old.sum() < 1.1 * young.sum() < 0


def test_only_old_faces_keep_their_wrinkles_at_rest():
    maps = shading(75)
    assert np.abs(resting_shading(CANVAS, maps, old=0.0)).max() == 0
    half, full = (resting_shading(CANVAS, maps, old=old) for old in (0.5, 1.0))
    np.testing.assert_allclose(full, 2 * half, atol=1e-6)
    assert full.min() < -0.1
