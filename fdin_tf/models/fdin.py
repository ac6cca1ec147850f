"""Facial dynamics interpreter network: the relations between facial regions.

Kim and Ro, "Facial Dynamics Interpreter Network: What are the Important
Relations between Local Dynamics for Facial Trait Estimation?", ECCV 2018,
https://arxiv.org/abs/1711.10688.
"""

import keras

from layers import FrameEncoder
from layers import LocationEmbed
from layers import NeutralDifference
from layers import PairwiseRelation
from layers import RegionSplit
from layers import RelationalImportance
from layers import SequenceLSTM

# Neurons and activation of the last layer (section 4.1 of the paper, which
# names spontaneity as a further use; planted is a number that the embedded
# clips were given, in its own unit).
TARGETS = {
    "age": (1, None),
    "planted": (1, None),
    "gender": (2, "softmax"),
    "spontaneity": (2, "softmax"),
}


def build_fdin(
    target="age",
    inputs="features",
    encoder=None,
    dense_units=1024,
    lstm_units=(1024, 1024),
    relation_units=(4096, 4096),
    head_units=(2048, 1024),
    dropout=0.5,
    use_location=True,
    use_importance=True,
    feature_shape=(6, 6, 512),
    frame_shape=(96, 96, 3),
    chunk_size=64,
    neutral_frames=0,
    normalize_motion=False,
    entropy_penalty=0.0,
    entropy_delay=0,
    remat=False,
):
    """Builds the network of figure 1 of the paper; the defaults are its sizes.

    Every frame's feature maps are cut into nine regions `x_i^t`, and

        d_i    = f(x_i^1, ..., x_i^T)             dense layer and LSTMs     (1)
        o_i    = [d_i, p_i, q_i]                  location                  (2)
        r_ij   = g(o_i, o_j)                      dense layers              (3)
        l_ij   = softmax over pairs of W_ij r_ij + b_ij                (4), (5)
        f_agg  = sum_ij l_ij r_ij                                           (6)
        y      = k(f_agg)                         dense layers              (7)

    Frames whose mask is False have no influence. A clip without one real
    frame gives a finite answer that means nothing.

    Three options are not the paper's. `neutral_frames` takes `x_i^t` relative
    to a clip's first frames, so that looks weigh less beside motion;
    `normalize_motion` takes the size of the motion away too, and leaves its
    course in time. `entropy_penalty` makes training prefer importance that is
    concentrated on few pairs of a clip, and so easier to read.

    The layers have fixed names: `encoder`, `neutral`, `regions`, `dense`,
    `lstm_1`, `lstm_2`, ..., `location`, `relations`, `importance`,
    `aggregate`, `head_1`, `head_1_norm`, `head_1_relu`, `head_1_dropout`,
    `head_2`, ..., and the target.

    Args:
        target: `"age"`, `"gender"`, `"spontaneity"` or `"planted"`: a number
            that depends on a relation in the embedded clips, see
            `fdin_tf.data.synthetic.planted_target`.
        inputs: `"features"`: the model takes feature maps. `"frames"`: it takes
            frames and runs `encoder` on them.
        encoder: With `inputs="frames"`, Keras model of frames of
            `frame_shape`, 0 to 255, to maps `(h, w, c)`, `h` and `w`
            divisible by 3. It is trained along unless its `trainable` is
            False. None: the layout of VGG-Face with random weights.
        dense_units: Units of the dense layer of `f`, on each region and frame.
        lstm_units: Units of each LSTM of `f`, at least one.
        relation_units: Units of each dense layer of `g`, at least one.
        head_units: Units of each hidden dense layer of `k`, at least one.
        dropout: Share dropped after each dense layer of `g` and `k`, in
            [0, 1).
        use_location: Whether `o_i` has the location, or is `d_i` alone.
        use_importance: Whether relations are weighted by their importance, or
            averaged.
        feature_shape: With `inputs="features"`, the shape `(h, w, c)` of a
            frame's maps.
        frame_shape: With `inputs="frames"`, the shape
            `(height, width, channels)` of a frame.
        chunk_size: With `inputs="frames"`, how many frames are encoded at
            once.
        neutral_frames: Of how many of a clip's first real frames the mean is
            subtracted from its features; 0 subtracts nothing.
        normalize_motion: Whether these differences are divided by how much
            each place of the face changes in the clip; needs
            `neutral_frames`.
        entropy_penalty: Weight in the loss of the entropy of the importance,
            in nats, averaged over the batch (see `RelationalImportance`).
        entropy_delay: Training steps before that penalty sets in.
        remat: With `inputs="frames"`, whether the activations of an encoder
            that is trained are computed anew for the gradient, `chunk_size`
            frames at a time: less memory, more time (see `FrameEncoder`).

    Returns:
        Functional `keras.Model`. It takes a dict of `"features"`, float
        `(batch, frames, h, w, c)`, or `"frames"`, uint8
        `(batch, frames, height, width, channels)`, and of `"mask"`, bool
        `(batch, frames)`, True where a frame is real; batch and frames are
        of any size. It returns a dict of the target alone, float32:
        `{"age": (batch, 1)}` in years, `{"planted": (batch, 1)}`, or
        probabilities
        `{"gender": (batch, 2)}` of `female, male` or
        `{"spontaneity": (batch, 2)}` of `posed, spontaneous`.

    Raises:
        ValueError: If `target` or `inputs` is none of the above, if
            `lstm_units`, `relation_units` or `head_units` is empty, if
            `dropout` is outside [0, 1), if `encoder` or `remat` comes with
            features, if `encoder` does not take the frames, if the maps
            cannot be cut into 3 x 3 regions, if `neutral_frames` is no
            integer from 0, if `normalize_motion` comes without it, or if
            `entropy_penalty` is negative or comes without importance.

    Example:

    >>> model = build_fdin("gender", lstm_units=(64,), relation_units=(64,))
    >>> {name: output.shape for name, output in model.output.items()}
    {'gender': (None, 2)}
    """
    check_choice("target", target, TARGETS)
    check_choice("inputs", inputs, ("features", "frames"))
    check_units("lstm_units", lstm_units)
    check_units("relation_units", relation_units)
    check_units("head_units", head_units)
    check_dropout(dropout)
    if inputs == "features" and encoder is not None:
        raise ValueError(
            "`encoder` is for `inputs='frames'`; features are encoded already. "
            f"Received: encoder={encoder}"
        )
    if inputs == "features" and remat:
        raise ValueError(
            "`remat` is for `inputs='frames'`; with features there is no "
            f"encoder. Received: remat={remat}"
        )
    if entropy_penalty and not use_importance:
        raise ValueError(
            "`entropy_penalty` is for `use_importance=True`; without it there "
            "is no importance to sharpen. "
            f"Received: entropy_penalty={entropy_penalty}"
        )

    mask = keras.Input((None,), dtype="bool", name="mask")
    if inputs == "features":
        features = keras.Input((None, *feature_shape), name="features")
        model_inputs = {"features": features, "mask": mask}
    else:
        frames = keras.Input((None, *frame_shape), dtype="uint8", name="frames")
        model_inputs = {"frames": frames, "mask": mask}
        encoder = encoder or _vggface_encoder(frame_shape)
        features = FrameEncoder(encoder, chunk_size, remat, name="encoder")(
            frames
        )

    features = without_neutral(features, mask, neutral_frames, normalize_motion)
    dynamics = local_dynamics(features, mask, dense_units, lstm_units)
    if use_location:
        dynamics = LocationEmbed(name="location")(dynamics)
    relations = PairwiseRelation(relation_units, dropout, name="relations")(
        dynamics
    )
    if use_importance:
        importance = RelationalImportance(
            entropy_penalty=entropy_penalty,
            entropy_delay=entropy_delay,
            name="importance",
        )(relations)
        aggregate = keras.layers.Dot(axes=(1, 1), name="aggregate")(
            [importance, relations]
        )
    else:
        aggregate = keras.layers.GlobalAveragePooling1D(name="aggregate")(
            relations
        )
    estimate = estimate_head(aggregate, target, head_units, dropout)
    return keras.Model(model_inputs, {target: estimate}, name=f"fdin_{target}")


