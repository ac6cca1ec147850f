"""ClipView: what belongs together, and which frames are of the onset."""

import numpy as np
import pytest

from fdin_tf.data.synthetic.template import average_face
from fdin_tf.faces import find_phases
from fdin_tf.handcrafted.clip_view import ClipView


def arrays(num_frames=40, smile=True):
    landmarks = np.repeat(100 * average_face()[None], num_frames, axis=0)
    if smile:
        course = np.interp(range(num_frames), [10, 16, 24, 30], [0, 9, 9, 0])
        landmarks[:, 48, 0] -= course
    frames = np.zeros((num_frames, 20, 20), "uint8")
    return frames, landmarks, find_phases(landmarks, 25), 25.0


def test_the_frames_of_the_onset_are_its_first_and_its_last():
    view = ClipView(*arrays())
    assert view.onset_frames == (0, view.phases.onset[1] - 1)
    assert 14 <= view.onset_frames[1] <= 19


def test_without_a_rise_both_are_the_first_frame():
    assert ClipView(*arrays(smile=False)).onset_frames == (0, 0)


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((40, 20, 20)),
        np.zeros((40, 20, 20, 3), "uint8"),
        np.zeros((0, 20, 20), "uint8"),
    ],
)
def test_other_frames_are_refused(frames):
    with pytest.raises(ValueError, match=r"must be grey.*Received: shape="):
        ClipView(frames, *arrays()[1:])


def test_landmarks_and_phases_of_other_frames_are_refused():
    frames, landmarks, phases, rate = arrays()
    message = r"as many frames as it has\. Received: 40 frames, landmarks"
    with pytest.raises(ValueError, match=message):
        ClipView(frames, landmarks[:-1], phases, rate)
    with pytest.raises(ValueError, match=message):
        ClipView(frames, landmarks[:, :5], phases, rate)
    with pytest.raises(ValueError, match="phases of 39"):
        ClipView(frames, landmarks, find_phases(landmarks[1:], 25), rate)


def test_a_rate_must_be_positive():
    with pytest.raises(ValueError, match="Received: frames_per_second=0"):
        ClipView(*arrays()[:3], 0)
