"""Networks, sizes and presets that several recipes share."""

import dataclasses
import functools
from pathlib import Path
from typing import Literal

import tyro

from fdin_tf import build_fdin
from fdin_tf.faces import FaceConfig
from fdin_tf.models import build_holistic
from fdin_tf.models import build_image_cnn
from fdin_tf.models import build_regional
from fdin_tf.training.experiment import Experiment
from fdin_tf.training.fit_config import FitConfig
from recipes.encoders import resolve_frontend

# Of every kind of FDIN: whether it has locational features, and importance.
_FDIN = {
    "fdin": (True, True),
    "fdin_no_location": (False, True),
    "fdin_no_importance": (True, False),
    "fdin_no_location_no_importance": (False, False),
}
#: Names of the networks that `build_network` knows.
NETWORKS = (*_FDIN, "regional", "holistic", "image_cnn")


@dataclasses.dataclass(frozen=True)
class NetworkConfig(Experiment):
    """Cross-validated networks on encoded frames.

    Attributes:
        encoder: Frame encoder; `auto` takes VGG-Face where --encoder-weights
            is given, else ImageNet's VGG16 where it can be had, else PCA.
        encoder_weights: Weights file of VGG-Face (.mat, .h5, .npz).
        components: Components of the encoder `pca`.
        dense_units: Units of the dense layer on every region.
        lstm_units: Units of every LSTM.
        relation_units: Units of the relation layers; where a network weighs
            regions instead, of its region layers.
        head_units: Units of the layers behind the aggregation.
        dropout: Share of units dropped in relation layers and head.
        neutral_frames: Of how many first frames of a clip the mean is
            subtracted from its features; 0 subtracts nothing.
        entropy_penalty: Weight in the loss of the entropy of the importance,
            which sharpens it; 0 as published.
    """

    encoder: Literal["auto", "vggface", "imagenet", "pca"] = "pca"
    encoder_weights: Path | None = None
    components: int = 16
    dense_units: int = 32
    lstm_units: tuple[int, ...] = (32, 32)
    relation_units: tuple[int, ...] = (64, 64)
    head_units: tuple[int, ...] = (64, 32)
    dropout: float = 0.1
    neutral_frames: int = 0
    entropy_penalty: float = 0.0


#: The embedded clips, minutes on two cores.
DEMO = {
    "face": FaceConfig(frames_per_second=12.5),
    "fit": FitConfig(
        epochs=20, batch_size=16, learning_rate=5e-3, patience=10,
        precision="float32",
    ),
}  # fmt: skip
#: Kim and Ro (ECCV 2018), section 4.1; needs --data-dir.
PAPER = {
    "data_dir": tyro.MISSING,
    "encoder": "auto",
    "dense_units": 1024,
    "lstm_units": (1024, 1024),
    "relation_units": (4096, 4096),
    "head_units": (2048, 1024),
    "dropout": 0.5,
    "fit": FitConfig(
        epochs=100, batch_size=16, learning_rate=1e-4, patience=15
    ),
}
#: As `DEMO`, for many networks: half as many folds.
DEMO_COMPARISON = {"name": "embedded", "num_folds": 5, **DEMO}
#: Sixteen tiny clips, for the tests.
SMOKE = {
    "embedded": "tiny",
    "num_folds": 2,
    "components": 2,
    "dense_units": 8,
    "lstm_units": (8,),
    "relation_units": (8,),
    "head_units": (8,),
    "fit": FitConfig(epochs=2, batch_size=4, precision="float32"),
}
#: The same, in folds that hold both genders in every part.
SMOKE_CLASSES = SMOKE | {"num_folds": 4, "seed": 89}


def build_network(name, target, config, feature_shape):
    """Builds a network of the paper's tables.

    Args:
        name: One of `NETWORKS`.
        target: `age`, `gender` or `spontaneity`.
        config: `NetworkConfig`, for the sizes.
        feature_shape: Shape of one encoded frame, `(h, w, c)`.

    Returns:
        An untrained Keras model on features.

    Raises:
        ValueError: If there is no such network, or a size is not valid.

    Example:

    >>> build_network("holistic", "age", NetworkConfig(), (3, 3, 16)).name
    'holistic_age'
    """
    check_networks([name])
    images = {
        "target": target,
        "dense_units": config.dense_units,
        "head_units": config.head_units,
        "dropout": config.dropout,
        "feature_shape": feature_shape,
        "neutral_frames": config.neutral_frames,
    }
    if name == "image_cnn":
        return build_image_cnn(**images)
    dynamics = {**images, "lstm_units": config.lstm_units}
    if name == "holistic":
        return build_holistic(**dynamics)
    if name == "regional":
        return build_regional(
            **dynamics,
            region_units=config.relation_units,
            entropy_penalty=config.entropy_penalty,
        )
    use_location, use_importance = _FDIN[name]
    return build_fdin(
        **dynamics,
        relation_units=config.relation_units,
        use_location=use_location,
        use_importance=use_importance,
        entropy_penalty=config.entropy_penalty if use_importance else 0.0,
    )


def builder(name, target, config):
    """`build_network` but for the shape of an encoded frame."""
    return functools.partial(build_network, name, target, config)


def check_networks(names):
    """Raises ValueError unless all names are of `NETWORKS`."""
    for name in names:
        if name not in NETWORKS:
            raise ValueError(
                f"Expected networks of {', '.join(NETWORKS)}. Received: "
                f"network={name!r}"
            )


def frontend_of(config):
    """What `run_experiment` takes the frontend from."""
    return functools.partial(
        resolve_frontend,
        config.encoder,
        config.encoder_weights,
        (config.face.size, config.face.size, 3),
        config.components,
    )


def builders(names, target, config):
    """A `builder` for every name.

    Raises:
        ValueError: If there is no such network.
    """
    check_networks(names)
    return {name: builder(name, target, config) for name in names}
