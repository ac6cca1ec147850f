"""Pictures of attention: they show the numbers they were given."""

import numpy as np
import pytest

from fdin_tf.explain.attention import upsample
from fdin_tf.explain.attention_plots import plot_first_layer
from fdin_tf.explain.attention_plots import plot_spatial_attention
from fdin_tf.explain.attention_plots import plot_temporal_attention
from fdin_tf.explain.plots import figure_svg

TIMES = np.arange(12) / 25


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def faces(rng):
    """Two rows of two faces each, of 20 pixels."""
    return {
        name: [
            (rng.integers(0, 256, (20, 20, 1), np.uint8), rng.random((5, 5)))
            for _ in range(2)
        ]
        for name in ("Spatially-indexed", "Spatially-agnostic")
    }


@pytest.fixture
def temporal(rng):
    return rng.dirichlet(np.ones(12))


def picture(image):
    return np.asarray(image.get_array())


def panels(figure, num_columns):
    """Axes with pictures, by row."""
    axes = np.array([a for a in figure.axes if a.images], object)
    return axes.reshape(-1, num_columns)


def test_groups_are_input_attention_and_one_over_the_other(faces):
    figure = plot_spatial_attention(faces, title="Mechanisms")
    rows = panels(figure, 6)
    for row, (name, pairs) in zip(rows, faces.items(), strict=True):
        assert row[0].get_ylabel().replace("\n", " ") == name
        for (face, cells, over), (frame, attention) in zip(
            row.reshape(-1, 3), pairs, strict=True
        ):
            np.testing.assert_array_equal(
                picture(face.images[0]), frame[..., 0]
            )
            np.testing.assert_array_equal(picture(cells.images[0]), attention)
            below, above = over.images
            np.testing.assert_array_equal(picture(below), frame[..., 0])
            np.testing.assert_allclose(picture(above), upsample(attention, 20))
            assert 0 < above.get_alpha() < 1
    titles = [axes.get_title() for axes in rows[0]]
    assert titles == ["input", "attention", "over the face"] * 2
    assert figure.get_label().startswith("Mechanisms: Spatially-indexed: att")


def test_all_maps_share_one_scale(faces):
    def scales(figure):
        images = [i for row in panels(figure, 6) for a in row for i in a.images]
        return {i.get_clim() for i in images if i.get_cmap().name == "viridis"}

    def label(figure):
        return figure.axes[-1].get_ylabel()

    fixed = plot_spatial_attention(faces)
    assert scales(fixed) == {(0, 1)}
    assert label(fixed) == "attention"
    maps = [a for pairs in faces.values() for _, a in pairs]
    fitted = plot_spatial_attention(faces, limits=None)
    assert scales(fitted) == {(np.min(maps), np.max(maps))}
    assert f"({np.min(maps):.3g} to {np.max(maps):.3g})" in label(fitted)


def test_maps_lie_over_the_whole_input(faces):
    (row, _) = panels(plot_spatial_attention(faces), 6)
    for axes in row:
        for image in axes.images:
            assert tuple(image.get_extent()) == (-0.5, 19.5, 19.5, -0.5)


def test_nobody_is_shown_without_a_frame(rng):
    attention = rng.random((5, 5))
    points = rng.random((68, 2)) * 113
    figure = plot_spatial_attention({"Subject": [(None, attention)]}, points)
    face, cells, over = figure.axes[:3]
    assert not face.images
    np.testing.assert_array_equal(picture(cells.images[0]), attention)
    (above,) = over.images
    np.testing.assert_allclose(picture(above), upsample(attention, 114))
    for axes in (face, over):  # every landmark, some twice: lines that close
        drawn = np.concatenate([line.get_xydata() for line in axes.lines])
        assert set(map(tuple, drawn)) == set(map(tuple, points))
    blank = plot_spatial_attention({"Subject": [(None, attention)]})
    assert not blank.axes[0].lines


@pytest.mark.parametrize("counts", [[], [0], [1, 2]])
def test_rows_of_unequal_length_or_none_are_an_error(counts):
    rows = {k: [(None, np.eye(2))] * n for k, n in enumerate(counts)}
    with pytest.raises(ValueError, match=r"as many faces.*with \[.*\] faces"):
        plot_spatial_attention(rows)


def test_components_have_their_shares_and_scales_about_zero(rng):
    components = rng.normal(size=(3, 5, 4))
    figure = plot_first_layer(components, [0.3, 0.15, 0.1], "First layer")
    (row,) = panels(figure, 3)
    for number, (axes, component) in enumerate(zip(row, components)):
        (image,) = axes.images
        np.testing.assert_array_equal(picture(image), component)
        low, high = image.get_clim()
        assert -low == high == np.abs(component).max()
        assert axes.get_title().startswith(f"PC-{number + 1}\n")
    assert row[1].get_title() == "PC-2\n15.0 % of the variance"
    assert figure.get_supxlabel().startswith("together 55.0 %")
    assert "PC-3 10.0 % of the variance" in figure.get_label()


def test_a_flat_component_can_be_drawn():
    figure = plot_first_layer(np.zeros((1, 3, 3)), [0.0])
    assert figure.axes[0].images[0].get_clim() == (-1, 1)


@pytest.mark.parametrize(
    ("shape", "ratios"), [((2, 3, 3), [0.5]), ((3, 3), [0.2] * 3)]
)
def test_components_without_their_shares_are_an_error(shape, ratios):
    with pytest.raises(ValueError, match=r"a share.*ratios of shape \("):
        plot_first_layer(np.zeros(shape), ratios)


