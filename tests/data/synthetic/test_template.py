"""The plan of the face: iBUG's order, symmetry, curves through points."""

import numpy as np
import pytest

from fdin_tf.data.synthetic import REGIONS
from fdin_tf.data.synthetic import template

# For each landmark its counterpart on the other side, in iBUG's numbering.
OPPOSITE = np.concatenate(
    [
        np.arange(17)[::-1],
        np.arange(17, 27)[::-1],
        np.arange(27, 31),
        np.arange(31, 36)[::-1],
        [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40],
        [54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55],
        [64, 63, 62, 61, 60, 67, 66, 65],
    ]
)


def test_regions_are_the_grid_read_row_by_row():
    assert (
        *("left_eye", "forehead", "right_eye"),
        *("left_cheek", "nose", "right_cheek"),
        *("left_mouth", "mouth", "right_mouth"),
    ) == REGIONS


def test_average_face_is_its_own_mirror_image():
    face = template.average_face()
    np.testing.assert_allclose(template.mirrored(face)[OPPOSITE], face)


def test_eye_centres_are_one_unit_apart_around_the_origin():
    face = template.average_face()
    assert face[[36, 39], 0].mean() == pytest.approx(-0.5)
    assert face[[42, 45], 0].mean() == pytest.approx(0.5)
    assert abs(face[[36, 39, 42, 45], 1].mean()) < 0.05


def test_parts_of_the_face_lie_above_each_other():
    face = template.average_face()
    brow, eye, nose, mouth, chin = (
        face[part, 1].mean()
        for part in ([19, 24], [36, 45], [30], [62, 66], [8])
    )
    assert brow < eye < nose < mouth < chin


@pytest.mark.parametrize("closed", [False, True])
def test_curve_passes_through_its_points(closed):
    points = np.random.default_rng(0).normal(size=(5, 2))
    curve = template.curve(points, steps=7, closed=closed)
    np.testing.assert_allclose(curve[::7], points, atol=1e-12)


def test_closed_curve_is_smooth_where_it_closes():
    turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    curve = template.curve(circle, steps=5, closed=True)
    np.testing.assert_allclose(np.hypot(*curve.T), 1, atol=2e-3)


def test_outline_holds_no_point_twice():
    upper = [(0, 0), (1, -1), (2, 0)]
    lower = [(2, 0), (1, 1), (0, 0)]
    outline = template.outline(upper, lower)
    assert len(np.unique(outline.round(9), axis=0)) == len(outline)
