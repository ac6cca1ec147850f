"""The LSTM recurrence behind `SequenceLSTM`, time-major.

Axes of all tensors are `(frames, rows, ...)`; a mask is `(frames, rows, 1)`,
True where a frame is real; `h` is in the compute dtype and `c` in at least
float32. What TensorFlow gets here and `keras.ops` cannot give is a loop that
records every step for a hand-written gradient.
"""

import keras
from keras import ops

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf


def lstm_recurrence(
    steps, weights, mask, h, c, *, return_sequences, training, cudnn_lstm=None
):
    """Runs an LSTM over all steps.

    Args:
        steps: Inputs, `(frames, rows, features)`.
        weights: Kernel, recurrent kernel and bias of `keras.layers.LSTM`.
        mask: Bool tensor `(frames, rows, 1)`, or None.
        h: First hidden state, `(rows, units)`.
        c: First cell state, `(rows, units)`.
        return_sequences: Whether the hidden state of every step is wanted.
        training: Whether gradients will be taken.
        cudnn_lstm: What `make_cudnn_lstm` returned.

    Returns:
        The tuple of all hidden states, `(frames, rows, units)` (None where
        nobody wants them), and of the last `h` and `c`.
    """

    def own_recurrence():
        kernel, recurrent_kernel, bias = (ops.cast(w, h.dtype) for w in weights)
        frames, rows, features = ops.shape(steps)
        products = ops.reshape(steps, (frames * rows, features))
        products = ops.matmul(products, kernel) + bias
        products = ops.reshape(products, (frames, rows, kernel.shape[-1]))
        arguments = (products, recurrent_kernel, mask, h, c)
        if keras.backend.backend() != "tensorflow":
            return portable_loop(*arguments)
        if training:
            return recorded_loop(*arguments)
        stored, *last = _loop(*arguments, num_stored=int(return_sequences))
        return (stored[0] if return_sequences else None), *last

    if training and cudnn_lstm is not None:
        return _cudnn_where_allowed(
            cudnn_lstm, own_recurrence, steps, mask, h, c
        )
    return own_recurrence()


def _cell(gates, c):
    """The equations of one step; returns h, c and the four gates."""
    i, f, g, o = ops.split(gates, 4, axis=-1)
    i, f, g, o = ops.sigmoid(i), ops.sigmoid(f), ops.tanh(g), ops.sigmoid(o)
    c = f * c + i * g
    return o * ops.tanh(c), c, (i, f, g, o)


def _step(products, recurrent, real, h, c):
    """One step with its mask; the new h, c and gates."""
    gates = ops.cast(products, c.dtype) + ops.cast(recurrent, c.dtype)
    new_h, new_c, gates = _cell(gates, c)
    new_h = ops.cast(new_h, h.dtype)
    if real is not None:
        new_h, new_c = ops.where(real, new_h, h), ops.where(real, new_c, c)
    return new_h, new_c, gates


def portable_loop(products, recurrent_kernel, mask, h, c):
    """The recurrence for every backend; differentiated by the backend."""
    if mask is None:
        mask = ops.ones((*ops.shape(products)[:2], 1), "bool")

    def step(state, now):
        h, c = state
        z, real = now
        h, c, _ = _step(z, ops.matmul(h, recurrent_kernel), real, h, c)
        return (h, c), (h, c)

    (h, c), (hs, _) = ops.scan(step, (h, c), (products, mask))
    return hs, h, c


def _product_with(kernel):
    """The function `h -> h @ kernel`, made once and called in every step."""
    if kernel.dtype != tf.bfloat16:
        return lambda h: tf.matmul(h, kernel)
    # oneDNN is up to 2.4 times as fast on a transposed bfloat16 kernel, and
    # half as fast on one of another type.
    transposed = tf.transpose(kernel)
    return lambda h: tf.matmul(h, transposed, transpose_b=True)


def _loop(products, recurrent_kernel, mask, h, c, num_stored):
    """TensorFlow's loop; stores the first of h, c, i, f, g, o of each step."""
    frames = ops.shape(products)[0]
    units = h.shape[-1]
    times_kernel = _product_with(recurrent_kernel)
    arrays = tuple(
        tf.TensorArray(dtype, size=frames, element_shape=(None, units))
        for dtype in (h.dtype, *5 * [c.dtype])[:num_stored]
    )

    def step(t, h, c, arrays):
        real = None if mask is None else mask[t]
        h, c, gates = _step(products[t], times_kernel(h), real, h, c)
        arrays = tuple(a.write(t, v) for a, v in zip(arrays, (h, c, *gates)))
        return t + 1, h, c, arrays

    _, h, c, arrays = tf.while_loop(
        lambda t, *_: t < frames,
        step,
        (0, h, c, arrays),
        parallel_iterations=1,
        maximum_iterations=frames,
    )
    shape = (products.shape[0], products.shape[1], units)
    stored = [tf.ensure_shape(a.stack(), shape) for a in arrays]
    return stored, h, c


