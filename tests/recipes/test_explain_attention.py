"""recipes.explain on SIAM: attention in tables, pictures and one report."""

import cv2
import mlflow
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tyro
from scipy.stats import bootstrap

from fdin_tf.data.crops import warp_frames
from fdin_tf.explain import face_auc
from fdin_tf.faces import find_phases
from fdin_tf.statistics import clustered_mean
from recipes.cli import run_recipe
from recipes.explain import Config
from recipes.explain import run
from recipes.exported import load_exported
from tests.recipes.siam_export import export_siam

CLIP = "001_deliberate_smile_1"


@pytest.fixture(scope="module")
def model(tmp_path_factory, cropped):
    return export_siam(tmp_path_factory.mktemp("models") / "siam_age", cropped)


@pytest.fixture
def explain(in_folder, model, cache_dir):
    """Runs `recipes.explain` with these words behind the model."""

    def explain(*words, model=model):
        words = [model, *words, "--cache-dir", cache_dir, "--embedded", "tiny"]
        return run_recipe(run, tyro.cli(Config, args=[*map(str, words)]))

    explain.folder = in_folder / "results" / "explain"
    return explain


@pytest.fixture(scope="module")
def served(model, cropped):
    """Attention of a clip as served: by TensorFlow's file, not Keras'."""
    loaded = tf.saved_model.load(str(model / "1"))
    warp = load_exported(model).warp

    def served(clip_id):
        frames = warp_frames(warp, *cropped.load(clip_id))[None]
        answer = loaded.signatures["serving_default"](
            frames=tf.constant(frames), mask=tf.ones(frames.shape[:2], tf.bool)
        )
        return answer["spatial_attention"][0], answer["temporal_attention"][0]

    return served


def test_one_command_gives_report_tables_pictures_and_a_run(
    explain, model, served, cropped, tiny_clips
):
    report = explain("--clips", CLIP, "--group-by", "age", "gender")
    folder = explain.folder
    assert report == folder.relative_to(folder.parents[1]) / "report.html"
    tables = {
        path.stem: pd.read_csv(path, dtype={"group": str})
        for path in folder.glob("*.csv")
    }
    assert set(tables) == {
        "apex_to_neutral", "clips", "first_layer", "frames", "maps", "phases",
        "places", "relevance_frames", "relevance_means", "relevance_parts",
        "relevance_sinks",
    }  # fmt: skip

    # One clip, by hand from what the exported file answers.
    maps, weights = (np.asarray(x) for x in served(CLIP))
    warp = load_exported(model).warp
    clips = tables["clips"].set_index("clip_id")
    assert set(clips.index) == set(tiny_clips.clip_id)
    assert clips.face_auc[CLIP] == pytest.approx(
        face_auc(maps.mean(axis=0), warp.mask), rel=1e-3
    )
    frames = tables["frames"][tables["frames"].clip_id == CLIP]
    np.testing.assert_allclose(frames.weight, weights, rtol=1e-4)
    np.testing.assert_allclose(np.diff(frames.seconds), 1 / 25, rtol=1e-3)
    phases = find_phases(cropped.load(CLIP)[1], smooth=False)
    is_apex = phases.mask("apex")
    np.testing.assert_array_equal(frames.phase == "apex", is_apex)
    np.testing.assert_array_equal(frames.phase == "neutral", phases.neutral)
    assert clips.apex[CLIP] == pytest.approx(
        len(weights) * weights[is_apex].mean(), rel=1e-4
    )

    # Means over clips and groups.
    labels = tiny_clips.set_index("clip_id").loc[clips.index]
    female = clips[labels.gender == "female"]
    places, phases = tables["places"], tables["phases"]
    for table, name in ((places, "at_mouth"), (phases, "apex")):
        row = table[(table.group == "female") & (table.name == name)].iloc[0]
        assert row["mean"] == pytest.approx(female[name].mean())
        mean, error = clustered_mean(female[name], labels.subject[female.index])
        assert row.low < mean - error < mean + error < row.high
    of = tables["maps"].query("group == 'all clips'")
    of = of.pivot(index="row", columns="column", values="attention")
    every = np.mean(
        [np.mean(served(c)[0], axis=0) for c in clips.index],
        axis=0,
    )
    np.testing.assert_allclose(of, every, rtol=1e-4)
    assert set(tables["apex_to_neutral"].grouped_by) == {"all", "age", "gender"}
    check_interval(tables["apex_to_neutral"], clips, labels.subject)
    shares = tables["first_layer"].groupby("component").share.first()
    assert list(shares.index) == [1, 2, 3]
    assert shares.is_monotonic_decreasing

    pictures = {path.stem for path in folder.glob("*.svg")}
    assert pictures == {path.stem for path in folder.glob("*.png")}
    assert pictures == {
        "attention", "attention_age", "attention_gender", "first_layer",
        f"clip_{CLIP}_attention", f"clip_{CLIP}_frames", "relevance",
        f"clip_{CLIP}_relevance_cells", f"clip_{CLIP}_relevance_frames",
        f"clip_{CLIP}_relevance_pixels",
    }  # fmt: skip
    assert cv2.imread(str(folder / "attention_age.png")).std() > 20

    page = report.read_text(encoding="utf-8")
    assert page.count("<img") == len(pictures)
    assert "What siam_age answers from (synthetic model and clips)" in page
    assert "yes: errors in this report are no test errors" in page
    assert "around the face" in page

    (run_found,) = mlflow.search_runs(
        experiment_names=["explain"], output_format="list"
    )
    metrics = run_found.data.metrics
    assert metrics["face_auc"] == pytest.approx(clips.face_auc.mean())
    ratio = clips.apex.mean() / clips.neutral.mean()
    assert clips.neutral.notna().all()
    assert metrics["apex_to_neutral"] == pytest.approx(ratio)


