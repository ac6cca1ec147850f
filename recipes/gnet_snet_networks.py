"""Networks of `recipes.gnet_snet`: trained, and asked."""

import dataclasses

import keras
import numpy as np
import pandas as pd

from fdin_tf.data.face_images import UNKNOWN
from fdin_tf.models.gnet_snet import build_face_network
from fdin_tf.models.vggface_weights import load_vggface_weights
from fdin_tf.progress import progress_bar
from fdin_tf.training.gnet_snet_tables import challenge_errors
from fdin_tf.training.gnet_snet_tables import in_text
from fdin_tf.training.gnet_snet_tables import numbers_in
from fdin_tf.training.precision import precision_policy
from fdin_tf.training.stage_trainer import StageTrainer
from fdin_tf.training.stages import STEPS
from recipes.gnet_snet_data import CONTROLS
from recipes.gnet_snet_data import true_classes
from recipes.gnet_snet_photographs import ATTRIBUTES

ALL_STEPS = tuple(STEPS)


@dataclasses.dataclass(frozen=True, eq=False)
class Study:
    """Trained networks, and what they say of the validation images.

    Attributes:
        answers: Table of `accuracies`, one row per network, seed and image.
        pipeline: Table of the pipeline of Figure 1: one row per seed and
            validation image, `gender` and `smile` (0 or 1, empty without an
            answer), the truth, and `error`.
        gnet: `TrainedStage`s of GNet of the first seed, one per crop.
        snet: The same of SNet.
        histories: Table of the losses of all trainings.
    """

    answers: pd.DataFrame
    pipeline: pd.DataFrame
    gnet: list
    snet: list
    histories: pd.DataFrame


def networks_of(config):
    """All networks that are compared.

    Args:
        config: `Config` of `recipes.gnet_snet`.

    Returns:
        List of (target, steps, crops), each once: Table 2, Table 3, controls.
    """
    (crop,) = numbers_in(config.gnet_crops)
    found = [("gender", numbers_in(steps), (crop,)) for steps in config.rows]
    for target, of in (
        ("gender", (*config.gender_crops, config.gnet_crops)),
        ("smile", (*config.smile_crops, config.snet_crops)),
    ):
        found += [(target, ALL_STEPS, numbers_in(crops)) for crops in of]
        if config.with_controls:
            found.append((target, ALL_STEPS, (CONTROLS[target].number,)))
    return list(dict.fromkeys(found))


def train_study(config, data, call):
    """Trains all networks and asks them about the validation images.

    Args:
        config: `Config` of `recipes.gnet_snet`.
        data: `StudyData`.
        call: `Call`, inside of its tracker's run.

    Returns:
        `Study`.
    """
    answers, pipeline, histories, trained = [], [], [], {}
    networks = networks_of(config)
    trainer = StageTrainer(call.runs_dir, call.versions, config.restart)
    with progress_bar() as bar:
        task = bar.add_task("Networks", total=0, note="")
        for seed in config.seeds:
            tuning = FineTuning(config, data, trainer, seed, bar, task)
            bar.update(task, total=bar.tasks[0].total + tuning.count(networks))
            for target, steps, crops in networks:
                title = f"{target}, steps {in_text(steps)}, crops "
                title += f"{in_text(crops)}, seed {seed}"
                with call.tracker.child(title, _named(target, steps, crops)):
                    stages = [
                        tuning.train(steps, target, crop) for crop in crops
                    ]
                    for stage, crop in zip(stages, crops):
                        call.tracker.log_history(_curve(stage, crop))
                    found = _answers_of(tuning, stages, data, target, crops)
                    is_right = found.answer == found.truth
                    call.tracker.log_metrics({"accuracy": is_right.mean()})
                answers.append(
                    found.assign(**_named(target, steps, crops), seed=seed)
                )
                if steps == ALL_STEPS:
                    trained.setdefault((target, crops), stages)
            pipeline.append(_pipeline(tuning, data, config).assign(seed=seed))
            histories += tuning.histories()
            data.release()
    return Study(
        pd.concat(answers, ignore_index=True),
        pd.concat(pipeline, ignore_index=True),
        trained["gender", numbers_in(config.gnet_crops)],
        trained["smile", numbers_in(config.snet_crops)],
        pd.concat(histories, ignore_index=True),
    )


