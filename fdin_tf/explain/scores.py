"""One number per image: what tests of explanations watch."""

import numpy as np

_INPUT = "images"


def make_predict(model, target=None, batch_size=32):
    """The function from images to scores that tests of explanations take.

    Args:
        model: Keras model that takes `{"images": (b, h, w, 3)}` and returns a
            dict with one output `(b, units)`.
        target: Number of the unit whose value is the score, such as a class;
            None where there is one unit only, as of a rating.
        batch_size: Images per call of the model.

    Returns:
        Function from images `(n, h, w, 3)`, RGB 0..255, to scores `(n,)`,
        float64. Of a class the score is its probability.

    Raises:
        ValueError: If the model has other inputs or outputs, several units
            and no `target`, or no such unit.

    Example:

    >>> import keras
    >>> images = keras.Input((2, 2, 3), name="images")
    >>> mean = keras.ops.mean(images, axis=(1, 2, 3))[:, None]
    >>> model = keras.Model({"images": images}, {"brightness": mean})
    >>> make_predict(model)(np.full((1, 2, 2, 3), 7, np.uint8))
    array([7.])
    """
    _, units = output_of(model)
    if target is None and units > 1:
        raise ValueError(
            f"Expected the number of a unit, 0 to {units - 1}, whose value is "
            "the score. Received: target=None"
        )
    (unit,) = units_of(model, target, 1)

    def predict(images):
        return np.concatenate(
            [
                outputs(model, images[k : k + batch_size])[:, unit]
                for k in range(0, len(images), batch_size)
            ]
        )

    return predict


def scores_of(predict, images):
    """Scores of images, checked.

    Args:
        predict: Function from images `(n, h, w, 3)` to scores `(n,)`.
        images: `(n, h, w, 3)`.

    Returns:
        Float64 `(n,)`.

    Raises:
        ValueError: If there is not one finite score per image.

    Example:

    >>> scores_of(lambda images: images.mean((1, 2, 3)), np.ones((2, 4, 4, 3)))
    array([1., 1.])
    """
    scores = np.asarray(predict(images), np.float64)
    if scores.shape != (len(images),) or not np.isfinite(scores).all():
        raise ValueError(
            f"`predict` must give one finite score per image, ({len(images)},)"
            f". Received: scores of shape {scores.shape}, "
            f"{np.sum(~np.isfinite(scores))} not finite"
        )
    return scores


def check_images(images):
    """Images as an array `(n, h, w, 3)`.

    Raises:
        ValueError: If the shape is another one, or there is no image.

    Example:

    >>> check_images([[[[255, 0, 0]]]]).shape
    (1, 1, 1, 3)
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] != 3 or 0 in images.shape:
        raise ValueError(
            "Expected at least one RGB image, (n, height, width, 3). "
            f"Received: images of shape {images.shape}"
        )
    return images


def outputs(model, images):
    """What a model answers to images: `(n, units)`, float64."""
    name, _ = output_of(model)
    images = np.asarray(images, np.float32)
    answer = model({_INPUT: images}, training=False)[name]
    return np.asarray(answer, np.float64)


def units_of(model, target, num_images):
    """Number of the unit that is explained, for every image.

    Args:
        model: See `make_predict`.
        target: Number of a unit, or one for every image.
        num_images: How many images there are.

    Returns:
        Int array `(num_images,)`; 0 for a model of one unit and no target.

    Raises:
        ValueError: If there is no such unit, or there are not as many as
            images.
    """
    _, units = output_of(model)
    chosen = np.asarray(0 if target is None else target)
    if (
        chosen.dtype.kind not in "iu"
        or chosen.shape not in ((), (num_images,))
        or not ((chosen >= 0) & (chosen < units)).all()
    ):
        raise ValueError(
            f"Expected the number of a unit, 0 to {units - 1}, or one for "
            f"every image, ({num_images},). Received: target={target!r}"
        )
    return np.broadcast_to(chosen, num_images)


def output_of(model):
    """Name of the one output of a model on images, and its units.

    Raises:
        ValueError: If the model has other inputs or outputs.
    """
    inputs, answers = (
        getattr(model, side, None) for side in ("input", "output")
    )
    if (
        not (isinstance(inputs, dict) and isinstance(answers, dict))
        or set(inputs) != {_INPUT}
        or len(answers) != 1
        or len(next(iter(answers.values())).shape) != 2
    ):
        raise ValueError(
            'Expected a model from a dict {"images": (b, h, w, 3)} to a dict '
            "of one output, (b, units). Received: "
            f"inputs={_shapes(inputs)}, outputs={_shapes(answers)}"
        )
    ((name, output),) = answers.items()
    return name, output.shape[-1]


def _shapes(tensors):
    if not isinstance(tensors, dict):
        return getattr(tensors, "shape", type(tensors).__name__)
    return {name: tensor.shape for name, tensor in tensors.items()}
