"""What the tests need of the backend that Keras runs on.

The tests of layers and of the main models run on TensorFlow, and by
`make test-backends` on JAX and PyTorch too (`KERAS_BACKEND=jax`). What they
take from a backend itself is here: gradients, compiled functions, and a look
at what passes through a model.
"""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf

BACKEND = keras.backend.backend()
if BACKEND == "jax":
    import jax
elif BACKEND == "torch":
    import torch

# PyTorch notes down every operation for the gradients, unless told not to.
# `recorded` is for what trains by itself, such as `Model.fit`.
not_recorded = torch.no_grad if BACKEND == "torch" else contextlib.nullcontext
recorded = torch.enable_grad if BACKEND == "torch" else contextlib.nullcontext


def requires(backend, what):
    """Mark of a test that holds for one backend only.

    Args:
        backend: `"tensorflow"`, `"jax"` or `"torch"`.
        what: What the test is about that others do not have.
    """
    return pytest.mark.skipif(
        backend != BACKEND, reason=f"{what}: {backend} only"
    )


def requires_tensorflow(what):
    """Mark of a test that holds for TensorFlow only."""
    return requires("tensorflow", what)


def as_array(tensor):
    """A tensor of any float type as float32, for NumPy."""
    return np.asarray(keras.ops.cast(tensor, "float32"))


def dtype_of(tensor):
    """Name of its dtype."""
    return keras.backend.standardize_dtype(tensor.dtype)


def compiled(function, *specs):
    """The function as its backend compiles it; PyTorch runs it as it is.

    Args:
        function: Function of arrays.
        specs: Shape, with None for unknown sizes, and dtype of each array,
            where one graph of TensorFlow shall serve them all.
    """
    if BACKEND == "jax":
        return jax.jit(lambda *arrays: function(*arrays))
    if BACKEND == "torch":
        return function
    signature = [tf.TensorSpec(shape, dtype) for shape, dtype in specs]
    return tf.function(
        function, input_signature=signature or None, reduce_retracing=True
    )


def with_gradients(function, variables=(), arrays=()):
    """Runs a function and takes the gradients of its loss.

    Args:
        function: Function of `arrays`, as tensors, to a pair: the loss, and
            whatever else it gives. Its layers must have been built.
        variables: Keras variables to take the gradients of.
        arrays: Arrays or tensors to take the gradients of.

    Returns:
        What else the function gives, and the list of the gradients of all
        variables and arrays. Where the loss does not depend on one, its
        gradient is None (zeros on JAX).
    """
    if BACKEND == "jax":
        return _jax_gradients(function, variables, arrays)
    tensors = [keras.ops.convert_to_tensor(array) for array in arrays]
    values = [variable.value for variable in variables]
    if BACKEND == "torch":
        return _torch_gradients(function, values, tensors)
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        loss, others = function(*tensors)
    return others, tape.gradient(loss, [*values, *tensors])


def _jax_gradients(function, variables, arrays):
    def run(values, tensors):
        mapping = list(zip(variables, values))
        with keras.StatelessScope(mapping, collect_losses=True):
            return function(*tensors)

    values = [variable.value for variable in variables]
    tensors = [keras.ops.convert_to_tensor(array) for array in arrays]
    (_, others), gradients = jax.value_and_grad(
        run, argnums=(0, 1), has_aux=True
    )(values, tensors)
    return others, [*gradients[0], *gradients[1]]


def _torch_gradients(function, values, tensors):
    with recorded():
        tensors = [t.detach().requires_grad_() for t in tensors]
        loss, others = function(*tensors)
        sources = [*values, *tensors]
        gradients = (
            torch.autograd.grad(loss, sources, allow_unused=True)
            if sources
            else []
        )
    detached = keras.tree.map_structure(
        lambda x: x.detach() if isinstance(x, torch.Tensor) else x, others
    )
    return detached, list(gradients)


def note_when_run(note, tensor):
    """Calls `note` with the tensor's value whenever the model is run.

    Returns the tensor. What was noted is complete after `wait_for_notes`.
    """
    if BACKEND == "jax":
        jax.debug.callback(note, tensor)
    elif BACKEND == "torch":
        note(tensor)
    else:
        tf.py_function(note, [tensor], [])
    return tensor


def wait_for_notes():
    """Returns when all that was run has been noted."""
    if BACKEND == "jax":
        jax.effects_barrier()
