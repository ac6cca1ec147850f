"""GNet and SNet: VGG-Face with another last layer, and the mean of several.

Zhang, Tan, Li and Qiao, "Gender and Smile Classification using Deep
Convolutional Neural Networks", CVPR workshops 2016: one trunk is trained to
tell persons apart, then for forty attributes of faces, then for one.

GNet is a network with the head `"gender"`. SNet is the mean of two networks
with the head `"smile"`, each with a crop of its own:

    gnet = build_face_network("gender")
    snet = average_networks(
        [build_face_network("smile"), build_face_network("smile")]
    )
"""

import keras
import numpy as np

from fdin_tf.models.fdin import check_choice
from fdin_tf.models.fdin import check_dropout
from fdin_tf.models.vggface import MEAN_LAYER
from fdin_tf.models.vggface import check_frame_shape
from fdin_tf.models.vggface import check_length
from fdin_tf.models.vggface import convolution_blocks

#: Classes of the heads that answer one question, in the order of the output.
CLASSES = {"gender": ("female", "male"), "smile": ("no_smile", "smile")}
#: Units of the last layer by head: persons, attributes, classes.
HEADS = {"identity": 2622, "attributes": 40, "gender": 2, "smile": 2}
DENSE = ("fc6", "fc7")

_DROPOUT = ("drop6", "drop7")
_HEAD_STD = 0.01  # of the last layer's first kernel


def build_face_network(
    head="gender",
    classes=None,
    image_shape=(224, 224, 3),
    filters=(64, 128, 256, 512, 512),
    dense_units=(4096, 4096),
    dropout=0.5,
    std=1.0,
    kernel_initializer=None,
):
    """Builds VGG-Face for one of the tasks; the defaults are its sizes.

        images minus their mean colour
        conv1_1, conv1_2, pool1 ... conv5_1, conv5_2, conv5_3, pool5
        flatten, fc6, drop6, fc7, drop7, and a layer named as the head

    Convolutions are 3 x 3, and ReLU follows every layer with weights but the
    last. All but dropout is table 1 of Zhang et al., which is that of the
    network as it answers; VGG-Face was trained with dropout behind `fc6` and
    `fc7`. `load_vggface_weights` fills all but the last layer.

    Args:
        head: What is answered: `"identity"`, which of the persons (softmax);
            `"attributes"`, which of the attributes a face has (a sigmoid
            each); `"gender"` or `"smile"`, which of the two `CLASSES`
            (softmax).
        classes: Number of persons or attributes; None: 2622 or 40.
        image_shape: `(height, width, 3)`, height and width divisible by 32.
        filters: Number of filters of the convolutions, for each of the five
            blocks.
        dense_units: Units of `fc6` and `fc7`.
        dropout: Share dropped after `fc6` and `fc7`, in [0, 1).
        std: What the difference to the mean colour is divided by: 1 as
            published. Small networks that begin at random learn better from
            values around 1 (64).
        kernel_initializer: Initial kernels of all layers but the last; None:
            `"glorot_uniform"`, as in all of Keras, for the paper says
            nothing. Biases begin at 0. The last layer begins normally
            distributed with deviation 0.01.

    Returns:
        Functional `keras.Model`. It takes a dict of `"images"`, RGB
        `(batch, height, width, 3)` in 0..255, uint8 or float, and returns a
        dict of the head alone: probabilities `(batch, classes)`, float32
        under every precision policy.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> small = {"filters": (4, 4, 4, 8, 8), "dense_units": (16, 16)}
    >>> model = build_face_network("smile", image_shape=(64, 64, 3), **small)
    >>> {name: output.shape for name, output in model.output.items()}
    {'smile': (None, 2)}

    Reference:
    - Zhang et al., CVPR workshops 2016, table 1 and section 3.1.
    """
    classes = _check_head(head, classes)
    check_frame_shape(image_shape, multiple_of=32)
    check_length("filters", filters, 5)
    check_length("dense_units", dense_units, 2)
    check_dropout(dropout)
    if not 0 < std < np.inf:
        raise ValueError(
            f"`std` must be a finite number above 0. Received: std={std}"
        )
    initializer = kernel_initializer or "glorot_uniform"

    images = keras.Input(image_shape, name="images")
    maps = convolution_blocks(images, filters, std, initializer)
    hidden = keras.layers.Flatten(name="flatten")(maps)
    for units, name, drop in zip(dense_units, DENSE, _DROPOUT):
        hidden = keras.layers.Dense(
            units, activation="relu", kernel_initializer=initializer, name=name
        )(hidden)
        hidden = keras.layers.Dropout(dropout, name=drop)(hidden)
    return _with_head(images, hidden, head, classes)


def replace_head(model, head, classes=None, seed=None):
    """Makes a network for another task out of a trained one.

    All but the last layer begin as they are in `model`, the mean colour
    included; the last is new. `model` is left as it is and shares no weights.

    Args:
        model: Model of `build_face_network` or of this function.
        head: As in `build_face_network`.
        classes: As in `build_face_network`.
        seed: Integer seed of the new layer's kernel; None: random.

    Returns:
        Model as of `build_face_network`, not compiled.

    Raises:
        ValueError: If `model` is no such model, or if `head` or `classes` is
            not as above.

    Example:

    >>> small = {"filters": (4, 4, 4, 8, 8), "dense_units": (16, 16)}
    >>> persons = build_face_network("identity", 9, (64, 64, 3), **small)
    >>> replace_head(persons, "attributes").output["attributes"].shape
    (None, 40)

    Reference:
    - Zhang et al., CVPR workshops 2016, section 3.1, steps 1 to 4.
    """
    head_of(model)
    classes = _check_head(head, classes)
    trunk = keras.Model(model.input, model.get_layer(_DROPOUT[-1]).output)
    copy = keras.models.clone_model(trunk)
    copy.set_weights(trunk.get_weights())
    return _with_head(copy.input["images"], copy.output, head, classes, seed)


