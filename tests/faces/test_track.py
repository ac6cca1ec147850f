"""Tracking: places, jitter, and one planted clip for every situation."""

import io
import pickle

import cv2
import numpy as np
import pytest

from fdin_tf.data.synthetic.template import average_face
from fdin_tf.faces import FaceConfig
from fdin_tf.faces import FaceTrack
from fdin_tf.faces import UnusableClip
from fdin_tf.faces import VideoError
from fdin_tf.faces import track_face
from fdin_tf.faces.smoothing import smooth_4253h_twice
from fdin_tf.faces.smoothing import smooth_in_time
from fdin_tf.faces.track import COUNTS
from tests.faces.photo_clip import photo_frames
from tests.faces.photo_clip import write_video


@pytest.fixture(scope="module")
def clip():
    """`(frames, eyes)` of the clip made from a photograph."""
    frames, truth = photo_frames(40)
    return frames, truth["eyes"]


@pytest.fixture
def track_frames(detector, tmp_path):
    """Writes frames as a video and tracks the face in it."""

    def run(frames, detector=detector, **settings):
        path = tmp_path / "clip.mp4"
        write_video(path, frames)
        return track_face(
            path, detector=detector, config=FaceConfig(**settings)
        )

    return run


def errors(track, eyes):
    """Errors of the eyes in usable frames, in shares of the eye distance."""
    distance = np.hypot(*(eyes[:, 1] - eyes[:, 0]).T).mean()
    return (track.eyes - eyes)[track.usable] / distance


def happened(track):
    """The counts that are not zero, without the certain ones."""
    certain = ("frames", "usable", "detections")
    return {
        name: count
        for name, count in track.counts.items()
        if count and name not in certain
    }


def mirrored(frames):
    """Other people: the same frames, left and right exchanged."""
    return np.ascontiguousarray(frames[:, :, ::-1])


def test_the_eyes_of_a_real_clip_are_followed(photo_clip, detector):
    path, truth = photo_clip
    track = track_face(path, detector=detector)
    error = errors(track, truth["eyes"])
    assert np.abs(error.mean(axis=0)).max() < 0.05  # the detector's own idea
    assert error.std(axis=0).max() < 0.003
    jitter = np.diff(error, axis=0).std(axis=0).max() / np.sqrt(2)
    assert jitter < 0.001
    assert track.points.shape == (40, 5, 2)
    assert track.points.dtype == np.float32
    assert track.usable.all()
    assert track.frames_per_second == pytest.approx(25)
    np.testing.assert_allclose(track.times, np.arange(40) / 25, atol=1e-3)
    assert track.source == "mtcnn"
    assert happened(track) == {}
    assert list(track.counts) == list(COUNTS)
    assert track.counts["detections"] == 4  # every half second


def test_following_is_steadier_than_detecting(photo_clip, detector):
    path, truth = photo_clip
    config = FaceConfig(smoothing=0)
    followed = track_face(path, detector=detector, config=config)
    raw = np.stack(
        [detector(frame)[0].points[:2] for frame in photo_frames(40)[0]]
    )
    raw_error = (raw - truth["eyes"]) / 60
    steps = [
        np.diff(error, axis=0).std()
        for error in (errors(followed, truth["eyes"]), raw_error)
    ]
    assert steps[0] < 0.1 * steps[1]


def test_the_smile_does_not_move_the_alignment(photo_clip, detector):
    path, truth = photo_clip
    track = track_face(path, detector=detector)
    error = errors(track, truth["eyes"]).reshape(40, 4)
    leak = np.polyfit(truth["smile"], error, 1)[0]
    assert np.abs(leak).max() < 0.005


def test_a_face_that_comes_late_is_taken_when_it_comes(clip, track_frames):
    frames, eyes = clip
    frames = frames.copy()
    frames[:8] = 120
    track = track_frames(frames)
    assert track.usable.tolist() == [False] * 8 + [True] * 32
    assert happened(track) == {"without_face": 8, "cuts": 1}
    assert np.isnan(track.points[:8]).all()
    assert np.abs(errors(track, eyes)).max() < 0.06


