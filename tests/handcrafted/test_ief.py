"""The intensity encoder: its equations, its codewords, its files."""

import math

import numpy as np
import pytest
from sklearn.cluster import KMeans

from fdin_tf.handcrafted.ief import IntensityEncoder


@pytest.fixture
def rng():
    return np.random.default_rng(seed=0)


@pytest.fixture
def images(rng):
    """Noise on a coarse pattern, so that patches are of several kinds."""
    coarse = rng.integers(40, 200, (12, 8, 8))
    coarse = coarse.repeat(4, axis=1).repeat(5, axis=2)
    return (coarse + rng.normal(scale=8, size=coarse.shape)).astype("uint8")


@pytest.fixture
def encoder(images):
    return IntensityEncoder(blocks=(2, 3), codes=6).fit(images, seed=3)


def described(patch):
    """A patch without its mean and of nearly unit length."""
    values = patch.astype("float64").ravel()
    deviations = values - values.sum() / values.size
    noise = 2.0**2 * values.size
    return deviations / math.sqrt((deviations**2).sum() + noise)


def patches_of_blocks(image, blocks, side):
    """Every patch of an image, listed under its block."""
    rows, columns = (length - side + 1 for length in image.shape)
    dealt = {}
    for row in range(rows):
        for column in range(columns):
            block = row * blocks[0] // rows, column * blocks[1] // columns
            patch = image[row : row + side, column : column + side]
            dealt.setdefault(block, []).append(described(patch))
    return dealt


def literal_code(image, encoder):
    """The published soft assignment, one patch at a time."""
    codes = np.zeros((*encoder.blocks, encoder.codes))
    dealt = patches_of_blocks(image, encoder.blocks, encoder.patch)
    for block, vectors in dealt.items():
        codebook = encoder.codebooks[block].astype("float64")
        for vector in vectors:
            distances = ((vector - codebook) ** 2).sum(axis=1)
            weights = np.exp(-encoder.beta * distances)
            codes[block] += weights / weights.sum() / len(vectors)
    return codes.ravel()


@pytest.mark.parametrize(
    ("blocks", "codes", "patch", "beta"),
    [((2, 3), 6, 5, 10.0), ((1, 1), 9, 3, 2.0), ((3, 2), 5, 7, 25.0)],
)
def test_equals_the_equations_written_out(images, blocks, codes, patch, beta):
    encoder = IntensityEncoder(blocks, codes, patch, beta).fit(images, seed=0)
    code = encoder.encode(images[0])
    assert code.dtype == np.float32
    assert encoder.codebooks.shape == (*blocks, codes, patch**2)
    np.testing.assert_allclose(
        code, literal_code(images[0], encoder), rtol=0, atol=1e-6
    )


def test_every_block_sums_to_one(images, encoder):
    code = encoder.encode(images[1]).reshape(6, 6)
    assert (code > 0).all()
    np.testing.assert_allclose(code.sum(axis=1), 1, rtol=1e-5)


def test_a_sharp_assignment_counts_the_nearest_codewords(images):
    encoder = IntensityEncoder((2, 2), 5, beta=1e5).fit(images, seed=0)
    code = encoder.encode(images[0]).reshape(4, 5)
    dealt = patches_of_blocks(images[0], (2, 2), 5)
    for (row, column), vectors in dealt.items():
        codebook = encoder.codebooks[row, column]
        distances = ((np.array(vectors)[:, None] - codebook) ** 2).sum(axis=2)
        counts = np.bincount(distances.argmin(axis=1), minlength=5)
        np.testing.assert_allclose(
            code[2 * row + column], counts / len(vectors), atol=2e-3
        )


def test_codewords_are_about_as_near_as_those_of_full_k_means(images, encoder):
    for row in range(2):
        for column in range(3):
            vectors = np.concatenate(
                [
                    patches_of_blocks(image, (2, 3), 5)[row, column]
                    for image in images
                ]
            )
            codebook = encoder.codebooks[row, column]
            squares = ((vectors[:, None] - codebook) ** 2).sum(axis=2)
            full = KMeans(6, n_init=3, random_state=0).fit(vectors)
            assert squares.min(axis=1).sum() < 1.15 * full.inertia_


