"""Rendered frames: what moves, how far, and in which grid cell."""

import cv2
import numpy as np
import pytest

from fdin_tf.data.synthetic import REGIONS
from fdin_tf.data.synthetic.identity import draw_identity
from fdin_tf.data.synthetic.leakage import aligned
from fdin_tf.data.synthetic.leakage import eye_alignment
from fdin_tf.data.synthetic.leakage import leakage_table
from fdin_tf.data.synthetic.leakage import motion_shares
from fdin_tf.data.synthetic.motion import draw_smile
from fdin_tf.data.synthetic.render import Face

SIZE = 192
LEAST_SHARES = {
    "left_eye": 0.78,
    "forehead": 0.63,
    "right_eye": 0.78,
    "left_cheek": 0.79,
    "nose": 0.78,
    "right_cheek": 0.79,
    "left_mouth": 0.54,
    "mouth": 0.88,
    "right_mouth": 0.54,
}


def make_face(seed=0, age=40, gender="female", size=SIZE):
    rng = np.random.default_rng(seed)
    return Face(draw_identity(rng, age, gender), size, rng)


@pytest.fixture(scope="module")
def face():
    return make_face()


@pytest.fixture(scope="module")
def faces():
    """Six looks of both genders and all ages."""
    return [
        make_face(seed, age, gender)
        for seed, age in enumerate((10, 40, 70))
        for gender in ("female", "male")
    ]


def smile(num_frames=24, size=SIZE):
    return draw_smile(
        np.random.default_rng(1),
        "spontaneous",
        age=40,
        gender="female",
        num_frames=num_frames,
        size=size,
        frames_per_second=25.0,
    )


def grey(image):
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)


def track(before, after, points):
    """Lucas and Kanade's tracker: where the points of `before` went."""
    start = np.float32(points)[:, None]
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        grey(before), grey(after), start, None, winSize=(15, 15), maxLevel=3
    )
    assert found.all()
    return moved[:, 0]


def test_the_same_seed_paints_the_same_face(face):
    smiling = np.full(9, 0.7)
    again, other = make_face(0), make_face(1)
    np.testing.assert_array_equal(face.render(smiling), again.render(smiling))
    assert (face.render(smiling) != other.render(smiling)).mean() > 0.5


def test_landmarks_of_the_skin_are_where_a_tracker_finds_them(faces):
    amplitudes = np.stack(
        [np.zeros(9), 0.5 * np.eye(9)[1] + 0.5 * np.eye(9)[4]]
    )
    points = [*range(18, 26), *range(31, 36)]  # brows and base of the nose
    errors = []
    for one in faces:
        rest, moved = one.landmarks(amplitudes)[:, points]
        found = track(*map(one.render, amplitudes), rest)
        assert np.hypot(*(moved - rest).T).max() > 2
        errors += list(np.hypot(*(found - moved).T))
    assert np.median(errors) < 0.35


def test_lip_corners_are_where_the_lips_end(faces):
    # The lips alone are this much redder than the skin around them.
    for one in faces:
        amplitudes = np.array([[0, 0, 0, 0, 0, 0, 1.0, 0, 1.0]])
        image = np.int32(one.render(amplitudes[0]))
        (points,) = one.landmarks(amplitudes)
        redness = image[..., 2] - image[..., 1]
        left, top = points[48].round().astype(int)
        right = round(points[54, 0])
        inside = redness[top - 2 : top + 3, left + 5 : right - 4].max(axis=0)
        beyond = redness[top - 2 : top + 3, left - 9 : left - 5].max()
        assert np.median(inside) > beyond + 15


def test_most_motion_is_seen_in_the_regions_own_cell(faces):
    shares = np.mean([motion_shares(one) for one in faces], axis=0)
    for region, own in zip(REGIONS, np.diag(shares)):
        assert own > LEAST_SHARES[region], region
    assert (shares.argmax(axis=1) == np.arange(9)).all()


