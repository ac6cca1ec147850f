"""recipes.gnet_snet: Tables 2 and 3, the pipeline, exported models."""

import re

import keras
import mlflow
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fdin_tf.data.image_sources import embedded_face_attributes
from fdin_tf.data.synthetic import GENDER_CODES
from fdin_tf.models import single_networks
from fdin_tf.serving import PhotographPredictor
from fdin_tf.serving.export import KERAS_MODEL
from fdin_tf.training.stages import TABLE_2_ROWS
from recipes.gnet_snet import PRESETS
from recipes.gnet_snet import check_crops
from recipes.gnet_snet_networks import networks_of
from tests.models import vggface_files

# Step 4 alone, and two crops.
SMALL = (
    "smoke", "--seeds", "0", "--rows", "4", "1+2+3+4",
    "--smile-crops", "1+5",
)  # fmt: skip
GENDERS = [str(x) for pair in GENDER_CODES.items() for x in pair]


@pytest.fixture
def gnet_snet(recipe):
    return recipe("gnet_snet")


@pytest.fixture(scope="session")
def tiny_faces(cache_dir):
    """Embedded photographs in the layouts of CelebA and FotW."""
    return embedded_face_attributes("tiny", cache_dir)


def models(cache_dir):
    """When the kept networks were written."""
    paths = (cache_dir / "runs").glob("stage-*/model.keras")
    return {path: path.stat().st_mtime_ns for path in paths}


def test_networks_are_trained_compared_exported_and_kept(
    gnet_snet, cache_dir, in_folder, capsys
):
    tables = gnet_snet(*SMALL, "--export-dir", "models")
    two, three = tables["table_2"], tables["table_3"]
    assert two.scheme.tolist() == ["without step 1, 2 and 3", "with all steps"]
    assert three[["target", "crops"]].astype(str).to_numpy().tolist() == [
        ["gender", "3"], ["smile", "1+5"],
    ]  # fmt: skip
    answers = tables["answers"]
    for row in three.itertuples():
        of = answers[
            (answers.target == row.target)
            & (answers.crops.astype(str) == str(row.crops))
            & (answers.steps.astype(str) == "1+2+3+4")
        ]
        right = np.mean([a == t for a, t in zip(of.answer, of.truth)])
        assert row.accuracy == pytest.approx(100 * right)
    assert three.paper_accuracy.isna().all()
    challenge = tables["challenge"].set_index("name").value
    assert challenge["images"] == 6
    pipeline = tables["pipeline"]
    assert challenge.summed_error == pytest.approx(pipeline.error.sum())
    printed = " ".join(capsys.readouterr().out.split())
    assert "with all steps" in printed
    assert "drawn faces" in printed

    folder = in_folder / "results" / "gnet_snet"
    names = {path.name for path in folder.iterdir()}
    assert {f"{name}.csv" for name in tables} <= names
    assert {"figure_3.png", "figure_3.svg", "report.html"} <= names
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "say nothing about people" in " ".join(report.split())
    assert "paper_accuracy" not in report

    runs = mlflow.search_runs(experiment_names=["gnet_snet"])
    parent = runs[runs["tags.mlflow.runName"] == "smoke"].iloc[0]
    assert re.fullmatch("[0-9a-f]{64}", parent["tags.fingerprint of the data"])
    assert parent["metrics.smile_steps_1_2_3_4_crops_1_5"] == pytest.approx(
        three.accuracy.iloc[1]
    )

    before = models(cache_dir)
    again = gnet_snet(*SMALL, "--export-dir", "models")
    assert "This run is finished" in capsys.readouterr().err
    assert models(cache_dir) == before
    for name, expected in tables.items():
        pd.testing.assert_frame_equal(again[name], expected)

    # What is gone is written again, from the networks that are kept.
    (folder / "table_2.csv").unlink()
    again = gnet_snet(*SMALL)
    assert models(cache_dir) == before
    pd.testing.assert_frame_equal(again["table_2"], two)


def test_exported_models_answer_as_the_pipeline(
    gnet_snet, tiny_faces, in_folder
):
    tables = gnet_snet(*SMALL, "--export-dir", "models")
    pipeline = tables["pipeline"].set_index("image_id")
    for name, target in (("gnet", "gender"), ("snet", "smile")):
        predictor = PhotographPredictor(in_folder / "models" / name)
        assert predictor.target == target
        compared = 0
        for image_id, row in pipeline.iterrows():
            path = tiny_faces / "fotw" / "smiles_valset"
            path /= f"{image_id.removeprefix('valid/')}.jpg"
            ((_, prediction, reason),) = predictor.predict_many([path])
            if prediction is None:
                assert "face" in reason
                assert np.isnan(row[target])
            elif abs(prediction.probabilities[0] - 0.5) > 1e-3:
                assert prediction.best == row[target]
                compared += 1
        assert compared > 0
    snet = keras.saving.load_model(predictor.path / KERAS_MODEL)
    assert len(single_networks(snet)) == 2


