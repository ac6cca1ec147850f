"""SavedModels that answer from aligned frames and from features."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from fdin_tf.data.cache import atomic_path
from fdin_tf.data.cache import sweep
from fdin_tf.data.cache import write_json
from fdin_tf.explain.explained import explained
from fdin_tf.explain.explained import holds_reasons
from layers import FrameEncoder

CARD = "assets.extra/card.json"
KERAS_MODEL = "assets.extra/model.keras"
_TOLERANCE = {"float32": 1e-4, "bfloat16": 5e-2, "float16": 1e-2}


def join_encoder(model, encoder):
    """A model on features behind its frame encoder.

    Args:
        model: A model of `{"features": (b, t, h, w, c), "mask": (b, t)}`.
        encoder: A Keras model from frames to `(h, w, c)`.

    Returns:
        The same network on `{"frames": (b, t, height, width, 3) uint8,
        "mask": (b, t) bool}`, with the same weights. Frames are encoded in
        chunks, so memory does not grow with the clip.

    Raises:
        ValueError: If the encoder does not give the features that the model
            takes.
    """
    expected = model.input["features"].shape[2:]
    if tuple(encoder.output_shape[1:]) != tuple(expected):
        raise ValueError(
            f"Expected an encoder to features of shape {expected}. Received: "
            f"encoder={encoder.name!r} with {encoder.output_shape[1:]}"
        )
    frame_shape = encoder.input_shape[1:]
    inputs = {
        "frames": keras.Input((None, *frame_shape), name="frames",
                              dtype="uint8"),
        "mask": keras.Input((None,), name="mask", dtype="bool"),
    }  # fmt: skip
    encode = FrameEncoder(encoder, name="encoder", dtype=encoder.dtype_policy)
    features = encode(inputs["frames"])
    outputs = model({"features": features, "mask": inputs["mask"]})
    return keras.Model(inputs, outputs, name=model.name)


def export_model(model, encoder, folder, card):
    """Writes a model, joined to its encoder, as the next version.

    The SavedModel `folder/<version>` has these signatures, with the outputs
    of `explained(model)` by name:

    - `serving_default`: `frames` `(b, t, height, width, channels)` uint8 and
      `mask` `(b, t)` bool,
    - with an encoder, `from_features`: `features` `(b, t, h, w, c)` float32
      and `mask`.

    Beside it stand `assets.extra/card.json` (what the model is and how well
    it did) and `assets.extra/model.keras` (the same network for Keras). The
    SavedModel is loaded again and compared with the Keras model; the version
    appears under its number only after that.

    Args:
        model: A trained model, on features such as FDIN, or on frames such as
            SIAM.
        encoder: The frame encoder of a model on features; None for a model
            on frames.
        folder: Folder of the model's versions.
        card: Dict that JSON can hold.

    Returns:
        Path of the new version.

    Raises:
        RuntimeError: If the reloaded SavedModel answers differently.
    """
    joined = model if encoder is None else join_encoder(model, encoder)
    served = {"serving_default": ("frames", _with_reasons(joined))}
    if encoder is not None:
        served["from_features"] = ("features", _with_reasons(model))
    endpoints = {
        signature: _endpoint(network, name)
        for signature, (name, network) in served.items()
    }
    sweep(folder)
    path = Path(folder).resolve() / str(_next_version(folder))
    with atomic_path(path) as new:
        archive = keras.export.ExportArchive()
        for _, network in served.values():
            archive.track(network)
        for name, endpoint in endpoints.items():
            archive.add_endpoint(name, endpoint)
        archive.write_out(str(new), verbose=False)
        (new / CARD).parent.mkdir(parents=True, exist_ok=True)
        joined.save(new / KERAS_MODEL)
        write_json(new / CARD, card)
        _compare(new, endpoints, model.compute_dtype)
    return path


def _with_reasons(model):
    """The network with what explains it, if anything does."""
    return explained(model) if holds_reasons(model) else model


def latest_version(folder):
    """Path of the version with the highest number.

    Raises:
        FileNotFoundError: If there is none.
    """
    versions = _versions(folder)
    if not versions:
        raise FileNotFoundError(
            "Expected a folder with numbered versions of a SavedModel. "
            f"Received: model={folder}"
        )
    return Path(folder) / str(max(versions))


def _versions(folder):
    folder = Path(folder)
    if not folder.is_dir():
        return []
    return [int(p.name) for p in folder.iterdir() if p.name.isdecimal()]


def _next_version(folder):
    return max(_versions(folder), default=0) + 1


def _endpoint(model, name):
    """The model as a function of two named tensors."""
    spec = model.input[name]

    @tf.function(
        input_signature=[
            tf.TensorSpec(spec.shape, spec.dtype, name=name),
            tf.TensorSpec((None, None), tf.bool, name="mask"),
        ]
    )
    def endpoint(values, mask):
        return model({name: values, "mask": mask}, training=False)

    return endpoint


def _compare(path, endpoints, compute_dtype):
    """Two clips of different length through the file and through Keras."""
    loaded = tf.saved_model.load(str(path))
    rng = np.random.default_rng(0)
    mask = np.arange(6) < np.array([[6], [4]])
    for name, endpoint in endpoints.items():
        values_spec = endpoint.input_signature[0]
        values = tf.cast(
            rng.uniform(0, 255, (2, 6, *values_spec.shape[2:])),
            values_spec.dtype,
        )
        expected = endpoint(values, tf.constant(mask))
        found = loaded.signatures[name](
            **{values_spec.name: values, "mask": tf.constant(mask)}
        )
        for output, value in expected.items():
            tolerance = _TOLERANCE[compute_dtype]
            if not np.allclose(
                found[output], value, rtol=tolerance, atol=tolerance
            ):
                raise RuntimeError(
                    f"The SavedModel's signature {name!r} answers differently "
                    f"from the Keras model. Received: {output}="
                    f"{found[output].numpy()} instead of {value.numpy()}"
                )
