"""SavedModels that rate photographs, or tell their class."""

import platform
from importlib.metadata import version

from fdin_tf.models.levi_hassner import CLASSES
from fdin_tf.models.levi_hassner import CONVOLUTIONS
from fdin_tf.models.levi_hassner import target_of
from fdin_tf.serving.export import write_version
from fdin_tf.serving.signatures import image_signatures
from fdin_tf.version import __version__

LIMITS = (
    "A rating is how raters saw a photograph, not what the person in it feels "
    "or is; raters differ, and so do errors between groups of people. The "
    "error grows with photographs unlike those of the training. Not for "
    "decisions about persons, for reading anybody's mood or character, or for "
    "photographs of people who did not agree. Errors on drawn faces say "
    "nothing about errors on people."
)
_PACKAGES = ("tensorflow", "keras", "numpy", "pillow")


def attribute_card(name, target, size, trained_on, tested=None, facts=None):
    """What a network of attributes is, how well it did, what it is not for.

    Args:
        name: Name of the model.
        target: Its target, such as `"happiness"` or `"age_group"`.
        size: Side of the photographs, pixels.
        trained_on: Dict about the training data: `databases`, a list of
            names; `is_drawn`, whether the faces are drawn; numbers such as
            `images` and `subjects`.
        tested: Dict about the test: `on`, which images, in words; `images`,
            their number; and `error`, the mean absolute error of a rating in
            [0, 1], or `accuracy` of classes, %. None: not tested.
        facts: Dict of short facts, such as fingerprints of the data.

    Returns:
        Dict that JSON can hold.

    Example:

    >>> trained_on = {"databases": ["mine"], "is_drawn": False}
    >>> attribute_card("happy", "happiness", 227, trained_on)["size"]
    227
    """
    return {
        "name": name,
        "target": target,
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


def export_attribute_network(model, folder, card):
    """Writes a network of photographs' attributes as the next version.

    The SavedModel `folder/<version>` has the signature `serving_default`:
    `images` `(b, size, size, 3)` uint8; and `from_jpeg`: `images_jpeg`
    `(b,)`, the bytes of JPEG or PNG files of that size. Both give the target
    by its name, a rating `(b, 1)` or probabilities `(b, classes)`, and, where
    the card tells of a test, `<target>_error` or `<target>_accuracy`
    `(b, 1)`. Card, Keras model and trial are as of
    `fdin_tf.serving.export.write_version`.

    Args:
        model: Trained model of `build_levi_hassner` or
            `transfer_levi_hassner`.
        folder: Folder of the model's versions.
        card: Dict of `attribute_card`.

    Returns:
        Path of the new version.

    Raises:
        ValueError: If it is no such model, or the card is of another.
        RuntimeError: If the reloaded SavedModel answers differently.
    """
    target, size = target_of(model), model.input["images"].shape[1]
    if (card.get("target"), card.get("size")) != (target, size):
        raise ValueError(
            f"Expected the card of a model to {target!r} from images of "
            f"{size} pixels. Received: target={card.get('target')!r}, "
            f"size={card.get('size')!r}"
        )
    tested = card.get("tested")
    wanted = "accuracy" if target in CLASSES else "error"
    if tested is not None and wanted not in tested:
        raise ValueError(
            f"Expected `tested` of {target!r} with {wanted!r}. Received: "
            f"tested={tested}"
        )
    # The last layer is in float32 whatever the trunk is in.
    dtype = model.get_layer(CONVOLUTIONS[0]).compute_dtype
    signatures = image_signatures(model, card)
    return write_version(folder, model, signatures, card, dtype)
