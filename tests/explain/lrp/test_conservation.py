"""Where relevance went: the table, the sinks, the strict mode."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from fdin_tf.explain.lrp import Composite
from fdin_tf.explain.lrp import Conservation
from fdin_tf.explain.lrp import ConservationError
from fdin_tf.explain.lrp import Epsilon
from fdin_tf.explain.lrp import Propagator
from fdin_tf.explain.lrp import relevance
from tests.explain.lrp.networks import convolutional_network
from tests.explain.lrp.networks import dense_network
from tests.explain.lrp.networks import examples
from tests.explain.lrp.networks import network

BLUNT = Composite(layers={"b": Epsilon(0.5)})


def named_network():
    return network(
        (4,),
        layers.Dense(5, activation="relu", name="a", dtype="float64"),
        layers.Dense(3, name="b", dtype="float64"),
    )


@pytest.fixture
def account():
    """Two examples, a layer with a network inside, and one before it."""
    ones = tf.ones(2)
    return Conservation(
        10 * ones,
        {
            "c": {"received": 10 * ones, "handed_on": 8 * ones,
                  "bias": 1.5 * ones, "stabilizer": 0.5 * ones,
                  "lost": 0 * ones},
            "b": {"received": 8 * ones, "handed_on": 5 * ones,
                  "bias": 3 * ones, "lost": 0 * ones},
            "b/x": {"received": 8 * ones, "handed_on": 5 * ones,
                    "bias": 3 * ones, "lost": 0 * ones},
            "a": {"received": 5 * ones, "handed_on": 4 * ones,
                  "location": 2 * ones, "lost": -1 * ones},
        },
    )  # fmt: skip


def test_sinks_count_what_is_inside_of_a_layer_once(account):
    sinks = {name: float(taken[0]) for name, taken in account.sinks().items()}
    assert sinks == {"bias": 4.5, "stabilizer": 0.5, "location": 2, "lost": -1}


def test_sinks_before_a_layer_are_those_behind_it(account):
    sinks = account.sinks(before="a")
    assert {n: float(s[0]) for n, s in sinks.items()} == {
        "bias": 4.5, "stabilizer": 0.5, "lost": 0
    }  # fmt: skip
    assert account.sinks(before="c") == {}


def test_losses_are_shares_of_the_score(account):
    losses = {name: float(share[0]) for name, share in account.losses().items()}
    assert losses == pytest.approx({"c": 0.05, "b": 0, "b/x": 0, "a": 0.1})


def test_after_renormalisation_only_what_is_still_missing_is_lost(account):
    account.steps["a"]["renormalized"] = 1 * tf.ones(2)
    np.testing.assert_allclose(account.losses()["a"], 0.1)
    account.steps["c"].update(
        renormalized=-2 * tf.ones(2), handed_on=10 * tf.ones(2)
    )
    np.testing.assert_allclose(account.losses()["c"], 0)


def test_table_has_a_row_per_layer(account):
    table = account.table()
    assert list(table.layer) == ["c", "b", "b/x", "a"]
    assert list(table.bias) == [1.5, 3, 3, 0]
    assert list(table.location) == [0, 0, 0, 2]


def test_unknown_layer_is_an_error(account):
    with pytest.raises(
        ValueError, match=r"passed: c, b, b/x, a\. .*before='d'"
    ):
        account.sinks(before="d")


@pytest.mark.parametrize("build", [dense_network, convolutional_network])
@pytest.mark.parametrize("composite", ["alpha_beta", "epsilon_gamma_box"])
@pytest.mark.parametrize("renormalize", [False, True])
def test_every_layer_accounts_for_all_it_received(
    build, composite, renormalize
):
    model = build()
    found = relevance(
        model,
        np.abs(examples(model)),
        composite=composite,
        renormalize=renormalize,
    )
    steps = list(found.conservation.steps.values())
    for step in steps:
        taken = [v for name, v in step.items() if name != "received"]
        np.testing.assert_allclose(sum(taken), step["received"])
    np.testing.assert_allclose(steps[0]["received"], found.score)
    for step, before in itertools.pairwise(steps):
        np.testing.assert_allclose(step["handed_on"], before["received"])


def test_what_met_no_contribution_is_lost():
    """A score below 0 has no positive contributions by `ZPlus`."""
    model = named_network()
    for name, sign in (("a", 1.0), ("b", -1.0)):
        layer = model.get_layer(name)
        layer.set_weights([sign * np.abs(layer.kernel), 0 * layer.bias])
    x = np.abs(examples(model))
    found = relevance(model, x, 0, "z_plus")
    steps = found.conservation.steps
    assert np.all(found.score < 0)
    np.testing.assert_allclose(steps["b"]["lost"], found.score)
    assert not np.any(found.inputs)
    assert "stabilizer" not in found.conservation.sinks()
    with pytest.raises(ConservationError, match="layer 'b' loses 1 of the"):
        relevance(model, x, 0, "z_plus", strict=0.5)


def test_strict_names_the_layer_that_loses_most():
    model = named_network()
    x = examples(model)
    assert relevance(model, x, composite=BLUNT).conservation.losses()
    with pytest.raises(
        ConservationError,
        match=r"layer 'b' loses .* of the score; .*Received: strict=0\.001",
    ):
        relevance(model, x, composite=BLUNT, strict=0.001)


def test_strict_is_a_value_error_that_tolerance_avoids():
    assert issubclass(ConservationError, ValueError)
    model = named_network()
    for composite, strict in ((BLUNT, 10.0), ("epsilon", 1e-4)):
        found = relevance(
            model, examples(model), composite=composite, strict=strict
        )
        losses = found.conservation.losses()
        assert 0 < max(np.max(share) for share in losses.values()) <= strict


@pytest.mark.parametrize("strict", [-0.1, float("nan")])
def test_strict_that_is_no_share_is_an_error(strict):
    with pytest.raises(ValueError, match=rf"0 or more.*strict={strict}"):
        Propagator(named_network(), strict=strict)


def test_strict_accepts_what_renormalisation_made_up_for():
    model = named_network()
    found = relevance(
        model, examples(model), composite=BLUNT, strict=1e-9, renormalize=True
    )
    kept = np.sum(found.inputs, axis=1)
    np.testing.assert_allclose(kept, found.score, rtol=1e-6)


def test_strict_raises_in_a_graph_too():
    model = named_network()
    explain = tf.function(
        lambda x: relevance(model, x, composite=BLUNT, strict=0.001).inputs
    )
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="b loses relevance"
    ):
        explain(tf.constant(examples(model)))
