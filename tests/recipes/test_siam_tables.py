"""recipes.siam_age_cv: beside the paper's tables, with the paper's figures."""

import mlflow
import pandas as pd
import pytest

from fdin_tf.training.metrics import age_errors
from recipes.siam_age_cv import paper_tables
from recipes.siam_age_cv import print_tables
from recipes.siam_networks import SiamConfig

SMALL = ("smoke", "--fit.epochs", "1")


@pytest.fixture
def siam_age_cv(recipe):
    return recipe("siam_age_cv")


def run_folder(cache_dir, progress):
    """The folder that the run named last."""
    text = "".join(progress.split("\n"))
    name = text.split("State of the run:")[-1].split("/")[-1].strip()
    return cache_dir / "runs" / name


def test_all_clips_stand_beside_table_3_with_figures_7_and_8(
    siam_age_cv, cache_dir, capsys
):
    errors = siam_age_cv(*SMALL)
    out, progress = capsys.readouterr()
    assert "Table III" in out
    assert "1240" in out
    assert "Table IV" not in out
    assert "embedded clips (tiny), all expressions" in " ".join(out.split())

    folder = run_folder(cache_dir, progress)
    table = pd.read_csv(folder / "table_3.csv").set_index("method")
    overall = errors.mae_years[0]
    assert table.loc["SIAM, here", "all"] == pytest.approx(overall)
    assert table.loc["SIAM", "all"] == 4.74
    found = pd.read_csv(folder / "predictions.csv")
    error = (found.estimate - found.age).abs()
    cumulative = pd.read_csv(folder / "cumulative_errors.csv")
    share = cumulative.set_index("deviation_years").share
    assert share[20] == pytest.approx(100 * (error <= 20).mean())
    by_count = pd.read_csv(folder / "errors_by_sample_count.csv")
    assert by_count.mae_years[0] == pytest.approx(overall)
    decades = pd.read_csv(folder / "decades.csv").set_index("measure")
    assert decades.loc["clips", "all"] == 16
    figures = {path.name for path in (folder / "figures").iterdir()}
    assert figures >= {
        "cumulative_errors.svg", "errors_by_sample_count.png",
        "predicted_against_true.svg",
    }  # fmt: skip
    runs = mlflow.search_runs(experiment_names=["siam_age_cv"])
    (parent,) = runs[runs["tags.mlflow.parentRunId"].isna()].run_id
    client = mlflow.MlflowClient()
    logged = {
        item.path.split("/")[-1]
        for name in ("tables", "figures")
        for item in client.list_artifacts(parent, name)
    }
    assert logged >= figures | {"table_3.csv", "decades.csv"}

    siam_age_cv(*SMALL)
    assert capsys.readouterr().out == out


@pytest.mark.parametrize(
    ("selection", "printed"),
    [
        ({"spontaneity": "posed"}, 6.41),
        ({"database": "UvA-NEMO Disgust"}, 6.96),
    ],
)
def test_selections_of_table_4_stand_beside_it(selection, printed, capsys):
    predictions = pd.DataFrame(
        {
            "subject": ["a", "b"], "fold": [0, 1], "gender": "female",
            "spontaneity": "posed", "age": [20.0, 40.0],
            "estimate": [24.0, 38.0], "baseline": [30.0, 30.0],
        }
    )  # fmt: skip
    config = SiamConfig(**selection)
    further = paper_tables(config, predictions)
    table = further["table_4"].set_index("method")
    assert table.mae_years["SIAM"] == printed
    assert table.mae_years["SIAM, here"] == 3.0
    tables = {"errors": age_errors(predictions), **further}
    print_tables(config, tables, "age")
    out = " ".join(capsys.readouterr().out.split())
    (words,) = selection.values()
    assert f"{words}" in out
    assert f"{printed}" in out
    assert "1240" not in out  # Table III is about all clips


def test_all_clips_have_no_block_in_table_4():
    predictions = pd.DataFrame({"age": [20.0], "estimate": [24.0]})
    assert list(paper_tables(SiamConfig(), predictions)) == ["table_3"]
