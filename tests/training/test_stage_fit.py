"""StageFit: precision, what a history says, and nothing left of before."""

import dataclasses

import keras
import numpy as np
import pytest

from fdin_tf.data.augmentation import Alteration
from fdin_tf.training.layerwise import LayerwiseOptimizer
from fdin_tf.training.stage_fit import StageFit
from fdin_tf.training.stages import Stage
from tests.training.stage_lessons import Killed
from tests.training.stage_lessons import assert_same
from tests.training.stage_lessons import attribute_lesson
from tests.training.stage_lessons import bright_lesson
from tests.training.stage_lessons import kill
from tests.training.stage_lessons import network

STAGE = Stage(iterations=60, batch_size=8, learning_rate=0.05, multipliers=())
STILL = dataclasses.replace(
    STAGE,
    multipliers=(("*", 0.0),),
    weight_decay=0.0,
    alteration=Alteration(flip=False),
)
POLICIES = {
    "float32": LayerwiseOptimizer,
    "mixed_bfloat16": LayerwiseOptimizer,
    "mixed_float16": keras.optimizers.LossScaleOptimizer,
}
LARGE = 2.0**24  # a scale of the loss that gradients overflow at


def fit_of(policy, folder, stage=STAGE, seed=0):
    """A `StageFit` of a network that comes from its file."""
    folder.mkdir(exist_ok=True)
    model = network("smile", None, seed=seed, policy=policy)
    model.save(folder / "model.keras")
    model = keras.models.load_model(folder / "model.keras", compile=False)
    return StageFit(model, stage, "smile")


def state_of(fit):
    """All numbers of a training: weights, moments, rates, loss scale."""
    return fit.model.get_weights() + [
        variable.numpy() for variable in fit.model.optimizer.variables
    ]


@pytest.mark.parametrize("policy", POLICIES)
def test_networks_of_every_precision_learn(policy, tmp_path):
    fit = fit_of(policy, tmp_path)
    assert type(fit.model.optimizer) is POLICIES[policy]
    history = fit.run(bright_lesson(), tmp_path / "states")
    assert [row["iteration"] for row in history] == [50, 60]
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]
    assert history[-1]["accuracy"] > 0.9


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_an_interrupted_training_ends_in_the_same_state(policy, tmp_path):
    fits = [fit_of(policy, tmp_path / f"{i}") for i in range(3)]
    if policy == "mixed_float16":  # as if it had grown for long
        for fit in fits[:2]:
            fit.model.optimizer.dynamic_scale.assign(LARGE)
    whole, first, second = fits
    expected = whole.run(bright_lesson(), tmp_path / "whole")
    with pytest.raises(Killed):
        first.run(bright_lesson(), tmp_path / "parts", on_report=kill)
    assert second.run(bright_lesson(), tmp_path / "parts") == expected
    assert_same(state_of(second), state_of(whole))
    if policy == "mixed_float16":
        optimizer = whole.model.optimizer
        assert 2.0**15 < float(optimizer.dynamic_scale) < LARGE
        skipped = int(np.log2(LARGE / float(optimizer.dynamic_scale)))
        assert int(optimizer.iterations) == STAGE.iterations - skipped
        rate = expected[-1]["learning_rate"]
        assert rate == STAGE.rate(STAGE.iterations - skipped)
        assert rate > STAGE.rate(STAGE.iterations)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_a_new_beginning_is_that_of_a_new_object(policy, tmp_path):
    used = fit_of(policy, tmp_path / "used")
    if policy == "mixed_float16":
        used.model.optimizer.dynamic_scale.assign(LARGE)
    used.run(bright_lesson(), tmp_path / "states")
    fresh = fit_of(policy, tmp_path / "fresh", seed=1)
    with pytest.raises(AssertionError):
        assert_same(state_of(used), state_of(fresh))
    used.begin(network("smile", None, seed=1, policy=policy))
    assert_same(state_of(used), state_of(fresh))


@pytest.mark.parametrize("make_lesson", [bright_lesson, attribute_lesson])
def test_rows_hold_the_means_of_all_iterations_since_the_row_before(
    make_lesson, tmp_path
):
    """Of a network that does not move, over all images the same."""
    lesson = make_lesson()
    model = network(lesson.head, 2, dropout=0.0)
    images = {"images": lesson.source.pixels}
    (answers,) = model.predict(images, verbose=0).values()
    if lesson.head == "attributes":
        known = lesson.labels >= 0
        right = ((answers >= 0.5) == lesson.labels)[known].mean()
        likely = np.where(lesson.labels == 1, answers, 1 - answers)
        loss = -np.log(np.where(known, likely, 1)).sum(axis=1).mean()
    else:
        right = (answers.argmax(axis=1) == lesson.labels).mean()
        loss = -np.log(answers[np.arange(40), lesson.labels]).mean()
    history = StageFit(model, STILL, lesson.head).run(lesson, tmp_path)
    # 50 batches of 8 are ten times the forty images, 10 batches are two.
    assert 0 < right < 1
    for row in history:
        assert row["accuracy"] == pytest.approx(right, rel=1e-5)
        assert row["loss"] == pytest.approx(loss, rel=1e-5)


def test_rows_name_the_learning_rate(tmp_path):
    fit = StageFit(network("smile", None), STAGE, "smile")
    history = fit.run(bright_lesson(), tmp_path)
    rates = [row["learning_rate"] for row in history]
    np.testing.assert_allclose(rates, [0.05 * 0.25, 0.05 * 0.1])
    now = float(fit.model.optimizer.learning_rate)
    assert now == pytest.approx(rates[-1])
