"""recipes.siam_attention: Table I, Figures 3 and 4, over seeds."""

import mlflow
import pandas as pd
import pytest

from recipes.siam_attention import Config
from recipes.siam_attention import networks

SMALL = ("smoke", "--fit.epochs", "1")


@pytest.fixture
def siam_attention(recipe):
    return recipe("siam_attention")


def written(cache_dir):
    """When the networks of all folds were written."""
    paths = (cache_dir / "runs").glob("*/fold_*/result/model.keras")
    return {path: path.stat().st_mtime_ns for path in paths}


def test_mechanisms_are_measured_with_every_seed(
    siam_attention, cache_dir, in_folder, capsys
):
    tables = siam_attention(*SMALL)
    table, clips = tables["table_1"], tables["clips"]
    assert table.network.tolist() == 3 * ["siam_spatially_agnostic"] + (
        3 * ["siam"]
    )
    assert table.seed.tolist() == 2 * ["all", "0", "1"]
    overall = table[table.seed == "all"].set_index("network")
    assert overall.paper_mae_years.tolist() == [4.95, 4.74]
    # One fold of two, with each seed.
    assert set(clips.fold) == {0}
    assert len(clips) == 2 * 2 * 8
    assert clips.face_auc.between(0, 1).all()
    for network, of in clips.groupby("network"):
        assert overall.face_auc[network] == pytest.approx(of.face_auc.mean())
    folder = in_folder / "results" / "siam_attention"
    names = {path.name for path in folder.iterdir()}
    assert names >= {
        "table_1.csv", "clips.csv", "figure_3.png", "figure_4.svg",
        "temporal_siam.svg", "temporal_siam_spatially_agnostic.png",
    }  # fmt: skip
    out = capsys.readouterr().out
    for row in table.itertuples():
        assert f"{row.face_auc:.3f}" in out
    runs = mlflow.search_runs(experiment_names=["siam_attention"])
    by_name = runs.groupby("tags.mlflow.runName").size()
    assert by_name["seed 1"] == 2
    assert by_name["fold 0"] == 4
    logged = runs["metrics.siam_face_auc"].dropna()
    assert logged.tolist() == pytest.approx([overall.face_auc["siam"]])

    before = written(cache_dir)
    again = siam_attention(*SMALL)
    assert written(cache_dir) == before
    for name, expected in tables.items():
        pd.testing.assert_frame_equal(again[name], expected)
    assert "This run is finished" in capsys.readouterr().err


def test_mechanisms_and_positions_share_the_network_that_is_both():
    config = Config(positions=(1, 2, 3))
    assert list(networks(config)) == [
        "siam_spatially_agnostic",
        "siam_fully_spatially_indexed",
        "siam_mediate_spatially_indexed",
        "siam",
        "siam_spatially_indexed_after_1",
        "siam_spatially_indexed_after_3",
    ]


def test_mistakes_are_one_line_and_code_2(siam_attention, fails):
    line = fails(siam_attention, *SMALL, "--seeds", 1, 1)
    assert "every one once. Received: seeds=(1, 1)" in line
    line = fails(siam_attention, *SMALL, "--tested-folds", 9)
    assert "Expected 1 to 2 folds to be tested" in line
    assert "tested_folds=9" in line
    line = fails(siam_attention, *SMALL, "--mechanisms", "--positions")
    assert "mechanisms=(), positions=()" in line
