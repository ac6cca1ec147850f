"""What networks that FDIN is compared with begin with."""

import keras

from fdin_tf.models.fdin import TARGETS
from fdin_tf.models.fdin import check_choice
from fdin_tf.models.fdin import check_dropout
from fdin_tf.models.fdin import check_units
from fdin_tf.models.fdin import local_dynamics
from fdin_tf.models.fdin import without_neutral
from layers import LocationEmbed


def clip_inputs(target, feature_shape, head_units, dropout):
    """The inputs of a network; checks the arguments that all have."""
    check_choice("target", target, TARGETS)
    check_units("head_units", head_units)
    check_dropout(dropout)
    return {
        "features": keras.Input((None, *feature_shape), name="features"),
        "mask": keras.Input((None,), dtype="bool", name="mask"),
    }


def object_features(inputs, dense_units, lstm_units, use_location, **neutral):
    """Equations 1 and 2 of FDIN: the object features o_i of each region."""
    features = without_neutral(**inputs, **neutral)
    regions = local_dynamics(features, inputs["mask"], dense_units, lstm_units)
    if use_location:
        regions = LocationEmbed(name="location")(regions)
    return regions
