"""Crops of the embedded set `tiny`, by the landmarks that it comes with."""

from fdin_tf.data.crops import crop_clips
from fdin_tf.data.stored import FaceFiles
from fdin_tf.faces import FaceConfig

FACE = FaceConfig(size=48, left_eye=(0.32, 0.28), smoother="4253h")


def crop_tiny(clips, tiny_set, cache_dir):
    """The embedded clips as crops, with the landmarks that they come with."""
    return crop_clips(clips, FaceFiles(cache_dir, FACE, tiny_set / "truth"))
