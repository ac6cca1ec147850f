"""Sizes of the networks that are timed, and the work that they are.

Work is what a network's own matrix products and convolutions ask for, a
multiplication and an addition counting as two operations. What a way of
computing it adds (the band of a response normalisation, casts, activations)
is not counted, nor is the optimizer. A training step counts as three forward
passes: each product has two more in its gradient.
"""

import dataclasses
import itertools
import math

import numpy as np

from fdin_tf.models import build_fdin
from fdin_tf.models import build_siam
from fdin_tf.models import build_vggface_encoder

#: Forward passes that the products of a training step are worth.
TRAINING = 3


@dataclasses.dataclass(frozen=True)
class FdinSize:
    """FDIN on features; the defaults are those of Kim and Ro, section 4.1.

    Attributes:
        clips: Clips of a batch.
        frames: Frames of a clip.
        feature_shape: Shape of an encoded frame.
        dense_units: Units of the dense layer on every region.
        lstm_units: Units of every LSTM.
        relation_units: Units of the layers on pairs.
        head_units: Units of the layers behind the aggregation.
    """

    clips: int = 8
    frames: int = 50
    feature_shape: tuple[int, int, int] = (6, 6, 512)
    dense_units: int = 1024
    lstm_units: tuple[int, ...] = (1024, 1024)
    relation_units: tuple[int, ...] = (4096, 4096)
    head_units: tuple[int, ...] = (2048, 1024)

    def build(self, target="age"):
        """The network, untrained."""
        return build_fdin(
            target,
            dense_units=self.dense_units,
            lstm_units=self.lstm_units,
            relation_units=self.relation_units,
            head_units=self.head_units,
            feature_shape=self.feature_shape,
        )

    def batch(self):
        """Random features, a mask of whole clips, and ages, as arrays."""
        rng = np.random.default_rng(0)
        shape = (self.clips, self.frames, *self.feature_shape)
        return (
            {
                "features": rng.random(shape, "float32"),
                "mask": np.ones((self.clips, self.frames), bool),
            },
            {"age": rng.random((self.clips, 1), "float32")},
        )

    def flops(self, regions=9):
        """Operations of a forward pass of the batch.

        Example:

        >>> round(FdinSize().flops() / 1e9)
        147
        """
        pairs = math.comb(regions, 2)
        units = math.prod(self.feature_shape) // regions
        of_frame = units * self.dense_units
        units = self.dense_units
        for wider in self.lstm_units:
            of_frame += (units + wider) * 4 * wider
            units = wider
        # The first layer on pairs is two products for each region.
        first, *others = itertools.pairwise((units + 2, *self.relation_units))
        of_clip = regions * 2 * math.prod(first)
        of_clip += pairs * sum(map(math.prod, others))
        last = self.relation_units[-1]
        of_clip += 2 * pairs * last  # importance, and the sum by it
        head = itertools.pairwise((last, *self.head_units, 1))
        of_clip += sum(map(math.prod, head))
        of_clip += self.frames * regions * of_frame
        return 2 * self.clips * of_clip


@dataclasses.dataclass(frozen=True)
class SiamSize:
    """SIAM; the defaults are those of `build_siam`.

    Attributes:
        clips: Clips of a batch.
        frames: Frames of a clip.
        frame_shape: Shape of a frame.
        conv_units: Kernels of the three convolutions.
        kernel_sizes: Their sizes.
        strides: Their strides.
        attention_units: Units of the spatial attention.
        dense_units: Units of the first dense layer.
        rnn_units: Units of the second, and of each recurrent layer.
    """

    clips: int = 4
    frames: int = 32
    frame_shape: tuple[int, int, int] = (114, 114, 1)
    conv_units: tuple[int, int, int] = (128, 256, 256)
    kernel_sizes: tuple[int, int, int] = (7, 5, 3)
    strides: tuple[int, int, int] = (2, 1, 1)
    attention_units: int = 256
    dense_units: int = 4096
    rnn_units: int = 256

    def build(self, target="age", **settings):
        """The network, untrained; `settings` are those of `build_siam`."""
        return build_siam(
            target,
            self.frame_shape,
            rnn_units=self.rnn_units,
            attention_units=self.attention_units,
            conv_units=self.conv_units,
            kernel_sizes=self.kernel_sizes,
            strides=self.strides,
            dense_units=self.dense_units,
            **settings,
        )

    def batch(self):
        """Random frames, a mask of whole clips, and ages, as arrays."""
        rng = np.random.default_rng(0)
        shape = (self.clips, self.frames, *self.frame_shape)
        return (
            {
                "frames": rng.integers(0, 256, shape, "uint8"),
                "mask": np.ones((self.clips, self.frames), bool),
            },
            {"age": rng.random((self.clips, 1), "float32")},
        )

    def flops(self):
        """Operations of a forward pass of the batch.

        Example:

        >>> round(SiamSize().flops() / 1e9)
        212
        """
        *places, channels = self.frame_shape
        of_frame = 0
        convolutions = zip(self.conv_units, self.kernel_sizes, self.strides)
        for block, (units, size, stride) in enumerate(convolutions, start=1):
            # The first and third are not padded, the second is.
            cut = 0 if block == 2 else size - 1
            places = [-(-(side - cut) // stride) for side in places]
            of_frame += math.prod(places) * size**2 * channels * units
            channels = units
            if block < 3:
                places = [side // 2 for side in places]
            if block == 2:
                of_place = (channels + 1) * self.attention_units
                of_frame += math.prod(places) * of_place
        of_frame += math.prod(places) * channels * self.dense_units
        of_frame += self.dense_units * self.rnn_units
        of_frame += 4 * self.rnn_units**2  # two layers of two products
        of_frame += self.rnn_units * (self.rnn_units + 2)  # attention, sum
        return 2 * self.clips * (self.frames * of_frame + self.rnn_units)


@dataclasses.dataclass(frozen=True)
class EncoderSize:
    """The layout of VGG-Face to its fourth pooling.

    Attributes:
        frames: Frames that are encoded at a time.
        frame_shape: Shape of a frame.
        filters: Filters of the convolutions of each block.
    """

    frames: int = 512
    frame_shape: tuple[int, int, int] = (96, 96, 3)
    filters: tuple[int, int, int, int] = (64, 128, 256, 512)

    def build(self):
        """The encoder, untrained."""
        return build_vggface_encoder(self.frame_shape, self.filters)

    def flops(self):
        """Operations of one frame.

        Example:

        >>> round(EncoderSize().flops() / 1e9, 1)
        5.1
        """
        height, width, channels = self.frame_shape
        of_frame = 0
        for units, layers in zip(self.filters, (2, 2, 3, 3)):
            for _ in range(layers):
                of_frame += height * width * 9 * channels * units
                channels = units
            height, width = height // 2, width // 2
        return 2 * of_frame