def test_a_face_that_leaves_and_returns_is_the_same(clip, track_frames):
    frames, eyes = clip
    frames = frames.copy()
    frames[15:25] = 120
    track = track_frames(frames)
    assert np.flatnonzero(~track.usable).tolist() == list(range(15, 25))
    assert happened(track) == {
        "without_face": 10,
        "lost": 1,
        "returned": 1,
        "cuts": 2,
    }
    assert errors(track, eyes).std(axis=0).max() < 0.005


def test_a_short_gap_is_interpolated(clip, track_frames):
    frames, eyes = clip
    frames = frames.copy()
    frames[15:19, 50:190, 70:190] = 90  # the face alone is hidden
    track = track_frames(frames)
    assert track.usable.all()
    assert track.counts["interpolated"] == 4
    assert track.counts["without_face"] == 4
    assert errors(track, eyes).std(axis=0).max() < 0.005


def test_a_gap_longer_than_allowed_is_not_interpolated(clip, track_frames):
    frames, _ = clip
    frames = frames.copy()
    frames[15:19, 50:190, 70:190] = 90
    track = track_frames(frames, max_gap=0.15)
    assert np.flatnonzero(~track.usable).tolist() == [15, 16, 17, 18]
    assert track.counts["interpolated"] == 0


@pytest.mark.parametrize("large", ["left", "right"])
def test_of_two_faces_the_largest_is_followed(track_frames, clip, large):
    frames, eyes = clip
    small = mirrored(photo_frames(40, scale=0.6)[0])
    if large == "left":
        pair = np.concatenate([frames, small], axis=2)
    else:
        pair = np.concatenate([small, frames], axis=2)
        eyes = eyes + np.array([256, 0])
    track = track_frames(pair)
    assert happened(track) == {"several_faces": track.counts["detections"]}
    assert np.abs(errors(track, eyes)).max() < 0.06


def test_the_first_person_is_kept_when_a_larger_face_comes(track_frames, clip):
    frames, _ = clip
    small, truth = photo_frames(40, scale=0.6)
    second = mirrored(frames)
    second[:20] = second[:20, :, :5].mean(axis=(1, 2), keepdims=True)
    track = track_frames(np.concatenate([small, second], axis=2))
    assert track.usable.all()
    assert track.counts["several_faces"] > 0
    assert np.abs(errors(track, truth["eyes"])).max() < 0.06


def test_a_cut_to_another_person_ends_the_clip(clip, track_frames):
    frames, _ = clip
    track = track_frames(np.concatenate([frames[:30], mirrored(frames[30:])]))
    assert track.usable.tolist() == [True] * 30 + [False] * 10
    assert happened(track) == {"other_face": 10, "lost": 1, "cuts": 1}


def test_a_cut_to_the_same_person_goes_on(clip, track_frames):
    frames, eyes = clip
    frames, eyes = frames.copy(), eyes.copy()
    frames[20:] = np.roll(frames[20:], 40, axis=2)
    eyes[20:] += [40, 0]
    track = track_frames(frames)
    assert track.usable.all()
    assert happened(track) == {"cuts": 1}
    # Nothing is smoothed across the cut.
    assert errors(track, eyes).std(axis=0).max() < 0.005


def test_a_face_near_the_border_is_used(track_frames):
    frames, truth = photo_frames(40, middle=(0.85, 0.44), scale=0.7)
    track = track_frames(frames)
    assert track.usable.all()
    assert happened(track) == {"border": 40}
    assert np.abs(errors(track, truth["eyes"])).max() < 0.06


