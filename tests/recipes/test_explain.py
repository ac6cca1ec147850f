"""recipes.explain: from an exported model to one report that opens offline."""

import json
import shutil

import cv2
import keras
import mlflow
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tyro

from fdin_tf import build_fdin
from fdin_tf.explain import rank_relations
from fdin_tf.models import build_contrast_encoder
from fdin_tf.regions import REGIONS
from fdin_tf.serving import join_encoder
from fdin_tf.serving.export import CARD
from fdin_tf.serving.export import KERAS_MODEL
from recipes.cli import run_recipe
from recipes.explain import Config
from recipes.explain import run
from recipes.exported import load_exported
from tests.recipes.fdin_export import export_fdin

CLIP = "001_deliberate_smile_1"


@pytest.fixture(scope="module")
def model(tmp_path_factory, tiny_clips, cache_dir):
    folder = tmp_path_factory.mktemp("models") / "small_age"
    return export_fdin(folder, tiny_clips, cache_dir)


@pytest.fixture
def explain(in_folder, model, cache_dir):
    """Runs `recipes.explain` with these words behind the model."""

    def explain(*words, model=model):
        words = [model, *words, "--cache-dir", cache_dir]
        words = [*words, "--embedded", "tiny"]
        return run_recipe(run, tyro.cli(Config, args=[*map(str, words)]))

    explain.folder = in_folder / "results" / "explain"
    return explain


def explained_by_the_saved_model(model, clip_id, encoded):
    """Importance as served: through TensorFlow's file, not Keras'."""
    loaded = tf.saved_model.load(str(model / "1"))
    frames = encoded.load(clip_id).astype(np.uint8)[None]
    answer = loaded.signatures["serving_default"](
        frames=tf.constant(frames), mask=tf.ones(frames.shape[:2], tf.bool)
    )
    return answer["importance"].numpy()


def test_one_command_gives_report_tables_pictures_and_a_run(
    explain, model, tiny_clips, tiny_pixels, cache_dir
):
    features = set((cache_dir / "features").rglob("*.npz"))
    report = explain(
        "--clips", CLIP, "--group-by", "age", "gender",
        "--perturb-ages", 20, 66, "--replace-by", CLIP,
        "--important", "nose",
    )  # fmt: skip
    folder = explain.folder
    # Pictures of faces do not stay in the cache.
    assert set((cache_dir / "features").rglob("*.npz")) == features
    assert report == folder.relative_to(folder.parents[1]) / "report.html"

    importance = pd.read_csv(folder / "importance.csv", index_col="clip_id")
    assert set(importance.index) == set(tiny_clips.clip_id)
    np.testing.assert_allclose(importance.sum(axis=1), 1, rtol=1e-5)
    served = explained_by_the_saved_model(model, CLIP, tiny_pixels)
    # Cached features are float16.
    np.testing.assert_allclose(importance.loc[[CLIP]], served, rtol=5e-3)

    for n, number in ((2, 36), (3, 84)):
        ranked = pd.read_csv(folder / f"relations_{n}.csv")
        assert len(ranked) == number
        expected = rank_relations(importance, n)
        assert list(ranked.relation) == list(expected.relation)
    groups = pd.read_csv(folder / "groups.csv")
    assert set(groups.grouped_by) == {"age", "gender"}
    female = importance[
        tiny_clips.set_index("clip_id").gender[importance.index] == "female"
    ]
    of = groups[(groups.group == "female") & (groups.num_regions == 2)]
    np.testing.assert_allclose(
        of.set_index("relation").importance[female.columns], female.mean()
    )
    estimates = pd.read_csv(folder / "estimates.csv")
    ages = tiny_clips.set_index("clip_id").age[estimates.clip_id].to_numpy()
    of_these_ages = tiny_clips[tiny_clips.age.between(20, 66)].clip_id
    assert 0 < len(of_these_ages) < len(tiny_clips)
    assert list(estimates.clip_id) == list(of_these_ages)
    errors = pd.read_csv(folder / "perturbation.csv")
    assert errors.perturbation[2] == "important: nose"
    np.testing.assert_allclose(estimates["important: nose"], estimates.nose)
    assert errors.error[0] == pytest.approx(
        np.abs(estimates["not contaminated"] - ages).mean()
    )
    effects = pd.read_csv(folder / "region_effects.csv")
    assert list(effects.region) == list(REGIONS)

    pictures = {path.stem for path in folder.glob("*.svg")}
    assert pictures == {path.stem for path in folder.glob("*.png")}
    assert {
        "relations_2", "relations_3", "matrix", "groups_age",
        "groups_gender_intervals", "perturbation", "region_effects",
        f"clip_{CLIP}_2", f"clip_{CLIP}_3",
    } <= pictures  # fmt: skip
    assert cv2.imread(str(folder / "groups_age.png")).std() > 20

    page = report.read_text(encoding="utf-8")
    assert page.count("<img") == len(pictures)
    assert "What small_age answers from (synthetic model and clips)" in page
    assert "yes: errors in this report are no test errors" in page
    top = rank_relations(importance).relation[0]
    assert top.replace("_", " ").replace("-", " - ") in page

    (run_found,) = mlflow.search_runs(
        experiment_names=["explain"], output_format="list"
    )
    client = mlflow.MlflowClient()
    logged = {
        file.path
        for place in ("", "figures", "tables")
        for file in client.list_artifacts(run_found.info.run_id, place)
    }
    assert {
        "report.html", "figures/matrix.png", "figures/matrix.svg",
        "tables/importance.csv",
    } <= logged  # fmt: skip
    assert run_found.data.metrics["error_not_contaminated"] == pytest.approx(
        errors.error[0]
    )