def check_interval(ratios, clips, subjects):
    """The interval of the ratio is about as wide as a bootstrap's."""
    row = ratios[ratios.group == "all clips"].iloc[0]
    assert row.clips == 16
    assert row.subjects == 8
    sums = clips.groupby(subjects.to_numpy())[["apex", "neutral"]].sum()
    interval = bootstrap(
        (sums.apex, sums.neutral),
        lambda x, y, axis: x.sum(axis) / y.sum(axis),
        paired=True, vectorized=True, n_resamples=2000, method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    width = np.log(row.high / row.low)
    # Student's t of 7 degrees of freedom is 1.2 times as wide, and a
    # percentile bootstrap of 8 subjects is too narrow by 6 %.
    expected = 2.365 / 1.96 * np.sqrt(8 / 7)
    found = width / np.log(interval.high / interval.low)
    assert found == pytest.approx(expected, rel=0.15)


def test_nobody_is_shown_unless_asked_for(
    explain, tiny_clips, tiny_set, in_folder
):
    tiny_clips.to_csv(in_folder / "mine.csv", index=False)
    words = ["mine.csv", "--landmarks-dir", tiny_set / "truth", "--group-by",
             "gender", "--group", "female"]  # fmt: skip
    female = tiny_clips[tiny_clips.gender == "female"].clip_id
    words += ["--clips", female.iloc[0]]
    hidden = explain(*words, "--output-dir", "hidden").parent
    shown = explain(*words, "--output-dir", "shown", "--show-faces").parent
    assert set(pd.read_csv(hidden / "clips.csv").clip_id) == set(female)
    page = (hidden / "report.html").read_text(encoding="utf-8")
    assert '<th scope="row">faces shown</th><td>no</td>' in page
    strip = f"clip_{female.iloc[0]}_frames.svg"
    for name in [strip, "attention.svg"]:
        # Maps are images in both; faces are further ones.
        counts = [
            (folder / name).read_text().count("<image")
            for folder in (hidden, shown)
        ]
        assert counts[0] < counts[1]
    assert "<image" not in (hidden / strip).read_text()
    # Relevance of pixels shows outlines of faces; its mean over four people
    # is little better.
    for name in ("relevance.png", "*_relevance_pixels.png", "*.webm"):
        assert not list(hidden.glob(name))
        assert len(list(shown.glob(name))) == 1
    assert "Relevance of pixels is not shown" in page


@pytest.mark.parametrize("module", ["spatial_attention", "temporal_attention"])
def test_what_a_network_has_not_is_left_out(explain, cropped, tmp_path, module):
    off = {"spatial_attention": None, "temporal_attention": False}[module]
    model = export_siam(tmp_path / "part", cropped, **{module: off})
    explain("--clips", CLIP, "--group-by", "gender", model=model)
    names = {path.stem for path in explain.folder.glob("*.csv")}
    of_relevance = {name for name in names if name.startswith("relevance")}
    assert len(of_relevance) == 4
    names -= of_relevance
    of_places, of_frames = (
        {"maps", "places", "first_layer"},
        {"frames", "phases", "apex_to_neutral"},
    )
    is_spatial = module == "temporal_attention"  # what is left
    assert names == {"clips"} | (of_places if is_spatial else of_frames)
    pictures = {path.stem for path in explain.folder.glob("*.png")}
    assert ("first_layer" in pictures) == is_spatial
    assert (f"clip_{CLIP}_frames" in pictures) != is_spatial
    parts = pd.read_csv(explain.folder / "relevance_parts.csv")
    assert ("with_attention" in parts) != is_spatial


def test_the_parts_of_an_exported_model_answer_as_the_whole(model, cropped):
    parts = load_exported(model)
    assert parts.encoder is None
    assert parts.fitted is None
    assert parts.face.smoother == "4253h"
    frames = warp_frames(parts.warp, *cropped.load(CLIP))[None]
    inputs = {"frames": frames, "mask": np.ones(frames.shape[:2], bool)}
    found = parts.network(inputs)["age"]
    signature = tf.saved_model.load(str(model / "1")).signatures[
        "serving_default"
    ]
    expected = signature(**{k: tf.constant(v) for k, v in inputs.items()})
    np.testing.assert_allclose(found, expected["age"], rtol=1e-4)


def test_mistakes_are_one_line_and_code_2(
    explain, cropped, tiny_clips, in_folder, fails
):
    tiny_clips.to_csv(in_folder / "mine.csv", index=False)
    mistakes = {
        "num_regions=4": ["--num-regions", 4],
        "perturb_ages=(20.0, 30.0)": ["--perturb-ages", 20, 30],
        f"replace_by='{CLIP}'": ["--replace-by", CLIP],
        "important=('nose',)": ["--important", "nose"],
        "less_important=('nose',)": ["--less-important", "nose"],
        "seed=1": ["--seed", 1],
        "give --landmarks-dir or --mesh": ["mine.csv"],
        "landmarks_dir=gone": ["--landmarks-dir", "gone"],
        "group='men'": ["--group", "men"],
        "clips='000'": ["--clips", CLIP, "000"],
    }
    for expected, words in mistakes.items():
        assert expected in fails(explain, *words)
    neither = export_siam(
        in_folder / "neither", cropped,
        spatial_attention=None, temporal_attention=False,
    )  # fmt: skip
    line = fails(lambda: explain(model=neither))
    assert "attention over places or over frames" in line
    assert not explain.folder.exists()
