"""Comparison of networks: counted, tested, beside the paper, on one set."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

from fdin_tf.training.class_metrics import class_cells
from fdin_tf.training.class_metrics import class_errors
from fdin_tf.training.comparison import NETWORK_TITLES
from fdin_tf.training.comparison import PAPER
from fdin_tf.training.comparison import compare_age
from fdin_tf.training.comparison import compare_class
from fdin_tf.training.metrics import age_errors
from tests.training.class_predictions import published_predictions
from tests.training.class_predictions import random_predictions
from tests.training.class_predictions import table_of


@pytest.fixture
def by_network():
    """Gender by three networks; only their estimates differ."""
    first = random_predictions()
    return {
        name: first.assign(estimate=random_predictions(seed=seed).estimate)
        for seed, name in enumerate(("fdin", "regional", "image_cnn"))
    }


@pytest.fixture
def ages():
    """Ages by three networks."""
    rng = np.random.default_rng(0)
    first = random_predictions()
    return {
        name: first.assign(estimate=first.age + rng.normal(0, years, 70))
        for name, years in (("fdin", 3), ("holistic", 4), ("regional", 9))
    }


def of(table, network):
    return table.set_index("network").loc[network]


def test_errors_are_those_of_every_network_alone(ages):
    table = compare_age(ages)
    assert table.network.tolist() == ["holistic", "regional", "fdin"]
    for network, predictions in ages.items():
        alone = age_errors(predictions).set_index("group")
        row = of(table, network)
        assert (row.clips, row.subjects) == (70, 20)
        assert row.title == NETWORK_TITLES[network]
        assert row.mae_years == pytest.approx(alone.mae_years["all"])
        assert row.posed_mae_years == pytest.approx(alone.mae_years["posed"])
        assert row.spontaneous_mae_years == pytest.approx(
            alone.mae_years["spontaneous"]
        )
        assert row.standard_error_years == pytest.approx(
            alone.standard_error_years["all"]
        )


def test_a_worse_network_errs_by_more_years(ages):
    table = compare_age(ages)
    row = of(table, "regional")
    assert row.difference_years == pytest.approx(
        row.mae_years - of(table, "fdin").mae_years
    )
    assert row.difference_years > 3
    assert row.p_value < 0.001


def test_with_one_clip_per_subject_the_test_is_the_paired_t_test(ages):
    ages = {name: table[:20] for name, table in ages.items()}
    table = compare_age(ages)
    errors = {n: (t.estimate - t.age).abs() for n, t in ages.items()}
    expected = ttest_rel(errors["holistic"], errors["fdin"])
    assert of(table, "holistic").p_value == pytest.approx(expected.pvalue)
    assert of(table, "holistic").difference_standard_error_years == (
        pytest.approx((errors["holistic"] - errors["fdin"]).std() / np.sqrt(20))
    )


def test_the_reference_has_no_difference_to_itself(ages, by_network):
    for table in (
        compare_age(ages, reference="regional"),
        compare_class(by_network, "gender", reference="regional"),
    ):
        assert (table.reference == "regional").all()
        is_reference = table.network == "regional"
        differences = table.filter(regex="^difference|p_value")
        assert differences.shape[1] == 3
        assert differences[is_reference].isna().all(axis=None)
        assert differences[~is_reference].notna().all(axis=None)


def test_the_paper_stands_beside_ours(ages, by_network):
    age = compare_age(ages)
    assert of(age, "regional").paper_posed_mae_years == 4.27
    assert of(age, "regional").paper_spontaneous_mae_years == 4.25
    assert of(age, "fdin").paper_mae_years == 3.87
    assert of(age, "holistic").paper_mae_years == 4.02
    assert np.isnan(of(age, "holistic").paper_posed_mae_years)
    gender = compare_class(by_network, "gender")
    assert of(gender, "regional").paper_accuracy == 88.87
    assert of(gender, "image_cnn")["paper_posed >19"] == 92.36
    assert np.isnan(of(gender, "regional")["paper_posed >19"])


def test_the_paper_has_numbers_for_its_own_protocol_only(by_network):
    per_subject = compare_class(by_network, "gender", per="subject")
    spontaneity = compare_class(by_network, "spontaneity")
    for table in (per_subject, spontaneity):
        assert table.filter(like="paper_").isna().all(axis=None)
    edges = compare_class(by_network, "gender", edges=(12, 19))
    assert of(edges, "fdin")["paper_posed >19"] == 95.18
    assert np.isnan(of(edges, "fdin")["paper_posed <=12"])


def test_published_counts_equal_the_paper_in_every_column():
    table = compare_class({"fdin": published_predictions()}, "gender")
    for column in PAPER[5]["fdin"]:
        row = of(table, "fdin")
        assert round(row[column], 2) == row[f"paper_{column}"]


def test_accuracies_are_those_of_every_network_alone(by_network):
    table = compare_class(by_network, "gender", edges=(12, 19))
    assert table.network.tolist() == ["image_cnn", "regional", "fdin"]
    for network, predictions in by_network.items():
        row = of(table, network)
        cells = class_cells(predictions, "gender", edges=(12, 19))
        for cell in cells[:-1].itertuples():
            found = row[f"{cell.smile_type} {cell.age_group}"]
            assert found == pytest.approx(cell.accuracy, nan_ok=True)
        overall = class_errors(predictions, "gender").iloc[0]
        for name in ("clips", "subjects", "accuracy", "standard_error",
                     "balanced_accuracy"):  # fmt: skip
            assert row[name] == pytest.approx(overall[name])


def test_a_difference_of_accuracies_is_in_percentage_points():
    """Two clips of 100 subjects each: 4 more right, no less."""
    truth = table_of(
        subject=[f"s{i // 2}" for i in range(200)], estimate=[0.1] * 200
    )
    wrong = truth.assign(estimate=np.where(np.arange(200) < 40, 0.9, 0.1))
    better = truth.assign(estimate=np.where(np.arange(200) < 36, 0.9, 0.1))
    table = compare_class({"fdin": wrong, "regional": better}, "gender")
    row = of(table, "regional")
    assert row.difference == pytest.approx(2.0)
    # Two subjects with two more right, 98 with none: 2 % on average.
    by_subject = np.repeat([100.0, 0.0], [2, 98])
    assert row.difference_standard_error == pytest.approx(
        by_subject.std(ddof=1) / 10
    )


def test_per_subject_the_decisions_are_compared(by_network):
    table = compare_class(by_network, "gender", per="subject")
    cells = class_cells(by_network["regional"], "gender", per="subject")
    alone = cells.iloc[-1]
    row = of(table, "regional")
    assert row.clips == 70
    assert row.samples == alone.samples < 70
    assert row.accuracy == pytest.approx(alone.accuracy)
    assert row.difference == pytest.approx(
        row.accuracy - of(table, "fdin").accuracy
    )


def test_spontaneity_is_compared_in_cells_of_gender(by_network):
    table = compare_class(by_network, "spontaneity")
    assert {"female <=19", "female >19", "male <=19", "male >19"} < set(table)


def test_the_order_of_clips_and_networks_does_not_matter(ages, by_network):
    mixed = {n: t.sample(frac=1, random_state=1) for n, t in ages.items()}
    mixed = dict(reversed(mixed.items()))
    pd.testing.assert_frame_equal(compare_age(mixed), compare_age(ages))
    mixed = by_network | {"regional": by_network["regional"][::-1]}
    pd.testing.assert_frame_equal(
        compare_class(mixed, "gender"), compare_class(by_network, "gender")
    )


def test_a_network_that_the_paper_lacks_is_compared_by_its_name(ages):
    table = compare_age({**ages, "mine": ages["regional"]})
    row = of(table, "mine")
    assert row.title == "mine"
    assert np.isnan(row.paper_mae_years)
    assert row.p_value == of(table, "regional").p_value


def test_a_smile_type_that_no_clip_has_gives_no_number(ages):
    posed = {n: t.assign(spontaneity="posed") for n, t in ages.items()}
    table = compare_age(posed)
    assert table.spontaneous_mae_years.isna().all()
    assert table.posed_mae_years.tolist() == pytest.approx(table.mae_years)


def test_labels_that_are_missing_for_all_networks_are_the_same(ages):
    bare = {n: t.assign(gender=None, spontaneity=None) for n, t in ages.items()}
    assert compare_age(bare).mae_years.notna().all()


def compare_gender(by_network):
    return compare_class(by_network, "gender")


@pytest.mark.parametrize("compare", [compare_age, compare_gender])
class TestErrors:
    def test_a_reference_that_is_not_there(self, compare, by_network):
        del by_network["fdin"]
        with pytest.raises(
            ValueError,
            match=r"reference='fdin', networks=\['regional', 'image_cnn'\]",
        ):
            compare(by_network)

    @pytest.mark.parametrize(
        ("has", "lacks"), [("fdin", "regional"), ("regional", "fdin")]
    )
    def test_other_clips(self, compare, by_network, has, lacks):
        by_network = {n: by_network[n] for n in ("fdin", "regional")}
        by_network[lacks] = by_network[lacks][by_network[lacks].index != 3]
        with pytest.raises(
            ValueError,
            match=f"the same clips.*'c3' tested by '{has}', not by '{lacks}'",
        ):
            compare(by_network)

    @pytest.mark.parametrize(
        ("column", "value", "expected"),
        [
            ("fold", 9, "0 for 'fdin' and 9 for 'regional'"),
            ("age", 99.0, "and 99.0 for 'regional'"),
            ("gender", "female", "'male' for 'fdin' and 'female'"),
            ("spontaneity", None, "and None for 'regional'|and nan for"),
            ("subject", "x", "'s4' for 'fdin' and 'x' for 'regional'"),
        ],
    )
    def test_other_folds_or_labels(
        self, compare, by_network, column, value, expected
    ):
        by_network["regional"].loc[4, column] = value
        with pytest.raises(ValueError, match=expected) as error:
            compare(by_network)
        assert f"the same `{column}` of every clip" in str(error.value)
        assert str(error.value).endswith("clip_id='c4'")

    def test_a_clip_that_is_tested_twice(self, compare, by_network):
        table = by_network["image_cnn"]
        by_network["image_cnn"] = pd.concat([table, table[:2]])
        with pytest.raises(
            ValueError, match=r"tested once.*'c0' twice by 'image_cnn'"
        ):
            compare(by_network)

    def test_a_missing_column(self, compare, by_network):
        del by_network["regional"]["fold"]
        with pytest.raises(
            ValueError, match=r"predictions of 'regional'\. Missing: fold"
        ):
            compare(by_network)


@pytest.mark.parametrize("column", ["age", "estimate"])
def test_an_age_that_is_missing_is_named(ages, column):
    for table in ages.values():
        table.loc[2, column] = np.nan
    with pytest.raises(
        ValueError, match=f"years in column `{column}`.*nan.*clip_id='c2'"
    ):
        compare_age(ages)


def test_a_probability_that_is_missing_is_named(by_network):
    by_network["regional"].loc[2, "estimate"] = np.nan
    with pytest.raises(ValueError, match=r"share from 0 to 1.*clip_id='c2'"):
        compare_class(by_network, "gender")
