"""recipes.siam_modules: Figure 6 from networks that recipes share."""

import pandas as pd
import pytest

SMALL = ("smoke", "--fit.epochs", "1")


@pytest.fixture
def siam_modules(recipe):
    return recipe("siam_modules")


def test_modules_are_compared_with_the_whole_and_with_the_paper(
    siam_modules, in_folder, capsys
):
    words = (*SMALL, "--networks", "siam", "siam_cnn")
    table = siam_modules(*words)["figure_6"]
    assert table.network.tolist() == ["siam_cnn", "siam"]
    assert table.name.tolist() == ["Appearance", "+ temporal attention"]
    assert table.paper_mae_years.tolist() == [5.13, 4.74]
    assert table.clips.tolist() == [16, 16]
    assert table.p_value.notna().tolist() == [True, False]
    folder = in_folder / "results" / "siam_modules"
    written = pd.read_csv(folder / "figure_6.csv")
    pd.testing.assert_frame_equal(written, table, check_dtype=False)
    assert (folder / "figure_6.svg").is_file()
    out = capsys.readouterr().out
    assert f"{table.mae_years[0]:.2f}" in out
    assert "(5.13)" in out
    assert "Pei et al., 2020" in " ".join(out.split())

    again = siam_modules(*words)["figure_6"]
    pd.testing.assert_frame_equal(again, table)
    assert "This comparison is finished" in capsys.readouterr().err


def test_mistakes_are_one_line_and_code_2(siam_modules, fails):
    line = fails(siam_modules, *SMALL, "--networks", "siam", "fdin")
    assert "Expected networks of siam_cnn, " in line
    assert "network='fdin'" in line
    line = fails(siam_modules, *SMALL, "--networks", "siam_cnn")
    assert "reference='siam', networks=siam_cnn" in line
