"""What the card of an exported model must hold for its answers.

A card is a file, which anybody may have edited: what `Predictor`,
`ClipServer` and `PhotographPredictor` read of it is checked here, once, when
the model is loaded.
"""

import dataclasses

from fdin_tf.data.clips import TARGET_CLASSES
from fdin_tf.data.clips import TARGET_UNITS
from fdin_tf.faces import FaceConfig
from fdin_tf.faces import FaceWarp
from fdin_tf.faces.crops import CropScheme
from fdin_tf.plain_text import one_line
from fdin_tf.plain_text import quoted
from fdin_tf.serving.card_entries import CardEntries
from fdin_tf.serving.card_entries import is_of

_LARGEST_SIDE = 2048  # of a face, pixels


@dataclasses.dataclass(frozen=True)
class ClipSettings:
    """What a card says about a model of clips.

    Attributes:
        target: What is estimated.
        face: `FaceConfig` that it was trained with.
        warp: `FaceWarp` of a model of warped faces; else None.
        tested: Dict of its cross-validation; empty if there was none, which
            is never so for age.
    """

    target: str
    face: FaceConfig
    warp: FaceWarp | None
    tested: dict

    @property
    def num_values(self):
        """Of an estimate: one, or the probability of each class."""
        return len(TARGET_CLASSES.get(self.target, (self.target,)))


@dataclasses.dataclass(frozen=True)
class PhotographSettings:
    """What a card says about a model of photographs.

    Attributes:
        target: What is answered.
        classes: Names of the classes.
        schemes: `CropScheme` of each network.
        size: Side of the crops, pixels.
        tested: Dict of its test; empty if there was none.
    """

    target: str
    classes: tuple[str, ...]
    schemes: tuple[CropScheme, ...]
    size: int
    tested: dict


def clip_settings(card, path):
    """The settings of a model of clips, by its card.

    Args:
        card: Dict of `card.json`.
        path: Folder of the model, for messages.

    Returns:
        `ClipSettings`.

    Raises:
        ValueError: If the card is not one of clips, or what it holds does not
            fit; the message names the model and the entry.

    Example:

    >>> card = {"target": "gender", "face": {"size": 64}}
    >>> clip_settings(card, "saved_models/mine/1").face.size
    64
    """
    if "face" not in card:
        raise ValueError(
            "Expected a model of clips, whose card holds their `face`. "
            f"Received: model={one_line(path)}"
        )
    read = _Card(card, path)
    target = read.one_of("target", [*TARGET_CLASSES, *TARGET_UNITS])
    read.check_about()
    tested = card.get("cross_validation", {})
    read.kind("cross_validation", tested, dict)
    if target == "age" or {"age", "estimate"} & set(tested):
        read.check_tested_ages(tested)
    read.check_accuracy("cross_validation", tested)
    return ClipSettings(target, read.face(), read.warp(), tested)


def photograph_settings(card, path):
    """The settings of a model of photographs, by its card.

    Args:
        card: Dict of `card.json`.
        path: Folder of the model, for messages.

    Returns:
        `PhotographSettings`.

    Raises:
        ValueError: If the card is not one of photographs, or what it holds
            does not fit; the message names the model and the entry.

    Example:

    >>> crop = {"number": 2, "name": "face", "aligned": False,
    ...         "top": -1.6, "bottom": 2.4}
    >>> card = {"target": "smile", "classes": ["no_smile", "smile"],
    ...         "crops": [crop], "size": 224, "limits": "a test's",
    ...         "trained_on": {"databases": ["mine"], "is_drawn": False}}
    >>> photograph_settings(card, "saved_models/mine/1").classes
    ('no_smile', 'smile')
    """
    if "crops" not in card:
        raise ValueError(
            "Expected a model of photographs, whose card holds their "
            f"`crops`. Received: model={one_line(path)}"
        )
    read = _Card(card, path)
    target = read.required("target", str)
    classes = read.list_of("classes", str, card.get("classes"))
    crops = read.list_of("crops", dict, card["crops"])
    size = read.required("size", int)
    sides = f"8 to {_LARGEST_SIDE} pixels"
    read.check("size", size, 8 <= size <= _LARGEST_SIDE, sides)
    read.check_about()
    read.required("limits", str)
    trained_on = read.required("trained_on", dict)
    read.kind("trained_on.is_drawn", trained_on.get("is_drawn"), bool)
    tested = read.optional("tested", dict)
    read.check_accuracy("tested", tested)
    if tested.get("on") is not None:
        read.kind("tested.on", tested["on"], str)
    schemes = tuple(read.scheme(crop) for crop in crops)
    return PhotographSettings(target, tuple(classes), schemes, size, tested)