def test_no_component_is_an_error():
    with pytest.raises(ValueError, match=r"one component. Received: none"):
        plot_first_layer(np.zeros((0, 3, 3)), [])


def test_bars_are_weights_times_the_number_of_frames(temporal):
    figure = plot_temporal_attention(None, temporal, TIMES, title="Clip")
    (axes,) = figure.axes
    np.testing.assert_allclose(
        [bar.get_height() for bar in axes.patches], 12 * temporal
    )
    np.testing.assert_allclose(
        [bar.get_x() + bar.get_width() / 2 for bar in axes.patches],
        TIMES,
        atol=1e-12,
    )
    dashed, uniform = axes.lines
    np.testing.assert_allclose(dashed.get_ydata(), 12 * temporal.max())
    assert list(uniform.get_ydata()) == [1, 1]
    assert "x number of frames" in axes.get_ylabel()
    assert f"Clip: largest weight {12 * temporal.max():.2f}" in (
        figure.get_label()
    )


def test_phases_are_shaded_where_they_are(temporal):
    apex = np.isin(np.arange(12), (4, 5, 6, 7))
    neutral = np.isin(np.arange(12), (0, 1, 11))  # in two runs
    phases = {"apex": apex, "neutral": neutral, "none": 0 * apex}
    figure = plot_temporal_attention(None, temporal, TIMES, phases)
    (axes,) = figure.axes
    ends = [
        (25 * span.get_x() + 0.5, 25 * (span.get_x() + span.get_width()) - 0.5)
        for span in axes.patches[:3]
    ]
    np.testing.assert_allclose(ends, [(4, 7), (0, 1), (11, 11)], atol=1e-9)
    places = {text.get_text(): text.get_position() for text in axes.texts}
    assert set(places) == {"apex", "neutral"}
    assert places["apex"][0] == pytest.approx(5.5 / 25)
    assert places["neutral"][0] == pytest.approx(0.5 / 25)
    assert f"apex {12 * temporal[apex].mean():.2f}" in figure.get_label()
    assert "none" not in figure.get_label()


def test_the_strip_shows_frames_over_their_times(temporal):
    frames = np.arange(12, dtype=np.uint8)[:, None, None, None]
    frames = np.broadcast_to(frames, (12, 8, 8, 1))
    figure = plot_temporal_attention(frames, temporal, TIMES, num_frames=4)
    strip, axes = figure.axes
    shown = [int(picture(image)[0, 0]) for image in strip.images]
    assert len(shown) == 4
    assert shown == sorted(set(shown))
    ticks = [line.get_xdata()[0] for line in strip.lines]
    np.testing.assert_allclose(ticks, TIMES[shown])
    for image, tick in zip(strip.images, ticks):
        left, right, *_ = image.get_extent()
        assert left < tick < right
    assert strip.get_xlim() == axes.get_xlim()


def test_some_faces_of_a_clip_stand_over_their_own_times(temporal):
    kept = np.array([0, 7, 11])
    frames = np.broadcast_to(kept[:, None, None].astype("uint8"), (3, 8, 8))
    arguments = {"temporal": temporal, "seconds": TIMES}
    strip, axes = plot_temporal_attention(
        frames, **arguments, frame_seconds=TIMES[kept]
    ).axes
    assert len(axes.patches) == 12
    shown = [int(picture(image)[0, 0]) for image in strip.images]
    assert shown == kept.tolist()
    ticks = [line.get_xdata()[0] for line in strip.lines]
    np.testing.assert_allclose(ticks, TIMES[kept])
    with pytest.raises(ValueError, match=r"every face.*length 3.*length 12"):
        plot_temporal_attention(frames, **arguments, frame_seconds=TIMES)


@pytest.mark.parametrize(("count", "shown"), [(12, 9), (3, 3), (1, 1)])
def test_faces_of_the_strip_are_square_and_over_the_curve(count, shown):
    frames = np.zeros((count, 8, 8, 3), np.uint8)
    figure = plot_temporal_attention(
        frames, np.full(count, 1 / count), TIMES[:count], title="Clip"
    )
    figure_svg(figure)  # lays it out
    strip, axes = figure.axes
    above, below = strip.get_position(), axes.get_position()
    assert above.y0 > below.y1
    np.testing.assert_allclose(
        [above.x0, above.x1], [below.x0, below.x1], atol=1e-3
    )
    assert len(strip.images) == shown
    for image in strip.images:
        left, right, bottom, top = image.get_extent()
        corners = strip.transData.transform([(left, bottom), (right, top)])
        width, height = np.ptp(corners, axis=0)
        assert width == pytest.approx(height, rel=0.01)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seconds": TIMES[:3]}, "seconds of length 3"),
        ({"frames": np.zeros((4, 2, 2))}, "frames of length 4"),
        ({"phases": {"apex": [True]}}, "apex of length 1"),
        ({"temporal": [], "seconds": []}, "temporal of length 0"),
    ],
)
def test_lengths_that_differ_are_an_error(temporal, changes, message):
    arguments = {"frames": None, "temporal": temporal, "seconds": TIMES}
    with pytest.raises(ValueError, match=f"of every frame.*{message}"):
        plot_temporal_attention(**{**arguments, **changes})
