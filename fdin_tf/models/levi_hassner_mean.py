"""The mean that the network of Levi and Hassner subtracts from images."""

import numpy as np

# Mean colour of the published mean image: R, G, B, in 0..255.
LEVI_HASSNER_MEAN = (114.8958463, 87.7689144, 78.4263378)
MEAN_LAYER = "subtract_mean"


def set_mean(model, mean):
    """Makes `model` subtract another mean from its images.

    (Setting the weights of the model does not: the layer computes with a
    copy of its own.)

    Args:
        model: Model of `build_levi_hassner` or made of one.
        mean: As in `build_levi_hassner`.

    Raises:
        ValueError: If `mean` is not as there.
    """
    layer = model.get_layer(MEAN_LAYER)
    check_mean(mean, layer.input.shape[1:])
    set_normalization(model, mean, layer.get_weights()[1])
    # Functions traced so far hold the old mean as a constant.
    model.train_function = model.test_function = model.predict_function = None


def set_normalization(model, mean, variance):
    """Puts a mean, and the variance to divide by, into the layer."""
    layer = model.get_layer(MEAN_LAYER)
    shape = layer.input.shape[1:]
    _, _, count = layer.get_weights()
    arrays = (np.broadcast_to(array, shape) for array in (mean, variance))
    layer.set_weights([*arrays, count])
    layer.finalize_state()


def check_mean(mean, shape):
    """Refuses what is no mean of images of this shape."""
    mean = np.asarray(mean)
    if mean.shape not in ((), (3,), tuple(shape)):
        raise ValueError(
            "`mean` must be a number, a colour (3,) or an image "
            f"{tuple(shape)}. Received: mean of shape {mean.shape}"
        )
    if not ((mean >= 0) & (mean <= 255)).all():
        raise ValueError(
            "`mean` must be in 0..255. Received: mean from "
            f"{mean.min()} to {mean.max()}"
        )
