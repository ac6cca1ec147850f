"""Tables of GNet and SNet: by hand, by scikit-learn, and bad input."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score
from sklearn.metrics import mean_squared_error

from fdin_tf.training.gnet_snet_paper import TABLE_2
from fdin_tf.training.gnet_snet_paper import TABLE_3
from fdin_tf.training.gnet_snet_tables import accuracies
from fdin_tf.training.gnet_snet_tables import challenge_errors
from fdin_tf.training.gnet_snet_tables import difference
from fdin_tf.training.gnet_snet_tables import in_text
from fdin_tf.training.gnet_snet_tables import numbers_in
from fdin_tf.training.gnet_snet_tables import print_tables
from fdin_tf.training.gnet_snet_tables import table_2
from fdin_tf.training.gnet_snet_tables import table_3

ROOT = Path(__file__).parents[2]
WHOLE = {"target": "gender", "steps": "1+2+3+4", "crops": "3"}
SCRATCH = {"target": "gender", "steps": "4", "crops": "3"}


def answers_of(network, seed, share_right, rng, images=50):
    truth = rng.integers(0, 2, images)
    is_right = rng.random(images) < share_right
    return pd.DataFrame(
        {
            **network,
            "seed": seed,
            "image_id": np.arange(images),
            "subject": np.arange(images) // 2,
            "truth": truth,
            "answer": np.where(is_right, truth, 1 - truth),
        }
    )


@pytest.fixture
def answers():
    rng = np.random.default_rng(0)
    return pd.concat(
        [
            answers_of(network, seed, share, rng)
            for network, share in ((WHOLE, 0.9), (SCRATCH, 0.6))
            for seed in (0, 1, 2)
        ],
        ignore_index=True,
    )


def of_seeds(answers, network):
    """Accuracy by seed, in %, by scikit-learn."""
    of = answers[answers.steps == network["steps"]]
    return [
        100 * accuracy_score(one.truth, one.answer)
        for _, one in of.groupby("seed")
    ]


def test_accuracy_is_the_mean_over_seeds_with_its_standard_error(answers):
    table = accuracies(answers).set_index("steps")
    for network in (WHOLE, SCRATCH):
        row, found = table.loc[network["steps"]], of_seeds(answers, network)
        assert row.accuracy == pytest.approx(np.mean(found))
        error = np.std(found, ddof=1) / np.sqrt(3)
        assert row.standard_error == pytest.approx(error)
        assert (row.seeds, row.images) == (3, 50)


def test_the_error_of_one_seed_is_that_over_images(answers):
    one = answers[answers.seed == 0].assign(subject=lambda x: x.image_id)
    for _, row in accuracies(one).iterrows():
        share = row.accuracy / 100
        expected = 100 * np.sqrt(share * (1 - share) / (row.images - 1))
        assert row.standard_error == pytest.approx(expected)


def test_the_commonest_answer_is_the_larger_share(answers):
    of = answers[(answers.steps == "4") & (answers.seed == 0)]
    expected = 100 * max(of.truth.mean(), 1 - of.truth.mean())
    assert accuracies(of).commonest.item() == pytest.approx(expected)


def test_a_difference_pairs_the_networks_of_a_seed(answers):
    found = difference(answers, WHOLE, SCRATCH)
    differences = np.subtract(
        of_seeds(answers, WHOLE), of_seeds(answers, SCRATCH)
    )
    assert found["difference"] == pytest.approx(differences.mean())
    error = differences.std(ddof=1) / np.sqrt(3)
    assert found["standard_error"] == pytest.approx(error)
    assert found["least"] == pytest.approx(differences.min())
    assert found["seeds"] == 3


@pytest.mark.parametrize("other", [WHOLE | {"crops": "4"}, SCRATCH])
def test_networks_of_other_seeds_have_no_difference(answers, other):
    answers = answers[(answers.steps != "4") | (answers.seed < 2)]
    with pytest.raises(ValueError, match="trained with the same seeds"):
        difference(answers, WHOLE, other)


def test_table_2_names_the_schemes_of_the_paper(answers):
    table = table_2(answers, with_paper=True).set_index("scheme")
    assert table.paper_accuracy["with all steps"] == TABLE_2[1, 2, 3, 4]
    assert table.paper_accuracy["without step 1, 2 and 3"] == 84.04
    assert table_2(answers).paper_accuracy.isna().all()


def test_table_3_names_the_papers_accuracies(answers):
    whole = answers[answers.steps == "1+2+3+4"]
    both = pd.concat([whole, whole.assign(target="smile", crops="1+5")])
    table = table_3(both, with_paper=True)
    assert table.paper_accuracy.tolist() == [91.66, 89.34]
    assert table_3(both).paper_accuracy.isna().all()
    control = whole.assign(crops="6")
    assert np.isnan(table_3(control, with_paper=True).paper_accuracy.item())


def test_the_papers_numbers_are_those_of_the_documentation():
    page = (ROOT / "docs" / "crops.md").read_text(encoding="utf-8")
    found = {}
    for row in re.findall(r"^\| ([1-5+ ]+) \|(.*)\|$", page, re.MULTILINE):
        crops = tuple(map(int, row[0].split("+")))
        cells = [cell.strip(" *") for cell in row[1].split("|")]
        for target, cell in zip(("gender", "smile"), cells[-3:-1]):
            if cell not in ("", "-"):
                found[target, crops] = float(cell)
    assert found == TABLE_3
    page = (ROOT / "docs" / "gnet_snet.md").read_text(encoding="utf-8")
    for steps, accuracy in TABLE_2.items():
        assert re.search(
            rf"\| {re.escape(in_text(steps))} \|.*{accuracy}", page
        )


def test_the_challenge_counts_the_mean_square_error_of_every_image():
    rng = np.random.default_rng(1)
    truth, answers = rng.integers(0, 2, (2, 30, 2))
    found = challenge_errors(truth, answers)
    expected = [
        mean_squared_error(one, other) for one, other in zip(truth, answers)
    ]
    np.testing.assert_allclose(found, expected)
    assert set(found) == {0.0, 0.5, 1.0}


def test_a_face_that_is_not_found_counts_as_wrong():
    answers = [[0, 1], [np.nan, np.nan], [0, np.nan]]
    found = challenge_errors([[0, 1]] * 3, answers)
    assert found.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("truth", "answers", "message"),
    [
        ([[0, 1]], [[0, 1]] * 2, "of the same images"),
        ([0, 1], [0, 1], "of the same images"),
        ([[0, -1]], [[0, 1]], r"0 or 1 for gender.*truth=\[-1.0\]"),
        ([[0, np.nan]], [[0, 1]], "0 or 1 for gender"),
    ],
)
def test_other_input_of_the_challenge_is_an_error(truth, answers, message):
    with pytest.raises(ValueError, match=message):
        challenge_errors(truth, answers)


def test_numbers_and_text_are_the_same():
    for numbers in ((4,), (1, 3, 4), (1, 2, 3, 4)):
        assert numbers_in(in_text(numbers)) == numbers
    assert numbers_in("eyes") == ()
    assert numbers_in(3) == (3,)


def test_the_console_shows_both_tables(answers, capsys):
    whole = answers[answers.steps == "1+2+3+4"]
    both = pd.concat([whole, whole.assign(target="smile", crops="1+5")])
    tables = {
        "table_2": table_2(answers, with_paper=True),
        "table_3": table_3(both),
        "differences": pd.DataFrame(
            [{"claim": "all steps against 4",
              **difference(answers, WHOLE, SCRATCH)}]
        ),
        "challenge": pd.DataFrame(
            [{"value": 12.5, "standard_error": np.nan, "unit": "error"}]
        ),
    }  # fmt: skip
    print_tables(tables, "drawn faces")
    printed = " ".join(capsys.readouterr().out.split())
    assert "without step 1, 2 and 3" in printed
    assert "(84.04)" in printed
    assert "drawn faces" in printed
    assert "all steps against 4: +" in printed
    assert "Pipeline: 12.5 error" in printed
