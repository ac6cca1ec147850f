"""Parts of attribute networks, and what networks answer."""

import keras
import numpy as np

from fdin_tf.data.images import RATINGS
from fdin_tf.models.levi_hassner import DENSE
from fdin_tf.models.levi_hassner import target_of

_PREDICT_BATCH = 64


def whole_part(model):
    """The whole network as a model of its own, which training compiles."""
    return keras.Model(model.input, model.output)


def dense_part(model):
    """The dense layers of a network as a model of their own.

    With `convolved` before it, it gives what the network gives; it shares the
    network's layers, so that training it trains the network.

    Args:
        model: Model of `build_levi_hassner` or `transfer_levi_hassner`.

    Returns:
        Functional model from a dict of `"maps"` to the network's output.

    Raises:
        ValueError: If the model is none of these.
    """
    target = target_of(model)
    maps = keras.Input(model.get_layer("flatten").input.shape[1:], name="maps")
    hidden = model.get_layer("flatten")(maps)
    for name in DENSE:
        hidden = model.get_layer(name)(hidden)
        hidden = model.get_layer(name.replace("fc", "drop"))(hidden)
    return keras.Model(
        {"maps": maps}, {target: model.get_layer(target)(hidden)}
    )


def convolved(model, pixels):
    """What the dense layers of a network see of photographs.

    Args:
        model: See `dense_part`.
        pixels: Uint8 array `(n, size, size, 3)`.

    Returns:
        Float array `(n, places, places, channels)`.
    """
    maps = keras.Model(model.input, model.get_layer("flatten").input)
    return maps.predict(
        {"images": pixels}, batch_size=_PREDICT_BATCH, verbose=0
    )


def rate(model, pixels):
    """Ratings of photographs.

    Args:
        model: Network of an attribute.
        pixels: Uint8 array `(n, size, size, 3)`.

    Returns:
        Float array `(n,)`: points on the scale of 1 to 9. They may lie beside
        it, since the last layer is linear.
    """
    low, high = RATINGS
    (scaled,) = predict(model, pixels).T
    return low + (high - low) * scaled.astype(np.float64)


def predict(model, pixels):
    """The answers of a network, `(n, classes)` or `(n, 1)`."""
    (answers,) = model.predict(
        {"images": pixels}, batch_size=_PREDICT_BATCH, verbose=0
    ).values()
    return answers
