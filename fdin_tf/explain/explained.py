"""A model that gives its reasons along with its estimate."""

import keras

from layers import FrameEncoder
from layers import RelationalImportance
from layers import TemporalAttention

# Where among a layer's outputs that which explains the model is.
_TAKE = {
    "importance": lambda outputs: outputs,
    "spatial_attention": lambda outputs: outputs["spatial_attention"],
    "temporal_attention": lambda outputs: outputs[1],
}


def explained(model):
    """The same network with what explains it as further outputs.

    The weights are shared: training one trains the other. The model may be
    FDIN on features, FDIN on frames, SIAM, or a functional model that holds
    one of them, as where a frame encoder is joined to a model of features.

    Args:
        model: Functional Keras model with a dict of outputs. It is explained
            by a `RelationalImportance`, by a `TemporalAttention` with
            `return_attention`, and by a `FrameEncoder` one of whose outputs
            is named `"spatial_attention"`: by one of each at most.

    Returns:
        Functional `keras.Model` of the same inputs. Its outputs are those of
        `model`, and those of the following that the model has, in float32:

        - `"importance"`, `(batch, pairs)`: the relational importance of each
          pair of regions, which sums to 1 over the pairs. The order of the
          pairs is `PairwiseRelation.pairs`.
        - `"spatial_attention"`, `(batch, frames, h, w)`: how much of each
          place is let through, 0 to 1. In padding it means nothing.
        - `"temporal_attention"`, `(batch, frames)`: the weight of each frame,
          which sums to 1 over the real frames and is 0 in padding.

    Raises:
        ValueError: If the model is not functional with a dict of outputs, or
            holds nothing that explains it, or two of a kind.

    Example:

    >>> from fdin_tf.models import build_fdin
    >>> fdin = build_fdin("age", lstm_units=(8,), relation_units=(8,))
    >>> shapes = {k: v.shape for k, v in explained(fdin).output.items()}
    >>> shapes["importance"]
    (None, 36)

    References:
    - [Kim and Ro, ECCV 2018](https://arxiv.org/abs/1711.10688), section 3.3.
    - [Pei et al., 2020](https://arxiv.org/abs/1711.08690), sections III-B and
      III-D.
    """
    if not _is_functional(model) or not isinstance(model.output, dict):
        raise ValueError(
            "`model` must be a functional model with a dict of outputs. "
            f"Received: model={model}"
        )
    found = []  # pairs of a name and an output

    def call(layer, *args, **kwargs):
        if not _is_functional(layer):
            outputs = layer(*args, **kwargs)
            name = _reason(layer)
            if name:
                found.append((name, _TAKE[name](outputs)))
            return outputs
        if not holds_reasons(layer):
            return layer(*args, **kwargs)
        outputs = dict(explained(layer)(*args, **kwargs))
        further = [name for name in outputs if name not in layer.output]
        found.extend((name, outputs.pop(name)) for name in further)
        return outputs

    # A walk through the graph of the model with its own layers.
    walked = keras.models.clone_model(
        model, clone_function=lambda layer: layer, call_function=call
    )
    names = [name for name, _ in found]
    if not names or len(names) > len(set(names)):
        raise ValueError(
            "`model` must hold one `RelationalImportance`, or attention over "
            "places or over frames that is returned, and no two of a kind; "
            f"this one holds {', '.join(names) or 'none'}. "
            f"Received: model={model.name!r}"
        )
    return keras.Model(
        walked.input,
        {**walked.output, **dict(found)},
        name=f"{model.name}_explained",
    )


def _is_functional(model):
    return isinstance(model, keras.Model) and hasattr(model, "operations")


def _reason(layer):
    """What one of a layer's outputs explains a model by, or None."""
    if isinstance(layer, RelationalImportance):
        return "importance"
    if isinstance(layer, TemporalAttention) and layer.return_attention:
        return "temporal_attention"
    if isinstance(layer, FrameEncoder) and _is_functional(layer.encoder):
        outputs = layer.encoder.output
        if isinstance(outputs, dict) and "spatial_attention" in outputs:
            return "spatial_attention"
    return None


def holds_reasons(model):
    """Whether a functional model holds something that explains it."""
    return any(
        holds_reasons(layer) if _is_functional(layer) else _reason(layer)
        for layer in model.layers
    )
