"""Relevance in recipes.explain: against the exported model, and by hand."""

import cv2
import mlflow
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tyro

from fdin_tf.data.crops import warp_frames
from fdin_tf.explain.lrp import ClipPropagator
from fdin_tf.explain.lrp import ClipRelevance
from fdin_tf.faces import find_phases
from fdin_tf.regions import REGIONS
from recipes.cli import run_recipe
from recipes.explain import Config
from recipes.explain import run
from recipes.explain_attention_relevance import in_cells
from recipes.explain_attention_relevance import in_numbers
from recipes.explain_attention_relevance import spread
from recipes.explain_relevance import typical_clip
from recipes.explain_relevance_pictures import chosen_frames
from recipes.explain_relevance_pictures import plot_frame_relevance
from recipes.explain_relevance_pictures import plot_region_shares
from recipes.explain_relevance_tables import agreement
from recipes.explain_relevance_tables import rank_correlation
from recipes.explain_relevance_tables import region_table
from recipes.explain_relevance_tables import sink_summary
from recipes.explain_relevance_tables import sink_table
from recipes.exported import load_exported
from tests.recipes.fdin_export import export_fdin
from tests.recipes.siam_export import export_siam

CLIP = "001_deliberate_smile_1"
SINKS = ["bias", "location", "stabilizer", "lost"]


@pytest.fixture(scope="module")
def fdin(tmp_path_factory, tiny_clips, cache_dir):
    folder = tmp_path_factory.mktemp("models") / "small_age"
    return export_fdin(folder, tiny_clips, cache_dir)


@pytest.fixture(scope="module")
def siam(tmp_path_factory, cropped):
    return export_siam(tmp_path_factory.mktemp("models") / "siam_age", cropped)


@pytest.fixture
def explain(in_folder, cache_dir):
    """Runs `recipes.explain` with these words; returns its tables."""

    def explain(*words):
        words = [*words, "--cache-dir", cache_dir, "--embedded", "tiny"]
        words += ["--output-dir", in_folder]
        run_recipe(run, tyro.cli(Config, args=[*map(str, words)]))
        return {p.stem: pd.read_csv(p) for p in in_folder.glob("*.csv")}

    return explain


def served(model, frames):
    """The estimate of a clip by TensorFlow's own file."""
    signature = tf.saved_model.load(str(model / "1")).signatures[
        "serving_default"
    ]
    answer = signature(
        frames=tf.constant(frames[None]),
        mask=tf.ones((1, len(frames)), tf.bool),
    )
    return answer["age"].numpy().item()


def of_whole(model, frames, **options):
    """Relevance of a clip through all that the exported model holds."""
    inputs = {"frames": frames[None], "mask": np.ones((1, len(frames)), bool)}
    return ClipPropagator(load_exported(model).joined, **options)(inputs)


def check_sums(sinks, clip_id, estimate, levels):
    """At every level, relevance and sinks sum to the served estimate."""
    of = sinks[sinks.clip_id == clip_id].set_index("level")
    assert set(of.index) == set(levels)
    taken = of[[name for name in SINKS if name in of]].sum(axis=1)
    np.testing.assert_allclose(of.score, estimate, rtol=1e-3)
    np.testing.assert_allclose(of.relevance + taken, of.score, rtol=1e-4)
    assert (of.absolute >= of.relevance.abs() - 1e-6).all()


def check_video(folder, name, num_frames, side):
    """A clip beside its relevance, frame by frame."""
    video = cv2.VideoCapture(str(folder / f"{name}.webm"))
    frames = []
    while (found := video.read())[0]:
        frames.append(found[1])
    assert len(frames) == num_frames
    height, width, _ = frames[0].shape
    assert width == 2 * height
    assert height % side == 0
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count("<video controls muted loop") == 1
    assert "Which pixels and which motions (relevance)" in page


def logged():
    """Metrics of the only run, and the names of its videos."""
    (of,) = mlflow.search_runs(
        experiment_names=["explain"], output_format="list"
    )
    client = mlflow.MlflowClient()
    videos = client.list_artifacts(of.info.run_id, "videos")
    return of.data.metrics, [file.path for file in videos]


