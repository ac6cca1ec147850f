"""Composites: which rule for which layer, and whole networks by them."""

import keras
import numpy as np
import pytest

from fdin_tf.explain.lrp import COMPOSITES
from fdin_tf.explain.lrp import AlphaBeta
from fdin_tf.explain.lrp import Composite
from fdin_tf.explain.lrp import Epsilon
from fdin_tf.explain.lrp import Flat
from fdin_tf.explain.lrp import Gamma
from fdin_tf.explain.lrp import WSquare
from fdin_tf.explain.lrp import ZBox
from fdin_tf.explain.lrp import ZPlus
from fdin_tf.explain.lrp import relevance
from fdin_tf.explain.lrp.composites import get_composite
from tests.explain.lrp.literal_rules import literal_network
from tests.explain.lrp.networks import convolutional_network
from tests.explain.lrp.networks import dense_network
from tests.explain.lrp.networks import examples

FURTHER = {
    "gamma everywhere": Composite(Gamma(), Gamma(), linear=Epsilon(0.01)),
    "w_square first": Composite(Gamma(), ZPlus(), WSquare()),
    "no biases": Composite(Epsilon(bias=False), AlphaBeta(3, -2, bias=False)),
}


@pytest.mark.parametrize("name", [*COMPOSITES, *FURTHER])
@pytest.mark.parametrize("build", [dense_network, convolutional_network])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_whole_network_is_literal(name, build, dtype):
    composite = {**COMPOSITES, **FURTHER}[name]
    model = build(dtype)
    (x,) = examples(model, batch=1)
    found = relevance(model, x[None], 1, composite)
    exact = build("float64")
    exact.set_weights(model.get_weights())
    expected, lost = literal_network(exact.layers[1:], composite, x, 1)
    assert found.inputs.dtype == dtype
    tolerance = 1e-5 if dtype == "float64" else 5e-5
    np.testing.assert_allclose(
        found.inputs[0],
        expected,
        rtol=0,
        atol=tolerance * np.abs(expected).max(),
    )
    size = np.abs(found.score).max() + np.abs(expected).sum()
    np.testing.assert_allclose(
        found.conservation.sinks()["lost"], [lost], atol=tolerance * size
    )


def test_paper_takes_alpha_2_and_beta_minus_1_everywhere():
    composite = COMPOSITES["alpha_beta"]
    for kind in ("dense", "convolution"):
        assert composite.rule(kind, "any", is_first=True) == AlphaBeta(2, -1)


@pytest.mark.parametrize(
    ("name", "dense", "convolution", "first"),
    [
        ("epsilon", Epsilon(), Epsilon(), Epsilon()),
        ("z_plus", AlphaBeta(1, 0), AlphaBeta(1, 0), AlphaBeta(1, 0)),
        ("epsilon_plus", Epsilon(), ZPlus(), ZPlus()),
        ("epsilon_plus_flat", Epsilon(), ZPlus(), Flat()),
        ("epsilon_alpha2_beta1", Epsilon(), AlphaBeta(), AlphaBeta()),
        ("epsilon_alpha2_beta1_flat", Epsilon(), AlphaBeta(), Flat()),
        ("epsilon_alpha2_beta1_plus_flat", Epsilon(), ZPlus(), Flat()),
        ("epsilon_gamma_box", Epsilon(), Gamma(0.25), ZBox(0, 255)),
    ],
)
def test_presets_are_the_usual_ones(name, dense, convolution, first):
    composite = COMPOSITES[name]
    assert composite.rule("dense", "a") == dense
    assert composite.rule("convolution", "a") == convolution
    assert composite.rule("convolution", "a", is_first=True) == first
    assert composite.rule("linear", "a", is_first=True) == Epsilon()


def test_the_last_convolution_may_have_a_rule_of_its_own():
    composite = COMPOSITES["epsilon_alpha2_beta1_plus_flat"]
    assert composite.rule("convolution", "a", is_last=True) == AlphaBeta()
    assert composite.rule("dense", "a", is_last=True) == Epsilon()
    # The first one is the first one, even where it is the last as well.
    assert composite.rule("convolution", "a", True, True) == Flat()


def test_the_last_convolution_is_the_one_that_no_other_follows():
    x = keras.Input((6, 6, 2))
    first = keras.layers.Conv2D(2, 3, name="first")(x)
    left = keras.layers.Conv2D(2, 3, name="left")(first)
    right = keras.layers.Conv2D(2, 3, name="right")(first)
    both = keras.layers.Flatten()(keras.layers.Add()([left, right]))
    model = keras.Model(x, keras.layers.Dense(1)(both))
    named = Composite(
        layers=dict.fromkeys(["left", "right"], AlphaBeta()),
        convolution=ZPlus(),
    )
    images = examples(model)
    np.testing.assert_array_equal(
        relevance(
            model, images, 0, Composite(convolution=ZPlus(), last=AlphaBeta())
        ).inputs,
        relevance(model, images, 0, named).inputs,
    )


def test_rule_of_a_single_layer_is_above_all_others():
    composite = Composite(first=Flat(), layers={"a": WSquare()})
    assert composite.rule("dense", "a", is_first=True) == WSquare()
    assert composite.rule("dense", "b", is_first=True) == Flat()


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"dense": "epsilon"}, "dense='epsilon'"),
        ({"convolution": AlphaBeta}, "convolution=<class"),
        ({"dense": ZPlus}, "dense=<function ZPlus"),
        ({"layers": {"conv1": ZPlus}}, "conv1=<function ZPlus"),
        ({"first": 0.1}, r"first=0\.1"),
        ({"layers": {"dense": None}}, "dense=None"),
    ],
)
def test_what_is_no_rule_is_refused(rules, message):
    with pytest.raises(
        ValueError, match=rf"with brackets, such as `Epsilon.*{message}"
    ):
        Composite(**rules)


def test_composite_and_its_name_are_the_same():
    composite = Composite()
    assert get_composite(composite) is composite
    assert get_composite("z_plus") is COMPOSITES["z_plus"]


@pytest.mark.parametrize("composite", ["alpha", None, Epsilon()])
def test_unknown_composite_is_an_error(composite):
    with pytest.raises(ValueError, match=r"one of 'alpha_beta', .*Received:"):
        get_composite(composite)
