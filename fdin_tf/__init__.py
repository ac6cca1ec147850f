"""Facial traits from videos of facial expressions, and why."""

from fdin_tf.models import build_fdin
from fdin_tf.models import build_siam
from fdin_tf.version import __version__

__all__ = ["__version__", "build_fdin", "build_siam"]
