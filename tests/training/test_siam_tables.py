"""SIAM's errors beside the paper's: whose rows, which clips, whole in print."""

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from fdin_tf.training.comparison import compare_age
from fdin_tf.training.siam_paper import DECADES
from fdin_tf.training.siam_paper import SIAM_PAPER
from fdin_tf.training.siam_tables import MODULE_NETWORKS
from fdin_tf.training.siam_tables import OUR_CLIPS
from fdin_tf.training.siam_tables import OURS
from fdin_tf.training.siam_tables import PAPER_CLIPS
from fdin_tf.training.siam_tables import figure_6
from fdin_tf.training.siam_tables import print_table_3
from fdin_tf.training.siam_tables import print_table_4
from fdin_tf.training.siam_tables import printed_selection
from fdin_tf.training.siam_tables import selection_in_words
from fdin_tf.training.siam_tables import table_3
from fdin_tf.training.siam_tables import table_4
from tests.training.class_predictions import random_predictions


@pytest.fixture
def predictions():
    """Sixty clips of people from 11 to 83 years."""
    rng = np.random.default_rng(0)
    age = rng.uniform(11, 79, 60)
    age[:2] = 11, 83
    return pd.DataFrame({"age": age, "estimate": age + rng.normal(0, 6, 60)})


def printed(print_table, *about):
    console = Console(width=80, file=io.StringIO())
    print_table(*about, console)
    text = console.file.getvalue()
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80
    return text


def test_our_row_holds_the_errors_of_every_decade(predictions):
    table = table_3(predictions).set_index("method")
    error = (predictions.estimate - predictions.age).abs()
    for decade in (*DECADES, "80-89"):
        first = int(decade.split("-")[0])
        of = error[(predictions.age >= first) & (predictions.age < first + 10)]
        assert table.loc[OUR_CLIPS, decade] == len(of)
        assert table.loc[OURS, decade] == pytest.approx(of.mean(), nan_ok=True)
    assert np.isnan(table.loc[OURS, "0-9"])
    assert table.loc[OURS, "all"] == pytest.approx(error.mean())
    assert table.loc[OURS, "sd_years"] == pytest.approx(error.std())
    assert table.loc[OUR_CLIPS, "all"] == 60


def test_the_papers_rows_are_as_printed(predictions):
    table = table_3(predictions).set_index("method")
    assert list(table.index) == [*SIAM_PAPER[3], PAPER_CLIPS, OURS, OUR_CLIPS]
    assert table.loc["SIAM", "70-79"] == 23.12
    assert table.loc["SIAM", "all"] == 4.74
    assert table.loc["SIAM", "sd_years"] == 5.70
    assert table.loc[PAPER_CLIPS, "10-19"] == 333
    assert table.loc[PAPER_CLIPS, "all"] == 1240
    assert np.isnan(table.loc["SIAM", "80-89"])


def test_where_the_paper_took_other_clips_its_rows_are_not_there(predictions):
    table = table_3(predictions, with_paper=False)
    assert table.method.tolist() == [OURS, OUR_CLIPS]
    text = printed(print_table_3, table, "drawn clips")
    assert "Pei" not in text


def test_table_3_is_whole_at_80_columns(predictions):
    table = table_3(predictions)
    text = printed(print_table_3, table, "drawn clips")
    words = text.split()
    for number in (
        table.set_index("method").loc[[OURS, "SIAM"]].stack().dropna()
    ):
        assert f"{number:.2f}" in words
    assert "1240" in words
    assert "80-89" in words
    assert "Our row: drawn clips." in " ".join(words)


@pytest.mark.parametrize(
    ("selection", "paper"), [("posed disgust", 6.96), ("posed smile", 6.41)]
)
def test_table_4_has_the_block_of_the_selection(predictions, selection, paper):
    table = table_4(predictions, selection)
    by_method = table.set_index("method")
    error = (predictions.estimate - predictions.age).abs()
    assert by_method.mae_years["SIAM"] == paper
    assert by_method.mae_years[OURS] == pytest.approx(error.mean())
    assert by_method.sd_years[OURS] == pytest.approx(error.std())
    text = printed(print_table_4, table, selection, "drawn clips")
    assert selection in text
    assert f"{error.mean():.2f}" in text


def test_table_4_has_two_blocks_only(predictions):
    with pytest.raises(
        ValueError, match=r"posed disgust, posed smile\. .*selection='all'"
    ):
        table_4(predictions, "all")


@pytest.mark.parametrize(
    ("database", "spontaneity", "selection"),
    [
        (None, None, "all"),
        ("UvA-NEMO_Smile_Database", None, "all"),
        (None, "posed", "posed smile"),
        ("UvA-NEMO Smile", "posed", "posed smile"),
        ("UvA-NEMO_Disgust_Database", None, "posed disgust"),
        ("disgust", "posed", "posed disgust"),
        ("disgust", "spontaneous", None),
        (None, "spontaneous", None),
    ],
)
def test_only_selections_of_the_paper_are_put_beside_it(
    database, spontaneity, selection
):
    assert printed_selection(database, spontaneity) == selection


def test_the_selection_is_told():
    assert selection_in_words() == "all expressions of all databases"
    assert selection_in_words(None, "posed") == (
        "posed expressions of all databases"
    )


def test_modules_are_in_the_order_in_which_they_are_added():
    rng = np.random.default_rng(0)
    first = random_predictions()
    table = figure_6(
        compare_age(
            {
                network: first.assign(estimate=first.age + rng.normal(0, 5, 70))
                for network in ("siam", "siam_cnn", "siam_cnn_rnn")
            },
            reference="siam",
        )
    )
    assert table.network.tolist() == ["siam_cnn", "siam_cnn_rnn", "siam"]
    assert table.paper_mae_years.tolist() == [5.13, 4.93, 4.74]
    assert table.name.tolist() == [
        "Appearance", "+ recurrent", "+ temporal attention",
    ]  # fmt: skip
    assert list(MODULE_NETWORKS)[-1] == "siam"
