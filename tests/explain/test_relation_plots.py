"""Pictures of importance: the right relations in the right places."""

import itertools
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.patches import Polygon
from matplotlib.patches import Rectangle

from fdin_tf.explain import group_importance
from fdin_tf.explain import importance_table
from fdin_tf.explain import rank_relations
from fdin_tf.explain.face_drawing import YELLOW
from fdin_tf.explain.face_drawing import draw_face
from fdin_tf.explain.face_drawing import draw_pairs
from fdin_tf.explain.face_drawing import draw_set
from fdin_tf.explain.face_drawing import regions_of
from fdin_tf.explain.relation_plots import plot_group_intervals
from fdin_tf.explain.relation_plots import plot_group_relations
from fdin_tf.explain.relation_plots import plot_importance_matrix
from fdin_tf.explain.relation_plots import plot_prediction
from fdin_tf.explain.relation_plots import plot_relations_on_face
from fdin_tf.regions import REGIONS


@pytest.fixture(scope="module")
def table():
    """Importance of twelve clips."""
    rng = np.random.default_rng(0)
    importance = rng.dirichlet(rng.uniform(0.5, 8, 36), size=12)
    return importance_table(importance, [f"clip {k}" for k in range(12)])


@pytest.fixture(scope="module")
def groups():
    return ["posed"] * 5 + ["spontaneous"] * 7


@pytest.fixture(scope="module")
def group_tables(table, groups):
    subjects = [f"{k // 2}" for k in range(12)]
    return [
        group_importance(table, groups, subjects, n, num_resamples=50)
        for n in (2, 3)
    ]


def centre(region):
    return region % 3 + 0.5, region // 3 + 0.5


def boxed_regions(axes):
    return {
        tuple(np.round(patch.get_center(), 6))
        for patch in axes.patches
        if isinstance(patch, Rectangle)
    }


def written(axes):
    return [t.get_text() for t in axes.texts]


def arcs_of(axes):
    return [p for p in axes.patches if isinstance(p, PathPatch)]


def overlapping_texts(figure):
    """Pairs of texts whose boxes meet, measured as they are drawn."""
    figure.draw_without_rendering()
    boxes = [
        (text.get_text(), text.get_window_extent())
        for axes in figure.get_axes()
        for text in [
            *axes.texts, axes.title, *axes.get_xticklabels(),
            *axes.get_yticklabels(),
        ]
        if text.get_text().strip() and not text.get_rotation()
    ]  # fmt: skip
    return [
        (a, b)
        for (a, first), (b, second) in itertools.combinations(boxes, 2)
        if first.overlaps(second)
    ]


def outside(figure):
    """Texts that are cut off by the edge of the picture."""
    figure.draw_without_rendering()
    width, height = figure.get_size_inches() * figure.dpi
    return [
        text.get_text()
        for axes in figure.get_axes()
        for text in axes.texts
        for box in [text.get_window_extent()]
        if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height
    ]


def test_arcs_join_their_regions_in_the_order_of_importance(table):
    axes = Figure().subplots()
    ranked = rank_relations(table).head(4)
    draw_face(axes)
    schematic = len(arcs_of(axes))
    draw_pairs(axes, ranked)
    arcs = arcs_of(axes)[schematic:]
    assert len(arcs) == 4
    ends = [tuple(map(tuple, a.get_path().vertices[[0, 2]])) for a in arcs]
    pairs = [regions_of(name) for name in ranked.relation]
    assert ends[::-1] == [tuple(map(centre, pair)) for pair in pairs]
    widths = np.array([arc.get_linewidth() for arc in arcs])[::-1]
    np.testing.assert_allclose(
        widths / widths[0], ranked.importance / ranked.importance[0]
    )
    assert len({arc.get_edgecolor() for arc in arcs}) == 4
    assert boxed_regions(axes) == {centre(r) for pair in pairs for r in pair}
    assert sorted(written(axes)) == ["1", "2", "3", "4"]


def test_badges_of_crossing_pairs_do_not_hide_one_another():
    axes = Figure().subplots()
    crossing = ["right_eye-nose", "forehead-right_cheek"]
    draw_pairs(
        axes,
        pd.DataFrame({"rank": [1, 2], "relation": crossing, "importance": 0.1}),
    )
    first, second = (np.array(text.get_position()) for text in axes.texts)
    assert np.hypot(*(first - second)) > 0.3


