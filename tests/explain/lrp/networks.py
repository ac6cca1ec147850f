"""Small random networks."""

import keras
import numpy as np
from keras import layers

from fdin_tf.explain.lrp import relevance


def random_weights(model, seed=0, scale=1.0):
    """The model, with normal weights, biases and statistics."""
    rng = np.random.default_rng(seed)
    model.set_weights(
        [
            rng.uniform(0.5, 2, w.shape)
            if "variance" in w.path
            else scale * rng.normal(size=w.shape)
            for w in model.weights
        ]
    )
    return model


def network(shape, *parts, dtype="float64", seed=0, name=None):
    """A functional model of layers or functions, one after the other."""
    inputs = x = keras.Input(shape, dtype=dtype)
    for part in parts:
        x = part(x)
    return random_weights(keras.Model(inputs, x, name=name), seed)


def dense_network(dtype="float64", seed=0, use_bias=True):
    """Four inputs, two hidden layers with ReLU, three scores."""
    options = {"dtype": dtype, "use_bias": use_bias}
    return network(
        (4,),
        layers.Dense(6, activation="relu", **options),
        layers.Dense(5, **options),
        layers.ReLU(dtype=dtype),
        layers.Dense(3, **options),
        dtype=dtype,
        seed=seed,
    )


def convolutional_network(dtype="float64", use_bias=True):
    """Pictures of 6x6, maximum and average pooling, three scores."""
    options = {"dtype": dtype, "use_bias": use_bias}
    return network(
        (6, 6, 2),
        layers.Conv2D(3, 3, padding="same", activation="relu", **options),
        layers.MaxPooling2D(2, dtype=dtype),
        layers.Conv2D(4, 2, activation="relu", **options),
        layers.AveragePooling2D(2, dtype=dtype),
        layers.Flatten(dtype=dtype),
        layers.Dense(3, **options),
        dtype=dtype,
    )


def examples(model, batch=3, seed=1):
    """Normal numbers for a model of one input."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(batch, *model.input.shape[1:]))


def check_sums(model, inputs, composite="epsilon", **kwargs):
    """Inputs and sinks have the score; returns the `Relevance`."""
    result = relevance(model, inputs, composite=composite, **kwargs)
    found = [
        np.reshape(r, (len(r), -1)).sum(axis=1)
        for r in keras.tree.flatten(result.inputs)
        if r is not None
    ]
    sinks = result.conservation.sinks()
    np.testing.assert_allclose(
        sum(found) + sum(s for name, s in sinks.items() if name != "lost"),
        result.score,
        rtol=1e-4,
        atol=1e-5,
    )
    return result
