"""VGG-Face: the full network and the frame encoder cut from it."""

import keras

# Mean colour of the training faces: R, G, B, in 0..255.
VGGFACE_MEAN = (129.186279296875, 104.76238250732422, 93.59396362304688)
MEAN_LAYER = "subtract_mean"
NUM_CONVOLUTIONS = (2, 2, 3, 3, 3)
# The layers with weights, in order: conv1_1 ... conv5_3, fc6, fc7, fc8.
WEIGHT_LAYERS = (
    *(
        f"conv{block}_{i}"
        for block, num in enumerate(NUM_CONVOLUTIONS, start=1)
        for i in range(1, num + 1)
    ),
    "fc6",
    "fc7",
    "fc8",
)


def build_vggface_encoder(frame_shape=(96, 96, 3), filters=(64, 128, 256, 512)):
    """Ten convolutions and four poolings of VGG-Face: frame to feature maps.

    The layers are named as in the original: `conv1_1` ... `conv4_3`, `pool1`
    ... `pool4`. All convolutions are 3x3 with ReLU and keep the size; every
    pooling halves it. The mean colour is subtracted inside, in RGB order, by
    a `keras.layers.Normalization` of fixed mean and unit variance, so that
    frames go in as they are. The weights are random until
    `load_vggface_weights` fills them.

    Args:
        frame_shape: `(height, width, 3)`, height and width divisible by 16.
        filters: Number of filters of the convolutions, for each of the four
            blocks.

    Returns:
        Model from RGB frames `(batch, height, width, 3)` in 0..255, uint8 or
        float, to ReLU feature maps `(batch, height / 16, width / 16,
        filters[-1])`. Under mixed precision the mean is subtracted in
        float32 and the feature maps have the compute dtype.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> build_vggface_encoder(filters=(4, 4, 4, 8)).output_shape
    (None, 6, 6, 8)

    Reference:
    - Parkhi, Vedaldi and Zisserman, Deep Face Recognition, BMVC 2015, table 3;
      cut after the tenth convolution and fourth pooling as in
      [Kim and Ro, ECCV 2018](https://arxiv.org/abs/1711.10688), section 4.1.
    """
    check_frame_shape(frame_shape, multiple_of=16)
    check_length("filters", filters, 4)
    frames = keras.Input(frame_shape, name="frames")
    maps = convolution_blocks(frames, filters)
    return keras.Model(frames, maps, name="vggface_encoder")


def build_vggface(
    input_shape=(224, 224, 3),
    classes=2622,
    filters=(64, 128, 256, 512, 512),
    dense_units=(4096, 4096),
):
    """The full VGG-Face network: image to the probability of each person.

    Thirteen convolutions and five poolings, named and computed as in
    `build_vggface_encoder`, then `flatten` (order height, width, channel),
    the dense layers `fc6` and `fc7` with ReLU, `fc8`, and the softmax `prob`.
    The usual face descriptor is the output of `fc7`.

    Args:
        input_shape: `(height, width, 3)`, height and width divisible by 32.
        classes: Number of persons.
        filters: Number of filters of the convolutions, for each of the five
            blocks.
        dense_units: Units of `fc6` and `fc7`.

    Returns:
        Model from RGB images `(batch, height, width, 3)` in 0..255, uint8 or
        float, to probabilities `(batch, classes)`, float32 under every
        precision policy; each row sums to 1.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> small = {"filters": (4, 4, 4, 8, 8), "dense_units": (16, 16)}
    >>> build_vggface((64, 64, 3), classes=10, **small).output_shape
    (None, 10)

    Reference:
    - Parkhi, Vedaldi and Zisserman, Deep Face Recognition, BMVC 2015, table 3.
    """
    check_frame_shape(input_shape, multiple_of=32)
    check_length("filters", filters, 5)
    check_length("dense_units", dense_units, 2)
    images = keras.Input(input_shape, name="images")
    maps = convolution_blocks(images, filters)
    hidden = keras.layers.Flatten(name="flatten")(maps)
    for name, units in zip(("fc6", "fc7"), dense_units):
        hidden = keras.layers.Dense(units, activation="relu", name=name)(hidden)
    scores = keras.layers.Dense(classes, name="fc8")(hidden)
    probabilities = keras.layers.Softmax(dtype="float32", name="prob")(scores)
    return keras.Model(images, probabilities, name="vggface")


def set_mean(model, mean):
    """Makes `model` subtract another mean colour from its input.

    Args:
        model: Model of this file.
        mean: R, G, B, in 0..255.
    """
    layer = model.get_layer(MEAN_LAYER)
    mean = tuple(float(value) for value in mean)
    if mean == tuple(layer.input_mean):
        return
    layer.input_mean = mean
    layer.build(model.input_shape)
    # Functions traced so far hold the old mean as a constant.
    model.train_function = model.test_function = model.predict_function = None


def check_frame_shape(shape, multiple_of):
    """Refuses a shape that halves to no whole number of places.

    Args:
        shape: What should be `(height, width, 3)`.
        multiple_of: What height and width should be divisible by.

    Raises:
        ValueError: If `shape` is not as above.

    Example:

    >>> check_frame_shape((96, 96, 3), multiple_of=16)
    """
    if (
        len(shape) != 3
        or shape[2] != 3
        or any(not size or size % multiple_of for size in shape[:2])
    ):
        raise ValueError(
            "Expected (height, width, 3) with height and width divisible by "
            f"{multiple_of}. Received: shape={shape}"
        )


def check_length(name, sizes, length):
    """Refuses another number of layers than the network has.

    Args:
        name: Name of the argument.
        sizes: What should hold a size for each of the layers.
        length: Number of the layers.

    Raises:
        ValueError: If `sizes` is not as above.

    Example:

    >>> check_length("dense_units", (4096, 4096), 2)
    """
    if len(sizes) != length:
        raise ValueError(
            f"Expected {length} sizes of layers. Received: {name}={sizes}"
        )


def convolution_blocks(
    images, filters, std=1.0, kernel_initializer="glorot_uniform"
):
    """Mean subtraction, then one block of convolutions per entry.

    Args:
        images: Keras tensor of RGB images in 0..255.
        filters: Number of filters of the convolutions, for each block.
        std: What the difference to the mean is divided by.
        kernel_initializer: Initial kernels of the convolutions.

    Returns:
        Keras tensor of the maps behind the last block's pooling.

    Example:

    >>> images = keras.Input((64, 96, 3))
    >>> convolution_blocks(images, filters=(4, 8)).shape
    (None, 16, 24, 8)
    """
    hidden = keras.layers.Normalization(
        mean=VGGFACE_MEAN,
        variance=(float(std) ** 2,) * 3,
        dtype="float32",
        name=MEAN_LAYER,
    )(images)
    for block, units in enumerate(filters, start=1):
        for i in range(1, NUM_CONVOLUTIONS[block - 1] + 1):
            hidden = keras.layers.Conv2D(
                units,
                kernel_size=3,
                padding="same",
                activation="relu",
                kernel_initializer=kernel_initializer,
                name=f"conv{block}_{i}",
            )(hidden)
        hidden = keras.layers.MaxPooling2D(name=f"pool{block}")(hidden)
    return hidden
