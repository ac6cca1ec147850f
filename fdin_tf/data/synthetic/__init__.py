"""The embedded data: drawn faces that smile, with the truth about them.

A procedural renderer writes real `.mp4` files in UvA-NEMO's layout, so that
every step from bytes to estimates runs without any recorded face, and against
a known truth: landmarks, region amplitudes, phases, planted relations.

Photographs are drawn by the same renderer, with ratings that depend on known
places of the face (see `make_photographs`), and faces with attributes whose
evidence lies in known places (see `make_face_attributes`).

The clips are drawings. Looks and motions follow rules that were chosen to be
learnable; results on them say nothing about people and must be called
synthetic.

>>> config = SYNTHETIC_SETS["tiny"]
>>> config.num_subjects * config.clips_per_subject
16
"""

from fdin_tf.data.synthetic.catalogue import FILE_DETAILS
from fdin_tf.data.synthetic.catalogue import SUBJECT_DETAILS
from fdin_tf.data.synthetic.config import SYNTHETIC_SETS
from fdin_tf.data.synthetic.config import SyntheticConfig
from fdin_tf.data.synthetic.dataset import make_synthetic
from fdin_tf.data.synthetic.face_attribute_set import GENDER_CODES
from fdin_tf.data.synthetic.face_attribute_set import load_face_attributes_truth
from fdin_tf.data.synthetic.face_attribute_set import make_face_attributes
from fdin_tf.data.synthetic.face_attributes import DRAWN_ATTRIBUTES
from fdin_tf.data.synthetic.face_attributes import SMILE_REGIONS
from fdin_tf.data.synthetic.face_scenes import FACE_ATTRIBUTE_SETS
from fdin_tf.data.synthetic.face_scenes import FaceAttributesConfig
from fdin_tf.data.synthetic.photograph_set import load_photographs
from fdin_tf.data.synthetic.photograph_set import load_photographs_truth
from fdin_tf.data.synthetic.photograph_set import make_photographs
from fdin_tf.data.synthetic.photographs import PHOTOGRAPH_SETS
from fdin_tf.data.synthetic.photographs import PLANTS
from fdin_tf.data.synthetic.photographs import PhotographsConfig
from fdin_tf.data.synthetic.photographs import planted_masks
from fdin_tf.data.synthetic.truth import TARGET_MODES
from fdin_tf.data.synthetic.truth import load_truth
from fdin_tf.data.synthetic.truth import planted_target
from fdin_tf.regions import REGIONS

__all__ = [
    "DRAWN_ATTRIBUTES",
    "FACE_ATTRIBUTE_SETS",
    "FILE_DETAILS",
    "GENDER_CODES",
    "PHOTOGRAPH_SETS",
    "PLANTS",
    "REGIONS",
    "SMILE_REGIONS",
    "SUBJECT_DETAILS",
    "SYNTHETIC_SETS",
    "TARGET_MODES",
    "FaceAttributesConfig",
    "PhotographsConfig",
    "SyntheticConfig",
    "load_face_attributes_truth",
    "load_photographs",
    "load_photographs_truth",
    "load_truth",
    "make_face_attributes",
    "make_photographs",
    "make_synthetic",
    "planted_masks",
    "planted_target",
]