def test_published_weights_are_step_1_and_the_papers_numbers_stand_by(
    gnet_snet, tiny_faces, tmp_path, in_folder
):
    weights = tmp_path / "vgg-face.mat"
    vggface_files.write_matconvnet(weights, vggface_files.make_weights())
    tables = gnet_snet(
        *SMALL,
        *("--large-dir", tiny_faces / "celeba"),
        *("--small-dir", tiny_faces / "fotw", "--genders", *GENDERS),
        *("--vggface-weights", weights, "--image-size", 64),
        *("--filters", *vggface_files.FILTERS),
        *("--dense-units", *vggface_files.DENSE_UNITS, "--std", 1),
    )
    three = tables["table_3"]
    assert three.paper_accuracy.tolist() == [91.66, 89.34]
    losses = tables["losses"]
    assert "persons" not in set(losses.target)
    folder = in_folder / "results" / "gnet_snet"
    assert not (folder / "figure_3.png").exists()
    assert not (folder / "relevance.png").exists()


def test_a_table_of_ones_own_takes_the_place_of_a_database(
    gnet_snet, tiny_faces, tmp_path
):
    from fdin_tf.data.face_sources import load_face_table

    table = load_face_table(tiny_faces / "fotw", GENDER_CODES)
    table["database"] = "mine"
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    small = Image.new("RGB", (1, 40))
    small.save(tmp_path / "thin.png")
    more = table.iloc[:2].assign(
        image_id=["broken", "thin"], subject=["broken", "thin"],
        path=[str(broken), str(tmp_path / "thin.png")], split="train",
    )  # fmt: skip
    path = tmp_path / "mine.csv"
    pd.concat([table, more]).to_csv(path, index=False)
    tables = gnet_snet(
        *SMALL, "--large-dir", tiny_faces / "celeba", "--small-dir", path
    )
    assert tables["table_3"].paper_accuracy.isna().all()
    left_out = tables["left_out"].set_index("image_id").reason
    assert {"broken", "thin"} <= set(left_out.index)
    assert "at least 16 pixels" in left_out["thin"]


def test_presets_make_the_tables_of_the_paper():
    for name in ("demo", "paper"):
        _, config = PRESETS[name]
        networks = networks_of(config)
        rows = {steps for target, steps, crops in networks if crops == (3,)}
        assert rows == set(TABLE_2_ROWS.values())
        for target, crops in (("gender", (3, 4)), ("smile", (1, 5))):
            assert (target, (1, 2, 3, 4), crops) in networks
    _, paper = PRESETS["paper"]
    assert paper.image_size == 224
    assert paper.stage2.learning_rate == 0.001
    assert paper.stage3 == paper.stage4
    _, demo = PRESETS["demo"]
    # The networks that are compared are trained alike on the small set.
    assert demo.scratch.iterations == demo.stage4.iterations
    assert demo.scratch.batch_size == demo.stage4.batch_size
    assert len(demo.seeds) == 3


@pytest.mark.parametrize("text", ["", "7", "0", "1+", "1,5", "eyes"])
def test_other_crops_are_an_error(text):
    with pytest.raises(ValueError, match=r"crops 1, 2, 3, 4, 5.*Received"):
        check_crops(text)


def test_mistakes_are_one_line_and_code_2(
    gnet_snet, fails, tiny_faces, tmp_path
):
    line = fails(gnet_snet, "smoke", "--large-dir", tmp_path)
    assert "Expected both sets of photographs" in line
    both = ("--large-dir", tmp_path, "--small-dir", tmp_path)
    line = fails(gnet_snet, "smoke", *both)
    assert "CelebA (with list_attr_celeba.txt)" in line
    line = fails(
        gnet_snet, "smoke", "--large-dir", tiny_faces / "celeba",
        "--small-dir", tiny_faces / "fotw",
    )  # fmt: skip
    assert "gender" in line
    line = fails(
        gnet_snet, "smoke", "--large-dir", tiny_faces / "celeba",
        "--small-dir", tmp_path / "none.csv",
    )  # fmt: skip
    assert "no such file or folder" in line
    line = fails(gnet_snet, "smoke", "--rows", "1+2")
    assert "the last of them 4" in line
    line = fails(gnet_snet, "smoke", "--gnet-crops", "3+4")
    assert "one crop of GNet" in line
    line = fails(gnet_snet, "smoke", "--seeds", "1", "1")
    assert "every one once" in line
    line = fails(gnet_snet, "smoke", "--vggface-weights", tmp_path / "no.mat")
    assert "no.mat" in line
