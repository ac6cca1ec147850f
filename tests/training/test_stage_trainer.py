"""StageTrainer: step by step, kept on disk, the same after an interruption."""

import dataclasses

import keras
import numpy as np
import pytest

from fdin_tf.data.augmentation import altered_crops
from fdin_tf.models.gnet_snet import build_face_network
from fdin_tf.models.gnet_snet import replace_head
from fdin_tf.training.stage_trainer import Lesson
from fdin_tf.training.stage_trainer import StageTrainer
from fdin_tf.training.stages import Stage

SIZE = 32
STAGE = Stage(iterations=120, batch_size=8, learning_rate=0.05, multipliers=())


class Pixels:
    """Crops in memory, as `CropSource` gives those of files."""

    size = SIZE

    def __init__(self, pixels):
        self.pixels = pixels

    def __len__(self):
        return len(self.pixels)

    def crops(self, rows):
        return self.pixels[np.asarray(rows)]

    def altered(self, rows, rng, alteration):
        return altered_crops(self.crops(rows), SIZE, rng, alteration)

    def check_reach(self, alteration):
        assert alteration.reach <= 1


@pytest.fixture(scope="module")
def bright():
    """Images whose class is whether they are bright; two groups of persons."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 40)
    pixels = rng.normal(90 + 60 * labels[:, None, None, None], 20,
                        (40, SIZE, SIZE, 3))  # fmt: skip
    return Pixels(np.uint8(np.clip(pixels, 0, 255))), labels


@pytest.fixture
def lesson(bright):
    source, labels = bright
    return Lesson(source, labels, "smile", 2, "bright images")


def network(seed=0, classes=5):
    keras.utils.set_random_seed(seed)
    return build_face_network(
        "identity",
        classes,
        (SIZE, SIZE, 3),
        filters=(4, 4, 4, 4, 4),
        dense_units=(8, 8),
        dropout=0.3,
        std=64.0,
        kernel_initializer="he_normal",
    )


def weights_of(stage):
    return stage.load().get_weights()


def assert_same(first, second):
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_network_learns_what_the_lesson_shows(tmp_path, lesson):
    trainer = StageTrainer(tmp_path)
    trained = trainer.train(trainer.begin(network()), STAGE, lesson)
    answers = trainer.answers(trained, lesson.source)
    assert answers.shape == (40, 2)
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-5)
    assert (answers.argmax(axis=1) == lesson.labels).mean() > 0.9
    history = trained.read_history()
    assert history.iteration.iloc[-1] == STAGE.iterations
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
    frozen = dataclasses.replace(STAGE, iterations=1, multipliers=(("*", 0.0),))
    trainer = StageTrainer(tmp_path)
    first = trainer.train(trainer.begin(network()), STAGE, lesson)
    second = trainer.train(first, frozen, lesson)
    assert_same(weights_of(first), weights_of(second))


class Killed(Exception):
    """As if the process had been killed."""


def kill(iteration, row):
    raise Killed


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
    assert seen == [100, 120]
    assert_same(weights_of(expected), weights_of(found))
    assert expected.read_history().equals(found.read_history())
    assert not list(found.folder.glob("checkpoints/*"))


def test_networks_of_one_graph_are_those_of_graphs_of_their_own(
    tmp_path, lesson
):
    shared = StageTrainer(tmp_path / "shared")
    shared.train(shared.begin(network(seed=1)), STAGE, lesson)
    second = shared.train(shared.begin(network(seed=2)), STAGE, lesson)
    alone = StageTrainer(tmp_path / "alone")
    expected = alone.train(alone.begin(network(seed=2)), STAGE, lesson)
    assert_same(weights_of(second), weights_of(expected))


def test_a_trained_network_is_not_trained_again(tmp_path, lesson):
    first = StageTrainer(tmp_path)
    trained = first.train(first.begin(network()), STAGE, lesson)
    again = StageTrainer(tmp_path)
    found = again.train(again.begin(network()), STAGE, lesson, on_report=kill)
    assert found == trained
    anew = StageTrainer(tmp_path, restart=True)
    with pytest.raises(Killed):
        anew.train(anew.begin(network()), STAGE, lesson, on_report=kill)


def test_whatever_decides_a_network_makes_it_another(tmp_path, lesson):
    stage = dataclasses.replace(STAGE, iterations=1)
    trainer = StageTrainer(tmp_path)
    begun = trainer.begin(network())
    other_versions = StageTrainer(tmp_path, versions={"keras": "0"})
    other_labels = dataclasses.replace(lesson, labels=1 - lesson.labels)
    other_photographs = dataclasses.replace(lesson, fingerprint="others")
    found = [
        trainer.train(begun, stage, lesson),
        trainer.train(begun, dataclasses.replace(stage, momentum=0.5), lesson),
        trainer.train(begun, stage, other_labels),
        trainer.train(begun, stage, other_photographs),
        trainer.train(trainer.begin(network(seed=1)), stage, lesson),
        trainer.train(begun, stage, lesson, seed=1),
        other_versions.train(other_versions.begin(network()), stage, lesson),
    ]
    assert len({of.folder for of in found}) == len(found)


def test_unknown_attributes_are_not_learnt(tmp_path, bright):
    """A last layer moves for the attributes that are known, and no other."""
    source, labels = bright
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
