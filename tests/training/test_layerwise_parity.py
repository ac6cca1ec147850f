"""LayerwiseOptimizer gives the weights that TensorFlow Addons gives.

The numbers of TensorFlow Addons are those of `layerwise_reference.npz`, which
`layerwise_reference.py` wrote in an environment of its own. `make parity`
makes them anew and names the new file in FDIN_TF_PARITY_REFERENCE: all that
is claimed here is then claimed of it, and that it is the old one.
"""

import os
from pathlib import Path

import keras
import numpy as np
import pytest

from fdin_tf.training.layerwise import LayerwiseOptimizer
from tests.training import layerwise_reference as reference

FIXTURE = Path(__file__).with_name("layerwise_reference.npz")
FRESH = os.environ.get("FDIN_TF_PARITY_REFERENCE")
TOLERANCE = 1e-5


def read(path):
    with np.load(path) as file:
        return dict(file)


@pytest.fixture(scope="module")
def addons():
    """What TensorFlow Addons gave: the new file, else the fixture."""
    return read(FRESH or FIXTURE)


def make_optimizer(case):
    """The optimizer of a case, as this package has it."""
    kind, factor, weight_decay, multipliers = reference.CASES[case]
    schedule = keras.optimizers.schedules.PolynomialDecay(
        factor * reference.RATE,
        reference.DECAY_STEPS,
        factor * reference.LAST_RATE,
        reference.POWER,
    )
    if kind == "AdamW":
        optimizer = keras.optimizers.AdamW(
            schedule, weight_decay, epsilon=reference.EPSILON
        )
    else:
        optimizer = keras.optimizers.SGD(
            schedule, reference.MOMENTUM, weight_decay=weight_decay
        )
    return LayerwiseOptimizer(optimizer, multipliers)


@pytest.fixture(scope="module", params=reference.CASES)
def trained(request, addons):
    """A case, the network that it trained on the processor, its losses."""
    with keras.device("cpu"):
        model = reference.build_network(keras)
        reference.set_initial_weights(model, addons)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(make_optimizer(request.param), loss, jit_compile=False)
        losses = []
        for step in range(reference.STEPS):
            rows = reference.batch_rows(step)
            images, labels = addons["images"][rows], addons["labels"][rows]
            losses.append(model.train_on_batch(images, labels))
            model.reset_metrics()
    return request.param, model, losses


def test_weights_are_those_of_addons(trained, addons):
    case, model, _ = trained
    multipliers = reference.CASES[case][-1]
    errors = {}
    for variable in model.trainable_variables:
        theirs = addons[f"{case}/{variable.path}"]
        error = np.abs(variable.numpy() - theirs).max()
        # Absolute, and relative to the largest weight of the variable.
        errors[variable.path] = error / min(1, np.abs(theirs).max())
        first = addons[f"initial/{variable.path}"]
        multiplier = multipliers[variable.path.split("/")[0]]
        assert np.array_equal(theirs, first) == (multiplier == 0)
    worst = max(errors, key=errors.get)
    print(f"{case}: weights differ by {errors[worst]:.1e} at most, in {worst}")
    assert len(errors) == 8
    assert errors[worst] <= TOLERANCE


def test_losses_of_all_steps_are_those_of_addons(trained, addons):
    case, _, losses = trained
    theirs = addons[f"{case}/losses"]
    assert len(losses) == len(theirs) == 50
    assert theirs[-10:].mean() < theirs[:10].mean() / 2
    error = np.abs(np.array(losses) - theirs).max()
    print(f"{case}: losses differ by {error:.1e} at most")
    assert error <= TOLERANCE


@pytest.mark.skipif(FRESH is None, reason="`make parity` runs the reference")
def test_reference_made_anew_is_the_fixture(addons):
    fixture = read(FIXTURE)
    assert addons.keys() == fixture.keys()
    for name, kept in fixture.items():
        np.testing.assert_allclose(
            addons[name], kept, rtol=0, atol=TOLERANCE, err_msg=name
        )
