"""Spatially-indexed attention model: a trait from a video, end to end.

Pei, Dibeklioglu, Baltrusaitis and Tax, "Attended End-to-end Architecture for
Age Estimation from Facial Expression Videos", IEEE Transactions on Image
Processing 29, 2020, https://arxiv.org/abs/1711.08690.
"""

import math

import keras
from keras import ops

from fdin_tf.models.fdin import TARGETS
from fdin_tf.models.fdin import check_choice
from fdin_tf.models.fdin import estimate_layer
from layers import FaceStandardization
from layers import FrameEncoder
from layers import LocalResponseNormalization
from layers import SpatiallyIndexedAttention
from layers import TemporalAttention
from layers.spatially_indexed_attention import MECHANISMS


def build_siam(
    target="age",
    frame_shape=(114, 114, 1),
    rnn_units=256,
    attention_units=256,
    temporal_units=None,
    spatial_attention="spatially_indexed",
    spatial_position=2,
    recurrent=True,
    temporal_attention=True,
    cnn_dropout=0.0,
    rnn_dropout=0.0,
    l2=0.0,
    recurrent_gain=1.0,
    spatial_penalty=0.0,
    temporal_penalty=0.0,
    penalty_delay=0,
    penalty_ramp=0,
    conv_units=(128, 256, 256),
    kernel_sizes=(7, 5, 3),
    strides=(2, 1, 1),
    padding=("valid", "same", "valid"),
    pool_size=2,
    dense_units=4096,
    standardize=True,
    background=0.0,
    chunk_size=64,
    remat=False,
):
    """Builds the network of figure 1 of the paper; the defaults are its sizes.

    For every frame `x_t`, on its own:

        F    = convolutions 1 and 2 of x_t, each with ReLU, response
               normalisation and max-pooling
        A_ij = sigmoid(u . tanh(W_ij F_ij + b_ij) + c)     attention      (1)
        I_ij = A_ij F_ij                                                  (2)
        p_t  = convolution 3 of I with ReLU, dense layer with ReLU, dense
               layer of n units with ReLU

    and for the clip, with sums over its real frames:

        z_t  = relu(W p_t + V z_(t-1) + b)        two such layers         (3)
        e_t  = sigmoid(v . tanh(M z_t + b) + c)                           (4)
        o_t  = e_t / sum_t' e_t'                                          (5)
        s    = sum_t o_t z_t                                              (6)
        y    = k . s + b                                                  (7)

    Frames whose mask is False have no influence: they leave `z` as it was.
    A clip without one real frame gives a finite answer that means nothing.

    Two options are not the paper's. `spatial_penalty` and `temporal_penalty`
    let a place or a frame be attended to only as far as that pays: nothing in
    the loss of the paper closes attention where it does no harm.

    Each module can be left out: without spatial attention `I = F`, without
    the recurrent layers `z_t = p_t`, and without temporal attention `o_t` is
    the same for all real frames. Without all three, an age is the mean of the
    estimates of single frames (of classes, the scores before the softmax are
    averaged). These are the rows of figure 6.

    What the paper leaves open is chosen thus:

    - The first and third convolution are not padded, the second is; pools
      are of 2 x 2. A frame of 114 x 114 gives maps of 27 x 27 after the first
      pooling, 13 x 13 after the second, and 11 x 11 after the third
      convolution.
    - Grey levels are standardised over the face in every frame, which takes
      away skin tone, light and contrast (`FaceStandardization`).
    - Response normalisation has the constants that its inventors print:
      `x / (2 + 1e-4 sum of 5 squares)^0.75`. Their pixels went to 255; here
      it comes close to a constant factor of 0.6.
    - Attention after convolution 1 or 2 comes after its normalisation and
      pooling.
    - Dropout of the appearance module follows its dense layer of 4096 units,
      that of the recurrent module each of its layers. The L2 term counts
      every kernel, those of attention and of the last layer included, and
      no bias.
    - Kernels before a ReLU are drawn as by He et al., others as by Glorot
      and Bengio. The recurrent kernels `V` are drawn orthogonal, times
      `recurrent_gain`: up to 1, no step lengthens what came before (ReLU and
      `V` are both non-expansive), so that untrained activations and gradients
      stay bounded over clips of any length; below 1, what came before fades,
      and with it what a frame says about the frames before it.

    The layers have fixed names: `appearance`, whose `encoder` is the model of
    single frames with the layers `frame`, `scale`, `conv_1`, `norm_1`,
    `pool_1`, `conv_2`, `norm_2`, `pool_2`, `conv_3`, `flatten`, `dense_1`,
    `dense_1_dropout`, `dense_2`, and `spatial_attention` in its place; then
    `rnn_1`, `rnn_1_dropout`, `rnn_2`, `rnn_2_dropout`, `temporal_attention`
    (or `temporal_mean`), and the target. `appearance` gives a dict of the
    `features` `p_t` and of `spatial_attention` `A`.

    Args:
        target: `"age"`, `"gender"`, `"spontaneity"` or `"planted"`, as in
            `build_fdin`.
        frame_shape: Shape `(height, width, channels)` of a frame.
        rnn_units: Units `n` of the second dense layer and of each recurrent
            layer.
        attention_units: Rows `d` of `W_ij`.
        temporal_units: Rows `n'` of `M`; None: `n`.
        spatial_attention: Mechanism of `SpatiallyIndexedAttention`, or None
            for no spatial attention.
        spatial_position: After which convolution it comes: 1, 2 or 3.
        recurrent: Whether there are recurrent layers.
        temporal_attention: Whether frames are weighed, or averaged.
        cnn_dropout: Share dropped in the appearance module, in [0, 1).
        rnn_dropout: Share dropped in the recurrent module, in [0, 1).
        l2: Weight of the L2 term in the loss, 0 or more.
        recurrent_gain: Length of the untrained recurrent kernels, above 0.
        spatial_penalty: Weight in the loss of the mean spatial attention;
            0 as published.
        temporal_penalty: Weight in the loss of the mean score `e_t`; 0 as
            published.
        penalty_delay: Training steps before the penalties set in.
        penalty_ramp: Training steps in which they then grow from 0.
        conv_units: Kernels of each of the three convolutions.
        kernel_sizes: Their sizes.
        strides: Their strides.
        padding: Their padding, `"valid"` or `"same"`.
        pool_size: Size and stride of both poolings.
        dense_units: Units of the first dense layer.
        standardize: Whether frames are standardised over their face (what is
            not 0), or only divided by 255.
        background: Value of what surrounds a standardised face, in standard
            deviations.
        chunk_size: How many frames go through the appearance module at once,
            outside of training and with `remat`.
        remat: Whether its activations are computed anew for the gradient,
            `chunk_size` frames at a time: less memory, more time (see
            `FrameEncoder`). Not with `spatial_penalty`.

    Returns:
        Functional `keras.Model`. It takes a dict of `"frames"`, uint8
        `(batch, frames, height, width, channels)`, and of `"mask"`, bool
        `(batch, frames)`, True where a frame is real; batch and frames are of
        any size. It returns a dict of the target alone, float32, as in
        `build_fdin`. `fdin_tf.explain.explained` adds the attention.

    Raises:
        ValueError: If `target`, `spatial_attention` or `spatial_position` is
            none of the above, if a number of units, `pool_size` or
            `chunk_size` is no positive integer, if `conv_units`,
            `kernel_sizes`, `strides` or `padding` has not three entries of
            its kind, if a dropout is outside [0, 1), if `l2`, a penalty,
            `recurrent_gain` or `background` is out of range, if `remat` comes
            with `spatial_penalty`, or if `frame_shape` is not known or is too
            small for the convolutions.

    Example:

    >>> model = build_siam("gender", (40, 40, 1), rnn_units=8, dense_units=16)
    >>> {name: output.shape for name, output in model.output.items()}
    {'gender': (None, 2)}
    """
    check_choice("target", target, TARGETS)
    check_choice("spatial_attention", spatial_attention, (None, *MECHANISMS))
    check_choice("spatial_position", spatial_position, (1, 2, 3))
    _check_three("frame_shape", frame_shape, _is_count, "positive integers")
    _check_three("conv_units", conv_units, _is_count, "positive integers")
    _check_three("kernel_sizes", kernel_sizes, _is_count, "positive integers")
    _check_three("strides", strides, _is_count, "positive integers")
    _check_three("padding", padding, _is_padding, "of 'valid' and 'same'")
    _check("rnn_units", rnn_units, _is_count, "a positive integer")
    _check("dense_units", dense_units, _is_count, "a positive integer")
    _check("pool_size", pool_size, _is_count, "a positive integer")
    _check("cnn_dropout", cnn_dropout, _is_share, "in [0, 1)")
    _check("rnn_dropout", rnn_dropout, _is_share, "in [0, 1)")
    _check("l2", l2, _is_weight, "finite and 0 or more")
    for name, penalty in (
        ("spatial_penalty", spatial_penalty),
        ("temporal_penalty", temporal_penalty),
    ):
        _check(name, penalty, _is_weight, "finite and 0 or more")
    _check(
        "recurrent_gain",
        recurrent_gain,
        lambda x: 0 < x < math.inf,
        "finite and above 0",
    )
    _check("background", background, math.isfinite, "finite")

    if remat and spatial_penalty:
        raise ValueError(
            "`spatial_penalty` is a mean over all frames; `remat` sees some at "
            f"a time. Received: spatial_penalty={spatial_penalty}"
        )

    regularizer = keras.regularizers.L2(l2) if l2 else None
    attend = None
    if spatial_attention is not None:
        attend = SpatiallyIndexedAttention(
            attention_units,
            spatial_attention,
            return_attention=True,
            kernel_regularizer=regularizer,
            penalty=spatial_penalty,
            penalty_delay=penalty_delay,
            penalty_ramp=penalty_ramp,
            name="spatial_attention",
        )
    try:
        encoder = _appearance(
            frame_shape,
            convolutions=zip(conv_units, kernel_sizes, strides, padding),
            pool_size=pool_size,
            attend_after={spatial_position: attend},
            dense_units=(dense_units, rnn_units),
            dropout=cnn_dropout,
            regularizer=regularizer,
            scale=_scaling(standardize, background),
        )
    except ValueError as error:  # of Keras; everything else is checked above
        raise ValueError(
            "`frame_shape` must leave a place after three convolutions and two "
            f"poolings. Received: frame_shape={frame_shape}"
        ) from error

    frames = keras.Input((None, *frame_shape), dtype="uint8", name="frames")
    mask = keras.Input((None,), dtype="bool", name="mask")
    appearance = FrameEncoder(encoder, chunk_size, remat, name="appearance")(
        frames
    )
    sequence = appearance["features"]
    if recurrent:
        sequence = _dynamics(
            sequence, mask, rnn_units, rnn_dropout, regularizer, recurrent_gain
        )
    if temporal_attention:
        summary, _ = TemporalAttention(
            temporal_units,
            return_attention=True,
            kernel_regularizer=regularizer,
            penalty=temporal_penalty,
            penalty_delay=penalty_delay,
            penalty_ramp=penalty_ramp,
            name="temporal_attention",
        )(sequence, mask=mask)
    else:
        summary = _temporal_mean(sequence, mask)
    regressor = estimate_layer(target, name=target)
    regressor.kernel_regularizer = regularizer
    return keras.Model(
        {"frames": frames, "mask": mask},
        {target: regressor(summary)},
        name=f"siam_{target}",
    )


