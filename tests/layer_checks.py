"""What every layer of the package must do, checked in one call."""

import keras
import numpy as np

from tests.backends import as_array
from tests.backends import compiled
from tests.backends import dtype_of
from tests.backends import with_gradients


def check_layer(
    layer_class,
    *,
    input_shape,
    output_shape,
    weight_shapes,
    tmp_path,
    init_kwargs=None,
    call_kwargs=None,
    unknown_axes=(0,),
    input_dtype="float32",
):
    """Checks the contract of a Keras layer that takes one tensor.

    Static and unknown shapes, weight shapes, the configuration's round trip,
    saving with safe mode on, one training step, and half precision.

    Args:
        layer_class: The layer's class, registered with Keras.
        input_shape: Shape of the input, batch included.
        output_shape: Shape of the output, or a tuple of shapes.
        weight_shapes: Name to shape, of every weight.
        tmp_path: Folder to save a model in.
        init_kwargs: Arguments of the constructor.
        call_kwargs: Further call arguments, such as a NumPy `mask`.
        unknown_axes: Axes of the input (and of what has its length there,
            such as a mask) that a model need not know.
        input_dtype: Dtype of the input; integers are drawn in 0..255.
    """
    init_kwargs, call_kwargs = init_kwargs or {}, call_kwargs or {}
    inputs = _random_input(input_shape, input_dtype)
    check = {
        "inputs": inputs,
        "call_kwargs": call_kwargs,
        "shapes": _as_list(output_shape, of=tuple),
    }

    layer = layer_class(**init_kwargs)
    expected = _check_call(layer, **check)
    _check_weights(layer, weight_shapes)
    _check_config(layer_class, layer)
    for axes in ((), unknown_axes):
        model = _model(layer, inputs, call_kwargs, axes)
        _check_model(model, expected, axes, **check)
    _check_saving(model, expected, tmp_path, inputs, call_kwargs)
    _check_training(layer, inputs, call_kwargs)
    for policy in ("mixed_float16", "mixed_bfloat16"):
        half = layer_class(**init_kwargs, dtype=policy)
        outputs = _check_call(half, **check)
        half.set_weights(layer.get_weights())
        assert all(np.isfinite(as_array(o)).all() for o in outputs)
        assert all(w.dtype == "float32" for w in half.weights)
        _check_training(half, inputs, call_kwargs)


def _random_input(shape, dtype):
    rng = np.random.default_rng(seed=0)
    if np.issubdtype(dtype, np.integer):
        return rng.integers(0, 256, size=shape).astype(dtype)
    return rng.normal(size=shape).astype(dtype)


def _as_list(value, of):
    """`value` as a list, where it may be one thing or several of them."""
    several = isinstance(value, list | tuple) and (
        of is not tuple or all(isinstance(v, tuple) for v in value)
    )
    return list(value) if several else [value]


def _outputs(value):
    return _as_list(value, of=object)


def _check_call(layer, inputs, call_kwargs, shapes):
    """Eager outputs have the shapes and dtypes that the layer announces."""
    announced = _outputs(
        layer.compute_output_spec(*_specs(inputs), **call_kwargs)
    )
    outputs = _outputs(layer(inputs, **call_kwargs))
    assert [tuple(o.shape) for o in outputs] == shapes
    assert [tuple(a.shape) for a in announced] == shapes
    assert [dtype_of(o) for o in outputs] == [a.dtype for a in announced]
    computed = layer.compute_output_shape(inputs.shape)
    assert _as_list(computed, of=tuple) == shapes
    return outputs


def _specs(*arrays):
    return [keras.KerasTensor(a.shape, dtype=str(a.dtype)) for a in arrays]


def _check_weights(layer, weight_shapes):
    assert {w.name: tuple(w.shape) for w in layer.weights} == weight_shapes
    assert len(layer.weights) == len(weight_shapes)


def _check_config(layer_class, layer):
    config = layer.get_config()
    assert layer_class.from_config(config).get_config() == config
    assert config["name"] == layer.name
    assert keras.saving.get_registered_name(layer_class).startswith("fdin_tf>")


def _model(layer, inputs, call_kwargs, unknown_axes):
    """A functional model of the layer; arrays among the arguments go in too."""
    arrays = {k: v for k, v in call_kwargs.items() if hasattr(v, "shape")}
    symbols = {
        name: keras.Input(
            batch_shape=[
                None if axis in unknown_axes else size
                for axis, size in enumerate(array.shape)
            ],
            dtype=str(array.dtype),
            name=name,
        )
        for name, array in {"inputs": inputs, **arrays}.items()
    }
    call_symbols = {name: symbols[name] for name in arrays}
    outputs = layer(symbols["inputs"], **{**call_kwargs, **call_symbols})
    return keras.Model(symbols, outputs)


def _run(model, inputs, call_kwargs):
    arrays = {k: v for k, v in call_kwargs.items() if hasattr(v, "shape")}
    return _outputs(compiled(model)({"inputs": inputs, **arrays}))


def _check_model(model, expected, axes, inputs, call_kwargs, shapes):
    """In a graph, the layer announces unknown axes and gives the same."""
    symbolic = [tuple(o.shape) for o in _outputs(model.output)]
    if not axes:
        assert symbolic == shapes
    assert all((shape[0] is None) == (0 in axes) for shape in symbolic)
    for output, e in zip(_run(model, inputs, call_kwargs), expected):
        np.testing.assert_allclose(
            as_array(output), as_array(e), rtol=1e-4, atol=1e-5
        )


def _check_saving(model, expected, tmp_path, inputs, call_kwargs):
    path = tmp_path / "layer.keras"
    model.save(path)
    loaded = keras.saving.load_model(path, safe_mode=True)
    for output, e in zip(_run(loaded, inputs, call_kwargs), expected):
        np.testing.assert_allclose(
            as_array(output), as_array(e), rtol=1e-4, atol=1e-5
        )


def _check_training(layer, inputs, call_kwargs):
    """One step of gradient descent moves every weight, by finite amounts."""

    def loss_of_a_step():
        outputs = _outputs(layer(inputs, training=True, **call_kwargs))
        loss = sum(
            keras.ops.mean(keras.ops.square(keras.ops.cast(o, "float32") - 0.5))
            for o in outputs
        )
        loss += sum(keras.ops.sum(extra) for extra in layer.losses)
        return loss, loss

    weights = layer.trainable_variables
    before = [as_array(w.value).copy() for w in weights]
    loss, gradients = with_gradients(loss_of_a_step, weights)
    assert np.isfinite(loss)
    for weight, gradient in zip(weights, gradients, strict=True):
        assert gradient is not None, f"no gradient for {weight.name}"
        assert np.isfinite(as_array(gradient)).all(), (
            f"no finite one: {weight.name}"
        )
    if weights:
        keras.optimizers.SGD(0.1).apply(gradients, weights)
    for weight, old in zip(weights, before):
        assert np.isfinite(as_array(weight.value)).all()
        assert not np.array_equal(weight.value, old), f"unmoved: {weight.name}"
