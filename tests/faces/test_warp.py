"""The warp: landmarks at their places, held against scikit-image."""

import json

import cv2
import numpy as np
import pytest
from scipy.spatial import Delaunay
from skimage.transform import PiecewiseAffineTransform
from skimage.transform import warp

from fdin_tf.faces import FaceWarp
from tests.faces.plain_face import plain_face


@pytest.fixture(scope="module")
def face_warp():
    return FaceWarp(plain_face())


@pytest.fixture
def rng():
    return np.random.default_rng(seed=0)


def smooth_image(rng, shape, width=5):
    noise = cv2.GaussianBlur(rng.normal(size=shape), (0, 0), width)
    return np.uint8(np.clip(128 + 40 * noise / noise.std(), 0, 255))


def by_scikit_image(face_warp, frame, landmarks):
    back = PiecewiseAffineTransform.from_estimate(face_warp.points, landmarks)
    size = (face_warp.size, face_warp.size)
    return warp(frame, back, output_shape=size, mode="edge", preserve_range=1)


def inner(mask):
    return cv2.erode(np.uint8(mask), np.ones((3, 3)), borderValue=0) > 0


def test_equals_the_piecewise_affine_warp_of_scikit_image(face_warp, rng):
    frame = smooth_image(rng, (192, 192))
    landmarks = face_warp.points + 39 + rng.normal(size=(68, 2))
    expected = by_scikit_image(face_warp, frame, landmarks)
    warped = face_warp.warp(frame, landmarks)
    assert warped.shape == (114, 114)
    assert warped.dtype == np.uint8
    away = np.abs(warped - expected)[inner(face_warp.mask)]
    assert away.mean() < 0.5
    assert away.max() < 3


def test_every_place_is_the_barycentric_mixture_of_three_landmarks(rng):
    # Frames whose grey level is x, then y: the output shows where it reads.
    face_warp = FaceWarp(plain_face(), size=40)
    landmarks = 2.9 * face_warp.points + 40 + rng.normal(size=(68, 2))
    y, x = np.uint8(np.mgrid[:200, :200])
    read = [face_warp.warp(frame, landmarks) for frame in (x, y)]
    find = Delaunay(face_warp.points)
    for row, column in np.argwhere(face_warp.mask)[::7]:
        triangle = find.find_simplex([column, row], tol=1e-9)
        corners = find.simplices[triangle]
        system = np.vstack([face_warp.points[corners].T, np.ones(3)])
        weights = np.linalg.solve(system, [column, row, 1])
        expected = weights @ landmarks[corners]
        found = [read[0][row, column], read[1][row, column]]
        assert np.abs(found - expected).max() < 0.75


def test_every_landmark_comes_to_its_place(face_warp, rng):
    noise = rng.normal(scale=1.5, size=(68, 2))
    landmarks = 1.1 * face_warp.points + 30 + noise
    for point in (27, 30, 36, 39, 42, 45, 48, 54):  # far from others
        y, x = np.mgrid[:192, :192]
        away = np.hypot(x - landmarks[point, 0], y - landmarks[point, 1])
        dot = np.uint8(np.round(250 * np.exp(-(away**2) / 2)))
        shown = face_warp.warp(dot, landmarks).astype("float64")
        shown[shown < 125] = 0
        y, x = np.mgrid[:114, :114]
        place = [(shown * x).sum(), (shown * y).sum()] / shown.sum()
        assert np.hypot(*(place - face_warp.points[point])) < 1


def test_a_face_of_that_shape_stays_as_it_is(face_warp, rng):
    frame = smooth_image(rng, (114, 114), width=1)
    warped = face_warp.warp(frame, face_warp.points)
    np.testing.assert_array_equal(warped[face_warp.mask], frame[face_warp.mask])
    assert (warped[~face_warp.mask] == 0).all()