def _appearance(
    frame_shape,
    convolutions,
    pool_size,
    attend_after,
    dense_units,
    dropout,
    regularizer,
    scale,
):
    """The model of one frame: `features` p_t, and `spatial_attention` A."""
    relu = {
        "activation": "relu",
        "kernel_initializer": "he_normal",
        "kernel_regularizer": regularizer,
    }
    frame = keras.Input(frame_shape, name="frame")
    outputs = {}
    maps = scale(frame)
    for block, (units, size, stride, padding) in enumerate(convolutions, 1):
        maps = keras.layers.Conv2D(
            units, size, stride, padding, name=f"conv_{block}", **relu
        )(maps)
        if block < 3:
            # Section 3.3 of Krizhevsky et al., NIPS 2012.
            maps = LocalResponseNormalization(
                depth_radius=2,
                bias=2.0,
                alpha=1e-4,
                beta=0.75,
                name=f"norm_{block}",
            )(maps)
            maps = keras.layers.MaxPooling2D(pool_size, name=f"pool_{block}")(
                maps
            )
        if attend_after.get(block):
            maps, outputs["spatial_attention"] = attend_after[block](maps)
    hidden = keras.layers.Flatten(name="flatten")(maps)
    first, second = dense_units
    hidden = keras.layers.Dense(first, name="dense_1", **relu)(hidden)
    hidden = keras.layers.Dropout(dropout, name="dense_1_dropout")(hidden)
    outputs["features"] = keras.layers.Dense(second, name="dense_2", **relu)(
        hidden
    )
    return keras.Model(frame, outputs, name="appearance")


