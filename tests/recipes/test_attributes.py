"""recipes.attributes: sixteen networks, Table 1, Figure 3, explanations."""

import re

import cv2
import mlflow
import numpy as np
import pandas as pd
import pytest

from fdin_tf.data.images import ATTRIBUTES
from fdin_tf.data.synthetic.photographs import PHOTOGRAPH_SETS
from fdin_tf.data.synthetic.photographs import PLANTS
from fdin_tf.data.synthetic.photographs import draw_photograph
from fdin_tf.data.synthetic.photographs import paint_photograph
from fdin_tf.regions import REGIONS
from fdin_tf.training.attribute_paper import TABLE_1
from fdin_tf.training.attribute_tables import print_table_1
from fdin_tf.training.attribute_tables import table_1
from fdin_tf.training.attribute_tables import training_errors
from recipes.attribute_photographs import load_halves
from recipes.attributes import PRESETS
from recipes.attributes import Config
from tests.data.image_folders import write_us_adult_faces
from tests.models import levi_hassner_caffe

# One network, and one base network.
SMALL = ("smoke", "--bases", "age", "--layers", "dense")
SMALL_PAPER = (
    "--image-size", 64, "--attributes", "happiness",
    "--conv-units", *levi_hassner_caffe.CONV_UNITS,
    "--dense-units", *levi_hassner_caffe.DENSE_UNITS, "--fit.epochs", 1,
)  # fmt: skip


@pytest.fixture
def attributes(recipe):
    return recipe("attributes")


def models(cache_dir):
    """When the kept networks were written."""
    paths = (cache_dir / "runs").glob("*/result/model.keras")
    return {path: path.stat().st_mtime_ns for path in paths}


def literal_mae(estimates):
    return np.mean([abs(r - e) for r, e in zip(
        estimates.rating, estimates.estimate
    )])  # fmt: skip


def test_networks_are_trained_tested_explained_and_kept(
    attributes, cache_dir, in_folder, capsys
):
    tables = attributes(*SMALL)
    table, estimates = tables["table_1"], tables["estimates"]
    assert table[["attribute", "base", "layers"]].to_numpy().tolist() == [
        ["happiness", "age", "dense"]
    ]
    assert len(estimates) == table["images"].item() == 12
    assert table.mae.item() == pytest.approx(literal_mae(estimates))
    assert table.paper_mae.isna().all()
    assert tables["training_errors"].epoch.tolist() == [1, 2]
    bases = tables["bases"].set_index("base")
    assert bases.target.to_dict() == {"age": "age_group"}
    assert bases.accuracy.between(0, 100).all()
    assert {"relevance_inside", "occlusion", "conservation"} <= set(tables)
    assert f"{table.mae.item():.2f}" in capsys.readouterr().out

    folder = in_folder / "results" / "attributes"
    names = {path.name for path in folder.iterdir()}
    assert {f"{name}.csv" for name in tables} <= names
    assert {"figure_3.png", "figure_3.svg", "report.html"} <= names
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "nothing here is about people" in " ".join(report.split())
    assert "say nothing about people" in " ".join(report.split())
    assert "paper_mae" not in report

    runs = mlflow.search_runs(experiment_names=["attributes"])
    names = runs["tags.mlflow.runName"]
    assert sorted(names) == ["happiness, age, dense only", "smoke"]
    parent = runs[names == "smoke"].iloc[0]
    assert parent["metrics.happiness_age_dense_mae"] == pytest.approx(
        table.mae.item()
    )
    assert re.fullmatch("[0-9a-f]{64}", parent["tags.fingerprint of the data"])
    history = mlflow.MlflowClient().get_metric_history(
        runs[names != "smoke"].run_id.item(), "train_mae"
    )
    np.testing.assert_allclose(
        [8 * metric.value for metric in history],
        tables["training_errors"].error,
        rtol=1e-6,
    )

    before, num_runs = models(cache_dir), len(runs)
    again = attributes(*SMALL)
    assert "This run is finished" in capsys.readouterr().err
    assert models(cache_dir) == before
    assert len(mlflow.search_runs(experiment_names=["attributes"])) == num_runs
    for name, expected in tables.items():
        pd.testing.assert_frame_equal(again[name], expected)

    # What is gone is written again, from the networks that are kept.
    (folder / "table_1.csv").unlink()
    again = attributes(*SMALL)
    assert models(cache_dir) == before
    assert (folder / "table_1.csv").is_file()
    pd.testing.assert_frame_equal(again["table_1"], table)


def test_published_networks_rate_people_beside_the_papers_errors(
    attributes, tmp_path, in_folder
):
    rows = [
        (f"{k}.jpg", k, *np.random.default_rng(k).uniform(1, 9, 5))
        for k in range(1, 9)
    ]
    root = write_us_adult_faces(tmp_path / "faces", rows, genders=[0, 1] * 4)
    weights = levi_hassner_caffe.make_weights(64, 8)
    path = tmp_path / "age_net.npz"
    np.savez(path, **{
        f"{name}/{part}": array
        for name, arrays in weights.items()
        for part, array in zip(("weights", "bias"), arrays)
    })  # fmt: skip
    tables = attributes(
        "paper", "--data-dir", root, "--age-weights", path, *SMALL_PAPER,
        "--bases", "age", "--layers", "all",
    )  # fmt: skip
    table = tables["table_1"]
    assert table.paper_mae.item() == TABLE_1["happiness", "age", "all"] == 0.42
    assert table["images"].item() == 4
    assert "bases" not in tables
    assert "relevance_inside" not in tables
    report = in_folder / "results" / "attributes" / "report.html"
    text = " ".join(report.read_text(encoding="utf-8").split())
    assert "paper_mae" in text
    assert "nothing about people" not in text


