"""Relevance through recurrent layers, step by step.

In every product of a gate and a signal, the signal takes all and the gate
none; sums are divided in proportion, by the epsilon rule (Arras et al.,
WASSA 2017). With `z_t = x_t W + h_{t-1} U + b` what a step reads:

    ReLU network:  R(z_t) = R(h_t)
    LSTM:          R(c_t) += R(h_t)                           (o: a gate)
                   R(c_{t-1}) = f_t c_{t-1} R(c_t) / c_t      (f: a gate)
                   R(z_t) = i_t g_t R(c_t) / c_t              (i: a gate)

where `z_t` of the LSTM is that of its candidate `g_t = tanh(z_t)`. From `z_t`
relevance goes to `x_t` and `h_{t-1}` in proportion to `x_t W` and
`h_{t-1} U`; the bias keeps its part, unless the rule leaves it out. A frame
under a False mask hands `h` and `c` on as they are. States before the first
frame are zeros and take nothing.
"""

import dataclasses
from collections.abc import Callable

import keras
import tensorflow as tf

from fdin_tf.explain.lrp.gates import refuse_softmax
from fdin_tf.explain.lrp.registry import first_input
from fdin_tf.explain.lrp.registry import handles
from fdin_tf.explain.lrp.rules import stabilized
from layers import SequenceLSTM


@dataclasses.dataclass(frozen=True)
class _Cell:
    """What a recurrent layer computes with, in the dtype of relevance."""

    kernel: tf.Tensor
    recurrent_kernel: tf.Tensor
    bias: tf.Tensor
    activation: Callable
    gate_activation: Callable | None = None

    def candidate(self):
        """Kernels and bias of `g` alone: Keras' order is i, f, g, o."""
        return tuple(
            tf.split(w, 4, axis=-1)[2]
            for w in (self.kernel, self.recurrent_kernel, self.bias)
        )


@handles(keras.layers.SimpleRNN, is_weighted=True, signals=first_input)
def simple_rnn(setting):
    """A network whose state is a ReLU (or tanh) of what it reads."""
    return _recurrent(setting, _through_rnn)


@handles(SequenceLSTM, keras.layers.LSTM, is_weighted=True, signals=first_input)
def lstm(setting):
    """A network whose state is the sum of what its gates let through."""
    return _recurrent(setting, _through_lstm)