def _scaling(standardize, background):
    """The layer of grey levels."""
    if standardize:
        return FaceStandardization(background, name="scale")
    return keras.layers.Rescaling(1 / 255, name="scale")


def _dynamics(sequence, mask, units, dropout, regularizer, gain):
    """Equation 3, twice."""
    for layer in (1, 2):
        sequence = keras.layers.SimpleRNN(
            units,
            activation=rectified,
            return_sequences=True,
            recurrent_initializer=keras.initializers.Orthogonal(gain),
            kernel_regularizer=regularizer,
            recurrent_regularizer=regularizer,
            name=f"rnn_{layer}",
        )(sequence, mask=mask)
        sequence = keras.layers.Dropout(dropout, name=f"rnn_{layer}_dropout")(
            sequence
        )
    return sequence


def _temporal_mean(sequence, mask):
    """Equation 6 with the same weight for all real frames, in float32."""
    is_real = ops.cast(mask, "float32")
    count = ops.sum(is_real, axis=1, keepdims=True)
    return keras.layers.Dot(axes=(1, 1), dtype="float32", name="temporal_mean")(
        [is_real / ops.maximum(count, 1), sequence]
    )


@keras.saving.register_keras_serializable(package="fdin_tf")
def rectified(values):
    """ReLU of the recurrent layers.

    In bfloat16, TensorFlow 2.21 cannot fuse its own ReLU in their loop, and
    then leaves the whole graph unoptimised.
    """
    return ops.maximum(values, 0)


def _check(name, value, is_valid, what):
    if not is_valid(value):
        raise ValueError(f"`{name}` must be {what}. Received: {name}={value!r}")


def _check_three(name, values, is_valid, what):
    _check(
        name,
        values,
        lambda v: (
            isinstance(v, list | tuple)
            and len(v) == 3
            and all(map(is_valid, v))
        ),
        f"three {what}",
    )


def _is_count(value):
    return isinstance(value, int) and value > 0


def _is_padding(value):
    return value in ("valid", "same")


def _is_weight(value):
    return 0 <= value < math.inf


def _is_share(value):
    return 0 <= value < 1
