"""Biologically inspired features, against their equations written out."""

import math

import cv2
import numpy as np
import pytest

from fdin_tf.handcrafted.bif import CELLS
from fdin_tf.handcrafted.bif import SIGMAS
from fdin_tf.handcrafted.bif import SIZES
from fdin_tf.handcrafted.bif import WAVELENGTHS
from fdin_tf.handcrafted.bif import biologically_inspired_features
from fdin_tf.handcrafted.bif import gabor_filter

# Guo et al. 2009: cell, then size, sigma and wavelength of both scales.
TABLE = [
    (6, (5, 2.0, 2.5), (7, 2.8, 3.5)),
    (8, (9, 3.6, 4.6), (11, 4.5, 5.6)),
    (10, (13, 5.4, 6.8), (15, 6.3, 7.9)),
    (12, (17, 7.3, 9.1), (19, 8.2, 10.3)),
    (14, (21, 9.2, 11.5), (23, 10.2, 12.7)),
    (16, (25, 11.3, 14.1), (27, 12.3, 15.4)),
    (18, (29, 13.4, 16.8), (31, 14.6, 18.2)),
    (20, (33, 15.8, 19.7), (35, 17.0, 21.2)),
]


@pytest.fixture
def rng():
    return np.random.default_rng(seed=0)


def literal_gabor(size, sigma, wavelength, theta):
    gabor = np.empty((size, size))
    for row in range(size):
        for column in range(size):
            y, x = row - size // 2, column - size // 2
            across = x * math.cos(theta) + y * math.sin(theta)
            along = -x * math.sin(theta) + y * math.cos(theta)
            gabor[row, column] = math.exp(
                -(across**2 + 0.3**2 * along**2) / (2 * sigma**2)
            ) * math.cos(2 * math.pi * across / wavelength)
    gabor -= gabor.sum() / size**2
    return gabor / math.sqrt((gabor**2).sum())


def literal_response(image, gabor):
    half = len(gabor) // 2
    around = np.pad(image.astype("float64"), half, mode="reflect")
    response = np.empty(image.shape)
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            patch = around[row : row + len(gabor), column : column + len(gabor)]
            response[row, column] = (patch * gabor).sum()
    return response


