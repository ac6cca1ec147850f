"""SavedModels that answer from the crops of a face in a photograph."""

import dataclasses
import platform
from importlib.metadata import version

from fdin_tf.faces.crops import CROP_SCHEMES
from fdin_tf.faces.crops import CropScheme
from fdin_tf.models.gnet_snet import CLASSES
from fdin_tf.models.gnet_snet import DENSE
from fdin_tf.models.gnet_snet import single_networks
from fdin_tf.serving.export import write_version
from fdin_tf.serving.signatures import image_signatures
from fdin_tf.version import __version__

LIMITS = (
    "An answer is no fact about a person. The network tells two classes "
    "apart, from looks alone: whoever fits neither is put into one of them "
    "all the same, and how people look is not who they are. The error differs "
    "between groups of people and grows with photographs unlike those of the "
    "training. Not for decisions about persons, for finding out anybody's "
    "gender or mood, or for photographs of people who did not agree. Accuracy "
    "on drawn faces says nothing about accuracy on people."
)

_PACKAGES = (
    *("tensorflow", "keras", "numpy", "mtcnn", "opencv-python-headless"),
    "pillow",
)
_COARSE_TO_FINE = ("bfloat16", "float16", "float32")


def image_card(
    name, target, schemes, size, trained_on, tested=None, facts=None
):
    """What a model of photographs is, how well it did, what it is not for.

    Args:
        name: Name of the model.
        target: `"gender"` or `"smile"`.
        schemes: For each network, what it is shown: a number of
            `CROP_SCHEMES`, or a `CropScheme`.
        size: Side of the crops, pixels.
        trained_on: Dict about the training data: `databases`, a list of
            names; `is_drawn`, whether the faces are drawn; numbers such as
            `images` and `subjects`.
        tested: Dict about the test: `on`, which images, in words, such as
            `"validation images"`; `images`, their number; `accuracy` and
            `standard_error`, %. None: not tested.
        facts: Dict of short facts, such as fingerprints of the data.

    Returns:
        Dict that JSON can hold.

    Raises:
        ValueError: If there is no such target or scheme, or if `trained_on`
            or `tested` lacks an entry.

    Example:

    >>> trained_on = {"databases": ["mine"], "is_drawn": False}
    >>> card = image_card("gnet", "gender", [3], 224, trained_on)
    >>> card["classes"], card["crops"][0]["name"]
    (['female', 'male'], 'face_without_neck')
    """
    if target not in CLASSES:
        raise ValueError(
            f"Expected a target of {', '.join(CLASSES)}. Received: "
            f"target={target!r}"
        )
    _check_entries("trained_on", trained_on, ("databases", "is_drawn"))
    if tested is not None:
        _check_entries(
            "tested", tested, ("on", "images", "accuracy", "standard_error")
        )
    return {
        "name": name,
        "target": target,
        "classes": list(CLASSES[target]),
        "crops": [dataclasses.asdict(_scheme(scheme)) for scheme in schemes],
        "size": size,
        "trained_on": dict(trained_on),
        "tested": tested,
        "facts": dict(facts or {}),
        "versions": {
            "python": platform.python_version(),
            "fdin-tf": __version__,
            **{package: version(package) for package in _PACKAGES},
        },
        "limits": LIMITS,
    }


def export_image_model(model, folder, card):
    """Writes a model of photographs as the next version.

    The SavedModel `folder/<version>` has the signature `serving_default`:
    `images` uint8, the crops of each face, `(b, size, size, 3)` of a single
    network or `(b, n, size, size, 3)` of the mean of n; and `from_jpeg`:
    `images_jpeg`, the bytes of JPEG or PNG files of these crops, `(b,)` or
    `(b, n)`. Both give the probabilities `(b, classes)` by the name of the
    target and, where the card tells the accuracy of a test,
    `<target>_accuracy` `(b, 1)`, %. Card, Keras model and trial are as of
    `fdin_tf.serving.export.write_version`.

    Args:
        model: Trained model of `fdin_tf.models.gnet_snet`: GNet, SNet.
        folder: Folder of the model's versions.
        card: Dict of `image_card`.

    Returns:
        Path of the new version.

    Raises:
        ValueError: If the card does not fit the model.
        RuntimeError: If the reloaded SavedModel answers differently.
    """
    shape = tuple(model.input["images"].shape[1:])
    _check_card(card, model, shape)
    signatures = image_signatures(model, card)
    return write_version(folder, model, signatures, card, trunk_dtype(model))


def trunk_dtype(model):
    """The dtype that a model of photographs computes in.

    That of the model itself says nothing: the last layer, a mean of networks
    and a model that was saved and loaded are in float32, whatever the trunk
    is in.

    Args:
        model: Trained model of `fdin_tf.models.gnet_snet`: GNet, SNet.

    Returns:
        `"bfloat16"`, `"float16"` or `"float32"`; of networks that differ, the
        coarsest.

    Raises:
        ValueError: If it is no such model.

    Example:

    >>> from fdin_tf.models import build_face_network
    >>> small = {"filters": (4, 4, 4, 8, 8), "dense_units": (16, 16)}
    >>> trunk_dtype(build_face_network(image_shape=(64, 64, 3), **small))
    'float32'
    """
    dtypes = {
        network.get_layer(DENSE[0]).compute_dtype
        for network in single_networks(model)
    }
    return next(dtype for dtype in _COARSE_TO_FINE if dtype in dtypes)


def _scheme(scheme):
    """A crop scheme by its number, or as it is."""
    if isinstance(scheme, CropScheme):
        return scheme
    if scheme not in CROP_SCHEMES:
        raise ValueError(
            f"Expected a crop scheme of {', '.join(map(str, CROP_SCHEMES))}, "
            f"or a `CropScheme`. Received: {scheme!r}"
        )
    return CROP_SCHEMES[scheme]


def _check_entries(name, entries, expected):
    missing = [entry for entry in expected if entry not in entries]
    if missing:
        raise ValueError(
            f"Expected `{name}` with {', '.join(expected)}. Received: "
            f"{name}={entries}, without {missing[0]!r}"
        )


def _check_card(card, model, shape):
    """Crops, size, target and classes must be those of the model."""
    _check_entries("card", card, ("target", "classes", "crops", "size"))
    target, number = card["target"], len(card["crops"])
    crops = (number,) if len(shape) == 4 or number != 1 else ()
    expected = (*crops, card["size"], card["size"], 3)
    units = {name: output.shape[-1] for name, output in model.output.items()}
    if shape != expected or units != {target: len(card["classes"])}:
        raise ValueError(
            f"Expected a model from images {expected} to {target} with "
            f"{len(card['classes'])} classes, as its card says. Received: a "
            f"model from images {shape} to {units}"
        )
