"""SIAM's printed numbers: they agree with each other where they should."""

import pytest

from fdin_tf.training.paper import NETWORK_TITLES
from fdin_tf.training.paper import PAPER
from fdin_tf.training.paper import in_paper_order
from fdin_tf.training.paper import network_title
from fdin_tf.training.siam_paper import DECADE_CLIPS
from fdin_tf.training.siam_paper import DECADES
from fdin_tf.training.siam_paper import MECHANISM_TITLES
from fdin_tf.training.siam_paper import MODULE_TITLES
from fdin_tf.training.siam_paper import SIAM_MODULES
from fdin_tf.training.siam_paper import SIAM_PAPER
from fdin_tf.training.siam_paper import SIAM_TITLES


def pooled(row):
    """Error over all videos, from those of the decades, in years."""
    total = sum(row[decade] * DECADE_CLIPS[decade] for decade in DECADES)
    return total / sum(DECADE_CLIPS.values())


def test_decades_hold_all_videos_of_the_database():
    assert sum(DECADE_CLIPS.values()) == 1240
    assert list(DECADE_CLIPS) == list(DECADES)
    assert DECADES[0], DECADES[-1] == ("0-9", "70-79")


@pytest.mark.parametrize("method", SIAM_PAPER[3])
def test_decades_add_up_to_all_within_what_rounding_allows(method):
    row = SIAM_PAPER[3][method]
    # Each decade may be off by 0.005, so their mean may; and so may "all".
    assert pooled(row) == pytest.approx(row["mae_years"], abs=0.01)


def test_most_rows_add_up_to_the_last_digit():
    apart = {
        method
        for method, row in SIAM_PAPER[3].items()
        if round(pooled(row), 2) != row["mae_years"]
    }
    assert apart == {"VLBP", "LBP-TOP", "IEF + dynamics"}


def test_the_whole_model_has_the_same_numbers_in_every_table():
    whole = {"mae_years": 4.74, "sd_years": 5.70}
    assert SIAM_PAPER[1]["spatially_indexed"] == whole
    assert SIAM_PAPER[2]["onset + apex + offset"] == whole
    assert whole.items() <= SIAM_PAPER[3]["SIAM"].items()
    assert list(SIAM_MODULES.values())[-1] == 4.74


def test_the_first_network_of_figure_6_is_the_one_without_dynamics():
    assert SIAM_MODULES["appearance"] == SIAM_PAPER[3]["CNNs"]["mae_years"]


def test_every_module_lowers_the_error():
    errors = list(SIAM_MODULES.values())
    assert errors == sorted(errors, reverse=True)


def test_both_papers_quote_the_same_dynamics():
    for method in ("VLBP", "Displacement"):
        ours, theirs = SIAM_PAPER[3][method], PAPER[3][method]
        assert ours["mae_years"] == theirs["mae_years"]
    assert PAPER[3]["IEF + dynamics"]["mae_years"] == 4.33  # here 5.00
    assert SIAM_PAPER[3]["IEF + dynamics"]["mae_years"] == 5.00


def test_the_smaller_databases_have_the_larger_errors():
    for row in SIAM_PAPER[4].values():
        assert row["SIAM"]["mae_years"] > SIAM_PAPER[3]["SIAM"]["mae_years"]


def test_titles_are_in_the_order_of_the_tables():
    assert list(MECHANISM_TITLES) == list(SIAM_PAPER[1])
    assert list(MODULE_TITLES) == list(SIAM_MODULES)


def test_networks_of_every_table_have_a_title_of_their_own():
    networks = [
        "siam_spatially_agnostic",
        "siam_spatially_indexed_after_3",
        "siam_cnn_rnn",
        "siam",
    ]
    assert in_paper_order(networks[::-1]) == networks
    assert network_title("siam_spatially_agnostic") == "Spatially-agnostic"
    assert len(set(SIAM_TITLES.values())) == len(SIAM_TITLES)
    assert not set(SIAM_TITLES) & set(NETWORK_TITLES)