@pytest.mark.parametrize(
    "relation",
    ["left_eye-right_eye-left_cheek", "left_eye-forehead-right_eye"],
)
def test_a_relation_of_three_is_a_yellow_polygon_of_their_middles(relation):
    axes = Figure().subplots()
    draw_set(axes, relation)
    (polygon,) = [
        p
        for p in axes.patches
        if isinstance(p, Polygon) and not isinstance(p, Rectangle)
    ]
    centres = {centre(r) for r in regions_of(relation)}
    assert set(map(tuple, polygon.get_xy())) == centres
    assert polygon.get_facecolor()[:3] == to_rgba(YELLOW)[:3]
    assert boxed_regions(axes) == centres


def test_the_polygon_of_many_regions_does_not_cross_itself():
    axes = Figure().subplots()
    draw_set(axes, "left_eye-right_eye-left_mouth-right_mouth")
    (polygon,) = [p for p in axes.patches if type(p) is Polygon]
    x, y = polygon.get_xy().T
    area = abs(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1])) / 2
    assert area == pytest.approx(4)  # of the square; 0 if it were an hourglass


def test_a_schematic_face_names_all_regions_in_their_cells():
    axes = Figure().subplots()
    draw_face(axes, has_names=True)
    assert not axes.images
    for text in axes.texts:
        x, y = text.get_position()
        region = int(y) * 3 + int(x)
        assert text.get_text() == REGIONS[region].replace("_", " ")
    assert len(axes.texts) == 9


def test_the_frame_that_was_given_is_drawn(table):
    frame = np.zeros((96, 96, 3), np.uint8)
    frame[:32, :32] = 200
    (axes,) = plot_relations_on_face(table, frame).get_axes()
    (image,) = axes.images
    np.testing.assert_array_equal(image.get_array(), frame)
    assert image.get_extent() == [0, 3, 3, 0]  # in cells of the grid


def test_the_best_pairs_are_ranked_in_words(table):
    figure = plot_relations_on_face(table, num_top=2, title="All clips")
    (axes,) = figure.get_axes()
    top = rank_relations(table).head(2)
    for row in top.itertuples():
        name = row.relation.replace("_", " ").replace("-", " - ")
        assert name in written(axes)
        assert f"{100 * row.importance:.1f} %" in written(axes)
        assert f"{row.rank}. {name}" in figure.get_label()
    assert figure.get_suptitle() == "All clips"


def test_larger_relations_have_a_face_each(table):
    figure = plot_relations_on_face(table, num_regions=4, num_top=3)
    top = rank_relations(table, 4).head(3)
    assert len(figure.get_axes()) == 3
    for axes, row in zip(figure.get_axes(), top.itertuples()):
        regions = regions_of(row.relation)
        assert boxed_regions(axes) == set(map(centre, regions))
        assert f"{100 * row.importance:.1f} %" in written(axes)


def test_one_clip_is_drawn_from_an_array_as_from_a_table(table):
    of_array = plot_relations_on_face(table.to_numpy()[3])
    of_series = plot_relations_on_face(table.iloc[3])
    of_table = plot_relations_on_face(table.iloc[[3]])
    assert of_array.get_label() == of_table.get_label() == of_series.get_label()


def test_every_group_has_its_own_relations_counts_and_face(group_tables, table):
    faces = {"posed": np.full((96, 96, 3), 9, np.uint8)}
    figure = plot_group_relations(faces, group_tables, num_top=2, title="Smile")
    axes = figure.get_axes()
    assert len(axes) == 4
    assert [a.get_title() for a in axes[:2]] == ["posed", "spontaneous"]
    assert "5 clips, 3 subjects" in written(axes[0])
    assert "7 clips, 4 subjects" in written(axes[1])
    assert axes[0].images
    assert not axes[1].images  # no face was given: the schematic one
    for k, (of, group) in enumerate(
        itertools.product(group_tables, ["posed", "spontaneous"])
    ):
        top = of[of.group == group].sort_values("rank").head(2)
        drawn = top.relation if k < 2 else top.relation.head(1)
        regions = {r for name in drawn for r in regions_of(name)}
        assert boxed_regions(axes[k]) == set(map(centre, regions))
        for share in top.importance:
            assert f"{100 * share:.1f} %" in written(axes[k])


def test_one_face_serves_all_groups(group_tables):
    frame = np.full((96, 96, 3), 9, np.uint8)
    figure = plot_group_relations(frame, group_tables[0])
    assert [len(axes.images) for axes in figure.get_axes()] == [1, 1]


