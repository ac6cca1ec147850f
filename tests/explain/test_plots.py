"""Pictures: they show the numbers that they were given."""

import io
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from matplotlib.patches import Rectangle

from fdin_tf.explain.plots import REGION_PAIRS
from fdin_tf.explain.plots import draw_relations
from fdin_tf.explain.plots import pair_name
from fdin_tf.explain.plots import plot_learning_curves
from fdin_tf.explain.plots import plot_predicted_against_true
from fdin_tf.explain.plots import plot_prediction
from fdin_tf.regions import REGIONS
from layers import PairwiseRelation


@pytest.fixture
def importance():
    rng = np.random.default_rng(0)
    return rng.dirichlet(np.ones(36)).astype(np.float32)


def png(figure):
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def test_pairs_have_the_layers_order_and_names():
    layer = PairwiseRelation((2,))
    layer.build((None, 9, 4))
    assert layer.pairs == REGION_PAIRS
    assert pair_name(0) == "left eye - forehead"
    assert pair_name(35) == "mouth - right mouth"


def test_relations_join_the_middles_of_their_regions(importance):
    axes = Figure().subplots()
    pairs = np.argsort(-importance)[:3]
    draw_relations(axes, np.zeros((96, 96, 3), np.uint8), importance, pairs)
    arcs = [p for p in axes.patches if isinstance(p, FancyArrowPatch)]
    assert len(arcs) == 3
    for arc, pair in zip(arcs, pairs):
        ends = [
            (16 + 32 * (region % 3), 16 + 32 * (region // 3))
            for region in REGION_PAIRS[pair]
        ]
        assert list(arc._posA_posB) == ends
    widths = [arc.get_linewidth() for arc in arcs]
    np.testing.assert_allclose(
        np.array(widths) / widths[0], importance[pairs] / importance[pairs[0]],
        rtol=1e-5,
    )  # fmt: skip
    assert len({arc.get_edgecolor() for arc in arcs}) == 3
    boxes = [p for p in axes.patches if isinstance(p, Rectangle)]
    assert len(boxes) == len({r for p in pairs for r in REGION_PAIRS[p]})


def test_the_prediction_names_its_relations_and_times(importance):
    rng = np.random.default_rng(0)
    prediction = SimpleNamespace(
        frames=rng.integers(0, 256, (5, 96, 96, 3), dtype=np.uint8),
        importance=importance,
        seconds=np.arange(5) / 25,
    )
    figure = plot_prediction(prediction, "title")
    axes = figure.get_axes()
    legend = axes[0].get_legend()
    best = int(importance.argmax())
    assert legend.get_texts()[0].get_text() == (
        f"{100 * importance[best]:.1f} %  {pair_name(best)}"
    )
    times = {a.get_title() for a in axes[1:]}
    assert {"0.00 s", "0.16 s"} <= times
    assert len(png(figure)) > 10_000


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


def test_regions_are_nine_in_the_fixed_order():
    assert len(REGIONS) == 9
    assert REGIONS[0] == "left_eye"
    assert REGIONS[8] == "right_mouth"
