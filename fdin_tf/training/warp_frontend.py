"""Faces warped onto one shape: what networks of images stand behind."""

import dataclasses

import numpy as np

from fdin_tf.data.cache import read_json
from fdin_tf.data.cache import write_json
from fdin_tf.data.crops import crop_clips
from fdin_tf.data.crops import warp_clips
from fdin_tf.faces import FaceWarp
from fdin_tf.faces import mean_shape
from fdin_tf.serving.export import export_model

_FITTED = "warp.json"
_FRAMES_PER_CLIP = 16


class WarpFrontend:
    """Grey faces on the mean shape of the training faces (SIAM, IV-B).

    The mean shape of a fold is the Procrustes mean of its training clips'
    landmarks, the same number of frames of each, evenly spaced in time.

    Args:
        size: Side of the warped face, pixels.
        margin: Room around it, a share of `size`; see `FaceWarp`.
        find_landmarks: What gives the landmarks of clips without a file of
            them, such as `mesh_landmarks`; None: such clips are left out.

    Attributes:
        name: What stands before the network, in words.
        shape: Shape of one frame.
        is_fitted: True.
        fitted_file: Name of the file that keeps what is fitted in each fold.
    """

    fitted_file = _FITTED
    is_fitted = True

    def __init__(self, size=114, margin=0.04, find_landmarks=None):
        self.margin = margin
        self.find_landmarks = find_landmarks
        self.name = f"warp to {size} x {size}, mean shape of each fold"
        self.shape = (size, size, 1)

    def store(self, clips, files, workers=None, executor=None):
        """`CroppedClips` of a clip table; see `crop_clips`."""
        if self.find_landmarks is not None:
            files = dataclasses.replace(
                files, find_landmarks=self.find_landmarks
            )
        return crop_clips(clips, files, workers, executor)

    def fit(self, stored, clip_ids):
        """The `FaceWarp` of clips.

        Raises:
            ValueError: If points fall together in the faces of all clips.
        """
        landmarks = []
        for clip_id in clip_ids:
            _, points = stored.load(clip_id)
            places = np.linspace(0, len(points) - 1, _FRAMES_PER_CLIP)
            landmarks.append(points[places.round().astype(int)])
        shape = mean_shape(np.concatenate(landmarks))
        try:
            return FaceWarp(shape, self.shape[0], self.margin)
        except ValueError as error:
            raise ValueError(
                f"Mean face of {len(landmarks)} training clips: {error}"
            ) from None

    def save(self, fitted, folder):
        """Keeps a `FaceWarp`."""
        write_json(folder / _FITTED, fitted.to_dict())

    def load(self, folder):
        """What `save` kept, or None.

        Raises:
            ValueError: If the file is damaged.
        """
        try:
            settings = read_json(folder / _FITTED)
            return None if settings is None else FaceWarp.from_dict(settings)
        except ValueError as error:
            raise ValueError(f"{folder / _FITTED}: {error}") from error

    def apply(self, stored, fitted, clip_ids):
        """Clips as the fold's network takes them."""
        return warp_clips(stored, fitted, clip_ids)

    def joined(self, model, fitted):
        """The network itself: warping needs landmarks, which come first."""
        return model

    def export(self, model, fitted, folder, card):
        """Writes the network and the warp as the next version."""
        return export_model(
            model, None, folder, {**card, "warp": fitted.to_dict()}
        )
