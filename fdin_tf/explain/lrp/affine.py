"""The linear map inside of a layer, apart from its bias and activation."""

import dataclasses
from collections.abc import Callable

import keras
import tensorflow as tf
from keras import ops


@dataclasses.dataclass(frozen=True)
class AffineMap:
    """`z = apply(x, kernel) + bias`, where `apply` is linear in both.

    Attributes:
        apply: Function of `x` and a kernel to the products' sums.
        kernel: Weights `w_ij`, of the layer's own shape.
        bias: Tensor that adds to `z`; 0.0 where there is none.
        output_axes: How many of the kernel's last axes count the outputs.
    """

    apply: Callable
    kernel: tf.Tensor
    bias: tf.Tensor | float = 0.0
    output_axes: int = 1

    def __call__(self, x):
        """The pre-activation `z`."""
        return self.apply(x, self.kernel) + self.bias

    def pull(self, x, kernel):
        """The product with `x`, and the function of its transpose.

        Args:
            x: What the map is applied to.
            kernel: Weights in place of the map's own.

        Returns:
            `z = apply(x, kernel)`, and the function `s -> sum_j w_ij s_j` of
            a tensor like `z` to one like `x`.
        """
        x = tf.convert_to_tensor(x)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            z = self.apply(x, kernel)
        return z, lambda s: tape.gradient(z, x, s)


def _dense(layer):
    return ops.matmul, layer.kernel


def _convolution(layer):
    return layer.convolution_op, layer.kernel


def _convolution_in_time(layer):
    is_causal = layer.padding == "causal"
    past = layer.dilation_rate[0] * (layer.kernel_size[0] - 1)
    padding = [(0, 0), (past, 0), (0, 0)]  # batch, time, channels
    if layer.data_format == "channels_first":
        padding = [(0, 0), (0, 0), (past, 0)]

    def apply(x, kernel):
        return ops.conv(
            ops.pad(x, padding) if is_causal else x,
            kernel,
            strides=layer.strides,
            padding="valid" if is_causal else layer.padding,
            dilation_rate=layer.dilation_rate,
            data_format=layer.data_format,
        )

    return apply, layer.kernel


def _depthwise(layer):
    def apply(x, kernel):
        return ops.depthwise_conv(
            x,
            kernel,
            strides=layer.strides,
            padding=layer.padding,
            dilation_rate=layer.dilation_rate,
            data_format=layer.data_format,
        )

    return apply, layer.kernel


def _einsum(layer):
    return (lambda x, kernel: ops.einsum(layer.equation, x, kernel)), (
        layer.kernel
    )


# The first class that fits holds.
_LINEAR = {
    keras.layers.Dense: _dense,
    keras.layers.Conv1D: _convolution_in_time,
    keras.layers.Conv2D: _convolution,
    keras.layers.Conv3D: _convolution,
    keras.layers.DepthwiseConv1D: _depthwise,
    keras.layers.DepthwiseConv2D: _depthwise,
    keras.layers.EinsumDense: _einsum,
}
CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
)
AFFINE_LAYERS = tuple(_LINEAR)


def affine_map(layer, dtype="float32"):
    """The affine map of a dense or convolutional layer.

    Args:
        layer: One of `AFFINE_LAYERS`, built.
        dtype: The dtype that it is computed in, whatever the layer's own.

    Returns:
        `AffineMap`; the activation is left out.
    """
    parts_of = next(
        parts for kind, parts in _LINEAR.items() if isinstance(layer, kind)
    )
    apply, kernel = parts_of(layer)
    bias = 0.0
    if layer.bias is not None:
        bias = tf.cast(ops.convert_to_tensor(layer.bias), dtype)
        if getattr(layer, "data_format", None) == "channels_first":
            bias = tf.reshape(bias, (-1,) + (1,) * layer.rank)
    kernel = tf.cast(ops.convert_to_tensor(kernel), dtype)
    # Depthwise, every input channel has outputs of its own.
    is_depthwise = parts_of is _depthwise
    return AffineMap(apply, kernel, bias, output_axes=1 + is_depthwise)


def scale_and_shift(layer, dtype="float32"):
    """What batch normalisation multiplies by and adds, once trained.

    Args:
        layer: `keras.layers.BatchNormalization`.
        dtype: As in `affine_map`.

    Returns:
        Tensors of one value per channel: `gamma / sqrt(var + eps)`, and
        `beta - gamma mean / sqrt(var + eps)`.
    """
    mean, variance = (
        tf.cast(ops.convert_to_tensor(v), dtype)
        for v in (layer.moving_mean, layer.moving_variance)
    )
    scale = tf.math.rsqrt(variance + tf.cast(layer.epsilon, dtype))
    if layer.gamma is not None:
        scale *= tf.cast(ops.convert_to_tensor(layer.gamma), dtype)
    shift = -mean * scale
    if layer.beta is not None:
        shift += tf.cast(ops.convert_to_tensor(layer.beta), dtype)
    return scale, shift


def normalization_map(layer, rank, dtype="float32"):
    """Batch normalisation alone, as an affine map of its own.

    Args:
        layer: `keras.layers.BatchNormalization`.
        rank: Rank of what it normalises.
        dtype: As in `affine_map`.

    Returns:
        `AffineMap`.
    """
    axis = layer.axis % rank
    shape = (-1,) + (1,) * (rank - 1 - axis)
    scale, shift = scale_and_shift(layer, dtype)
    return AffineMap(
        tf.multiply, tf.reshape(scale, shape), tf.reshape(shift, shape)
    )


def fold_after(linear, scale, shift):
    """An affine map with batch normalisation behind it, as one map.

    Args:
        linear: `AffineMap` of a layer with its channels last.
        scale: One value per output.
        shift: One value per output.

    Returns:
        `AffineMap` of `scale * (x W + b) + shift`.
    """
    outputs = linear.kernel.shape[-linear.output_axes :]
    return AffineMap(
        linear.apply,
        linear.kernel * tf.reshape(scale, outputs),
        linear.bias * scale + shift,
    )


def fold_before(linear, scale, shift):
    """An affine map with batch normalisation before it, as one map.

    Args:
        linear: `AffineMap` whose kernel ends with inputs, outputs, and that
            pads nothing.
        scale: One value per input.
        shift: One value per input.

    Returns:
        `AffineMap` of `(scale * x + shift) W + b`.
    """
    shifted = linear.kernel * shift[:, None]
    return AffineMap(
        linear.apply,
        linear.kernel * scale[:, None],
        linear.bias + tf.reduce_sum(shifted, axis=range(shifted.ndim - 1)),
    )
