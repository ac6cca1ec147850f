"""Random changes of face crops that leave what they show as it is."""

import dataclasses
import math
from typing import Literal

import cv2
import numpy as np
import tensorflow as tf

# Mirror, shift in x and in y, zoom, turn, light: each has its own number, so
# that to change one does not draw the others anew.
_NUM_DRAWS = 6
_GREY = 128.0


@dataclasses.dataclass(frozen=True)
class Alteration:
    """How much the crops of a training may be altered.

    All but `flip` are drawn evenly from their range, for every image anew.

    Attributes:
        flip: Whether every other image, by chance, is mirrored. That leaves
            gender, smile and the attributes of CelebA as they are.
        shift: Most shift along each axis, as a share of the crop's side, 0 to
            0.5.
        zoom: Most change of the scale: it is between `1 - zoom` and
            `1 + zoom`; 0 to 0.5.
        turn: Largest turn in either direction, degrees, 0 to 45.
        light: Most change of the light: grey levels are multiplied by a
            number between `1 - light` and `1 + light`; 0 to 0.9.
        keras_cv: What KerasCV adds (extra `[cv]`), after all of these: None,
            `"rand_augment"` (two of its RandAugment's changes of contrast and
            colour, without those of geometry) or `"cutout"` (a grey
            rectangle, its sides up to half of the crop's).

    Raises:
        ValueError: If a value is out of its range.

    Example:

    >>> round(Alteration(shift=0.05, zoom=0.1).reach, 3)
    1.222

    References:
    - [Cubuk et al., CVPRW 2020](https://arxiv.org/abs/1909.13719), RandAugment
    - [DeVries and Taylor, 2017](https://arxiv.org/abs/1708.04552), cutout
    """

    flip: bool = True
    shift: float = 0.0
    zoom: float = 0.0
    turn: float = 0.0
    light: float = 0.0
    keras_cv: Literal["rand_augment", "cutout"] | None = None

    def __post_init__(self):
        limits = {"shift": 0.5, "zoom": 0.5, "turn": 45, "light": 0.9}
        for name, most in limits.items():
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(
                    f"`{name}` of an alteration must be from 0 to {most}. "
                    f"Received: {name}={getattr(self, name)!r}"
                )
        if self.keras_cv not in (None, "rand_augment", "cutout"):
            raise ValueError(
                "`keras_cv` of an alteration must be None, rand_augment or "
                f"cutout. Received: keras_cv={self.keras_cv!r}"
            )

    @property
    def reach(self):
        """Side of what an altered crop can show, in sides of the crop.

        (cos turn + sin turn) (1 + 2 shift) / (1 - zoom)
        """
        turn = math.radians(self.turn)
        turned = math.cos(turn) + math.sin(turn)
        return turned * (1 + 2 * self.shift) / (1 - self.zoom)


def altered_crops(pictures, size, rng, alteration):
    """Cuts the middle out of every picture, altered by one warp.

    Args:
        pictures: Sequence of RGB pictures `(side, side, 3)`, uint8, with
            `side >= size`: crops with a margin.
        size: Side of the results, pixels.
        rng: NumPy generator; with it the result is determined.
        alteration: `Alteration`; what KerasCV adds to it is not done here.

    Returns:
        `(n, size, size, 3)`, uint8. Beyond the border of a picture its last
        pixels are repeated.
    """
    draws = rng.random((len(pictures), _NUM_DRAWS))
    is_mirrored = alteration.flip & (draws[:, 0] < 0.5)
    shift_x, shift_y, zoom, turn, light = 2 * draws[:, 1:].T - 1
    # z' = a z, or a z* where mirrored, with the middle at 0.
    a = (1 + alteration.zoom * zoom) * np.exp(
        1j * np.radians(alteration.turn * turn)
    )
    shift = alteration.shift * size * np.stack([shift_x, shift_y], axis=1)
    light = 1 + alteration.light * light

    crops = np.empty((len(pictures), size, size, 3), np.uint8)
    for i, picture in enumerate(pictures):
        matrix = np.array([[a[i].real, -a[i].imag], [a[i].imag, a[i].real]])
        if is_mirrored[i]:
            matrix[:, 0] *= -1
        middle = (np.array(picture.shape[1::-1]) - 1) / 2
        move = (size - 1) / 2 + shift[i] - matrix @ middle
        cv2.warpAffine(
            picture,
            np.column_stack([matrix, move]),
            (size, size),
            dst=crops[i],
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        if alteration.light:
            cv2.convertScaleAbs(crops[i], dst=crops[i], alpha=light[i])
    return crops


def keras_cv_function(kind):
    """An alteration of KerasCV as a pure function, for use in tf.data.

    A layer of KerasCV goes on from call to call with its random numbers. Here
    those of an image come from the seed of that image alone.

    Args:
        kind: `"rand_augment"` or `"cutout"`, see `Alteration`.

    Returns:
        Function from tensors of images `(n, side, side, 3)`, uint8, and of
        seeds `(n, 2)`, int64, to the altered images, uint8.

    Raises:
        ImportError: If KerasCV is not installed.
    """
    try:
        import keras_cv
    except ImportError as error:
        raise ImportError(
            f"The alteration {kind!r} needs KerasCV, an optional part: "
            'pip install "fdin-tf[cv]"'
        ) from error

    if kind == "rand_augment":
        layer = keras_cv.layers.RandAugment(
            value_range=(0, 255),
            augmentations_per_image=2,
            magnitude=0.3,
            geometric=False,
        )
    else:
        layer = keras_cv.layers.RandomCutout(0.5, 0.5, fill_value=_GREY)
    numbers = _SeededNumbers()
    for part in layer._flatten_layers():
        part.dtype_policy = "float32"  # half precision has no 256 grey levels
        part._random_generator = numbers
        for name, value in list(vars(part).items()):
            if isinstance(value, keras_cv.core.FactorSampler):
                setattr(part, name, _seeded_factor(value, numbers))

    def alter_one(image_and_seed):
        image, seed = image_and_seed
        numbers.restart(seed)
        image = layer(tf.cast(image, tf.float32), training=True)
        return tf.saturate_cast(tf.round(image), tf.uint8)

    @tf.function
    def alter(images, seeds):
        altered = tf.map_fn(
            alter_one, (images, seeds), fn_output_signature=tf.uint8
        )
        return tf.ensure_shape(altered, images.shape)

    return alter


class _SeededNumbers:
    """A generator as the layers of KerasCV use one; its seed decides all."""

    def restart(self, seed):
        self.seed = seed
        self.num_draws = 0

    def uniform(self, shape, minval=0, maxval=1, dtype=tf.float32):
        return tf.random.stateless_uniform(
            shape, self._next_seed(), minval, maxval, dtype
        )

    def normal(self, shape, mean=0.0, stddev=1.0, dtype=tf.float32):
        return tf.random.stateless_normal(
            shape, self._next_seed(), mean, stddev, dtype
        )

    def _next_seed(self):
        # Counted while a graph is traced: every place of it draws its own.
        self.num_draws += 1
        return self.seed + tf.constant([0, self.num_draws], tf.int64)


def _seeded_factor(factor, numbers):
    """What a factor sampler of KerasCV draws, drawn from `numbers`."""
    settings = factor.get_config()

    def draw(shape=(), dtype="float32"):
        if "lower" in settings:
            return numbers.uniform(
                shape, settings["lower"], settings["upper"], dtype
            )
        drawn = numbers.normal(
            shape, settings["mean"], settings["stddev"], dtype
        )
        return tf.clip_by_value(
            drawn, settings["min_value"], settings["max_value"]
        )

    return draw