def test_every_block_learns_what_is_there():
    # Upright stripes on the left, level ones on the right, two wide.
    column = np.indices((40, 80))
    upright = 100 * (column[1] // 2 % 2)
    level = 100 * (column[0] // 2 % 2)
    image = np.where(column[1] < 40, upright, level).astype("uint8")
    encoder = IntensityEncoder((1, 4), codes=4, patch=3).fit([image], seed=0)
    left, right = (
        encoder.codebooks[0, block].reshape(4, 3, 3) for block in (0, 3)
    )
    np.testing.assert_allclose(left, left[:, :1].repeat(3, axis=1), atol=1e-6)
    np.testing.assert_allclose(
        right, right[:, :, :1].repeat(3, axis=2), atol=1e-6
    )
    assert np.ptp(left, axis=2).min() > 0.1


def test_brightness_changes_nothing_and_contrast_little(images, encoder):
    dark = images[0] // 2
    code = encoder.encode(dark)
    np.testing.assert_allclose(encoder.encode(dark + 90), code, atol=1e-5)
    np.testing.assert_allclose(encoder.encode(2 * dark), code, atol=0.03)


@pytest.mark.parametrize("grey", [0, 90, 255])
def test_a_flat_image_has_the_code_of_a_patch_without_content(encoder, grey):
    flat = np.full((32, 40), grey, "uint8")
    code = encoder.encode(flat).reshape(2, 3, 6)
    lengths = (encoder.codebooks.astype("float64") ** 2).sum(axis=-1)
    weights = np.exp(-10 * lengths)
    expected = weights / weights.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(code, expected, atol=1e-6)


def test_an_encoder_of_flat_images_shares_out_equally(images):
    flat = np.full((4, 32, 40), 7, "uint8")
    encoder = IntensityEncoder((2, 2), codes=8).fit(flat, seed=0)
    assert not encoder.codebooks.any()
    code = encoder.encode(images[0])
    np.testing.assert_allclose(code, np.full(32, 1 / 8), rtol=1e-6)


def test_the_seed_decides_about_the_codewords(images):
    def fitted(seed):
        encoder = IntensityEncoder((2, 2), codes=6)
        return encoder.fit(images, seed, patches=300).codebooks

    np.testing.assert_array_equal(fitted(1), fitted(1))
    assert not np.array_equal(fitted(1), fitted(2))


def test_more_images_than_patches_are_all_used(images):
    encoder = IntensityEncoder((1, 1), codes=12).fit(images, 0, patches=5)
    # One patch of each of the 12 images: they are the codewords.
    known = [patches_of_blocks(image, (1, 1), 5)[0, 0] for image in images]
    for vectors in known:
        squares = (
            (np.array(vectors)[:, None] - encoder.codebooks[0, 0]) ** 2
        ).sum(axis=2)
        assert squares.min() < 1e-10


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ({"codes": 0}, "`codes`.*at least 1.*codes=0"),
        ({"codes": 2.5}, "`codes`.*a whole number.*codes=2.5"),
        ({"patch": 1}, "`patch`.*at least 3.*patch=1"),
        ({"patch": 4}, "`patch`.*odd.*patch=4"),
        ({"blocks": 7}, "`blocks`.*2 whole numbers.*blocks=7"),
        ({"beta": 0}, "`beta`.*above 0.*beta=0"),
        ({"beta": math.nan}, "`beta`.*beta=nan"),
        ({"beta": math.inf}, "`beta`.*beta=inf"),
        ({"blocks": (0, 1)}, r"2 whole numbers.*blocks=\(0, 1\)"),
    ],
)
def test_an_option_out_of_range_is_an_error(option, expected):
    with pytest.raises(ValueError, match=expected):
        IntensityEncoder(**option)


def test_an_encoder_without_codewords_is_an_error(images):
    with pytest.raises(ValueError, match=r"before it encodes.*codebooks=None"):
        IntensityEncoder().encode(images[0])


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (np.zeros((0, 40, 40), "uint8"), r"one size.*0 of shapes=\[\]"),
        (np.zeros((40, 40), "uint8"), r"one size.*40 of shapes=\[\(40,\)\]"),
        (
            [np.zeros((40, n), "uint8") for n in (40, 41)],
            r"one size.*2 of shapes=\[\(40, 40\), \(40, 41\)\]",
        ),
        (np.zeros((2, 40, 40)), r"uint8.*dtype=float64"),
        (np.zeros((2, 10, 40), "uint8"), r"at least 11 x 11.*\(10, 40\)"),
    ],
)
def test_other_images_to_fit_are_an_error(wrong, expected):
    with pytest.raises(ValueError, match=expected):
        IntensityEncoder().fit(wrong, seed=0)


def test_an_image_of_another_kind_or_size_is_an_error(encoder):
    with pytest.raises(ValueError, match=r"uint8.*dtype=float32"):
        encoder.encode(np.zeros((32, 40), "float32"))
    with pytest.raises(ValueError, match=r"\(32, 40\).*shape=\(40, 32\)"):
        encoder.encode(np.zeros((40, 32), "uint8"))
