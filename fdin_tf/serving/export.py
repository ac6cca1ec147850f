"""SavedModels that answer from aligned frames and from features."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from fdin_tf.data.cache import atomic_path
from fdin_tf.data.cache import read_json
from fdin_tf.data.cache import sweep
from fdin_tf.data.cache import write_json
from fdin_tf.serving.card_text import card_text
from fdin_tf.serving.signatures import clip_signatures
from fdin_tf.serving.warmup import WARMUP
from fdin_tf.serving.warmup import replay
from fdin_tf.serving.warmup import warmup_requests
from fdin_tf.serving.warmup import write_warmup
from layers import FrameEncoder

CARD = "assets.extra/card.json"
CARD_TEXT = "assets.extra/MODEL_CARD.md"
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
    of `explained(model)` and of `expected_error` by name:

    - `serving_default`: `frames` `(b, t, height, width, channels)` uint8 and
      `mask` `(b, t)` bool,
    - `from_jpeg`: `frames_jpeg` `(b, t)`, the bytes of JPEG or PNG files of
      that size, and `lengths` `(b,)` int32, how many of them are real,
    - with an encoder, `from_features`: `features` `(b, t, h, w, c)` float32
      and `mask`.

    In all of them, a frame of one value throughout counts as padding: such
    frames are what TensorFlow Serving pads with. What stands beside the
    SavedModel, and when it appears, tells `write_version`.

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
    on_features = None if encoder is None else model
    signatures = clip_signatures(joined, on_features, card)
    return write_version(folder, joined, signatures, card, model.compute_dtype)


def write_version(folder, model, signatures, card, compute_dtype):
    """Writes the next version of a model, whole or not at all.

    Beside the SavedModel `folder/<version>` stand, in `assets.extra`:

    - `card.json`, what the model is and how well it did, and `MODEL_CARD.md`,
      the same to be read,
    - `model.keras`, the same network for Keras,
    - `tf_serving_warmup_requests`, which TensorFlow Serving replays before
      the version answers.

    The SavedModel is loaded again, compared with the networks and asked all
    of these requests; the version appears under its number only after that.

    Args:
        folder: Folder of the model's versions.
        model: Keras model, saved as it is.
        signatures: Dict from a name to its `Signature`.
        card: Dict that JSON can hold.
        compute_dtype: Dtype that decides how close the answers must be.

    Returns:
        Path of the new version.

    Raises:
        RuntimeError: If the reloaded SavedModel answers differently.
    """
    sweep(folder)
    path = Path(folder).resolve() / str(_next_version(folder))
    requests = warmup_requests(signatures)
    with atomic_path(path) as new:
        archive = keras.export.ExportArchive()
        for signature in signatures.values():
            archive.track(signature.network)
        for name, signature in signatures.items():
            archive.add_endpoint(name, signature.answer)
        archive.write_out(str(new), verbose=False)
        (new / CARD).parent.mkdir(parents=True, exist_ok=True)
        model.save(new / KERAS_MODEL)
        write_json(new / CARD, card)
        (new / CARD_TEXT).write_text(card_text(card), encoding="utf-8")
        write_warmup(new / WARMUP, path.parent.name, requests)
        loaded = tf.saved_model.load(str(new)).signatures
        for name, signature in signatures.items():
            _compare(name, signature, loaded[name], _TOLERANCE[compute_dtype])
        replay(loaded, requests)
    return path


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


def find_version(model):
    """An exported model by its folder.

    Args:
        model: Folder `<name>` (its highest version is taken) or
            `<name>/<version>`.

    Returns:
        Path of the version, and its card.

    Raises:
        FileNotFoundError: If there is no such model.
        ValueError: If it was not written by `write_version`.
    """
    path = Path(model)
    if not (path / "saved_model.pb").is_file():
        path = latest_version(path)
    card = read_json(path / CARD)
    if not isinstance(card, dict):
        found = "none" if card is None else type(card).__name__
        raise ValueError(
            f"Expected an exported model with {CARD}, a JSON object. "
            f"Received: {found}, model={path}"
        )
    return path, card


def _versions(folder):
    folder = Path(folder)
    if not folder.is_dir():
        return []
    return [int(p.name) for p in folder.iterdir() if p.name.isdecimal()]


def _next_version(folder):
    return max(_versions(folder), default=0) + 1


def _compare(name, signature, loaded, tolerance):
    """The same samples through the file and through Keras."""
    samples = {k: tf.constant(v) for k, v in signature.samples.items()}
    expected = signature.answer(*samples.values())
    found = loaded(**samples)
    for output, value in expected.items():
        if not np.allclose(
            found[output], value, rtol=tolerance, atol=tolerance
        ):
            raise RuntimeError(
                f"The SavedModel's signature {name!r} answers differently "
                f"from the Keras model. Received: {output}="
                f"{found[output].numpy()} instead of {value.numpy()}"
            )
