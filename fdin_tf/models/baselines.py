"""What FDIN is compared with: networks of the same parts, without relations.

Kim and Ro, "Facial Dynamics Interpreter Network: What are the Important
Relations between Local Dynamics for Facial Trait Estimation?", ECCV 2018,
https://arxiv.org/abs/1711.10688, section 4.2. The parts that the paper does
not describe are those of FDIN. FDIN without locational features or without
relational importance is `build_fdin(use_location=False)` or
`build_fdin(use_importance=False)`.

Every network here keeps the contract of `build_fdin` on features. It takes a
dict of `"features"`, float `(batch, frames, h, w, c)`, and of `"mask"`, bool
`(batch, frames)`, True where a frame is real. It returns a dict of the target
alone, float32. Frames whose mask is False have no influence; a clip without
one real frame gives a finite answer that means nothing.
"""

import keras
from keras import ops

from fdin_tf.models.fdin import TARGETS
from fdin_tf.models.fdin import check_choice
from fdin_tf.models.fdin import check_dropout
from fdin_tf.models.fdin import check_units
from fdin_tf.models.fdin import estimate_head
from fdin_tf.models.fdin import estimate_layer
from fdin_tf.models.fdin import hidden_head
from fdin_tf.models.fdin import local_dynamics
from fdin_tf.models.fdin import without_neutral
from layers import LocationEmbed
from layers import RegionSplit
from layers import RelationalImportance


def build_regional(
    target="age",
    dense_units=1024,
    lstm_units=(1024, 1024),
    region_units=(4096, 4096),
    head_units=(2048, 1024),
    dropout=0.5,
    use_location=True,
    feature_shape=(6, 6, 512),
    neutral_frames=0,
    normalize_motion=False,
    entropy_penalty=0.0,
):
    """Builds the aggregation of local dynamics by regional importance.

    The first row of Tables 2 and 4: FDIN with the regions themselves in the
    place of the relations between them. It can tell how each region moves,
    but compares no two of them before it adds them up.

        d_i    = f(x_i^1, ..., x_i^T)       dense layer and LSTMs, as in FDIN
        o_i    = [d_i, p_i, q_i]            location
        e_i    = g(o_i)                     dense layers
        l_i    = softmax over regions of W_i e_i + b_i
        f_agg  = sum_i l_i e_i
        y      = k(f_agg)                   dense layers

    The layers have fixed names: `neutral`, `regions`, `dense`, `lstm_1`,
    `lstm_2`, ..., `location`, `region_1`, `region_1_dropout`, `region_2`,
    ..., `importance`, `aggregate`, `head_1`, `head_1_norm`, `head_1_relu`,
    `head_1_dropout`, `head_2`, ..., and the target.

    Args:
        target: `"age"`, `"gender"`, `"spontaneity"` or `"planted"`, as in
            `build_fdin`.
        dense_units: Units of the dense layer of `f`, on each region and frame.
        lstm_units: Units of each LSTM of `f`, at least one.
        region_units: Units of each dense layer of `g`, at least one; ReLU and
            dropout follow each.
        head_units: Units of each hidden dense layer of `k`, at least one.
        dropout: Share dropped after each dense layer of `g` and `k`, in
            [0, 1).
        use_location: Whether `o_i` has the location, or is `d_i` alone.
        feature_shape: Shape `(h, w, c)` of a frame's maps, `h` and `w`
            divisible by 3.
        neutral_frames: Of how many of a clip's first real frames the mean is
            subtracted from its features; 0 subtracts nothing.
        normalize_motion: Whether these differences are divided by how much
            each place of the face changes in the clip.
        entropy_penalty: Weight in the loss of the entropy of the importance,
            in nats, averaged over the batch (see `RelationalImportance`).

    Returns:
        Functional `keras.Model` as described at the top of this file. Its
        layer `importance` gives `l`, float32 `(batch, 9)`.

    Raises:
        ValueError: If `target` is none of the above, if `lstm_units`,
            `region_units` or `head_units` is empty, if `dropout` is outside
            [0, 1), if the maps cannot be cut into 3 x 3 regions, if
            `neutral_frames` is no integer from 0, if `normalize_motion` comes
            without it, or if `entropy_penalty` is negative.

    Example:

    >>> model = build_regional("age", lstm_units=(64,), region_units=(64,))
    >>> model.get_layer("importance").output.shape
    (None, 9)
    """
    inputs = _inputs(target, feature_shape, head_units, dropout)
    check_units("lstm_units", lstm_units)
    check_units("region_units", region_units)
    regions = _objects(
        inputs,
        dense_units,
        lstm_units,
        use_location,
        neutral_frames=neutral_frames,
        normalize_motion=normalize_motion,
    )
    for layer, units in enumerate(region_units, start=1):
        name = f"region_{layer}"
        regions = keras.layers.Dense(units, activation="relu", name=name)(
            regions
        )
        regions = keras.layers.Dropout(dropout, name=f"{name}_dropout")(regions)
    importance = RelationalImportance(
        entropy_penalty=entropy_penalty, name="importance"
    )(regions)
    aggregate = keras.layers.Dot(axes=(1, 1), name="aggregate")(
        [importance, regions]
    )
    estimate = estimate_head(aggregate, target, head_units, dropout)
    return keras.Model(inputs, {target: estimate}, name=f"regional_{target}")


