"""Descriptors of clips: the right ones, once, of clips that lack things too."""

import dataclasses

import cv2
import numpy as np
import pytest

from fdin_tf.data.cache import ArrayCache
from fdin_tf.handcrafted.bif import biologically_inspired_features
from fdin_tf.handcrafted.dynamics import dynamics_features
from fdin_tf.handcrafted.ief import IntensityEncoder
from fdin_tf.handcrafted.lbp import lbp_histograms
from fdin_tf.handcrafted.lbp_top import lbp_top
from fdin_tf.handcrafted.vlbp import volume_lbp
from fdin_tf.training import handcrafted_features
from fdin_tf.training.handcrafted_features import DESCRIPTORS
from fdin_tf.training.handcrafted_features import IEF
from fdin_tf.training.handcrafted_features import describe_clips
from fdin_tf.training.handcrafted_features import descriptor_settings
from tests.training.grey_clips import NO_FILE
from tests.training.grey_clips import grey_clips
from tests.training.grey_clips import two_folds

KINDS = (
    "whole", "one frame", "plain", "no width", "rest", "still", "two frames",
    "gap",
)  # fmt: skip
DYNAMICS = ("displacement", "deformation", "gender")


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return grey_clips(tmp_path_factory.mktemp("faces"), KINDS)


@pytest.fixture(scope="module")
def described(faces, tmp_path_factory):
    cache = ArrayCache(tmp_path_factory.mktemp("cache"))
    names = [*DESCRIPTORS, "ief"]
    return describe_clips(faces[0], list(faces[1].clip_id), names, cache)


def files(cache):
    return {p: p.stat().st_mtime_ns for p in cache.root.rglob("*.npz")}


@pytest.mark.parametrize("place", [0, 1])
def test_faces_are_those_of_the_onset(described, place):
    view, _ = described.faces.view("c0")
    assert view.onset_frames[1] > 0
    frame = view.frames[view.onset_frames[place]]
    for name, expected in (
        ("faces", frame),
        ("lbp", lbp_histograms(frame)),
        ("bif", biologically_inspired_features(frame)),
    ):
        (found,) = described.values(name, place, ["c0"])
        np.testing.assert_array_equal(found, expected)


def test_clips_are_described_as_a_whole(described):
    view, _ = described.faces.view("c0")
    (vlbp,) = described.values("vlbp", 0, ["c0"])
    np.testing.assert_array_equal(vlbp, volume_lbp(view.frames))
    (top,) = described.values("lbp_top", 0, ["c0"])
    np.testing.assert_array_equal(top, lbp_top(view.frames, blocks=(3, 3)))
    for kind in ("displacement", "deformation", "gender"):
        (dynamics,) = described.values(kind, 0, ["c0"])
        expected = dynamics_features(view, kind, smooth=False)
        np.testing.assert_array_equal(dynamics, expected)
        assert dynamics.any()


@pytest.mark.parametrize("name", DESCRIPTORS)
def test_every_clip_is_described_whatever_it_lacks(described, faces, name):
    places = 2 if name in ("faces", "lbp", "bif") else 1
    for place in range(places):
        values = described.values(name, place, faces[1].clip_id)
        assert len(values) == len(KINDS)
        is_unknown = np.isnan(values).reshape(len(KINDS), -1)
        if name in DYNAMICS:
            assert is_unknown[[2, 3]].all()  # plain, no width
            is_unknown = np.delete(is_unknown, [2, 3], axis=0)
        assert not is_unknown.any()


@pytest.mark.parametrize(("clip_id", "count"), [("c1", 1), ("c6", 2)])
@pytest.mark.parametrize("reach", [1, 2])
def test_of_too_few_frames_the_last_is_repeated(
    described, clip_id, count, reach
):
    view, _ = described.faces.view(clip_id)
    assert len(view.frames) == count
    standing = view.frames[np.minimum(range(2 * reach + 1), count - 1)]
    for name, describe, settings in (
        ("vlbp", volume_lbp, {"interval": reach}),
        ("lbp_top", lbp_top, {"radii": (1, 1, reach)}),
    ):
        found = DESCRIPTORS[name].compute(
            view, **{**DESCRIPTORS[name].settings, **settings}
        )
        settings = {**DESCRIPTORS[name].settings, **settings}
        np.testing.assert_array_equal(found[0], describe(standing, **settings))


def test_a_longer_reach_needs_more_frames(faces, monkeypatch, tmp_path):
    names = ["vlbp"]
    cache = ArrayCache(tmp_path)
    before = describe_clips(faces[0], ["c0", "c6"], names, cache)
    assert before.conditions["c0"] == ""
    monkeypatch.setitem(DESCRIPTORS["vlbp"].settings, "interval", 20)
    after = describe_clips(faces[0], ["c0", "c6"], names, cache)
    assert after.lacks["c0"] == {
        "few frames": "40 usable frames; binary patterns of volumes reach over "
        "41"
    }


