"""A small SIAM with all of its weights random."""

import numpy as np

from fdin_tf.models import build_siam

SIZE = 40  # of its frames, pixels


def make_siam(seed=0, **kwargs):
    """A SIAM with 4 x 4 places."""
    model = build_siam(
        frame_shape=(SIZE, SIZE, 1),
        rnn_units=5,
        attention_units=6,
        conv_units=(4, 7, 3),
        dense_units=8,
        chunk_size=4,
        **kwargs,
    )
    rng = np.random.default_rng(seed)
    model.set_weights(
        [w + rng.normal(0, 0.3, w.shape) for w in model.get_weights()]
    )
    return model