def test_of_one_group_without_labels_and_without_faces(
    explain, tiny_clips, in_folder
):
    """A clip table of one's own: schematic faces, no errors to measure."""
    table = tiny_clips.drop(columns="age").assign(
        age="", spontaneity="", database="mine"
    )
    table.loc[3, "path"] = "gone.mp4"
    table.to_csv(in_folder / "mine.csv", index=False)
    report = explain("mine.csv", "--group", "female", "--num-regions", "2")
    page = report.read_text(encoding="utf-8")
    assert "The clips have no labels of what the model estimates" in page
    assert "gone.mp4" in page
    assert "(synthetic model)" in page
    assert "no, by the fingerprint of the data" in page
    importance = pd.read_csv(explain.folder / "importance.csv")
    female = tiny_clips[tiny_clips.gender == "female"].clip_id
    assert set(importance.clip_id) <= set(female)
    assert not (explain.folder / "perturbation.csv").exists()
    assert not (explain.folder / "relations_3.csv").exists()
    # Relevance of motions has no outlines of faces, that of pixels has.
    assert list(explain.folder.glob("clip_*_relevance_regions.png"))
    for name in ("*_relevance_pixels.png", "*.webm"):
        assert not list(explain.folder.glob(name))
    assert "Relevance of pixels is not shown" in page
    assert "<video" not in page
    # Nobody's face: a picture of lines has no image in it.
    assert "<image" not in (explain.folder / "relations_2.svg").read_text()


def test_the_parts_of_an_exported_model_answer_as_the_whole(model, tiny_pixels):
    parts = load_exported(model)
    frames = tiny_pixels.load(CLIP).astype("float32")
    mask = tf.ones((1, len(frames)), tf.bool)
    features = parts.fitted(parts.encoder(frames))
    answer = parts.network({"features": features[None], "mask": mask})
    whole = keras.saving.load_model(model / "1" / KERAS_MODEL)
    expected = whole(
        {"frames": tf.constant(frames[None].astype("uint8")), "mask": mask}
    )
    np.testing.assert_allclose(answer["age"], expected["age"], rtol=1e-5)


def test_mistakes_are_one_line_and_code_2(
    explain, model, tiny_clips, in_folder, capsys
):
    tiny_clips.assign(gender="").to_csv(in_folder / "mine.csv", index=False)
    shutil.copytree(model, in_folder / "plain")
    (in_folder / "plain" / "1" / KERAS_MODEL).unlink()
    mistakes = {
        "group='men'": ["--group", "men"],
        "'female', 'male'": ["--group", "men", "--group-by", "gender"],
        "region='chin'": ["--important", "chin"],
        "num_regions=10": ["--num-regions", 10],
        "group_by=gender": ["mine.csv", "--group-by", "gender"],
        "clips='000'": ["--clips", CLIP, "000"],
        "replace_by='nobody'": ["--replace-by", "nobody"],
        "perturb_ages=100 110": ["--perturb-ages", 100, 110],
        "increase": ["--age-edges", 20, 10],
        "gone.csv": ["gone.csv"],
    }
    for expected, words in mistakes.items():
        assert expected in error_of(explain, capsys, *words)
    for folder, expected in {"nowhere": "nowhere", "plain": "plain/1"}.items():
        line = error_of(explain, capsys, model=in_folder / folder)
        assert f"model={in_folder / expected}" in line
    assert not explain.folder.exists()


def error_of(explain, capsys, *words, **where):
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        explain(*words, **where)
    assert end.value.code == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("error: ")
    return line


def test_a_model_without_importance_is_refused(
    explain, tiny_clips, in_folder, capsys
):
    network = build_fdin(
        "age", dense_units=4, lstm_units=(4,), relation_units=(4,),
        head_units=(4,), use_importance=False, feature_shape=(3, 3, 64),
    )  # fmt: skip
    path = in_folder / "without" / "1"
    (path / CARD).parent.mkdir(parents=True)
    (path / "saved_model.pb").touch()
    card = {"name": "without", "target": "age", "face": {}}
    (path / CARD).write_text(json.dumps(card))
    join_encoder(network, build_contrast_encoder()).save(path / KERAS_MODEL)
    line = error_of(explain, capsys, model=in_folder / "without")
    assert "must hold one `RelationalImportance`" in line
