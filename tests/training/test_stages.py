"""Stages: the learning rate's equation, the paper's numbers, bad settings."""

import keras
import numpy as np
import pytest

from fdin_tf.training.stages import STEPS
from fdin_tf.training.stages import TABLE_2_ROWS
from fdin_tf.training.stages import Stage
from fdin_tf.training.stages import check_steps


def test_the_defaults_are_those_of_the_paper():
    stage = Stage()
    assert stage.batch_size == 120
    assert stage.iterations == 110_000
    assert stage.learning_rate == 0.01
    assert (stage.momentum, stage.weight_decay) == (0.9, 0.0005)
    assert dict(stage.multipliers)["conv*"] == 0.1
    assert dict(stage.multipliers)["fc7"] == 0.5


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_the_rate_falls_by_the_polynomial(power):
    stage = Stage(iterations=80, learning_rate=0.5, gamma=0.1, power=power)
    for iteration in (0, 1, 40, 80, 90):
        left = max(1 - iteration / 80, 0)
        expected = 0.5 * (0.1 + 0.9 * left**power)
        assert stage.rate(iteration) == pytest.approx(expected, rel=1e-9)


def test_keras_trains_at_the_rate_that_is_written_down():
    stage = Stage(iterations=80, learning_rate=0.5, power=2.0)
    schedule = stage.schedule()
    assert isinstance(schedule, keras.optimizers.schedules.PolynomialDecay)
    rates = [float(schedule(i)) for i in (0, 13, 79, 80, 200)]
    expected = [stage.rate(i) for i in (0, 13, 79, 80, 200)]
    np.testing.assert_allclose(rates, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iterations", 0),
        ("batch_size", 0),
        ("learning_rate", 0.0),
        ("learning_rate", float("inf")),
        ("power", 0.0),
        ("gamma", 1.5),
        ("momentum", 1.0),
        ("weight_decay", -0.1),
    ],
)
def test_a_number_out_of_its_range_is_an_error(name, value):
    with pytest.raises(ValueError, match=f"`{name}` of a stage.*{name}="):
        Stage(**{name: value})


def test_the_rows_of_table_2_are_steps_that_can_be_taken():
    for steps in TABLE_2_ROWS.values():
        assert check_steps(steps) == steps
    assert set(TABLE_2_ROWS["with all steps"]) == set(STEPS)


@pytest.mark.parametrize("steps", [(), (1,), (4, 1), (1, 1, 4), (0, 4), (4, 5)])
def test_other_steps_are_an_error(steps):
    with pytest.raises(ValueError, match=r"ascending numbers of steps.*steps="):
        check_steps(steps)
