"""StageTrainer: step by step, kept on disk, the same after an interruption."""

import dataclasses
import subprocess

import numpy as np
import pytest

from fdin_tf.models.gnet_snet import replace_head
from fdin_tf.models.vggface import set_mean
from fdin_tf.training.stage_trainer import Lesson
from fdin_tf.training.stage_trainer import StageTrainer
from fdin_tf.training.stages import Stage
from tests.training.stage_lessons import Killed
from tests.training.stage_lessons import assert_same
from tests.training.stage_lessons import bright_images
from tests.training.stage_lessons import bright_lesson
from tests.training.stage_lessons import kill
from tests.training.stage_lessons import network

STAGE = Stage(iterations=60, batch_size=8, learning_rate=0.05, multipliers=())
SHORT = dataclasses.replace(STAGE, iterations=1)


@pytest.fixture
def lesson():
    return bright_lesson()


def weights_of(stage):
    return stage.load().get_weights()


def test_a_network_learns_what_the_lesson_shows(tmp_path, lesson):
    trainer = StageTrainer(tmp_path)
    stage = dataclasses.replace(STAGE, iterations=120)
    trained = trainer.train(trainer.begin(network()), stage, lesson)
    answers = trainer.answers(trained, lesson.source)
    assert answers.shape == (40, 2)
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-5)
    assert (answers.argmax(axis=1) == lesson.labels).mean() > 0.9
    history = trained.read_history()
    assert history.iteration.tolist() == [50, 100, 120]
    assert history.loss.iloc[-1] < history.loss.iloc[0]


def test_the_first_network_is_kept_as_it_is(tmp_path):
    model = network()
    stage = StageTrainer(tmp_path).begin(model)
    assert (stage.head, stage.classes) == ("identity", 5)
    assert_same(weights_of(stage), model.get_weights())


def test_another_task_gets_a_new_last_layer_on_the_same_trunk(tmp_path, lesson):
    frozen = dataclasses.replace(
        STAGE, iterations=1, multipliers=(("*", 0.0),), weight_decay=0.0
    )
    trainer = StageTrainer(tmp_path)
    begun = trainer.begin(network())
    trained = trainer.train(begun, frozen, lesson, seed=3)
    expected = replace_head(begun.load(), "smile", seed=3)
    assert_same(weights_of(trained), expected.get_weights())


def test_the_same_task_keeps_its_last_layer(tmp_path, lesson):
    frozen = dataclasses.replace(SHORT, multipliers=(("*", 0.0),))
    trainer = StageTrainer(tmp_path)
    first = trainer.train(trainer.begin(network()), SHORT, lesson)
    second = trainer.train(first, frozen, lesson)
    assert_same(weights_of(first), weights_of(second))


def test_an_interrupted_training_ends_as_an_undisturbed_one(tmp_path, lesson):
    whole = StageTrainer(tmp_path / "whole")
    expected = whole.train(whole.begin(network()), STAGE, lesson)

    first = StageTrainer(tmp_path / "parts")
    begun = first.begin(network())
    with pytest.raises(Killed):
        first.train(begun, STAGE, lesson, on_report=kill)
    second = StageTrainer(tmp_path / "parts")
    seen = []
    found = second.train(
        second.begin(network()),
        STAGE,
        lesson,
        on_report=lambda iteration, row: seen.append(iteration),
    )
    assert seen == [60]
    assert_same(weights_of(expected), weights_of(found))
    assert expected.read_history().equals(found.read_history())
    assert not list(found.folder.glob("checkpoints/*"))


def test_networks_of_one_graph_are_those_of_graphs_of_their_own(
    tmp_path, lesson
):
    shared = StageTrainer(tmp_path / "shared")
    shared.train(shared.begin(network(seed=1)), STAGE, lesson, seed=1)
    second = shared.train(shared.begin(network(seed=2)), STAGE, lesson, seed=2)
    assert len(shared._fits) == 1
    alone = StageTrainer(tmp_path / "alone")
    expected = alone.train(alone.begin(network(seed=2)), STAGE, lesson, seed=2)
    assert_same(weights_of(second), weights_of(expected))


