"""What FDIN is compared with: networks of the same parts, without relations.

Kim and Ro, "Facial Dynamics Interpreter Network: What are the Important
Relations between Local Dynamics for Facial Trait Estimation?", ECCV 2018,
https://arxiv.org/abs/1711.10688, section 4.2. The parts that the paper does
not describe are those of FDIN. FDIN without locational features or without
relational importance is `build_fdin(use_location=False)` or
`build_fdin(use_importance=False)`.

Every network here keeps the contract of `build_fdin` on features. It takes a
dict of `"features"`, float `(batch, frames, h, w, c)`, and of `"mask"`, bool
`(batch, frames)`, True where a frame is real. It returns a dict of the target
alone, float32. Frames whose mask is False have no influence; a clip without
one real frame gives a finite answer that means nothing.
"""

from fdin_tf.models.baselines.additive import build_additive
from fdin_tf.models.baselines.holistic import build_holistic
from fdin_tf.models.baselines.image_cnn import build_image_cnn
from fdin_tf.models.baselines.regional import build_regional

__all__ = [
    "build_additive",
    "build_holistic",
    "build_image_cnn",
    "build_regional",
]