def test_relevance_of_relations(
    explain, fdin, in_folder, tiny_clips, tiny_pixels, cache_dir
):
    features = set((cache_dir / "features").rglob("*.npz"))
    tables = explain(fdin, "--composite", "epsilon_plus_flat")
    assert set((cache_dir / "features").rglob("*.npz")) == features

    # The clip that is shown: by the whole model, on frames.
    of_clips = tables["relevance_regions"].set_index("clip_id")
    assert set(of_clips.index) == set(tiny_clips.clip_id)
    sinks = tables["relevance_sinks"]
    (clip_id,) = sinks[sinks.level == "pixels"].clip_id
    frames = tiny_pixels.load(clip_id).astype(np.uint8)
    whole = of_whole(fdin, frames, composite="epsilon_plus_flat")
    expected = np.abs(whole.regions[0]).sum(axis=1)
    # Cached features are float16.
    np.testing.assert_allclose(
        of_clips.loc[clip_id], expected, rtol=0.02, atol=0.01 * expected.max()
    )
    pairs = tables["relevance_pairs"].set_index("clip_id").loc[clip_id]
    np.testing.assert_allclose(
        pairs, whole.pairs[0], rtol=0.02,
        atol=0.01 * np.abs(whole.pairs[0]).max(),
    )  # fmt: skip
    estimate = served(fdin, frames)
    check_sums(sinks, clip_id, estimate, ["pairs", "regions", "pixels"])

    # By region.
    by_region = tables["relevance_by_region"]
    shares = of_clips.div(of_clips.sum(axis=1), axis=0)
    assert list(by_region.region) == list(REGIONS)
    np.testing.assert_allclose(by_region.share, shares.mean(), rtol=1e-5)
    np.testing.assert_allclose(by_region.absolute, of_clips.mean(), rtol=1e-5)
    assert by_region.importance.sum() == pytest.approx(1, rel=1e-5)
    effects = tables["region_effects"].set_index("region").rise
    np.testing.assert_allclose(by_region.rise, effects[list(REGIONS)])
    assert (by_region.low < by_region.share).all()
    assert (by_region.share < by_region.high).all()
    rows = tables["relevance_agreement"].set_index(["one", "other"])
    correlations = by_region.corr("spearman", numeric_only=True)
    for (one, other), column in {
        ("relevance", "importance"): ("share", "importance"),
        ("relevance", "rise of the error"): ("share", "rise"),
        ("importance", "rise of the error"): ("importance", "rise"),
    }.items():
        assert rows.rank_correlation[one, other] == pytest.approx(
            correlations.loc[column]
        )

    name = f"clip_{clip_id}_relevance"
    assert {path.stem for path in in_folder.glob("*relevance*.png")} == {
        "relevance_regions", f"{name}_regions", f"{name}_pixels",
    }  # fmt: skip
    check_video(in_folder, name, len(frames), side=96)
    page = (in_folder / "report.html").read_text(encoding="utf-8")
    assert "the rules &#x27;epsilon_plus_flat&#x27;" in page
    assert "locations take" in page
    metrics, videos = logged()
    assert videos == [f"videos/{name}.webm"]
    assert metrics["relevance_share_nose"] == pytest.approx(
        shares.nose.mean(), rel=1e-5
    )
    assert metrics["relevance_agrees_with_importance"] == pytest.approx(
        correlations.loc["share", "importance"]
    )
    reached = sinks[sinks.level == "regions"]
    assert metrics["relevance_percent_regions"] == pytest.approx(
        100 * reached.relevance.sum() / reached.score.sum()
    )


def test_relevance_of_attention(explain, siam, in_folder, cropped):
    tables = explain(siam, "--clips", CLIP)
    warp = load_exported(siam).warp
    grey, landmarks = cropped.load(CLIP)
    frames = warp_frames(warp, grey, landmarks)
    whole = of_whole(siam, frames)
    pixels = np.asarray(whole.pixels[0])
    absolute = np.abs(pixels)

    of = tables["relevance_frames"].query("clip_id == @CLIP")
    np.testing.assert_allclose(
        of.relevance, whole.frames[0], rtol=1e-3, atol=1e-5
    )
    np.testing.assert_allclose(
        of.absolute, absolute.sum(axis=(1, 2)), rtol=1e-3, atol=1e-6
    )
    np.testing.assert_allclose(np.diff(of.seconds), 1 / 25, rtol=1e-3)
    estimate = served(siam, frames)
    check_sums(tables["relevance_sinks"], CLIP, estimate, ["frames", "pixels"])

    parts = tables["relevance_parts"].set_index("clip_id")
    assert len(parts) == 16
    inside = absolute[:, warp.mask].sum() / absolute.sum()
    assert parts.in_face[CLIP] == pytest.approx(inside, rel=1e-3)
    phases = find_phases(landmarks, smooth=False)
    is_apex = phases.mask("apex")
    per_frame = absolute.sum(axis=(1, 2))
    assert parts.apex[CLIP] == pytest.approx(
        per_frame[is_apex].mean() / per_frame.mean(), rel=1e-3
    )
    means = tables["relevance_means"].set_index("name")
    np.testing.assert_allclose(means["mean"], parts.mean()[means.index])
    # The attention, in the same way, as the tables on attention have it.
    apex = tables["clips"].apex.mean()
    assert means.attention["apex"] == pytest.approx(apex)

    name = f"clip_{CLIP}_relevance"
    check_video(in_folder, name, len(frames), side=24)
    metrics, videos = logged()
    assert videos == [f"videos/{name}.webm"]
    assert metrics["relevance_at_mouth"] == pytest.approx(parts.at_mouth.mean())
    assert "relevance_percent_pixels" in metrics


def test_rules_that_cannot_pass_the_model_are_named_at_once(
    explain, fdin, in_folder, fails
):
    line = fails(explain, fdin, "--composite", "epsilon_gamma_box")
    assert "`ZBox`" in line
    assert not list(in_folder.glob("*.csv"))