def estimate_of(answer, target, size, path):
    """What a model answered about its target.

    Args:
        answer: Dict of the model's outputs for one clip or photograph.
        target: The target, by the model's card.
        size: Number of values that it should have.
        path: Folder of the model, for messages.

    Returns:
        `(size,)`.

    Raises:
        ValueError: If the model answers about something else than its card
            says.

    Example:

    >>> estimate_of({"age": [31.5]}, "age", 1, "saved_models/mine/1")
    [31.5]
    """
    found = answer.get(target)
    if found is None or len(found) != size:
        shapes = {name: len(value) for name, value in answer.items()}
        raise ValueError(
            f"{one_line(path)}: expected a network that answers with {size} "
            f"values of {target!r}, as its card says. Received: outputs="
            f"{quoted(shapes if found is None else {target: len(found)})}"
        )
    return found


class _Card(CardEntries):
    """What cards of both kinds tell about a model."""

    def check_about(self):
        """What is told along with answers, where the card tells it."""
        self.optional("limits", str)
        self.optional("unit", str)
        trained_on = self.optional("trained_on", dict)
        if "databases" in trained_on:
            names = trained_on["databases"]
            self.list_of("trained_on.databases", str, names)

    def check_accuracy(self, name, tested):
        accuracy = tested.get("accuracy")
        if accuracy is not None:
            holds = is_of(accuracy, float) and 0 <= accuracy <= 100
            name = f"{name}.accuracy"
            self.check(name, accuracy, holds, "a number from 0 to 100, %")

    def check_tested_ages(self, tested):
        ages, estimates = (
            self.list_of(f"cross_validation.{x}", float, tested.get(x))
            for x in ("age", "estimate")
        )
        self.check(
            "cross_validation",
            {"age": len(ages), "estimate": len(estimates)},
            len(ages) == len(estimates),
            "a pair of lists of equal length",
        )

    def face(self):
        values = self.kind("face", self.card["face"], dict)
        defaults = dataclasses.asdict(FaceConfig())
        self.check_names("face", values, defaults, some=True)
        for name, value in values.items():
            where, default = f"face.{name}", defaults[name]
            if isinstance(default, tuple):
                self.list_of(where, float, value)
                self.check(where, value, len(value) == 2, "two numbers")
            elif default is not None:
                self.kind(where, value, type(default))
            elif value is not None:
                self.kind(where, value, float)
        self.check_side("face", values)
        values = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        return self.made("face", lambda: FaceConfig(**values))

    def warp(self):
        config = self.card.get("warp")
        if config is None:
            return None
        self.kind("warp", config, dict)
        for name, kind in (("size", int), ("margin", float),
                           ("background", int)):  # fmt: skip
            self.kind(f"warp.{name}", config.get(name), kind)
        for name, width, kind in (("shape", 2, float), ("triangles", 3, int)):
            rows = self.list_of(f"warp.{name}", list, config.get(name))
            for row in rows:
                self.list_of(f"warp.{name}", kind, row)
                what = f"rows of {width} numbers"
                self.check(f"warp.{name}", row, len(row) == width, what)
        self.check_side("warp", config)
        return self.made("warp", lambda: FaceWarp.from_dict(config))

    def scheme(self, crop):
        kinds = {field.name: field.type for field in
                 dataclasses.fields(CropScheme)}  # fmt: skip
        self.check_names("crops", crop, kinds)
        for name, kind in kinds.items():
            self.kind(f"crops.{name}", crop[name], kind)
        return self.made("crops", lambda: CropScheme(**crop))

    def check_side(self, name, config):
        side = config.get("size", 8)
        holds, most = side <= _LARGEST_SIDE, f"{_LARGEST_SIDE} pixels"
        self.check(f"{name}.size", side, holds, f"at most {most}")
