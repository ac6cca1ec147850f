"""Five points: turned faces pass, mirrored, exchanged and impossible do not."""

import re

import numpy as np
import pytest

from fdin_tf.faces import check_points
from fdin_tf.faces.five_points import POINTS
from tests.faces.solid_face import turned


@pytest.mark.parametrize("roll", range(-180, 181, 20))
@pytest.mark.parametrize("yaw", [-80, -40, 0, 40, 80])
def test_rolled_faces_are_faces(roll, yaw):
    points = turned(yaw=yaw, roll=roll, pitch=20)
    np.testing.assert_array_equal(check_points(points.tolist()), points)


EYES, CORNERS = [1, 0, 2, 3, 4], [0, 1, 2, 4, 3]


@pytest.mark.parametrize("roll", [-80, 0, 80, 180])
@pytest.mark.parametrize(
    ("order", "message"),
    [
        (EYES, "left and right exchanged between the eyes"),
        (CORNERS, "left and right exchanged between the mouth corners"),
        ([1, 0, 2, 4, 3], r"\(a mirrored face\), or the eyes below the mouth"),
        ([3, 4, 2, 0, 1], r"\(a mirrored face\), or the eyes below the mouth"),
    ],
)
def test_exchanged_points_are_an_error(roll, order, message):
    points = turned(yaw=30, roll=roll)[order]
    expected = r"Expected the points of a face: left eye, right eye, .* "
    with pytest.raises(ValueError, match=expected + "Received: .*" + message):
        check_points(points)


@pytest.mark.parametrize("roll", [-80, 0, 80])
def test_a_mirrored_face_is_an_error(roll):
    points = turned(yaw=30, roll=roll) * (-1, 1)
    with pytest.raises(ValueError, match=r"mirrored face.*points=\[\["):
        check_points(points)


def test_an_upside_down_order_is_an_error():
    with pytest.raises(ValueError, match="the eyes below the mouth"):
        check_points(turned() * (1, -1))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("number", range(5))
def test_a_coordinate_that_is_not_finite_is_an_error(value, number):
    points = turned()
    points[number, 1] = value
    message = rf"finite coordinates\. Received: {POINTS[number]}=.*{value}"
    with pytest.raises(ValueError, match=message):
        check_points(points)


@pytest.mark.parametrize(
    ("first", "second"), [(0, 1), (3, 4), (0, 3), (1, 2), (2, 4)]
)
@pytest.mark.parametrize("apart", [0.0, 0.05])
def test_two_points_in_one_place_are_an_error(first, second, apart):
    points = turned(size=100)
    points[second] = points[first] + (apart, 0)
    names = f"Received: {POINTS[first]} and {POINTS[second]} both at"
    with pytest.raises(ValueError, match=f"different places. {names}"):
        check_points(points)


def test_all_points_in_one_place_are_an_error():
    with pytest.raises(ValueError, match="left eye and right eye both at"):
        check_points(np.zeros((5, 2)))


def test_points_on_one_line_are_an_error():
    with pytest.raises(ValueError, match="Received: left and right exchanged"):
        check_points(np.linspace(0, 1, 5)[:, None] * [1, 1])


@pytest.mark.parametrize("shape", [(4, 2), (5, 3), (1, 5, 2), (10,), (68, 2)])
def test_another_number_of_points_is_an_error(shape):
    message = re.escape(f"(5, 2), x and y. Received: points.shape={shape}")
    with pytest.raises(ValueError, match=message):
        check_points(np.zeros(shape))
