"""The drawing surface: sub-pixel places, sizes that scale, windows."""

import numpy as np
import pytest

from fdin_tf.data.synthetic.canvas import Canvas
from fdin_tf.data.synthetic.canvas import blend
from fdin_tf.data.synthetic.canvas import darken

SQUARE = np.array([(-0.5, -0.3), (0.1, -0.3), (0.1, 0.3), (-0.5, 0.3)])


def centre_of(mask):
    """Centre of mass in pixels, x then y."""
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]]
    return np.array([(mask * x).sum(), (mask * y).sum()]) / mask.sum()


@pytest.mark.parametrize("size", [96, 128, 256])
@pytest.mark.parametrize("shift", [0.0, 0.011])
def test_polygons_lie_where_they_should_to_a_tenth_of_a_pixel(size, shift):
    canvas = Canvas(size)
    mask = canvas.polygon(SQUARE + shift)
    expected = canvas.pixels(SQUARE.mean(axis=0) + shift)
    np.testing.assert_allclose(centre_of(mask), expected, atol=0.1)


def test_blobs_lie_where_they_should():
    canvas = Canvas(128)
    blob = canvas.blob(0.2, -0.1, 0.15, 0.1)
    np.testing.assert_allclose(
        centre_of(blob), canvas.pixels((0.2, -0.1)), atol=0.01
    )
    assert blob.max() == pytest.approx(1, abs=0.02)


def test_strokes_hold_as_much_ink_at_every_size():
    line = [np.array([(-0.5, 0.0), (0.5, 0.0)])]
    share = [
        Canvas(size).strokes(line, width=1.8, blur=0.8).sum() / size**2
        for size in (128, 192, 256)
    ]
    np.testing.assert_allclose(share, share[-1], rtol=0.15)


def test_window_draws_what_the_whole_canvas_draws():
    canvas = Canvas(256)
    window = canvas.window(SQUARE, margin=8)
    np.testing.assert_allclose(
        window.polygon(SQUARE, blur=0.7),
        canvas.polygon(SQUARE, blur=0.7)[window.slices()],
        atol=1e-6,
    )
    np.testing.assert_allclose(
        window.blob(0, 0, 0.1, 0.2),
        canvas.blob(0, 0, 0.1, 0.2)[window.slices()],
        rtol=1e-5,
    )


def test_window_is_cut_at_the_border():
    window = Canvas(64).window(np.array([(-9, -9), (9, 9)]), margin=3)
    assert window.box == (0, 0, 64, 64)


def test_noise_has_unit_variance_and_follows_its_seed():
    one, same, other = (
        Canvas(128).noise(np.random.default_rng(seed), blur=3)
        for seed in (0, 0, 1)
    )
    assert one.std() == pytest.approx(1, abs=1e-4)
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)


def test_blend_covers_and_darken_multiplies():
    image = np.full((1, 3, 3), 100, np.float32)
    mask = np.array([[0, 0.5, 1]], np.float32)
    blend(image, mask, (200, 0, 100))
    np.testing.assert_allclose(
        image[0], [(100, 100, 100), (150, 50, 100), (200, 0, 100)]
    )
    darken(image, mask)
    np.testing.assert_allclose(image[0], [(100,) * 3, (75, 25, 50), (0,) * 3])
