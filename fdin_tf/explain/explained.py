"""A model that gives its reasons along with its estimate."""

import keras

from layers import RelationalImportance


def explained(model):
    """The same network with what explains it as a further output.

    The weights are shared: training one trains the other. The model may be
    FDIN on features, FDIN on frames, or a functional model that holds one of
    them, as where a frame encoder is joined to a model of features.

    Args:
        model: Functional Keras model with a dict of outputs and one
            `RelationalImportance` in it.

    Returns:
        Functional `keras.Model` of the same inputs. Its outputs are those of
        `model`, and `"importance"`: float32 `(batch, pairs)`, the relational
        importance of each pair of regions, which sums to 1 over the pairs. The
        order of the pairs is `PairwiseRelation.pairs`.

    Raises:
        ValueError: If the model is not functional with a dict of outputs, or
            holds no importance, or more than one.

    Example:

    >>> from fdin_tf.models import build_fdin
    >>> fdin = build_fdin("age", lstm_units=(8,), relation_units=(8,))
    >>> shapes = {k: v.shape for k, v in explained(fdin).output.items()}
    >>> shapes["importance"]
    (None, 36)

    Reference:
    - [Kim and Ro, ECCV 2018](https://arxiv.org/abs/1711.10688), section 3.3.
    """
    if not _is_functional(model) or not isinstance(model.output, dict):
        raise ValueError(
            "`model` must be a functional model with a dict of outputs. "
            f"Received: model={model}"
        )
    found = []

    def call(layer, *args, **kwargs):
        if isinstance(layer, RelationalImportance):
            found.append(layer(*args, **kwargs))
            return found[-1]
        if _is_functional(layer) and _holds_importance(layer):
            outputs = dict(explained(layer)(*args, **kwargs))
            found.append(outputs.pop("importance"))
            return outputs
        return layer(*args, **kwargs)

    # A walk through the graph of the model with its own layers.
    walked = keras.models.clone_model(
        model, clone_function=lambda layer: layer, call_function=call
    )
    if len(found) != 1:
        raise ValueError(
            "`model` must hold one `RelationalImportance`, whose output "
            f"explains it; this one holds {len(found)}. "
            f"Received: model={model.name!r}"
        )
    return keras.Model(
        walked.input,
        {**walked.output, "importance": found[0]},
        name=f"{model.name}_explained",
    )


def _is_functional(model):
    return isinstance(model, keras.Model) and hasattr(model, "operations")


def _holds_importance(model):
    return any(
        isinstance(layer, RelationalImportance)
        or (_is_functional(layer) and _holds_importance(layer))
        for layer in model.layers
    )
