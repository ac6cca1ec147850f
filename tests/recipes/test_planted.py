"""recipes.planted: from drawing to the table, continued, and its mistakes."""

import mlflow
import pandas as pd
import pytest

from recipes.cli import config_from_presets
from recipes.cli import run_recipe


@pytest.fixture
def planted(in_folder, cache_dir):
    """Runs `recipes.planted` with these words behind its name."""
    from fdin_tf.training.planted_benchmark import run_planted
    from recipes.planted import PRESETS

    def planted(*words):
        words = [*map(str, words), "--cache-dir", str(cache_dir)]
        return run_recipe(
            run_planted, config_from_presets(PRESETS, "full", words)
        )

    return planted


def test_smoke_trains_reports_and_continues(
    planted, in_folder, cache_dir, capsys
):
    results = planted("smoke")
    assert list(results.network) == [
        "fdin", "regional", "holistic", "fdin", "fdin_sharpened", "additive",
    ]  # fmt: skip
    assert list(results["mode"]) == [
        *["absolute_lag"] * 3, "shuffled", *["absolute_lag"] * 2,
    ]  # fmt: skip
    assert set(results.pair) == {"nose-mouth"}
    assert results["rank"].notna().tolist() == [
        True, False, False, True, True, False,
    ]  # fmt: skip
    assert results["rank"].dropna().between(1, 36).all()
    printed = capsys.readouterr().out
    assert "FDIN, sharpened" in printed
    assert "…" not in printed
    folder = in_folder / "results" / "planted"
    assert {path.name for path in folder.iterdir()} == {
        "networks.csv", "summary.csv", "planted.png", "planted.svg",
    }  # fmt: skip

    # One network is missing: it alone is trained again, to the same result.
    (lost,) = (
        path
        for path in cache_dir.glob("runs/planted-*/networks/*.json")
        if '"holistic"' in path.read_text()
    )
    lost.unlink()
    again = planted("smoke")
    progress = capsys.readouterr().err
    assert "Holistic dynamics: R2" in progress.replace("\n", "")
    assert "Regional importance: R2" not in progress.replace("\n", "")
    pd.testing.assert_frame_equal(
        again.drop(columns="seconds"),
        results.drop(columns="seconds"),
        rtol=1e-4,
    )

    # Another question takes what is trained, and is a run of its own.
    planted("smoke", "--other-pairs", 0)
    assert "R2" not in capsys.readouterr().err
    runs = mlflow.search_runs(experiment_names=["planted"])
    assert set(runs["params.other_pairs"]) == {"0", "2"}
    assert (runs.status == "FINISHED").all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--pairs", "nose-chin"), "pair='nose-chin'"),
        (("--other-modes", "synchrony"), "other_modes=('synchrony',)"),
        (("--num-subjects", "0"), "num_subjects"),
        (("--precision", "float8"), "precision='float8'"),
    ],
)
def test_mistakes_are_one_line_and_code_2(planted, capsys, words, message):
    with pytest.raises(SystemExit) as end:
        planted("smoke", *words)
    assert end.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("error: ")
    assert message in lines[-1]
