"""The paper's numbers: they agree with each other where they should."""

import numpy as np
import pytest

from fdin_tf.training.paper import NETWORK_TITLES
from fdin_tf.training.paper import PAPER
from fdin_tf.training.paper import in_paper_order
from fdin_tf.training.paper import network_title
from fdin_tf.training.paper import printed

CELLS = {
    "spontaneous <=19": 242,
    "spontaneous >19": 355,
    "posed <=19": 249,
    "posed >19": 394,
}
POSED, SPONTANEOUS = 643, 597


def pooled(row, exchanged=False):
    """Accuracy over all videos, from whole numbers of right ones, in %."""
    right = 0
    for cell, videos in CELLS.items():
        if exchanged:
            smile_type, age = cell.split()
            other = {"posed": "spontaneous", "spontaneous": "posed"}
            cell = f"{other[smile_type]} {age}"
        right += round(row[cell] * videos / 100)
    return 100 * right / sum(CELLS.values())


def test_cells_of_fdin_add_up_to_its_accuracy():
    fdin = PAPER[5]["fdin"]
    assert pooled(fdin) == pytest.approx(fdin["accuracy"], abs=0.005)


def test_the_image_row_adds_up_with_its_columns_exchanged_only():
    image = PAPER[5]["image_cnn"]
    assert abs(pooled(image) - image["accuracy"]) > 0.05
    assert pooled(image, exchanged=True) == pytest.approx(
        image["accuracy"], abs=0.005
    )


def test_the_holistic_row_does_not_add_up():
    assert pooled(PAPER[5]["holistic"]) == pytest.approx(86.69, abs=0.005)
    assert PAPER[5]["holistic"]["accuracy"] == 87.10


def test_smile_types_of_table_2_add_up():
    row = PAPER[2]["regional"]
    total = (
        POSED * row["posed_mae_years"]
        + SPONTANEOUS * row["spontaneous_mae_years"]
    )
    assert total / (POSED + SPONTANEOUS) == pytest.approx(
        row["mae_years"], abs=0.005
    )


def test_accuracies_of_table_4_are_whole_numbers_of_videos():
    for row in PAPER[4].values():
        right = row["accuracy"] * 12.40
        assert abs(right - round(right)) < 0.07  # two printed decimals


def test_tables_agree_about_fdin():
    assert PAPER[2]["fdin"]["mae_years"] == PAPER[3]["fdin"]["mae_years"]
    assert PAPER[4]["fdin"]["accuracy"] == PAPER[5]["fdin"]["accuracy"]


def test_the_first_table_that_has_a_number_gives_it():
    assert printed("holistic", "mae_years", tables=(2, 3)) == 4.02
    assert printed("fdin", "posed_mae_years", tables=(2, 3)) == 3.83
    assert np.isnan(printed("holistic", "posed_mae_years", tables=(2, 3)))
    assert np.isnan(printed("my_network", "accuracy", tables=(4, 5)))
    assert np.isnan(printed("fdin", "accuracy", tables=()))


def test_networks_come_in_the_order_of_every_table():
    order = list(NETWORK_TITLES)
    for number in (2, 3, 4, 5):
        ours = [name for name in PAPER[number] if name in order]
        assert in_paper_order(reversed(ours)) == ours


def test_every_network_has_its_own_title():
    titles = [network_title(name) for name in [*NETWORK_TITLES, "mine"]]
    assert len(set(titles)) == len(NETWORK_TITLES) + 1
