"""Dropout of an epoch depends on the seed and the epoch's number alone."""

import keras
import numpy as np
import pytest

from fdin_tf.training.epoch_seeds import EpochSeeds


@pytest.fixture
def model():
    inputs = keras.Input((40,))
    dropped = keras.layers.Dropout(0.5)(inputs)
    return keras.Model(inputs, keras.layers.Dropout(0.5)(dropped))


def dropped_in(model, seed, epoch):
    seeds = EpochSeeds(seed)
    seeds.set_model(model)
    seeds.on_epoch_begin(epoch)
    return np.array(model(np.ones((1, 40)), training=True)) == 0


def test_the_same_epoch_drops_the_same_whatever_came_before(model):
    first = dropped_in(model, seed=3, epoch=5)
    model(np.ones((1, 40)), training=True)
    np.testing.assert_array_equal(first, dropped_in(model, seed=3, epoch=5))


@pytest.mark.parametrize(("seed", "epoch"), [(4, 5), (3, 6)])
def test_another_seed_or_epoch_drops_others(model, seed, epoch):
    first = dropped_in(model, seed=3, epoch=5)
    assert (first != dropped_in(model, seed, epoch)).any()
