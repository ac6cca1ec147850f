"""Following a head: planted motion is found, expression does not leak."""

import cv2
import numpy as np
import pytest

from fdin_tf.faces.flow import EYE_DISTANCE
from fdin_tf.faces.flow import HeadTemplate
from fdin_tf.faces.flow import apply
from fdin_tf.faces.flow import fit_similarity
from fdin_tf.faces.flow import patch_similarity
from tests.faces.photo_clip import photo_frames


@pytest.fixture(scope="module")
def clip():
    return photo_frames(21)


def error_of(matrix, eyes, start):
    """Distance of the eyes from their places in the template, shares."""
    places = apply(patch_similarity(start), start)
    return np.abs(apply(matrix, eyes) - places).max() / EYE_DISTANCE


def test_the_patch_holds_the_face_at_one_size(clip):
    _, truth = clip
    for eyes in truth["eyes"]:
        left, right = apply(patch_similarity(eyes), eyes)
        assert left[1] == pytest.approx(right[1])
        assert right[0] - left[0] == pytest.approx(EYE_DISTANCE)
        assert (left[0] + right[0]) / 2 == pytest.approx(64)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.4])
def test_a_planted_similarity_is_found_despite_points_of_their_own(share):
    rng = np.random.default_rng(seed=0)
    points = rng.uniform(0, 128, (100, 2))
    planted = np.array([[0.98, -0.07, 4.0], [0.07, 0.98, -3.0]])
    target = apply(planted, points)
    own = rng.permutation(100) < 100 * share
    target[own] += rng.uniform(2, 20, (own.sum(), 2))  # all to one side
    matrix, agree = fit_similarity(points, target, scale=0.5)
    np.testing.assert_allclose(matrix, planted, atol=0.02 if share else 1e-9)
    np.testing.assert_array_equal(agree, ~own)


def test_without_outliers_it_is_the_least_squares_fit():
    rng = np.random.default_rng(seed=0)
    points = rng.uniform(0, 128, (50, 2))
    target = 1.1 * points + 5 + rng.normal(0, 0.2, (50, 2))
    x, y = points.T
    one, none = np.ones(50), np.zeros(50)
    design = np.concatenate(
        [np.stack([x, -y, one, none], 1), np.stack([y, x, none, one], 1)]
    )
    a, b, c, d = np.linalg.lstsq(design, target.T.ravel(), rcond=None)[0]
    matrix, _ = fit_similarity(points, target, scale=1e3)
    np.testing.assert_allclose(matrix, [[a, -b, c], [b, a, d]], atol=1e-4)


@pytest.mark.parametrize(
    "planted",
    [(0, 1.0, 6, -5), (6, 1.0, 0, 0), (-4, 1.08, -7, 4), (3, 0.92, 5, 8)],
)
def test_a_planted_motion_of_the_head_is_found(clip, planted):
    turn, zoom, right, down = planted
    frame, eyes = clip[0][0], clip[1]["eyes"][0]
    motion = cv2.getRotationMatrix2D(tuple(eyes.mean(0)), turn, zoom)
    motion[:, 2] += right, down
    there = cv2.warpAffine(
        frame, motion, (256, 256), flags=cv2.INTER_CUBIC, borderMode=1
    )
    start = patch_similarity(eyes)
    matrix, share = HeadTemplate(frame, start).locate(there, start)
    assert share > 0.7
    assert error_of(matrix, apply(motion, eyes), eyes) < 0.003


def test_another_light_changes_nothing(clip):
    frame, eyes = clip[0][0], clip[1]["eyes"][0]
    start = patch_similarity(eyes)
    template = HeadTemplate(frame, start)
    matrix, share = template.locate(np.uint8(20 + 0.5 * frame), start)
    assert share > 0.9
    assert error_of(matrix, eyes, eyes) < 0.002


def test_a_smile_does_not_leak_into_the_pose(clip):
    frames, truth = clip
    start = patch_similarity(truth["eyes"][0])
    template = HeadTemplate(frames[0], start)
    assert truth["smile"][10] == pytest.approx(1)
    matrix, share = template.locate(frames[10], start)
    assert share > 0.5
    assert error_of(matrix, truth["eyes"][10], truth["eyes"][0]) < 0.004


def test_another_face_is_not_the_same_head(clip):
    frames, truth = clip
    template = HeadTemplate(frames[0], patch_similarity(truth["eyes"][0]))
    mirrored = np.ascontiguousarray(frames[0][:, ::-1])
    eyes = [255, 0] + truth["eyes"][0][::-1] * [-1, 1]
    _, share = template.locate(mirrored, patch_similarity(eyes))
    assert share < 0.3


def test_an_even_picture_holds_no_head(clip):
    frames, truth = clip
    start = patch_similarity(truth["eyes"][0])
    even = np.full_like(frames[0], 128)
    assert HeadTemplate(frames[0], start).locate(even, start) == (None, 0.0)
    assert HeadTemplate(even, start).locate(frames[0], start) == (None, 0.0)


def test_points_beyond_the_border_are_not_used(clip):
    # The right half of the face is out of sight; the left half suffices.
    frames, truth = clip
    eyes = truth["eyes"][0]
    template = HeadTemplate(frames[0], patch_similarity(eyes))
    half = np.ascontiguousarray(frames[1][:, : int(eyes[:, 0].mean()) + 15])
    matrix, share = template.locate(half, patch_similarity(eyes))
    assert 0.2 < share < 0.8
    assert error_of(matrix, truth["eyes"][1], eyes) < 0.01
