"""Rows: each of the papers' methods once, of what exists, under its name."""

import numpy as np
import pytest

from fdin_tf.handcrafted.dynamics import KINDS
from fdin_tf.handcrafted.learners import LEARNERS
from fdin_tf.training.comparison import compare_age
from fdin_tf.training.handcrafted_features import DESCRIPTORS
from fdin_tf.training.handcrafted_rows import ROW_TITLES
from fdin_tf.training.handcrafted_rows import ROWS
from fdin_tf.training.handcrafted_rows import printed_row
from fdin_tf.training.handcrafted_rows import rows_of
from fdin_tf.training.paper import NETWORK_TITLES
from fdin_tf.training.paper import PAPER
from fdin_tf.training.paper import in_paper_order
from fdin_tf.training.paper import network_title
from fdin_tf.training.paper import printed
from fdin_tf.training.siam_paper import SIAM_PAPER
from tests.training.class_predictions import random_predictions


@pytest.mark.parametrize("name", ROWS)
def test_a_row_is_made_of_descriptors_and_learners_that_exist(name):
    for part in ROWS[name].parts:
        assert part.learner in LEARNERS
        assert set(part.descriptors) <= {*DESCRIPTORS, "ief"}
        is_dynamics = [d in KINDS for d in part.descriptors]
        assert is_dynamics == sorted(is_dynamics)  # appearance comes first


@pytest.mark.parametrize(
    ("table", "further"),
    [
        (PAPER[3], {*NETWORK_TITLES, "IEF"}),
        (SIAM_PAPER[3], {"SIAM", "CNNs"}),
    ],
)
def test_every_handcrafted_method_in_print_has_one_row(table, further):
    ours = [printed_row(name, table) for name in rows_of(["all"], "age")]
    ours = [method for method in ours if method is not None]
    assert sorted(ours) == sorted(set(table) - further)


def test_what_a_row_is_called_in_print_is_in_print():
    known = {*PAPER[3], *SIAM_PAPER[3]}
    for row in ROWS.values():
        assert set(row.printed) <= known


def test_fusion_is_one_learner_per_frame_of_the_onset():
    for name in ("lbp", "ief"):
        fusion = ROWS[f"{name}_fusion"].parts
        assert [part.inputs for part in fusion] == [((name, 0),), ((name, 1),)]
        assert ROWS[name].parts == fusion[:1]


def test_titles_say_that_methods_are_re_implemented():
    assert network_title("bif_dynamics") == "BIF + dynamics, re-implemented"
    assert len(set(ROW_TITLES.values())) == len(ROWS)


def test_rows_stand_before_networks_in_the_papers_order():
    names = ["fdin", "ief", "siam", "vlbp", "holistic", "my_own"]
    assert in_paper_order(names) == [
        "my_own", "vlbp", "ief", "holistic", "fdin", "siam",
    ]  # fmt: skip


def test_ief_of_kim_and_ro_is_beside_no_row():
    """They do not say of which frame it is; Pei et al. have 5.21 and 5.71."""
    assert PAPER[3]["IEF"]["mae_years"] == 4.86
    for name in ("ief", "ief_fusion"):
        assert printed_row(name, PAPER[3]) is None
    assert SIAM_PAPER[3][printed_row("ief", SIAM_PAPER[3])]["mae_years"] == 5.21
    assert np.isnan(printed("lbp", "mae_years", (2, 3)))


def test_networks_keep_their_numbers_in_print():
    assert printed("fdin", "mae_years", (2, 3)) == 3.87
    assert printed("how-old.net + dynamics (SVM)", "posed >19", (5,)) == 92.89


def test_a_comparison_holds_rows_beside_the_papers_numbers():
    predictions = random_predictions().assign(
        estimate=lambda table: table.age + 3
    )
    table = compare_age({"vlbp": predictions, "fdin": predictions})
    assert table.network.tolist() == ["vlbp", "fdin"]
    assert table.paper_mae_years.tolist() == [15.70, 3.87]


def test_rows_are_taken_by_target_in_order():
    assert rows_of(["all"], "spontaneity") == ()
    assert rows_of([], "age") == ()
    chosen = rows_of(["ief", "dynamics_tree", "vlbp"], "age")
    assert chosen == ("vlbp", "ief")
    both = rows_of(["all"], "age") + rows_of(["all"], "gender")
    assert both == tuple(ROWS)


def test_an_unknown_row_is_an_error():
    with pytest.raises(ValueError, match=r"rows of all, vlbp, .*'VLBP'"):
        rows_of(["VLBP"], "age")