def test_the_matrix_is_symmetric_with_an_empty_diagonal(table):
    figure = plot_importance_matrix(table)
    axes, bar = figure.get_axes()
    (image,) = axes.images
    matrix = np.ma.filled(image.get_array().astype(float), np.nan)
    assert np.isnan(np.diag(matrix)).all()
    off = ~np.eye(9, dtype=bool)
    np.testing.assert_array_equal(matrix[off], matrix.T[off])
    nose_mouth = 100 * table["nose-mouth"].mean()
    assert matrix[7, 4] == pytest.approx(nose_mouth)
    assert len(axes.texts) == 72
    (label,) = [t for t in axes.texts if t.get_position() == (4, 7)]
    assert label.get_text() == f"{nose_mouth:.1f}"
    assert image.get_clim()[0] == 0
    assert "1/36" in written(bar)
    marks = {round(line.get_ydata()[0], 6) for line in bar.get_lines()}
    assert round(100 / 36, 6) in marks


@pytest.mark.parametrize("num_regions", [2, 3])
def test_dots_and_whiskers_are_the_means_and_intervals(
    group_tables, num_regions
):
    of = group_tables[num_regions - 2]
    (axes,) = plot_group_intervals(of, num_top=4).get_axes()
    best = of.groupby("relation").importance.mean().nlargest(4).index
    for bars, group in zip(axes.containers, ["posed", "spontaneous"]):
        rows = of[of.group == group].set_index("relation").loc[best]
        dots, _, (whiskers,) = bars
        np.testing.assert_allclose(
            dots.get_xdata(orig=False), 100 * rows.importance
        )
        ends = np.array([s[:, 0] for s in whiskers.get_segments()])
        np.testing.assert_allclose(ends, 100 * rows[["low", "high"]])
    (uniform,) = [x for x in axes.get_lines() if x.get_label() == "all alike"]
    pairs = num_regions * (num_regions - 1) / 2
    assert uniform.get_xdata()[0] == pytest.approx(100 * pairs / 36)


def test_a_group_of_one_subject_is_a_dot_without_whisker(table):
    of = group_importance(table, ["a"] * 12, ["1"] * 12)
    (axes,) = plot_group_intervals(of, num_top=3).get_axes()
    dots = axes.containers[0][0]
    largest = 100 * of.importance.nlargest(3)
    np.testing.assert_allclose(dots.get_xdata(orig=False), largest)
    axes.figure.draw_without_rendering()


def test_the_prediction_names_its_relations_and_times(table):
    rng = np.random.default_rng(0)
    prediction = SimpleNamespace(
        frames=rng.integers(0, 256, (5, 96, 96, 3), dtype=np.uint8),
        importance=table.to_numpy()[0].astype(np.float32),
        shown_seconds=np.arange(5) / 25,
    )
    figure = plot_prediction(prediction, "title")
    face, *strip = figure.get_axes()
    best = table.iloc[0].idxmax()
    assert best.replace("_", " ").replace("-", " - ") in written(face)
    assert f"{100 * table.iloc[0].max():.1f} %" in written(face)
    assert {"0.00 s", "0.16 s"} <= {axes.get_title() for axes in strip}


@pytest.mark.parametrize("num_regions", [2, 3, 5, 9])
def test_no_text_hides_another_or_leaves_the_picture(table, num_regions):
    figure = plot_relations_on_face(
        table, np.zeros((96, 96, 3), np.uint8), num_regions, title="All\nclips"
    )
    assert overlapping_texts(figure) == []
    assert outside(figure) == []


def test_no_text_hides_another_in_any_group_or_matrix(table, group_tables):
    many = [
        group_importance(
            table, list("abcde") * 2 + ["a", "b"], map(str, range(12)), n,
            num_resamples=10,
        )
        for n in (2, 3)
    ]  # fmt: skip
    for figure in (
        plot_group_relations(None, many, title="Five"),
        plot_group_relations(None, group_tables[1], title="Two"),
        plot_importance_matrix(table),
        plot_group_intervals(many[1]),
    ):
        assert overlapping_texts(figure) == []
        assert outside(figure) == []


def test_mistakes_are_named(table, group_tables):
    with pytest.raises(ValueError, match=r"2 to 9.*num_regions=1"):
        plot_relations_on_face(table, num_regions=1)
    for plot in (
        lambda: plot_relations_on_face(table, num_top=0),
        lambda: plot_group_relations(None, group_tables, num_top=0),
        lambda: plot_group_intervals(group_tables[0], num_top=0),
    ):
        with pytest.raises(ValueError, match=r"at least 1.*num_top=0"):
            plot()
    for empty in ([], group_tables[0][:0]):
        with pytest.raises(ValueError, match="at least one group"):
            plot_group_relations(None, empty)
    with pytest.raises(ValueError, match=re.escape("region='chin'")):
        regions_of("nose-chin")
