"""Sets of photographs on disk: layout, truth, interruption, refusal."""

import dataclasses
import json

import numpy as np
import pytest

from fdin_tf.data.image_files import load_images
from fdin_tf.data.images import rating_targets
from fdin_tf.data.images import split_images
from fdin_tf.data.synthetic.photograph_set import load_photographs
from fdin_tf.data.synthetic.photograph_set import load_photographs_truth
from fdin_tf.data.synthetic.photograph_set import make_photographs
from fdin_tf.data.synthetic.photographs import PHOTOGRAPH_SETS
from fdin_tf.data.synthetic.photographs import PLANTS
from fdin_tf.data.synthetic.photographs import PhotographsConfig
from fdin_tf.data.synthetic.photographs import draw_photograph
from fdin_tf.data.synthetic.photographs import paint_photograph
from fdin_tf.data.synthetic.photographs import photograph_truth
from tests.data.synthetic.set_checks import assert_continued
from tests.data.synthetic.set_checks import assert_two_calls_make_one
from tests.data.synthetic.set_checks import assert_untouched
from tests.data.synthetic.set_checks import content
from tests.data.synthetic.set_checks import stop

TINY = PHOTOGRAPH_SETS["tiny"]
SMALL = PhotographsConfig(num_images=5, size=64)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return make_photographs(tmp_path_factory.mktemp("tiny"), TINY)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """An undisturbed set to compare others with."""
    return make_photographs(tmp_path_factory.mktemp("small"), SMALL, workers=1)


def test_folder_holds_images_table_and_truth(small):
    assert set(content(small)) == {
        *(f"images/0000{k}.jpg" for k in range(1, 6)),
        "images.csv",
        "photographs.json",
        "truth.npz",
    }
    manifest = json.loads((small / "photographs.json").read_text())
    assert manifest["num_images"] == 5


def test_the_table_tells_what_was_drawn(tiny):
    table = load_photographs(tiny)
    assert len(table) == 24
    assert table.subject.nunique() == 24
    for index in (0, 23):
        drawn, row = draw_photograph(TINY, index), table.iloc[index]
        assert row.image_id == drawn.image_id
        assert (row.age, row.gender) == (drawn.age, drawn.gender)
        for attribute in PLANTS:
            assert row[attribute] == pytest.approx(
                drawn.ratings[attribute], abs=6e-4
            )


def test_images_are_what_was_painted(tiny):
    images = load_images(load_photographs(tiny), TINY.size)
    for index in (0, 11):
        painted = paint_photograph(TINY, draw_photograph(TINY, index))
        error = np.abs(images[index] - painted.astype(float))
        assert error.mean() < 3  # JPEG keeps no noise exactly


def test_truth_is_what_was_drawn(tiny):
    truth = load_photographs_truth(tiny)
    assert {name: values.shape for name, values in truth.items()} == {
        "image_id": (24,),
        "landmarks": (24, 68, 2),
        "amplitudes": (24, 9),
        "boxes": (24, 9, 4),
    }
    drawn = photograph_truth(TINY, draw_photograph(TINY, 7))
    for name, values in drawn.items():
        assert truth[name].dtype == np.float32
        np.testing.assert_array_equal(truth[name][7], values)


def test_truth_follows_the_images_of_a_part(tiny):
    _, part = split_images(load_photographs(tiny), seed=1)
    truth = load_photographs_truth(tiny, part.image_id)
    assert truth["image_id"].tolist() == part.image_id.tolist()
    planted = truth["amplitudes"][:, 1]
    happy = rating_targets(part, "confidence")[:, 0]
    assert np.abs(happy - planted).max() < 0.15


def test_same_config_gives_the_same_set(small, tmp_path):
    again = make_photographs(tmp_path / "again", SMALL, workers=3)
    assert content(again) == content(small)


def test_a_smaller_set_is_the_beginning_of_a_larger_one(small, tmp_path):
    fewer = dataclasses.replace(SMALL, num_images=2)
    for name, data in content(make_photographs(tmp_path, fewer)).items():
        if name.startswith("images/"):
            assert content(small)[name] == data


def test_progress_counts_images(tmp_path):
    calls = []
    make_photographs(tmp_path, SMALL, progress=lambda *c: calls.append(c))
    assert calls == [(k, 5) for k in range(1, 6)]
    make_photographs(tmp_path, SMALL, progress=lambda *c: calls.append(c))
    assert calls[5:] == [(5, 5)]


def test_a_complete_set_is_not_touched_again(small):
    assert_untouched(make_photographs, small, SMALL)


def test_an_interrupted_call_is_continued(small, tmp_path):
    assert_continued(
        make_photographs,
        load_photographs,
        tmp_path,
        SMALL,
        small,
        most=5,
        manifest=r"photographs\.json",
    )


def test_two_calls_at_once_make_one_set(small, tmp_path):
    assert_two_calls_make_one(make_photographs, tmp_path, SMALL, small)


def test_a_set_of_another_config_is_refused(small, tmp_path):
    other = dataclasses.replace(SMALL, seed=5)
    with pytest.raises(ValueError, match=r"another config.*seed=5.*'seed': 0"):
        make_photographs(small, other)
    with pytest.raises(KeyboardInterrupt):
        make_photographs(tmp_path, SMALL, progress=stop)
    with pytest.raises(ValueError, match="another config"):
        make_photographs(tmp_path, other)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"other files.*root="):
        make_photographs(tmp_path, SMALL)
    with pytest.raises(ValueError, match=r"this is a file.*mine\.txt"):
        make_photographs(tmp_path / "mine.txt", SMALL)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_truth_of_unknown_images_is_refused(small, tmp_path):
    with pytest.raises(ValueError, match=r"truth\.npz.*image_id='00009'"):
        load_photographs_truth(small, ["00001", "00009"])
    for load in (load_photographs, load_photographs_truth):
        with pytest.raises(FileNotFoundError, match=r"drawn photographs.*root"):
            load(tmp_path)