def test_every_network_is_asked_behind_its_own_mean_and_precision(
    tmp_path, lesson
):
    """One trainer answers as a fresh one does for every network."""
    reddish = network()
    set_mean(reddish, (200.0, 100.0, 50.0))
    models = [network(), reddish, network(policy="mixed_bfloat16")]
    trainer = StageTrainer(tmp_path)
    stages = [trainer.begin(model) for model in models]
    found = [trainer.answers(stage, lesson.source) for stage in stages]
    for stage, answers in zip(stages, found):
        alone = StageTrainer(tmp_path).answers(stage, lesson.source)
        np.testing.assert_array_equal(answers, alone)
    assert not np.allclose(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_networks_that_differ_in_weights_alone_are_asked_by_one(
    tmp_path, lesson
):
    trainer = StageTrainer(tmp_path)
    begun = trainer.begin(network())
    stages = [
        trainer.train(begun, SHORT, lesson, seed=seed) for seed in range(2)
    ]
    first, second = [trainer.answers(of, lesson.source) for of in stages]
    assert len(trainer._askable) == 1
    assert not np.array_equal(first, second)


def test_gradients_too_small_for_float16_are_learnt_from(tmp_path, lesson):
    """Reloaded networks of float16 have their loss scaled, as fresh ones."""
    stage = dataclasses.replace(SHORT, learning_rate=1e4, weight_decay=0.0)
    moved = {}
    for policy in ("float32", "mixed_float16"):
        model = network("smile", None, policy=policy, dropout=0.0)
        kernel, bias = model.get_layer("fc7").get_weights()
        model.get_layer("fc7").set_weights([1e-4 * kernel, bias])
        trainer = StageTrainer(tmp_path)
        trained = trainer.train(trainer.begin(model), stage, lesson).load()
        moved[policy] = np.subtract(
            trained.get_layer("conv5_3").get_weights()[0],
            model.get_layer("conv5_3").get_weights()[0],
        ).ravel()
    expected, found = moved.values()
    assert np.linalg.norm(expected) > 0
    error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    assert error < 0.1


def test_a_trained_network_is_not_trained_again(tmp_path, lesson):
    first = StageTrainer(tmp_path)
    trained = first.train(first.begin(network()), SHORT, lesson)
    again = StageTrainer(tmp_path)
    found = again.train(again.begin(network()), SHORT, lesson, on_report=kill)
    assert found == trained
    anew = StageTrainer(tmp_path, restart=True)
    with pytest.raises(Killed):
        anew.train(anew.begin(network()), SHORT, lesson, on_report=kill)


def test_whatever_decides_a_network_makes_it_another(tmp_path, lesson):
    trainer = StageTrainer(tmp_path)
    begun = trainer.begin(network())
    other_versions = StageTrainer(tmp_path, versions={"keras": "0"})
    other_labels = dataclasses.replace(lesson, labels=1 - lesson.labels)
    other_photographs = dataclasses.replace(lesson, fingerprint="others")
    found = [
        trainer.train(begun, SHORT, lesson),
        trainer.train(begun, dataclasses.replace(SHORT, momentum=0.5), lesson),
        trainer.train(begun, SHORT, other_labels),
        trainer.train(begun, SHORT, other_photographs),
        trainer.train(trainer.begin(network(seed=1)), SHORT, lesson),
        trainer.train(begun, SHORT, lesson, seed=1),
        other_versions.train(other_versions.begin(network()), SHORT, lesson),
    ]
    assert len({of.folder for of in found}) == len(found)


def test_unknown_attributes_are_not_learnt(tmp_path):
    """A last layer moves for the attributes that are known, and no other."""
    source, labels = bright_images()
    attributes = np.stack([labels, np.full(40, -1)], axis=1).astype("float32")
    lesson = Lesson(source, attributes, "attributes", 2, "bright images")
    trainer = StageTrainer(tmp_path)
    still = dataclasses.replace(STAGE, iterations=20, weight_decay=0.0)
    begun = trainer.begin(network())
    trained = trainer.train(begun, still, lesson)
    expected = replace_head(begun.load(), "attributes", 2, seed=0)
    before = expected.get_layer("attributes").get_weights()
    after = trained.load().get_layer("attributes").get_weights()
    for one, other in zip(before, after):
        assert not np.array_equal(one[..., 0], other[..., 0])
        np.testing.assert_array_equal(one[..., 1], other[..., 1])


def test_a_loss_that_is_not_finite_stops_with_a_remedy(tmp_path, lesson):
    trainer = StageTrainer(tmp_path)
    wild = dataclasses.replace(STAGE, iterations=50, learning_rate=1e20)
    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        trainer.train(trainer.begin(network()), wild, lesson)


def test_a_save_that_fails_leaves_nothing(tmp_path, monkeypatch):
    """And while it lasts, nothing that `sweep` would not know."""
    model, seen = network(), []

    def save_own_variables(store):
        seen.extend(path.name for path in tmp_path.glob("stage-*/*"))
        raise OSError("No space left on device")

    layer = model.get_layer("fc6")
    monkeypatch.setattr(layer, "save_own_variables", save_own_variables)
    with pytest.raises(OSError, match="No space left"):
        StageTrainer(tmp_path).begin(model)
    assert seen
    assert all(name.endswith(".tmp") for name in seen)
    assert not list(tmp_path.glob("stage-*/*"))


def test_what_a_killed_process_left_is_removed(tmp_path):
    model = network()
    stage = StageTrainer(tmp_path).begin(model)
    with subprocess.Popen(["true"]) as process:
        process.wait()
    left = stage.folder / f".model.keras.{process.pid}-abc123.tmp"
    left.mkdir()
    (left / "model.keras").write_bytes(b"half a netw")
    StageTrainer(tmp_path).begin(model)
    kept = sorted(path.name for path in stage.folder.iterdir())
    assert kept == ["history.csv", "model.keras"]


def test_a_network_is_kept_without_its_optimizer(tmp_path, lesson):
    trainer = StageTrainer(tmp_path)
    trained = trainer.train(
        trainer.begin(network("smile", None)), SHORT, lesson
    )
    begun = trainer.begin(network("smile", None))
    size, before = trained.path.stat().st_size, begun.path.stat().st_size
    assert size == pytest.approx(before, rel=0.01)