def test_a_face_too_far_beyond_the_border_is_not_used(clip, track_frames):
    # The camera pans away from the face and back to it.
    frames, eyes = clip
    away = np.round(97 * np.sin(np.linspace(0, np.pi, 40))).astype(int)
    shown = [
        cv2.copyMakeBorder(frame, 0, 0, move, 0, cv2.BORDER_REPLICATE)[:, :256]
        for frame, move in zip(frames, away)
    ]
    track = track_frames(shown, min_usable_share=0.2)
    moved = eyes + np.stack([away, 0 * away], axis=-1)[:, None]
    distance = moved[:, 1, 0] - moved[:, 0, 0]
    beyond = moved[:, 1, 0] + 25 / 46 * distance - 256  # pixels of the frame
    beyond /= 96 / 46 * distance  # share of the aligned face
    near, far_out = beyond < 0.18, beyond > 0.22
    assert track.usable[near].all()
    assert not track.usable[far_out].any()
    assert track.counts["beyond_border"] >= far_out.sum() > 0
    assert track.counts["border"] >= track.counts["beyond_border"]


def test_sudden_light_does_not_stop_the_track(clip, track_frames):
    frames, eyes = clip
    frames = frames.copy()
    frames[20:] //= 2
    track = track_frames(frames)
    assert track.usable.all()
    assert errors(track, eyes).std(axis=0).max() < 0.005


class ForgetfulDetector:
    """A detector that finds nothing in some of its calls."""

    def __init__(self, detector, forgets):
        self.detector, self.forgets, self.calls = detector, forgets, 0

    def __call__(self, image):
        self.calls += 1
        return [] if self.calls in self.forgets else self.detector(image)


def test_one_missed_detection_is_bridged_by_the_flow(
    clip, track_frames, detector
):
    frames, _ = clip
    track = track_frames(
        frames, ForgetfulDetector(detector, {2}), key_interval=0.2
    )
    assert track.usable.all()
    assert happened(track) == {"unconfirmed": 1}


def test_two_missed_detections_in_a_row_take_the_frames_back(
    clip, track_frames, detector
):
    frames, _ = clip
    track = track_frames(
        frames, ForgetfulDetector(detector, {2, 3}), key_interval=0.2
    )
    # Key frames 5 and 10 miss the face; it is found again in frame 11.
    assert np.flatnonzero(~track.usable).tolist() == list(range(5, 11))
    assert happened(track) == {
        "without_face": 1,
        "lost": 1,
        "returned": 1,
        "unconfirmed": 2,
    }


def test_a_changed_look_is_taken_up_by_its_place(clip, track_frames):
    # From frame 20 on the face is out of focus: no template fits, but a face
    # is where the face was, and the rest of the picture goes on.
    frames, eyes = clip
    frames = frames.copy()
    box = np.s_[45:190, 70:195]
    for frame in frames[20:]:
        frame[box] = cv2.GaussianBlur(frame[box], (0, 0), 5)
    track = track_frames(frames)
    assert track.usable.all()
    assert happened(track) == {"restarts": 1}
    assert np.abs(errors(track, eyes)).max() < 0.12


def test_a_clip_without_a_face_is_refused_with_the_reason(track_frames):
    with pytest.raises(UnusableClip) as error:
        track_frames(np.full((30, 128, 128, 3), 120, "uint8"))
    assert str(error.value).endswith(
        "clip.mp4: 0 of 30 frames show a usable face, 15 needed (30 frames "
        "with no face found)"
    )
    copy = pickle.loads(pickle.dumps(error.value))
    assert str(copy) == str(error.value)


def test_a_clip_with_too_few_frames_is_refused(clip, track_frames):
    with pytest.raises(UnusableClip, match=r"5 of 5 frames.*8 needed$"):
        track_frames(clip[0][:5])
    assert track_frames(clip[0][:5], min_usable_frames=5).usable.all()


def test_a_broken_video_is_an_error(tmp_path, detector):
    (tmp_path / "bad.mp4").write_bytes(b"bad")
    with pytest.raises(VideoError, match=r"bad\.mp4"):
        track_face(tmp_path / "bad.mp4", detector=detector)


