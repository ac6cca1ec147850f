"""Explanations to compare relevance propagation with.

Gradient x input, integrated gradients and occlusion maps, of networks on
images.
"""

import numpy as np
import tensorflow as tf

from fdin_tf.explain.pixel_flipping import patch_numbers
from fdin_tf.explain.scores import check_images
from fdin_tf.explain.scores import output_of
from fdin_tf.explain.scores import outputs
from fdin_tf.explain.scores import units_of

#: Names of the explanations.
METHODS = ("gradient_x_input", "integrated_gradients", "occlusion")


def attributions(
    model,
    images,
    target=None,
    method="integrated_gradients",
    baseline=0.0,
    steps=50,
    patch=16,
    batch_size=32,
):
    """Heatmaps of images: what each pixel adds to the score.

    For the score `f`, the image `x` and the baseline `x'`, before the sum
    over channels:

    - `"gradient_x_input"`: `(x - x') df/dx`.
    - `"integrated_gradients"`: `(x - x')` times the mean of `df/dx` on the
      way from `x'` to `x`, by the midpoint rule; what the pixels add up to is
      `f(x) - f(x')`. By the package saliency (PAIR).
    - `"occlusion"`: `f(x)` less the score with a square patch replaced by the
      baseline, spread evenly over the patch's pixels.

    The score is what the model returns: of a class its probability, whose
    gradient fades where the network is certain.

    Args:
        model: Keras model that takes `{"images": (b, h, w, 3)}` and returns a
            dict with one output `(b, units)`.
        images: `(n, h, w, 3)`, RGB 0..255.
        target: Number of the unit that is explained, or one for every image;
            None: the unit with the largest value, image by image.
        method: One of `METHODS`.
        baseline: What stands for nothing: a number 0..255 (0: black), a
            colour `(3,)`, or an image.
        steps: Points of the integral, at least 2.
        patch: Side of the patches of occlusion, pixels. The model runs once per
            patch of each image: halving the side makes it four times slower.
        batch_size: Images per call of the model.

    Returns:
        Float32 `(n, h, w)`.

    Raises:
        ValueError: If the images, the model or the target is another one than
            described, the method is unknown, or a number is too small.
        ImportError: If the extra `attributions` is needed and not installed.

    Example:

    >>> import keras
    >>> images = keras.Input((2, 2, 3), name="images")
    >>> mean = keras.ops.mean(images, axis=(1, 2, 3))[:, None]
    >>> model = keras.Model({"images": images}, {"brightness": mean})
    >>> x = np.full((1, 2, 2, 3), 8, np.uint8)
    >>> attributions(model, x, method="gradient_x_input")
    array([[[2., 2.],
            [2., 2.]]], dtype=float32)

    Reference:
    - Shrikumar et al., [Not Just a Black Box](https://arxiv.org/abs/1605.01713),
      2016: gradient x input.
    - Sundararajan et al., [Axiomatic Attribution for Deep
      Networks](https://arxiv.org/abs/1703.01365), ICML 2017, equation 1.
    - Zeiler and Fergus, [Visualizing and Understanding Convolutional
      Networks](https://arxiv.org/abs/1311.2901), ECCV 2014: occlusion.
    """
    images = check_images(images).astype(np.float32)
    for name, value, least in (
        ("steps", steps, 2),
        ("patch", patch, 1),
        ("batch_size", batch_size, 1),
    ):
        if not value >= least:
            raise ValueError(
                f"`{name}` must be at least {least}. Received: {name}={value}"
            )
    if method not in METHODS:
        raise ValueError(
            f"`method` must be one of {', '.join(METHODS)}. "
            f"Received: method={method!r}"
        )
    score = _Score(model, batch_size)
    baseline = _baseline(baseline, images.shape[1:])
    if target is None:
        units = score.values(images).argmax(axis=1)
    else:
        units = units_of(model, target, len(images))
    if method == "gradient_x_input":
        added = (images - baseline) * score.gradients(images, units)
        return added.sum(axis=-1)
    if method == "integrated_gradients":
        explain, option = _integrated_gradients, steps
    else:
        explain, option = _occlusion, patch
    return np.stack(
        [
            explain(score, image, baseline, unit, option)
            for image, unit in zip(images, units)
        ]
    ).astype(np.float32)


class _Score:
    """Units of a model and their gradients, batch by batch."""

    def __init__(self, model, batch_size):
        self.name, _ = output_of(model)
        self.model = model
        self.batch_size = batch_size

    def values(self, images):
        """All units: `(n, units)`."""
        return np.concatenate(
            [outputs(self.model, images[k]) for k in self._batches(images)]
        )

    def gradients(self, images, units):
        """Of the unit of each image, by its pixels: `(n, h, w, 3)`."""
        return np.concatenate(
            [self._gradient(images[k], units[k]) for k in self._batches(images)]
        )

    def _gradient(self, images, units):
        images = tf.convert_to_tensor(images, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(images)
            answer = self.model({"images": images}, training=False)[self.name]
            chosen = tf.gather(answer, units, axis=1, batch_dims=1)
        return tape.gradient(chosen, images).numpy()

    def _batches(self, images):
        starts = range(0, len(images), self.batch_size)
        return [slice(k, k + self.batch_size) for k in starts]


def _integrated_gradients(score, image, baseline, unit, steps):
    core = _import_saliency()
    # The package takes points from end to end, both included: ends that are
    # half a step further in make them the midpoints of as many steps.
    half = (image - baseline) / (2 * steps)
    mask = core.IntegratedGradients().GetMask(
        image - half,
        lambda points, **_: {
            core.INPUT_OUTPUT_GRADIENTS: score.gradients(
                points, np.full(len(points), unit)
            )
        },
        x_baseline=baseline + half,
        x_steps=steps,
        batch_size=score.batch_size,
    )
    # It multiplies by the way between these ends: a step short.
    return (mask * steps / (steps - 1)).sum(axis=-1)


def _occlusion(score, image, baseline, unit, patch):
    patches = patch_numbers(*image.shape[:2], patch)
    sizes = np.bincount(patches.ravel())
    before = score.values(image[None])[0, unit]
    scores = []
    for k in range(0, len(sizes), score.batch_size):
        numbers = np.arange(len(sizes))[k : k + score.batch_size]
        is_covered = patches == numbers[:, None, None]
        covered = np.where(is_covered[..., None], baseline, image)
        scores.append(score.values(covered)[:, unit])
    return ((before - np.concatenate(scores)) / sizes)[patches]


def _baseline(baseline, shape):
    try:
        return np.broadcast_to(np.asarray(baseline, np.float32), shape)
    except ValueError:
        raise ValueError(
            f"`baseline` must be a number, a colour (3,) or an image {shape}. "
            f"Received: baseline of shape {np.shape(baseline)}"
        ) from None


def _import_saliency():
    try:
        import saliency.core
    except ImportError as error:
        raise ImportError(
            "Integrated gradients need the extra `attributions`: "
            f"pip install 'fdin-tf[attributions]'. Received: {error}"
        ) from None
    return saliency.core