def _recurrent(setting, through):
    layer = setting.step.operation
    epsilon = setting.epsilon("recurrent")
    has_bias = setting.rule("recurrent").bias
    numbers = [slot for slot in setting.step.inputs if slot.carries]
    if (
        len(numbers) > 1
        or len(setting.step.outputs) > 1
        or getattr(layer, "go_backwards", False)
        or getattr(layer, "stateful", False)
    ):
        raise ValueError(
            "Relevance passes recurrent layers that run forward from states "
            "of zeros and return no state. Received: layer="
            f"{setting.step.name!r}"
        )
    refuse_softmax(setting.step, getattr(layer, "activation", None))

    def propagate(call, relevances):
        (relevance,) = relevances
        x = call.inputs[0]
        *batch, frames, features = tf.unstack(tf.shape(x))
        rows = tf.reduce_prod(batch)
        units = relevance.shape[-1]
        steps = _time_major(x, rows, frames, features)
        if layer.return_sequences:
            relevance = _time_major(relevance, rows, frames, units)
        else:  # all of it is of the state after the last frame
            relevance = tf.reshape(relevance, (1, rows, units))
            relevance = tf.pad(relevance, [(frames - 1, 0), (0, 0), (0, 0)])
        mask = _mask_of(call, rows // batch[0])
        if mask is None:
            mask = tf.ones((frames, rows, 1), "bool")
        of_steps, sinks = through(
            _cell_of(layer, x.dtype), steps, mask, relevance, epsilon, has_bias
        )
        share = tf.reshape(
            tf.transpose(of_steps, (1, 0, 2)), (*batch, frames, features)
        )
        # From rows, such as the regions of a clip, to clips.
        sinks = {
            name: tf.reduce_sum(tf.reshape(taken, (batch[0], -1)), axis=1)
            for name, taken in sinks.items()
        }
        rest = [None] * (len(call.inputs) - 1)
        return [tf.ensure_shape(share, x.shape), *rest], sinks

    return propagate


def _time_major(x, rows, frames, features):
    """`(batch, ..., frames, features)` to `(frames, rows, features)`."""
    x = tf.reshape(x, (rows, frames, features))
    return tf.transpose(x, (1, 0, 2))


def _mask_of(call, rows_per_clip):
    """`(frames, rows, 1)`, or None."""
    masks = [x for x in call.inputs[1:] if x.dtype == tf.bool]
    mask = masks[0] if masks else call.mask
    if mask is None:
        return None
    mask = tf.repeat(tf.cast(mask, "bool"), rows_per_clip, axis=0)
    return tf.transpose(mask)[..., None]


def _cell_of(layer, dtype):
    cell = getattr(layer, "cell", layer)

    def tensor(weight):
        return tf.cast(keras.ops.convert_to_tensor(weight), dtype)

    kernel = tensor(cell.kernel)
    bias = getattr(cell, "bias", None)
    return _Cell(
        kernel,
        tensor(cell.recurrent_kernel),
        tf.zeros(kernel.shape[-1:], dtype) if bias is None else tensor(bias),
        getattr(cell, "activation", tf.tanh),
        getattr(cell, "recurrent_activation", tf.sigmoid),
    )


def _before(states):
    """The state before every step: zeros, then all but the last."""
    return tf.concat([tf.zeros_like(states[:1]), states[:-1]], axis=0)


def _through_rnn(cell, steps, mask, relevance, epsilon, has_bias):
    bias = cell.bias
    products = tf.tensordot(steps, cell.kernel, 1) + bias

    def forward(state, now):
        h, _ = state
        product, real = now
        z = product + h @ cell.recurrent_kernel
        return tf.where(real, cell.activation(z), h), z

    zeros = tf.zeros_like(products[0])
    h, z = tf.scan(forward, (products, mask), (zeros, zeros))
    if not has_bias:
        z, bias = z - bias, tf.zeros_like(bias)

    def backward(state, now):
        of_h, _ = state
        h_before, z, real, of_output = now
        of_h += of_output
        s = tf.where(real, of_h / stabilized(z, epsilon), 0.0)
        of_before = h_before * tf.matmul(
            s, cell.recurrent_kernel, transpose_b=True
        )
        return tf.where(real, of_before, of_h), s

    _, s = tf.scan(
        backward, (_before(h), z, mask, relevance), (zeros, zeros), reverse=True
    )
    return _shares(steps, cell.kernel, bias, z, s, epsilon)


def _through_lstm(cell, steps, mask, relevance, epsilon, has_bias):
    products = tf.tensordot(steps, cell.kernel, 1) + cell.bias
    kernel, recurrent_kernel, bias = cell.candidate()

    def forward(state, now):
        h, c, *_ = state
        product, real = now
        gates = tf.split(product + h @ cell.recurrent_kernel, 4, axis=-1)
        i, f, o = (cell.gate_activation(gates[k]) for k in (0, 1, 3))
        z = gates[2]
        new = i * cell.activation(z)
        old = f * c
        new_c = new + old
        new_h = o * cell.activation(new_c)
        h, c = tf.where(real, new_h, h), tf.where(real, new_c, c)
        return h, c, z, new, old

    zeros = tf.zeros_like(products[0, :, : bias.shape[0]])
    h, c, z, new, old = tf.scan(forward, (products, mask), (zeros,) * 5)
    if not has_bias:
        z, bias = z - bias, tf.zeros_like(bias)

    def backward(state, now):
        of_h, of_c, *_ = state
        h_before, c, z, new, old, real, of_output = now
        of_h += of_output
        share = tf.where(real, (of_c + of_h) / stabilized(c, epsilon), 0.0)
        s = new * share / stabilized(z, epsilon)
        of_before = h_before * tf.matmul(s, recurrent_kernel, transpose_b=True)
        return (
            tf.where(real, of_before, of_h),
            tf.where(real, old * share, of_c),
            share,
            s,
        )

    _, _, share, s = tf.scan(
        backward,
        (_before(h), c, z, new, old, mask, relevance),
        (zeros,) * 4,
        reverse=True,
    )
    of_steps, sinks = _shares(steps, kernel, bias, z, s, epsilon)
    sinks["stabilizer"] += _per_row((stabilized(c, epsilon) - c) * share)
    return of_steps, sinks


def _shares(steps, kernel, bias, z, s, epsilon):
    """Relevance of the steps, and sinks per row, of all steps at once."""
    return steps * tf.tensordot(s, kernel, [[2], [1]]), {
        "bias": _per_row(bias * s),
        "stabilizer": _per_row((stabilized(z, epsilon) - z) * s),
    }


def _per_row(values):
    """Sums over frames and units of `(frames, rows, units)`."""
    return tf.reduce_sum(values, axis=(0, 2))
