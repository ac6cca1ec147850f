"""Cards: what does not fit is one line that names the model and the entry."""

import copy
import dataclasses
import json

import numpy as np
import pytest

from fdin_tf.faces import FaceConfig
from fdin_tf.faces import FaceWarp
from fdin_tf.serving.card_checks import clip_settings
from fdin_tf.serving.card_checks import estimate_of
from fdin_tf.serving.card_checks import photograph_settings
from fdin_tf.serving.export import CARD
from fdin_tf.serving.export import find_version
from fdin_tf.serving.export_images import image_card
from tests.fuzz.mutations import check_refusal

MODEL = "saved_models/mine/3"


def clip_card():
    """Of a model of warped faces, as JSON gives it."""
    shape = np.random.default_rng(0).uniform(-1, 1, (68, 2))
    card = {
        "target": "age",
        "unit": "years",
        "face": dataclasses.asdict(FaceConfig(size=64)),
        "warp": FaceWarp(shape, size=16).to_dict(),
        "trained_on": {"databases": ["mine"]},
        "cross_validation": {"age": [20.0, 30], "estimate": [21.5, 33]},
        "limits": "none",
    }
    return json.loads(json.dumps(card))


def photograph_card():
    """Of a mean of two networks, as JSON gives it."""
    about = {"databases": ["mine"], "is_drawn": False}
    tested = {"on": "x", "images": 9, "accuracy": 91, "standard_error": 1.0}
    card = image_card("snet", "smile", [2, 5], 64, about, tested)
    return json.loads(json.dumps(card))


def altered(card, where, value):
    """A copy of a card, another value in it; a KeyError in it: none."""
    card = copy.deepcopy(card)
    *path, last = where.split(".")
    inside = card
    for name in path:
        inside = inside[int(name) if name.isdecimal() else name]
    if value is KeyError:
        del inside[last]
    else:
        inside[int(last) if last.isdecimal() else last] = value
    return card


def test_a_card_of_clips_gives_their_settings():
    card = clip_card()
    found = clip_settings(card, MODEL)
    assert (found.target, found.num_values) == ("age", 1)
    assert found.face == FaceConfig(size=64)
    assert found.warp.to_dict() == card["warp"]
    assert found.tested == card["cross_validation"]


def test_what_a_card_of_clips_may_lack():
    card = {"target": "gender", "face": {}}
    found = clip_settings(card, MODEL)
    assert found.face == FaceConfig()
    assert (found.warp, found.tested, found.num_values) == (None, {}, 2)


