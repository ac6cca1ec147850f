"""The dynamics of the regions: where a network of regions can be cut."""

import keras

from fdin_tf.regions import REGIONS
from layers import SequenceLSTM


def split_at_dynamics(model):
    """Cuts a network of regions in two, where the frames end.

    The local dynamics `d_i` are what the last LSTM makes of the frames: the
    output of the one `SequenceLSTM` that does not return a sequence. What
    comes before reads the clip; what comes after, from the location on,
    reads nothing but the dynamics.

    Args:
        model: FDIN on features or on frames, with or without location and
            importance; the regional baseline; `explained` of one of them; or
            a functional model that holds one of them, as where a frame
            encoder is joined to a model of features.

    Returns:
        Two functional models that share the weights of `model`: `encode`,
        from its inputs to the dynamics `(batch, 9, units)`, and `interpret`,
        from the dynamics to its dict of outputs.

    Raises:
        ValueError: If the model is not functional with a dict of outputs, or
            has no dynamics of nine regions, as holistic models and models of
            single images have not.

    Example:

    >>> from fdin_tf.models import build_fdin
    >>> fdin = build_fdin("age", lstm_units=(8,), relation_units=(8,))
    >>> encode, interpret = split_at_dynamics(fdin)
    >>> encode.output.shape, interpret.output["age"].shape
    ((None, 9, 8), (None, 1))
    """
    if not _is_functional(model) or not isinstance(model.output, dict):
        raise ValueError(
            "`model` must be a functional model with a dict of outputs. "
            f"Received: model={model}"
        )
    found = []

    def call(layer, *args, **kwargs):
        if not _holds_dynamics(layer):
            return layer(*args, **kwargs)
        if not _is_functional(layer):
            found.append(layer(*args, **kwargs))
            return found[-1]
        encode, interpret = split_at_dynamics(layer)
        found.append(encode(*args, **kwargs))
        return interpret(found[-1])

    # A walk through the graph of the model with its own layers.
    walked = keras.models.clone_model(
        model, clone_function=lambda layer: layer, call_function=call
    )
    if [d.shape[1:-1] for d in found] != [(len(REGIONS),)]:
        shapes = ", ".join(str(d.shape) for d in found) or "no dynamics"
        raise ValueError(
            "`model` must have dynamics of nine regions, of shape (batch, 9, "
            "units); holistic models and models of single images have no "
            f"regions. Received: model={model.name!r} with {shapes}"
        )
    return (
        keras.Model(walked.input, found[0], name=f"{model.name}_encode"),
        keras.Model(found[0], walked.output, name=f"{model.name}_interpret"),
    )


def _is_functional(model):
    return isinstance(model, keras.Model) and hasattr(model, "operations")


def _holds_dynamics(layer):
    if _is_functional(layer):
        return any(_holds_dynamics(inner) for inner in layer.layers)
    return isinstance(layer, SequenceLSTM) and not layer.return_sequences