def test_pose_and_expression_leave_no_trace(face_warp, rng):
    # One texture, painted on two faces; both warps show it alike.
    texture = smooth_image(rng, (114, 114))
    shown = []
    for _ in range(2):
        landmarks = 1.3 * face_warp.points + 20 + rng.normal(size=(68, 2))
        to_texture = PiecewiseAffineTransform.from_estimate(
            landmarks, face_warp.points
        )
        frame = warp(texture, to_texture, output_shape=(192, 192), mode="edge")
        frame = np.uint8(np.round(255 * frame))
        shown.append(face_warp.warp(frame, landmarks).astype(int))
        away = np.abs(shown[-1] - texture)[inner(face_warp.mask)]
        assert away.mean() < 3
    away = np.abs(shown[0] - shown[1])[inner(face_warp.mask)]
    assert away.mean() < 3


def test_the_shape_fills_the_output_up_to_the_margin():
    for shape in (plain_face(), plain_face() * [3, 1]):
        points = FaceWarp(shape, size=200, margin=0.1).points
        box = points.max(axis=0) - points.min(axis=0)
        assert box.max() == pytest.approx(160)
        np.testing.assert_allclose(
            points.max(axis=0) + points.min(axis=0), [199, 199]
        )
        proportions = np.ptp(shape, axis=0)
        assert box[0] / box[1] == pytest.approx(proportions[0] / proportions[1])


def test_the_mask_is_the_convex_hull(face_warp):
    hull = cv2.convexHull(np.float32(face_warp.points))
    for row, column in np.argwhere(face_warp.mask | True)[::11]:
        depth = cv2.pointPolygonTest(hull, (float(column), float(row)), True)
        if abs(depth) > 0.01:
            assert face_warp.mask[row, column] == (depth > 0)


def test_triangles_are_those_of_delaunay(face_warp):
    expected = Delaunay(face_warp.points).simplices
    assert {frozenset(each) for each in face_warp.triangles.tolist()} == {
        frozenset(each) for each in expected.tolist()
    }


def test_the_place_of_the_face_in_the_frame_changes_nothing(face_warp, rng):
    crop = smooth_image(rng, (240, 240), width=2)
    landmarks = 2 * face_warp.points + 5
    frame = cv2.copyMakeBorder(crop, 300, 200, 100, 400, cv2.BORDER_REPLICATE)
    np.testing.assert_array_equal(
        face_warp.warp(frame, landmarks + np.array([100, 300])),
        face_warp.warp(crop, landmarks),
    )


def test_a_large_face_is_filtered_with_what_lies_around_it(face_warp, rng):
    frame = rng.integers(0, 255, (400, 400), "uint8")
    landmarks = 3 * face_warp.points + 20
    blurred = cv2.GaussianBlur(frame, (0, 0), 0.5 * np.sqrt(3**2 - 1))
    expected = by_scikit_image(face_warp, blurred, landmarks)
    away = np.abs(face_warp.warp(frame, landmarks) - expected)
    assert away[inner(face_warp.mask)].max() < 3


@pytest.mark.parametrize("period", [2, 3, 4])
def test_a_large_face_is_shrunk_without_aliasing(face_warp, period):
    # Stripes far finer than a pixel of the output must become even grey.
    stripes = np.where(np.arange(720) % period < period / 2, 255, 0)
    frame = np.repeat(np.uint8(stripes)[None], 720, axis=0)
    landmarks = 5.37 * face_warp.points + 20
    assert face_warp.warp(frame, landmarks)[face_warp.mask].std() < 4
    plain = by_scikit_image(face_warp, frame, landmarks)
    assert plain[face_warp.mask].std() > 40  # without the filter


def test_landmarks_beyond_the_frame_read_its_last_pixels(face_warp, rng):
    frame = smooth_image(rng, (114, 114), width=2)
    landmarks = face_warp.points + np.array([40, -30])
    expected = by_scikit_image(face_warp, frame, landmarks)
    away = np.abs(face_warp.warp(frame, landmarks) - expected)
    assert away[inner(face_warp.mask)].mean() < 0.5


