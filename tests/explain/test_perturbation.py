"""Perturbation: literal replacements, planted pairs, Table 1, errors."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from fdin_tf.explain import importance_table
from fdin_tf.explain import important_regions
from fdin_tf.explain import perturb
from fdin_tf.explain import perturbation_errors
from fdin_tf.explain import perturbation_table
from fdin_tf.explain import relation_name
from fdin_tf.explain import replace_dynamics
from fdin_tf.explain import split_at_dynamics
from fdin_tf.regions import REGIONS
from fdin_tf.training.precision import precision_policy
from tests.explain.test_importance import PAIRS
from tests.explain.test_importance import Clips
from tests.explain.test_importance import literal_importance
from tests.models.test_fdin import build_tiny
from tests.models.test_fdin import make_clips
from tests.models.test_fdin import randomize


@pytest.fixture(scope="module")
def model():
    return randomize(build_tiny())


@pytest.fixture(scope="module")
def data():
    """Six clips of three groups of lengths."""
    return Clips([18, 5, 33, 6, 17, 7])


def literal_answer(model, dynamics):
    """Equations 2 to 7 in NumPy: dynamics to years."""
    _, hidden = literal_importance(model, np.asarray(dynamics, np.float64))
    for name in ("head_1", "head_2"):
        kernel, bias = model.get_layer(name).get_weights()
        gamma, beta, mean, variance = model.get_layer(
            f"{name}_norm"
        ).get_weights()
        hidden = hidden @ kernel + bias
        hidden = gamma * (hidden - mean) / np.sqrt(variance + 1e-3) + beta
        hidden = np.maximum(hidden, 0)
    kernel, bias = model.get_layer("age").get_weights()
    return hidden @ kernel + bias


def only_sees(pair):
    """An FDIN whose importance is all on one pair of regions."""
    model = randomize(build_tiny())
    kernel, bias = model.get_layer("importance").get_weights()
    bias[:] = -1e4
    bias[PAIRS.index(pair)] = 0
    model.get_layer("importance").set_weights([0 * kernel, bias])
    return model


@pytest.mark.parametrize("regions", [["nose"], ["left_eye", 8, "forehead"]])
@pytest.mark.parametrize("is_zero", [True, False])
def test_answers_are_those_of_the_equations_on_other_dynamics(
    model, regions, is_zero
):
    clips, others = make_clips(3), make_clips(3, frames=5, seed=1)
    encode, _ = split_at_dynamics(model)
    dynamics, other = np.array(encode(clips)), np.array(encode(others))
    for clip in range(3):
        for region in regions:
            i = region if region == 8 else REGIONS.index(region)
            for unit in range(3):
                value = 0 if is_zero else other[clip, i, unit]
                dynamics[clip, i, unit] = value
    found = perturb(model, clips, regions, None if is_zero else others)
    assert set(found) == {"age"}
    np.testing.assert_allclose(
        found["age"], literal_answer(model, dynamics), rtol=1e-4
    )
    before = np.asarray(model(clips)["age"])
    assert np.abs(found["age"] - before).min() > 1e-3


def test_all_regions_of_another_clip_give_that_clips_answer(model):
    clips, other = make_clips(3), make_clips(1, frames=4, seed=1)
    found = perturb(model, clips, REGIONS, other)["age"]
    np.testing.assert_array_equal(found, np.repeat(found[:1], 3, axis=0))
    np.testing.assert_allclose(found[:1], model(other)["age"], rtol=1e-6)


def test_a_clips_own_dynamics_change_nothing(model):
    clips = make_clips(3)
    found = perturb(model, clips, ["mouth", "nose"], clips)["age"]
    np.testing.assert_allclose(found, model(clips)["age"], rtol=1e-6)


def test_padding_of_clip_and_source_changes_nothing(model):
    def padded(clips, frames, noise):
        features = np.full((3, frames, *clips["features"].shape[2:]), noise)
        mask = np.zeros((3, frames), bool)
        features[:, :7], mask[:, :7] = clips["features"], clips["mask"]
        return {"features": features.astype("float32"), "mask": mask}

    clips, others = make_clips(3), make_clips(3, seed=1)
    before = perturb(model, clips, ["mouth"], others)["age"]
    after = perturb(
        model, padded(clips, 9, 50.0), ["mouth"], padded(others, 12, -30.0)
    )["age"]
    np.testing.assert_allclose(after, before, rtol=1e-5)


@pytest.mark.parametrize("pair", [(0, 8), (4, 5)])
def test_a_network_that_sees_one_pair_reacts_to_its_regions_alone(pair):
    encode, interpret = split_at_dynamics(only_sees(pair))
    dynamics = np.asarray(encode(make_clips(3)))
    other = np.asarray(encode(make_clips(1, seed=1)))
    before = np.asarray(interpret(dynamics)["age"])
    for source in (None, other):
        for region in range(9):
            replaced = replace_dynamics(dynamics, region, source)
            change = np.abs(interpret(replaced)["age"] - before)
            if region in pair:
                assert change.min() > 1e-3
            else:
                assert change.max() == 0


def test_only_the_named_regions_are_replaced():
    dynamics = np.arange(2 * 9 * 3.0).reshape(2, 9, 3)
    other = -1 - dynamics
    copy = dynamics.copy()
    kept = [k for k in range(9) if k not in (1, 4)]
    for source, there in [
        (None, np.zeros((2, 9, 3))),
        (other, other),
        (other[0], other[[0, 0]]),
        (other[1:], other[[1, 1]]),
    ]:
        found = replace_dynamics(dynamics, ["nose", 1], source)
        np.testing.assert_array_equal(found[:, [1, 4]], there[:, [1, 4]])
        np.testing.assert_array_equal(found[:, kept], dynamics[:, kept])
    np.testing.assert_array_equal(dynamics, copy)


def test_one_region_may_stand_alone():
    dynamics = np.ones((1, 9, 2))
    for region in ("mouth", 7, np.int64(7)):
        found = replace_dynamics(dynamics, region)
        assert np.flatnonzero(found[0, :, 0] == 0).tolist() == [7]


@pytest.mark.parametrize("region", ["chin", 9, -1])
def test_an_unknown_region_is_an_error(region):
    with pytest.raises(
        ValueError, match=r"one of left_eye, .*Received: region"
    ):
        replace_dynamics(np.ones((1, 9, 2)), ["nose", region])


def test_no_region_is_an_error():
    with pytest.raises(ValueError, match=r"at least one region.*regions=\[\]"):
        replace_dynamics(np.ones((1, 9, 2)), [])


@pytest.mark.parametrize("shape", [(3, 9, 2), (9, 3), (2, 2)])
def test_a_source_of_another_shape_is_an_error(shape):
    with pytest.raises(
        ValueError, match=r"\(9, 2\), or of as many, \(2, 9, 2\).*source of"
    ):
        replace_dynamics(np.ones((2, 9, 2)), ["nose"], np.ones(shape))


PERTURBATIONS = {"eyes": ["left_eye", "right_eye"], "nose alone": ["nose"]}


def as_batch(data, clip_id):
    features = data.load(clip_id)[None]
    return {"features": features, "mask": np.ones(features.shape[:2], bool)}


@pytest.mark.parametrize("sources", [None, "c4", ["c1", "c1", "c0"]])
def test_a_whole_set_is_perturbed_as_its_clips_are(model, data, sources):
    order = ["c5", "c2", "c0"]
    found = perturbation_errors(
        model, data, order, "age", PERTURBATIONS, sources, batch_size=3
    )
    assert list(found.columns) == [
        *("clip_id", "not contaminated", "eyes", "nose alone")
    ]
    assert found.clip_id.tolist() == order
    for number, clip_id in enumerate(order):
        clip = as_batch(data, clip_id)
        row = found.iloc[number]
        before = np.asarray(model(clip)["age"]).item()
        assert row["not contaminated"] == pytest.approx(before, rel=1e-4)
        source = sources if isinstance(sources, str | None) else sources[number]
        source = source and as_batch(data, source)
        for name, regions in PERTURBATIONS.items():
            after = perturb(model, clip, regions, source)["age"].item()
            assert row[name] == pytest.approx(after, rel=1e-4)


def test_estimates_of_classes_are_the_probability_of_the_second(data):
    model = randomize(build_tiny("gender", use_importance=False))
    found = perturbation_errors(model, data, ["c1"], "gender", {"a": ["nose"]})
    clip = as_batch(data, "c1")
    assert found["not contaminated"][0] == pytest.approx(
        np.asarray(model(clip)["gender"])[0, 1]
    )
    assert found["a"][0] == pytest.approx(
        perturb(model, clip, "nose")["gender"][0, 1]
    )


def test_half_precision_gives_float32_estimates(data):
    with precision_policy("mixed_bfloat16"):
        model = randomize(build_tiny())
    found = perturbation_errors(
        model, data, ["c1", "c3"], "age", {"all": REGIONS}, "c5"
    )
    assert (found.dtypes[1:] == "float32").all()
    assert found["all"][0] == found["all"][1]
    expected = np.asarray(model(as_batch(data, "c5"))["age"]).item()
    assert found["all"][0] == pytest.approx(expected, rel=1e-5)


def test_a_target_that_the_model_lacks_is_an_error(model, data):
    with pytest.raises(ValueError, match=r"model: age\. .*target='gender'"):
        perturbation_errors(model, data, ["c1"], "gender", PERTURBATIONS)


def test_a_perturbation_called_like_a_column_is_an_error(model, data):
    with pytest.raises(ValueError, match=r"column 'clip_id'\. Received"):
        perturbation_errors(model, data, ["c1"], "age", {"clip_id": ["nose"]})


def test_another_number_of_sources_is_an_error(model, data):
    with pytest.raises(ValueError, match=r"one per clip.*2 sources for 1"):
        perturbation_errors(
            model, data, ["c1"], "age", PERTURBATIONS, ["c0", "c2"]
        )


@pytest.fixture
def clips():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "clip_id": [f"c{k}" for k in range(60)],
            "subject": [f"s{k // 2}" for k in range(60)],
            "age": rng.integers(37, 67, 60).astype(float),
            "gender": np.repeat(["female", "male"], 30),
        }
    )


@pytest.fixture
def estimates(clips):
    """Of clips in another order; the cheek does the most harm."""
    rng = np.random.default_rng(1)
    some = clips.sample(40, random_state=0)
    noise = rng.normal(size=(3, 40)) * [[5], [7], [12]]
    years = some.age.to_numpy() + noise
    return pd.DataFrame(
        {
            "clip_id": some.clip_id.to_numpy(),
            "not contaminated": years[0],
            "eyes": years[1],
            "cheek": years[2],
        }
    )


def test_table_1_has_the_errors_and_their_tests(clips, estimates):
    one_clip_each = clips.assign(subject=clips.clip_id)
    table = perturbation_table(estimates, one_clip_each, "age", "cheek", "eyes")
    names = ["not contaminated", "eyes", "cheek"]
    assert table.perturbation.tolist() == names
    truth = clips.set_index("clip_id").age[estimates.clip_id].to_numpy()
    error = {name: np.abs(estimates[name] - truth) for name in names}
    for row in table.itertuples():
        e = error[row.perturbation]
        assert (row.clips, row.subjects, row.unit) == (40, 40, "years")
        assert row.error == pytest.approx(e.mean())
        assert row.standard_error == pytest.approx(scipy.stats.sem(e))
    for column, name, other in [
        ("p_against_not_contaminated", "eyes", "not contaminated"),
        ("p_against_not_contaminated", "cheek", "not contaminated"),
        ("p_against_less_important", "cheek", "eyes"),
    ]:
        expected = scipy.stats.ttest_rel(error[name], error[other]).pvalue
        found = table.set_index("perturbation")[column]
        assert found[name] == pytest.approx(expected)
    assert table.p_against_not_contaminated.isna().tolist() == [True, 0, 0]
    assert table.p_against_less_important.isna().tolist() == [True, True, 0]
    assert table.p_against_less_important[2] < 0.05


def test_table_1_counts_subjects_not_clips(clips, estimates):
    table = perturbation_table(estimates, clips, "age", "cheek", "eyes")
    about = clips.set_index("clip_id").loc[estimates.clip_id]
    assert (table.subjects == about.subject.nunique()).all()
    assert table.subjects[0] < table.clips[0] == 40


def test_for_classes_the_error_is_the_share_of_wrong_answers(clips):
    right = np.where(clips.gender == "male", 0.9, 0.1)
    estimates = pd.DataFrame(
        {
            "clip_id": clips.clip_id,
            "not contaminated": right,
            "some": np.where(np.arange(60) % 10 == 0, 1 - right, right),
            "half": np.where(np.arange(60) % 2 == 0, 1 - right, right),
        }
    )
    table = perturbation_table(estimates, clips, "gender", "half", "some")
    assert table.error.tolist() == pytest.approx([0, 10, 50])
    assert (table.unit == "%").all()
    assert table.standard_error[0] == 0
    assert table.p_against_less_important[2] < 0.001


def test_perturbations_without_effect_have_p_1(clips, estimates):
    estimates["cheek"] = estimates["eyes"] = estimates["not contaminated"]
    table = perturbation_table(estimates, clips, "age", "cheek", "eyes")
    assert table.p_against_not_contaminated[1:].tolist() == [1, 1]
    assert table.p_against_less_important[2] == 1


def test_a_column_that_is_missing_is_an_error(clips, estimates):
    with pytest.raises(
        ValueError, match=r"clip_id, not contaminated, eyes.*Received: 'chin'"
    ):
        perturbation_table(estimates, clips, "age", "chin", "eyes")


def test_a_clip_of_unknown_age_is_an_error(clips, estimates):
    first = estimates.clip_id[0]
    clips.loc[clips.clip_id == first, "age"] = np.nan
    for about in (clips, clips[clips.clip_id != first]):
        with pytest.raises(ValueError, match=rf"its `age`.*clip_id='{first}'"):
            perturbation_table(estimates, about, "age", "cheek", "eyes")


def test_important_regions_are_those_of_important_pairs():
    """Sums over the eight pairs of a region, one region at a time."""
    rng = np.random.default_rng(0)
    table = importance_table(rng.dirichlet(np.ones(36), 4), "abcd")
    sums = {}
    for i, region in enumerate(REGIONS):
        pairs = [relation_name(pair) for pair in PAIRS if i in pair]
        assert len(pairs) == 8
        sums[region] = table[pairs].to_numpy().sum()
    order = sorted(sums, key=sums.get, reverse=True)
    most, least = important_regions(table)
    assert (most, least) == ((order[0],), tuple(order[:-4:-1]))
    most, least = important_regions(table, 4, 5)
    assert most + least[::-1] == tuple(order)


def test_regions_of_equal_importance_are_told_apart_once():
    even = importance_table(np.full((3, 36), 1 / 36), "abc")
    most, least = important_regions(even, 2, 7)
    assert most + least == REGIONS


@pytest.mark.parametrize(("most", "less"), [(0, 3), (1, 0), (5, 5)])
def test_more_regions_than_there_are_is_an_error(most, less):
    even = importance_table(np.full((1, 36), 1 / 36), "a")
    with pytest.raises(ValueError, match=rf"important={most}, num_less={less}"):
        important_regions(even, most, less)
