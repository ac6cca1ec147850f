"""The picture of the crops: it shows the crops, and where they come from."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from fdin_tf.explain.crop_plots import plot_crops
from fdin_tf.explain.plots import figure_svg
from fdin_tf.faces import CROP_SCHEMES
from fdin_tf.faces import CropScheme
from fdin_tf.faces import crop_face
from fdin_tf.faces import crop_matrix

POINTS = np.array([[70, 50], [88, 58], [77, 66], [64, 70], [78, 78]], float)


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)


def picture(axes):
    return np.asarray(axes.images[0].get_array())


def test_the_crops_follow_the_image_as_in_figure_3(image):
    figure = plot_crops(image, POINTS, title="A face", size=48)
    assert [axes.get_title() for axes in figure.axes] == [
        "(a) image",
        "(b) 1: aligned face",
        "(c) 2: face",
        "(d) 3: face without neck",
        "(e) 4: inner face",
        "(f) 5: cheeks and mouth",
    ]
    np.testing.assert_array_equal(picture(figure.axes[0]), image)
    for axes, scheme in zip(figure.axes[1:], CROP_SCHEMES.values()):
        expected = crop_face(image, POINTS, scheme, 48)
        np.testing.assert_array_equal(picture(axes), expected)
    assert figure.get_suptitle() == "A face"


def test_the_image_shows_the_points_and_the_edges_of_every_crop(image):
    figure = plot_crops(image, POINTS, size=48)
    (line,) = figure.axes[0].lines
    np.testing.assert_array_equal(line.get_xydata(), POINTS)
    polygons = figure.axes[0].patches
    assert len(polygons) == 5
    corners = [[-0.5, -0.5], [47.5, -0.5], [47.5, 47.5], [-0.5, 47.5]]
    for polygon, scheme in zip(polygons, CROP_SCHEMES.values()):
        matrix = crop_matrix(POINTS, scheme, 48)
        found = polygon.get_xy()[:4] @ matrix[:, :2].T + matrix[:, 2]
        np.testing.assert_allclose(found, corners, atol=1e-9)


def test_a_crop_is_framed_in_the_colour_of_its_edges(image):
    figure = plot_crops(image, POINTS)
    colours = [p.get_edgecolor() for p in figure.axes[0].patches]
    frames = [axes.spines["top"].get_edgecolor() for axes in figure.axes[1:]]
    assert [to_rgba(c) for c in colours] == [to_rgba(f) for f in frames]
    assert len(set(colours)) == 5


@pytest.mark.parametrize("shift", [(0, 0), (-80, 0), (90, 70)])
def test_edges_beyond_the_image_are_seen(image, shift):
    axes = plot_crops(image, POINTS + shift).axes[0]
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    seen = [[-0.5, -0.5], [159.5, 119.5]]
    seen += [corner for p in axes.patches for corner in p.get_xy()]
    assert (np.array(seen) > [left, top]).all()
    assert (np.array(seen) < [right, bottom]).all()


def test_the_description_tells_each_scheme(image):
    description = plot_crops(image, POINTS, title="A face").get_label()
    assert description.startswith("A face: 1 aligned face, aligned, from -1.6")
    assert (
        "; 3 face without neck, not aligned, from -1.45 to 1.9" in description
    )
    untitled = plot_crops(image, POINTS)
    assert untitled.get_suptitle() == ""
    assert f"A face: {untitled.get_label()}" == description


@pytest.mark.parametrize("count", [1, 2, 3, 8, 30])
def test_any_number_of_schemes_may_be_shown(image, count):
    schemes = [
        CropScheme(k, f"part_{k}", True, -0.1 * k, 1.5) for k in range(count)
    ]
    figure = plot_crops(image, POINTS, size=16, schemes=schemes)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[0] == "(a) image"
    assert titles[-1].endswith(f" {count - 1}: part {count - 1}")
    assert len(titles) == 1 + count


def test_the_same_face_gives_the_same_bytes(image):
    first, second = (figure_svg(plot_crops(image, POINTS)) for _ in range(2))
    assert first == second


def test_no_scheme_is_an_error(image):
    with pytest.raises(ValueError, match="at least one crop scheme"):
        plot_crops(image, POINTS, schemes=[])


def test_points_of_no_face_are_an_error(image):
    with pytest.raises(ValueError, match="between the eyes"):
        plot_crops(image, POINTS[[1, 0, 2, 3, 4]])
