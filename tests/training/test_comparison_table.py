"""The printed comparison: whole at 80 columns, paper and test told."""

import io
import re

import numpy as np
import pytest
from rich.console import Console

from fdin_tf.training.comparison import NETWORK_TITLES
from fdin_tf.training.comparison import compare_age
from fdin_tf.training.comparison import compare_class
from fdin_tf.training.comparison import print_comparison
from tests.training.class_predictions import random_predictions


def printed(table, width=80, caption="embedded clips"):
    console = Console(width=width, file=io.StringIO())
    print_comparison(table, "Unseen subjects", caption, console)
    return console.file.getvalue()


def in_one_line(text):
    return " ".join(text.split())


@pytest.fixture(scope="module")
def age():
    """All networks, from bad to good."""
    rng = np.random.default_rng(0)
    first = random_predictions()
    return compare_age(
        {
            name: first.assign(estimate=first.age + rng.normal(0, years, 70))
            for years, name in zip(range(9, 0, -1), NETWORK_TITLES)
        }
    )


@pytest.fixture(scope="module")
def gender():
    """All networks of the paper, and smaller groups of age."""
    first = random_predictions()
    return compare_class(
        {
            name: first.assign(estimate=random_predictions(seed=seed).estimate)
            for seed, name in enumerate(NETWORK_TITLES)
        },
        "gender",
        edges=(12, 19),
    )


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", ["age", "gender"])
def test_nothing_is_cut_off(name, width, request):
    table = request.getfixturevalue(name)
    text = printed(table, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    words = text.replace("\n", " ").split()
    for title in table.title:
        assert set(title.split()) <= set(words)
    column = "mae_years" if name == "age" else "accuracy"
    for number in table[column]:
        assert f"{number:.2f}" in words
    for number in table[f"paper_{column}"].dropna():
        assert f"({number:.2f})" in words
    for number in table.filter(regex="^difference").iloc[:, 0].dropna():
        assert any(word.rstrip("*") == f"{number:+.2f}" for word in words)


def test_the_networks_of_the_paper_fit_beside_each_other(age):
    text = printed(age)
    assert len(re.findall("^spontaneous", text, re.MULTILINE)) == 1


def test_networks_that_do_not_fit_follow_below(age):
    text = printed(age, width=60)
    assert len(re.findall("^spontaneous", text, re.MULTILINE)) == 2
    assert text.count("Unseen subjects") == 1
    assert text.count("Our numbers") == 1


def test_the_caption_says_whose_numbers_and_which_test(age):
    text = in_one_line(printed(age))
    assert "Our numbers: embedded clips; 70 clips of 20 subjects." in text
    assert "In brackets: the paper's, on UvA-NEMO" in text
    assert "Difference: to FDIN. * p < 0.05: paired t test" in text
    assert "not adjusted" in text


def test_an_asterisk_marks_a_small_p_only(age):
    table = age.iloc[-3:].copy()
    table["difference_years"] = [1.11, 2.22, np.nan]
    table["p_value"] = [0.0499, 0.0501, np.nan]
    text = printed(table)
    assert "+1.11*" in text
    assert "+2.22" in text
    assert "+2.22*" not in text
    assert "0.050" in text


def test_a_tiny_p_is_not_zero(age):
    table = age.assign(p_value=1e-9)
    assert "<0.001" in printed(table)
    assert "0.000" not in printed(table)


def test_decisions_per_subject_are_told(gender):
    text = in_one_line(printed(gender.assign(samples=34)))
    assert "34 decisions, one per subject and smile type." in text
    assert "decisions" not in printed(gender)


def test_where_the_paper_has_no_number_none_is_promised(gender):
    table = gender.copy()
    table[list(table.filter(like="paper_"))] = np.nan
    text = printed(table)
    assert "In brackets" not in text
    assert "(" not in text


def test_one_network_alone_is_not_compared(age):
    assert "Difference" not in printed(age[age.network == "fdin"])


def test_brackets_in_a_caption_are_no_markup(age):
    text = in_one_line(printed(age, caption="clips of [bold]mine[/bold]"))
    assert "clips of [bold]mine[/bold];" in text
