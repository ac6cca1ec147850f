"""recipes.compare: tables 3 to 5, and networks that recipes share."""

import mlflow
import numpy as np
import pandas as pd
import pytest

from fdin_tf.faces import mesh_landmarks
from recipes.cli import config_from_presets
from recipes.compare import PRESETS
from recipes.compare import rows_beside
from recipes.compare import whose_landmarks
from recipes.compare import with_printed

SMALL = ("smoke", "--fit.epochs", "1", "--targets", "gender")


@pytest.fixture
def compare(recipe):
    return recipe("compare")


def networks(cache_dir):
    """When the networks of all folds of FDIN for gender were written."""
    paths = (cache_dir / "runs").glob("gender-fdin-*/fold_*/result/model.keras")
    return {path: path.stat().st_mtime_ns for path in paths}


def test_networks_are_shared_with_other_recipes_and_tracked_in_full(
    recipe, compare, in_folder, cache_dir, capsys
):
    tables = compare(*SMALL, "--networks", "fdin", "holistic")
    table = tables["table_5"].set_index("network")
    assert 0 <= table.accuracy["holistic"] <= 100
    assert table["paper_posed >19"]["holistic"] == 93.91
    assert np.isnan(table.accuracy["COTS + dynamics (tree)"])
    assert table["paper_spontaneous <=19"]["COTS + dynamics (tree)"] == 76.92
    written = pd.read_csv(in_folder / "results" / "compare" / "table_5.csv")
    pd.testing.assert_frame_equal(written, tables["table_5"], check_dtype=False)
    out = capsys.readouterr().out
    assert "(90.08)" in out
    assert "(76.92)" in out
    assert "landmarks of the rows" not in " ".join(out.split())
    assert "16 clips of 8 subjects" in " ".join(out.split())

    before = networks(cache_dir)
    others = recipe("ablations")(*SMALL, "--networks", "fdin")
    assert networks(cache_dir) == before
    assert others["table_4"].accuracy[0] == table.accuracy["fdin"]
    assert others["table_4"].paper_accuracy[0] == 90.08
    # What another recipe has trained is in the runs of this one, all of it.
    runs = mlflow.search_runs(experiment_names=["ablations"])
    (fold,) = runs[runs["tags.mlflow.runName"] == "fold 2"].run_id
    logged = mlflow.get_run(fold).data.metrics
    histories = [
        pd.read_csv(path.parent / "history.csv").iloc[0].to_dict()
        for path in before
        if path.parts[-3] == "fold_02"
    ]
    assert any(
        logged == pytest.approx({k: h[k] for k in h if k != "epoch"})
        for h in histories
    )
    (epoch,) = mlflow.MlflowClient().get_metric_history(fold, "valid_loss")
    assert epoch.step == 1


def test_methods_in_print_are_listed_below_ours():
    ours = pd.DataFrame(
        {
            "network": ["holistic", "fdin"],
            "title": ["Holistic dynamics", "FDIN"],
            "clips": 16,
            "subjects": 8,
            "mae_years": [5.0, 4.0],
            "paper_mae_years": [4.02, 3.87],
        }
    )
    table = with_printed(ours, 3)
    assert list(table.network[:2]) == ["holistic", "fdin"]
    assert table.set_index("title").paper_mae_years["IEF + dynamics"] == 4.33
    assert len(table) == 8
    assert table.mae_years[2:].isna().all()
    assert str(table.clips[0]) == "16"
    assert not table.network.duplicated().any()


def test_methods_that_we_have_are_not_listed_twice():
    ours = pd.DataFrame(
        {
            "network": ["vlbp", "ief_dynamics", "fdin"],
            "title": ["VLBP, re-implemented", "IEF", "FDIN"],
            "mae_years": [16.0, 5.0, 4.0],
            "paper_mae_years": [15.70, 4.33, 3.87],
        }
    )
    table = with_printed(ours, 3)
    assert table.network.tolist() == [
        "vlbp", "ief_dynamics", "fdin", "Displacement", "BIF",
        "BIF + dynamics", "IEF",
    ]  # fmt: skip
    assert table.mae_years[3:].isna().all()


@pytest.fixture
def config(cache_dir):
    """Gives a function that makes a config of words behind the recipe."""

    def config(*words):
        words = [*map(str, words), "--cache-dir", str(cache_dir)]
        return config_from_presets(PRESETS, "demo", words)

    return config


def test_without_the_option_rows_are_those_of_the_embedded_clips(
    config, tiny_set, uva_nemo
):
    embedded = rows_beside(config("--embedded", "tiny"))
    assert embedded.rows == ("all",)
    assert embedded.landmarks_dir == tiny_set / "truth"
    for preset in ((), ("paper",)):
        own = rows_beside(config(*preset, "--data-dir", uva_nemo))
        assert (own.rows, own.landmarks_dir) == ((), None)
    assert rows_beside(config("smoke")).rows == ()


def test_named_rows_are_taken_of_any_clips(config, uva_nemo, tmp_path):
    words = ("--handcrafted", "vlbp", "lbp_svm", "--landmarks-dir", tmp_path)
    for more in (("smoke",), ("--data-dir", uva_nemo, "--mesh")):
        found = rows_beside(config(*more, *words))
        assert found.rows == ("vlbp", "lbp_svm")
        assert found.landmarks_dir == tmp_path
        mesh = mesh_landmarks if "--mesh" in more else None
        assert found.find_landmarks is mesh


