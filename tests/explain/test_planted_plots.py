"""The picture of the planted benchmark: its marks are the table's numbers."""

import numpy as np
import pandas as pd
import pytest

from fdin_tf.explain.planted_plots import plot_planted


@pytest.fixture
def results():
    """Two pairs, one network with importance and one without."""
    return pd.DataFrame(
        [
            ("absolute_lag", "fdin", "nose-mouth", 0.9, 0.8, 0.1),
            ("absolute_lag", "fdin", "left_eye-nose", 0.7, 0.3, 0.2),
            ("absolute_lag", "holistic", "nose-mouth", 0.5, None, None),
            ("signed_lag", "fdin", "nose-mouth", 0.4, 0.6, 0.3),
        ],
        columns=["mode", "network", "pair", "r2", "weight", "next_weight"],
    )


def test_marks_are_weights_and_r2_of_the_absolute_lag(results):
    networks = {"fdin": "FDIN", "absent": "Absent", "holistic": "Holistic"}
    figure = plot_planted(results, networks)
    weights, errors = figure.axes

    def drawn(axes):
        return np.sort(
            np.concatenate([c.get_offsets()[:, 0] for c in axes.collections])
        )

    np.testing.assert_allclose(drawn(weights), [0.1, 0.2, 0.3, 0.8])
    np.testing.assert_allclose(drawn(errors), [0.5, 0.7, 0.9])
    labels = [label.get_text() for label in weights.get_yticklabels()]
    assert labels == ["nose-mouth", "left eye-nose"]
    (legend,) = figure.legends
    titles = [text.get_text() for text in legend.get_texts()]
    assert titles == ["FDIN", "Holistic"]
