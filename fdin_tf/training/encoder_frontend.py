"""Encoded frames: what networks of features stand behind."""

import keras

from fdin_tf.data.encode import FoldClips
from fdin_tf.data.encode import encode_clips
from fdin_tf.models import chain_encoders
from fdin_tf.serving.export import export_model
from fdin_tf.serving.export import join_encoder

_FITTED = "encoder.keras"


class EncoderFrontend:
    """A fixed encoder of aligned frames and, maybe, one fitted in each fold.

    Args:
        encoder: Keras model from RGB frames `(n, size, size, 3)`, 0..255, to
            `(n, h, w, c)`; what it gives is cached.
        fit_encoder: Function from the list of the training clips' encoded
            frames, `(t, h, w, c)` each, to a further Keras model of such
            frames, which the fold's network then stands behind; None where
            nothing is fitted.
        fitted_name: What that is called.

    Attributes:
        name: What stands before the network, in words.
        shape: Shape of one frame behind the fixed encoder.
        is_fitted: Whether something is fitted in each fold.
        fitted_file: Name of the file that keeps it.
    """

    fitted_file = _FITTED

    def __init__(self, encoder, fit_encoder=None, fitted_name="pca"):
        self.encoder = encoder
        self.fit_encoder = fit_encoder
        self.is_fitted = fit_encoder is not None
        self.name = encoder.name
        if self.is_fitted:
            self.name += f" and {fitted_name}, fitted in each fold"
        self.shape = tuple(encoder.output_shape[1:])

    def store(self, clips, files, workers=None, executor=None):
        """`EncodedClips` of a clip table; see `encode_clips`."""
        return encode_clips(
            clips,
            self.encoder,
            files.cache_dir,
            files.face,
            files.landmarks_dir,
            workers,
            executor,
            files.shared_dir,
        )

    def fit(self, stored, clip_ids):
        """What is fitted to clips; None where nothing is."""
        if not self.is_fitted:
            return None
        return self.fit_encoder([stored.load(c) for c in clip_ids])

    def save(self, fitted, folder):
        """Keeps what was fitted; the file is there when it is complete."""
        if fitted is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        whole = folder / f"tmp.{_FITTED}"
        fitted.save(whole)
        whole.replace(folder / _FITTED)

    def load(self, folder):
        """What `save` kept, or None."""
        path = folder / _FITTED
        return keras.saving.load_model(path) if path.is_file() else None

    def apply(self, stored, fitted, clip_ids):
        """Clips as the fold's network takes them."""
        if fitted is None:
            return stored
        return FoldClips.encode(stored, fitted, clip_ids)

    def joined(self, model, fitted):
        """The network with all that stands before it, on aligned frames."""
        return join_encoder(model, chain_encoders(self.encoder, fitted))

    def export(self, model, fitted, folder, card):
        """Writes the network as the next version; see `export_model`."""
        encoder = chain_encoders(self.encoder, fitted)
        return export_model(model, encoder, folder, card)