def build_additive(
    target="age",
    dense_units=1024,
    lstm_units=(1024, 1024),
    head_units=(2048, 1024),
    dropout=0.5,
    use_location=True,
    feature_shape=(6, 6, 512),
    neutral_frames=0,
    normalize_motion=False,
):
    """Builds a network in which every region estimates alone.

    Not in the paper, but the limit of what can be read without comparing
    regions: the answer is a sum of functions of the single regions, so no
    relation between two of them enters it.

        d_i    = f(x_i^1, ..., x_i^T)       dense layer and LSTMs, as in FDIN
        o_i    = [d_i, p_i, q_i]            location
        y      = sum_i k(o_i) / 9           dense layers

    (The regional network is not additive: its head follows the sum, and from
    the sum of two vectors it can compute their difference, once the vectors
    say which region they are of.)

    The layers have fixed names: `neutral`, `regions`, `dense`, `lstm_1`,
    `lstm_2`, ..., `location`, `head_1`, `head_1_norm`, `head_1_relu`,
    `head_1_dropout`, `head_2`, ..., and the target: a model of the last dense
    layer, `region`, and of the average.

    Args:
        target: `"age"`, `"gender"`, `"spontaneity"` or `"planted"`, as in
            `build_fdin`.
        dense_units: Units of the dense layer of `f`, on each region and frame.
        lstm_units: Units of each LSTM of `f`, at least one.
        head_units: Units of each hidden dense layer of `k`, at least one.
        dropout: Share dropped after each dense layer of `k`, in [0, 1).
        use_location: Whether `o_i` has the location, or is `d_i` alone.
        feature_shape: Shape `(h, w, c)` of a frame's maps, `h` and `w`
            divisible by 3.
        neutral_frames: Of how many of a clip's first real frames the mean is
            subtracted from its features; 0 subtracts nothing.
        normalize_motion: Whether these differences are divided by how much
            each place of the face changes in the clip.

    Returns:
        Functional `keras.Model` as described at the top of this file.

    Raises:
        ValueError: If `target` is none of the above, if `lstm_units` or
            `head_units` is empty, if `dropout` is outside [0, 1), if the
            maps cannot be cut into 3 x 3 regions, if `neutral_frames` is no
            integer from 0, or if `normalize_motion` comes without it.

    Example:

    >>> model = build_additive("age", lstm_units=(64,), head_units=(64,))
    >>> {name: output.shape for name, output in model.output.items()}
    {'age': (None, 1)}
    """
    inputs = _inputs(target, feature_shape, head_units, dropout)
    check_units("lstm_units", lstm_units)
    regions = _objects(
        inputs,
        dense_units,
        lstm_units,
        use_location,
        neutral_frames=neutral_frames,
        normalize_motion=normalize_motion,
    )
    hidden = hidden_head(regions, head_units, dropout)
    estimates = keras.Input(hidden.shape[1:], name="hidden")
    average = keras.layers.GlobalAveragePooling1D(
        name="average", dtype="float32"
    )(estimate_layer(target, name="region")(estimates))
    estimate = keras.Model(estimates, average, name=target)(hidden)
    return keras.Model(inputs, {target: estimate}, name=f"additive_{target}")


