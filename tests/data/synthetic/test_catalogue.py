"""Who is in a set, and details files that read back to the same table."""

import re

import numpy as np
import pytest

from fdin_tf.data.synthetic import catalogue


def read_details(text):
    """An independent reader of the published format: rows of strings."""
    lines = text.split("\r\n")
    assert lines[-1] == ""
    assert "\n" not in "".join(lines)
    return [[cell.strip() for cell in line.split("\t")] for line in lines[5:-1]]


@pytest.fixture
def subjects():
    return catalogue.draw_subjects(seed=0, num_subjects=120)


def test_ages_are_uniform_from_8_to_76(subjects):
    ages = np.array([s.age for s in subjects])
    assert ages.min() <= 9
    assert ages.max() >= 75
    counts, _ = np.histogram(ages, bins=np.linspace(8, 77, 7))
    assert (np.abs(counts - 20) <= 2).all()


@pytest.mark.parametrize("seed", range(20))
def test_every_seed_keeps_the_range_of_ages(seed):
    ages = [s.age for s in catalogue.draw_subjects(seed, 300)]
    assert min(ages) == 8
    assert max(ages) == 76


@pytest.mark.parametrize("num_subjects", [2, 8, 120])
def test_genders_are_balanced(num_subjects):
    subjects = catalogue.draw_subjects(0, num_subjects)
    women = sum(s.gender == "female" for s in subjects)
    assert women == num_subjects / 2


def test_age_does_not_depend_on_gender():
    correlation = []
    for seed in range(30):
        subjects = catalogue.draw_subjects(seed, 120)
        is_male = [s.gender == "male" for s in subjects]
        ages = [s.age for s in subjects]
        correlation.append(np.corrcoef(is_male, ages)[0, 1])
    assert abs(np.mean(correlation)) < 0.06
    assert np.std(correlation) < 0.2


def test_more_subjects_leave_the_first_ones_as_they_are(subjects):
    assert catalogue.draw_subjects(0, 8) == subjects[:8]


def test_subject_seeds_are_those_of_the_specification(subjects):
    assert [s.seed for s in catalogue.draw_subjects(3, 2)] == [30000, 30001]
    assert [s.code for s in subjects[:2]] == ["001", "002"]


def test_other_seeds_draw_other_ages(subjects):
    other = catalogue.draw_subjects(1, 120)
    assert [s.age for s in other] != [s.age for s in subjects]


def test_posed_and_spontaneous_clips_take_turns(subjects):
    clips = catalogue.list_clips(subjects[4], 4)
    assert [clip.clip_id for clip in clips] == [
        "005_deliberate_smile_1",
        "005_spontaneous_smile_2",
        "005_deliberate_smile_3",
        "005_spontaneous_smile_4",
    ]
    assert [clip.spontaneity for clip in clips[:2]] == ["posed", "spontaneous"]


def test_file_details_read_back_to_the_same_table(subjects):
    clips = [c for s in subjects for c in catalogue.list_clips(s, 2)]
    rows = read_details(catalogue.file_details(clips))
    assert len(rows) == 240
    for clip, (name, code, gender, age, smile) in zip(clips, rows):
        assert re.fullmatch(
            r"\d{3}_(deliberate|spontaneous)_smile_\d+\.mp4", name
        )
        assert name == f"{clip.clip_id}.mp4"
        assert code == clip.subject.code == name[:3]
        assert gender == clip.subject.gender
        assert int(age) == clip.subject.age
        assert smile == name.split("_")[1]


def test_subject_details_read_back_to_the_same_table(subjects):
    rows = read_details(catalogue.subject_details(subjects))
    assert rows == [[s.code, s.gender, str(s.age)] for s in subjects]


def test_no_line_of_the_heading_looks_like_a_clip(subjects):
    clips = catalogue.list_clips(subjects[0], 1)
    heading = catalogue.file_details(clips).split("\r\n")[:5]
    assert not any(line.split("\t")[0].endswith(".mp4") for line in heading)