def recorded_loop(products, recurrent_kernel, mask, h, c):
    """The same with a gradient of its own."""

    @tf.custom_gradient
    def run(products, recurrent_kernel, first_h, first_c):
        (hs, *stored), h, c = _loop(
            products, recurrent_kernel, mask, first_h, first_c, num_stored=6
        )

        def gradient(*upstream):
            gradients = _gradient_loop(
                *upstream, recurrent_kernel, mask, first_h, first_c, hs, *stored
            )
            return [
                tf.raw_ops.PreventGradient(
                    input=g,
                    message="`SequenceLSTM` has no second-order gradient in "
                    "training; call it with training=False.",
                )
                for g in gradients
            ]

        return (hs, h, c), gradient

    return run(products, recurrent_kernel, h, c)


def _gradient_loop(
    d_hs, d_h, d_c, recurrent_kernel, mask, first_h, first_c, hs, cs, i, f, g, o
):
    """Gradients of the products, the recurrent kernel and the first h and c."""
    tanh_c = ops.tanh(cs)
    last_cs = ops.concatenate([first_c[None], cs[:-1]], axis=0)
    last_hs = ops.concatenate([first_h[None], hs[:-1]], axis=0)
    # For all steps at once: what a change of h means to c, and what a change
    # of c (for o: of h) means to the gates before their activation.
    h_to_c = o * (1 - tanh_c**2)
    to_gates = ops.concatenate(
        [
            g * i * (1 - i),
            last_cs * f * (1 - f),
            i * (1 - g**2),
            tanh_c * o * (1 - o),
        ],
        axis=-1,
    )
    if mask is not None:
        h_to_c = ops.where(mask, h_to_c, 0)
        to_gates = ops.where(mask, to_gates, 0)
        f = ops.where(mask, f, 1)
    frames, rows, units = ops.shape(hs)
    array = tf.TensorArray(hs.dtype, frames, element_shape=(None, 4 * units))
    times_transposed = _product_with(tf.transpose(recurrent_kernel))

    def step(t, d_h, d_c, array):
        d_h = d_h + tf.cast(d_hs[t], d_h.dtype)
        d_c = d_c + d_h * h_to_c[t]
        d_gates = tf.concat([d_c, d_c, d_c, d_h], -1) * to_gates[t]
        d_gates = tf.cast(d_gates, hs.dtype)
        last_d_h = tf.cast(times_transposed(d_gates), d_h.dtype)
        if mask is not None:
            last_d_h = tf.where(mask[t], last_d_h, d_h)
        return t - 1, last_d_h, d_c * f[t], array.write(t, d_gates)

    _, d_h, d_c, array = tf.while_loop(
        lambda t, *_: t >= 0,
        step,
        (frames - 1, tf.cast(d_h, d_c.dtype), d_c, array),
        parallel_iterations=1,
        maximum_iterations=frames,
    )
    d_products = array.stack()
    d_recurrent_kernel = tf.matmul(
        tf.reshape(last_hs, (frames * rows, units)),
        tf.reshape(d_products, (frames * rows, 4 * units)),
        transpose_a=True,
    )
    return d_products, d_recurrent_kernel, tf.cast(d_h, hs.dtype), d_c


def make_cudnn_lstm(layer):
    """`keras.layers.LSTM` on the weights of `layer`; None without a GPU."""
    if keras.backend.backend() != "tensorflow" or not has_gpu():
        return None
    lstm = keras.layers.LSTM(
        layer.units,
        return_sequences=True,
        return_state=True,
        dtype=layer.dtype_policy,
    )
    lstm.cell.kernel = layer.kernel
    lstm.cell.recurrent_kernel = layer.recurrent_kernel
    lstm.cell.bias = layer.bias
    lstm.cell.built = lstm.built = True
    # A bound method, so that `layer` does not own (and save) a second layer.
    return lstm.__call__


def has_gpu():
    """Whether TensorFlow sees a GPU."""
    return bool(tf.config.list_logical_devices("GPU"))


def _cudnn_where_allowed(cudnn_lstm, own_recurrence, steps, mask, h, c):
    """The loop of cuDNN if all padding is at the end, else our own."""

    def cudnn_recurrence():
        hs, last_h, last_c = cudnn_lstm(
            ops.transpose(steps, (1, 0, 2)),
            mask=None if mask is None else ops.transpose(mask[:, :, 0]),
            initial_state=[h, c],
            training=True,
        )
        hs = ops.transpose(hs, (1, 0, 2))
        if mask is not None:  # cuDNN leaves zeros where the padding begins.
            hs = ops.where(mask, hs, last_h)
        return hs, last_h, ops.cast(last_c, c.dtype)

    if mask is None:
        return cudnn_recurrence()
    starts_real = tf.reduce_all(mask[:1])
    stays_padding = tf.reduce_all(mask[:-1] | ~mask[1:])
    return tf.cond(
        starts_real & stays_padding, cudnn_recurrence, own_recurrence
    )
