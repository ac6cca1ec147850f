"""Functional models, and the frame encoders in front of them."""

from fdin_tf.models.baselines import build_additive
from fdin_tf.models.baselines import build_holistic
from fdin_tf.models.baselines import build_image_cnn
from fdin_tf.models.baselines import build_regional
from fdin_tf.models.fdin import build_fdin
from fdin_tf.models.gnet_snet import average_networks
from fdin_tf.models.gnet_snet import build_face_network
from fdin_tf.models.gnet_snet import replace_head
from fdin_tf.models.gnet_snet import single_networks
from fdin_tf.models.imagenet import build_imagenet_encoder
from fdin_tf.models.levi_hassner import AGE_GROUPS
from fdin_tf.models.levi_hassner import build_levi_hassner
from fdin_tf.models.levi_hassner import transfer_levi_hassner
from fdin_tf.models.levi_hassner_weights import load_levi_hassner_weights
from fdin_tf.models.motion import fit_motion
from fdin_tf.models.pca import build_contrast_encoder
from fdin_tf.models.pca import chain_encoders
from fdin_tf.models.pca import fit_pca
from fdin_tf.models.pca import some_frames
from fdin_tf.models.siam import build_siam
from fdin_tf.models.vggface import build_vggface
from fdin_tf.models.vggface import build_vggface_encoder
from fdin_tf.models.vggface_weights import load_vggface_weights

__all__ = [
    "AGE_GROUPS",
    "average_networks",
    "build_additive",
    "build_contrast_encoder",
    "build_face_network",
    "build_fdin",
    "build_holistic",
    "build_image_cnn",
    "build_imagenet_encoder",
    "build_levi_hassner",
    "build_regional",
    "build_siam",
    "build_vggface",
    "build_vggface_encoder",
    "chain_encoders",
    "fit_motion",
    "fit_pca",
    "load_levi_hassner_weights",
    "load_vggface_weights",
    "replace_head",
    "single_networks",
    "some_frames",
    "transfer_levi_hassner",
]
