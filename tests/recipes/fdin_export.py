"""A small FDIN behind fitted components, exported with a whole card."""

import dataclasses

import keras

from fdin_tf import build_fdin
from fdin_tf.data.cache import read_json
from fdin_tf.data.encode import encode_clips
from fdin_tf.faces import FaceConfig
from fdin_tf.models import build_contrast_encoder
from fdin_tf.models import chain_encoders
from fdin_tf.models import fit_pca
from fdin_tf.serving import export_model
from fdin_tf.serving.export import CARD
from recipes.predict import DEMO_MODEL


def export_fdin(folder, clips, cache_dir):
    """Exports an untrained network; returns its folder.

    Args:
        folder: Folder of the model's versions.
        clips: Clip table; components are fitted to the first clip.
        cache_dir: Folder of the cache.
    """
    keras.utils.set_random_seed(0)
    contrast = build_contrast_encoder()
    encoded = encode_clips(clips, contrast, cache_dir)
    pca = fit_pca(encoded.load(clips.clip_id.iloc[0]), components=3)
    network = build_fdin(
        "age", dense_units=8, lstm_units=(8,), relation_units=(8,),
        head_units=(8,), feature_shape=(3, 3, 3),
    )  # fmt: skip
    card = read_json(DEMO_MODEL / "1" / CARD)
    card |= {
        "name": folder.name,
        "face": dataclasses.asdict(FaceConfig()),
        "facts": card["facts"] | {"data_fingerprint": encoded.fingerprint()},
    }
    export_model(network, chain_encoders(contrast, pca), folder, card)
    return folder