def without_neutral(features, mask, neutral_frames, normalize_motion):
    """Features, or what they add to the first frames of their clip."""
    if not isinstance(neutral_frames, int) or neutral_frames < 0:
        raise ValueError(
            "`neutral_frames` must be a number of frames, 0 or more. "
            f"Received: neutral_frames={neutral_frames!r}"
        )
    if normalize_motion and neutral_frames == 0:
        raise ValueError(
            "`normalize_motion` is about differences to neutral frames; it "
            f"needs `neutral_frames`. Received: neutral_frames={neutral_frames}"
        )
    if neutral_frames == 0:
        return features
    return NeutralDifference(neutral_frames, normalize_motion, name="neutral")(
        features, mask=mask
    )


def local_dynamics(features, mask, dense_units, lstm_units, grid=(3, 3)):
    """Equation 1: feature maps to the dynamics d_i of each region."""
    regions = RegionSplit(grid, name="regions")(features)
    sequence = keras.layers.Dense(dense_units, activation="relu", name="dense")(
        regions
    )
    for layer, units in enumerate(lstm_units, start=1):
        sequence = SequenceLSTM(
            units,
            return_sequences=layer < len(lstm_units),
            name=f"lstm_{layer}",
        )(sequence, mask=mask)
    return sequence


def estimate_head(aggregate, target, head_units, dropout):
    """Equation 7: aggregated relations to the estimate."""
    hidden = hidden_head(aggregate, head_units, dropout)
    return estimate_layer(target, name=target)(hidden)


