"""An exported model in its parts, for more than estimates."""

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fdin_tf.data.cache import read_json
from fdin_tf.data.encode import encode_clips
from fdin_tf.faces import FaceConfig
from fdin_tf.faces import FaceWarp
from fdin_tf.models.model_files import load_model_file
from fdin_tf.serving.export import CARD
from fdin_tf.serving.export import KERAS_MODEL
from fdin_tf.serving.export import latest_version
from layers import FrameEncoder


@dataclasses.dataclass(frozen=True)
class Exported:
    """An exported model in its parts.

    Attributes:
        path: Folder of the version.
        card: What the model is and how well it did.
        joined: The whole Keras model, on aligned or warped faces.
        network: Keras model on features, such as FDIN, or on warped faces,
            such as SIAM.
        encoder: Fixed part of the frame encoder, a Keras model: the part
            whose features a training caches; None of a model on faces.
        fitted: What was fitted to data behind it; or None.
        face: Settings of tracking and alignment.
        warp: `FaceWarp` that comes before a network on warped faces; or None.
    """

    path: Path
    card: dict[str, Any]
    joined: keras.Model
    network: keras.Model
    encoder: keras.Model | None
    fitted: keras.Model | None
    face: FaceConfig
    warp: FaceWarp | None = None

    @property
    def is_synthetic(self):
        """Whether the model was trained on drawn faces."""
        databases = self.card["trained_on"]["databases"]
        return any(name.startswith("Synthetic") for name in databases)

    def aligned_faces(self, clips, cache_dir=None, landmarks_dir=None):
        """Aligned faces of clips, which the cache does not keep.

        Args:
            clips: Clip table of usable clips.
            cache_dir: Folder of face tracks; None for the user's.
            landmarks_dir: Folder of landmark files, or None.

        Yields:
            Pairs of a clip id and its frames, `(t, size, size, 3)` uint8.
        """
        pixels = keras.Input((self.face.size, self.face.size, 3))
        as_they_are = keras.layers.Identity()(pixels)
        aligned = encode_clips(
            clips,
            keras.Model(pixels, as_they_are, name="aligned"),
            cache_dir,
            self.face,
            landmarks_dir,
        )
        for clip_id in aligned.clips.clip_id:
            frames = aligned.load(clip_id).astype(np.uint8)
            # Pictures of people are not kept.
            aligned.cache.path(aligned.keys[clip_id]).unlink()
            yield clip_id, frames


def load_exported(folder):
    """Loads an exported model for Keras.

    Args:
        folder: Folder `<name>` (its highest version is taken) or
            `<name>/<version>`, as `export_model` writes.

    Returns:
        `Exported`.

    Raises:
        FileNotFoundError: If there is no such model.
        ValueError: If it was not written by `export_model`.
    """
    path = Path(folder)
    if not (path / "saved_model.pb").is_file():
        path = latest_version(path)
    card = read_json(path / CARD)
    if card is None or not (path / KERAS_MODEL).is_file():
        raise ValueError(
            f"Expected an exported model with {CARD} and {KERAS_MODEL}. "
            f"Received: model={path}"
        )
    joined = load_model_file(path / KERAS_MODEL)
    face = FaceConfig(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in card["face"].items()
        }
    )
    if "warp" in card:
        warp = FaceWarp.from_dict(card["warp"])
        return Exported(path, card, joined, joined, None, None, face, warp)
    encoders = [x for x in joined.layers if isinstance(x, FrameEncoder)]
    networks = [x for x in joined.layers if isinstance(x, keras.Model)]
    if len(encoders) != 1 or len(networks) != 1:
        raise ValueError(
            "Expected a network on features behind one frame encoder, as "
            f"`join_encoder` makes it. Received: model={path}, with layers "
            f"{[layer.name for layer in joined.layers]}"
        )
    encoder, fitted = _parts(encoders[0].encoder)
    return Exported(path, card, joined, networks[0], encoder, fitted, face)


def _parts(encoder):
    """The halves of what `chain_encoders` joined."""
    parts = encoder.layers[1:]  # behind the frames
    if len(parts) == 2 and all(isinstance(x, keras.Model) for x in parts):
        return parts
    return encoder, None