def test_shares_sum_to_one_and_are_stored_by_name(face):
    shares = motion_shares(face)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    header, *rows = leakage_table([face]).splitlines()
    assert header.split(",") == ["moves", *REGIONS]
    for region, row, expected in zip(REGIONS, rows, shares):
        name, *values = row.split(",")
        assert name == region
        np.testing.assert_allclose(np.float64(values), expected, atol=1e-4)


def test_alignment_undoes_any_pose(face):
    (points,) = face.landmarks(np.zeros((1, 9)))
    pose = cv2.getRotationMatrix2D((90.0, 80.0), 12, 0.93)
    posed = points @ pose[:, :2].T + pose[:, 2]
    matrix = eye_alignment(posed)
    placed = posed @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(placed[[36, 39]].mean(0), (25, 24), atol=1e-9)
    np.testing.assert_allclose(placed[[42, 45]].mean(0), (71, 24), atol=1e-9)
    image = face.render(np.zeros(9))
    turned = cv2.warpAffine(image, pose, image.shape[:2])
    difference = aligned(image, points) - aligned(turned, posed)
    assert np.abs(difference[8:-8, 8:-8]).mean() < 2


def test_each_region_moves_its_own_cell_more_as_its_amplitude_grows(face):
    rest = np.int32(face.render(np.zeros(9)))
    for region in range(9):
        change = [
            np.abs(face.render(a * np.eye(9)[region]) - rest).sum()
            for a in (0.25, 0.5, 1.0)
        ]
        assert 0 < change[0] < change[1] < change[2]


def test_only_the_eyes_change_in_a_blink(face):
    open_eyes, closed = (face.render(np.zeros(9), blink=b) for b in (0, 1))
    rows, columns = np.nonzero((open_eyes != closed).any(axis=-1))
    places = np.stack([columns, rows], axis=1)
    (points,) = face.landmarks(np.zeros((1, 9)))
    low, high = points[36:48].min(axis=0), points[36:48].max(axis=0)
    assert len(places) > 100
    assert (places > low - 8).all()
    assert (places < high + 8).all()


def test_a_region_changes_nothing_far_away(face):
    rest = np.int32(face.render(np.zeros(9)))
    moved = np.int32(face.render(np.eye(9)[REGIONS.index("left_mouth")]))
    middle = SIZE // 2
    assert np.abs(moved - rest)[:, middle + 40 :].max() == 0


def test_frames_of_a_clip_follow_head_and_gain(face):
    motion = smile()
    frames = list(face.frames(motion))
    assert len(frames) == 24
    for t in (0, 12):
        upright = face.render(motion.amplitudes[t], motion.blink[t])
        expected = motion.gain[t] * cv2.warpAffine(
            upright.astype(np.float32),
            motion.head[t],
            (SIZE, SIZE),
            borderMode=cv2.BORDER_REPLICATE,
        )
        noise = frames[t] - np.clip(expected, 0, 255)
        assert abs(noise.mean()) < 0.6
        assert 2.5 < noise.std() < 3.5


@pytest.mark.parametrize("size", [64, 128, 256])
def test_faces_render_at_every_size(size):
    one = make_face(size=size)
    image = one.render(np.ones(9))
    assert image.shape == (size, size, 3)
    assert image.dtype == np.uint8
    assert image.std() > 20


def test_the_look_is_the_same_at_every_size():
    # Texture is drawn anew for every size; what is painted by rule is not.
    large, small = (
        make_face(size=size).render(np.ones(9)) for size in (256, 128)
    )
    reduced = cv2.resize(large, (128, 128), interpolation=cv2.INTER_AREA)
    difference = cv2.GaussianBlur(
        np.float32(reduced) - np.float32(small), (0, 0), 3
    )
    face_box = slice(30, 110), slice(36, 92)
    assert np.abs(difference[face_box]).mean() < 8