def test_another_rate_gives_the_frames_of_that_rate(photo_clip, detector):
    path, truth = photo_clip
    config = FaceConfig(frames_per_second=10)
    track = track_face(path, detector=detector, config=config)
    assert track.frames_per_second == 10
    np.testing.assert_allclose(track.times, np.arange(16) / 10)
    stored = (np.arange(16) * 25) // 10
    assert np.abs(errors(track, truth["eyes"][stored])).max() < 0.06


def test_the_arrays_of_a_track_bring_it_back(photo_clip, detector):
    track = track_face(photo_clip[0], detector=detector)
    file = io.BytesIO()
    np.savez(file, **track.arrays())
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        back = FaceTrack.from_arrays(arrays)
    for name in ("points", "times", "usable"):
        np.testing.assert_array_equal(getattr(back, name), getattr(track, name))
    assert back.frames_per_second == track.frames_per_second
    assert (back.counts, back.source) == (track.counts, track.source)


def landmarks_around(eyes):
    """The average face, placed by the middles of its eye corners."""
    face = average_face() - average_face()[[36, 39, 42, 45]].mean(axis=0)
    left, right = (eyes @ [1, 1j]).T[..., None]
    places = (left + right) / 2 + (right - left) * (face @ [1, 1j])
    return np.stack([places.real, places.imag], axis=-1)


def never(image):
    raise AssertionError("landmarks were given, nothing is to be detected")


def test_landmarks_are_taken_instead_of_detection(photo_clip, tmp_path):
    path, truth = photo_clip
    np.savez(tmp_path / "a.npz", landmarks=landmarks_around(truth["eyes"]))
    track = track_face(path, tmp_path / "a.npz", detector=never)
    assert track.source == "landmarks"
    assert track.points.shape == (40, 68, 2)
    assert np.abs(errors(track, truth["eyes"])).max() < 0.003
    assert happened(track) == {}
    assert track.counts["detections"] == 0


def test_the_jitter_of_landmarks_is_smoothed(photo_clip):
    path, truth = photo_clip
    noise = np.random.default_rng(seed=0).normal(0, 0.3, (40, 68, 2))
    noise[17] += 20  # one frame is far off
    landmarks = landmarks_around(truth["eyes"]) + noise
    track = track_face(path, landmarks)
    assert errors(track, truth["eyes"]).std(axis=0).max() < 0.004


def test_frames_without_landmarks_follow_the_rule_of_gaps(photo_clip):
    path, truth = photo_clip
    landmarks = landmarks_around(truth["eyes"])
    landmarks[[3, 4, *range(20, 30)]] = np.nan
    track = track_face(path, landmarks)
    assert np.flatnonzero(~track.usable).tolist() == list(range(20, 30))
    assert happened(track) == {"without_face": 12, "interpolated": 2}


def test_landmarks_follow_another_rate(photo_clip):
    path, truth = photo_clip
    landmarks = landmarks_around(truth["eyes"])
    config = FaceConfig(frames_per_second=10, smoothing=0)
    track = track_face(path, landmarks, config=config)
    stored = (np.arange(16) * 25) // 10
    np.testing.assert_allclose(track.points, landmarks[stored], atol=1e-4)


@pytest.mark.parametrize("smoother", ["quadratic", "4253h"])
def test_landmarks_are_smoothed_before_frames_go(photo_clip, smoother):
    path, truth = photo_clip
    noise = np.random.default_rng(seed=1).normal(0, 0.3, (40, 68, 2))
    landmarks = landmarks_around(truth["eyes"]) + noise
    whole = track_face(path, landmarks, config=FaceConfig(smoother=smoother))
    config = FaceConfig(smoother=smoother, frames_per_second=5)
    track = track_face(path, landmarks, config=config)
    assert track.frames_per_second == 5
    np.testing.assert_array_equal(track.points, whole.points[::5])


@pytest.fixture
def jittery(photo_clip):
    """Landmarks of the clip with jitter and a gap that stays open."""
    landmarks = landmarks_around(photo_clip[1]["eyes"])
    landmarks += np.random.default_rng(seed=0).normal(0, 0.3, (40, 68, 2))
    landmarks[20:30] = np.nan
    return landmarks


