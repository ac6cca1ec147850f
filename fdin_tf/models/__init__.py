"""Functional models, and the frame encoders in front of them."""

from fdin_tf.models.fdin import build_fdin
from fdin_tf.models.imagenet import build_imagenet_encoder
from fdin_tf.models.pca import fit_pca_encoder
from fdin_tf.models.vggface import build_vggface
from fdin_tf.models.vggface import build_vggface_encoder
from fdin_tf.models.vggface_weights import load_vggface_weights

__all__ = [
    "build_fdin",
    "build_imagenet_encoder",
    "build_vggface",
    "build_vggface_encoder",
    "fit_pca_encoder",
    "load_vggface_weights",
]