def test_what_clips_lack_is_told_with_the_reason(described):
    table = described.lacking
    assert list(table) == ["clip_id", "condition", "reason"]
    reasons = table.set_index(["clip_id", "condition"]).reason
    assert reasons["c2", "no landmarks"] == NO_FILE
    assert "corners of the mouth" in reasons["c3", "no dynamics"]
    assert reasons["c6", "few frames"].startswith("2 usable frames; ")
    assert reasons["c7", "gap"].startswith("3 frames are missing")
    assert table.clip_id.is_monotonic_increasing


def test_without_landmarks_there_is_one_face(described):
    for clip_id in ("c2", "c3"):
        np.testing.assert_array_equal(
            described.values("lbp", 0, [clip_id]),
            described.values("lbp", 1, [clip_id]),
        )


def test_what_clips_lack_is_counted(described):
    counts = dict(described.counts.itertuples(index=False))
    assert counts == {
        "few frames": 1, "gap": 1, "no dynamics": 1, "no landmarks": 1,
        "no offset": 3, "no onset": 3, "one frame": 1, "still": 1,
    }  # fmt: skip
    assert described.conditions["c0"] == ""
    assert described.conditions["c1"] == "no onset, no offset, one frame"


def test_clips_are_described_once(described, faces):
    before = files(described.cache)
    # Of a clip: every descriptor, and what it lacks.
    assert len(before) == len(KINDS) * (len(DESCRIPTORS) + 1)
    again = describe_clips(
        faces[0], ["c0", "c1"], ["lbp", "vlbp"], described.cache
    )
    assert files(described.cache) == before
    assert again.conditions == {
        c: described.conditions[c] for c in ("c0", "c1")
    }


@pytest.mark.parametrize("change", [{"settings": {"blocks": (2, 2)}},
                                    {"version": 2}])  # fmt: skip
def test_other_settings_or_versions_are_described_anew(
    faces, monkeypatch, tmp_path, change
):
    cache = ArrayCache(tmp_path)
    describe_clips(faces[0], ["c0"], ["lbp"], cache)
    assert len(files(cache)) == 2
    before = descriptor_settings("lbp")
    changed = dataclasses.replace(DESCRIPTORS["lbp"], **change)
    monkeypatch.setitem(DESCRIPTORS, "lbp", changed)
    describe_clips(faces[0], ["c0"], ["lbp"], cache)
    assert len(files(cache)) == 3
    assert descriptor_settings("lbp") != before


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [
        (handcrafted_features, "VIEW_FORMAT", -1),
        (handcrafted_features, "_versions", lambda *names: ["0.0"]),
        (cv2, "__version__", "0.0"),
    ],
)
def test_what_another_version_has_described_is_described_anew(
    many, monkeypatch, place, name, value
):
    described, fold = many
    described.encoded(0, fold, seed=7)
    before = len(files(described.cache))
    monkeypatch.setattr(place, name, value)
    ids = [*fold.train, *fold.valid, *fold.test]
    again = describe_clips(described.faces, ids, ["ief"], described.cache)
    assert len(files(described.cache)) == before + 2 * len(ids)
    again.encoded(0, fold, seed=7)
    assert len(files(described.cache)) == before + 2 * len(ids) + 1


def test_a_file_that_is_gone_is_named(faces, tmp_path):
    cache = ArrayCache(tmp_path)
    described = describe_clips(faces[0], ["c0"], ["lbp"], cache)
    for path in files(cache):
        path.unlink()
    with pytest.raises(OSError, match=r"'lbp' of clip 'c0' is gone.*\.npz"):
        described.values("lbp", 0, ["c0"])


@pytest.fixture
def many(tmp_path):
    faces, clips = grey_clips(tmp_path / "faces", ["whole"] * 12)
    cache = ArrayCache(tmp_path / "cache")
    described = describe_clips(faces, list(clips.clip_id), ["ief"], cache)
    return described, two_folds(clips)[0]


@pytest.mark.parametrize("place", [0, 1])
def test_codes_are_learnt_of_training_faces_alone(many, place):
    described, fold = many
    encoded = described.encoded(place, fold, seed=7)
    assert list(encoded) == [*fold.train, *fold.valid, *fold.test]
    encoder = IntensityEncoder(**IEF)
    encoder.fit(described.values("faces", place, fold.train), seed=7)
    for clip_id in (fold.train[0], fold.valid[0], fold.test[-1]):
        (face,) = described.values("faces", place, [clip_id])
        np.testing.assert_array_equal(encoded[clip_id], encoder.encode(face))


def test_codes_are_learnt_once_per_fold_place_and_seed(many, monkeypatch):
    described, fold = many
    first = described.encoded(0, fold, seed=7)
    before = files(described.cache)
    monkeypatch.setattr(handcrafted_features, "IntensityEncoder", None)
    again = described.encoded(0, fold, seed=7)
    assert files(described.cache) == before
    np.testing.assert_array_equal(again["c0"], first["c0"])
    for other in (
        (1, fold, 7),
        (0, fold, 8),
        (0, dataclasses.replace(fold, train=fold.train[1:]), 7),
    ):
        with pytest.raises(TypeError):  # it would be learnt
            described.encoded(*other)