def starts(length, cell):
    """Where the cells begin: half a cell apart, as many as fit, centred."""
    number = 1
    while cell + number * cell // 2 <= length:
        number += 1
    covered = cell + (number - 1) * cell // 2
    return [(length - covered) // 2 + k * cell // 2 for k in range(number)]


def literal_features(image, bands, orientations):
    features = []
    for cell, *scales in TABLE[:bands]:
        for k in range(orientations):
            theta = k * math.pi / orientations
            first, second = (
                literal_response(image, literal_gabor(*scale, theta))
                for scale in scales
            )
            stronger = np.where(first > second, first, second)
            features += [
                np.std(stronger[top : top + cell, left : left + cell])
                for top in starts(image.shape[0], cell)
                for left in starts(image.shape[1], cell)
            ]
    return np.array(features)


def maps(features, shape, bands, orientations):
    """The features as one map per band and orientation."""
    grids = []
    for cell in CELLS[:bands]:
        rows, columns = (len(starts(length, cell)) for length in shape)
        grids += [(rows, columns)] * orientations
    ends = np.cumsum([rows * columns for rows, columns in grids])
    assert ends[-1] == len(features)
    flat = np.split(features, ends[:-1])
    flat = [f.reshape(grid) for f, grid in zip(flat, grids)]
    return [
        flat[band * orientations : (band + 1) * orientations]
        for band in range(bands)
    ]


@pytest.mark.parametrize(
    ("shape", "bands", "orientations"),
    [((20, 26), 8, 2), ((23, 21), 3, 12), ((31, 6), 1, 4)],
)
def test_equals_the_equations_written_out(rng, shape, bands, orientations):
    image = rng.integers(0, 256, shape, "uint8")
    features = biologically_inspired_features(image, bands, orientations)
    assert features.dtype == np.float32
    expected = literal_features(image, bands, orientations)
    assert features.shape == expected.shape
    np.testing.assert_allclose(
        features, expected, rtol=0, atol=1e-6 * expected.max()
    )


def test_the_parameters_are_those_in_print():
    scales = [zip(*band) for band in zip(SIZES, SIGMAS, WAVELENGTHS)]
    assert [(c, *s) for c, s in zip(CELLS, scales)] == TABLE


@pytest.mark.parametrize("theta", [0.0, 0.4, 2.0])
def test_a_filter_is_that_of_opencv_but_for_mean_and_norm(theta):
    expected = cv2.getGaborKernel((11, 11), 4.5, theta, 5.6, 0.3, 0)
    expected -= expected.mean()
    expected /= np.linalg.norm(expected)
    np.testing.assert_allclose(
        gabor_filter(11, 4.5, 5.6, theta), expected, atol=1e-6
    )


def test_the_default_has_the_stated_length(rng):
    image = rng.integers(0, 256, (114, 114), "uint8")
    features = biologically_inspired_features(image)
    assert features.shape == (41736,)
    assert np.isfinite(features).all()


def test_brightness_changes_nothing_and_contrast_multiplies(rng):
    image = rng.integers(0, 100, (40, 40), "uint8")
    features = biologically_inspired_features(image)
    brighter = biologically_inspired_features(image + 100)
    stronger = biologically_inspired_features(2 * image)
    atol = 1e-5 * features.max()
    np.testing.assert_allclose(brighter, features, atol=atol)
    np.testing.assert_allclose(stronger, 2 * features, atol=2 * atol)


@pytest.mark.parametrize("grey", [0, 37, 255])
def test_a_flat_image_has_no_features(grey):
    flat = np.full((45, 52), grey, "uint8")
    assert not biologically_inspired_features(flat).any()


@pytest.mark.parametrize("grey", [1, 10, 100, 255])
def test_flat_parts_beside_a_face_stay_finite(rng, grey):
    image = np.full((60, 60), grey, "uint8")
    image[20:30, 20:30] = rng.integers(0, 256, (10, 10))
    features = biologically_inspired_features(image, 2)
    assert np.isfinite(features).all()
    finest = maps(features, image.shape, 2, 12)[0][0]
    assert finest[:3].max() < 1e-4 * finest.max()


@pytest.mark.parametrize("band", range(8))
@pytest.mark.parametrize("k", [0, 1, 3])
def test_stripes_are_seen_by_the_filters_of_their_direction(band, k):
    # A disc of stripes, of the finer scale's width.
    y, x = np.mgrid[:114, :114] - 56.5
    across = x * np.cos(k * np.pi / 4) + y * np.sin(k * np.pi / 4)
    stripes = np.cos(2 * np.pi * across / WAVELENGTHS[band][0])
    image = (128 + 100 * stripes * (x**2 + y**2 < 40**2)).astype("uint8")
    features = biologically_inspired_features(image, orientations=4)
    strengths = [m.mean() for m in maps(features, (114, 114), 8, 4)[band]]
    assert np.argmax(strengths) == k
    assert max(strengths) > 2 * np.sort(strengths)[-2]


def test_a_mirrored_image_has_mirrored_features(rng):
    image = rng.integers(0, 256, (114, 114), "uint8")
    before, after = (
        maps(biologically_inspired_features(i, 8, 6), image.shape, 8, 6)
        for i in (image, image[:, ::-1])
    )
    for band in range(8):
        for k in range(6):
            np.testing.assert_allclose(
                after[band][-k % 6],
                before[band][k][:, ::-1],
                atol=1e-5 * before[band][k].max(),
            )


def test_a_turned_image_has_the_features_of_turned_filters(rng):
    image = rng.integers(0, 256, (114, 114), "uint8")
    before, after = (
        maps(biologically_inspired_features(i, 4, 4), image.shape, 4, 4)
        for i in (image, image.T)
    )
    for band in range(4):
        for k in range(4):
            np.testing.assert_allclose(
                after[band][(2 - k) % 4],
                before[band][k].T,
                atol=1e-5 * before[band][k].max(),
            )


@pytest.mark.parametrize(
    ("option", "most"),
    [
        ({"bands": 0}, 8),
        ({"bands": 9}, 8),
        ({"bands": 2.0}, 8),
        ({"orientations": 0}, 180),
        ({"orientations": 2.5}, 180),
    ],
)
def test_an_option_out_of_range_is_an_error(option, most):
    ((name, value),) = option.items()
    with pytest.raises(
        ValueError, match=f"`{name}`.*from 1 to {most}.*{name}={value}"
    ):
        biologically_inspired_features(np.zeros((60, 60), "uint8"), **option)


@pytest.mark.parametrize(
    ("wrong", "bands", "smallest"),
    [
        (np.zeros((60, 60), "float32"), 8, 20),
        (np.zeros((60, 60, 1), "uint8"), 8, 20),
        (np.zeros((19, 60), "uint8"), 8, 20),
        (np.zeros((60, 5), "uint8"), 1, 6),
    ],
)
def test_another_kind_of_image_is_an_error(wrong, bands, smallest):
    expected = rf"at least {smallest} x {smallest} pixels.*shape=\("
    with pytest.raises(ValueError, match=expected):
        biologically_inspired_features(wrong, bands)
