"""What layers learn of the training clips before training."""

import keras
import numpy as np

_FRAMES_PER_CLIP = 8


def adapt(model, data, clip_ids):
    """Lets the layers that have an `adapt` method see the training clips.

    Such as the mean face of `FaceStandardization`. Every clip gives the same
    number of frames, evenly spaced in time.

    Args:
        model: Untrained Keras model; layers are found at any depth of it.
        data: As for `make_dataset`.
        clip_ids: The training clips.
    """
    layers = list(_adaptable(model))
    if not layers:
        return
    frames = []
    for clip_id in clip_ids:
        clip = data.load(clip_id)
        places = np.linspace(0, len(clip) - 1, _FRAMES_PER_CLIP)
        frames.append(clip[places.round().astype(int)])
    frames = np.concatenate(frames)
    for layer in layers:
        layer.adapt(frames)


def _adaptable(model):
    for layer in model.layers:
        inner = getattr(layer, "encoder", layer)
        if isinstance(inner, keras.Model):
            yield from _adaptable(inner)
        elif hasattr(layer, "adapt"):
            yield layer
