"""Rows beside the numbers of Pei et al.: whose lines, in which order."""

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from fdin_tf.training.comparison import compare_age
from fdin_tf.training.handcrafted_rows import rows_of
from fdin_tf.training.handcrafted_tables import HERE
from fdin_tf.training.handcrafted_tables import decades_of_all
from fdin_tf.training.handcrafted_tables import errors_of_all
from fdin_tf.training.handcrafted_tables import with_printed_by_siam
from fdin_tf.training.siam_paper import SIAM_PAPER
from fdin_tf.training.siam_tables import OUR_CLIPS
from fdin_tf.training.siam_tables import PAPER_CLIPS
from fdin_tf.training.siam_tables import print_table_3
from fdin_tf.training.siam_tables import print_table_4
from tests.training.class_predictions import random_predictions


@pytest.fixture
def predictions():
    """Every row and SIAM; each misses every age by its own years."""
    table = random_predictions()
    names = [*rows_of(["all"], "age"), "siam"]
    return {
        name: table.assign(estimate=table.age + years)
        for years, name in enumerate(names, start=1)
    }


def printed(print_table, *about):
    console = Console(width=80, file=io.StringIO())
    print_table(*about, console)
    text = console.file.getvalue()
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80
    return text


def test_our_line_stands_below_the_papers(predictions):
    table = decades_of_all(predictions)
    methods = table.method.tolist()
    for name, method in (
        ("vlbp", "VLBP"), ("ief", "IEF, neutral"), ("siam", "SIAM"),
        ("lbp_dynamics", "LBP + dynamics"),
    ):  # fmt: skip
        at = methods.index(method)
        assert table["all"][at] == SIAM_PAPER[3][method]["mae_years"]
        assert methods[at + 1] == HERE
        ours = predictions[name].estimate - predictions[name].age
        assert table["all"][at + 1] == pytest.approx(ours.mean())
        assert table["20-29"][at + 1] == pytest.approx(ours.mean())


def test_methods_of_one_side_alone_have_their_line_too(predictions):
    table = decades_of_all(predictions)
    methods = table.method.tolist()
    assert methods[methods.index("CNNs") + 1] == "IEF + dynamics"
    at = methods.index("BIF")
    assert np.isnan(table["all"][at])
    assert methods[at + 1] == HERE
    assert table["all"][at + 1] == 7
    assert methods.count(HERE) == len(predictions)
    assert methods[-2:] == [PAPER_CLIPS, OUR_CLIPS]
    assert table["all"].iloc[-2:].tolist() == [1240, 70]


def test_without_the_paper_lines_are_called_by_their_methods(predictions):
    table = decades_of_all(predictions, with_paper=False)
    assert table.method.tolist() == [
        "VLBP", "LBP-TOP", "Displacement", "Deformation", "LBP, neutral",
        "LBP, fusion", "BIF", "IEF, neutral", "IEF, fusion", "LBP + dynamics",
        "BIF + dynamics", "IEF + dynamics", "SIAM", OUR_CLIPS,
    ]  # fmt: skip
    assert table["all"].tolist() == [*range(1, 14), 70]


@pytest.mark.parametrize("selection", ["posed disgust", "posed smile"])
def test_table_4_has_its_block(predictions, selection):
    table = errors_of_all(predictions, selection)
    methods = table.method.tolist()
    block = SIAM_PAPER[4][selection]
    at = methods.index("IEF + dynamics")
    assert table.mae_years[at] == block["IEF + dynamics"]["mae_years"]
    assert (methods[at + 1], table.mae_years[at + 1]) == (HERE, 12)
    assert np.isnan(table.mae_years[methods.index("VLBP")])
    text = printed(print_table_4, table, selection, "drawn clips")
    assert "Here: drawn clips." in " ".join(text.split())


def test_table_3_is_whole_at_80_columns(predictions):
    for with_paper in (True, False):
        table = decades_of_all(predictions, with_paper)
        text = printed(print_table_3, table, "drawn clips")
        assert ("Pei" in text) == with_paper
        for number in table["all"].dropna()[:-2]:
            assert f"{number:.2f}" in text.split()


@pytest.mark.parametrize(
    ("selection", "siam", "vlbp"),
    [("all", 4.74, 15.70), ("posed smile", 6.41, None), (None, None, None)],
)
def test_comparisons_are_beside_the_numbers_of_their_clips(
    predictions, selection, siam, vlbp
):
    table = compare_age(predictions, reference="siam")
    found = with_printed_by_siam(table, selection).set_index("network")
    for name, expected in (("siam", siam), ("vlbp", vlbp), ("bif", None)):
        if expected is None:
            assert pd.isna(found.paper_mae_years[name])
        else:
            assert found.paper_mae_years[name] == expected
    assert found.filter(like="paper_").shape[1] == 1