@pytest.mark.parametrize(
    ("settings", "smooth"),
    [
        ({}, lambda points: smooth_in_time(points, 25, 0.36)),
        ({"smoother": "4253h"}, smooth_4253h_twice),
        ({"smoother": "4253h", "smoothing": 9}, smooth_4253h_twice),
        ({"smoother": "4253h", "smoothing": 0}, lambda points: points),
        ({"smoothing": 0}, lambda points: points),
    ],
)
def test_every_stretch_is_smoothed_as_the_settings_say(
    photo_clip, jittery, settings, smooth
):
    track = track_face(photo_clip[0], jittery, config=FaceConfig(**settings))
    for stretch in (slice(0, 20), slice(30, 40)):
        np.testing.assert_allclose(
            track.points[stretch], smooth(jittery[stretch]), rtol=1e-6
        )


@pytest.mark.parametrize("outside", [6, 7])
@pytest.mark.parametrize("side", ["below", "right"])
def test_a_tenth_of_the_landmarks_may_be_outside(photo_clip, outside, side):
    path, truth = photo_clip  # frames of 256 x 256
    landmarks = landmarks_around(truth["eyes"])
    moved = (
        slice(5, 5 + outside) if side == "below" else slice(10, 10 + outside)
    )
    landmarks[10:20, moved] += [0, 300] if side == "below" else [300, 0]
    track = track_face(path, landmarks, config=FaceConfig(smoothing=0))
    lost = range(10, 20) if outside == 7 else []
    assert np.flatnonzero(~track.usable).tolist() == list(lost)
    assert happened(track) == ({"beyond_border": 10} if outside == 7 else {})


def test_how_many_landmarks_may_be_outside_can_be_set(photo_clip):
    path, truth = photo_clip
    landmarks = landmarks_around(truth["eyes"])
    landmarks[:, 5:12, 1] += 300
    with pytest.raises(
        UnusableClip, match=r"0 of 40 .*40 frames left out with too much of"
    ):
        track_face(path, landmarks)
    config = FaceConfig(min_landmarks_inside=0.8)
    assert track_face(path, landmarks, config=config).usable.all()


def test_landmarks_in_another_unit_than_pixels_are_an_error(
    photo_clip, tmp_path
):
    path, truth = photo_clip
    shares = landmarks_around(truth["eyes"]) / 256
    shares[:3] = np.nan
    np.savez(tmp_path / "a.npz", landmarks=shares)
    with pytest.raises(
        ValueError, match=r"a\.npz, frame 3: expected landmarks in pixels.*: 0"
    ):
        track_face(path, tmp_path / "a.npz")


@pytest.mark.parametrize("rate", [None, 10])
def test_landmarks_of_another_length_are_an_error(photo_clip, rate):
    path, truth = photo_clip
    landmarks = landmarks_around(truth["eyes"])[:39]
    config = FaceConfig(frames_per_second=rate)
    with pytest.raises(ValueError, match=r"all 40 frames of .*: 39 frames"):
        track_face(path, landmarks, config=config)


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("frames_per_second", 0, "positive or None"),
        ("size", 4, "at least 8 pixels"),
        ("left_eye", (0.6, 0.2), "left half"),
        ("key_interval", 0, "positive seconds"),
        ("smoothing", -1, "0 or positive"),
        ("smoother", "cubic", "one of quadratic, 4253h"),
        ("max_gap", -1, "0 or positive"),
        ("min_inside", 1.5, "from 0 to 1"),
        ("min_landmarks_inside", 2, "from 0 to 1"),
        ("min_usable_frames", 0, "at least 1"),
        ("min_usable_share", -0.1, "from 0 to 1"),
    ],
)
def test_an_impossible_setting_is_an_error(setting, value, expected):
    with pytest.raises(ValueError, match=rf"`{setting}`.*{expected}.*Received"):
        FaceConfig(**{setting: value})