@pytest.mark.parametrize("far", [900.0, 1e12])
def test_a_face_beyond_the_frame_shows_its_nearest_corner(face_warp, rng, far):
    frame = smooth_image(rng, (114, 114), width=2)
    for x, y in ([-far, -far], [far, -far], [-far, far], [far, far]):
        warped = face_warp.warp(frame, face_warp.points + np.array([x, y]))
        corner = frame[-int(y > 0), -int(x > 0)]
        assert (warped[face_warp.mask] == corner).all()


def test_one_landmark_gone_astray_still_gives_a_picture(face_warp, rng):
    landmarks = face_warp.points.copy()
    landmarks[8] = [1e9, -1e9]
    warped = face_warp.warp(smooth_image(rng, (114, 114)), landmarks)
    assert warped.shape == (114, 114)


def test_triangles_without_area_show_lines_of_pixels(face_warp):
    frame = np.uint8(np.mgrid[:114, :114][1])  # grey level x
    landmarks = face_warp.points.copy()
    landmarks[:, 0] = 57  # all triangles on one line
    warped = face_warp.warp(frame, landmarks)
    assert (warped[face_warp.mask] == 57).all()
    assert face_warp.folded(landmarks) == 1


def test_folded_is_the_share_of_flipped_triangles(face_warp):
    points = face_warp.points
    assert face_warp.folded(points) == 0
    assert face_warp.folded(2 * points + 7) == 0
    assert face_warp.folded(points * [-1, 1]) == 1
    unknown = np.full((68, 2), np.nan)
    pushed = points.copy()
    pushed[30] += [60, 0]  # the tip of the nose, beyond the cheek
    shares = face_warp.folded(np.stack([points, pushed, unknown]))
    assert shares.shape == (3,)
    a, b, c = np.moveaxis(pushed[face_warp.triangles], 1, 0)
    areas = [np.linalg.det([q - p, r - p]) for p, q, r in zip(a, b, c)]
    a, b, c = np.moveaxis(points[face_warp.triangles], 1, 0)
    before = [np.linalg.det([q - p, r - p]) for p, q, r in zip(a, b, c)]
    flipped = np.mean(np.sign(areas) != np.sign(before))
    assert flipped > 0
    np.testing.assert_allclose(shares, [0, flipped, 1])


def test_a_clip_is_its_frames(face_warp, rng):
    frames = np.stack([smooth_image(rng, (150, 160)) for _ in range(3)])
    landmarks = face_warp.points + rng.normal(size=(3, 68, 2)) + 20
    clip = face_warp.warp_clip(frames, landmarks)
    assert clip.shape == (3, 114, 114)
    for frame, points, warped in zip(frames, landmarks, clip):
        np.testing.assert_array_equal(face_warp.warp(frame, points), warped)


def test_colours_are_warped_each_for_itself(face_warp, rng):
    frame = np.stack([smooth_image(rng, (250, 250)) for _ in range(3)], -1)
    landmarks = 1.8 * face_warp.points + 20
    warped = face_warp.warp(frame, landmarks)
    assert warped.shape == (114, 114, 3)
    for channel in range(3):
        np.testing.assert_array_equal(
            warped[..., channel],
            face_warp.warp(
                np.ascontiguousarray(frame[..., channel]), landmarks
            ),
        )


def test_the_background_is_that_asked_for(rng):
    face_warp = FaceWarp(plain_face(), size=60, background=200)
    warped = face_warp.warp(np.zeros((90, 90), "uint8"), face_warp.points)
    np.testing.assert_array_equal(warped, np.where(face_warp.mask, 0, 200))


def test_a_saved_warp_gives_the_same_pixels(rng):
    shape = plain_face() + rng.normal(scale=0.01, size=(68, 2))
    face_warp = FaceWarp(shape, size=70, margin=0.1, background=9)
    saved = json.loads(json.dumps(face_warp.to_dict()))
    again = FaceWarp.from_dict(saved)
    frame = rng.integers(0, 255, (150, 150), "uint8")
    landmarks = 1.5 * face_warp.points + rng.normal(size=(68, 2)) + 10
    np.testing.assert_array_equal(
        again.warp(frame, landmarks), face_warp.warp(frame, landmarks)
    )
    assert again.to_dict() == face_warp.to_dict()


