"""Pictures of relevance: they show the numbers they were given."""

import numpy as np
import pytest

from fdin_tf.explain.plots import figure_svg
from fdin_tf.explain.relevance_colours import RELEVANCE_MAP
from fdin_tf.explain.relevance_colours import overlay
from fdin_tf.explain.relevance_plots import SCALES
from fdin_tf.explain.relevance_plots import plot_heatmaps
from fdin_tf.explain.relevance_plots import plot_occlusion

NAMES = ["happy", "sad"]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (2, 12, 10, 3), np.uint8)


@pytest.fixture
def heatmaps(rng):
    """Of two models, the second of which is ten times weaker."""
    return {
        "age": rng.normal(size=(2, 12, 10)),
        "gender": rng.normal(size=(2, 12, 10)) / 10,
    }


def panels(figure, num_columns):
    """Axes with pictures, by row."""
    axes = [a for a in figure.axes if a.images and a is not figure.axes[-1]]
    return np.array(axes, object).reshape(-1, num_columns)


def picture(axes):
    return np.asarray(axes.images[0].get_array())


def test_a_row_is_an_image_and_its_heatmaps(images, heatmaps):
    figure = plot_heatmaps(images, heatmaps, NAMES, title="Happiness")
    rows = panels(figure, 3)
    assert [a.get_title() for a in rows[0]] == ["input", "age", "gender"]
    assert [row[0].get_ylabel() for row in rows] == NAMES
    for k, (face, *maps) in enumerate(rows):
        np.testing.assert_allclose(picture(face), images[k] / 255)
        for axes, of_model in zip(maps, heatmaps.values()):
            np.testing.assert_array_equal(picture(axes), of_model[k])
            assert axes.images[0].get_cmap() == RELEVANCE_MAP
    bar = figure.axes[-1]
    assert [t.get_text() for t in bar.get_yticklabels()] == [
        "against", "0", "for"
    ]  # fmt: skip
    assert bar.get_ylabel() == "relevance to the score"
    label = figure.get_label()
    assert label.startswith("Happiness: age: relevance in sum happy ")
    assert f"sad {heatmaps['gender'][1].sum():.3g}" in label


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("percentile", [100, 90])
def test_scales_are_symmetric_and_shared_as_asked(
    images, heatmaps, scale, percentile
):
    figure = plot_heatmaps(images, heatmaps, None, scale, percentile)
    own = np.array(
        [
            [np.percentile(np.abs(h), percentile) for h in of_model]
            for of_model in heatmaps.values()
        ]
    )
    expected = {
        "each": own,
        "image": np.broadcast_to(own.max(axis=0), (2, 2)),
        "model": np.broadcast_to(own.max(axis=1, keepdims=True), (2, 2)),
        "all": np.full((2, 2), own.max()),
    }[scale]
    for row, axes in enumerate(panels(figure, 3)):
        for model in range(2):
            low, high = axes[1 + model].images[0].get_clim()
            assert (-low, high) == pytest.approx((expected[model, row],) * 2)
            text = f"± {expected[model, row]:.3g}"
            assert axes[1 + model].get_xlabel() == text
    words = {
        "each": "own", "image": "a row", "model": "a column",
        "all": "all pictures",
    }  # fmt: skip
    assert figure.get_supxlabel().endswith(words[scale])


def test_overlays_lie_over_the_grey_image(images, heatmaps):
    figure = plot_heatmaps(images, heatmaps, scale="each", is_overlay=True)
    for k, (_, *maps) in enumerate(panels(figure, 3)):
        for axes, of_model in zip(maps, heatmaps.values()):
            np.testing.assert_array_equal(
                picture(axes), overlay(images[k], of_model[k])
            )


def test_nobody_is_shown_without_images(heatmaps):
    figure = plot_heatmaps(None, {"LRP": heatmaps["age"][:1]}, ["one"])
    (row,) = panels(figure, 1)
    np.testing.assert_array_equal(picture(row[0]), heatmaps["age"][0])
    assert row[0].get_ylabel() == "one"
    assert figure.get_supxlabel() == ""  # one picture shares with none


