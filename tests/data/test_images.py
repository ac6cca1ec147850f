"""The image table: what is refused, how it is split, ratings as targets."""

import numpy as np
import pandas as pd
import pytest

from fdin_tf.data.images import ATTRIBUTES
from fdin_tf.data.images import check_images
from fdin_tf.data.images import rating_targets
from fdin_tf.data.images import read_image_table
from fdin_tf.data.images import split_images
from tests.data.image_folders import write_picture

HEADER = "image_id,path,subject,age,gender,database,happiness,expression"


@pytest.fixture
def write(tmp_path):
    """Writes lines as a CSV file beside two pictures."""
    for name in ("a.png", "b.png"):
        write_picture(tmp_path / "pictures" / name)

    def write(*lines):
        path = tmp_path / "images.csv"
        path.write_text("\n".join([HEADER, *lines]) + "\n")
        return path

    return write


GOOD = "a1,pictures/a.png,007,31,female,mine,7.5,happy"


def many(subjects, each=1):
    """A table of subjects with some images each."""
    names = [str(s) for s in range(subjects) for _ in range(each)]
    ids = [f"{s}_{k}" for k, s in enumerate(names)]
    return pd.DataFrame({"image_id": ids, "subject": names})


def test_a_table_is_read_with_absolute_paths_and_numbers(write, tmp_path):
    images = read_image_table(write(GOOD, "b1,pictures/b.png,8,,,mine,,"))
    assert images.path.tolist() == [
        str(tmp_path / "pictures" / "a.png"),
        str(tmp_path / "pictures" / "b.png"),
    ]
    assert images.subject.tolist() == ["007", "8"]
    assert images.happiness[0] == 7.5
    assert images.loc[1, ["age", "gender", "happiness"]].isna().all()
    assert images.expression.tolist() == ["happy", None]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a1,pictures/b.png,8,,,m,,", r"line 3, column `image_id`.*'a1' "
         r"\(first in line 2\)"),
        ("b,pictures/c.png,8,,,m,,", r"line 3, column `path`: expected the "
         r"path of an image file that exists\. Received: .*c\.png"),
        ("b,,8,,,m,,", r"line 3, column `path`"),
        ("b,pictures,8,,,m,,", r"line 3, column `path`"),
        ("b,pictures/b.png,,,,m,,", r"line 3, column `subject`.*None"),
        ("b,pictures/b.png,8,old,,m,,", r"line 3, column `age`.*'old'"),
        ("b,pictures/b.png,8,,man,m,,", r"line 3, column `gender`.*'man'"),
        ("b,pictures/b.png,8,,,,,", r"line 3, column `database`.*None"),
        ("b,pictures/b.png,8,,,m,0.9,", r"line 3, column `happiness`: "
         r"expected a mean rating from 1 to 9.*0\.9"),
        ("b,pictures/b.png,8,,,m,9.5,", r"line 3, column `happiness`.*9\.5"),
        ("b,pictures/b.png,8,,,m,inf,", r"line 3, column `happiness`.*inf"),
        ("b,pictures/b.png,8,,,m,very,", r"line 3, column `happiness`.*very"),
    ],
)  # fmt: skip
def test_a_bad_cell_is_named_by_file_line_and_column(write, line, message):
    path = write(GOOD, line)
    with pytest.raises(ValueError, match=message) as error:
        read_image_table(path)
    assert str(path) in str(error.value)


def test_a_missing_column_or_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"image table.*none\.csv"):
        read_image_table(tmp_path / "none.csv")
    with pytest.raises(ValueError, match=r"Missing: path"):
        check_images(pd.DataFrame({"image_id": ["a"]}))


def test_targets_are_ratings_from_zero_to_one():
    images = pd.DataFrame({name: [1.0, 2.0, 9.0] for name in ATTRIBUTES})
    for attribute in ATTRIBUTES:
        targets = rating_targets(images, attribute)
        assert targets.shape == (3, 1)
        assert targets.dtype == np.float32
        np.testing.assert_array_equal(targets[:, 0], [0, 0.125, 1])


def test_missing_ratings_are_refused():
    images = pd.DataFrame({"image_id": ["a", "b"], "happiness": [2.0, np.nan]})
    with pytest.raises(ValueError, match=r"1 have none.*image_id='b'"):
        rating_targets(images, "happiness")
    with pytest.raises(ValueError, match=r"column `confidence`.*columns="):
        rating_targets(images, "confidence")
    with pytest.raises(ValueError, match=r"attribute='kindness'"):
        rating_targets(images, "kindness")


def test_halves_are_those_of_the_paper():
    first, second = split_images(many(2222), seed=3)
    assert len(first) == len(second) == 1111
    assert set(first.image_id).isdisjoint(second.image_id)
    assert first.index.tolist() == list(range(1111))


def test_no_subject_is_in_both_parts():
    images = many(41, each=3)
    for seed in range(5):
        first, second = split_images(images, seed, train=0.7)
        assert set(first.subject).isdisjoint(second.subject)
        assert first.subject.nunique() == 29
        assert len(first) + len(second) == len(images)


def test_a_split_depends_on_the_seed_and_not_on_the_order():
    images = many(60, each=2)
    one = set(split_images(images, 1)[0].image_id)
    assert one == set(split_images(images, 1)[0].image_id)
    assert one == set(split_images(images[::-1], 1)[0].image_id)
    assert one != set(split_images(images, 2)[0].image_id)


@pytest.mark.parametrize("train", [0, 1, -0.5, 1.5, 0.01])
def test_a_part_without_subjects_is_refused(train):
    with pytest.raises(ValueError, match=rf"of 10\. Received: train={train}"):
        split_images(many(10), train=train)
