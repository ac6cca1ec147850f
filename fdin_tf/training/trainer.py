"""Training of the networks of a cross-validation, in one graph."""

import contextlib
from pathlib import Path

import keras

from fdin_tf.training.adapt import adapt
from fdin_tf.training.fit import fit
from fdin_tf.training.fit_config import FitConfig
from fdin_tf.training.fit_config import compile_model
from fdin_tf.training.precision import precision_policy
from fdin_tf.training.shared_networks import SharedNetworks


class NetworkTrainer:
    """Trains networks of one kind, one after the other.

    All share one graph, traced once: each begins with weights of its own
    seed and an optimizer without memory.

    Args:
        build_model: Function from the shape of one encoded frame `(h, w, c)`
            to an untrained model on features.
        stored: What `frontend` stored of the clips, such as `EncodedClips`.
        target: `age`, `gender` or `spontaneity`.
        config: `FitConfig`.
        frontend: What stands before the network: `EncoderFrontend` or
            `WarpFrontend`. None: the clips are taken as stored.
        tracker: `Tracker`, inside its `run`; None tracks nothing.
        title: What the networks are called on the console, or None.
        shared: `SharedFolder` that the networks' folders are in; None:
            nothing is shared.
    """

    def __init__(
        self,
        build_model,
        stored,
        target,
        config=FitConfig(),
        frontend=None,
        tracker=None,
        title=None,
        shared=None,
    ):
        self.build_model = build_model
        self.stored = stored
        self.target = target
        self.config = config
        self.frontend = frontend
        self.tracker = tracker
        self.title = title
        self.shared_networks = SharedNetworks(shared)
        self._model = None
        self._first_optimizer_state = None

    def train(self, fold, folder, seed=0, bar=None, name=None, stop_after=None):
        """Trains the network of one fold; test clips are not touched.

        Args:
            fold: `Fold`.
            folder: Folder for the state of this network's training.
            seed: Seed of weights, order and dropout.
            bar: A `progress_bar`, or None.
            name: What this network is called; None for the fold's number.
            stop_after: Epochs after which this call stops, see `fit`.

        Returns:
            The trained model on features, valid until the next call; what
            was fitted before it, or None; and the table of epochs.
        """
        name = name or f"fold {fold.number}"
        fitted = self._fitted(fold, Path(folder))
        data = self.data(fitted, [*fold.train, *fold.valid])
        model = self._fresh_model(data.shape, seed)
        adapt(model, data, fold.train)
        self.shared_networks.fetch_checkpoint(folder)
        with self._watched(name, folder, seed, bar, stop_after) as on_epoch:
            history = fit(
                model,
                data,
                fold.train,
                fold.valid,
                self.target,
                self.config,
                Path(folder) / "checkpoints",
                seed,
                on_epoch,
                stop_after,
            )
            if self.tracker:
                self.tracker.log_history(history)
        return model, fitted, history

    def data(self, fitted, clip_ids):
        """The clips as the network takes them."""
        if self.frontend is None:
            return self.stored
        return self.frontend.apply(self.stored, fitted, clip_ids)

    def _fresh_model(self, shape, seed):
        keras.utils.set_random_seed(seed)
        with precision_policy(self.config.precision):
            fresh = self.build_model(shape)
        if self._model is None:
            compile_model(fresh, self.target, self.config)
            state = [
                keras.ops.convert_to_numpy(v) for v in fresh.optimizer.variables
            ]
            self._model, self._first_optimizer_state = fresh, state
            return fresh
        self._model.set_weights(fresh.get_weights())
        optimizer = self._model.optimizer
        for variable, value in zip(
            optimizer.variables, self._first_optimizer_state
        ):
            variable.assign(value)
        return self._model

    def _fitted(self, fold, folder):
        """What is fitted to the fold's training clips, once."""
        if self.frontend is None or not self.frontend.is_fitted:
            return None
        self.fetch_fitted(folder)
        fitted = self.frontend.load(folder)
        if fitted is None:
            fitted = self.frontend.fit(self.stored, fold.train)
            self.frontend.save(fitted, folder)
            # As any later call reads it.
            fitted = self.frontend.load(folder)
        if self.shared_networks.shared is not None:
            self.shared_networks.publish(folder / self.frontend.fitted_file)
        return fitted

    def fetch_fitted(self, folder):
        """Takes what was fitted before a network from the store."""
        if self.shared_networks.shared is None or self.frontend is None:
            return
        if self.frontend.is_fitted:
            self.shared_networks.fetch(Path(folder) / self.frontend.fitted_file)

    @contextlib.contextmanager
    def _watched(self, name, folder, seed, bar, stop_after):
        """Shows, tracks, shares a training; yields what is told each epoch."""
        with contextlib.ExitStack() as stack:
            task = None
            if self.tracker:
                stack.enter_context(self.tracker.child(name, {"seed": seed}))
            if bar is not None:
                task = bar.add_task(
                    f"  {name.capitalize()}",
                    total=stop_after or self.config.epochs,
                    note="",
                )
                stack.callback(bar.remove_task, task)

            def on_epoch(epoch, metrics):
                self.shared_networks.publish_checkpoint(folder)
                if task is not None:
                    note = _validation(metrics)
                    bar.update(task, completed=epoch, note=note)
                if self.tracker:
                    self.tracker.log_metrics(metrics, step=epoch)

            yield on_epoch


def _validation(metrics):
    if "valid_mae_years" in metrics:
        return f"validation {metrics['valid_mae_years']:.2f} years"
    return f"validation loss {metrics['valid_loss']:.3f}"
