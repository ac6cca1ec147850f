"""The age and gender network of Levi and Hassner, and ratings learnt from it.

Levi and Hassner, "Age and Gender Classification Using Convolutional Neural
Networks", CVPR workshops 2015. Arbabzadah et al., "Identifying individual
facial expressions by deconstructing a neural network", GCPR 2016,
https://arxiv.org/abs/1606.07285, retrain it to rate faces.
"""

import keras
import numpy as np

from fdin_tf.models.fdin import check_choice
from fdin_tf.models.fdin import check_dropout
from fdin_tf.models.levi_hassner_mean import LEVI_HASSNER_MEAN
from fdin_tf.models.levi_hassner_mean import MEAN_LAYER
from fdin_tf.models.levi_hassner_mean import check_mean
from fdin_tf.models.levi_hassner_mean import set_normalization
from layers import LocalResponseNormalization

# Years of the classes of `age_group`, first and last; between are gaps.
AGE_GROUPS = (
    (0, 2),
    (4, 6),
    (8, 12),
    (15, 20),
    (25, 32),
    (38, 43),
    (48, 53),
    (60, 100),
)
CLASSES = {"age_group": len(AGE_GROUPS), "gender": 2}
CONVOLUTIONS = ("conv1", "conv2", "conv3")
DENSE = ("fc6", "fc7")
# Name, number of the pooling, kernel size, stride, padding, initial bias.
_CONVOLUTIONS = (
    ("conv1", 1, 7, 4, "valid", 0),
    ("conv2", 2, 5, 1, "same", 1),
    ("conv3", 5, 3, 1, "same", 0),
)
_TAKEN = {
    *("images", MEAN_LAYER, "flatten", *CONVOLUTIONS, *DENSE),
    *("pad1", "pool1", "norm1", "pad2", "pool2", "norm2", "pad5", "pool5"),
    *("drop6", "drop7"),
}
# The smallest image of which the last pooling leaves a place.
_SMALLEST = 35


def build_levi_hassner(
    target="age_group",
    image_size=227,
    conv_units=(96, 256, 384),
    dense_units=(512, 512),
    dropout=0.5,
    mean=LEVI_HASSNER_MEAN,
    std=1.0,
    kernel_initializer=None,
):
    """Builds the network; the defaults are its published sizes.

        images minus their mean
        conv1   7 x 7, stride 4, no padding     pool1   norm1
        conv2   5 x 5, as large as before       pool2   norm2
        conv3   3 x 3, as large as before       pool5
        fc6, drop6, fc7, drop7, and a layer named as the target

    ReLU follows every layer with weights but the last. Pooling takes the
    maximum of 3 x 3 at stride 2, of `ceil((size - 3) / 2) + 1` places as in
    Caffe, the last of which may reach out of the map: `pad1`, `pad2` and
    `pad5` stand before a pooling that does, and add a row and a column of
    zeros, which no ReLU is below. Normalisation divides by
    `(1 + 1e-4 / 5 * sum of squares of five channels) ^ 0.75`. 227 pixels
    become 56 places, then 28, 14 and 7.

    Args:
        target: `"age_group"`, the eight classes of `AGE_GROUPS`; `"gender"`;
            or any other name, that of a rating in [0, 1] such as
            `"happiness"`: one linear unit.
        image_size: Height and width of the images, 35 or more.
        conv_units: Kernels of the three convolutions.
        dense_units: Units of `fc6` and `fc7`.
        dropout: Share dropped after `fc6` and `fc7`, in [0, 1).
        mean: What is subtracted from the images, in 0..255: a number, a
            colour R, G, B, or an image `(image_size, image_size, 3)`. It is
            kept in the weights of the layer `subtract_mean`, which are not
            trained, and so in every file of the model. The published
            networks subtract an image, of which the default is the mean
            colour; `load_levi_hassner_weights` sets it.
        std: What the difference to the mean is divided by; 1 as published.
        kernel_initializer: Initial kernels of the convolutions, `fc6` and
            `fc7`. None: as published, normally distributed of deviation 0.01
            in convolutions and 0.005 in `fc6` and `fc7`, and biases of 1 in
            `conv2`, `fc6` and `fc7`; small networks have hardly any signal
            with these. Any of Keras, such as `"he_normal"` (with `std=64`):
            that, and biases of 0. The last layer begins with deviation 0.01
            and biases of 0 in any case.

    Returns:
        Functional `keras.Model`. It takes a dict of `"images"`, RGB
        `(batch, image_size, image_size, 3)` in 0..255, uint8 or float, and
        returns a dict of the target alone, float32: probabilities
        `{"age_group": (batch, 8)}` or `{"gender": (batch, 2)}` of `female,
        male`, or a rating such as `{"happiness": (batch, 1)}`.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> model = build_levi_hassner("happiness", 64, (8, 8, 8), (16, 16))
    >>> {name: output.shape for name, output in model.output.items()}
    {'happiness': (None, 1)}
    """
    _check_target(target)
    if not _is_count(image_size) or image_size < _SMALLEST:
        raise ValueError(
            f"`image_size` must be a number of pixels, {_SMALLEST} or more. "
            f"Received: image_size={image_size!r}"
        )
    _check_counts("conv_units", conv_units, 3)
    _check_counts("dense_units", dense_units, 2)
    check_dropout(dropout)
    if not 0 < std < np.inf:
        raise ValueError(
            f"`std` must be a finite number above 0. Received: std={std}"
        )
    shape = (image_size, image_size, 3)
    check_mean(mean, shape)

    images = keras.Input(shape, name="images")
    # Of every place on its own; as weights, for a mean image would take long
    # to read out of a configuration.
    maps = keras.layers.Normalization(
        axis=(1, 2, 3), dtype="float32", name=MEAN_LAYER
    )(images)
    for units, (name, pooling, kernel_size, strides, padding, bias) in zip(
        conv_units, _CONVOLUTIONS
    ):
        maps = keras.layers.Conv2D(
            units,
            kernel_size,
            strides,
            padding,
            activation="relu",
            name=name,
            **_initializers(kernel_initializer, 0.01, bias),
        )(maps)
        maps = _pooled(maps, pooling)
        if name != "conv3":
            maps = _normalized(maps, pooling)
    hidden = keras.layers.Flatten(name="flatten")(maps)
    for name, units in zip(DENSE, dense_units):
        hidden = keras.layers.Dense(
            units,
            activation="relu",
            name=name,
            **_initializers(kernel_initializer, 0.005, bias=1),
        )(hidden)
        hidden = keras.layers.Dropout(dropout, name=name.replace("fc", "drop"))(
            hidden
        )
    model = _with_last_layer(images, hidden, target)
    set_normalization(model, mean, std**2)
    return model


