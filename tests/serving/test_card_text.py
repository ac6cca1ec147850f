"""The readable card: every section, the card's own numbers, no false claim."""

import json

import pytest

from fdin_tf.serving.card_text import card_text
from fdin_tf.serving.card_text import is_drawn
from fdin_tf.serving.export import CARD
from fdin_tf.serving.export import CARD_TEXT
from recipes.predict import DEMO_MODEL
from tests.recipes.gnet_export import make_card

SECTIONS = [
    "## Data",
    "## How it was tested",
    "## Intended use",
    "## Limits",
    "## What must not be done with it",
    "## How it was made",
]
PEOPLE = {"databases": ["UvA-NEMO Smile"], "clips": 1240, "youngest": None}


@pytest.fixture
def card():
    return json.loads((DEMO_MODEL / "1" / CARD).read_text())


def test_groups_are_told_with_the_numbers_of_the_card(card):
    text = card_text(card)
    for record in card["errors"]:
        (row,) = (
            line
            for line in text.splitlines()
            if line.startswith(f"| {record['grouped_by']} | {record['group']} ")
        )
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[2:4] == [str(record["clips"]), str(record["subjects"])]
        assert float(cells[4]) == pytest.approx(record["mae_years"], abs=0.005)
    header = next(x for x in text.splitlines() if x.startswith("| by |"))
    assert header.count("|") == len(card["errors"][0]) + 1
    assert "10 folds by seed 0, stratified by age" in text
    assert card["limits"] in text
    assert [x for x in text.splitlines() if x.startswith("## ")] == [
        *SECTIONS[:2], "## Errors per group", *SECTIONS[2:],
    ]  # fmt: skip


def test_the_demo_has_its_card_beside_it(card):
    assert (DEMO_MODEL / "1" / CARD_TEXT).read_text() == card_text(card)


def test_drawn_faces_are_never_passed_off_as_people(card):
    warning = "mean nothing for people"
    for drawn in (card, make_card("gender")):
        assert is_drawn(drawn)
        assert warning in card_text(drawn).split("##")[0]
    real = {**card, "trained_on": PEOPLE}
    assert not is_drawn(real)
    assert warning not in card_text(real).split("##")[0]


def test_photographs_are_told_of_too():
    text = card_text(make_card("smile"))
    for words in ("`no_smile`, `smile`", "accuracy, %: 91.20", "images: 125"):
        assert words in text


def test_what_is_not_known_is_said(card):
    text = card_text({"target": "age", "trained_on": PEOPLE})
    assert text.startswith("# Model card: a model\n")
    assert "- youngest: unknown" in text
    assert "Not tested." in text
    assert "Errors per group" not in text
    assert text.count("Unknown.") == 1
    assert [x for x in text.splitlines() if x.startswith("## ")] == SECTIONS


def test_data_may_be_told_in_words():
    text = card_text({"trained_on": "clips of a friend"})
    assert "## Data\n\nclips of a friend\n" in text


def test_a_name_from_a_file_cannot_break_the_page(card):
    bad = "a | b\n## Limits\nnone"
    card["errors"] = [{"grouped_by": "database", "group": bad, "clips": 3}]
    card["trained_on"]["databases"] = [bad]
    text = card_text(card)
    assert "| database | a \\| b ## Limits none | 3 |" in text
    assert [x for x in text.splitlines() if x == "## Limits"] == ["## Limits"]
