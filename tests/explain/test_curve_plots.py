"""Charts of errors: their marks are the numbers they were given."""

import numpy as np
import pandas as pd
import pytest

from fdin_tf.explain.curve_plots import plot_cumulative_errors
from fdin_tf.explain.curve_plots import plot_errors
from fdin_tf.explain.curve_plots import plot_errors_by_sample_count


@pytest.fixture
def modules():
    """Two networks, one of which has no known standard error."""
    return pd.DataFrame(
        {
            "name": ["Appearance", "+ recurrent"],
            "mae_years": [6.0, 5.5],
            "standard_error_years": [0.25, np.nan],
        }
    )


def count_table(mae, clips):
    return pd.DataFrame(
        {
            "threshold": [1, 2, 3],
            "mae_years": mae,
            "sd_years": np.array(mae) / 2,
            "clips": clips,
            "ages": [3, 2, 1],
        }
    )


def lines(axes):
    return [line.get_xydata().tolist() for line in axes.get_lines()]


def test_bars_are_errors_with_standard_errors(modules):
    figure = plot_errors(modules, "Modules")
    (axes,) = figure.axes
    assert [bar.get_height() for bar in axes.patches] == [6.0, 5.5]
    (whiskers,) = axes.collections
    assert np.ptp(whiskers.get_segments()[0][:, 1]) == pytest.approx(0.5)
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["6.00\n± 0.25", "5.50"]
    assert axes.get_ylim()[0] == 0  # a bar is as long as its error is large
    assert figure.get_label() == (
        "Modules: Appearance 6.00 ± 0.25 years; + recurrent 5.50 years"
    )
    assert figure.legends == []


def test_printed_errors_are_marked_where_there_are_any(modules):
    figure = plot_errors(modules.assign(paper_mae_years=[np.nan, 7.25]))
    (axes,) = figure.axes
    (marks,) = [line for line in axes.get_lines() if line.get_marker() == "D"]
    np.testing.assert_equal(marks.get_ydata(), [np.nan, 7.25])
    assert axes.get_ylim()[1] > 7.25
    assert "+ recurrent 5.50 years (paper 7.25)" in figure.get_label()
    assert "nan" not in figure.get_label()
    assert len(figure.legends) == 1


def test_no_printed_error_needs_no_legend(modules):
    figure = plot_errors(modules.assign(paper_mae_years=np.nan))
    assert figure.legends == []


def test_cumulative_curves_are_those_of_the_tables():
    tables = {
        "SIAM": pd.DataFrame(
            {"deviation_years": [0, 1, 2], "share": [0.0, 40.0, 90.0]}
        ),
        "IEF": pd.DataFrame(
            {"deviation_years": [0, 1, 2], "share": [0.0, 30.0, 95.0]}
        ),
    }
    figure = plot_cumulative_errors(tables)
    (axes,) = figure.axes
    assert lines(axes) == [
        [[0, 0], [1, 40], [2, 90]],
        [[0, 0], [1, 30], [2, 95]],
    ]
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["SIAM", "IEF"]
    assert figure.get_label() == (
        "SIAM 40.0 % within 1 years; IEF 30.0 % within 1 years"
    )


def test_panels_are_error_spread_and_clips_that_remain():
    table = count_table([6.0, 5.0, 4.0], [40, 20, 10])
    figure = plot_errors_by_sample_count({"SIAM": table}, "Clips per age")
    errors, spreads, left = figure.axes
    assert lines(errors) == [[[1, 6], [2, 5], [3, 4]]]
    assert lines(spreads) == [[[1, 3], [2, 2.5], [3, 2]]]
    assert lines(left) == [[[1, 100], [2, 50], [3, 25]]]
    assert "none is trained again" in figure.get_supxlabel()
    assert figure.get_label() == (
        "Clips per age: SIAM: from 6.00 years at 1 to 4.00 years at 3 clips "
        "per age"
    )


def test_methods_on_the_same_clips_share_the_line_of_what_remains():
    same = {
        "a": count_table([6, 5, 4], [40, 20, 10]),
        "b": count_table([7, 6, 6], [40, 20, 10]),
    }
    *_, left = plot_errors_by_sample_count(same).axes
    assert len(left.get_lines()) == 1
    other = {**same, "c": count_table([7, 6, 6], [40, 30, 10])}
    *_, left = plot_errors_by_sample_count(other).axes
    assert len(left.get_lines()) == 2


def test_a_threshold_without_clips_ends_the_curve():
    table = count_table([6.0, 5.0, np.nan], [40, 20, 0])
    figure = plot_errors_by_sample_count({"SIAM": table})
    assert "to 5.00 years at 2 clips" in figure.get_label()
    empty = count_table([np.nan] * 3, [0, 0, 0])
    label = plot_errors_by_sample_count({"SIAM": empty}).get_label()
    assert label == "SIAM: no clip"


@pytest.mark.parametrize(
    ("plot", "nothing", "of"),
    [
        (plot_errors, pd.DataFrame({"name": []}), "network"),
        (plot_cumulative_errors, {}, "method"),
        (plot_errors_by_sample_count, {}, "method"),
    ],
)
def test_nothing_to_draw_is_an_error(plot, nothing, of):
    with pytest.raises(ValueError, match=f"at least one {of}. Received: none"):
        plot(nothing)
