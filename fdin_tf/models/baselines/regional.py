"""FDIN with the regions themselves in the place of their relations."""

import keras

from fdin_tf.models.baselines.inputs import clip_inputs
from fdin_tf.models.baselines.inputs import object_features
from fdin_tf.models.fdin import check_units
from fdin_tf.models.fdin import estimate_head
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
        Functional `keras.Model` as described in `fdin_tf.models.baselines`. Its
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
    inputs = clip_inputs(target, feature_shape, head_units, dropout)
    check_units("lstm_units", lstm_units)
    check_units("region_units", region_units)
    regions = object_features(
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