def hidden_head(hidden, head_units, dropout, mask=None):
    """The hidden layers of `k`; a mask is for what is normalised."""
    for layer, units in enumerate(head_units, start=1):
        name = f"head_{layer}"
        hidden = keras.layers.Dense(units, name=name)(hidden)
        # Normalised before ReLU, as by its inventors (the paper's reference
        # 20); dropped last, so that no layer normalises its own dropout.
        hidden = keras.layers.BatchNormalization(
            momentum=0.9, name=f"{name}_norm"
        )(hidden, mask=mask)
        hidden = keras.layers.ReLU(name=f"{name}_relu")(hidden)
        hidden = keras.layers.Dropout(dropout, name=f"{name}_dropout")(hidden)
    return hidden


def estimate_layer(target, name):
    """The last layer of `k`."""
    units, activation = TARGETS[target]
    # In float32 under every policy: half precision has no tenths of a year.
    return keras.layers.Dense(
        units, activation=activation, dtype="float32", name=name
    )


def _vggface_encoder(frame_shape):
    from fdin_tf.models.vggface import build_vggface_encoder

    return build_vggface_encoder(frame_shape)


def check_choice(name, value, choices):
    """Raises ValueError if a value is none of the choices."""
    if value not in choices:
        raise ValueError(
            f"`{name}` must be one of {', '.join(map(repr, choices))}. "
            f"Received: {name}={value!r}"
        )


def check_units(name, units):
    """Raises ValueError unless units are given for at least one layer."""
    if not isinstance(units, list | tuple) or not units:
        raise ValueError(
            f"`{name}` must be a tuple of at least one number of units, one "
            f"per layer. Received: {name}={units!r}"
        )


def check_dropout(dropout):
    """Raises ValueError if a share to be dropped is outside [0, 1)."""
    if not 0 <= dropout < 1:
        raise ValueError(
            f"`dropout` must be in [0, 1). Received: dropout={dropout}"
        )
