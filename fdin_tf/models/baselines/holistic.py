"""LSTMs on the whole face."""

import keras

from fdin_tf.models.baselines.inputs import clip_inputs
from fdin_tf.models.fdin import check_units
from fdin_tf.models.fdin import estimate_head
from fdin_tf.models.fdin import local_dynamics
from fdin_tf.models.fdin import without_neutral


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
        Functional `keras.Model` as described in `fdin_tf.models.baselines`.

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
    inputs = clip_inputs(target, feature_shape, head_units, dropout)
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
