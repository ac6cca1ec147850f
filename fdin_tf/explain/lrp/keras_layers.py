"""Relevance through the layers and operations of Keras."""

import keras
import tensorflow as tf

from fdin_tf.explain.lrp import gates
from fdin_tf.explain.lrp.affine import AFFINE_LAYERS
from fdin_tf.explain.lrp.affine import CONVOLUTIONS
from fdin_tf.explain.lrp.affine import affine_map
from fdin_tf.explain.lrp.affine import fold_after
from fdin_tf.explain.lrp.affine import fold_before
from fdin_tf.explain.lrp.affine import normalization_map
from fdin_tf.explain.lrp.affine import scale_and_shift
from fdin_tf.explain.lrp.bounds import bounds_of
from fdin_tf.explain.lrp.first_layer_rules import ZBox
from fdin_tf.explain.lrp.folding import Folded
from fdin_tf.explain.lrp.folding import linear_layer
from fdin_tf.explain.lrp.graph import Slot
from fdin_tf.explain.lrp.registry import all_inputs
from fdin_tf.explain.lrp.registry import first_input
from fdin_tf.explain.lrp.registry import handles
from fdin_tf.explain.lrp.registry import unknown
from fdin_tf.explain.lrp.rules import per_example
from fdin_tf.explain.lrp.rules import stabilized

_ELEMENTWISE = (
    keras.layers.Activation, keras.layers.ReLU, keras.layers.LeakyReLU,
    keras.layers.PReLU, keras.layers.ELU, keras.layers.Rescaling,
    keras.layers.Normalization, keras.layers.Dropout,
    keras.layers.SpatialDropout1D, keras.layers.SpatialDropout2D,
    keras.layers.SpatialDropout3D, keras.layers.AlphaDropout,
    keras.layers.GaussianDropout, keras.layers.GaussianNoise,
    keras.layers.ActivityRegularization, keras.layers.Identity,
    keras.layers.Masking,
    "Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Celu", "Gelu", "Silu",
    "Softplus", "Softsign", "Sigmoid", "HardSigmoid", "Tanh", "HardTanh",
    "Clip", "Cast", "Copy", "ConvertToTensor", "StopGradient", "Identity",
)  # fmt: skip

_REARRANGING = (
    keras.layers.Flatten, keras.layers.Reshape, keras.layers.Permute,
    keras.layers.RepeatVector, keras.layers.ZeroPadding1D,
    keras.layers.ZeroPadding2D, keras.layers.ZeroPadding3D,
    keras.layers.Cropping1D, keras.layers.Cropping2D, keras.layers.Cropping3D,
    keras.layers.Concatenate,
    "Reshape", "Transpose", "Ravel", "Squeeze", "ExpandDims", "Moveaxis",
    "Swapaxes", "Flip", "Roll", "Pad", "Concatenate", "Stack", "Split",
    "Take", "GetItem", "Slice", "Repeat", "Tile", "BroadcastTo", "Unstack",
)  # fmt: skip

_WINNING = (
    keras.layers.MaxPooling1D, keras.layers.MaxPooling2D,
    keras.layers.MaxPooling3D, keras.layers.GlobalMaxPooling1D,
    keras.layers.GlobalMaxPooling2D, keras.layers.GlobalMaxPooling3D,
    keras.layers.Maximum, keras.layers.Minimum,
    "MaxPool", "Max", "Maximum", "Min", "Minimum",
)  # fmt: skip

_SUMMING = (
    keras.layers.AveragePooling1D, keras.layers.AveragePooling2D,
    keras.layers.AveragePooling3D, keras.layers.GlobalAveragePooling1D,
    keras.layers.GlobalAveragePooling2D, keras.layers.GlobalAveragePooling3D,
    keras.layers.Add, keras.layers.Subtract, keras.layers.Average,
    keras.layers.UpSampling1D, keras.layers.UpSampling2D,
    keras.layers.UpSampling3D,
    "AveragePool", "Mean", "Sum", "Add", "Subtract", "Negative", "Cumsum",
)  # fmt: skip

_MULTIPLYING = (
    keras.layers.Multiply, keras.layers.Dot,
    "Multiply", "Dot", "Matmul", "Tensordot", "Einsum",
)  # fmt: skip


def transposed(call, signals, relevances):
    """The transposed map of an operation, applied to its outputs.

    Args:
        call: `Call`.
        signals: Indices of the inputs that are variable.
        relevances: Of every output a tensor, or None.

    Returns:
        One tensor per signal.
    """
    # One tensor may be given twice: each place is a variable of its own.
    given = [tf.identity(call.inputs[i]) for i in signals]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(given)
        inputs = list(call.inputs)
        for i, x in zip(signals, given):
            inputs[i] = x
        outputs = call.recompute(inputs)
    known = [i for i, r in enumerate(relevances) if r is not None]
    return [
        tf.convert_to_tensor(share)
        for share in tape.gradient(
            [outputs[i] for i in known],
            given,
            [relevances[i] for i in known],
            unconnected_gradients="zero",
        )
    ]


def place(shares, signals, call):
    """Shares of the signals, and None for every other input."""
    placed = dict(zip(signals, shares))
    return [placed.get(i) for i in range(len(call.inputs))]