def build_holistic(
    target="age",
    dense_units=1024,
    lstm_units=(1024, 1024),
    head_units=(2048, 1024),
    dropout=0.5,
    feature_shape=(6, 6, 512),
    neutral_frames=0,
    normalize_motion=False,
):
    """Builds the holistic dynamic approach: LSTMs on the whole face.

    The holistic row of Tables 3 and 5: "without dividing the face into local
    parts". With `x^t` the whole feature maps of frame `t`:

        d  = f(x^1, ..., x^T)               dense layer and LSTMs
        y  = k(d)                           dense layers

    The layers have fixed names: `neutral`, `regions` (of which there is one),
    `dense`, `lstm_1`, `lstm_2`, ..., `aggregate`, `head_1`, `head_1_norm`,
    `head_1_relu`, `head_1_dropout`, `head_2`, ..., and the target.

    Args:
        target: `"age"`, `"gender"`, `"spontaneity"` or `"planted"`, as in
            `build_fdin`.
        dense_units: Units of the dense layer of `f`, on each frame.
        lstm_units: Units of each LSTM of `f`, at least one.
        head_units: Units of each hidden dense layer of `k`, at least one.
        dropout: Share dropped after each dense layer of `k`, in [0, 1).
        feature_shape: Shape `(h, w, c)` of a frame's maps.
        neutral_frames: Of how many of a clip's first real frames the mean is
            subtracted from its features; 0 subtracts nothing.
        normalize_motion: Whether these differences are divided by how much
            each place of the face changes in the clip.

    Returns:
        Functional `keras.Model` as described at the top of this file.

    Raises:
        ValueError: If `target` is none of the above, if `lstm_units` or
            `head_units` is empty, if `dropout` is outside [0, 1), if the
            shape of the maps is not known, if `neutral_frames` is no integer
            from 0, or if `normalize_motion` comes without it.

    Example:

    >>> model = build_holistic("gender", dense_units=64, lstm_units=(64,))
    >>> {name: output.shape for name, output in model.output.items()}
    {'gender': (None, 2)}
    """
    inputs = _inputs(target, feature_shape, head_units, dropout)
    check_units("lstm_units", lstm_units)
    features = without_neutral(
        **inputs,
        neutral_frames=neutral_frames,
        normalize_motion=normalize_motion,
    )
    dynamics = local_dynamics(
        features, inputs["mask"], dense_units, lstm_units, grid=(1, 1)
    )
    aggregate = keras.layers.Flatten(name="aggregate")(dynamics)
    estimate = estimate_head(aggregate, target, head_units, dropout)
    return keras.Model(inputs, {target: estimate}, name=f"holistic_{target}")


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
        Functional `keras.Model` as described at the top of this file.

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
    inputs = _inputs(target, feature_shape, head_units, dropout)
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


def _objects(inputs, dense_units, lstm_units, use_location, **neutral):
    """Equations 1 and 2 of FDIN: the object features o_i of each region."""
    features = without_neutral(**inputs, **neutral)
    regions = local_dynamics(features, inputs["mask"], dense_units, lstm_units)
    if use_location:
        regions = LocationEmbed(name="location")(regions)
    return regions


def _inputs(target, feature_shape, head_units, dropout):
    """The inputs of a network; checks the arguments that all have."""
    check_choice("target", target, TARGETS)
    check_units("head_units", head_units)
    check_dropout(dropout)
    return {
        "features": keras.Input((None, *feature_shape), name="features"),
        "mask": keras.Input((None,), dtype="bool", name="mask"),
    }
