"""From files to tf.data: clips, folds, encoded frames, batches."""

from fdin_tf.data.clips import check_clips
from fdin_tf.data.clips import read_clip_table
from fdin_tf.data.encode import EncodedClips
from fdin_tf.data.encode import encode_clips
from fdin_tf.data.folds import Fold
from fdin_tf.data.folds import load_folds
from fdin_tf.data.folds import make_folds
from fdin_tf.data.pipeline import make_dataset
from fdin_tf.data.sources import load_clips
from fdin_tf.data.uva_nemo import load_uva_nemo

__all__ = [
    "EncodedClips",
    "Fold",
    "check_clips",
    "encode_clips",
    "load_clips",
    "load_folds",
    "load_uva_nemo",
    "make_dataset",
    "make_folds",
    "read_clip_table",
]
