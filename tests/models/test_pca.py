"""The PCA encoder: against scikit-learn, and what it must not see."""

import keras
import numpy as np
import pytest
from sklearn.decomposition import PCA

from fdin_tf.models.pca import fit_pca_encoder


@pytest.fixture(scope="module")
def frames():
    """Random smooth pictures."""
    rng = np.random.default_rng(0)
    small = rng.uniform(0, 255, (60, 12, 12, 3))
    return small.repeat(8, axis=1).repeat(8, axis=2).astype(np.uint8)


def slow_contrast(frame):
    """Grey, 24 x 24, each pixel divided by the mean of 7 x 7 around it."""
    grey = frame.astype(np.float64) @ [0.299, 0.587, 0.114]
    small = grey.reshape(24, 4, 24, 4).mean(axis=(1, 3))
    contrast = np.empty_like(small)
    for y in range(24):
        for x in range(24):
            around = small[max(y - 3, 0) : y + 4, max(x - 3, 0) : x + 4]
            contrast[y, x] = small[y, x] / (around.mean() + 1)
    return contrast


def test_scores_are_those_of_components_shared_by_all_regions(frames):
    encoder = fit_pca_encoder(frames, components=5)
    scores = encoder.predict(frames[:10], verbose=0)
    assert scores.shape == (10, 3, 3, 5)
    contrast = np.stack([slow_contrast(frame) for frame in frames])
    cells = np.stack(
        [
            contrast[:, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
            for row in range(3)
            for column in range(3)
        ],
        axis=1,
    ).reshape(len(frames), 9, 64)
    pca = PCA(5, svd_solver="full").fit(cells.reshape(-1, 64))
    expected = pca.transform(cells[:10].reshape(-1, 64))
    expected /= np.sqrt(pca.explained_variance_[0])
    np.testing.assert_allclose(
        np.abs(scores), np.abs(expected).reshape(10, 3, 3, 5), atol=2e-3
    )


def test_light_and_exposure_cancel(frames):
    encoder = fit_pca_encoder(frames, components=5)
    dark = (frames[:10] * 0.6).astype(np.float32)
    np.testing.assert_allclose(
        encoder.predict(dark, verbose=0),
        encoder.predict(frames[:10].astype(np.float32), verbose=0),
        atol=0.15,
    )


def test_a_saved_encoder_answers_the_same(frames, tmp_path):
    encoder = fit_pca_encoder(frames, components=3)
    encoder.save(tmp_path / "pca.keras")
    loaded = keras.saving.load_model(tmp_path / "pca.keras")
    np.testing.assert_array_equal(
        loaded.predict(frames, verbose=0), encoder.predict(frames, verbose=0)
    )


def test_the_same_frames_give_the_same_encoder(frames):
    first, second = (fit_pca_encoder(frames, 3) for _ in range(2))
    for a, b in zip(first.get_weights(), second.get_weights()):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("shape", "components", "message"),
    [
        ((40, 96, 96), 3, r"shape=\(40, 96, 96\)"),
        ((40, 96, 96, 1), 3, "RGB"),
        ((40, 90, 96, 3), 3, "divides into 24"),
        ((40, 96, 96, 3), 0, "components=0"),
        ((2, 96, 96, 3), 20, r"from 1 to 18 components.*components=20"),
        ((80, 96, 96, 3), 65, r"from 1 to 64 components"),
    ],
)
def test_what_does_not_fit_is_refused(shape, components, message):
    with pytest.raises(ValueError, match=message):
        fit_pca_encoder(np.zeros(shape, np.uint8), components)
