"""Networks, sizes and presets that the recipes of SIAM share."""

import dataclasses
import functools
from typing import Literal

import tyro

from fdin_tf import build_siam
from fdin_tf.data.sources import embedded_clips
from fdin_tf.faces import FaceConfig
from fdin_tf.faces import mesh_landmarks
from fdin_tf.training.experiment import Experiment
from fdin_tf.training.fit_config import FitConfig
from fdin_tf.training.warp_frontend import WarpFrontend

Mechanism = Literal[
    "spatially_agnostic",
    "fully_spatially_indexed",
    "mediate_spatially_indexed",
    "spatially_indexed",
]
Padding = Literal["valid", "same"]
#: The rows of figure 6: modules are added one after the other.
MODULES = {
    "siam_cnn": (False, False, False),
    "siam_cnn_rnn": (False, True, False),
    "siam_cnn_rnn_spatial": (True, True, False),
    "siam": (True, True, True),
}
#: Upright crop of the whole face, from which it is warped.
CROP = FaceConfig(size=192, left_eye=(0.32, 0.28), smoother="4253h")


@dataclasses.dataclass(frozen=True)
class SiamConfig(Experiment):
    """Cross-validated SIAM on warped faces.

    Attributes:
        mesh: Find landmarks by the face mesh where there is no file of them
            (needs the extra `mesh`).
        image_size: Side of the warped face, pixels.
        margin: Room around the face, a share of that.
        conv_units: Kernels of the three convolutions.
        kernel_sizes: Their sizes.
        strides: Their strides.
        padding: Their padding.
        dense_units: Units of the first dense layer.
        rnn_units: Units of the second, and of each recurrent layer.
        attention_units: Units of the spatial attention.
        temporal_units: Units of the temporal attention; None: as recurrent.
        spatial_attention: Mechanism of the spatial attention.
        spatial_position: After which convolution it comes.
        cnn_dropout: Share dropped in the appearance module.
        rnn_dropout: Share dropped in the recurrent module.
        l2: Weight of the L2 term, with age in units of its deviation.
        recurrent_gain: Length of the untrained recurrent kernels; below 1,
            what came before fades.
        spatial_penalty: Weight in the loss of the mean spatial attention; 0
            as published.
        temporal_penalty: The same of the scores of the temporal attention.
        penalty_delay: Training steps before the penalties set in.
        penalty_ramp: Training steps in which they then grow from 0.
        remat: Compute the activations of the appearance module anew for the
            gradient: less memory, more time.
    """

    mesh: bool = False
    image_size: int = 114
    margin: float = 0.04
    conv_units: tuple[int, int, int] = (128, 256, 256)
    kernel_sizes: tuple[int, int, int] = (7, 5, 3)
    strides: tuple[int, int, int] = (2, 1, 1)
    padding: tuple[Padding, Padding, Padding] = ("valid", "same", "valid")
    dense_units: int = 4096
    rnn_units: int = 256
    attention_units: int = 256
    temporal_units: int | None = None
    spatial_attention: Mechanism = "spatially_indexed"
    spatial_position: Literal[1, 2, 3] = 2
    cnn_dropout: float = 0.0
    rnn_dropout: float = 0.0
    l2: float = 0.0
    recurrent_gain: float = 1.0
    spatial_penalty: float = 0.0
    temporal_penalty: float = 0.0
    penalty_delay: int = 0
    penalty_ramp: int = 0
    remat: bool = False
    face: FaceConfig = CROP


#: The embedded clips, minutes on two cores.
DEMO = {
    "num_folds": 5,
    "face": dataclasses.replace(CROP, frames_per_second=12.5, size=96),
    "image_size": 57,
    "conv_units": (8, 16, 16),
    "kernel_sizes": (5, 3, 3),
    "strides": (1, 1, 1),
    "dense_units": 64,
    "rnn_units": 32,
    "attention_units": 16,
    "fit": FitConfig(
        epochs=20, batch_size=8, learning_rate=2e-3, patience=20,
        precision="float32", optimizer="rmsprop", loss="absolute",
        clip_value=5.0,
    ),
}  # fmt: skip
#: Pei et al., sections III and IV; needs --data-dir.
PAPER = {
    "data_dir": tyro.MISSING,
    "rnn_units": 512,
    "fit": FitConfig(
        epochs=100, batch_size=4, learning_rate=1e-4, patience=15,
        optimizer="rmsprop", loss="absolute", clip_value=5.0,
    ),
}  # fmt: skip
#: Sixteen tiny clips, for the tests.
SMOKE = {
    **DEMO,
    "embedded": "tiny",
    "num_folds": 2,
    "face": dataclasses.replace(CROP, size=64),
    "image_size": 32,
    "conv_units": (2, 3, 4),
    "kernel_sizes": (3, 3, 3),
    "dense_units": 8,
    "rnn_units": 6,
    "attention_units": 4,
    "fit": FitConfig(
        epochs=2, batch_size=4, precision="float32", optimizer="rmsprop",
        loss="absolute", clip_value=5.0,
    ),
}  # fmt: skip


def with_landmarks(config):
    """The config with the landmarks that the embedded clips come with."""
    if config.data_dir is not None or config.landmarks_dir is not None:
        return config
    root = embedded_clips(config.embedded, config.cache_dir)
    return dataclasses.replace(config, landmarks_dir=root / "truth")


def build_network(name, target, config, frame_shape):
    """Builds SIAM, or what is left of it without some modules.

    Args:
        name: One of `MODULES`.
        target: `age`, `gender` or `spontaneity`.
        config: `SiamConfig`, for the sizes.
        frame_shape: Shape of a frame.

    Returns:
        An untrained Keras model on frames.

    Raises:
        ValueError: If a size is not valid.

    Example:

    >>> config = SiamConfig(conv_units=(2, 2, 2), dense_units=4, rnn_units=2)
    >>> build_network("siam", "age", config, (40, 40, 1)).name
    'siam_age'
    """
    spatial, recurrent, temporal = MODULES[name]
    return build_siam(
        target,
        frame_shape,
        rnn_units=config.rnn_units,
        attention_units=config.attention_units,
        temporal_units=config.temporal_units,
        spatial_attention=config.spatial_attention if spatial else None,
        spatial_position=config.spatial_position,
        recurrent=recurrent,
        temporal_attention=temporal,
        cnn_dropout=config.cnn_dropout,
        rnn_dropout=config.rnn_dropout,
        l2=config.l2,
        recurrent_gain=config.recurrent_gain,
        spatial_penalty=config.spatial_penalty,
        temporal_penalty=config.temporal_penalty,
        penalty_delay=config.penalty_delay,
        penalty_ramp=config.penalty_ramp,
        conv_units=config.conv_units,
        kernel_sizes=config.kernel_sizes,
        strides=config.strides,
        padding=config.padding,
        dense_units=config.dense_units,
        remat=config.remat,
    )


def builder(name, target, config):
    """`build_network` but for the shape of a frame."""
    return functools.partial(build_network, name, target, config)


def frontend_of(config):
    """What the experiments take the frontend from."""
    return functools.partial(_frontend, config.image_size, config.margin,
                             config.mesh)  # fmt: skip


def _frontend(size, margin, mesh, precision):
    return WarpFrontend(size, margin, mesh_landmarks if mesh else None)
