"""A scan whose gradient computes each step anew instead of keeping it."""

import keras
from keras import ops

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

_flatten = keras.tree.flatten
_map = keras.tree.map_structure


def rematerialized_scan(step, weights, state, outputs, chunks):
    """Runs `step` on one chunk after the other, and again for the gradient.

    Of each step its chunk, its state and its outputs are kept, and nothing
    between them [1].

    Args:
        step: Function of the weights, a state and a chunk to the next state
            and the outputs. It reads no variable, and none changes.
        weights: List of tensors that get a gradient.
        state: List of tensors before the first step. They get no gradient.
        outputs: Nest of tensors as a step gives it; their values are not read.
        chunks: Tensor of shape `(steps, ...)`. It gets a gradient if its
            dtype has one.

    Returns:
        The state after the last step, and the outputs of all steps, stacked.

    [1] Chen, Xu, Zhang and Guestrin, "Training Deep Nets with Sublinear Memory
    Cost", 2016, https://arxiv.org/abs/1604.06174.
    """
    if keras.backend.backend() == "tensorflow":
        return _tensorflow_scan(step, weights, state, outputs, chunks)
    step = keras.remat(step)
    return ops.scan(lambda s, chunk: step(weights, s, chunk), state, chunks)


def _tensorflow_scan(step, weights, state, outputs, chunks):
    """The same with a gradient of its own.

    In a loop, `keras.remat` fails on TensorFlow for constants from outside of
    it, such as the mean of `keras.layers.Normalization`.
    """

    @tf.custom_gradient
    def run(chunks, *weights):
        def forwards(carry, chunk):
            state, _ = carry
            last, outputs = step(weights, state, chunk)
            return (last, outputs), (state, outputs)

        (last, _), (states, stacked) = ops.scan(
            forwards, (state, outputs), chunks
        )

        def gradient(*upstream):
            steps = (chunks, states, list(upstream[len(state) :]))

            def gradients_of(sources, chunk, state, upstream):
                with tf.GradientTape() as tape:
                    tape.watch(sources)
                    _, outputs = step(weights, state, chunk)
                    outputs = _flatten(outputs)
                return tape.gradient(outputs, sources, upstream, "zero")

            d_weights = tf.foldl(
                lambda sums, each: _map(
                    tf.add, sums, gradients_of(list(weights), *each)
                ),
                steps,
                [tf.zeros_like(weight) for weight in weights],
                parallel_iterations=1,
            )
            d_chunks = None
            if chunks.dtype.is_floating:
                # In a graph that does not ask for them, nothing is computed.
                d_chunks = tf.map_fn(
                    lambda each: gradients_of(each[0], *each),
                    steps,
                    parallel_iterations=1,
                    fn_output_signature=chunks.dtype,
                )
            return d_chunks, *d_weights

        return (*last, *_flatten(stacked)), gradient

    flat = run(chunks, *weights)
    last, stacked = list(flat[: len(state)]), list(flat[len(state) :])
    return last, keras.tree.pack_sequence_as(outputs, stacked)