def test_grey_images_are_shown_grey(heatmaps, images):
    figure = plot_heatmaps(images.mean(axis=-1), heatmaps)
    face = panels(figure, 3)[0, 0].images[0]
    assert face.get_cmap().name == "gray"
    assert face.get_clim() == (0, 1)


def test_occlusion_shows_images_heatmaps_scores_and_changes(rng):
    names = ("not occluded", "mouth", "both_eyes")
    images = {n: rng.integers(0, 256, (9, 9, 3), np.uint8) for n in names}
    explained = {
        "age-based": (rng.normal(size=(3, 9, 9)), [0.9, 0.4, 0.95]),
        "gender-based": (rng.normal(size=(3, 9, 9)), [0.8, 0.6, 0.7]),
    }
    figure = plot_occlusion(images, explained, "Figure 7")
    faces, *models = panels(figure, 3)
    assert [a.get_title() for a in faces] == [
        "not occluded", "mouth", "both eyes"
    ]  # fmt: skip
    for axes, image in zip(faces, images.values()):
        np.testing.assert_allclose(picture(axes), image / 255)
    for row, (name, (maps, _)) in zip(models, explained.items(), strict=True):
        limit = np.abs(maps).max()
        assert row[0].get_ylabel() == f"{name}\n± {limit:.3g}"
        for axes, heatmap in zip(row, maps):
            np.testing.assert_array_equal(picture(axes), heatmap)
            assert axes.images[0].get_clim() == (-limit, limit)
    assert [a.get_xlabel() for a in models[0]] == [
        "0.90", "0.40 (-0.50)", "0.95 (+0.05)"
    ]  # fmt: skip
    assert "gender-based: not occluded 0.80, mouth 0.60 (-0.20)" in (
        figure.get_label()
    )


def test_labels_are_text_inside_of_the_picture_and_bytes_repeat(
    images, heatmaps
):
    first = plot_heatmaps(images, heatmaps, NAMES, title="Happiness")
    second = plot_heatmaps(images, heatmaps, NAMES, title="Happiness")
    svg = figure_svg(first)
    assert svg == figure_svg(second)
    for text in (b">Happiness<", b">happy<", b">relevance to the score<"):
        assert text in svg
    box, (width, height) = first.get_tightbbox(), first.get_size_inches()
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= width
    assert box.y1 <= height


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heatmaps": {}}, r"at least one model.*shapes \[\]"),
        ({"heatmaps": {"a": np.zeros((2, 3))}}, r"shapes \[\(2, 3\)\]"),
        ({"heatmaps": {"a": np.zeros((0, 3, 3))}}, r"\(0, 3, 3\)"),
        (
            {"heatmaps": {k: np.zeros((2, 3, k)) for k in (1, 2)}},
            r"one shape.*\(2, 3, 1\), \(2, 3, 2\)",
        ),
        ({"names": ["one"]}, "2 heatmaps, 1 names, 2 images"),
        ({"images": np.zeros((3, 12, 10))}, "2 heatmaps, 2 names, 3 images"),
        ({"scale": "row"}, "one of each, image, model, all.*scale='row'"),
        ({"images": None, "is_overlay": True}, "overlay needs images"),
        ({"percentile": -1}, "percentile=-1"),
    ],
)
def test_heatmaps_that_do_not_fit_are_an_error(
    images, heatmaps, change, message
):
    with pytest.raises(ValueError, match=message):
        plot_heatmaps(**{"images": images, "heatmaps": heatmaps} | change)


@pytest.mark.parametrize(("num_maps", "num_scores"), [(3, 2), (2, 3), (1, 1)])
def test_occlusion_needs_a_heatmap_and_a_score_of_every_image(
    num_maps, num_scores
):
    images = {name: np.zeros((4, 4, 3)) for name in ("not occluded", "mouth")}
    explained = {"m": (np.zeros((num_maps, 4, 4)), np.zeros(num_scores))}
    with pytest.raises(ValueError, match=r"2 images, \d heatmaps, scores of"):
        plot_occlusion(images, explained)
