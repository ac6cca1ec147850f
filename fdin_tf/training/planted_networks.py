"""The networks of the planted benchmark, and how they were tuned."""

import dataclasses

from fdin_tf.models import build_additive
from fdin_tf.models import build_fdin
from fdin_tf.models import build_holistic
from fdin_tf.models import build_regional
from fdin_tf.training.paper import NETWORK_TITLES

NEUTRAL_FRAMES = 3
SHARPENED = "fdin_sharpened"

#: Titles of the networks, in the order of the tables.
TITLES = {
    "fdin": NETWORK_TITLES["fdin"],
    SHARPENED: "FDIN, sharpened",
    "regional": NETWORK_TITLES["regional"],
    "additive": "Additive reader",
    "holistic": NETWORK_TITLES["holistic"],
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of one network; the learning rate is what is tuned.

    Attributes:
        learning_rate: Learning rate of the first epoch.
        head_units: Units of the layers behind the aggregation.
    """

    learning_rate: float = 3e-3
    head_units: tuple[int, ...] = (64,)


#: What the preset `tune` tries for each of these networks; the sharpened and
#: the additive network take the settings of FDIN.
TUNED_NETWORKS = ("fdin", "regional", "holistic")
GRID = tuple(Settings(rate) for rate in (1.5e-3, 3e-3, 6e-3))
TUNED = dict.fromkeys(TITLES, Settings())


def build_planted(network, settings, mode, config, feature_shape, num_steps):
    """Builds a network of the benchmark; all see motion in the same way.

    Args:
        network: One of `TITLES`.
        settings: `Settings`.
        mode: What is planted, see `planted_target`.
        config: `PlantedConfig`, for the other sizes.
        feature_shape: Shape `(h, w, c)` of one encoded frame.
        num_steps: Training steps; in the second half importance is sharpened.

    Returns:
        An untrained Keras model on features with the target `planted`.
    """
    common = {
        "target": "planted",
        "dense_units": config.dense_units,
        "lstm_units": config.lstm_units,
        "head_units": settings.head_units,
        "dropout": 0.0,
        "feature_shape": feature_shape,
        "neutral_frames": NEUTRAL_FRAMES,
        # A ratio of amplitudes is read from the size of the motion.
        "normalize_motion": mode != "amplitude_ratio",
    }
    if network == "holistic":
        return build_holistic(**common)
    if network == "additive":
        return build_additive(**common)
    if network == "regional":
        return build_regional(**common, region_units=config.relation_units)
    if network == SHARPENED:
        common["entropy_penalty"] = config.entropy_penalty
        common["entropy_delay"] = num_steps // 2
    return build_fdin(**common, relation_units=config.relation_units)
