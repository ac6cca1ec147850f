"""Networks of a search: trained a little further at every call."""

import dataclasses
import functools
import math
import shutil
import time
from pathlib import Path

import keras
import pandas as pd

from fdin_tf.data.cache import atomic_path
from fdin_tf.data.cache import read_json
from fdin_tf.data.cache import settings_digest
from fdin_tf.data.cache import write_json
from fdin_tf.progress import progress_bar
from fdin_tf.training.search import search_table
from fdin_tf.training.search import successive_halving
from fdin_tf.training.trainer import NetworkTrainer


@dataclasses.dataclass(frozen=True)
class TrialResult:
    """What came of a trial with a budget.

    Attributes:
        error: Smallest validation error of its epochs; infinite if the loss
            was not finite any more.
        best_epoch: The epoch of that, from 1; 0 if there is none.
        epochs: Epochs trained.
        seconds: What they took since the rung before, without what an
            interruption cost.
        history: Table of epochs, see `fit`.
    """

    error: float
    best_epoch: int
    epochs: int
    seconds: float
    history: pd.DataFrame


class NetworkTrials:
    """Trains networks of a search on one fold, each a little further.

    Its test clips are not touched, not even read. Everything is kept in
    `folder`, under the configuration: what is known is not trained again,
    and a network goes on from its checkpoint, in whichever process.

    Args:
        configurations: List of dicts, by which trials are kept apart.
        builders: Function for each from the shape of a frame to an untrained
            model.
        stored: What `frontend` stored of the clips.
        fold: `Fold`; its test clips are forgotten.
        target: `age`, `gender` or `spontaneity`.
        config: `FitConfig`; the learning rate falls over all of its epochs,
            whenever a trial is stopped.
        folder: Folder that only trials on the same data, with the same
            training and seed, share.
        frontend: As in `NetworkTrainer`.
        seed: Seed of weights, order and dropout of every network.
        measure: Column of `fit`'s table that is the error.
    """

    def __init__(
        self,
        configurations,
        builders,
        stored,
        fold,
        target,
        config,
        folder,
        frontend=None,
        seed=0,
        measure="valid_mae_years",
    ):
        self.configurations = configurations
        self.builders = builders
        self.stored = stored
        self.fold = dataclasses.replace(fold, test=())
        self.target = target
        self.config = config
        # Another process may work in another folder.
        self.folder = Path(folder).resolve()
        self.frontend = frontend
        self.seed = seed
        self.measure = measure

    def title(self, number):
        """A configuration in words."""
        return ", ".join(
            f"{name} {value}"
            for name, value in self.configurations[number].items()
        )

    def trial_dir(self, number):
        """Folder of a trial."""
        digest = settings_digest(self.configurations[number])
        return self.folder / f"trial-{digest[:12]}"

    def found(self, number, budget):
        """The `TrialResult` of a trial that was run before, or None."""
        kept = read_json(self._result_path(number, budget))
        if kept is None:
            return None
        history = pd.DataFrame(kept["history"])
        if kept["is_diverged"]:
            return TrialResult(
                math.inf, 0, len(history), kept["seconds"], history
            )
        best = history[self.measure].idxmin()
        return TrialResult(
            float(history[self.measure][best]),
            int(history.epoch[best]),
            len(history),
            kept["seconds"],
            history,
        )

    def run(self, number, budget, bar=None):
        """Trains a network until it has had so many epochs.

        Args:
            number: Number of the trial.
            budget: Epochs, in all.
            bar: A `progress_bar`, or None.

        Returns:
            `TrialResult`.
        """
        folder = self.trial_dir(number)
        trainer = NetworkTrainer(
            self.builders[number], self._data, self.target, self.config
        )
        began = time.monotonic()
        is_diverged = False
        try:
            _, _, history = trainer.train(
                self.fold, folder, self.seed, bar, self.title(number), budget
            )
        except FloatingPointError:
            history, is_diverged = _history_so_far(folder), True
        finally:
            keras.utils.clear_session()  # hundreds of graphs add up
        # It may have been trained further by a search with other budgets.
        result = {
            "is_diverged": is_diverged,
            "seconds": time.monotonic() - began,
            "history": history[:budget].to_dict("list"),
        }
        write_json(self._result_path(number, budget), result)
        return self.found(number, budget)

    def forget_weights(self, number):
        """Removes the checkpoint of a trial, at once; results stay."""
        checkpoints = self.trial_dir(number) / "checkpoints"
        if checkpoints.is_dir():
            removed = atomic_path(checkpoints).temporary
            checkpoints.rename(removed)
            shutil.rmtree(removed)

    def _result_path(self, number, budget):
        return self.trial_dir(number) / f"epochs_{budget:05d}.json"

    @functools.cached_property
    def _data(self):
        """The clips of train and valid, as all of the networks take them."""
        if self.frontend is None:
            return self.stored
        fitted = self.frontend.fit(self.stored, self.fold.train)
        return self.frontend.apply(
            self.stored, fitted, [*self.fold.train, *self.fold.valid]
        )

    def __getstate__(self):
        """Without the clips: every process reads them itself."""
        return {k: v for k, v in self.__dict__.items() if k != "_data"}


