"""recipes.gnet_snet: Tables 2 and 3, the pipeline, exported models."""

import dataclasses
import re
from types import SimpleNamespace

import keras
import mlflow
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fdin_tf.data.face_images import POINT_COLUMNS
from fdin_tf.data.face_images import face_points
from fdin_tf.data.face_sources import load_face_table
from fdin_tf.data.image_sources import embedded_face_attributes
from fdin_tf.data.synthetic import GENDER_CODES
from fdin_tf.faces.crops import crop_matrix
from fdin_tf.models import single_networks
from fdin_tf.serving import PhotographPredictor
from fdin_tf.serving.export import KERAS_MODEL
from fdin_tf.training.stages import TABLE_2_ROWS
from recipes.gnet_snet import PRESETS
from recipes.gnet_snet import Config
from recipes.gnet_snet import check_crops
from recipes.gnet_snet_data import SCHEMES
from recipes.gnet_snet_data import without_mouth
from recipes.gnet_snet_networks import networks_of
from recipes.gnet_snet_tables import tables_of
from tests.models import vggface_files

# Step 4 alone, and two crops.
SMALL = (
    "smoke", "--seeds", "0", "--rows", "4", "1+2+3+4",
    "--smile-crops", "1+5", "--no-with-controls",
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
    assert "controls" not in tables
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

    exported = in_folder / "models"
    versions = sorted(path.name for path in exported.glob("*/*"))
    assert versions == ["1", "1"]
    before = models(cache_dir)
    again = gnet_snet(*SMALL, "--export-dir", "models")
    assert "This run is finished" in capsys.readouterr().err
    assert models(cache_dir) == before
    for name, expected in tables.items():
        pd.testing.assert_frame_equal(again[name], expected)

    # What is gone is written again, from the networks that are kept; models
    # that are there are not.
    (folder / "table_2.csv").unlink()
    again = gnet_snet(*SMALL, "--export-dir", "models")
    assert models(cache_dir) == before
    pd.testing.assert_frame_equal(again["table_2"], two)
    assert sorted(path.name for path in exported.glob("*/*")) == versions
    gnet_snet(*SMALL, "--export-dir", "elsewhere")
    assert (in_folder / "elsewhere" / "snet" / "1").is_dir()
    assert models(cache_dir) == before


def test_controls_and_seeds_are_compared(gnet_snet):
    tables = gnet_snet("smoke", "--rows", "4", "1+2+3+4", "--smile-crops", "5")
    controls = tables["controls"]
    assert controls[["target", "crops"]].astype(str).to_numpy().tolist() == [
        ["gender", "5"], ["smile", "6"],
    ]  # fmt: skip
    assert set(tables["table_3"].seeds) == set(controls.seeds) == {2}
    answers = tables["answers"].astype({"crops": str, "steps": str})
    answers = answers[answers.steps == "1+2+3+4"].set_index(
        ["target", "crops", "seed"]
    )
    right = (answers.answer == answers.truth).groupby(level=[0, 1, 2]).mean()
    row = (
        tables["differences"]
        .set_index("claim")
        .loc["gender, crop 3 against 5 (cheeks_and_mouth)"]
    )
    pairs = [
        100 * (right["gender", "3", seed] - right["gender", "5", seed])
        for seed in (0, 1)
    ]
    assert row.difference == pytest.approx(np.mean(pairs))
    assert row.least == pytest.approx(min(pairs))
    assert row.standard_error == pytest.approx(abs(np.diff(pairs).item()) / 2)


def test_a_control_of_smiles_is_blind_to_the_mouth():
    """Neither what the crop shows nor its scale depends on the mouth."""
    points = np.array([[30, 40], [70, 44], [49, 60], [35, 80], [66, 83]], float)
    smiling = points.copy()
    smiling[3:] += [[-6, -7], [6, -6]]
    tables = [
        pd.DataFrame(of.reshape(1, 10), columns=list(POINT_COLUMNS))
        for of in (points, smiling)
    ]
    found = [
        crop_matrix(face_points(without_mouth(of))[0], SCHEMES[6])
        for of in tables
    ]
    np.testing.assert_allclose(found[0], found[1])
    corners = np.array([[0, 223, 1], [223, 223, 1]])
    lowest = np.linalg.inv(np.vstack([found[0], [0, 0, 1]])) @ corners.T
    eyes = np.linalg.norm(points[1] - points[0])
    assert lowest[1].max() < points[:2, 1].max() + 0.2 * eyes


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


def test_published_weights_are_step_1(
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
    losses = tables["losses"]
    assert "persons" not in set(losses.target)
    # Drawn faces in the layouts of CelebA and FotW are not these databases.
    assert tables["table_3"].paper_accuracy.isna().all()
    report = in_folder / "results" / "gnet_snet" / "report.html"
    text = " ".join(report.read_text(encoding="utf-8").split())
    assert "say nothing about people" in text
    assert "VGG-Face, as published" in text
    assert "263.5" not in text


def test_the_papers_numbers_stand_by_its_own_photographs():
    rng = np.random.default_rng(0)
    answers = pd.concat(
        pd.DataFrame(
            {"target": target, "steps": steps, "crops": crops, "seed": 0,
             "image_id": range(8), "subject": range(8),
             "truth": rng.integers(0, 2, 8), "answer": rng.integers(0, 2, 8)}
        )
        for target, steps, crops in (
            ("gender", "4", "3"), ("gender", "1+2+3+4", "3"),
            ("smile", "1+2+3+4", "1+5"),
        )
    )  # fmt: skip
    pipeline = pd.DataFrame(
        {"seed": 0, "image_id": range(4), "true_gender": [0, 1, 0, 1],
         "gender": [0, 1, 1, np.nan], "true_smile": [0, 1, 0, 1],
         "smile": [0, 0, 1, np.nan], "error": [0, 0.5, 1, 1]}
    )  # fmt: skip
    study = SimpleNamespace(
        answers=answers, pipeline=pipeline, histories=pd.DataFrame()
    )
    config = Config(
        rows=("4", "1+2+3+4"), gender_crops=("3",), smile_crops=("1+5",),
        vggface_weights="vgg-face.mat",
    )  # fmt: skip
    for is_of_paper in (True, False):
        data = SimpleNamespace(
            photographs=SimpleNamespace(is_of_paper=is_of_paper, failures={})
        )
        tables = tables_of(study, data, config)
        there = tables["table_3"].paper_accuracy.notna()
        assert there.all() if is_of_paper else not there.any()
        challenge = tables["challenge"].set_index("name")
        assert challenge.value.summed_error == 2.5
        assert challenge.value.no_face == 1
        assert challenge.value.gender_accuracy == 50
        assert (challenge.paper.summed_error == 263.5) == is_of_paper
        two = tables["table_2"].paper_accuracy
        assert (
            two.tolist() == [84.04, 91.66] if is_of_paper else two.isna().all()
        )


def test_people_are_shown_only_where_it_is_asked_for(
    gnet_snet, tiny_faces, tmp_path, in_folder
):
    table = load_face_table(tiny_faces / "fotw", GENDER_CODES)
    table["database"] = "mine"
    path = tmp_path / "mine.csv"
    table.to_csv(path, index=False)
    folder = in_folder / "results" / "gnet_snet"
    more = table[table.split == "test"].assign(
        split="train", database="more", subject=list("aabbcc")
    )
    more.to_csv(tmp_path / "large.csv", index=False)
    own = ("--large-dir", tmp_path / "large.csv", "--small-dir", path)
    small = (*SMALL, "--rows", "4", *own)
    gnet_snet(*small)
    assert not (folder / "figure_3.png").exists()
    assert not list(folder.glob("relevance_*"))
    gnet_snet(*small, "--show-faces")
    assert (folder / "figure_3.png").exists()


def test_a_table_of_ones_own_takes_the_place_of_a_database(
    gnet_snet, tiny_faces, tmp_path
):
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
    scratch, last = demo.stage((4,)), demo.stage((1, 2, 3, 4))
    assert dataclasses.replace(scratch, multipliers=last.multipliers) == last
    assert scratch.multipliers == ()
    assert len(demo.seeds) == 3


@pytest.mark.parametrize(
    "text", ["", "7", "0", "1+", "1,5", "eyes", "03", "1+1", "01+4"]
)
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
    line = fails(gnet_snet, "paper")
    assert "give --large-dir and --small-dir" in line
    line = fails(gnet_snet, "smoke", "--rows", "04")
    assert "such as 1+4. Received: '04'" in line
    line = fails(gnet_snet, "smoke", "--rows", "1+2")
    assert "the last of them 4" in line
    line = fails(gnet_snet, "smoke", "--gnet-crops", "3+4")
    assert "one crop of GNet" in line
    line = fails(gnet_snet, "smoke", "--seeds", "1", "1")
    assert "every one once" in line
    table = load_face_table(tiny_faces / "fotw", GENDER_CODES)
    table.to_csv(tmp_path / "same.csv", index=False)
    same = ("--large-dir", tmp_path / "same.csv")
    same += ("--small-dir", tmp_path / "same.csv")
    table.assign(split="train").to_csv(tmp_path / "large.csv", index=False)
    line = fails(
        gnet_snet, "smoke", "--large-dir", tmp_path / "large.csv",
        "--small-dir", tmp_path / "same.csv",
    )  # fmt: skip
    assert "of people whom no network learns from" in line
    table.assign(Smiling=1).to_csv(tmp_path / "same.csv", index=False)
    line = fails(gnet_snet, "smoke", *same)
    assert "to learn and validate smile. Received: [1] among" in line
    line = fails(gnet_snet, "smoke", "--vggface-weights", tmp_path / "no.mat")
    assert "no.mat" in line