class FineTuning:
    """The networks of one seed, each trained once.

    Args:
        config: `Config` of `recipes.gnet_snet`.
        data: `StudyData`.
        trainer: `StageTrainer`.
        seed: Seed.
        bar: `progress_bar`.
        task: Its task that counts networks.
    """

    def __init__(self, config, data, trainer, seed, bar, task):
        self.config = config
        self.data = data
        self.seed = seed
        self.bar = bar
        self.task = task
        self.trainer = trainer
        self._begun = {}  # by file of weights
        self._trained = {}

    def train(self, steps, target, crop):
        """The network that took some steps, and those before.

        Args:
            steps: Numbers of the steps, ascending.
            target: `gender` or `smile`.
            crop: Number of the crop scheme.

        Returns:
            `TrainedStage`.
        """
        if not steps or (steps == (1,) and self.config.vggface_weights):
            return self._begin(is_random=not steps)
        key = self._key(steps, target, crop)
        if key not in self._trained:
            before = self.train(steps[:-1], target, crop)
            stage = self.config.stage(steps)
            title = "  " + " ".join(str(part) for part in key if part)
            bar = self.bar.add_task(title, total=stage.iterations, note="")

            def report(iteration, row):
                self.bar.update(
                    bar, completed=iteration, note=f"loss {row['loss']:.3f}"
                )

            self._trained[key] = self.trainer.train(
                before,
                stage,
                self.data.lesson(steps[-1], target, crop),
                self.seed,
                report,
            )
            self.bar.remove_task(bar)
            self.bar.advance(self.task)
        return self._trained[key]

    def count(self, networks):
        """Number of trainings that the networks take, each counted once."""
        keys = set()
        for target, steps, crops in networks:
            for number in range(1, len(steps) + 1):
                if steps[:number] != (1,) or not self.config.vggface_weights:
                    keys |= {
                        self._key(steps[:number], target, crop)
                        for crop in crops
                    }
        return len(keys)

    def histories(self):
        """Tables of losses, of all networks of this seed."""
        return [
            stage.read_history().assign(
                seed=self.seed, steps=steps, crop=crop, target=target
            )
            for (steps, target, crop), stage in self._trained.items()
        ]

    def _key(self, steps, target, crop):
        """What tells trainings apart: the first steps serve all targets."""
        _, head = STEPS[steps[-1]]
        if head == "identity":
            return in_text(steps), "persons", self.config.identity_crop
        return in_text(steps), target if head == "target" else head, crop

    def _begin(self, is_random):
        """The first network: at random, or with published weights."""
        weights = None if is_random else self.config.vggface_weights
        if weights not in self._begun:
            model = self._untrained()
            if weights is not None:
                load_vggface_weights(weights, model)
            self._begun[weights] = self.trainer.begin(model)
        return self._begun[weights]

    def _untrained(self):
        """A network for the persons of the large set, or of VGG-Face."""
        config, persons = self.config, None
        if config.vggface_weights is None:
            persons = self.data.lesson(1).classes
        keras.utils.set_random_seed(self.seed)
        with precision_policy(config.precision):
            return build_face_network(
                "identity",
                persons,
                (config.image_size, config.image_size, 3),
                config.filters,
                config.dense_units,
                config.dropout,
                config.std,
                config.kernel_initializer,
            )


def _curve(stage, crop):
    """History of a network, as MLflow draws it beside that of another crop."""
    history = stage.read_history().rename(columns={"iteration": "epoch"})
    measures = history.columns.drop("epoch")
    return history.rename(columns={x: f"crop_{crop}_{x}" for x in measures})


def _named(target, steps, crops):
    return {"target": target, "steps": in_text(steps), "crops": in_text(crops)}


def _probabilities(tuning, stages, data, part, crops):
    """Mean of the probabilities of several networks, `(n, classes)`."""
    return np.mean(
        [
            tuning.trainer.answers(stage, data.source(part, crop))
            for stage, crop in zip(stages, crops)
        ],
        axis=0,
    )


def _answers_of(tuning, stages, data, target, crops):
    """What networks say of the validation images whose answer is known."""
    images = data.parts["valid"]
    probabilities = _probabilities(tuning, stages, data, "valid", crops)
    table = images[["image_id", "subject"]].assign(
        truth=true_classes(images, target),
        answer=probabilities.argmax(axis=1),
        probability=probabilities[:, 1],
    )
    return table[table.truth != UNKNOWN].reset_index(drop=True)


def _pipeline(tuning, data, config):
    """From photographs to gender and smile, as Figure 1 has it.

    The face is the one nearest to the image's centre. Images whose gender or
    smile is not known are left out.
    """
    faces = data.parts["test"]
    table = data.photographs.valid[["image_id", "subject"]].copy()
    for target, crops in (
        ("gender", numbers_in(config.gnet_crops)),
        ("smile", numbers_in(config.snet_crops)),
    ):
        stages = [tuning.train(ALL_STEPS, target, crop) for crop in crops]
        answers = _probabilities(tuning, stages, data, "test", crops)
        by_image = pd.Series(answers.argmax(axis=1), faces.image_id)
        table[f"true_{target}"] = true_classes(data.photographs.valid, target)
        table[target] = table.image_id.map(by_image)
    truth = [f"true_{target}" for target in ATTRIBUTES]
    table = table[(table[truth] != UNKNOWN).all(axis=1)]
    return table.assign(
        error=challenge_errors(table[truth], table[list(ATTRIBUTES)])
    )
