"""What the hidden layer of spatial attention tells places apart by."""

import keras
import numpy as np
from sklearn.decomposition import PCA

from layers import FrameEncoder
from layers import SpatiallyIndexedAttention

_CHUNK = 64  # frames


def first_layer_components(model, frames, mask, num_components=3):
    """What varies over places in the first layer of the spatial attention.

    The hidden vectors of `d` numbers at every place,

        H_ij = mean over real frames of tanh(W_ij F_ij + b_ij)

    and the principal components of these `h * w` vectors.

    Args:
        model: SIAM with spatial attention.
        frames: Clips, `(b, t, height, width, 1)`.
        mask: Their real frames, `(b, t)` bool.
        num_components: How many components.

    Returns:
        Pair of the components, float `(k, h, w)`: the projection of every
        place, of mean 0, with the sign that makes its largest magnitude
        positive; and their shares of the variance, `(k,)`, falling.

    Raises:
        ValueError: If the model has no spatial attention, if no frame is
            real, or if there are fewer places or numbers than components.

    Reference:
    - [Pei et al., 2020](https://arxiv.org/abs/1711.08690), Figure 5.
    """
    encoder, layer = _with_spatial_attention(model)
    mask = np.asarray(mask, bool)
    if not mask.any():
        raise ValueError(
            "Expected at least one real frame. Received: mask of shape "
            f"{mask.shape} without True"
        )
    before = keras.Model(encoder.input, layer.input)
    height, width, channels = layer.input.shape[1:]
    real = np.asarray(frames)[mask]
    total = 0.0
    for start in range(0, len(real), _CHUNK):  # maps are large
        maps = before(real[start : start + _CHUNK], training=False)
        maps = np.asarray(keras.ops.cast(maps, "float32"))
        maps = maps.reshape(-1, height * width, channels)
        total += _hidden(layer, maps).sum(axis=1, dtype=float)
    hidden = total / len(real)
    if not 1 <= num_components <= min(hidden.shape):
        raise ValueError(
            "`num_components` must be 1 to the lesser of places and hidden "
            f"units, {min(hidden.shape)}. "
            f"Received: num_components={num_components}"
        )
    pca = PCA(num_components, svd_solver="full")
    scores = pca.fit_transform(hidden).T
    largest = np.abs(scores).argmax(axis=1, keepdims=True)
    scores *= np.sign(np.take_along_axis(scores, largest, axis=1))
    maps = scores.reshape(-1, height, width)
    return maps, pca.explained_variance_ratio_


def _hidden(layer, maps):
    """tanh(W F + b): `(frames, places, c)` to `(places, frames, d)`."""
    kernel, bias = (
        np.asarray(weight, np.float32) for weight in (layer.kernel, layer.bias)
    )
    if bias.ndim > 1:  # each place has its own
        bias = bias[:, None]
    return np.tanh(maps.transpose(1, 0, 2) @ kernel + bias)


def _with_spatial_attention(model):
    """The model of single frames inside of SIAM, and its attention layer."""
    for encoder in _frame_models(model):
        for layer in encoder.layers:
            if isinstance(layer, SpatiallyIndexedAttention):
                return encoder, layer
    raise ValueError(
        "`model` must encode its frames with a `SpatiallyIndexedAttention`, "
        f"as SIAM does. Received: model={model.name!r}"
    )


def _frame_models(model):
    """Models that are run on every frame, at any depth of a model."""
    for layer in model.layers:
        if isinstance(layer, FrameEncoder):
            yield layer.encoder
        elif isinstance(layer, keras.Model):
            yield from _frame_models(layer)
