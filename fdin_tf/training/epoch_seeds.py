"""Dropout that depends on a seed and the epoch's number alone."""

import keras
import numpy as np


class EpochSeeds(keras.callbacks.Callback):
    """Seeds the dropout of every epoch anew.

    A training that goes on at some epoch then drops what an undisturbed one
    does.

    Args:
        seed: Integer seed.
    """

    def __init__(self, seed):
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch, logs=None):
        """Seeds by the epoch's number, from 0."""
        seed_dropout(self.model, np.random.default_rng([self.seed, epoch]))


def seed_dropout(model, rng):
    """Draws new states of all random layers of a model.

    Args:
        model: Keras model.
        rng: `numpy.random.Generator`.
    """
    states = [
        variable
        for variable in model.variables
        if variable.path.endswith("seed_generator_state")
    ]
    for state in states:
        state.assign(rng.integers(0, 2**31, size=state.shape))
