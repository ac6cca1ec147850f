"""Every frame alone, without motion."""

import keras
from keras import ops

from fdin_tf.models.baselines.inputs import clip_inputs
from fdin_tf.models.fdin import estimate_layer
from fdin_tf.models.fdin import hidden_head
from fdin_tf.models.fdin import without_neutral
from layers import RegionSplit


def build_image_cnn(
    target="age",
    dense_units=1024,
    head_units=(2048, 1024),
    dropout=0.5,
    feature_shape=(6, 6, 512),
    neutral_frames=0,
    normalize_motion=False,
):
    """Builds an image-based network: every frame alone, then averaged.

    It sees no motion. With `x^t` the whole feature maps of frame `t`, and
    `R` the set of a clip's real frames:

        y^t  = k(dense layer of x^t)        dense layers
        y    = sum_{t in R} y^t / |R|       years, or probabilities

    In training, batch normalisation takes its statistics over real frames
    only, so that padding changes neither answers nor weights.

    The layers have fixed names: `neutral`, `regions` (of which there is one),
    `images`, `dense`, `head_1`, `head_1_norm`, `head_1_relu`,
    `head_1_dropout`, `head_2`, ..., and the target: a model of the last dense
    layer, `image`, and of the average.

    Args:
        target: `"age"`, `"gender"`, `"spontaneity"` or `"planted"`, as in
            `build_fdin`.
        dense_units: Units of the first dense layer.
        head_units: Units of each hidden dense layer of `k`, at least one.
        dropout: Share dropped after each dense layer of `k`, in [0, 1).
        feature_shape: Shape `(h, w, c)` of a frame's maps.
        neutral_frames: Of how many of a clip's first real frames the mean is
            subtracted from its features; 0 subtracts nothing.
        normalize_motion: Whether these differences are divided by how much
            each place of the face changes in the clip.

    Returns:
        Functional `keras.Model` as described in `fdin_tf.models.baselines`.

    Raises:
        ValueError: If `target` is none of the above, if `head_units` is
            empty, if `dropout` is outside [0, 1), if the shape of the maps
            is not known, if `neutral_frames` is no integer from 0, or if
            `normalize_motion` comes without it.

    Example:

    >>> model = build_image_cnn("age", dense_units=64, head_units=(64,))
    >>> {name: output.shape for name, output in model.output.items()}
    {'age': (None, 1)}
    """
    inputs = clip_inputs(target, feature_shape, head_units, dropout)
    features = without_neutral(
        **inputs,
        neutral_frames=neutral_frames,
        normalize_motion=normalize_motion,
    )
    face = RegionSplit((1, 1), name="regions")(features)
    images = keras.layers.Reshape((-1, face.shape[-1]), name="images")(face)
    hidden = keras.layers.Dense(dense_units, activation="relu", name="dense")(
        images
    )
    mask = inputs["mask"]
    hidden = hidden_head(hidden, head_units, dropout, mask=mask)
    # Zeros in padding; it also ends the implicit mask of Keras, which the
    # model of the target would warn of.
    hidden = ops.where(ops.expand_dims(mask, -1), hidden, 0)
    estimate = _average_estimate(target, hidden.shape[-1])([hidden, mask])
    return keras.Model(inputs, {target: estimate}, name=f"image_cnn_{target}")


def _average_estimate(target, units):
    """Estimates of the real frames, averaged: the layer of the target.

    One layer, so that the weights of the answer are found under its name.
    """
    hidden = keras.Input((None, units), name="hidden")
    mask = keras.Input((None,), dtype="bool", name="mask")
    estimates = estimate_layer(target, name="image")(hidden)
    real = ops.cast(ops.expand_dims(mask, -1), "float32")
    total = ops.sum(real * estimates, axis=1)
    average = total / ops.maximum(ops.sum(real, axis=1), 1)
    return keras.Model([hidden, mask], average, name=target)
