"""Networks that are cross-validated with several seeds."""

import dataclasses
from pathlib import Path

import pandas as pd

from fdin_tf.data.folds import Fold
from fdin_tf.progress import console
from fdin_tf.training.compare_networks import is_published
from fdin_tf.training.cross_validate import cross_validate
from fdin_tf.training.cross_validate import read_cross_validation
from fdin_tf.training.experiment import begin
from fdin_tf.training.experiment import clear
from fdin_tf.training.paper import network_title
from fdin_tf.training.prepare import Prepared
from fdin_tf.training.prepare import prepare
from fdin_tf.training.tracking import Tracker


@dataclasses.dataclass(frozen=True)
class SeededNetworks:
    """Networks with several seeds, each tested on folds of its own seed.

    Attributes:
        by_seed: Dict from a seed to its `Prepared`.
        folds: Dict from a seed to the list of the folds that were tested.
        predictions: Table of `CrossValidation`, with `network` and `seed`.
        run_dir: Folder of this call.
        tracker: `Tracker` of this call.
        name: Name of its run.
    """

    by_seed: dict[int, Prepared]
    folds: dict[int, list[Fold]]
    predictions: pd.DataFrame
    run_dir: Path
    tracker: Tracker
    name: str

    @property
    def prepared(self):
        """`Prepared` of the first seed."""
        return next(iter(self.by_seed.values()))

    @property
    def data(self):
        """Which data our numbers are about, in words."""
        facts = self.prepared.facts
        num_folds = len(next(iter(self.folds.values())))
        return (
            f"{facts['data']}, {num_folds} of "
            f"{len(self.prepared.folds)} folds, seeds "
            f"{', '.join(map(str, self.by_seed))}, {facts['encoder']}"
        )


def run_seeds(
    config,
    experiment,
    target,
    networks,
    get_frontend,
    seeds,
    tested_folds=None,
):
    """Cross-validates networks with several seeds.

    A seed decides folds, weights, order and dropout. A network that another
    experiment with the same settings and seed has trained is taken from
    there, fold by fold; what was interrupted goes on where it stopped.

    Args:
        config: `Experiment`; its own `seed` is not used.
        experiment: Name of the experiment in MLflow.
        target: `age`, `gender` or `spontaneity`.
        networks: See `run_comparison`.
        get_frontend: See `run_experiment`.
        seeds: The seeds, different ones.
        tested_folds: Number of folds, the first ones of each seed, that are
            trained and tested; None: all.

    Returns:
        `SeededNetworks`.

    Raises:
        FileNotFoundError: As `run_experiment`.
        ValueError: As `run_experiment`, if there is no seed or one comes
            twice, or there are not so many folds.
    """
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(
            "Expected at least one seed, and every one once. Received: "
            f"seeds={tuple(seeds)}"
        )
    by_seed = {
        seed: prepare(
            dataclasses.replace(config, seed=seed),
            target,
            networks,
            get_frontend,
        )
        for seed in seeds
    }
    first = by_seed[seeds[0]]
    if tested_folds is not None and not (1 <= tested_folds <= len(first.folds)):
        raise ValueError(
            f"Expected 1 to {len(first.folds)} folds to be tested. Received: "
            f"tested_folds={tested_folds}"
        )
    run_dir = first.run_dir(experiment)
    tracker = begin(first, experiment, run_dir)
    for seed in seeds[1:]:
        clear(
            by_seed[seed].network_dirs.values(),
            config.restart,
            by_seed[seed].shared,
        )
    folds = {seed: of.folds[:tested_folds] for seed, of in by_seed.items()}
    found = {
        (network, seed): read_cross_validation(
            folds[seed], by_seed[seed].network_dirs[network]
        )
        for network in networks
        for seed in seeds
    }
    name = f"{config.name} {target}"
    if is_published(run_dir) and all(found.values()):
        console.print("This run is finished; its result:")
    else:
        with tracker.run(name):
            for network in networks:
                # One graph for all seeds.
                trainer = first.trainer(network, tracker)
                with tracker.child(network):
                    for seed in seeds:
                        trainer.title = f"{network_title(network)}, seed {seed}"
                        with tracker.child(f"seed {seed}"):
                            found[network, seed] = cross_validate(
                                trainer,
                                folds[seed],
                                by_seed[seed].network_dirs[network],
                                seed,
                                first.executor,
                            )
    predictions = pd.concat(
        [
            of.predictions.assign(network=network, seed=seed)
            for (network, seed), of in found.items()
        ],
        ignore_index=True,
    )
    console.print(f"State of the run: {run_dir}", soft_wrap=True)
    return SeededNetworks(by_seed, folds, predictions, run_dir, tracker, name)
