"""A network in which every region estimates alone."""

import keras

from fdin_tf.models.baselines.inputs import clip_inputs
from fdin_tf.models.baselines.inputs import object_features
from fdin_tf.models.fdin import check_units
from fdin_tf.models.fdin import estimate_layer
from fdin_tf.models.fdin import hidden_head


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
        Functional `keras.Model` as described in `fdin_tf.models.baselines`.

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
    inputs = clip_inputs(target, feature_shape, head_units, dropout)
    check_units("lstm_units", lstm_units)
    regions = object_features(
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
