"""Intensity-based encoded features: learnt codes of small patches."""

import itertools
import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.cluster import MiniBatchKMeans

from fdin_tf.handcrafted.blocks import block_numbers
from fdin_tf.handcrafted.checks import check_grey_image
from fdin_tf.handcrafted.checks import check_whole

# Raised when the same settings would no longer give the same codes.
FORMAT_VERSION = 1
# Deviation, in grey levels, that counts as noise in a flat patch.
NOISE = 2.0


class IntensityEncoder:
    """Soft assignment of small patches to a codebook of each block.

    Around every pixel lies a patch of `patch x patch` grey levels `x`; with
    `m` their mean, it is described by

        v = (x - m) / sqrt(sum (x - m)^2 + (patch noise)^2),    noise = 2

    so that the patches of a flat image are 0 and others nearly of length 1.
    Every block of the face has its own codewords `c_k`, the centres of
    k-means over the patches of the training images there. A patch belongs to
    them all, the nearer the more, and a block is described by the mean of its
    patches:

        w_k(v) = exp(-beta |v - c_k|^2) / sum_l exp(-beta |v - c_l|^2)
        f_k = mean_v w_k(v).

    Codebooks of single blocks and soft assignment of the intensities around
    every pixel are our reading of Alnajar et al., not verified with their
    program; the shape of a patch, its normalisation, the weights and all
    numbers are ours.

    Adding to all grey levels changes nothing, nor, but for the noise, does
    multiplying them.

    Args:
        blocks: Rows and columns of blocks; patches are dealt out to them by
            their places, as pixels are in `lbp_histograms`.
        codes: Codewords of a block.
        patch: Side of a patch, odd, pixels.
        beta: Sharpness of the assignment; above 0. The larger, the nearer to
            a histogram of the nearest codewords.

    Attributes:
        codebooks: `(*blocks, codes, patch ** 2)`, float32; None before `fit`.
        image_shape: `(height, width)` of the images; None before `fit`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> images = np.random.default_rng(0).integers(0, 256, (9, 40, 40), "uint8")
    >>> encoder = IntensityEncoder(blocks=(3, 3), codes=8).fit(images, seed=0)
    >>> encoder.encode(images[0]).shape
    (72,)

    Reference:
    - Alnajar, Shan, Gevers and Geusebroek, Learning-based encoding with soft
      assignment for age estimation under unconstrained imaging conditions,
      Image and Vision Computing 30(12), 2012.
    """

    def __init__(self, blocks=(7, 7), codes=32, patch=5, beta=10.0):
        check_whole("blocks", blocks, 2)
        check_whole("codes", codes)
        check_whole("patch", patch, least=3)
        for name, holds, expected, value in (
            ("patch", patch % 2, "odd", patch),
            ("beta", 0 < beta < math.inf, "above 0 and finite", beta),
        ):
            if not holds:
                raise ValueError(
                    f"`{name}` of an encoder must be {expected}. "
                    f"Received: {name}={value}"
                )
        self.blocks = tuple(blocks)
        self.codes = codes
        self.patch = patch
        self.beta = beta
        self.codebooks = None
        self.image_shape = None

    def fit(self, images, seed, patches=10_000):
        """Learns the codewords of every block; use training images only.

        Args:
            images: `(images, height, width)`, uint8.
            seed: Integer. The same images and seed give the same codewords.
            patches: About so many patches of a block, equally many of every
                image, drawn at random, are clustered.

        Returns:
            The encoder itself.

        Raises:
            ValueError: If there is no image, they are of different sizes, of
                another kind or too small for the blocks, or `patches` is no
                whole number.
        """
        check_whole("patches", patches)
        shapes = sorted({np.shape(image) for image in images})
        if len(shapes) != 1 or len(shapes[0]) != 2:
            raise ValueError(
                "An encoder is fitted to grey images of one size, (images, "
                f"height, width). Received: {len(images)} of {shapes=}"
            )
        images = np.asarray(images)
        self._check(images[0])
        rng = np.random.default_rng(seed)
        each = max(1, patches // len(images))
        drawn = [
            [
                block[rng.permutation(len(block))[:each]]
                for block in self._dealt(image)
            ]
            for image in images
        ]
        self.codebooks = np.stack(
            [
                _codewords(np.concatenate(block), self.codes, rng)
                for block in zip(*drawn)
            ]
        ).reshape(*self.blocks, self.codes, self.patch**2)
        self.image_shape = images.shape[1:]
        return self

    def encode(self, image):
        """Describes an image.

        Args:
            image: `(height, width)`, uint8, of the size of those of `fit`.

        Returns:
            `(blocks[0] * blocks[1] * codes,)`, float32: the blocks row by
            row, each sums to 1.

        Raises:
            ValueError: If the encoder has not been fitted, or the image is of
                another kind or size.
        """
        if self.codebooks is None:
            raise ValueError(
                "An encoder must be fitted before it encodes an image. "
                "Received: codebooks=None"
            )
        self._check(image)
        if image.shape != self.image_shape:
            raise ValueError(
                "An encoder encodes images of the size that it was fitted to, "
                f"{self.image_shape}. Received: shape={image.shape}"
            )
        codebooks = self.codebooks.reshape(-1, self.codes, self.patch**2)
        return np.concatenate(
            [
                _soft_histogram(vectors, codewords, self.beta)
                for vectors, codewords in zip(self._dealt(image), codebooks)
            ]
        )

    def _check(self, image):
        check_grey_image(image, [n + self.patch - 1 for n in self.blocks])

    def _dealt(self, image):
        """The patches of every block, `(patches, patch ** 2)`, float32."""
        patches = sliding_window_view(
            np.float32(image), (self.patch, self.patch)
        )
        vectors = patches.reshape(*patches.shape[:2], -1)
        vectors = vectors - vectors.mean(axis=-1, keepdims=True)
        squares = np.einsum("hwv,hwv->hw", vectors, vectors)
        vectors /= np.sqrt(squares + (self.patch * NOISE) ** 2)[..., None]
        rows, columns = (
            np.searchsorted(block_numbers(length, n), range(n + 1))
            for length, n in zip(vectors.shape, self.blocks)
        )
        return [
            vectors[top:bottom, left:right].reshape(-1, self.patch**2)
            for top, bottom in itertools.pairwise(rows)
            for left, right in itertools.pairwise(columns)
        ]


def _codewords(vectors, codes, rng):
    """The centres of k-means, float32; repeated if there are too few."""
    distinct = np.unique(vectors, axis=0)
    if len(distinct) <= codes:
        return np.resize(distinct, (codes, distinct.shape[1]))
    seed = int(rng.integers(2**31))
    kmeans = MiniBatchKMeans(
        codes, batch_size=1024, n_init=1, random_state=seed
    )
    return kmeans.fit(vectors).cluster_centers_.astype("float32")


def _soft_histogram(vectors, codewords, beta):
    """Mean of the weights of all vectors, `(codes,)`, float32."""
    # |v|^2 is the same for all codewords of a patch: it cancels.
    scores = vectors @ (2 * beta * codewords.T)
    scores -= beta * (codewords**2).sum(axis=1)
    scores -= scores.max(axis=1, keepdims=True)
    weights = np.exp(scores, out=scores)
    return (1 / weights.sum(axis=1)) @ weights / len(vectors)