def transfer_levi_hassner(base, target, layers="dense", seed=None):
    """Makes a network for another target out of a trained one.

    All but the last layer begin as they are in `base`, the mean included;
    the last is new. `base` is left as it is and shares no weights.

    Args:
        base: Model of `build_levi_hassner` or of this function.
        target: As in `build_levi_hassner`.
        layers: Which layers are trained: `"dense"`, that is `fc6`, `fc7` and
            the last, with the convolutions frozen; or `"all"`. ("Dense only"
            and "Full" in table 1 of Arbabzadah et al.)
        seed: Integer seed of the new layer's kernel; None: random.

    Returns:
        Model as of `build_levi_hassner`, not compiled.

    Raises:
        ValueError: If `base` is no such model, or if `target` or `layers` is
            none of the above.

    Example:

    >>> base = build_levi_hassner("gender", 64, (8, 8, 8), (16, 16))
    >>> model = transfer_levi_hassner(base, "happiness")
    >>> [w.path for w in model.trainable_weights if "kernel" in w.name]
    ['fc6/kernel', 'fc7/kernel', 'happiness/kernel']
    """
    target_of(base)
    _check_target(target)
    check_choice("layers", layers, ("dense", "all"))
    trunk = keras.Model(base.input, base.get_layer("drop7").output)
    copy = keras.models.clone_model(trunk)
    copy.set_weights(trunk.get_weights())
    copy.get_layer(MEAN_LAYER).finalize_state()
    for name in (*CONVOLUTIONS, *DENSE):
        copy.get_layer(name).trainable = layers == "all" or name in DENSE
    return _with_last_layer(copy.input["images"], copy.output, target, seed)


def target_of(model):
    """The target of a model of this file.

    Args:
        model: Keras model.

    Returns:
        Its name.

    Raises:
        ValueError: If the model is none of this file.
    """
    present = {layer.name for layer in model.layers}
    wanted = {"images", MEAN_LAYER, *CONVOLUTIONS, *DENSE, "drop7"}
    if not (wanted <= present and isinstance(model.output, dict)):
        raise ValueError(
            "Expected a model of build_levi_hassner or transfer_levi_hassner. "
            f"Received: model={model.name}"
        )
    (target,) = model.output
    return target


def _initializers(kernel_initializer, published_std, bias):
    """The published initial weights, or given kernels and no biases."""
    if kernel_initializer is not None:
        return {"kernel_initializer": kernel_initializer}
    return {
        "kernel_initializer": keras.initializers.RandomNormal(
            stddev=published_std
        ),
        "bias_initializer": keras.initializers.Constant(bias),
    }


def _pooled(maps, number):
    """Overlapping max-pooling, its number of places rounded up."""
    size = maps.shape[1]
    places = -(-(size - 3) // 2) + 1
    beyond = 2 * (places - 1) + 3 - size
    if beyond:
        maps = keras.layers.ZeroPadding2D(
            ((0, beyond), (0, beyond)), name=f"pad{number}"
        )(maps)
    return keras.layers.MaxPooling2D(3, strides=2, name=f"pool{number}")(maps)


def _normalized(maps, number):
    """Caffe's response normalisation: its alpha is a factor of a mean."""
    return LocalResponseNormalization(
        depth_radius=2,
        bias=1.0,
        alpha=1e-4 / 5,
        beta=0.75,
        name=f"norm{number}",
    )(maps)


def _with_last_layer(images, hidden, target, seed=None):
    # In float32 under every policy, as all estimates are.
    estimate = keras.layers.Dense(
        CLASSES.get(target, 1),
        activation="softmax" if target in CLASSES else None,
        kernel_initializer=keras.initializers.RandomNormal(
            stddev=0.01, seed=seed
        ),
        dtype="float32",
        name=target,
    )(hidden)
    return keras.Model(
        {"images": images},
        {target: estimate},
        name=f"levi_hassner_{target}",
    )


def _check_target(target):
    if not str(target).isidentifier() or target in _TAKEN:
        raise ValueError(
            "`target` must be 'age_group', 'gender', or a name of letters, "
            "digits and underscores that no other layer has. "
            f"Received: target={target!r}"
        )


def _check_counts(name, values, number):
    if (
        not isinstance(values, list | tuple)
        or len(values) != number
        or not all(map(_is_count, values))
    ):
        raise ValueError(
            f"`{name}` must be {number} positive integers. "
            f"Received: {name}={values!r}"
        )


def _is_count(value):
    return isinstance(value, int) and value > 0