def average_networks(networks):
    """Joins networks, each with a crop of its own, to their mean answer.

        p = sum_i p_i(crop i) / n

    Args:
        networks: Two or more models of this file with the same head, on
            images of the same shape. Their weights are shared, not copied.

    Returns:
        Functional `keras.Model`. It takes a dict of `"images"`, RGB
        `(batch, n, height, width, 3)` in 0..255, the crops of a face in the
        order of the networks, and returns a dict of the head alone:
        probabilities `(batch, classes)`, float32.

    Raises:
        ValueError: If there are fewer than two networks, one comes twice, one
            is none of this file, or heads or shapes of images differ.

    Example:

    >>> small = {"filters": (4, 4, 4, 8, 8), "dense_units": (16, 16)}
    >>> networks = [
    ...     build_face_network("smile", image_shape=(64, 64, 3), **small)
    ...     for _ in range(2)
    ... ]
    >>> average_networks(networks).input["images"].shape
    (None, 2, 64, 64, 3)

    Reference:
    - Zhang et al., CVPR workshops 2016, section 3, stage 3.
    """
    networks = list(networks)
    head, shape = _check_networks(networks)
    num = len(networks)
    images = keras.Input((num, *shape), name="images")
    answers = []
    for i, network in enumerate(networks):
        crop = keras.layers.Cropping3D(
            ((i, num - 1 - i), (0, 0), (0, 0)),
            data_format="channels_last",
            name=f"take_crop_{i + 1}",
        )(images)
        crop = keras.layers.Reshape(shape, name=f"crop_{i + 1}")(crop)
        # The same layers under a name that no other network has.
        named = keras.Model(network.input, network.output, name=_name_of(i))
        answers.append(named({"images": crop})[head])
    mean = keras.layers.Average(dtype="float32", name=head)(answers)
    return keras.Model(
        {"images": images}, {head: mean}, name=f"mean_of_{num}_{head}"
    )


def single_networks(model):
    """The networks that a model of this file consists of.

    Args:
        model: Model of `average_networks`, `build_face_network` or
            `replace_head`, also one that was saved and loaded.

    Returns:
        List of the networks, in the order of their crops; of a single network
        that alone.

    Raises:
        ValueError: If it is none of these.

    Example:

    >>> small = {"filters": (4, 4, 4, 8, 8), "dense_units": (16, 16)}
    >>> model = build_face_network("smile", image_shape=(64, 64, 3), **small)
    >>> single_networks(model) == [model]
    True
    """
    inner = [x for x in model.layers if isinstance(x, keras.Model)]
    # By their numbers.
    networks = sorted(inner, key=lambda x: (len(x.name), x.name)) or [model]
    for network in networks:
        head_of(network)
    return networks


def head_of(model):
    """The head of a single network of this file.

    Args:
        model: Keras model.

    Returns:
        Its name, one of `HEADS`.

    Raises:
        ValueError: If the model is none of `build_face_network` or
            `replace_head`.
    """
    present = {layer.name for layer in model.layers}
    wanted = {"images", MEAN_LAYER, "conv5_3", *DENSE, *_DROPOUT}
    heads = []
    if wanted <= present and isinstance(model.output, dict):
        heads = list(model.output)
    if len(heads) != 1 or heads[0] not in HEADS:
        raise ValueError(
            "Expected a model of build_face_network or replace_head. "
            f"Received: model={model.name}"
        )
    return heads[0]


def _name_of(i):
    return f"network_{i + 1}"


def _with_head(images, hidden, head, classes, seed=None):
    # In float32 under every policy, as all estimates are.
    probabilities = keras.layers.Dense(
        classes,
        activation="sigmoid" if head == "attributes" else "softmax",
        kernel_initializer=keras.initializers.RandomNormal(
            stddev=_HEAD_STD, seed=seed
        ),
        dtype="float32",
        name=head,
    )(hidden)
    return keras.Model(
        {"images": images}, {head: probabilities}, name=f"face_network_{head}"
    )


def _check_head(head, classes):
    """The number of classes, after head and number have been checked."""
    check_choice("head", head, HEADS)
    if classes is None:
        return HEADS[head]
    is_fixed = head in CLASSES
    if (
        not isinstance(classes, int)
        or classes < 1
        or (is_fixed and classes != HEADS[head])
    ):
        raise ValueError(
            f"`classes` of the head {head!r} must be "
            f"{f'{HEADS[head]} or' if is_fixed else 'a positive integer or'} "
            f"None. Received: classes={classes!r}"
        )
    return classes


def _check_networks(networks):
    """Head and image shape that all networks have."""
    if len({id(network) for network in networks}) < max(2, len(networks)):
        raise ValueError(
            "Expected two or more networks, each another one. Received: "
            f"networks={[network.name for network in networks]}"
        )
    heads = [head_of(network) for network in networks]
    shapes = [tuple(network.input["images"].shape[1:]) for network in networks]
    if len({*heads}) > 1 or len({*shapes}) > 1:
        raise ValueError(
            "Expected networks with the same head, on images of the same "
            f"shape. Received: heads={heads}, shapes={shapes}"
        )
    return heads[0], shapes[0]