def test_other_landmarks_of_rows_than_of_networks_are_told(config, uva_nemo):
    assert "the renderer's" in whose_landmarks(config())
    files = ("--landmarks-dir", "csv")
    assert whose_landmarks(config(*files)) == ""
    own = ("--data-dir", uva_nemo, *files)
    assert whose_landmarks(config(*own)) == ""
    assert "the face mesh's" in whose_landmarks(config(*own, "--mesh"))


def test_handcrafted_rows_stand_beside_networks(
    compare, in_folder, cache_dir, capsys
):
    rows = ("lbp_svm", "dynamics_tree", "displacement")
    words = ("--networks", "fdin", "--handcrafted", *rows)
    tables = compare(*SMALL[:-1], "age", "gender", *words)
    age = tables["table_3"].set_index("network")
    assert list(age.index[:2]) == ["displacement", "fdin"]
    assert age.paper_mae_years["displacement"] == 11.54
    assert "Displacement" not in age.index
    assert np.isfinite(age.p_value["displacement"])
    gender = tables["table_5"].set_index("network")
    assert list(gender.index[:3]) == ["dynamics_tree", "lbp_svm", "fdin"]
    assert gender.accuracy[:3].between(0, 100).all()
    # How-old.net and COTS are not ours: their numbers stay in print alone.
    assert np.isnan(gender["paper_spontaneous >19"]["dynamics_tree"])
    assert gender["paper_spontaneous >19"]["COTS + dynamics (tree)"] == 93.00
    out, progress = capsys.readouterr()
    assert "implemented" in out
    told = "landmarks of the rows are the renderer's, those of the networks"
    assert " ".join(out.split()).count(told) == 2
    assert "Descriptors" in progress
    folders = (cache_dir / "runs").glob("compare-gender-*/lbp_svm")
    (folder,) = folders
    found = pd.read_csv(folder / "predictions.csv")
    assert len(found) == 16
    assert found.estimate.between(0, 1).all()
    assert (folder / "figures" / "confusion.png").is_file()

    # Networks are the same with rows beside them as without.
    alone = compare(*SMALL, "--networks", "fdin")["table_5"]
    assert alone.accuracy[0] == gender.accuracy["fdin"]
    words = [word for word in words if word != "displacement"]
    again = compare(*SMALL, *words)["table_5"].set_index("network")
    assert again.accuracy["lbp_svm"] == gender.accuracy["lbp_svm"]


def test_clips_without_landmarks_stay_in_every_row_and_are_counted(
    compare, tiny_set, tiny_clips, cache_dir, tmp_path, capsys
):
    landmarks = tmp_path / "landmarks"
    landmarks.mkdir()
    for clip_id in tiny_clips.clip_id[1:]:
        (landmarks / f"{clip_id}.npz").symlink_to(
            tiny_set / "truth" / f"{clip_id}.npz"
        )
    tables = compare(
        *SMALL, "--networks", "fdin", "--handcrafted", "dynamics_svm",
        "--landmarks-dir", landmarks,
    )  # fmt: skip
    table = tables["table_5"].set_index("network")
    assert table.clips[["dynamics_svm", "fdin"]].tolist() == [16, 16]
    told = " ".join(capsys.readouterr().err.split())
    assert "no landmarks (68 landmarks are not known) in 1 of 16 clips" in told
    without = tiny_clips.clip_id[0]
    assert f"the first, {without}: " in told
    assert f"Received: no such file in landmarks_dir={landmarks}" in told
    (path,) = (cache_dir / "runs").glob("*/dynamics_svm/conditions.csv")
    lacking = pd.read_csv(path)
    assert lacking.columns.tolist() == ["clip_id", "condition", "reason"]
    reasons = lacking.set_index(["clip_id", "condition"]).reason
    assert "needs 68 landmarks" in reasons[without, "no landmarks"]


def test_paper_runs_its_protocol_on_a_folder_like_uva_nemo(
    compare, uva_nemo, capsys
):
    tables = compare(
        "paper", "--data-dir", uva_nemo, "--encoder", "pca", "--components", 2,
        "--num-folds", 2, "--fit.epochs", 1, "--fit.precision", "float32",
        "--dense-units", 8, "--lstm-units", 8, "--head-units", 8,
        "--relation-units", 8, "--targets", "age", "--networks", "image_cnn",
        "fdin",
    )  # fmt: skip
    table = tables["table_3"]
    assert list(table.network[:2]) == ["image_cnn", "fdin"]
    assert table.mae_years.notna().sum() == 2
    assert "Table 3" in capsys.readouterr().out


def test_mistakes_are_one_line_and_code_2(compare, fails, uva_nemo):
    assert "network='siam'" in fails(compare, *SMALL, "--networks", "siam")
    assert "edges=(20, 10)" in fails(compare, *SMALL, "--edges", 20, 10)
    uva = ("--data-dir", uva_nemo, "--handcrafted", "lbp_svm")
    line = fails(compare, *SMALL, "--networks", "fdin", *uva)
    assert "need 68 landmarks in every frame, by the face mesh or" in line
    line = fails(compare, *SMALL, "--handcrafted", "lbp_svm", "vlbp")
    assert "rows of gender. Received: handcrafted='vlbp', a row of age" in line
    line = fails(compare, *SMALL, "--mesh")
    assert "Expected --handcrafted with --mesh" in line
