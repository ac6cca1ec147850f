"""Training of one step of the fine-tuning: reproducible and resumable."""

import json
import math
import shutil

import keras
import numpy as np

from fdin_tf.data.cache import atomic_path
from fdin_tf.data.cache import sweep
from fdin_tf.data.cache import write_json
from fdin_tf.data.image_batches import make_image_batches
from fdin_tf.training.epoch_seeds import seed_dropout
from fdin_tf.training.layerwise import LayerwiseOptimizer
from fdin_tf.training.masked_cross_entropy import MaskedAccuracy
from fdin_tf.training.masked_cross_entropy import MaskedCrossEntropy

#: Columns of a history.
HISTORY = ("iteration", "learning_rate", "loss", "accuracy")

_WEIGHTS, _STATE = "weights.weights.h5", "history.json"


class StageFit:
    """A compiled network that trains networks like it, one after the other.

    Networks that agree in all but their weights so share one compiled graph.
    Where layers compute in float16 the loss is scaled, so that small
    gradients do not vanish; an iteration whose gradients overflow is skipped,
    and halves the scale.

    Args:
        model: Model of `build_face_network` or `replace_head`, the first that
            is trained. It is compiled, and belongs to this object from then.
        stage: `Stage`.
        head: Head of the model.
    """

    def __init__(self, model, stage, head):
        self.model = model
        self.stage = stage
        self.head = head
        self._compile()
        # Copies of the optimizer's first numbers; its moments begin at 0.
        self._numbers = {
            i: variable.numpy()
            for i, variable in enumerate(model.optimizer.variables)
            if variable.ndim == 0
        }

    def begin(self, model):
        """Takes the weights of a network; forgets the training before.

        Args:
            model: Model with the layers of this one.
        """
        for own, new in zip(self.model.weights, model.weights, strict=True):
            own.assign(new)
        for i, variable in enumerate(self.model.optimizer.variables):
            first = self._numbers.get(i)
            if first is None:
                first = keras.ops.zeros_like(variable)
            variable.assign(first)

    def run(self, lesson, folder, seed=0, on_report=None):
        """Trains for all iterations, or those that are left.

        Batches, alterations and dropout depend on the seed and the number of
        the iteration alone, and the state of training is kept with every row
        of the history: a training that was interrupted ends as an undisturbed
        one.

        Args:
            lesson: `Lesson`.
            folder: Folder of the states.
            seed: Seed of order, alterations and dropout.
            on_report: Called as `on_report(iteration, row)` with every row.

        Returns:
            History: list of rows, about ten, more of long trainings; each a
            dict of `HISTORY`. `loss` and `accuracy` (the share of right
            answers, of those that are known) are means of the altered
            photographs since the row before, as the network was when it
            learnt from them, dropout included.

        Raises:
            FloatingPointError: If the loss is not finite any more.
        """
        sweep(folder)
        history = self._restore(folder)
        done = history[-1]["iteration"] if history else 0
        last = self.stage.iterations
        length = min(max(math.ceil(last / 10), 50), 1000)
        while done < last:
            batches = make_image_batches(
                lesson.source,
                {self.head: lesson.labels},
                self.stage.batch_size,
                seed,
                first_step=done,
                num_steps=min(length, last - done),
                alteration=self.stage.alteration,
            )
            seed_dropout(self.model, np.random.default_rng([seed, done]))
            found = self.model.fit(batches, shuffle=False, verbose=0).history
            done = min(done + length, last)
            history.append(self._row(done, found))
            if done < last:
                self._save(history, folder)
            if on_report is not None:
                on_report(done, history[-1])
        return history

    def _compile(self):
        stage, model = self.stage, self.model
        optimizer = LayerwiseOptimizer(
            keras.optimizers.SGD(stage.schedule(), momentum=stage.momentum),
            dict(stage.multipliers),
            l2=stage.weight_decay,
        )
        # Keras would ask the model's own policy, which is the global one of
        # when it was read from its file; its layers keep theirs.
        if any(layer.compute_dtype == "float16" for layer in model.layers):
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        loss = "sparse_categorical_crossentropy"
        accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
        if self.head == "attributes":
            loss = MaskedCrossEntropy()
            accuracy = MaskedAccuracy(name="accuracy")
        model.compile(optimizer, loss, metrics={self.head: [accuracy]})
        optimizer.build(model.trainable_variables)

    def _row(self, iteration, found):
        (loss,), (accuracy,) = found["loss"], found["accuracy"]
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"The loss is not finite any more by iteration {iteration}; "
                f"lower the learning rate. Received: loss={loss}, "
                f"learning_rate={self.stage.learning_rate}"
            )
        updates = int(self.model.optimizer.iterations)  # without those skipped
        rate = self.stage.rate(updates)
        return dict(zip(HISTORY, (iteration, rate, loss, accuracy)))

    def _restore(self, folder):
        """Takes up the last state, if any; returns the history so far."""
        found = sorted(folder.glob("iteration_*"))
        if not found:
            return []
        self.model.load_weights(found[-1] / _WEIGHTS)
        return json.loads((found[-1] / _STATE).read_text(encoding="utf-8"))

    def _save(self, history, folder):
        before = list(folder.glob("iteration_*"))
        name = f"iteration_{history[-1]['iteration']:09d}"
        with atomic_path(folder / name) as new:
            new.mkdir()
            self.model.save_weights(new / _WEIGHTS)
            write_json(new / _STATE, history)
        for path in before:
            shutil.rmtree(path)