def test_masks_lie_where_the_photographs_change(tmp_path):
    """Of a drawn half, resized and cropped: pixels of another amplitude."""
    config = Config(
        photographs=PHOTOGRAPH_SETS["tiny"], image_size=80, crop_from=90,
        cache_dir=tmp_path,
    )  # fmt: skip
    train, test = load_halves(config)
    assert len(train.images) == len(test.images) == 12
    assert not set(train.images.subject) & set(test.images.subject)
    assert train.pixels.shape == (12, 80, 80, 3)
    assert train.is_synthetic

    number = int(train.images.image_id[0]) - 1
    photograph = draw_photograph(PHOTOGRAPH_SETS["tiny"], number)
    rows = [REGIONS.index(region) for region in PLANTS["happiness"]]
    pictures = []
    for amplitude in (0.0, 1.0):
        photograph.amplitudes[rows] = amplitude
        picture = paint_photograph(PHOTOGRAPH_SETS["tiny"], photograph)
        picture = cv2.resize(picture, (90, 90)).astype(float)
        pictures.append(picture[5:85, 5:85])
    change = abs(pictures[1] - pictures[0]).sum(axis=-1)
    for attribute, masks in train.masks.items():
        inside = change[masks[0]].sum() / change.sum()
        assert (inside > 0.95) == (attribute == "happiness"), attribute
    mouth = train.landmarks[0, 48:68].mean(axis=0).round().astype(int)
    assert train.masks["happiness"][0][mouth[1], mouth[0]]


def test_table_1_is_the_mean_absolute_error_and_its_clustered_error():
    estimates = pd.DataFrame({
        "attribute": "happiness", "base": "gender", "layers": "all",
        "subject": ["a", "a", "b", "b"],
        "rating": [1.0, 2.0, 5.0, 9.0], "estimate": [2.0, 3.0, 1.0, 3.0],
    })  # fmt: skip
    table = table_1(estimates, {"happiness": 4.0}, with_paper=True)
    row = table.iloc[0]
    # Errors 1, 1, 4, 6: those of the example of `clustered_mean`.
    assert (row.mae, row.standard_error) == (3.0, 2.0)
    assert row.baseline_mae == (3 + 2 + 1 + 5) / 4
    ratings = estimates.rating
    assert row.r2 == pytest.approx(
        1 - (1 + 1 + 16 + 36) / ((ratings - ratings.mean()) ** 2).sum()
    )
    assert row.paper_mae == 0.38
    without = table_1(estimates, {"happiness": 4.0})
    assert without.paper_mae.isna().all()


def test_printed_numbers_are_sixteen_from_029_to_052():
    """The text says: of 16 networks; the table's extremes."""
    assert len(TABLE_1) == 16
    assert {key[0] for key in TABLE_1} == set(ATTRIBUTES)
    assert (min(TABLE_1.values()), max(TABLE_1.values())) == (0.29, 0.52)


def test_printed_table_has_a_row_per_network_and_the_papers_errors(capsys):
    table = pd.DataFrame([
        {"attribute": "happiness", "base": "age", "layers": layers,
         "mae": mae, "standard_error": 0.012, "baseline_mae": 1.5,
         "paper_mae": 0.41}
        for layers, mae in (("dense", 0.444), ("all", 0.333))
    ])  # fmt: skip
    print_table_1(table, "Some faces")
    out = capsys.readouterr().out
    assert re.search(r"age, dense only +0\.44 ± 0\.01 \(0\.41\)", out)
    assert re.search(r"age, full +0\.33 ± 0\.01 \(0\.41\)", out)
    assert re.search(r"training mean +1\.50", out)
    assert "Arbabzadah et al., 2016" in " ".join(out.split())
    print_table_1(table.assign(paper_mae=np.nan), "Some faces")
    out = capsys.readouterr().out
    assert "(0.41)" not in out
    assert "Arbabzadah" not in out


def test_training_errors_are_in_points_of_the_scale():
    history = pd.DataFrame({"epoch": [1, 2], "train_mae": [0.25, 0.125]})
    table = training_errors({("happiness", "gender", "all"): history})
    assert table.error.tolist() == [2.0, 1.0]
    assert set(table.network) == {"gender, full"}


def test_presets_train_all_sixteen_networks():
    for name in ("demo", "paper"):
        _, config = PRESETS[name]
        assert config.attributes == ATTRIBUTES
        assert config.bases == ("age", "gender")
        assert config.layers == ("dense", "all")
    _, demo = PRESETS["demo"]
    # Base networks learn from other people.
    assert demo.photographs.seed != demo.base_photographs.seed
    _, paper = PRESETS["paper"]
    assert paper.image_size == 227
    assert paper.fit.learning_rate == 0.001
    assert paper.fit.optimizer == "nesterov"
    assert paper.fit.copies == 1


def test_mistakes_are_one_line_and_code_2(attributes, fails, tmp_path):
    line = fails(attributes, "paper")
    assert "give --data-dir. Received: data_dir=None" in line
    line = fails(attributes, "paper", "--data-dir", tmp_path)
    assert "give --age-weights. Received: age_weights=None" in line
    line = fails(attributes, *SMALL, "--gender-mean", "mean.npy")
    assert "give --gender-weights. Received: gender_mean=mean.npy" in line
    line = fails(attributes, *SMALL, "--bases", "age", "age")
    assert "every one once. Received: bases=('age', 'age')" in line
    line = fails(attributes, "smoke", "--layers")
    assert "at least one of `layers`" in line
    line = fails(attributes, *SMALL, "--kdef-dir", tmp_path / "none")
    assert "Expected a folder of the KDEF" in line
