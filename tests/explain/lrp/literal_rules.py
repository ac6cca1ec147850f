"""Relevance propagation, slow and literal: input i to output j, one by one.

All of it in float64, for one example: `x` of n inputs, `w` of n inputs and m
outputs, `b` and the relevance `r` of m outputs.
"""

import numpy as np
from keras import layers

from fdin_tf.explain.lrp import AlphaBeta
from fdin_tf.explain.lrp import Epsilon
from fdin_tf.explain.lrp import Flat
from fdin_tf.explain.lrp import Gamma
from fdin_tf.explain.lrp import WSquare
from fdin_tf.explain.lrp import ZBox


def literal(rule, x, w, b, r, bounds=None):
    """Shares of the inputs, and what bias and stabiliser took."""
    if not getattr(rule, "bias", True):
        b = np.zeros_like(b)
    shares, of_bias, kept_back = np.zeros(len(x)), 0.0, 0.0
    for j in range(len(r)):
        z = [x[i] * w[i, j] for i in range(len(x))]
        parts, total = _PARTS[type(rule)](rule, x, w[:, j], z, b[j], bounds)
        if total == 0:
            kept_back += r[j]
            continue
        for i in range(len(x)):
            shares[i] += parts[i] / total * r[j]
        of_bias += parts[len(x)] / total * r[j]
        kept_back += (1 - sum(parts) / total) * r[j]
    return shares, of_bias, kept_back


def stabilized(z, epsilon):
    return z + epsilon if z >= 0 else z - epsilon


# Of one output: what every input, and last the bias, has of it in which total.


def epsilon_parts(rule, x, w, z, b, bounds):
    return [*z, b], stabilized(sum(z) + b, rule.epsilon)


def alpha_beta_parts(rule, x, w, z, b, bounds):
    up = [max(part, 0.0) for part in [*z, b]]
    down = [min(part, 0.0) for part in [*z, b]]
    alpha, beta = rule.alpha, rule.beta
    if beta == 0:
        return up, sum(up)
    if not sum(down):
        alpha, beta = 1.0, 0.0
    elif not sum(up):
        alpha, beta = 0.0, 1.0
    parts = np.zeros(len(up))
    if sum(up):
        parts += alpha * np.array(up) / sum(up)
    if sum(down):
        parts += beta * np.array(down) / sum(down)
    return list(parts), 1.0 if sum(up) or sum(down) else 0.0


def gamma_parts(rule, x, w, z, b, bounds):
    is_up = sum(z) + b >= 0
    parts = [
        part * (1 + rule.gamma) if (part > 0) == is_up else part
        for part in [*z, b]
    ]
    return parts, stabilized(sum(parts), rule.epsilon)


def w_square_parts(rule, x, w, z, b, bounds):
    parts = [weight**2 for weight in w]
    return [*parts, 0.0], sum(parts)


def flat_parts(rule, x, w, z, b, bounds):
    parts = [float(weight != 0) for weight in w]
    return [*parts, 0.0], sum(parts)


def z_box_parts(rule, x, w, z, b, bounds):
    low, high = bounds or (rule.low, rule.high)
    low, high = np.broadcast_to(low, len(x)), np.broadcast_to(high, len(x))
    parts = [
        x[i] * w[i] - low[i] * max(w[i], 0.0) - high[i] * min(w[i], 0.0)
        for i in range(len(x))
    ]
    return [*parts, 0.0], stabilized(sum(parts), rule.epsilon)


_PARTS = {
    Epsilon: epsilon_parts,
    AlphaBeta: alpha_beta_parts,
    Gamma: gamma_parts,
    WSquare: w_square_parts,
    Flat: flat_parts,
    ZBox: z_box_parts,
}


def matrix_of(layer, shape):
    """A layer's weights `w_ij` and biases, from its answers to unit inputs."""
    units = np.eye(int(np.prod(shape))).reshape(-1, *shape)
    activation, layer.activation = getattr(layer, "activation", None), None
    bias = np.array(layer(0 * units[:1])).ravel()
    w = np.array(layer(units)).reshape(len(units), -1) - bias
    layer.activation = activation
    return w, bias


def winners_of(layer, x):
    """The matrix that takes from `x` what maximum pooling takes from it."""
    z = np.array(layer(x[None])).ravel()
    w = np.zeros((x.size, len(z)))
    for j, window in enumerate(_windows(layer, x.shape)):
        best = max(window, key=lambda i: x.ravel()[i])
        assert x.ravel()[best] == z[j]
        w[best, j] = 1.0
    return w


def _windows(layer, shape):
    """Of every output, the places in the input of what it is pooled from."""
    height, width, channels = shape
    places = np.arange(height * width * channels).reshape(shape)
    (rows, columns), (down, right) = layer.pool_size, layer.strides
    for top in range(0, height - rows + 1, down):
        for left in range(0, width - columns + 1, right):
            window = places[top : top + rows, left : left + columns]
            yield from window.reshape(-1, channels).T


def literal_network(stack, composite, x, target):
    """Relevance of one example by layers in float64, one after the other.

    Returns it and what was lost: what met no contribution.
    """
    activations = [np.asarray(x, "float64")]
    for layer in stack:
        activations.append(np.array(layer(activations[-1][None]))[0])
    r = np.zeros(activations[-1].size)
    r[target] = activations[-1].ravel()[target]
    lost = 0.0
    has_weights = [bool(layer.weights) for layer in stack]
    *_, last = [None, *(x for x in stack if isinstance(x, layers.Conv2D))]
    for k in reversed(range(len(stack))):
        layer, before = stack[k], activations[k]
        if isinstance(layer, layers.MaxPooling2D):
            r = winners_of(layer, before) @ r
            continue
        if isinstance(layer, layers.Dense):
            rule = composite.dense
        elif isinstance(layer, layers.Conv2D):
            rule = composite.convolution
            if layer is last:
                rule = composite.last or rule
        elif isinstance(layer, layers.AveragePooling2D):
            rule = composite.linear
        else:
            continue  # ReLU, and flat or not is the same here
        if has_weights[k] and not any(has_weights[:k]):
            rule = composite.first or rule
        w, bias = matrix_of(layer, before.shape)
        r, _, kept_back = literal(rule, before.ravel(), w, bias, r)
        if not hasattr(rule, "epsilon"):  # no stabiliser has it
            lost += kept_back
    return r.reshape(activations[0].shape), lost
