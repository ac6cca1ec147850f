"""Pictures of errors and training: they show the numbers they were given."""

import xml.etree.ElementTree as ElementTree

import cv2
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fdin_tf.explain.plots import PNG_DPI
from fdin_tf.explain.plots import figure_svg
from fdin_tf.explain.plots import plot_confusion
from fdin_tf.explain.plots import plot_learning_curves
from fdin_tf.explain.plots import plot_perturbation
from fdin_tf.explain.plots import plot_predicted_against_true
from fdin_tf.explain.plots import plot_region_effects
from fdin_tf.explain.plots import save_figure
from fdin_tf.regions import REGIONS


def texts(axes):
    return [text.get_text() for text in axes.texts]


def make_perturbation_table(standard_errors=(0.28, 0.35, 0.41)):
    """Table 1 of the paper."""
    return pd.DataFrame(
        {
            "perturbation": [
                "not contaminated",
                "less important: left eye, forehead, right eye",
                "important: right cheek",
            ],
            "error": [5.05, 7.56, 9.00],
            "standard_error": standard_errors,
            "unit": "years",
            "p_against_not_contaminated": [np.nan, 0.004, 1e-9],
            "p_against_less_important": [np.nan, np.nan, 0.012],
        }
    )


def make_effects(rise):
    return pd.DataFrame(
        {
            "region": REGIONS,
            "rise": rise,
            "standard_error": 0.25,
            "unit": "years",
        }
    )


def test_a_figure_is_saved_as_png_and_svg_with_text_and_description(tmp_path):
    figure = Figure(figsize=(2, 1))
    figure.suptitle("left < right")
    figure.set_label("what there is to see & hear")
    png, svg = save_figure(figure, tmp_path / "new" / "fold.1")
    assert (png.name, svg.name) == ("fold.1.png", "fold.1.svg")
    assert cv2.imread(str(png)).shape == (PNG_DPI, 2 * PNG_DPI, 3)
    root = ElementTree.parse(svg).getroot()
    words = ["".join(node.itertext()) for node in root.iter()]
    assert "left < right" in words  # text, not outlines
    assert "what there is to see & hear" in words
    assert {path.name for path in png.parent.iterdir()} == {png.name, svg.name}


def test_the_same_picture_has_the_same_bytes():
    def draw():
        figure = plot_region_effects(make_effects(np.arange(9.0)))
        return figure_svg(figure), figure_svg(figure, has_paths=True)

    first, second = draw(), draw()
    assert first == second
    assert b"dc:date" not in first[0]
    assert b"<text" in first[0]
    assert b"<text" not in first[1]


def test_learning_curves_show_every_fold_and_their_mean():
    history = pd.DataFrame(
        {
            "fold": [0, 0, 1, 1],
            "epoch": [1, 2, 1, 2],
            "train_mae_years": [9.0, 7.0, 11.0, 5.0],
            "valid_mae_years": [10.0, 8.0, 12.0, 6.0],
        }
    )
    (axes,) = plot_learning_curves(history).get_axes()
    drawn = [line.get_ydata().tolist() for line in axes.get_lines()]
    assert [10.0, 8.0] in drawn
    assert [12.0, 6.0] in drawn
    assert [11.0, 7.0] in drawn  # the mean of validation
    assert "years" in axes.get_ylabel()


def test_every_tested_clip_is_a_point():
    predictions = pd.DataFrame(
        {
            "age": [20.0, 40.0, 60.0],
            "estimate": [22.0, 40.0, 55.0],
            "spontaneity": ["posed", "spontaneous", None],
        }
    )
    (axes,) = plot_predicted_against_true(predictions).get_axes()
    points = np.concatenate([c.get_offsets() for c in axes.collections])
    assert sorted(map(tuple, points)) == [(20, 22), (40, 40), (60, 55)]
    assert f"{7 / 3:.2f} years" in axes.get_title()


def test_confusion_has_counts_and_shares_of_the_true_class():
    table = pd.DataFrame(
        [[30, 10, 0], [1, 2, 1], [0, 0, 0]], list("abc"), list("abc")
    )
    figure = plot_confusion(table, "gender")
    axes = figure.get_axes()[0]
    assert texts(axes)[:4] == ["30\n75.0 %", "10\n25.0 %", "0\n0.0 %",
                               "1\n25.0 %"]  # fmt: skip
    assert texts(axes)[6:] == ["0\n-"] * 3  # no clip is truly c
    shares = np.ma.filled(axes.images[0].get_array(), np.nan)
    np.testing.assert_allclose(shares[:2].sum(axis=1), 100)
    assert axes.get_ylabel() == "true gender"
    assert "a as b 10" in figure.get_label()


def test_confusion_of_different_classes_is_an_error():
    with pytest.raises(ValueError, match=r"a column for each.*\(1, 2\)"):
        plot_confusion(pd.DataFrame([[1, 2]]), "gender")


def test_bars_of_a_perturbation_are_its_errors_and_standard_errors():
    table = make_perturbation_table()
    figure = plot_perturbation(table, "Ages 37 to 66")
    (axes,) = figure.get_axes()
    bars = [p for p in axes.patches if isinstance(p, Rectangle)]
    assert [bar.get_width() for bar in bars] == table.error.tolist()
    (whiskers,) = [c for c in axes.collections if len(c.get_segments()) == 3]
    for segment, row in zip(whiskers.get_segments(), table.itertuples()):
        assert np.ptp(segment[:, 0]) == pytest.approx(2 * row.standard_error)
    assert texts(axes) == ["5.05 ± 0.28", "7.56 ± 0.35", "9.00 ± 0.41"]
    assert "years" in axes.get_xlabel()
    assert figure.get_supxlabel().split("\n") == [
        "less important against not contaminated: p = 0.004",
        "important against not contaminated: p < 0.001",
        "important against less important: p = 0.012",
    ]
    assert "important: right cheek 9.00 ± 0.41 years" in figure.get_label()
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert (
        names[1] == "less important: left\u00a0eye,\nforehead, right\u00a0eye"
    )


def test_an_unknown_standard_error_is_not_shown():
    figure = plot_perturbation(make_perturbation_table([np.nan] * 3))
    assert texts(figure.get_axes()[0]) == ["5.05", "7.56", "9.00"]
    assert "nan" not in figure.get_label()


def test_effects_stand_in_the_cells_of_their_regions():
    rise = np.array([0.5, -1.0, 0, 4.0, 0, 0, 0, 0, 2.0])
    figure = plot_region_effects(make_effects(rise), title="Replaced")
    axes = figure.get_axes()[0]
    for region, name in enumerate(REGIONS):
        row, column = divmod(region, 3)
        inside = {
            text.get_text() for text in axes.texts
            if column < text.get_position()[0] < column + 1
            and row < text.get_position()[1] < row + 1
        }  # fmt: skip
        assert inside == {
            name.replace("_", " "), f"{rise[region]:+.2f}\n± 0.25",
        }  # fmt: skip
    cells = [p for p in axes.patches if isinstance(p, Rectangle)]
    red, _, blue, _ = np.array([c.get_facecolor() for c in cells]).T
    assert red[3] > blue[3]  # the error rises
    assert red[1] < blue[1]  # it falls
    assert red[2] == pytest.approx(blue[2], abs=0.02)
    assert "left cheek +4.00" in figure.get_label()