@handles(*_ELEMENTWISE, signals=first_input)
def elementwise(setting):
    """R_in = R_out: what changes every value by itself hands all on."""
    activation = getattr(setting.step.operation, "activation", None)
    gates.refuse_softmax(setting.step, activation)

    def propagate(call, relevances):
        return [relevances[0]] + [None] * (len(call.inputs) - 1), {}

    return propagate


@handles(keras.layers.Softmax, "Softmax", "LogSoftmax", "Sparsemax")
def softmax(setting):
    """Every output depends on all inputs, with a divisor: no way through."""
    gates.refuse_softmax(setting.step, keras.activations.softmax)


@handles(*_REARRANGING)
def rearranging(setting):
    """Every output is one of the inputs, whose relevance it returns."""
    signals = all_inputs(setting.step, setting.graph)

    def propagate(call, relevances):
        return place(transposed(call, signals, relevances), signals, call), {}

    return propagate


@handles(*_WINNING)
def winning(setting):
    """The largest input takes all."""
    return rearranging(setting)


@handles(*_SUMMING)
def summing(setting):
    """In proportion to the contributions, by the composite's linear rule."""
    signals = all_inputs(setting.step, setting.graph)
    epsilon = setting.epsilon("linear")

    def propagate(call, relevances):
        return in_proportion(call, signals, relevances[0], epsilon)

    return propagate


def in_proportion(call, signals, relevance, epsilon, share=1.0):
    """R_i = x_i sum_j w_ij R_j / z_j for a map that is linear in its signals.

    Args:
        call: `Call` of one output.
        signals: Indices of the inputs that it is linear in.
        relevance: Of the output.
        epsilon: Stabiliser.
        share: What every signal takes of a product of several.

    Returns:
        As the function of a `Handler`.
    """
    (z,) = call.recompute(call.inputs)
    divisor = stabilized(z, epsilon)
    s = relevance / divisor
    shares = [
        share * call.inputs[i] * pulled
        for i, pulled in zip(signals, transposed(call, signals, [s]))
    ]
    without = [
        tf.zeros_like(x) if i in signals else x
        for i, x in enumerate(call.inputs)
    ]
    (constant,) = call.recompute(without)
    return place(shares, signals, call), {
        "bias": per_example(constant * s),
        "stabilizer": per_example((divisor - z) * s),
    }


@handles(*_MULTIPLYING, signals=gates.ungated)
def multiplying(setting):
    """The signal takes all, the gate none; factors alike share alike."""
    signals = gates.ungated(setting.step, setting.graph)
    if getattr(setting.step.operation, "normalize", False):
        raise unknown(setting.step)  # the lengths divide: no product
    epsilon = setting.epsilon("linear")

    def propagate(call, relevances):
        return in_proportion(
            call, signals, relevances[0], epsilon, 1 / len(signals)
        )

    return propagate


@handles("Divide", "TrueDivide", "DivideNoNan", signals=first_input)
def dividing(setting):
    """The dividend takes all: a divisor is a gate."""
    step = setting.step
    dividend = (*step.args, *step.kwargs.values())[0]
    is_slot = isinstance(dividend, Slot)  # and no array, which has no hash
    if not is_slot or dividend not in setting.graph.variable:
        raise ValueError(
            "No rule is known that takes relevance through a divisor. "
            f"Received: layer={step.name!r}"
        )
    epsilon = setting.epsilon("linear")

    def propagate(call, relevances):
        return in_proportion(call, [0], relevances[0], epsilon)

    return propagate


@handles(*AFFINE_LAYERS, Folded, is_weighted=True, signals=first_input)
def affine(setting):
    """The composite's rule, on the layer's own linear map."""
    operation = setting.step.operation
    kind = _kind(operation)
    rule = setting.rule(kind)
    if not setting.is_start:
        gates.refuse_softmax(setting.step, _activation(operation))
    at = None
    if isinstance(rule, ZBox):
        at = bounds_of(setting.step, setting.graph)

    def propagate(call, relevances):
        (x,) = call.inputs[:1]
        bounds = () if at is None else (at(rule.low, rule.high),)
        share, sinks = rule(map_of(operation, x), x, relevances[0], *bounds)
        return [share] + [None] * (len(call.inputs) - 1), sinks

    return propagate


@handles(keras.layers.BatchNormalization, signals=first_input)
def normalization(setting):
    """Batch normalisation with no neighbour to fold it into."""
    rule = setting.rule("linear")

    def propagate(call, relevances):
        x = call.inputs[0]
        linear = map_of(setting.step.operation, x)
        share, sinks = rule(linear, x, relevances[0])
        return [share] + [None] * (len(call.inputs) - 1), sinks

    return propagate


def map_of(operation, x):
    """The affine map of an operation that has one, for its input."""
    if isinstance(operation, keras.layers.BatchNormalization):
        return normalization_map(operation, x.shape.rank, x.dtype)
    if not isinstance(operation, Folded):
        return affine_map(operation, x.dtype)
    scale, shift = scale_and_shift(operation.normalization, x.dtype)
    fold = fold_before if operation.is_before else fold_after
    return fold(affine_map(operation.linear, x.dtype), scale, shift)


def _kind(operation):
    is_convolution = isinstance(linear_layer(operation), CONVOLUTIONS)
    return "convolution" if is_convolution else "dense"


def _activation(operation):
    if isinstance(operation, Folded) and not operation.is_before:
        return None
    return linear_layer(operation).activation
