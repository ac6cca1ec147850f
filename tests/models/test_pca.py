"""The PCA encoder: against NumPy and scikit-learn."""

import keras
import numpy as np
import pytest
from sklearn.decomposition import PCA

from fdin_tf.models import build_contrast_encoder
from fdin_tf.models import chain_encoders
from fdin_tf.models import fit_pca


@pytest.fixture(scope="module")
def frames():
    """Random blocks of colour."""
    rng = np.random.default_rng(0)
    small = rng.uniform(0, 255, (60, 12, 12, 3))
    return small.repeat(8, axis=1).repeat(8, axis=2).astype(np.uint8)


@pytest.fixture(scope="module")
def cells(frames):
    return build_contrast_encoder().predict(frames, verbose=0)


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


def test_contrast_is_a_pixel_over_its_surroundings(frames, cells):
    for frame, found in zip(frames[:5], cells):
        contrast = slow_contrast(frame)
        for row in range(3):
            for column in range(3):
                cell = contrast[
                    8 * row : 8 * row + 8, 8 * column : 8 * column + 8
                ]
                np.testing.assert_allclose(
                    found[row, column], cell.ravel(), rtol=1e-4
                )


def test_light_cancels(frames, cells):
    dark = build_contrast_encoder().predict(
        0.6 * frames.astype(np.float32), verbose=0
    )
    np.testing.assert_allclose(dark, cells, rtol=0.03)


def test_scores_are_those_of_components_shared_by_all_regions(cells):
    scores = fit_pca(cells, components=5).predict(cells, verbose=0)
    pca = PCA(5, svd_solver="full").fit(cells.reshape(-1, 64))
    expected = pca.transform(cells.reshape(-1, 64))
    expected /= np.sqrt(pca.explained_variance_[0])
    np.testing.assert_allclose(
        np.abs(scores).reshape(-1, 5), np.abs(expected), atol=2e-3
    )


def test_the_chain_is_one_behind_the_other(frames, cells, tmp_path):
    fitted = fit_pca(cells, components=3)
    chain = chain_encoders(build_contrast_encoder(), fitted)
    expected = fitted.predict(cells, verbose=0)
    np.testing.assert_allclose(
        chain.predict(frames, verbose=0), expected, atol=1e-4
    )
    chain.save(tmp_path / "chain.keras")
    loaded = keras.saving.load_model(tmp_path / "chain.keras")
    np.testing.assert_allclose(
        loaded.predict(frames, verbose=0), expected, atol=1e-4
    )


def test_a_chain_of_one_is_that_one():
    contrast = build_contrast_encoder()
    assert chain_encoders(contrast, None) is contrast


def test_the_same_frames_give_the_same_encoder(cells):
    first, second = (fit_pca(cells, 3) for _ in range(2))
    for a, b in zip(first.get_weights(), second.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_features_that_are_all_alike_give_finite_scores():
    flat = np.ones((10, 3, 3, 64))
    assert np.isfinite(fit_pca(flat, 2).predict(flat, verbose=0)).all()


@pytest.mark.parametrize("shape", [(90, 96, 3), (96, 95, 3), (96, 96, 1)])
def test_frames_that_do_not_divide_are_refused(shape):
    with pytest.raises(ValueError, match="divides into 24"):
        build_contrast_encoder(shape)


@pytest.mark.parametrize(
    ("shape", "components", "message"),
    [
        ((40, 3, 64), 3, r"shape=\(40, 3, 64\)"),
        ((40, 3, 3, 64), 0, "components=0"),
        ((40, 3, 3, 64), 65, "from 1 to 64 components"),
        ((2, 3, 3, 64), 20, r"from 1 to 18 components.*components=20"),
    ],
)
def test_features_that_do_not_fit_are_refused(shape, components, message):
    with pytest.raises(ValueError, match=message):
        fit_pca(np.zeros(shape), components)
