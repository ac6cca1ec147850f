"""From files to tf.data: clips, folds, encoded frames, batches; images."""

from fdin_tf.data.augmentation import Alteration
from fdin_tf.data.celeba import load_celeba
from fdin_tf.data.clips import check_clips
from fdin_tf.data.clips import read_clip_table
from fdin_tf.data.crop_memory import CropMemory
from fdin_tf.data.encode import EncodedClips
from fdin_tf.data.encode import encode_clips
from fdin_tf.data.face_images import BOX_COLUMNS
from fdin_tf.data.face_images import CELEBA_ATTRIBUTES
from fdin_tf.data.face_images import POINT_COLUMNS
from fdin_tf.data.face_images import attribute_labels
from fdin_tf.data.face_points import find_face_points
from fdin_tf.data.face_sources import load_face_table
from fdin_tf.data.folds import Fold
from fdin_tf.data.folds import load_folds
from fdin_tf.data.folds import make_folds
from fdin_tf.data.fotw import load_fotw
from fdin_tf.data.image_batches import CropSource
from fdin_tf.data.image_batches import make_image_batches
from fdin_tf.data.image_files import load_images
from fdin_tf.data.image_files import read_image
from fdin_tf.data.image_sources import load_photograph_table
from fdin_tf.data.images import ATTRIBUTES
from fdin_tf.data.images import check_images
from fdin_tf.data.images import rating_targets
from fdin_tf.data.images import read_image_table
from fdin_tf.data.images import split_images
from fdin_tf.data.kdef import expression_pairs
from fdin_tf.data.kdef import load_kdef
from fdin_tf.data.pipeline import make_dataset
from fdin_tf.data.sources import load_clips
from fdin_tf.data.us_adult_faces import load_us_adult_faces
from fdin_tf.data.uva_nemo import load_uva_nemo

__all__ = [
    "ATTRIBUTES",
    "BOX_COLUMNS",
    "CELEBA_ATTRIBUTES",
    "POINT_COLUMNS",
    "Alteration",
    "CropMemory",
    "CropSource",
    "EncodedClips",
    "Fold",
    "attribute_labels",
    "check_clips",
    "check_images",
    "encode_clips",
    "expression_pairs",
    "find_face_points",
    "load_celeba",
    "load_clips",
    "load_face_table",
    "load_folds",
    "load_fotw",
    "load_images",
    "load_kdef",
    "load_photograph_table",
    "load_us_adult_faces",
    "load_uva_nemo",
    "make_dataset",
    "make_folds",
    "make_image_batches",
    "rating_targets",
    "read_clip_table",
    "read_image",
    "read_image_table",
    "split_images",
]