def search_networks(trials, budgets, eta=3, tracker=None, executor=None):
    """Finds the best of many networks by successive halving.

    An interrupted search, repeated, takes what is known and goes on from the
    checkpoints; those of networks that are stopped are removed.

    Args:
        trials: `NetworkTrials`.
        budgets: Epochs after which networks are compared, in all.
        eta: See `successive_halving`.
        tracker: `Tracker`, inside its `run`, for a run per configuration;
            None tracks nothing.
        executor: `RayExecutor` that spreads the networks; None: one after the
            other, in this process.

    Returns:
        Table of `search_table`.

    Raises:
        FloatingPointError: If no loss stayed finite.
    """
    rungs = []
    count = len(trials.configurations)
    with progress_bar() as bar:
        task = bar.add_task("", total=count, note="")

        def run_trials(numbers, budget):
            bar.reset(
                task,
                total=len(numbers),
                description=f"Networks of {budget} epochs",
            )
            for number, result in _results(
                trials, numbers, budget, bar, executor
            ):
                if tracker:
                    _track(tracker, trials, number, budget, result)
                bar.advance(task)
                yield number, result

        for rung in successive_halving(count, run_trials, budgets, eta):
            rungs.append(rung)
            if not rung.kept:
                raise FloatingPointError(
                    "The loss of no network of the search stayed finite; "
                    "lower the learning rate or use --fit.precision float32. "
                    f"Received: epochs={rung.budget}"
                )
            best = rung.kept[0]
            bar.print(
                f"After {rung.budget} epochs, best of {len(rung.results)}: "
                f"{trials.title(best)}: {trials.measure} "
                f"{rung.results[best].error:.2f}"
            )
            for number in rung.dropped:
                trials.forget_weights(number)
        for number in rung.kept:
            trials.forget_weights(number)
    return search_table(trials.configurations, rungs)


def _results(trials, numbers, budget, bar, executor):
    """Results of trials: those that are known, then the others."""
    unknown = []
    for number in numbers:
        result = trials.found(number, budget)
        if result is None:
            unknown.append((number, budget))
        else:
            yield number, result
    if executor is None:
        for number, _ in unknown:
            yield number, trials.run(number, budget, bar)
    else:
        for (number, _), result in executor.map(trials.run, unknown):
            yield number, result


def _track(tracker, trials, number, budget, result):
    with tracker.child(trials.title(number), trials.configurations[number]):
        if len(result.history):
            tracker.log_history(result.history)
        tracker.log_metrics(
            {"best_valid_error": result.error, "seconds": result.seconds},
            step=budget,
        )


def _history_so_far(folder):
    """Epochs of the last checkpoint of a training."""
    paths = sorted(folder.glob("checkpoints/epoch_*/state.json"))
    return pd.DataFrame(read_json(paths[-1])["history"] if paths else [])
