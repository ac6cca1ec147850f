"""Expressive sets: at rest all look equally old, the smile tells them apart."""

import dataclasses

import numpy as np
import pytest

from fdin_tf.data.synthetic import SYNTHETIC_SETS
from fdin_tf.data.synthetic.catalogue import Clip
from fdin_tf.data.synthetic.catalogue import Subject
from fdin_tf.data.synthetic.catalogue import draw_subjects
from fdin_tf.data.synthetic.catalogue import list_clips
from fdin_tf.data.synthetic.scene import clip_motion
from fdin_tf.data.synthetic.scene import subject_face
from fdin_tf.data.synthetic.scene import wrinkles_of
from fdin_tf.data.synthetic.truth import clip_truth

EXPRESSIVE = dataclasses.replace(SYNTHETIC_SETS["expressive"], size=96)
NATURAL = dataclasses.replace(EXPRESSIVE, kind="natural")
AGES = (8, 20, 31, 42, 53, 64, 76)
REST, SMILE = np.zeros(9), np.ones(9)

# Landmarks as the first version of the generator drew them: `checksum`.
NATURAL_CLIPS = {
    "001_deliberate_smile_1": -28.0492,
    "060_spontaneous_smile_2": -28.4329,
    "120_spontaneous_smile_2": -29.4049,
}


def checksum(values):
    """A projection that any change of the values changes."""
    values = np.asarray(values, float).ravel()
    return float(values @ np.cos(np.arange(values.size)))


def face_of(age, seed=3, gender="female", config=EXPRESSIVE):
    """The face of one subject, had she another age."""
    return subject_face(config, Subject("001", seed, age, gender))


def picture(face, amplitudes):
    return face.render(amplitudes, 0.0).astype(float)


def clips(config, num_subjects):
    subjects = draw_subjects(config.seed, num_subjects)
    return [clip for s in subjects for clip in list_clips(s, 2)]


def test_the_set_is_listed_with_its_size():
    config = SYNTHETIC_SETS["expressive"]
    assert config.kind == "expressive"
    assert config.num_subjects >= 120
    assert config.clips_per_subject == 2
    assert (config.num_frames, config.size) == (48, 192)


@pytest.mark.parametrize("gender", ["female", "male"])
@pytest.mark.parametrize("seed", [3, 14])
def test_at_rest_every_age_looks_the_same(seed, gender):
    def difference(config, amplitudes):
        young, old = (
            picture(face_of(age, seed, gender, config), amplitudes)
            for age in (8, 76)
        )
        return np.abs(old - young)

    assert difference(EXPRESSIVE, REST).max() == 0
    assert difference(EXPRESSIVE, SMILE).mean() > 0.5
    assert difference(NATURAL, REST).mean() > 1


def test_landmarks_tell_no_age_even_in_the_smile():
    amplitudes = np.stack([REST, 0.5 * SMILE, SMILE])
    first = face_of(8).landmarks(amplitudes)
    np.testing.assert_array_equal(face_of(76).landmarks(amplitudes), first)


def test_the_wrinkles_of_the_smile_grow_with_age():
    pictures = [picture(face_of(age), SMILE) for age in AGES]
    change = [np.abs(other - pictures[0]).mean() for other in pictures]
    steps = np.diff(change)
    assert (steps > 0).all()
    # About as much from every age to the next: all can be told apart.
    assert steps.max() < 2 * steps.min()
    # The deeper wrinkles are darker where they differ most.
    darkest = np.minimum.reduce([p - pictures[0] for p in pictures[1:]]).min()
    assert darkest < -20


def test_wrinkles_are_in_proportion_to_age():
    strengths = [wrinkles_of(age) for age in (8, 25, 42, 59, 76)]
    np.testing.assert_allclose(strengths, [0.1, 0.325, 0.55, 0.775, 1.0])


def test_gender_still_shows_at_rest():
    woman, man = (
        picture(face_of(30, gender=gender), REST)
        for gender in ("female", "male")
    )
    assert np.abs(man - woman).mean() > 1


def test_a_fifth_at_each_end_of_a_clip_is_neutral():
    lead, tail = [], []
    for clip in clips(EXPRESSIVE, num_subjects=200):
        moves = np.abs(clip_motion(EXPRESSIVE, clip).amplitudes).max(axis=1) > 0
        lead.append(np.argmax(moves))
        tail.append(np.argmax(moves[::-1]))
    assert min(lead) >= 0.25 * 48
    assert min(tail) >= 0.2 * 48
    # And not all of a clip: the smile itself takes three tenths or more.
    assert max(np.add(lead, tail)) < 0.7 * 48


def test_the_smile_is_that_of_the_natural_set_in_less_time():
    natural = SYNTHETIC_SETS["natural"]
    for clip in clips(natural, num_subjects=4):
        one, other = (clip_motion(c, clip) for c in (natural, EXPRESSIVE))
        np.testing.assert_array_equal(one.peaks, other.peaks)
        for border in ("onset_start", "onset_end", "offset_start"):
            np.testing.assert_allclose(
                getattr(other.phases, border),
                0.2 * 48 + 0.6 * getattr(one.phases, border),
            )


def test_smile_type_still_shows_in_the_motion():
    subject = Subject("001", 0, 40, "female")
    rise = {}
    for k, kind in enumerate(("posed", "spontaneous")):
        of_kind = [
            clip_motion(EXPRESSIVE, Clip(subject, take, kind)).phases
            for take in range(k, 60, 2)
        ]
        rise[kind] = np.mean([p.onset_end - p.onset_start for p in of_kind])
    assert rise["spontaneous"] > 1.4 * rise["posed"]


@pytest.mark.parametrize("clip_id", NATURAL_CLIPS)
def test_natural_clips_are_as_they_were(clip_id):
    config = SYNTHETIC_SETS["natural"]
    (clip,) = (c for c in clips(config, 120) if c.clip_id == clip_id)
    truth = clip_truth(
        subject_face(config, clip.subject), clip_motion(config, clip), clip
    )
    expected = NATURAL_CLIPS[clip_id]
    assert checksum(truth["landmarks"]) == pytest.approx(expected, abs=2e-3)
