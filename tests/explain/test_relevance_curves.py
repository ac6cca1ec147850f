"""Charts of relevance: they show the numbers they were given."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from fdin_tf.explain.pixel_flipping import aopc
from fdin_tf.explain.plots import figure_svg
from fdin_tf.explain.relevance_curves import plot_flipping
from fdin_tf.explain.relevance_curves import plot_relevance_over_time
from fdin_tf.explain.relevance_curves import plot_training_errors
from fdin_tf.regions import REGIONS


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def curves(rng):
    keys = [
        ("lrp", "most"), ("lrp", "least"), ("occlusion", "most"),
        ("control", "random"),
    ]  # fmt: skip
    return {key: rng.random((5, 9)) for key in keys}


@pytest.fixture
def errors(rng):
    """Two epochs of four networks for every attribute, last epoch first."""
    return pd.DataFrame(
        {"attribute": attribute, "network": network, "epoch": epoch,
         "error": rng.random()}
        for attribute in ("attractiveness", "happiness", "confidence")
        for network in ("age dense", "age full", "gender dense", "gender full")
        for epoch in (2, 1)
    )  # fmt: skip


def is_inside(figure):
    """Whether nothing is cut off at the edge of the picture."""
    figure.draw_without_rendering()  # which lays it out
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    return min(box.x0, box.y0, width - box.x1, height - box.y1) >= 0


def test_flipping_shows_means_errors_and_areas(curves):
    figure = plot_flipping(curves, "Flipping")
    (axes,) = figure.axes
    for line, band, ((name, _), values) in zip(
        axes.lines, axes.collections, curves.items(), strict=True
    ):
        np.testing.assert_array_equal(line.get_xdata(), np.arange(9))
        np.testing.assert_allclose(line.get_ydata(), values.mean(axis=0))
        error = scipy.stats.sem(values)
        edge = band.get_paths()[0].vertices
        np.testing.assert_allclose(
            edge[:, 1].max(), (values.mean(axis=0) + error).max()
        )
        assert line.get_label().startswith(f"{name}, ")
        assert f"AOPC {aopc(values).mean():.3g}" in line.get_label()
    lrp, lrp_least, occlusion, control = axes.lines
    assert lrp.get_color() == lrp_least.get_color() != occlusion.get_color()
    assert [line.get_linestyle() for line in axes.lines] == [
        "-", "--", "-", ":"
    ]  # fmt: skip
    assert control.get_color() not in {lrp.get_color(), occlusion.get_color()}
    assert figure.get_label().startswith("Flipping: lrp most relevant first")
    assert is_inside(figure)


def test_a_single_image_has_no_error(curves):
    one = {key: values[:1] for key, values in curves.items()}
    (axes,) = plot_flipping(one).axes
    assert not axes.collections


def test_no_curve_is_an_error():
    with pytest.raises(ValueError, match="at least one curve"):
        plot_flipping({})


@pytest.mark.parametrize("count", [1, 2, 3])
def test_training_errors_have_a_panel_per_attribute(errors, count):
    names = errors["attribute"].unique()[:count]
    errors = errors[errors["attribute"].isin(names)]
    figure = plot_training_errors(errors, "MAE (points)", "Figure 3")
    shown = [axes for axes in figure.axes if axes.lines]
    assert [axes.get_title() for axes in shown] == list(names)
    styles = set()
    for axes, name in zip(shown, names):
        of = errors[errors["attribute"] == name]
        for line, (network, curve) in zip(
            axes.lines, of.groupby("network", sort=False), strict=True
        ):
            ordered = curve.sort_values("epoch")
            np.testing.assert_array_equal(line.get_xdata(), ordered["epoch"])
            np.testing.assert_array_equal(line.get_ydata(), ordered["error"])
            styles.add((network, line.get_color(), line.get_linestyle()))
            last = f"{network} {ordered['error'].iloc[-1]:.3g}"
            assert last in figure.get_label()
    assert len(styles) == 4  # of one network the same in all panels
    (legend,) = figure.legends
    assert {t.get_text() for t in legend.get_texts()} == set(errors["network"])
    assert figure.get_supylabel() == "MAE (points)"
    assert is_inside(figure)


def test_a_network_without_an_attribute_has_no_curve_there(errors):
    lacks = (errors["attribute"] == "happiness") & (
        errors["network"] == "age full"
    )
    figure = plot_training_errors(errors[~lacks])
    assert [len(axes.lines) for axes in figure.axes[:3]] == [4, 3, 4]


@pytest.mark.parametrize("columns", [["attribute", "network", "epoch"], None])
def test_training_errors_need_rows_and_columns(errors, columns):
    table = errors[:0] if columns is None else errors[columns]
    with pytest.raises(ValueError, match="columns attribute, network, epoch"):
        plot_training_errors(table)


def test_relevance_in_time_shows_regions_and_their_sum(rng):
    relevance = rng.normal(size=(12, 9))
    seconds = np.arange(12) / 25
    figure = plot_relevance_over_time(relevance, seconds, title="Clip")
    above, below, bar = figure.axes
    total = above.lines[-1]
    np.testing.assert_array_equal(total.get_xdata(), seconds)
    np.testing.assert_allclose(total.get_ydata(), relevance.sum(axis=1))
    (mesh,) = below.collections
    np.testing.assert_array_equal(mesh.get_array(), relevance.T)
    limit = np.abs(relevance).max()
    assert mesh.get_clim() == (-limit, limit)
    edges = mesh.get_coordinates()[0, :, 0]
    np.testing.assert_allclose(edges, (np.arange(13) - 0.5) / 25, atol=1e-12)
    names = [text.get_text() for text in below.get_yticklabels()]
    assert names == [name.replace("_", " ") for name in REGIONS]
    assert below.get_ylim() == (9, 0)  # the first region on top
    assert bar.get_ylabel() == "relevance"
    most = REGIONS[relevance.sum(axis=0).argmax()].replace("_", " ")
    at = seconds[relevance.sum(axis=1).argmax()]
    assert figure.get_label().startswith(f"Clip: largest at {at:.2f} s; {most}")
    assert is_inside(figure)


def test_a_clip_of_one_frame_without_relevance_is_drawn():
    figure = plot_relevance_over_time(np.zeros((1, 2)), [0.0], ("a", "b"))
    (mesh,) = figure.axes[1].collections
    assert mesh.get_clim() == (-1, 1)


@pytest.mark.parametrize(
    ("relevance", "seconds"),
    [
        (np.zeros((3, 8)), np.arange(3)),
        (np.zeros((3, 9)), np.arange(4)),
        (np.zeros((0, 9)), []),
        (np.full((3, 9), np.nan), np.arange(3)),
    ],
)
def test_relevance_that_does_not_fit_is_an_error(relevance, seconds):
    with pytest.raises(ValueError, match=r"a time per frame.*times, 9 names"):
        plot_relevance_over_time(relevance, seconds)


def test_the_same_numbers_give_the_same_bytes(curves, errors, rng):
    relevance = rng.normal(size=(5, 9))
    for draw in (
        lambda: plot_flipping(curves),
        lambda: plot_training_errors(errors),
        lambda: plot_relevance_over_time(relevance, np.arange(5)),
    ):
        assert figure_svg(draw()) == figure_svg(draw())