def test_saved_triangles_are_kept_though_others_are_possible(face_warp):
    saved = face_warp.to_dict()
    saved["triangles"] = saved["triangles"][::-1]
    assert FaceWarp.from_dict(saved).triangles.tolist() == saved["triangles"]


@pytest.mark.parametrize(
    ("change", "received"),
    [
        ({"version": 2}, r"version=2, missing=\[\]"),
        ({"version": None}, "version=None"),
        ({"triangles": None}, r"version=1, missing=\['triangles'\]"),
    ],
)
def test_what_is_no_saved_warp_is_an_error(face_warp, change, received):
    saved = {**face_warp.to_dict(), **change}
    with pytest.raises(ValueError, match=rf"of version 1 and.*{received}"):
        FaceWarp.from_dict(saved)


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ({"size": 7}, "`size`.*at least 8 pixels.*size=7"),
        ({"margin": 0.5}, "`margin`.*below 0.5.*margin=0.5"),
        ({"margin": -0.1}, "`margin`.*margin=-0.1"),
        ({"background": 256}, "`background`.*0 to 255.*background=256"),
        ({"triangles": np.zeros((4, 2))}, r"0 to 67.*shape=\(4, 2\)"),
        ({"triangles": [[0, 1, 68]]}, "0 to 67.*indices up to 68"),
        ({"triangles": [[0, 8, 16]]}, "in one place.*point 1"),
    ],
)
def test_an_impossible_option_is_an_error(option, expected):
    with pytest.raises(ValueError, match=expected):
        FaceWarp(plain_face(), **option)


@pytest.mark.parametrize("shape", [(68, 3), (5, 2), (1, 68, 2)])
def test_a_shape_of_other_points_is_an_error(shape):
    with pytest.raises(ValueError, match=r"68 finite points.*shape=\("):
        FaceWarp(np.ones(shape))


def test_an_unknown_point_of_the_shape_is_an_error():
    shape = plain_face()
    shape[3] = np.nan
    with pytest.raises(ValueError, match=r"finite.*2 values not finite"):
        FaceWarp(shape)


def test_two_points_of_the_shape_in_one_place_are_an_error():
    shape = plain_face()
    shape[66] = shape[62]  # a mouth that is always closed
    with pytest.raises(ValueError, match=r"in one place.*point 6[26]"):
        FaceWarp(shape)


def test_a_shape_on_one_line_is_an_error():
    with pytest.raises(ValueError, match=r"one line.*Received: points from"):
        FaceWarp(np.repeat(np.arange(68.0)[:, None], 2, axis=1))


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((50, 50), "float32"),
        np.zeros((50, 50, 1), "uint8"),
        np.zeros((0, 50), "uint8"),
        np.zeros(50, "uint8"),
    ],
)
def test_what_is_no_frame_is_an_error(face_warp, frame):
    with pytest.raises(ValueError, match=r"grey frame.*shape=.*dtype="):
        face_warp.warp(frame, face_warp.points)


def test_wrong_landmarks_are_an_error_with_their_frame(face_warp):
    frames = np.zeros((3, 50, 50), "uint8")
    landmarks = np.stack([face_warp.points] * 3)
    with pytest.raises(ValueError, match="3 frames, 2 landmarks"):
        face_warp.warp_clip(frames, landmarks[:2])
    with pytest.raises(ValueError, match="0 frames, 0 landmarks"):
        face_warp.warp_clip(frames[:0], landmarks[:0])
    with pytest.raises(ValueError, match=r"68 landmarks.*\(3, 5, 2\)"):
        face_warp.warp_clip(frames, landmarks[:, :5])
    landmarks[2, 40, 1] = np.nan
    with pytest.raises(ValueError, match=r"finite.*frame 2"):
        face_warp.warp_clip(frames, landmarks)