def relevance_with(regions):
    """A clip's relevance of which only regions matter."""
    return ClipRelevance(
        score=1.0, pairs=None, regions=np.asarray(regions, float),
        frames=None, pixels=None, sinks={}, conservation=None,
    )  # fmt: skip


def test_a_planted_region_has_all_of_the_relevance():
    regions = np.zeros((9, 4))
    regions[7] = [1, -2, 3, -1]
    found = {"a": relevance_with(regions), "b": relevance_with(0 * regions)}
    clips = pd.DataFrame({"clip_id": ["a", "b"], "subject": ["1", "2"]})
    importance = pd.DataFrame(
        np.eye(36)[[35, 35]], columns=pair_names(), index=["a", "b"]
    )
    table = region_table(found, clips, importance, None).set_index("region")
    assert "rise" not in table
    # A clip without any relevance has no shares.
    assert table.share["mouth"] == 1
    assert table.share.sum() == 1
    assert table.relevance["mouth"] == 0.5
    assert table.absolute["mouth"] == 3.5
    assert table.importance["mouth"] == 0.5  # with right_mouth
    (row,) = agreement(table.reset_index()).to_dict("records")
    assert row["other"] == "importance"


def pair_names():
    return [
        f"{one}-{other}"
        for k, one in enumerate(REGIONS)
        for other in REGIONS[k + 1 :]
    ]


def test_ranks_agree_where_they_can_be_told():
    assert rank_correlation([1, 2, 3], [10, 20, 15]) == 0.5
    assert np.isnan(rank_correlation([1, 1, 1], [1, 2, 3]))


def test_shares_of_the_score_sum_to_a_hundred():
    clip = ClipRelevance(
        score=4.0, pairs=np.array([3.0, -1.0]), regions=None, frames=None,
        pixels=None, sinks={"pairs": {"bias": 1.5, "lost": 0.5}},
        conservation=None,
    )  # fmt: skip
    rows = sink_table({"a": clip, "b": clip}, ("pairs",))
    assert rows.relevance.tolist() == [2, 2]
    (row,) = sink_summary(rows).to_dict("records")
    assert row["relevance"] + row["bias"] + row["lost"] == 100
    assert (row["absolute"], row["score"], row["clips"]) == (100, 4, 2)


def test_the_typical_clip_is_the_one_closest_to_the_mean():
    regions = np.zeros((3, 9, 1))
    for k, mouth in enumerate((0.0, 0.4, 1.0)):
        regions[k, 7], regions[k, 4] = mouth, 1 - mouth
    found = dict(zip("abc", map(relevance_with, regions)))
    assert typical_clip(found) == "b"


def test_places_and_frames_are_counted_in_multiples_of_their_means(siam):
    warp = load_exported(siam).warp
    even = np.ones((warp.size, warp.size))
    phases = {"apex": np.array([False, True]), "offset": np.zeros(2, bool)}
    row = in_numbers(even, np.array([1.0, 3.0]), phases, warp)
    assert row["in_face"] == pytest.approx(warp.mask.mean())
    assert row["at_mouth"] == pytest.approx(1)
    assert row["apex"] == pytest.approx(1.5)
    assert np.isnan(row["offset"])
    assert in_numbers(0 * even, None, phases, warp) == {}


def test_cells_hold_every_pixel_once():
    pixels = np.random.default_rng(0).normal(size=(2, 10, 10))
    cells = in_cells(pixels)
    np.testing.assert_allclose(cells.sum(axis=1), pixels.sum(axis=(1, 2)))
    np.testing.assert_allclose(cells[1, 5], pixels[1, 3:6, 6:].sum())


def test_clips_are_spread_over_the_table():
    assert spread(range(100), 3) == [0, 50, 99]
    assert spread("ab", 24) == ["a", "b"]


def test_a_frame_that_is_chosen_twice_is_shown_once():
    heatmaps = np.zeros((4, 1, 1))
    heatmaps[2] = -1
    assert chosen_frames(heatmaps) == {0: "first", 2: "middle, most relevance"}


def test_pictures_say_what_they_show():
    table = pd.DataFrame({
        "region": ["nose", "right_mouth"], "share": [0.4, 0.6],
        "low": [0.3, np.nan], "high": [0.5, np.nan], "importance": [0.5, 0.5],
    })  # fmt: skip
    figure = plot_region_shares(table, "All")
    assert figure.get_label() == (
        "All: shares of relevance: right mouth 60.0 %, nose 40.0 %"
    )
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names == ["right mouth", "nose"]

    seconds = np.array([0.0, 0.5, 1.0])
    phases = {"apex": np.array([False, True, True])}
    figure = plot_frame_relevance(
        np.array([1.0, 4.0, 1.0]), np.array([0.2, 0.2, 0.6]), seconds, phases
    )
    assert figure.get_label() == (
        "relevance, |R| largest at 0.50 s, 2.00 times its mean; "
        "temporal attention largest at 1.00 s, 1.80 times its mean"
    )
    alone = plot_frame_relevance(np.zeros(3), None, seconds, phases)
    assert "attention" not in alone.get_label()
    (span,) = alone.axes[0].patches
    assert (span.get_x(), span.get_width()) == (0.25, 1.0)