def test_a_card_of_photographs_gives_their_settings():
    found = photograph_settings(photograph_card(), MODEL)
    assert (found.target, found.size) == ("smile", 64)
    assert found.classes == ("no_smile", "smile")
    assert [scheme.number for scheme in found.schemes] == [2, 5]
    assert found.tested["accuracy"] == 91
    untested = altered(photograph_card(), "tested", None)
    assert photograph_settings(untested, MODEL).tested == {}


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        ("target", KeyError, "`target` is one of .*age.* target=None"),
        ("target", ["age"], r"`target` is one of .* target=\['age'\]"),
        ("target", "smile", "`target` is one of .* target='smile'"),
        ("face", KeyError, "whose card holds their `face`"),
        ("face", [96], r"`face` is an object\. Received: face=\[96\]"),
        ("face.sise", 96, "`face` is an object of some of .*, size, .*'sise'"),
        ("face.size", "96", r"`face\.size` is a whole number.* face\.size='96"),
        ("face.size", 10**9, r"`face\.size` is at most 2048 pixels"),
        ("face.size", 2, "card's `face`: `size` of the faces must be at least"),
        ("face.size", True, "a whole number"),
        ("face.smoother", "none", "card's `face`: .*one of quadratic, 4253h"),
        ("face.left_eye", [0.2], r"`face\.left_eye` is two numbers"),
        ("face.left_eye", [0.2, "x"], r"`face\.left_eye` is a list, each of"),
        ("face.max_gap", float("nan"), r"`face\.max_gap` is a number"),
        ("face.frames_per_second", [25], "frames_per_second` is a number"),
        ("warp", 1, "`warp` is an object"),
        ("warp.version", 2, "card's `warp`: A saved warp must be of version 1"),
        ("warp.size", 1e3, r"`warp\.size` is a whole number"),
        ("warp.size", 10**6, r"`warp\.size` is at most 2048 pixels"),
        ("warp.margin", KeyError, r"`warp\.margin` is a number"),
        ("warp.shape", [[0, 1]], "card's `warp`: .*68 finite points"),
        ("warp.shape.3", [0, 1, 2], "rows of 2 numbers"),
        ("warp.shape.3", 5, r"`warp\.shape` is a list, each of it a list"),
        ("warp.triangles.0", [0, 1, 99], "card's `warp`: .*indices of points"),
        ("warp.triangles.0", [0, 1, 1.5], "each of it a whole number"),
        ("cross_validation", None, "`cross_validation` is an object"),
        ("cross_validation", KeyError, r"`cross_validation\.age` is a list"),
        ("cross_validation.age", [], "is a list, each of it a number"),
        ("cross_validation.age", [20, 30, 40],
         r"lists of equal length\. Received: .*'age': 3, 'estimate': 2"),
        ("cross_validation.estimate.0", None, "each of it a number"),
        ("cross_validation.accuracy", 101, "a number from 0 to 100, %"),
        ("trained_on", "mine", "`trained_on` is an object"),
        ("trained_on.databases", [1], r"`trained_on\.databases` is a list"),
        ("limits", 5, "`limits` is a text"),
    ],
)  # fmt: skip
def test_a_card_of_clips_that_does_not_fit_is_refused(where, value, message):
    with pytest.raises(ValueError, match=message) as error:
        clip_settings(altered(clip_card(), where, value), MODEL)
    check_refusal(error.value, MODEL)


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        ("crops", KeyError, "whose card holds their `crops`"),
        ("crops", [], r"`crops` is a list, each of it an object\. .*\[\]"),
        ("crops.0.top", KeyError, "`crops` is an object of all of number, nam"),
        ("crops.0.left", 1, "`crops` is an object of all of .*'left'"),
        ("crops.0.aligned", 1, r"`crops\.aligned` is true or false"),
        ("crops.0.top", 9, "card's `crops`: Expected finite edges"),
        ("target", KeyError, "`target` is a text. Received: target=None"),
        ("classes", "ab", "`classes` is a list, each of it a text"),
        ("size", KeyError, "`size` is a whole number"),
        ("size", 10**8, "`size` is 8 to 2048 pixels. Received: size=10000"),
        ("tested", 5, "`tested` is an object"),
        ("tested.accuracy", "high", r"`tested\.accuracy` is a number from 0"),
        ("tested.on", 5, r"`tested\.on` is a text"),
        ("trained_on.is_drawn", KeyError, r"`trained_on\.is_drawn` is true or"),
        ("limits", KeyError, "`limits` is a text"),
    ],
)
def test_a_card_of_photographs_that_does_not_fit_is_refused(
    where, value, message
):
    with pytest.raises(ValueError, match=message) as error:
        photograph_settings(altered(photograph_card(), where, value), MODEL)
    check_refusal(error.value, MODEL)


@pytest.mark.parametrize("content", ["[]", "5", "null", '"age"'])
def test_a_card_that_is_no_object_is_refused(tmp_path, content):
    (tmp_path / CARD).parent.mkdir()
    (tmp_path / CARD).write_text(content)
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(ValueError, match=r"card\.json, a JSON object") as error:
        find_version(tmp_path)
    check_refusal(error.value, str(tmp_path))


@pytest.mark.parametrize(
    ("target", "size", "received"),
    [("gender", 2, "'age': 1"), ("age", 2, "'age': 1")],
)
def test_a_network_of_another_answer_is_refused(target, size, received):
    answer = {"age": np.array([31.5]), "importance": np.ones(36)}
    message = rf"{size} values of '{target}', as its card.*{received}"
    with pytest.raises(ValueError, match=message) as error:
        estimate_of(answer, target, size, MODEL)
    check_refusal(error.value, MODEL)
